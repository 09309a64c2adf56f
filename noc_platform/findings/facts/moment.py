"""One moment of all tenants as the rules see it: guards, tours, sites and feeds, and what belongs together.

Rows come from `people`, `tours` and `sites`; None is what is not known, instants are UTC. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What is known of one person.

    The first block is that of `telemetry.signals.person_signals` over the window. `site_id` is where they are on duty,
    or were. `shift_*` is the rostered shift that goes on, `shift_ended_at` the end of the last one; `punched_*` the
    attendance that says most of the moment. `last_heard_at` is by the phone's clock, `last_received_at` by ours.
    `last_walked_at`, `last_used_at` and `last_done_at` are signs of life: steps, the phone in use, work done.
    `heard_slots` are stretches of ten minutes in the window in which the phone said anything, `idle_slots_heard` of the
    last `idle`. Lags are how long after it happened what was received recently was received. `tasks_waiting` and
    `tours_waiting` were due in the window, and should have been done and begun by now. `distance_meters` is of the
    newest good fix, at `position_at`, from the site's centre.
    """

    tenant_id: str
    person_id: str
    site_id: str | None = None
    phone_events_count: int | None = None
    location_updates_count: int | None = None
    movement_distance_meters: float | None = None
    tasks_completed_count: int | None = None
    tour_checkpoints_scanned: int | None = None
    usable_fixes: int = 0
    tasks_due: int = 0
    checkpoints_due: int = 0
    is_on_duty: bool | None = None
    duty_seconds: float | None = None
    is_rostered: bool = False
    is_reporting: bool = False
    has_device_feed: bool = False
    has_location_feed: bool = False
    has_jobneed_feed: bool = False

    has_attendance_feed: bool = False
    shift_starts_at: datetime | None = None
    shift_ended_at: datetime | None = None
    punched_in_at: datetime | None = None
    punched_out_at: datetime | None = None
    last_received_at: datetime | None = None
    last_heard_at: datetime | None = None
    last_walked_at: datetime | None = None
    last_used_at: datetime | None = None
    last_logged_out_at: datetime | None = None
    last_done_at: datetime | None = None
    last_work_received_at: datetime | None = None
    battery_level: float | None = None
    steps: int | None = None
    heard_slots: int = 0
    idle_slots_heard: int = 0
    recent_rows: int = 0
    median_lag_seconds: float | None = None
    least_lag_seconds: float | None = None
    tasks_waiting: int = 0
    tours_waiting: int = 0
    position_at: datetime | None = None
    position_accuracy_meters: float | None = None
    distance_meters: float | None = None
    geofence_radius_meters: float | None = None
    time_zone: str | None = None

    @property
    def key(self) -> Key:
        """Tenant and person."""
        return self.tenant_id, self.person_id

    @property
    def begins_at(self) -> datetime | None:
        """Since when they are on duty, by their punch or else by the roster."""
        return self.punched_in_at if self.is_punched_in else self.shift_starts_at

    @property
    def is_due(self) -> bool:
        """Whether they are on duty, by their punch or else by the roster."""
        return self.is_punched_in or self.shift_starts_at is not None

    def is_heard(self, within: timedelta, as_of: datetime) -> bool:
        """Whether anything was received from the phone so lately."""
        return self.last_received_at is not None and as_of - self.last_received_at < within

    @property
    def is_punched_in(self) -> bool:
        """Whether attendance says they are there."""
        return self.punched_in_at is not None and self.punched_out_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tour:
    """What is known of one tour due. Gaps and steps are from one scan to the next.

    `heard_slots` are stretches of ten minutes of its time and grace in which the phone of whoever was to walk it was
    heard; known only of tours that are late.
    """

    tenant_id: str
    tour_id: str
    person_id: str | None
    site_id: str
    due_at: datetime
    due_until: datetime
    total_checkpoints: int
    grace_minutes: float = 0.0
    is_mandatory: bool = False
    scanned: int = 0
    last_scan_at: datetime | None = None
    scanned_by: str | None = None
    median_gap_seconds: float | None = None
    median_step_meters: float | None = None
    is_ended: bool = False
    ended_at: datetime | None = None
    heard_slots: int | None = None

    @property
    def key(self) -> Key:
        """Tenant and tour."""
        return self.tenant_id, self.tour_id

    @property
    def walker(self) -> str | None:
        """Who scanned its checkpoints, or else was to walk it."""
        return self.scanned_by or self.person_id

    def is_late(self, as_of: datetime) -> bool:
        """Whether it is past its time and grace, and neither ended nor scanned to the end."""
        is_open = not self.is_ended and not 0 < self.total_checkpoints <= self.scanned
        return is_open and as_of > self.lapses_at

    @property
    def lapses_at(self) -> datetime:
        """When its time and grace are over."""
        return self.due_until + timedelta(minutes=self.grace_minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is known of one site beyond its guards."""

    tenant_id: str
    site_id: str
    name: str = ""
    time_zone: str | None = None
    tasks_overdue: int = 0
    alerts_raised: int = 0
    alerts_open: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What is known of one stream of a tenant, of its phones or of its work; `guards_due` should have been heard since
    it last delivered."""

    tenant_id: str
    stream: str
    last_received_at: datetime | None = None
    guards_due: int = 0
    sites_due: int = 0


Row = dict[str, Any]
Rows = Iterable[Mapping[str, Any]]


def known(row: Mapping[str, Any]) -> Row:
    """The row without what is not a number: that is not known."""
    # Nothing but NaN differs from itself.
    return {name: value for name, value in row.items() if value == value}


@dataclass(frozen=True)
class Facts:
    """All of it."""

    guards: tuple[Guard, ...] = ()
    tours: tuple[Tour, ...] = ()
    sites: tuple[Site, ...] = ()
    feeds: tuple[Feed, ...] = ()

    @classmethod
    def of(cls, guards: Rows, tours: Rows = (), sites: Rows = (), feeds: Rows = ()) -> "Facts":
        """From rows of `person_facts`, `tour_facts`, `site_facts` and `feed_facts`."""
        return cls(
            tuple(Guard(**known(row)) for row in guards),
            tuple(Tour(**known(row)) for row in tours),
            tuple(Site(**known(row)) for row in sites),
            tuple(Feed(**known(row)) for row in feeds),
        )

    @cached_property
    def site_of(self) -> Mapping[Key, Site]:
        """Sites by tenant and id."""
        return {(site.tenant_id, site.site_id): site for site in self.sites}

    @cached_property
    def tours_of(self) -> Mapping[Key, list[Tour]]:
        """Tours by tenant and who walks them."""
        found: dict[Key, list[Tour]] = defaultdict(list)
        for tour in self.tours:
            if tour.walker is not None:
                found[tour.tenant_id, tour.walker].append(tour)
        return found

    @cached_property
    def guard_of(self) -> Mapping[Key, Guard]:
        """Guards by tenant and person."""
        return {guard.key: guard for guard in self.guards}
