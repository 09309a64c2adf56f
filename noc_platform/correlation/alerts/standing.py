"""What is raised, and how an alert stands. Pure values; what becomes of them is decided in `fates`."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from noc_platform.correlation.alerts.keys import About
from noc_platform.correlation.vocabulary import Severity, Status
from noc_platform.journal.identities import identity_at
from noc_platform.journal.ledger import PLATFORM

# Who ends or takes up an alert where its source says so, and what mutes one its source keeps back.
SOURCE = "source"
KEPT_BACK = "its source"


@dataclass(frozen=True, slots=True)
class Raising:
    """One event of the stream: when (UTC), how bad, its state at the source, and the maintenance it fell into."""

    event_id: UUID
    about: About
    occurred_at: datetime
    severity: Severity
    status: Status = Status.NEW
    message: str | None = None
    maintenance: str | None = None

    @property
    def is_raised(self) -> bool:
        """Whether it says that something is wrong, rather than that it is over."""
        return self.status is not Status.RESOLVED

    @property
    def muted_by(self) -> str | None:
        """What keeps it from being told. That something is over may always be told."""
        if not self.is_raised:
            return None
        return self.maintenance or (KEPT_BACK if self.status is Status.SUPPRESSED else None)


@dataclass(slots=True)
class Standing:
    """How an alert stands; instants are UTC. `reopened` is when it came back, of late at least."""

    alert_id: UUID
    about: About
    dedup_key: str
    severity: Severity
    status: Status
    message: str | None
    occurrence_count: int
    first_seen_at: datetime
    last_seen_at: datetime
    caused_by: str | None = None
    muted_by: str | None = None
    reopened_count: int = 0
    flapping_since: datetime | None = None
    escalates_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    assigned_at: datetime | None = None
    assigned_by: str | None = None
    assigned_to: str | None = None
    escalated_at: datetime | None = None
    escalated_to: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolution_notes: str | None = None
    reopened: list[datetime] = field(default_factory=list)

    @property
    def ended_at(self) -> datetime:
        """Until when what is raised about the same belongs to it, once it is closed.

        The platform closes what it hears no more of; what was raised later shows that it was not over then.
        """
        if self.resolved_at is None or self.resolved_by == PLATFORM:
            return self.last_seen_at
        return max(self.last_seen_at, self.resolved_at)

    @property
    def is_in_maintenance(self) -> bool:
        """Whether maintenance keeps it back: it takes what falls into the same maintenance, and nothing else."""
        return self.status is Status.SUPPRESSED and self.muted_by != KEPT_BACK


def alert_id(key: str, first: Raising) -> UUID:
    """Identity of the alert a raising opens, the same whenever it is taken in."""
    return identity_at(first.occurred_at, [first.about.tenant_id, key, first.event_id])
