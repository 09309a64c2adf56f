"""Decisions are written once, in order, and never changed."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from noc_platform.journal.ledger import Action, Decision, Subject, enter, trail
from noc_platform.store.sessions import Database, Server
from noc_platform_tests.findings.drafts import after


def decision(tenant: str, minutes: float = 0, **told: object) -> Decision:
    said = {"action": Action.RAISED, "rule": "LOW_ACTIVITY", "reason": "two events", "made_at": after(minutes), **told}
    return Decision(tenant, Subject.FINDING, "f1", **said)  # type: ignore[arg-type]


def test_a_decision_made_again_is_the_same_decision(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        assert enter(connection, [decision(tenant), decision(tenant, 5)]) == 2
        assert enter(connection, [decision(tenant, 5), decision(tenant, 5, reason="in other words")]) == 0
        assert enter(connection, [decision(tenant, 5, action=Action.RESOLVED)]) == 1
        assert enter(connection, [decision(tenant, 6, key="one"), decision(tenant, 7, key="one")]) == 1
        assert enter(connection, []) == 0


def test_the_trail_is_in_order_and_says_everything(database: Database, tenant: str) -> None:
    first = decision(tenant, 1, threshold=2.5, threshold_source="mature", inputs={"z": -3.5, "seen_at": after(1)})
    with database.transaction() as connection:
        enter(connection, [decision(tenant, 9, action=Action.RESOLVED, made_by="ana"), first])
        entries = trail(connection, Subject.FINDING, "f1", tenant)
    assert [(entry.action, entry.made_by) for entry in entries] == [("RAISED", "platform"), ("RESOLVED", "ana")]
    assert (entries[0].threshold, entries[0].threshold_source, entries[0].rule) == (2.5, "mature", "LOW_ACTIVITY")
    assert entries[0].inputs == {"z": -3.5, "seen_at": after(1).isoformat()}


def test_tenants_have_ledgers_of_their_own(server: Server, tenant: str) -> None:
    other = f"{tenant}-other"
    with server.pipeline.transaction() as connection:
        enter(connection, [decision(tenant), decision(other)])
    with server.api.transaction(tenant) as connection:
        assert len(trail(connection, Subject.FINDING, "f1")) == 1
        assert trail(connection, Subject.FINDING, "f1", other) == []
    with pytest.raises(ProgrammingError, match="row-level security"), server.api.transaction(tenant) as connection:
        enter(connection, [replace(decision(other), key="mine")])


@pytest.mark.parametrize(
    "statement",
    [
        "update noc_decision set reason = 'another'",
        "delete from noc_decision",
        "truncate noc_decision",
        "insert into noc_audit_finding (finding_id) values (gen_random_uuid())",
        "delete from noc_audit_finding",
        "update noc_audit_finding set severity = 'LOW'",
        "update noc_audit_finding set evidence = '{}'",
    ],
)
def test_the_api_may_not_rewrite_what_was(server: Server, tenant: str, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), server.api.transaction(tenant) as connection:
        connection.execute(text(statement))
