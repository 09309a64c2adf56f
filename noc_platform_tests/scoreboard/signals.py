"""Claims about the signals: that they are what really was, hour by hour, and carry why somebody is silent."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from noc_platform.simulator.world import METERS_PER_DEGREE
from noc_platform.telemetry.local_time import NIGHT_BEGINS, NIGHT_ENDS
from noc_platform.telemetry.states import states_of
from noc_platform.telemetry.vocabulary import Signal, State
from noc_platform_tests.scoreboard.claims import Claim, Numbers, f1, f1_share, resampled, share
from noc_platform_tests.scoreboard.simpler_ways import SIMPLER, Cells
from noc_platform_tests.scoreboard.worlds import Platform, Written, moments_of

PERSON_HOUR = ["tenant_id", "person_id", "hour"]
SITE_HOUR = ["tenant_id", "site_id", "hour"]
COUNTS = {
    Signal.PHONE_EVENTS: "phone_events",
    Signal.LOCATION_UPDATES: "fixes",
    Signal.TASKS: "tasks_completed",
    Signal.CHECKPOINTS: "checkpoints_scanned",
}
EVERY_LEG = "every displacement counted"
WINDOW_HOURS = 2
WINDOWS, WINDOWS_A_DAY = 16, 4
WALKED_METERS = 300.0
# An hour of a guard who is on their feet is more than 300 m, of a phone that lies still 50 m of jitter.
STILL_METERS = 150.0
# Seconds; who is there for nearly all of an hour is there for the hour.
FULL_HOUR = 3500
# A guard held silent: what the phone's own signal must say. Asleep, the phone speaks and nobody moves.
UNHEARD = ("SILENT_SITE", "DEVICE_DEAD", "FEED_OUTAGE", "CLOCK_ERROR")


@dataclass(frozen=True)
class Evidence:
    """A world, and what a platform that has taken it in says of it; each part is asked for once, when it is needed."""

    world: Written
    platform: Platform

    @cached_property
    def people(self) -> Any:
        """Signals by person and hour."""
        return self._people.to_pandas().rename(columns={"bucket": "hour"})

    @cached_property
    def sites(self) -> Any:
        """Signals by site and hour."""
        return self.platform.sites(self._people).to_pandas().rename(columns={"bucket": "hour"})

    @cached_property
    def _people(self) -> Any:
        return self.platform.people()

    @cached_property
    def truth(self) -> Any:
        """The truth by person and hour; nights lie in the files of two roster days."""
        rows = self.world.truth("activity")
        measures = ["due_seconds", "present_seconds", "walked_meters", *COUNTS.values()]
        how: dict[str, str] = {**dict.fromkeys(measures, "sum"), "site_id": "last", "silence": "first"}
        how["hour_of_week"] = "last"
        return rows.groupby(PERSON_HOUR, as_index=False).agg(how)

    @cached_property
    def both(self) -> Any:
        """Truth and signals side by side; what the signals say has `_told` to its name where the truth has one too."""
        return self.truth.merge(self.people, how="outer", on=PERSON_HOUR, suffixes=("", "_told"))


def claims(evidence: Evidence) -> Iterator[Claim]:
    """Every claim about the signals, on a world whose truth is known."""
    for name, row in ROWS.items():
        yield row(name, evidence)


def _clusters(rows: Any) -> Numbers:
    return np.asarray(rows.tenant_id + "/" + rows.person_id)


def _agrees(told: Any, true: Any) -> Numbers:
    """Whether a count is the true one. Where nothing was, nothing known is as right as 0."""
    true = true.fillna(0)
    return np.asarray((told == true) | (told.isna() & (true == 0)), bool)


def _count(signal: Signal, name: str, evidence: Evidence) -> Claim:
    both = evidence.both
    true = both[COUNTS[signal]]
    matters = (true.fillna(0) > 0) | both[signal].notna()
    right, rows = _agrees(both[signal][matters], true[matters]), both[matters]
    value, low, high = share(right, _clusters(rows))
    return Claim(
        name, "The count equals what happened in that hour, late, repeated and lost rows included.",
        value, low, high, len(rows), wanted=1.0, baselines=_by_receipt(evidence, signal),
    )  # fmt: skip


def _by_receipt(evidence: Evidence, signal: Signal) -> dict[str, float]:
    """What counting rows by the hour they came in would reach: the plain way, and the seed's."""
    streams = {Signal.PHONE_EVENTS: "device_events", Signal.LOCATION_UPDATES: "location_updates"}
    if signal not in streams:
        return {}
    rows = evidence.world.stream(streams[signal]).select(["tenant_id", "person_id", "received_at"]).to_pandas()
    counted = rows.groupby(["tenant_id", "person_id", rows.received_at.dt.floor("h").rename("hour")]).size()
    merged = evidence.both.merge(counted.rename("counted").reset_index(), how="outer", on=PERSON_HOUR)
    merged = merged[(merged[COUNTS[signal]].fillna(0) > 0) | merged.counted.notna()]
    return {"rows by hour of receipt": float(_agrees(merged.counted, merged[COUNTS[signal]]).mean())}


