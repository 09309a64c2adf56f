"""The signals again, as an obvious loop over rows: slow, and sharing no code with the expressions it judges."""

import itertools
import math
from datetime import datetime, timedelta

from geographiclib.geodesic import Geodesic

from noc_platform_tests.strategies import Day, Row

WORST_ACCURACY = 100.0
# So many standard deviations apart are two fixes of one place at most, 95 times of 100.
DEVIATIONS = math.sqrt(-2 * math.log(0.05))
TOP_SPEED = 150 / 3.6
ONE_DAY = timedelta(days=1)
TOURS = ("INTERNALTOUR", "EXTERNALTOUR")
Rows = dict[str, list[Row]]


def plain_signals(
    day: Day, start: datetime, end: datetime, step: timedelta, known_at: datetime | None = None
) -> dict[tuple[str, datetime], Row]:
    """What `person_signals` should give for one tenant, keyed by person and bucket start."""
    rows = {
        name: [row for row in given if known_at is None or row["received_at"] <= known_at]
        for name, given in vars(day).items()
    }
    keeps_roster = bool(day.shifts or day.attendance_events)
    found = {}
    while start < end:
        for person in ("p0", "p1", "p2"):
            row = _bucket(rows, person, start, start + step, keeps_roster)
            if row is not None:
                found[person, start] = row
        start += step
    return found


def _bucket(rows: Rows, person: str, start: datetime, end: datetime, keeps_roster: bool) -> Row | None:
    phone = [row for row in rows["device_events"] if row["person_id"] == person and start <= row["occurred_at"] < end]
    fixes = [
        row
        for row in rows["location_updates"]
        if row["person_id"] == person and start <= row["occurred_at"] < end and row["latitude"] is not None
    ]
    tasks, scans = _done(rows["jobneeds"], person, start, end)
    tasks_due, checkpoints_due = _due(rows, person, start, end)
    duty = _duty(rows, person, start, end)
    due_at_all = _was_planned(rows, person, start, end)
    if not (
        phone or fixes or tasks or scans or _did_anything(rows["jobneeds"], person, start, end) or due_at_all or duty
    ):
        return None
    usable = [row for row in fixes if (row["accuracy_meters"] or 0) <= WORST_ACCURACY]
    reporting = bool(phone or fixes)
    work_heard = _alive(rows, "jobneeds", start, end)
    return {
        "site_id": ("s0" if not keeps_roster else duty[0]["site_id"] if duty else None),
        "phone_events_count": len(phone) if reporting and _alive(rows, "device_events", start, end) else None,
        "location_updates_count": len(fixes) if reporting and _alive(rows, "location_updates", start, end) else None,
        "movement_distance_meters": _meters(usable) if len(usable) >= 2 else None,
        "tasks_completed_count": len(tasks) if work_heard and (tasks or tasks_due) else None,
        "tour_checkpoints_scanned": len(scans) if work_heard and (scans or checkpoints_due) else None,
        "usable_fixes": len(usable),
        "tasks_due": tasks_due,
        "checkpoints_due": checkpoints_due,
        "is_on_duty": bool(duty) if keeps_roster else None,
        "duty_seconds": _seconds(duty, start, end) if keeps_roster else None,
        "is_rostered": any(interval["is_rostered"] for interval in duty),
        "is_reporting": reporting,
    }


def _seconds(duty: list[Row], start: datetime, end: datetime) -> float:
    """Seconds of the stretch that names the site; engines know whole seconds."""
    if not duty:
        return 0.0
    begins, ends = max(duty[0]["starts_at"], start), min(duty[0]["ends_at"], end)
    return float(math.floor(ends.timestamp()) - math.floor(begins.timestamp()))


def _alive(rows: Rows, stream: str, start: datetime, end: datetime) -> bool:
    first, last = start.date(), (end - timedelta(microseconds=1)).date()
    return any(first <= row["occurred_at"].date() <= last for row in rows[stream])


