"""Windows and occurrences of made-up days, and their pairs by the rule as anybody would write it down."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa

from noc_platform.correlation.alerts.queries import OCCURRENCES_SCHEMA
from noc_platform.settings import CorrelationPolicy
from noc_platform.telemetry.windows import SignalWindow

TENANT = "t0"
NOON = datetime(2026, 3, 24, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
POLICY = CorrelationPolicy()
RANKS = {"INFO": 0, "LOW": 1, "MEDIUM": 2, "HIGH": 3, "CRITICAL": 4}


def window(person: str = "p0", end: datetime = NOON, **told: Any) -> SignalWindow:
    """The two hours before `end` of somebody at s0, unless told otherwise; nothing is known of what is not told."""
    start = end - 2 * HOUR
    known = {"tenant_id": TENANT, "person_id": person, "site_id": "s0", "since": start, **told}
    return SignalWindow(**known, window_start=start, window_end=end)


def unheard(person: str = "p0", end: datetime = NOON, **told: Any) -> SignalWindow:
    """A window in which nothing came from a phone for an hour."""
    return window(person, end, **{"is_unheard": True, "since": end - HOUR, **told})


@dataclass(frozen=True)
class Occurrence:
    """One raising of an alert."""

    number: int
    at: datetime
    alert_type: str = "DEVICE_OFFLINE"
    severity: str = "HIGH"
    person: str | None = "p0"
    site: str | None = "s0"
    tenant: str = TENANT
    alert: int | None = None

    @property
    def event_id(self) -> UUID:
        return UUID(int=self.number)

    @property
    def alert_id(self) -> UUID:
        return UUID(int=2**64 + (self.number if self.alert is None else self.alert))

    def row(self) -> dict[str, Any]:
        return {
            "tenant_id": self.tenant, "event_id": str(self.event_id), "alert_id": str(self.alert_id),
            "occurred_at": self.at, "alert_type": self.alert_type, "severity": self.severity,
            "person_id": self.person, "site_id": self.site,
        }  # fmt: skip


def occurrences(raised: Iterable[Occurrence]) -> pa.Table:
    """As `matches` takes them."""
    return pa.Table.from_pylist([each.row() for each in raised], schema=OCCURRENCES_SCHEMA)


@dataclass(frozen=True, order=True)
class Pair:
    """A window and an alert that may be one story, and how much it looks like it."""

    person: str
    window_end: datetime
    event_id: UUID
    entity: float
    proximity: float
    consistency: float

    @property
    def score(self) -> float:
        return min(round(self.entity + self.proximity + self.consistency, 6), 1.0)


def plain_pairs(
    windows: Sequence[SignalWindow], raised: Sequence[Occurrence], policy: CorrelationPolicy = POLICY
) -> list[Pair]:
    """Every pair the rule of domain.md §4 allows, one window and one alert at a time."""
    found = []
    for told in windows:
        for alert in raised:
            apart = max(told.since - alert.at, alert.at - told.window_end, timedelta(0))
            is_person = alert.person == told.person_id
            is_site = alert.site is not None and alert.site == told.site_id
            if alert.tenant != told.tenant_id or apart > policy.window or not (is_person or is_site):
                continue
            entity = 0.5 if is_person and is_site else 0.4 if is_person else 0.25
            third = policy.window / 3
            proximity = 0.3 if apart <= third else 0.2 if apart <= 2 * third else 0.1
            consistency = 0.2 if agrees(told, alert.alert_type) else 0.0
            found.append(Pair(told.person_id, told.window_end, alert.event_id, entity, proximity, consistency))
    return sorted(found)


def agrees(told: SignalWindow, alert_type: str) -> bool:
    """Whether signals say of somebody what the alert says."""
    few_phone_events = told.phone_events_count is not None and told.phone_events_count < 5
    few_positions = told.location_updates_count is not None and told.location_updates_count < 3
    if alert_type in ("DEVICE_OFFLINE", "SYNC_DEGRADED"):
        return bool(told.is_unheard) or few_phone_events
    if alert_type in (
        "GEOFENCE_BREACH", "GPS_SPOOFING", "GPS_LOW_ACCURACY", "DEVICE_SPOOF", "UNAUTHORIZED_SITE_ACCESS",
    ):  # fmt: skip
        return bool(told.is_outside) or bool(told.is_without_position) or few_positions
    if alert_type in ("TOUR_OVERDUE", "TOUR_INCOMPLETE"):
        return bool(told.misses_checkpoints)
    if alert_type == "GUARD_INACTIVITY":
        return bool(told.is_still) or bool(told.is_idle)
    if alert_type == "WORK_ORDER_OVERDUE":
        return bool(told.misses_tasks)
    return alert_type in ("ATTENDANCE_MISSING", "ATTENDANCE_ANOMALY") and bool(told.is_unheard)