def _movement(name: str, evidence: Evidence) -> Claim:
    both = evidence.both
    walked = both[(both.walked_meters > WALKED_METERS) & both.silence.isna() & (both.usable_fixes >= 15)]
    ratio = (walked[Signal.MOVEMENT] / walked.walked_meters).to_numpy(float)
    low, high = resampled(lambda rows: float(np.median(ratio[rows])), _clusters(walked))
    return Claim(
        name, f"Median of metres measured over metres walked, in hours with more than {WALKED_METERS:.0f} m.",
        float(np.median(ratio)), low, high, len(walked), wanted=0.7, unit="ratio",
        baselines={EVERY_LEG: float(np.median(_every_leg(evidence, walked) / walked.walked_meters))},
    )  # fmt: skip


def _still(name: str, evidence: Evidence) -> Claim:
    both = evidence.both
    still = both[(both.walked_meters < 1) & (both.present_seconds > FULL_HOUR) & both[Signal.MOVEMENT].notna()]
    meters = still[Signal.MOVEMENT].to_numpy(float)
    low, high = resampled(lambda rows: float(np.mean(meters[rows])), _clusters(still))
    return Claim(
        name, "Mean metres an hour credited to a phone that lies still: jitter is not walking.",
        float(np.mean(meters)), low, high, len(still), wanted=60.0, unit="m/h", is_at_most=True,
        baselines={EVERY_LEG: float(np.mean(_every_leg(evidence, still)))},
    )  # fmt: skip


def _every_leg(evidence: Evidence, rows: Any) -> Numbers:
    """Metres of each row's hour when every displacement counts, however poor the fixes."""
    fixes = evidence.world.stream("location_updates").to_pandas()
    fixes = fixes.sort_values(["tenant_id", "person_id", "occurred_at"])
    by = [fixes.tenant_id, fixes.person_id, fixes.occurred_at.dt.floor("h").rename("hour")]
    steps = fixes[["latitude", "longitude"]].groupby(by).diff() * METERS_PER_DEGREE
    legs = np.hypot(steps.latitude, steps.longitude * np.cos(np.radians(fixes.latitude)))
    meters = legs.groupby(by).sum().rename("every_leg").reset_index()
    return np.asarray(rows.merge(meters, how="left", on=PERSON_HOUR).every_leg, float)


def _windows(name: str, evidence: Evidence) -> Claim:
    world, truth = evidence.world, evidence.truth
    plan = world.manifest.plan
    ends = moments_of(plan, min(WINDOWS, plan.days * WINDOWS_A_DAY))
    parts = []
    for end, told in evidence.platform.windows(ends, WINDOW_HOURS * 60).items():
        then = truth[(truth.hour >= end - timedelta(hours=WINDOW_HOURS)) & (truth.hour < end)]
        true = then.groupby(["tenant_id", "person_id"], as_index=False).phone_events.sum()
        if len(true) or len(told):
            parts.append(true.merge(told, how="outer", on=["tenant_id", "person_id"]))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[(rows.phone_events.fillna(0) > 0) | rows[Signal.PHONE_EVENTS].notna()]
    value, low, high = share(_agrees(rows[Signal.PHONE_EVENTS], rows.phone_events), _clusters(rows))
    return Claim(
        name, "Windows end at a full hour; an event on the hour belongs to one window, not to two.",
        value, low, high, len(rows), wanted=1.0,
    )  # fmt: skip


def _sites(name: str, evidence: Evidence) -> Claim:
    truth, people = evidence.truth, evidence.people
    true = truth[truth.site_id.notna()].groupby(SITE_HOUR, as_index=False).phone_events.sum()
    rows = true.merge(evidence.sites, how="inner", on=SITE_HOUR)
    rows = rows[rows.phone_events > 0]
    on_duty = people[people.is_on_duty.fillna(False).astype(bool)]
    one = on_duty.groupby(SITE_HOUR, as_index=False)[[Signal.PHONE_EVENTS]].first()
    alone = true.merge(one, how="inner", on=SITE_HOUR)
    alone = alone[alone.phone_events > 0]
    right = _agrees(rows[Signal.PHONE_EVENTS], rows.phone_events)
    value, low, high = share(right, np.asarray(rows.tenant_id + "/" + rows.site_id))
    return Claim(
        name, "The sum over the guards on duty there. Guards punched in elsewhere by somebody else are counted there.",
        value, low, high, len(rows), wanted=0.95,
        baselines={"one guard for the site": float(_agrees(alone[Signal.PHONE_EVENTS], alone.phone_events).mean())},
    )  # fmt: skip


