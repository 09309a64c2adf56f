"""What can be planted in a world, and the record of each thing that was: its truth. Nothing here happens."""

from dataclasses import dataclass, field
from enum import StrEnum


class Cause(StrEnum):
    """What is behind something unusual. The first group befalls people and feeds, the second is fraud."""

    SILENT_SITE = "SILENT_SITE"
    SLEEPING_GUARD = "SLEEPING_GUARD"
    ABANDONED_TOUR = "ABANDONED_TOUR"
    GHOST_SCANS = "GHOST_SCANS"
    DEVICE_DEAD = "DEVICE_DEAD"
    FEED_OUTAGE = "FEED_OUTAGE"
    SITE_SURGE = "SITE_SURGE"
    SLOW_FADE = "SLOW_FADE"
    CLOCK_ERROR = "CLOCK_ERROR"
    BUDDY_PUNCHING = "BUDDY_PUNCHING"
    SHARED_DEVICE = "SHARED_DEVICE"
    GPS_SPOOFING = "GPS_SPOOFING"
    GEOFENCE_CHEATING = "GEOFENCE_CHEATING"
    IMPOSSIBLE_TRAVEL = "IMPOSSIBLE_TRAVEL"
    CREDENTIAL_SHARING = "CREDENTIAL_SHARING"
    TIME_THEFT = "TIME_THEFT"
    COLLUSION_RING = "COLLUSION_RING"

    @property
    def is_fraud(self) -> bool:
        """Whether somebody deceives, rather than something fails or somebody is negligent."""
        return self in _FRAUDS

    @property
    def leaves_a_trace(self) -> bool:
        """Whether it shows in the streams by itself. A ring does not: only what its members do for one another."""
        return self is not Cause.COLLUSION_RING


_FRAUDS = frozenset(
    {
        Cause.BUDDY_PUNCHING,
        Cause.SHARED_DEVICE,
        Cause.GPS_SPOOFING,
        Cause.GEOFENCE_CHEATING,
        Cause.IMPOSSIBLE_TRAVEL,
        Cause.CREDENTIAL_SHARING,
        Cause.TIME_THEFT,
        Cause.COLLUSION_RING,
    }
)


class Variant(StrEnum):
    """Ways in which the same cause comes about."""

    LATE = "LATE"
    ABSENT = "ABSENT"
    MOCK_FLAG_ON = "MOCK_FLAG_ON"
    MOCK_FLAG_OFF = "MOCK_FLAG_OFF"
    LOST = "LOST"
    DELIVERED_LATER = "DELIVERED_LATER"
    CLOCK_AHEAD = "CLOCK_AHEAD"
    CLOCK_BEHIND = "CLOCK_BEHIND"
    CLOCK_OF_1970 = "CLOCK_OF_1970"


@dataclass(frozen=True)
class Planted:
    """One planted cause. `tenant`, `people` and `sites` are places in the world; instants are seconds UTC.

    `ring_id` names the collusion ring it belongs to; `streams` the feeds an outage concerns; `attendances` the
    attendance ids that are not what they claim.
    """

    cause_id: str
    cause: Cause
    tenant: int
    starts_at: float
    ends_at: float
    people: tuple[int, ...] = ()
    sites: tuple[int, ...] = ()
    variant: Variant | None = None
    ring_id: str | None = None
    streams: tuple[str, ...] = ()
    attendances: tuple[str, ...] = field(default=())
