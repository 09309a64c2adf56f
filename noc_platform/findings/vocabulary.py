"""What can be found, how bad it is, what to do about it: one table, asked by every rule (domain.md §1.5, §2.3).

Nothing here decides whether something was found. A rule that finds makes a `Draft`; what becomes of it is decided in
`lifecycle`, the one way in for every rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from noc_platform.telemetry.vocabulary import Signal


class Category(StrEnum):
    """What a finding concerns."""

    SAFETY = "SAFETY"
    SECURITY = "SECURITY"
    OPERATIONAL = "OPERATIONAL"
    DEVICE_HEALTH = "DEVICE_HEALTH"
    COMPLIANCE = "COMPLIANCE"


class Severity(StrEnum):
    """How soon somebody must look: within a week, a day, two hours, now. In rising order."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """Numeric rank: as text, CRITICAL sorts before HIGH (defect 42)."""
        return tuple(Severity).index(self)


class Status(StrEnum):
    """States of a finding; the first three are open."""

    NEW = "NEW"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    IN_PROGRESS = "IN_PROGRESS"
    RESOLVED = "RESOLVED"
    FALSE_POSITIVE = "FALSE_POSITIVE"
    SUPPRESSED = "SUPPRESSED"

    @property
    def is_open(self) -> bool:
        """Whether more of the same adds to it rather than opening another."""
        return self in OPEN


OPEN = frozenset({Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS})


class Silence(StrEnum):
    """Why nothing, or little, was heard of somebody. Only the first says anything about the person."""

    GUARD_IDLE = "GUARD_IDLE"
    DEVICE_DEAD = "DEVICE_DEAD"
    NO_COVERAGE = "NO_COVERAGE"
    SITE_SILENT = "SITE_SILENT"
    OFF_DUTY = "OFF_DUTY"
    NOT_ARRIVED = "NOT_ARRIVED"
    NOTHING_DUE = "NOTHING_DUE"
    FEED_LATE = "FEED_LATE"
    CLOCK_WRONG = "CLOCK_WRONG"


class Depth(IntEnum):
    """How much an audit looks at; a deeper one looks at all that a shallower one does (domain.md §2.5)."""

    HEARTBEAT = 1
    COMPREHENSIVE = 2
    DEEP = 3


@dataclass(frozen=True)
class Kind:
    """What is the same of all findings of a type. `is_personal` ones are about a guard, the others about a site (or a
    tenant's feed); `severity` is the usual one, which a rule may grade. `memory` is how far back the evidence of what
    shows slowly reaches: unseen for so long it is over, and a false positive is not raised on the same evidence again.
    """

    category: Category
    severity: Severity
    title: str
    actions: tuple[str, ...]
    is_personal: bool = False
    memory: timedelta | None = None


_CALL = "Call the guard."
_VISIT = "Send a supervisor to the site."
_CHARGE = "Have the phone charged or replaced."
_TOUR = "Have the tour walked, or its checkpoints accounted for."

KINDS: Mapping[str, Kind] = {
    "LOW_ACTIVITY": Kind(Category.DEVICE_HEALTH, Severity.HIGH, "Low phone activity detected", (_CALL, _CHARGE), True),
    "LOW_LOCATION_UPDATES": Kind(
        Category.DEVICE_HEALTH, Severity.HIGH, "Few positions from a phone",
        ("Check that location services are on.", _CALL), True,
    ),
    "LOW_MOVEMENT": Kind(Category.OPERATIONAL, Severity.MEDIUM, "A guard hardly moves", (_CALL, _VISIT), True),
    "LOW_TASK_COMPLETION": Kind(
        Category.OPERATIONAL, Severity.MEDIUM, "Tasks are due and not done", (_CALL, "Give the tasks to a colleague."),
        True,
    ),
    "LOW_TOUR_COVERAGE": Kind(
        Category.SECURITY, Severity.HIGH, "Checkpoints are due and not scanned", (_CALL, _TOUR), True
    ),
    "TOUR_OVERDUE": Kind(Category.SECURITY, Severity.HIGH, "A mandatory tour is overdue", (_CALL, _TOUR), True),
    "GUARD_INACTIVITY": Kind(Category.SAFETY, Severity.HIGH, "A guard is inactive at night", (_CALL, _VISIT), True),
    "GHOST_SCANS": Kind(
        Category.SECURITY, Severity.HIGH, "Checkpoints scanned without walking to them",
        ("Compare the scans with the cameras.", "Check the tags for copies."), True,
    ),
    # Filed under one of its members, so that a site may have several, each one finding while it grows.
    "COLLUSION_RING": Kind(
        Category.SECURITY, Severity.HIGH, "Guards punch in for one another",
        ("Compare the punches with the cameras.", "Ask each guard alone.", "Roster them apart."), True,
        memory=timedelta(days=35),
    ),
    "CORRELATION_SILENT_SITE": Kind(
        Category.OPERATIONAL, Severity.CRITICAL, "Nothing is heard from a whole site",
        ("Call the site by another line.", _VISIT),
    ),
    "CORRELATION_TOUR_ABANDONMENT": Kind(
        Category.SECURITY, Severity.HIGH, "A tour was left and the guard went away", (_CALL, _VISIT, _TOUR), True
    ),
    "CORRELATION_SLA_STORM": Kind(
        Category.OPERATIONAL, Severity.CRITICAL, "Work, tours and alerts pile up at a site",
        ("Send help to the site.", "Tell the client."),
    ),
    "CORRELATION_PHANTOM_GUARD": Kind(
        Category.SECURITY, Severity.MEDIUM, "A phone is there and no work gets done", (_CALL, _VISIT), True
    ),
    "CORRELATION_DEVICE_GPS_FAILURE": Kind(
        Category.DEVICE_HEALTH, Severity.HIGH, "A phone is alive and reports no position",
        ("Check that location services are on.", _CHARGE), True,
    ),
    "CORRELATION_DEVICE_PHONE_FAILURE": Kind(
        Category.DEVICE_HEALTH, Severity.HIGH, "A phone reports positions and nothing else",
        ("Restart the guard app.",), True,
    ),
    "DEVICE_OFFLINE": Kind(
        Category.DEVICE_HEALTH, Severity.MEDIUM, "A guard's phone is not heard", (_CHARGE, _CALL), True
    ),
    "CLOCK_WRONG": Kind(
        Category.DEVICE_HEALTH, Severity.LOW, "A phone's clock is wrong",
        ("Have the phone's time set by the network.",), True,
    ),
    "FEED_LATE": Kind(
        Category.OPERATIONAL, Severity.HIGH, "A feed delivers nothing", ("Ask the source of the feed.",)
    ),
    **{
        f"ANOMALY_{signal.metric.upper()}_{direction}": Kind(
            category, Severity.MEDIUM, f"{signal.metric.replace('_', ' ').capitalize()} {word} what is usual", (_VISIT,)
        )
        for signal, category in (
            (Signal.PHONE_EVENTS, Category.DEVICE_HEALTH),
            (Signal.LOCATION_UPDATES, Category.DEVICE_HEALTH),
            (Signal.MOVEMENT, Category.OPERATIONAL),
            (Signal.TASKS, Category.OPERATIONAL),
            (Signal.CHECKPOINTS, Category.SECURITY),
        )
        for direction, word in (("ABOVE", "above"), ("BELOW", "below"))
    },
}  # fmt: skip


# What is found of work that nobody has to do where a site is closed.
OF_WORK = frozenset(
    {
        "TOUR_OVERDUE", "LOW_MOVEMENT", "LOW_TASK_COMPLETION", "LOW_TOUR_COVERAGE", "CORRELATION_PHANTOM_GUARD",
        "CORRELATION_SLA_STORM",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """The baseline a finding rests on: which cell, how far from usual (z), and the limit with its source."""

    metric: str
    hour_of_week: int
    z: float
    threshold: float
    threshold_source: str


@dataclass(frozen=True)
class Draft:
    """Something a rule has found at one moment. Instants are UTC.

    `site_id` is None for a tenant's feed and for a guard without a site; `person_id` is given where the type is
    personal. `summary` is one line a person can act on; `evidence` is what it rests on, as JSON has it.
    """

    tenant_id: str
    finding_type: str
    site_id: str | None
    person_id: str | None
    severity: Severity
    summary: str
    seen_at: datetime
    evidence: Mapping[str, Any] = field(default_factory=dict)
    judged: Judged | None = None
    silence: Silence | None = None

    def __post_init__(self) -> None:
        if self.finding_type not in KINDS:
            raise ValueError(f"no kind of finding is called {self.finding_type}; see findings/vocabulary.py")
        if KINDS[self.finding_type].is_personal and self.person_id is None:
            raise ValueError(f"{self.finding_type} is about a person, and none is named")
        if not self.summary.strip():
            raise ValueError("a finding needs a summary")

    @property
    def kind(self) -> Kind:
        """What is the same of all findings of the type."""
        return KINDS[self.finding_type]
