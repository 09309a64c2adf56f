"""Claims about the signals: that they are what really was, hour by hour, and carry why somebody is silent."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from noc_platform.telemetry.states import states_of
from noc_platform.telemetry.vocabulary import Signal, State
from noc_platform_tests.scoreboard.claims import Claim, Numbers, resampled, share
from noc_platform_tests.scoreboard.worlds import Platform, Written, moments_of

PERSON_HOUR = ["tenant_id", "person_id", "hour"]
SITE_HOUR = ["tenant_id", "site_id", "hour"]
COUNTS = {
    Signal.PHONE_EVENTS: "phone_events",
    Signal.LOCATION_UPDATES: "fixes",
    Signal.TASKS: "tasks_completed",
    Signal.CHECKPOINTS: "checkpoints_scanned",
}
WINDOW_HOURS = 2
WINDOWS = 16
WALKED_METERS = 300.0
STILL_METERS = 25.0
# A guard held silent: what the phone's own signal must say. Asleep, the phone speaks and nobody moves.
UNHEARD = ("SILENT_SITE", "DEVICE_DEAD", "FEED_OUTAGE")


def claims(world: Written, platform: Platform) -> list[Claim]:
    """Every claim about the signals, on a world whose truth is known."""
    table = platform.people()
    people = table.to_pandas().rename(columns={"bucket": "hour"})
    truth = activity(world)
    both = truth.merge(people, how="outer", on=PERSON_HOUR, suffixes=("", "_told"))
    return [
        *(_count(both, world, signal) for signal in COUNTS),
        _movement(both),
        _still(both),
        _windows(world, platform, truth),
        _sites(platform.sites(table).to_pandas().rename(columns={"bucket": "hour"}), people, truth),
        _silences(both),
    ]


def activity(world: Written) -> Any:
    """The truth by person and hour; nights lie in the files of two roster days."""
    rows = world.truth("activity")
    measures = ["due_seconds", "present_seconds", "walked_meters", *COUNTS.values()]
    how: dict[str, str] = {**dict.fromkeys(measures, "sum"), "site_id": "last", "silence": "first"}
    return rows.groupby(PERSON_HOUR, as_index=False).agg(how)


def _clusters(rows: Any) -> Numbers:
    return np.asarray(rows.tenant_id + "/" + rows.person_id)


def _agrees(told: Any, true: Any) -> Numbers:
    """Whether a count is the true one. Where nothing was, nothing known is as right as 0."""
    true = true.fillna(0)
    return np.asarray((told == true) | (told.isna() & (true == 0)), bool)


def _count(both: Any, world: Written, signal: Signal) -> Claim:
    true = both[COUNTS[signal]]
    matters = (true.fillna(0) > 0) | both[signal].notna()
    right, rows = _agrees(both[signal][matters], true[matters]), both[matters]
    value, low, high = share(right, _clusters(rows))
    return Claim(
        f"{signal.metric} of a guard's hour",
        "The count equals what happened in that hour, late, repeated and lost rows included.",
        value, low, high, len(rows), wanted=1.0, baselines=_by_receipt(world, both, signal),
    )  # fmt: skip


def _by_receipt(world: Written, both: Any, signal: Signal) -> dict[str, float]:
    """What counting rows by the hour they came in would reach: the plain way, and the seed's."""
    streams = {Signal.PHONE_EVENTS: "device_events", Signal.LOCATION_UPDATES: "location_updates"}
    if signal not in streams:
        return {}
    rows = world.stream(streams[signal]).select(["tenant_id", "person_id", "received_at"]).to_pandas()
    counted = rows.groupby(["tenant_id", "person_id", rows.received_at.dt.floor("h").rename("hour")]).size()
    merged = both.merge(counted.rename("counted").reset_index(), how="outer", on=PERSON_HOUR)
    merged = merged[(merged[COUNTS[signal]].fillna(0) > 0) | merged.counted.notna()]
    return {"rows by hour of receipt": float(_agrees(merged.counted, merged[COUNTS[signal]]).mean())}


