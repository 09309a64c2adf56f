"""Decisions: why, and why not. Written in the transaction of what they decide, each once, never changed.

Elsewhere: what is decided, which is each domain's own; events that go out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, select, text

from noc_platform.errors import BadInput
from noc_platform.journal.documents import document, plain
from noc_platform.journal.tables import decision as ledger

# Who decides when no person does.
PLATFORM = "platform"
# Any constant will do: it only has to stay, so that a decision made again is known again.
DECISIONS = UUID("6e6f6320-6465-6369-7369-6f6e73000000")


class Subject(StrEnum):
    """What is decided about."""

    FINDING = "FINDING"
    ALERT = "ALERT"
    INCIDENT = "INCIDENT"
    SITE = "SITE"
    TENANT = "TENANT"
    THRESHOLD = "THRESHOLD"


class Action(StrEnum):
    """What is decided."""

    RAISED = "RAISED"
    SEVERITY_RAISED = "SEVERITY_RAISED"
    SUPPRESSED = "SUPPRESSED"
    BACK_TO_NORMAL = "BACK_TO_NORMAL"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    CONFIRMED = "CONFIRMED"
    RESOLVED = "RESOLVED"
    FALSE_POSITIVE = "FALSE_POSITIVE"
    ASSIGNED = "ASSIGNED"
    ESCALATED = "ESCALATED"
    MUTED = "MUTED"
    UNMUTED = "UNMUTED"
    REOPENED = "REOPENED"
    CORRELATED = "CORRELATED"
    MERGED = "MERGED"
    SPLIT = "SPLIT"
    LINKED = "LINKED"
    INVESTIGATED = "INVESTIGATED"
    ROOT_CAUSE = "ROOT_CAUSE"
    THRESHOLD_CHANGED = "THRESHOLD_CHANGED"
    THRESHOLD_ROLLED_BACK = "THRESHOLD_ROLLED_BACK"


@dataclass(frozen=True)
class Decision:
    """One decision. `made_at` is UTC; `inputs` is what was seen.

    `key` tells it from others of the same action about the same subject: a decision with the same key is the same, and
    is written once. Unless it is given, that is the moment.
    """

    tenant_id: str
    subject_kind: Subject
    subject_id: str
    action: Action
    rule: str
    reason: str
    made_at: datetime
    made_by: str = PLATFORM
    inputs: Mapping[str, Any] = field(default_factory=dict)
    threshold: float | None = None
    threshold_source: str | None = None
    key: str | None = None

    @property
    def decision_id(self) -> UUID:
        """Its identity, the same whenever it is made."""
        key = self.key if self.key is not None else plain(self.made_at)
        return uuid5(DECISIONS, document([self.tenant_id, self.subject_kind, self.subject_id, self.action, key]))


@dataclass(frozen=True)
class Said:
    """Who decides something, why, and when (UTC). Raises `BadInput` for what says nothing."""

    by: str
    why: str
    at: datetime

    def __post_init__(self) -> None:
        if not self.by.strip() or not self.why.strip():
            raise BadInput("Say who decides and why, each in a word at least.")
        if self.by.strip().casefold() == PLATFORM:
            raise BadInput(f"{self.by} is what the platform calls itself; give the name of a person.")
        if self.at.tzinfo is None:
            raise BadInput(f"{self.at} has no zone; write it as 2026-03-24T12:00:00+00:00.")


@dataclass(frozen=True)
class Entry:
    """A decision as the ledger has it. `made_at` is UTC."""

    action: str
    rule: str
    reason: str
    inputs: dict[str, Any]
    threshold: float | None
    threshold_source: str | None
    made_at: datetime
    made_by: str


def enter(connection: Connection, decisions: Iterable[Decision]) -> int:
    """Write decisions into the ledger, inside the caller's transaction; gives how many were not there yet."""
    rows = [_row(each) for each in decisions]
    if not rows:
        return 0
    statement = """
        with entered as (
            insert into noc_decision
                (decision_id, tenant_id, subject_kind, subject_id, action, rule, reason, inputs, threshold,
                 threshold_source, made_at, made_by)
            select decision_id, tenant_id, subject_kind, subject_id, action, rule, reason, inputs, threshold,
                   threshold_source, made_at, made_by
            from json_to_recordset(cast(:rows as json)) as made(
                decision_id uuid, tenant_id text, subject_kind text, subject_id text, action text, rule text,
                reason text, inputs jsonb, threshold float8, threshold_source text, made_at timestamptz, made_by text)
            on conflict (decision_id) do nothing
            returning 1
        )
        select count(*) from entered
    """
    return int(connection.execute(text(statement), {"rows": document(rows)}).scalar_one())


def trail(connection: Connection, subject_kind: Subject, subject_id: str, tenant_id: str | None = None) -> list[Entry]:
    """What was decided about something, the first decision first; of one tenant where it is named."""
    known = ledger.c
    wanted = select(*(known[name] for name in Entry.__dataclass_fields__)).where(
        known.subject_kind == subject_kind, known.subject_id == subject_id
    )
    if tenant_id is not None:
        wanted = wanted.where(known.tenant_id == tenant_id)
    return [Entry(*row) for row in connection.execute(wanted.order_by(known.made_at, known.number))]


def _row(decision: Decision) -> dict[str, Any]:
    return {
        "decision_id": decision.decision_id,
        "tenant_id": decision.tenant_id,
        "subject_kind": decision.subject_kind,
        "subject_id": decision.subject_id,
        "action": decision.action,
        "rule": decision.rule,
        "reason": decision.reason,
        "inputs": decision.inputs,
        "threshold": decision.threshold,
        "threshold_source": decision.threshold_source,
        "made_at": decision.made_at,
        "made_by": decision.made_by,
    }
