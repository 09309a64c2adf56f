"""Drafts for tests, and what became of them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from noc_platform.findings.lifecycle import Mute, Recorded, nothing_muted, record
from noc_platform.findings.queries import Finding, Wanted, findings
from noc_platform.findings.vocabulary import Draft, Judged, Severity
from noc_platform.journal.ledger import Said
from noc_platform.settings import FindingPolicy
from noc_platform_tests.builders import NOW

POLICY = FindingPolicy(close_after=timedelta(hours=6))
SITE_TYPE = "ANOMALY_TOUR_CHECKPOINTS_BELOW"
PERSONAL_TYPE = "LOW_ACTIVITY"
CELL = Judged("tour_checkpoints", 37, -3.4, 2.5, "mature")
EVERY = Wanted(statuses=())


def after(minutes: float) -> datetime:
    """A moment so long after the first."""
    return NOW + timedelta(minutes=minutes)


def draft(tenant: str, minutes: float = 0, **told: Any) -> Draft:
    """A site's draft unless a person is told, seen so many minutes after the first moment."""
    said = {
        "finding_type": SITE_TYPE, "site_id": "s0", "person_id": None, "severity": Severity.MEDIUM,
        "summary": f"Seen after {minutes:g} minutes", "seen_at": after(minutes), "evidence": {"minutes": minutes},
        **told,
    }  # fmt: skip
    return Draft(tenant_id=tenant, **said)


def recorded(
    connection: Connection,
    *drafts: Draft,
    policy: FindingPolicy = POLICY,
    muted: Mute = nothing_muted,
    as_of: datetime | None = None,
) -> Recorded:
    """What became of drafts, recorded when the last of them was seen."""
    moment = as_of or max((each.seen_at for each in drafts), default=NOW)
    return record(connection, drafts, policy, muted, moment)


def of(connection: Connection, tenant: str) -> list[Finding]:
    """All findings of a tenant, open or not."""
    return findings(connection, Wanted(tenant=tenant, statuses=()), 10_000)


def only(connection: Connection, tenant: str) -> Finding:
    """The one finding of a tenant."""
    (found,) = of(connection, tenant)
    return found


def said(minutes: float = 5, by: str = "ana", why: str = "looked at it") -> Said:
    """Somebody says something so many minutes after the first moment."""
    return Said(by, why, after(minutes))
