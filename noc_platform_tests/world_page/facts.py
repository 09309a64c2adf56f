"""The numbers of the page: how much of everything there is, and how much of it is late, repeated or wrong."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from noc_platform.settings import Settings
from noc_platform.simulator.planted.causes import Cause
from noc_platform.simulator.world import FORMER_GUARD, GUARD, RELIEF_GUARD, ROLES
from noc_platform.streams.catalogue import COMPLETED
from noc_platform_tests.world_page.operation import Numbers
from noc_platform_tests.world_page.phones import identical_rows
from noc_platform_tests.world_page.scene import Rows, Scene

MINUTE, HOUR = 60.0, 3600.0
LATE_MINUTES = 15.0


@dataclass(frozen=True)
class StreamFacts:
    """One stream: its rows; those like an earlier row in every column; and shares of rows received before they
    happened, more than a minute after and more than six hours after. Shares are None for what does not happen."""

    name: str
    rows: int
    repeated: int | None = None
    early: float | None = None
    late: float | None = None
    very_late: float | None = None


def stream_facts(name: str, rows: pa.Table, late_by: Numbers | None) -> StreamFacts:
    """One stream as it was sent; `late_by` in seconds, None where nothing happens."""
    if late_by is None:
        return StreamFacts(name, rows.num_rows)
    shares = (float(np.mean(part)) for part in (late_by < 0, late_by > MINUTE, late_by > 6 * HOUR))
    return StreamFacts(name, rows.num_rows, identical_rows(rows), *shares)


def world_facts(scene: Scene) -> dict[str, str]:
    """The world in numbers, as they are read."""
    return {**_people(scene), **_roster(scene.shifts), **_phones(scene.fixes), **_work(scene), **_wrongs(scene)}


def _people(scene: Scene) -> dict[str, str]:
    roles = scene.people.role
    guards = roles.isin([ROLES[GUARD], ROLES[RELIEF_GUARD]])
    leaders = ~guards & (roles != ROLES[FORMER_GUARD])
    zones = scene.sites.time_zone.nunique()
    return {
        "tenants": f"{scene.sites.tenant_id.nunique()}",
        "sites": f"{len(scene.sites)} in {zones} time zones",
        "guards on the roster, leaders": f"{guards.sum()}, {leaders.sum()}",
        "days": f"{len(scene.days)}, from {scene.days[0]} to {scene.days[-1]}",
    }


def _roster(shifts: Rows) -> dict[str, str]:
    due = shifts[~shifts.is_cancelled]
    minutes = (due.comes_at - due.starts_at).dt.total_seconds() / 60
    hours = (due.ends_at - due.starts_at).dt.total_seconds().sum() / HOUR
    weeks = (shifts.shift_date.max() - shifts.shift_date.min()).days / 7 + 1 / 7
    guards = len(due[["tenant_id", "person_id"]].drop_duplicates())
    return {
        "shifts due": f"{len(due):,}",
        "of them worked by a substitute": _percent(due.is_substitute.mean()),
        "of them nobody came to": _percent(due.comes_at.isna().mean()),
        f"of them begun more than {LATE_MINUTES:.0f} minutes late": _percent((minutes > LATE_MINUTES).mean()),
        "hours due a guard and week": f"{hours / guards / weeks:.1f}",
    }


def _phones(fixes: Rows) -> dict[str, str]:
    accuracy = fixes.accuracy_meters
    worst = Settings.model_fields["movement_worst_accuracy_meters"].default
    return {
        "median accuracy of a GPS fix": f"{accuracy.median():.1f} m",
        f"fixes worse than {worst:g} m": _percent((accuracy > worst).mean()),
        "fixes whose phone did not say": _percent(accuracy.isna().mean()),
    }


def _work(scene: Scene) -> dict[str, str]:
    ended = scene.jobneeds[scene.jobneeds.ended_at.notna()].drop_duplicates(["tenant_id", "jobneed_id"], keep="last")
    is_done = ended.status == COMPLETED
    is_scan, is_tour = ended.parent_id.notna(), ended.jobneed_id.isin(scene.tours_due.tour_id)
    return {
        "tours due": f"{len(scene.tours_due):,}",
        "of them walked in full": _percent(is_done[is_tour].mean()),
        "checkpoints scanned of those due": _percent(is_done[is_scan].mean()),
        "tasks done of those due": _percent(is_done[~is_scan & ~is_tour].mean()),
    }


def _wrongs(scene: Scene) -> dict[str, str]:
    causes, punches = scene.causes, scene.attendances
    refused = punches.face_distance > punches.face_threshold
    alerts = scene.alerts
    return {
        "causes planted, kinds of them": f"{len(causes)}, {causes.cause.nunique()} of {len(Cause)}",
        "attendances with a fraud behind them": _percent(punches.is_fraud.mean()),
        "honest punches refused for the face": _percent(refused[~punches.is_fraud].mean()),
        "alerts a site and day": f"{len(alerts) / len(scene.sites) / len(scene.days):.1f}",
        "alerts with a planted cause": _percent(alerts.cause_id.notna().mean()),
    }


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{share:.2%}"