def _hour_of_week(name: str, evidence: Evidence) -> Claim:
    rows = _placed(evidence)
    value, low, high = share(np.asarray(rows.hour_of_week_told == rows.hour_of_week), _clusters(rows))
    return Claim(
        name, "The hour on the site's clock, Monday 00:00 is 0, over a change of clocks and at the half hour.",
        value, low, high, len(rows), wanted=1.0,
        baselines={"UTC for local": float(np.mean(_hour_of_week_utc(rows) == rows.hour_of_week))},
    )  # fmt: skip


def _night(name: str, evidence: Evidence) -> Claim:
    rows = _placed(evidence)
    true = _is_night(rows.hour_of_week)
    value, low, high = share(np.asarray(rows.is_night == true, bool), _clusters(rows))
    return Claim(
        name, "Whether it was night there, 20:00 to 06:00 on the site's clock.",
        value, low, high, len(rows), wanted=1.0,
        baselines={"UTC for local": float(np.mean(_is_night(_hour_of_week_utc(rows)) == true))},
    )  # fmt: skip


def _placed(evidence: Evidence) -> Any:
    """Hours for which both the truth and the signals know the site, and the same one: people substitute elsewhere."""
    both = evidence.both
    return both[both.site_id.notna() & (both.site_id == both.site_id_told)]


def _hour_of_week_utc(rows: Any) -> Any:
    return rows.hour.dt.day_of_week * 24 + rows.hour.dt.hour


def _is_night(hour_of_week: Any) -> Any:
    hour = hour_of_week % 24
    return (hour >= NIGHT_BEGINS) | (hour < NIGHT_ENDS)


def _silences(name: str, evidence: Evidence) -> Claim:
    """Hours in which a known cause held somebody silent, or a guard who was due never came."""
    both = evidence.both
    never_came = (both.due_seconds > FULL_HOUR) & (both.present_seconds == 0) & (both.phone_events + both.fixes == 0)
    rows = both[(both.silence.isin([*UNHEARD, "SLEEPING_GUARD"]) & (both.present_seconds > FULL_HOUR)) | never_came]
    rows = rows[rows.tenant_id.notna()]
    told = [_told(row) for row in rows.to_dict("records")]
    true = np.where(rows.silence == "SLEEPING_GUARD", "still", "unheard")
    value, low, high = share(np.asarray(told) == true, _clusters(rows))
    return Claim(
        name,
        "A dead phone, a silent site, a failed feed and an absent guard are unheard; one asleep is heard, and still.",
        value, low, high, len(rows), wanted=0.95, baselines={"missing taken for zero": float(np.mean(true == "still"))},
    )  # fmt: skip


def _unheard(name: str, evidence: Evidence) -> Claim:
    """Which hours of guards who were there are told as unheard, against those that a cause held silent."""
    both = evidence.both
    rows = both[(both.present_seconds > FULL_HOUR) & both.is_reporting.notna()].reset_index(drop=True)
    true = np.asarray(rows.silence.isin(UNHEARD))
    told = np.array([_told(row) == "unheard" for row in rows.to_dict("records")])
    value, low, high = f1_share(told, true, _clusters(rows))
    counts, cells = rows[Signal.PHONE_EVENTS].fillna(0).to_numpy(float), _cells(rows)
    simpler = {way: f1(alerts(counts, cells), true) for way, alerts in SIMPLER.items()}
    return Claim(
        name, "F1 of telling the hours in which nothing can come from a guard's phone from the merely quiet ones.",
        value, low, high, len(rows), wanted=0.95, unit="F1", baselines=simpler,
    )  # fmt: skip


def _cells(rows: Any) -> Cells:
    """Site and hour of its week of each row, and the week it lies in."""
    cell = pd.factorize(rows.tenant_id + "/" + rows.site_id.fillna("") + "/" + rows.hour_of_week.astype(str))[0]
    return Cells(np.asarray(cell), np.asarray((rows.hour - rows.hour.min()).dt.days // 7))


def _told(row: dict[str, Any]) -> str:
    """What a row of signals says of somebody silent."""
    if pd.isna(row["is_reporting"]):
        return "nothing"
    known = {name: None if value is pd.NA or value != value else value for name, value in row.items()}
    states = states_of(known)
    if states[Signal.PHONE_EVENTS] in (State.NO_DATA, State.NO_FEED, State.OFF_DUTY):
        return "unheard"
    meters = known[Signal.MOVEMENT]
    return "still" if meters is None or meters <= STILL_METERS else "moving"


ROWS: dict[str, Callable[[str, Evidence], Claim]] = {
    **{f"{signal.metric} of a guard's hour": partial(_count, signal) for signal in COUNTS},
    "movement of a walking guard": _movement,
    "movement of a guard who sits": _still,
    "phone_events of a guard's last two hours": _windows,
    "phone_events of a site's hour": _sites,
    "hour of the site's week": _hour_of_week,
    "night at the site": _night,
    "why a guard is silent": _silences,
    "hours a guard is unheard": _unheard,
}