def _meters(fixes: list[Row]) -> float:
    ordered = sorted(
        fixes, key=lambda row: (row["occurred_at"], row["latitude"], row["longitude"], row["accuracy_meters"] or 0)
    )
    total = 0.0
    for one, two in itertools.pairwise(ordered):
        leg = Geodesic.WGS84.Inverse(one["latitude"], one["longitude"], two["latitude"], two["longitude"])["s12"]
        if leg > DEVIATIONS * math.hypot(_deviation(one), _deviation(two)):
            total += min(leg, TOP_SPEED * (two["occurred_at"] - one["occurred_at"]).total_seconds())
    return total


def _deviation(fix: Row) -> float:
    """Standard deviation of a fix east and north, metres, whose accuracy holds 68 % of fixes."""
    return (fix["accuracy_meters"] or 0.0) / math.sqrt(-2 * math.log(0.32))


def _ended(jobneeds: list[Row], person: str, start: datetime, end: datetime) -> list[Row]:
    return [
        row
        for row in jobneeds
        if row["ended_at"] is not None
        and start <= row["ended_at"] < end
        and (row["performed_by"] or row["person_id"]) == person
    ]


def _did_anything(jobneeds: list[Row], person: str, start: datetime, end: datetime) -> bool:
    return bool(_ended(jobneeds, person, start, end))


def _done(jobneeds: list[Row], person: str, start: datetime, end: datetime) -> tuple[set[str], set[str]]:
    ended = _ended(jobneeds, person, start, end)
    tasks = {row["jobneed_id"] for row in ended if row["identifier"] not in TOURS and row["status"] == "COMPLETED"}
    scans = {
        row["jobneed_id"]
        for row in ended
        if row["identifier"] in TOURS
        and row["parent_id"]
        and row["status"] != "AUTOCLOSED"
        and row["scan_type"] != "SKIP"
    }
    return tasks, scans


def _planned(rows: Rows, person: str, start: datetime, end: datetime) -> list[Row]:
    return [
        row
        for row in rows["jobneeds"]
        if row["person_id"] == person
        and start <= row["planned_at"] < end
        and -ONE_DAY <= row["occurred_at"] - row["planned_at"] < ONE_DAY
    ]


def _tours(rows: Rows, person: str, start: datetime, end: datetime) -> list[Row]:
    return [row for row in rows["tours_due"] if row["person_id"] == person and start <= row["due_at"] < end]


def _was_planned(rows: Rows, person: str, start: datetime, end: datetime) -> bool:
    return bool(_planned(rows, person, start, end) or _tours(rows, person, start, end))


def _due(rows: Rows, person: str, start: datetime, end: datetime) -> tuple[int, int]:
    planned = _planned(rows, person, start, end)
    tasks = {row["jobneed_id"] for row in planned if row["identifier"] not in TOURS}
    checkpoints = {row["jobneed_id"] for row in planned if row["identifier"] in TOURS and row["parent_id"]}
    on_tours = sum(row["total_checkpoints"] for row in _tours(rows, person, start, end))
    return len(tasks), max(len(checkpoints), on_tours)


def _duty(rows: Rows, person: str, start: datetime, end: datetime) -> list[Row]:
    """Intervals of duty in the bucket, the one that names the site first."""
    intervals = [
        {"site_id": row["site_id"], "starts_at": row["starts_at"], "ends_at": row["ends_at"], "is_rostered": True}
        for row in rows["shifts"]
        if row["person_id"] == person and not row["is_cancelled"]
    ]
    attended: dict[str, list[Row]] = {}
    for row in rows["attendance_events"]:
        if row["person_id"] == person:
            attended.setdefault(row["attendance_id"], []).append(row)
    for states in attended.values():
        begun = states[0]["punched_in_at"]
        outs = [row["punched_out_at"] for row in states if row["punched_out_at"] is not None]
        ends = min(max(outs, default=begun + timedelta(hours=16)), begun + timedelta(hours=16))
        site = max(row["site_id"] for row in states)
        intervals.append({"site_id": site, "starts_at": begun, "ends_at": ends, "is_rostered": False})
    there = [interval for interval in intervals if interval["starts_at"] < end and interval["ends_at"] > start]
    return sorted(there, key=lambda i: (not i["is_rostered"], i["starts_at"], i["site_id"]), reverse=True)
