"""What is told of collusion rings: one finding each, that stays the same while the ring grows.

A finding is known by tenant, site, type and person, so a ring is filed under one member, its lead. Which that is, and
the ring's identity, are in the evidence of its findings: `remembered` reads them back for the next look.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from noc_platform.findings.evidence import one_line
from noc_platform.findings.vocabulary import KINDS, Draft
from noc_platform.fraud.rings import Edge, Remembered, Ring
from noc_platform.journal.identities import identity_called

FINDING_TYPE = "COLLUSION_RING"


def ring_findings(rings: Iterable[Ring]) -> list[Draft]:
    """Rings as drafts for `findings.lifecycle.record`. Seen when the last favour was done, so that only another is
    more of it, however often it is looked at."""
    return [
        Draft(
            tenant_id=ring.tenant_id,
            finding_type=FINDING_TYPE,
            site_id=ring.site_id,
            person_id=ring.lead,
            severity=KINDS[FINDING_TYPE].severity,
            summary=one_line(ring.reason),
            seen_at=ring.last_at,
            evidence={
                "ring_id": str(ring.ring_id),
                "members": list(ring.members),
                "edges": [_told(edge) for edge in ring.edges],
                "score": round(ring.score, 2),
                "window": {"start": ring.first_at, "end": ring.last_at},
            },
        )
        for ring in rings
    ]


def remembered(
    tenant_id: str, site_id: str | None, person_id: str | None, evidence: Mapping[str, Any]
) -> Remembered | None:
    """The ring a finding of this type is about; None where its evidence names none, as older ones may not."""
    ring_id = identity_called(str(evidence.get("ring_id")))
    members = tuple(str(each) for each in evidence.get("members") or ())
    if ring_id is None or site_id is None or person_id is None or not members:
        return None
    return Remembered(ring_id, tenant_id, site_id, person_id, members)


def _told(edge: Edge) -> dict[str, Any]:
    return {
        "giver": edge.giver,
        "receiver": edge.receiver,
        "times": edge.times,
        "doubtful": edge.doubtful,
        "first_at": edge.first_at,
        "last_at": edge.last_at,
        "attendance_ids": list(edge.attendance_ids),
    }
