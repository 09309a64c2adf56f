"""How findings come to be, and what keeps them from it. Numbers in names are those of domain.md §10."""

import json
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from noc_platform.findings.lifecycle import Recorded, announce, close_quiet, unannounced
from noc_platform.findings.verdicts import acknowledge, mark_false_positive, resolve
from noc_platform.findings.vocabulary import KINDS, Severity, Silence, Status
from noc_platform.journal.ledger import Subject, trail
from noc_platform.store.sessions import Database
from noc_platform_tests.builders import NOW, put_operation
from noc_platform_tests.builders import POLICY as DOOR
from noc_platform_tests.findings.drafts import (
    CELL,
    PERSONAL_TYPE,
    POLICY,
    SITE_TYPE,
    after,
    draft,
    of,
    only,
    recorded,
    said,
)


def actions(database: Database, kind: Subject, subject: object, tenant: str) -> list[str]:
    with database.transaction() as connection:
        return [entry.action for entry in trail(connection, kind, str(subject), tenant)]


def test_a_draft_opens_a_finding_that_says_everything(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        seen = draft(tenant, judged=CELL, silence=Silence.GUARD_IDLE, severity=Severity.HIGH)
        assert recorded(connection, seen) == Recorded(opened=1)
        found = only(connection, tenant)
    kind = KINDS[SITE_TYPE]
    assert (found.status, found.severity, found.category, found.title) == ("NEW", "HIGH", kind.category, kind.title)
    assert found.recommended_actions == list(kind.actions)
    assert found.runbook == f"docs/runbooks.md#{SITE_TYPE.lower()}"
    assert (found.first_seen_at, found.last_seen_at, found.occurrence_count) == (NOW, NOW, 1)
    assert (found.metric_type, found.hour_of_week, found.z) == (CELL.metric, CELL.hour_of_week, CELL.z)
    assert (found.threshold, found.threshold_source, found.silence) == (2.5, "mature", "GUARD_IDLE")


def test_why_it_was_raised_can_be_asked(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        recorded(connection, draft(tenant, judged=CELL))
        (entry,) = trail(connection, Subject.FINDING, str(only(connection, tenant).finding_id))
    assert (entry.action, entry.rule, entry.made_by) == ("RAISED", SITE_TYPE, "platform")
    assert (entry.threshold, entry.threshold_source) == (2.5, "mature")
    assert entry.inputs["z"] == CELL.z
    assert entry.inputs["hour_of_week"] == CELL.hour_of_week


def test_defect_11_the_same_thing_seen_again_is_one_finding_and_no_news(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        outcome = sum((recorded(connection, draft(tenant, 5 * run)) for run in range(12)), Recorded())
        found = only(connection, tenant)
        told = [each for each, _ in unannounced(connection) if each == found.finding_id]
    assert outcome == Recorded(opened=1, repeated=11)
    assert found.occurrence_count == 12
    assert (found.first_seen_at, found.last_seen_at) == (NOW, after(55))
    assert found.evidence_summary == "Seen after 55 minutes"
    assert len(told) == 1
    # Decisions do not flood either.
    assert actions(database, Subject.FINDING, found.finding_id, tenant) == ["RAISED"]


def test_defect_11_somebody_is_told_again_only_when_it_gets_worse(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        recorded(connection, draft(tenant))
        finding = only(connection, tenant).finding_id

        def news() -> list[Severity]:
            return [severity for each, severity in unannounced(connection) if each == finding]

        assert news() == [Severity.MEDIUM]
        assert announce(connection, {finding: Severity.MEDIUM}) == 1
        recorded(connection, draft(tenant, 5))
        assert news() == []
        assert recorded(connection, draft(tenant, 10, severity=Severity.CRITICAL)) == Recorded(raised=1)
        assert news() == [Severity.CRITICAL]
        # Two at the same work tell once: the second finds it told.
        assert announce(connection, {finding: Severity.CRITICAL}) == 1
        assert announce(connection, {finding: Severity.CRITICAL}) == 0
        assert recorded(connection, draft(tenant, 15, severity=Severity.LOW)) == Recorded(repeated=1)
        assert news() == []
        assert only(connection, tenant).severity == "CRITICAL"
    assert actions(database, Subject.FINDING, finding, tenant) == ["RAISED", "SEVERITY_RAISED"]


def test_different_sites_types_and_people_are_different_findings(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        outcome = recorded(
            connection,
            draft(tenant),
            draft(tenant, site_id="s1"),
            draft(tenant, finding_type="CORRELATION_SILENT_SITE"),
            draft(tenant, finding_type=PERSONAL_TYPE, person_id="p0"),
            draft(tenant, finding_type=PERSONAL_TYPE, person_id="p1"),
            draft(f"{tenant}-other"),
        )
    assert outcome == Recorded(opened=6)


def test_defect_21_a_person_without_a_site_has_findings_like_everybody(database: Database, tenant: str) -> None:
    homeless = [draft(tenant, finding_type=PERSONAL_TYPE, site_id=None, person_id=each) for each in ("p0", "p1")]
    with database.transaction() as connection:
        assert recorded(connection, *homeless) == Recorded(opened=2)
        # Null is a value here: seen again, it is the same finding and not another.
        assert recorded(connection, draft(tenant, 5, **{**_told(homeless[0])})) == Recorded(repeated=1)
        assert {found.site_id for found in of(connection, tenant)} == {None}
        assert len(of(connection, tenant)) == 2


def _told(each: object) -> dict[str, object]:
    return {name: getattr(each, name) for name in ("finding_type", "site_id", "person_id")}


def test_defect_18_the_summary_is_one_line_and_always_there(database: Database, tenant: str) -> None:
    with pytest.raises(ValueError, match="summary"):
        draft(tenant, summary="  \n ")
    with database.transaction() as connection:
        recorded(connection, draft(tenant, summary="Two scans\n where  ten are usual.\x00"))
        assert only(connection, tenant).evidence_summary == "Two scans where ten are usual.\ufffd"
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(
                text("update noc_audit_finding set evidence_summary = ' ' where tenant_id = :t"), {"t": tenant}
            )


def test_defect_19_evidence_is_newest_first_bounded_and_json(database: Database, tenant: str) -> None:
    trail_of = [{"at": after(minute), "latitude": 37.9, "accuracy": float("nan")} for minute in range(-120, 0)]
    seen = draft(tenant, evidence={"location_trail": trail_of, "window": {"start": after(-120)}, "due": {3, 1}})
    with database.transaction() as connection:
        recorded(connection, seen)
        evidence = only(connection, tenant).evidence
    assert json.loads(json.dumps(evidence)) == evidence
    trail_kept = [datetime.fromisoformat(row["at"]) for row in evidence["location_trail"]]
    assert trail_kept == [after(-minute) for minute in range(1, 51)]
    assert evidence["location_trail"][0]["accuracy"] is None
    assert evidence["due"] == [1, 3]


def test_defect_20_what_is_rolled_back_leaves_nothing_and_nobody_hears_of_it(database: Database, tenant: str) -> None:
    def news() -> list[object]:
        with database.transaction() as other:
            return [of(other, tenant), [each for each, _ in unannounced(other)]]

    before = news()
    with database.transaction() as connection:
        recorded(connection, draft(tenant))
        finding = only(connection, tenant).finding_id
        # Before the commit nobody else sees it.
        assert news() == before
        connection.get_transaction().rollback()  # type: ignore[union-attr]
    assert news() == before
    assert actions(database, Subject.FINDING, finding, tenant) == []
    # Trying again makes the same finding.
    with database.transaction() as connection:
        assert recorded(connection, draft(tenant)) == Recorded(opened=1)
        assert only(connection, tenant).finding_id == finding


def test_defect_20_who_failed_to_tell_tells_later(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        recorded(connection, draft(tenant))
        finding = only(connection, tenant).finding_id
    with database.transaction() as connection:
        announce(connection, {finding: Severity.MEDIUM})
        # The mail server does not answer.
        connection.get_transaction().rollback()  # type: ignore[union-attr]
    with database.transaction() as connection:
        assert (finding, Severity.MEDIUM) in unannounced(connection)


def test_defect_22_a_moment_without_a_zone_is_refused(database: Database, tenant: str) -> None:
    naive = draft(tenant, seen_at=NOW.replace(tzinfo=None))
    with database.transaction() as connection, pytest.raises(ValueError, match="no zone"):
        recorded(connection, naive, as_of=NOW)


def test_moments_of_any_zone_are_the_same_moment(database: Database, tenant: str) -> None:
    from zoneinfo import ZoneInfo

    with database.transaction() as connection:
        recorded(connection, draft(tenant))
        local = draft(tenant, seen_at=NOW.astimezone(ZoneInfo("Asia/Kolkata")))
        assert recorded(connection, local) == Recorded(unchanged=1)


def test_the_same_audit_again_changes_nothing(database: Database, tenant: str) -> None:
    drafts = [draft(tenant, judged=CELL), draft(tenant, finding_type=PERSONAL_TYPE, person_id="p0")]
    with database.transaction() as connection:
        recorded(connection, *drafts)
        before = of(connection, tenant)
        assert recorded(connection, *drafts) == Recorded(unchanged=2)
        assert of(connection, tenant) == before
        recorded(connection, draft(tenant, 30))
        later = of(connection, tenant)
        # An audit from before, repeated, does not turn anything back.
        assert recorded(connection, *drafts).unchanged == 2
        assert of(connection, tenant) == later


@pytest.mark.parametrize("ending", ["quiet", "resolved", "false positive"])
def test_the_same_audit_again_does_not_open_what_was_closed(database: Database, tenant: str, ending: str) -> None:
    with database.transaction() as connection:
        put_operation(connection, tenant)
        recorded(connection, draft(tenant))
        finding = only(connection, tenant).finding_id
        if ending == "quiet":
            close_quiet(connection, after(60 * 7), POLICY, {tenant})
        elif ending == "resolved":
            resolve(connection, finding, said(), DOOR, NOW)
        else:
            mark_false_positive(connection, finding, said(), DOOR, NOW)
        assert recorded(connection, draft(tenant)) == Recorded(unchanged=1)
        assert len(of(connection, tenant)) == 1
        # Long after, it is a new thing.
        assert recorded(connection, draft(tenant, 60 * 24)) == Recorded(opened=1)


def test_what_was_on_its_way_while_somebody_resolved_it_does_not_open_it_again(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        put_operation(connection, tenant)
        recorded(connection, draft(tenant))
        resolve(connection, only(connection, tenant).finding_id, said(10), DOOR, after(10))
        assert recorded(connection, draft(tenant, 8), as_of=after(11)) == Recorded(unchanged=1)
        assert recorded(connection, draft(tenant, 15)) == Recorded(opened=1)


def test_a_false_positive_is_left_alone_for_a_while_and_that_is_told_once(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        put_operation(connection, tenant)
        recorded(connection, draft(tenant))
        finding = only(connection, tenant).finding_id
        mark_false_positive(connection, finding, said(5), DOOR, after(5))
        quiet = [recorded(connection, draft(tenant, minutes)) for minutes in (10, 120, 244)]
        assert quiet == [Recorded(suppressed=1)] * 3
        # Of another site or person nothing was said.
        assert recorded(connection, draft(tenant, 10, site_id="s1")).opened == 1
        assert recorded(connection, draft(tenant, 245)) == Recorded(opened=1)
        entries = trail(connection, Subject.FINDING, str(finding))
    assert [entry.action for entry in entries] == ["RAISED", "FALSE_POSITIVE", "SUPPRESSED"]
    assert "false positive" in entries[-1].reason


def test_what_nobody_looked_at_closes_when_it_is_no_longer_seen(database: Database, tenant: str) -> None:
    late = f"{tenant}-late"
    with database.transaction() as connection:
        looked_at = draft(tenant, site_id="s1")
        recorded(connection, draft(tenant), looked_at, draft(late))
        acknowledged = next(each for each in of(connection, tenant) if each.site_id == "s1").finding_id
        acknowledge(connection, acknowledged, said())
        close_quiet(connection, after(60 * 6), POLICY, {tenant})
        assert all(each.resolved_at is None for each in of(connection, tenant))
        close_quiet(connection, after(60 * 6 + 1), POLICY, {tenant})
        closed = {each.site_id: each for each in of(connection, tenant)}
        assert (closed["s0"].status, closed["s0"].resolved_by) == (Status.RESOLVED, "platform")
        assert closed["s0"].time_to_resolve == 6 * 3600 + 60
        # Nobody judged it: it counts neither way.
        assert (closed["s0"].is_false_positive, closed["s0"].adjudicated_at) == (None, None)
        assert closed["s1"].status == Status.ACKNOWLEDGED
        assert only(connection, late).status == Status.NEW
        before = of(connection, tenant)
        close_quiet(connection, after(60 * 6 + 1), POLICY, {tenant})
        assert of(connection, tenant) == before
    assert actions(database, Subject.FINDING, closed["s0"].finding_id, tenant) == ["RAISED", "BACK_TO_NORMAL"]


def test_two_audits_racing_open_one_finding(database: Database, tenant: str) -> None:
    """Both have begun before either commits; the one that waits adds to what the other opened."""
    outcomes: list[Recorded] = []
    is_open, may_commit = threading.Event(), threading.Event()

    def first() -> None:
        with database.transaction() as connection:
            outcomes.append(recorded(connection, draft(tenant)))
            is_open.set()
            may_commit.wait(20)

    def second() -> None:
        with database.transaction() as connection:
            connection.execute(text("select 1"))
            is_open.wait(20)
            outcomes.append(recorded(connection, draft(tenant, 1)))

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    is_open.wait(20)
    may_commit.set()
    for thread in threads:
        thread.join(30)
    assert outcomes == [Recorded(opened=1), Recorded(repeated=1)]
    with database.transaction() as connection:
        assert only(connection, tenant).occurrence_count == 2


def test_an_audit_waits_for_a_verdict_and_honours_it(database: Database, tenant: str) -> None:
    outcomes: list[Recorded] = []
    with database.transaction() as connection:
        put_operation(connection, tenant)
        recorded(connection, draft(tenant))
        finding = only(connection, tenant).finding_id

    def audit() -> None:
        with database.transaction() as connection:
            outcomes.append(recorded(connection, draft(tenant, 6)))

    thread = threading.Thread(target=audit)
    with database.transaction() as connection:
        mark_false_positive(connection, finding, said(5), DOOR, after(5))
        thread.start()
        thread.join(0.5)
        assert outcomes == []
    thread.join(30)
    assert outcomes == [Recorded(suppressed=1)]


def test_no_way_round_leads_to_two_open_findings(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        recorded(connection, draft(tenant, site_id=None))
        with pytest.raises(IntegrityError, match="uq_noc_audit_finding_open"), connection.begin_nested():
            connection.execute(
                text(
                    """insert into noc_audit_finding
                       select (jsonb_populate_record(f, '{"finding_id": "00000000-0000-8000-8000-000000000001"}')).*
                       from noc_audit_finding f where tenant_id = :t"""
                ),
                {"t": tenant},
            )


def test_a_flood_is_a_few_statements(database: Database, tenant: str) -> None:
    drafts = [
        draft(tenant, finding_type=PERSONAL_TYPE, person_id=f"p{number}", judged=CELL, evidence={"heard": number})
        for number in range(10_000)
    ]
    statements = []
    with database.transaction() as connection:
        from sqlalchemy import event

        event.listen(connection, "before_cursor_execute", lambda *told: statements.append(told[2]))
        assert recorded(connection, *drafts) == Recorded(opened=10_000)
        assert recorded(connection, *drafts) == Recorded(unchanged=10_000)
    assert len(statements) < 25


def test_the_audits_moment_is_kept(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        recorded(connection, draft(tenant), as_of=after(3))
        found = only(connection, tenant)
    assert (found.created_at, found.first_seen_at) == (after(3), NOW)
    assert found.created_at.tzinfo is not None
    assert found.created_at.astimezone(UTC) == found.created_at