def _movement(both: Any) -> Claim:
    walked = both[(both.walked_meters > WALKED_METERS) & both.silence.isna() & (both.usable_fixes >= 15)]
    ratio = (walked[Signal.MOVEMENT] / walked.walked_meters).to_numpy(float)
    low, high = resampled(lambda rows: float(np.median(ratio[rows])), _clusters(walked))
    return Claim(
        "movement of a walking guard",
        f"Median of metres measured over metres walked, in hours with more than {WALKED_METERS:.0f} m.",
        float(np.median(ratio)), low, high, len(walked), wanted=0.7, unit="ratio",
    )  # fmt: skip


def _still(both: Any) -> Claim:
    still = both[(both.walked_meters < 1) & (both.present_seconds > 3500) & both[Signal.MOVEMENT].notna()]
    meters = still[Signal.MOVEMENT].to_numpy(float)
    low, high = resampled(lambda rows: float(np.mean(meters[rows])), _clusters(still))
    return Claim(
        "movement of a guard who sits",
        "Mean metres an hour credited to a phone that lies still: jitter is not walking.",
        float(np.mean(meters)), low, high, len(still), wanted=60.0, unit="m/h", is_at_most=True,
    )  # fmt: skip


def _windows(world: Written, platform: Platform, truth: Any) -> Claim:
    ends = moments_of(world.manifest.plan, WINDOWS)
    parts = []
    for end, told in platform.windows(ends, WINDOW_HOURS * 60).items():
        then = truth[(truth.hour >= end - timedelta(hours=WINDOW_HOURS)) & (truth.hour < end)]
        true = then.groupby(["tenant_id", "person_id"], as_index=False).phone_events.sum()
        parts.append(true.merge(told, how="outer", on=["tenant_id", "person_id"]))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows[(rows.phone_events.fillna(0) > 0) | rows[Signal.PHONE_EVENTS].notna()]
    value, low, high = share(_agrees(rows[Signal.PHONE_EVENTS], rows.phone_events), _clusters(rows))
    return Claim(
        "phone_events of a guard's last two hours",
        "Windows end at a full hour; an event on the hour belongs to one window, not to two.",
        value, low, high, len(rows), wanted=1.0,
    )  # fmt: skip


def _sites(sites: Any, people: Any, truth: Any) -> Claim:
    true = truth[truth.site_id.notna()].groupby(SITE_HOUR, as_index=False).phone_events.sum()
    rows = true.merge(sites, how="inner", on=SITE_HOUR)
    rows = rows[rows.phone_events > 0]
    close = _agrees(rows[Signal.PHONE_EVENTS], rows.phone_events)
    one = (
        people[people.is_on_duty.fillna(False).astype(bool)]
        .groupby(SITE_HOUR, as_index=False)[[Signal.PHONE_EVENTS]]
        .first()
    )
    alone = true.merge(one, how="inner", on=SITE_HOUR)
    alone = alone[alone.phone_events > 0]
    value, low, high = share(close, np.asarray(rows.tenant_id + "/" + rows.site_id))
    return Claim(
        "phone_events of a site's hour",
        "The sum over the guards on duty there. Guards punched in elsewhere by somebody else are counted there.",
        value, low, high, len(rows), wanted=0.95,
        baselines={"one guard for the site": float(_agrees(alone[Signal.PHONE_EVENTS], alone.phone_events).mean())},
    )  # fmt: skip


def _silences(both: Any) -> Claim:
    """Hours in which a known cause held somebody silent, or a guard who was due never came."""
    never_came = (both.due_seconds > 3500) & (both.present_seconds == 0) & (both.phone_events + both.fixes == 0)
    rows = both[(both.silence.isin([*UNHEARD, "SLEEPING_GUARD"]) & (both.present_seconds > 3500)) | never_came]
    rows = rows[rows.tenant_id.notna()]
    told = [_told(row) for row in rows.to_dict("records")]
    true = np.where(rows.silence == "SLEEPING_GUARD", "still", "unheard")
    value, low, high = share(np.asarray(told) == true, _clusters(rows))
    return Claim(
        "why a guard is silent",
        "A dead phone, a silent site, a failed feed and an absent guard are unheard; one asleep is heard, and still.",
        value, low, high, len(rows), wanted=0.95, baselines={"missing taken for zero": float(np.mean(true == "still"))},
    )  # fmt: skip


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
