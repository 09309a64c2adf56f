"""The words of alerts and incidents: severities, states, kinds (domain.md §1.4, §1.8, §4). Nothing here decides."""

from enum import StrEnum


class Severity(StrEnum):
    """How bad, in rising order. Findings know no INFO; alerts and incidents do."""

    INFO = "INFO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """Numeric rank: as text, CRITICAL sorts before HIGH (defect 42)."""
        return tuple(Severity).index(self)


class Status(StrEnum):
    """States of an alert; the first four are active."""

    NEW = "NEW"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    ASSIGNED = "ASSIGNED"
    ESCALATED = "ESCALATED"
    RESOLVED = "RESOLVED"
    SUPPRESSED = "SUPPRESSED"

    @property
    def is_active(self) -> bool:
        """Whether more of the same adds to it rather than opening another (defect 48: escalated is active)."""
        return self in ACTIVE


ACTIVE = frozenset({Status.NEW, Status.ACKNOWLEDGED, Status.ASSIGNED, Status.ESCALATED})


class CorrelationType(StrEnum):
    """What makes an incident one story: one person's signals and alerts; several people of a site at once; or the same
    again and again."""

    TIME_ENTITY = "TIME_ENTITY"
    SITE_CLUSTER = "SITE_CLUSTER"
    PATTERN = "PATTERN"


class LinkKind(StrEnum):
    """What one incident has to do with another."""

    MERGED_FROM = "MERGED_FROM"
    SPLIT_FROM = "SPLIT_FROM"
    FOLLOWS = "FOLLOWS"
    REPEATS = "REPEATS"
    RELATED = "RELATED"


# What must hold of alerts, and of incidents.
TAKEN = "everything_raised_belongs_to_an_alert"
KEPT_BACK = "nothing_bad_is_kept_back_without_a_reason"
ONE_TENANT = "no_incident_crosses_a_tenant"
IN_WINDOW = "every_alert_lies_within_the_window"
COMPLETE = "every_incident_has_signals_and_alerts"
