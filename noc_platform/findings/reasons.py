"""Decisions about findings, as the ledger has them: why one was raised, got worse, or was not raised. Pure."""

from dataclasses import replace
from datetime import UTC
from typing import Any
from uuid import UUID

from noc_platform.findings.evidence import one_line
from noc_platform.findings.sightings import Known, Sighting
from noc_platform.findings.vocabulary import Draft
from noc_platform.journal.documents import document
from noc_platform.journal.ledger import Action, Decision, Subject


def opening(sighting: Sighting) -> Decision:
    """That a finding was raised."""
    return _decision(sighting, sighting.finding_id, Action.RAISED, one_line(sighting.latest.summary))


def worsening(sighting: Sighting, known: Known) -> Decision:
    """That an open finding got worse."""
    if known.open_id is None:
        raise ValueError("only an open finding gets worse")
    reason = f"{known.open_severity} has become {sighting.severity}: {one_line(sighting.latest.summary)}"
    return _decision(sighting, known.open_id, Action.SEVERITY_RAISED, reason, severity_before=known.open_severity)


def keeping_quiet(sighting: Sighting, known: Known) -> Decision:
    """That nothing was raised for what people called a false positive: once for each verdict, not once an audit."""
    if known.cleared_id is None:
        raise ValueError("what is kept quiet was called a false positive")
    reason = "Seen again, and not raised: a person called it a false positive a short while ago."
    made = _decision(sighting, known.cleared_id, Action.SUPPRESSED, reason, false_positive_at=known.cleared_at)
    return replace(made, key=document(known.cleared_at))


def muting(draft: Draft, why: str) -> Decision:
    """That a draft was not raised in maintenance: once for each site, type and UTC day."""
    day = draft.seen_at.astimezone(UTC).date()
    subject = (Subject.SITE, draft.site_id) if draft.site_id is not None else (Subject.TENANT, draft.tenant_id)
    return Decision(
        draft.tenant_id,
        *subject,
        Action.SUPPRESSED,
        rule=draft.finding_type,
        reason=f"Not raised while muted: {why}",
        made_at=draft.seen_at,
        inputs={"person_id": draft.person_id, "severity": draft.severity, "summary": one_line(draft.summary)},
        key=document([draft.finding_type, day]),
    )


def _inputs(sighting: Sighting) -> dict[str, Any]:
    draft = sighting.latest
    seen = {
        "severity": sighting.severity, "seen_at": draft.seen_at, "site_id": draft.site_id, "person_id": draft.person_id,
        "silence": draft.silence,
    }  # fmt: skip
    cell = draft.judged
    judged = {} if cell is None else {"metric_type": cell.metric, "hour_of_week": cell.hour_of_week, "z": cell.z}
    return {name: value for name, value in {**seen, **judged}.items() if value is not None}


def _decision(sighting: Sighting, finding_id: UUID, action: Action, reason: str, **inputs: object) -> Decision:
    draft, judged = sighting.latest, sighting.latest.judged
    return Decision(
        draft.tenant_id,
        Subject.FINDING,
        str(finding_id),
        action,
        rule=draft.finding_type,
        reason=reason,
        made_at=draft.seen_at,
        inputs={**_inputs(sighting), **inputs},
        threshold=judged.threshold if judged else None,
        threshold_source=judged.threshold_source if judged else None,
    )
