"""What an alert is about, and how bad: one key for every repeat, and a severity for whatever a source calls it.

Pure. Elsewhere: what becomes of what was raised (`fates`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from noc_platform.correlation.vocabulary import Severity
from noc_platform.journal.documents import document

# Entity types that name a row made for this one raising: its id is another each time (defect 47).
FRESH = frozenset({"finding", "anomaly", "alert", "event", "incident", "ticket", "prediction"})
# Those of them the platform makes itself: what is raised about one is its own echo (defect 44).
OURS = frozenset({"finding", "anomaly", "incident"})

# How bad each type is where its source does not say (domain.md §1.4; the last three are ours).
USUAL: Mapping[str, Severity] = {
    "SLA_BREACH": Severity.HIGH,
    "TICKET_ESCALATED": Severity.MEDIUM,
    "DEVICE_OFFLINE": Severity.HIGH,
    "DEVICE_SPOOF": Severity.CRITICAL,
    "GEOFENCE_BREACH": Severity.MEDIUM,
    "ATTENDANCE_MISSING": Severity.LOW,
    "SYNC_DEGRADED": Severity.MEDIUM,
    "SECURITY_ANOMALY": Severity.CRITICAL,
    "WORK_ORDER_OVERDUE": Severity.MEDIUM,
    "ATTENDANCE_ANOMALY": Severity.MEDIUM,
    "WRONG_PERSON_AT_SITE": Severity.HIGH,
    "UNAUTHORIZED_SITE_ACCESS": Severity.CRITICAL,
    "IMPOSSIBLE_SHIFTS": Severity.CRITICAL,
    "OVERTIME_VIOLATION": Severity.HIGH,
    "BUDDY_PUNCHING": Severity.CRITICAL,
    "GPS_SPOOFING": Severity.HIGH,
    "BIOMETRIC_PATTERN_ANOMALY": Severity.MEDIUM,
    "SCHEDULE_MISMATCH": Severity.MEDIUM,
    "GUARD_INACTIVITY": Severity.HIGH,
    "GPS_LOW_ACCURACY": Severity.MEDIUM,
    "TOUR_OVERDUE": Severity.HIGH,
    "TOUR_INCOMPLETE": Severity.MEDIUM,
    "ML_FRAUD_PREDICTION": Severity.HIGH,
    "ANOMALY_DETECTED": Severity.MEDIUM,
    "SENSOR_THRESHOLD": Severity.MEDIUM,
}
# What other systems call severities, and the levels of risk that fraud scores come with (defect 52).
NAMED: Mapping[str, Severity] = {
    **{str(severity): severity for severity in Severity},
    "MINIMAL": Severity.INFO,
    "NONE": Severity.INFO,
    "UNKNOWN": Severity.INFO,
    "INFORMATIONAL": Severity.INFO,
    "DEBUG": Severity.INFO,
    "MINOR": Severity.LOW,
    "MODERATE": Severity.MEDIUM,
    "WARN": Severity.MEDIUM,
    "WARNING": Severity.MEDIUM,
    "ERROR": Severity.HIGH,
    "MAJOR": Severity.HIGH,
    "SEVERE": Severity.CRITICAL,
    "EMERGENCY": Severity.CRITICAL,
    "FATAL": Severity.CRITICAL,
}


def severity_of(text: str | None, alert_type: str = "") -> Severity:
    """The severity a source means. A word nobody knows, or none, is what is usual of the type, else MEDIUM: an alert
    is never lost over a word (defects 46, 52)."""
    usual = USUAL.get(alert_type.strip().upper(), Severity.MEDIUM)
    return NAMED.get((text or "").strip().upper(), usual)


@dataclass(frozen=True)
class About:
    """What a raising is about, as its source says."""

    tenant_id: str
    alert_type: str
    site_id: str | None = None
    client_id: str | None = None
    person_id: str | None = None
    device_id: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None


def dedup_key(about: About) -> str:
    """What is the same for every repeat within a tenant: a digest of type, site, and what stays of the entity.

    That is the person and the device, else the entity, unless it names a fresh row; then it is the client.
    """
    stable = _stable(about)
    written = document([about.alert_type, about.site_id, *stable]).encode()
    return hashlib.blake2b(written, digest_size=16).hexdigest()


def caused_by(about: About) -> str | None:
    """The platform's own row it was raised about, such as `FINDING:…`; None for what others saw."""
    kind = _kind(about)
    return f"{kind.upper()}:{about.entity_id or ''}" if kind in OURS else None


def _stable(about: About) -> tuple[str | None, ...]:
    if about.person_id is not None or about.device_id is not None:
        return "person and device", about.person_id, about.device_id
    kind = _kind(about)
    if kind and kind not in FRESH:
        return "entity", kind, about.entity_id
    return "client", about.client_id


def _kind(about: About) -> str:
    return (about.entity_type or "").strip().lower()
