"""Guards, tours, sites and feeds for the rules' tests, at one moment by night in Athens."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from noc_platform.findings.facts.moment import Facts, Feed, Guard, Site, Tour
from noc_platform.findings.policy import RulesPolicy
from noc_platform.findings.rules.every import drafts
from noc_platform.findings.rules.look import Look
from noc_platform.findings.rules.silence import Told
from noc_platform.findings.vocabulary import Depth, Draft

POLICY = RulesPolicy()
# Half past two in the night on the clock of Athens.
NIGHT = datetime(2026, 3, 24, 0, 30, tzinfo=UTC)
DAY = datetime(2026, 3, 24, 10, 30, tzinfo=UTC)
TENANT, ATHENS = "t", "Europe/Athens"
STREAMS = ("device_events", "location_updates")


def ago(minutes: float, as_of: datetime = NIGHT) -> datetime:
    """So many minutes before."""
    return as_of - timedelta(minutes=minutes)


def guard(name: str = "p0", as_of: datetime = NIGHT, **told: Any) -> Guard:
    """On duty for five hours, heard a minute ago and throughout, walking and working, at s0."""
    said: dict[str, Any] = {
        "tenant_id": TENANT, "person_id": name, "site_id": "s0", "time_zone": ATHENS,
        "phone_events_count": 40, "location_updates_count": 30, "movement_distance_meters": 900.0,
        "tasks_completed_count": 2, "tour_checkpoints_scanned": 4, "usable_fixes": 30,
        "is_on_duty": True, "duty_seconds": 7200.0, "is_rostered": True, "is_reporting": True, "has_device_feed": True,
        "has_location_feed": True, "has_jobneed_feed": True, "has_attendance_feed": True,
        "shift_starts_at": ago(300, as_of), "punched_in_at": ago(300, as_of),
        "last_received_at": ago(1, as_of), "last_heard_at": ago(1, as_of), "last_walked_at": ago(5, as_of),
        "last_used_at": ago(20, as_of), "last_done_at": ago(15, as_of), "last_work_received_at": ago(15, as_of),
        "battery_level": 70.0, "steps": 900, "heard_slots": 12, "idle_slots_heard": 9, "recent_rows": 12,
        "median_lag_seconds": 1.0, "least_lag_seconds": 0.0,
        **told,
    }  # fmt: skip
    return Guard(**said)


def silent(name: str = "p0", minutes: float = 60, as_of: datetime = NIGHT, **told: Any) -> Guard:
    """The same, not heard for so long."""
    last = ago(minutes, as_of)
    said = {
        "last_received_at": last, "last_heard_at": last, "last_walked_at": last, "last_used_at": last,
        "last_done_at": None, "last_work_received_at": None, "heard_slots": max(12 - int(minutes // 10), 0),
        "idle_slots_heard": max(9 - int(minutes // 10), 0), "recent_rows": 0, "median_lag_seconds": None,
        "least_lag_seconds": None, **told,
    }  # fmt: skip
    return guard(name, as_of, **said)


def still(name: str = "p0", as_of: datetime = NIGHT, **told: Any) -> Guard:
    """Heard throughout, and nobody walks, uses the phone or works, for two hours; a task and a tour wait."""
    said = {
        "last_walked_at": None, "last_used_at": None, "last_done_at": None, "steps": 0, "tasks_completed_count": 0,
        "tour_checkpoints_scanned": 0, "movement_distance_meters": 20.0, "tasks_waiting": 1, "tours_waiting": 1, **told,
    }  # fmt: skip
    return guard(name, as_of, **said)


def tour(name: str = "tour-1", as_of: datetime = NIGHT, **told: Any) -> Tour:
    """Mandatory, due two hours and a half ago for an hour, its walker p0 heard throughout, nothing scanned."""
    said: dict[str, Any] = {
        "tenant_id": TENANT, "tour_id": name, "person_id": "p0", "site_id": "s0", "due_at": ago(150, as_of),
        "due_until": ago(90, as_of), "total_checkpoints": 4, "grace_minutes": 30.0, "is_mandatory": True,
        "heard_slots": 9, **told,
    }  # fmt: skip
    return Tour(**said)


def feeds(minutes: float = 1, guards: int = 9, sites: int = 4, as_of: datetime = NIGHT, *streams: str) -> list[Feed]:
    """Feeds that delivered last so long ago, with so many on duty since; the phones' unless others are named."""
    delivered = ago(minutes, as_of)
    return [
        Feed(tenant_id=TENANT, stream=name, last_received_at=delivered, guards_due=guards, sites_due=sites)
        for name in streams or STREAMS
    ]


def facts(
    *guards: Guard, tours: Iterable[Tour] = (), sites: Iterable[Site] = (), of: Iterable[Feed] | None = None
) -> Facts:
    """A moment; feeds that deliver unless told."""
    return Facts(guards, tuple(tours), tuple(sites), tuple(feeds() if of is None else of))


def elsewhere() -> Guard:
    """Somebody who is heard at another site."""
    return guard("p9", site_id="s9")


def told(moment: Facts, name: str = "p0", as_of: datetime = NIGHT) -> Told:
    """Why one guard is silent."""
    look = Look(moment, POLICY, as_of)
    return look.told(look.facts.guard_of[TENANT, name])


def found(moment: Facts, as_of: datetime = NIGHT, depth: Depth = Depth.COMPREHENSIVE) -> list[Draft]:
    """What the rules find."""
    return drafts(Look(moment, POLICY, as_of), depth)


def types(moment: Facts, as_of: datetime = NIGHT, depth: Depth = Depth.COMPREHENSIVE) -> list[str]:
    """Types of what they find, in order."""
    return sorted(draft.finding_type for draft in found(moment, as_of, depth))
