"""An incident as a story: its signals and alerts in order of time, each with why it belongs. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from noc_platform.correlation.matching import AGREEMENTS, SAME_BOTH, SAME_PERSON, SITE_SILENT
from noc_platform.correlation.stories import WORDS, Alarm, Signals, Stretch, stretches_of

MOST_NAMED = 3
UNITS = {
    "phone_events_count": "phone events",
    "location_updates_count": "positions",
    "movement_distance_meters": "m walked",
    "tasks_completed_count": "tasks done",
    "tour_checkpoints_scanned": "checkpoints scanned",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a story. Instants are UTC; an alert has no `until`."""

    at: datetime
    until: datetime | None
    who: str
    what: str
    why: str


def timeline(signals: Sequence[Signals], alarms: Sequence[Alarm], window: timedelta) -> list[Moment]:
    """The story in order of time; `window` is how far apart signals and alerts of it may be."""
    stretches = stretches_of(signals)
    lines = [_of_signals(each, stretches, alarms, window) for each in stretches]
    lines += [_of_alert(each) for each in alarms]
    return sorted(lines, key=lambda line: (line.at, line.until is None, line.who, line.what))


def _of_signals(stretch: Stretch, all_of_it: Iterable[Stretch], alarms: Iterable[Alarm], window: timedelta) -> Moment:
    said = ", ".join(WORDS[remark] for remark in stretch.remarks)
    because = f" ({stretch.silence_reason})" if stretch.silence_reason and stretch.silence else ""
    counted = ", ".join(f"{value:g} {UNITS[name]}" for name, value in stretch.signals.items() if value is not None)
    since = _clock(stretch.counted_since, stretch.until)
    lately = f"; from {since} to {stretch.until:%H:%M} {counted}" if counted else ""
    why = _why_signals(stretch, all_of_it, alarms, window)
    return Moment(stretch.since, stretch.until, _who(stretch.person_id, stretch.site_id), said + because + lately, why)


def _why_signals(stretch: Stretch, all_of_it: Iterable[Stretch], alarms: Iterable[Alarm], window: timedelta) -> str:
    near = sorted(
        (
            each
            for each in alarms
            if each.matched_person_id == stretch.person_id
            and stretch.since - window <= each.occurred_at <= stretch.until + window
        ),
        key=lambda each: (each.occurred_at, each.alert_type),
    )
    if near:
        types = ", ".join(f"{each.alert_type} {each.occurred_at:%H:%M}" for each in near[:MOST_NAMED])
        more = f" and {len(near) - MOST_NAMED} more" if len(near) > MOST_NAMED else ""
        return f"matches {types}{more}"
    if stretch.silence == SITE_SILENT:
        return "the whole site is silent"
    same = [
        each.since
        for each in all_of_it
        if each.person_id == stretch.person_id and each is not stretch and set(each.remarks) & set(stretch.remarks)
    ]
    if any(since <= stretch.since for since in same):
        return f"goes on with what was so since {_clock(min(same), stretch.since)}"
    if same:
        return f"leads up to the same at {_clock(min(same), stretch.since)}"
    return "somebody put it here"


def _of_alert(alarm: Alarm) -> Moment:
    where = _who(alarm.person_id, alarm.site_id)
    what = f"{alarm.alert_type} {alarm.severity}" + (f": {alarm.message}" if alarm.message else "")
    return Moment(alarm.occurred_at, None, where, what, why_alert(alarm))


def why_alert(alarm: Alarm) -> str:
    """Why an alert belongs to the window it matches best, part by part of its score."""
    entity = {SAME_BOTH / 100: "same person and site", SAME_PERSON / 100: "same person"}.get(alarm.entity, "same site")
    parts = [f"{entity} {alarm.entity:g}", f"near in time {alarm.proximity:g}"]
    if alarm.consistency:
        words = next((each.words for each in AGREEMENTS.values() if alarm.alert_type in each.alert_types), "they agree")
        parts.append(f"{words} {alarm.consistency:g}")
    return f"score {alarm.score:g}: {', '.join(parts)}"


def _clock(at: datetime, beside: datetime) -> str:
    """The time of day (UTC), with the day where it is not the other moment's."""
    return f"{at:%H:%M}" if at.date() == beside.date() else f"{at:%d %b %H:%M}"


def _who(person: str | None, site: str | None) -> str:
    return " at ".join(each for each in (person, site) if each) or "nobody known"
