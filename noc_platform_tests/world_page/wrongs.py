"""Numbers of what goes wrong: ghost scans, faces that are another's, what was planted, what raised an alert."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from noc_platform.simulator.planted.causes import Cause
from noc_platform.streams.catalogue import COMPLETED
from noc_platform_tests.world_page.scene import PERSON, Rows

Numbers = NDArray[np.float64]
# Frauds in which somebody else stands before the camera.
ANOTHERS_FACE = (Cause.BUDDY_PUNCHING, Cause.CREDENTIAL_SHARING, Cause.IMPOSSIBLE_TRAVEL)


@dataclass(frozen=True)
class Gaps:
    """Seconds between one checkpoint scan of a tour and the next: walked, and scanned by ghosts."""

    walked: Numbers
    ghostly: Numbers


def scan_gaps(jobneeds: Rows, causes: Rows) -> Gaps:
    """Gaps between the scans of each tour, told apart by the truth."""
    scans = jobneeds[jobneeds.parent_id.notna() & (jobneeds.status == COMPLETED)]
    scans = scans.drop_duplicates(["tenant_id", "jobneed_id"], keep="last").sort_values(["ended_at"])
    gap = scans.groupby(["tenant_id", "parent_id"]).ended_at.diff().dt.total_seconds()
    scans = scans.assign(gap=gap)[gap.notna()].reset_index(names="scan")
    ghosts = causes[causes.cause == Cause.GHOST_SCANS].explode("people").rename(columns={"people": "person_id"})
    pairs = scans.merge(ghosts[[*PERSON, "starts_at", "ends_at"]], on=PERSON)
    ghostly = pairs.scan[(pairs.ended_at >= pairs.starts_at) & (pairs.ended_at <= pairs.ends_at)]
    is_ghost = scans.scan.isin(ghostly)
    return Gaps(scans.gap[~is_ghost].to_numpy(float), scans.gap[is_ghost].to_numpy(float))


def faces(attendances: Rows) -> dict[str, Rows]:
    """Attendances by what stood before the camera: the guard, or in truth somebody else."""
    names = {cause.value for cause in ANOTHERS_FACE}
    is_other = attendances.frauds.map(lambda frauds: bool(names & set(frauds)))
    return {"the guard": attendances[~is_other], "somebody else": attendances[is_other]}


def causes_by_day(causes: Rows, days: list[date]) -> Rows:
    """How many of each kind were going on, by UTC day: every `Cause` is a row, every roster day a column."""
    first, last = (causes[name].dt.date for name in ("starts_at", "ends_at"))
    found = {
        day: causes[(first <= day) & (last >= day)].groupby("cause").size().reindex([*Cause], fill_value=0)
        for day in days
    }
    return pd.DataFrame(found)


def causes_in_all(causes: Rows) -> dict[Cause, int]:
    """How many of each kind were planted, those of fraud last, the frequent ones first."""
    counts = {cause: int((causes.cause == cause).sum()) for cause in Cause}
    return dict(sorted(counts.items(), key=lambda item: (item[0].is_fraud, -item[1], item[0])))


def alerts_by_type(alerts: Rows) -> Rows:
    """Alerts of each type `with_cause`, with a planted cause, and `without`; the frequent ones first."""
    has_cause = alerts.cause_id.notna()
    counts = pd.DataFrame(
        {
            "with_cause": alerts[has_cause].groupby("alert_type").size(),
            "without": alerts[~has_cause].groupby("alert_type").size(),
        }
    )
    counts = counts.fillna(0).astype(int)
    return counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index]
