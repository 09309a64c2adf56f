"""Whatever happens in whatever order, findings are what a plain list would say, and trying again changes nothing."""

from dataclasses import dataclass
from datetime import datetime
from random import Random
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from noc_platform.errors import Conflict
from noc_platform.findings.lifecycle import close_quiet, nothing_muted, record
from noc_platform.findings.queries import Finding
from noc_platform.findings.verdicts import acknowledge, mark_false_positive, resolve
from noc_platform.findings.vocabulary import Draft, Severity
from noc_platform.store.sessions import Server
from noc_platform_tests.builders import POLICY as DOOR
from noc_platform_tests.builders import put_operation
from noc_platform_tests.findings.drafts import PERSONAL_TYPE, POLICY, SITE_TYPE, after, draft, of, said
from noc_platform_tests.findings.plain import PlainFinding, PlainLedger

TENANT = f"tenant-life-{uuid4().hex[:8]}"
# Two sites' findings and a person without a site.
THINGS = ((SITE_TYPE, "s0", None), (SITE_TYPE, "s1", None), (PERSONAL_TYPE, None, "p0"))


@dataclass(frozen=True)
class Seen:
    """A draft of the next audit: which thing, how bad, how many minutes before the audit."""

    thing: int
    severity: Severity
    minutes_ago: int


@dataclass(frozen=True)
class Step:
    """What happens next, and how many minutes after the last."""

    what: str
    minutes: int
    seen: tuple[Seen, ...] = ()
    which: int = 0


sights = st.builds(Seen, st.integers(0, 2), st.sampled_from(Severity), st.sampled_from([0, 0, 0, 4, 5, 9]))
audits = st.builds(
    Step, st.just("audit"), st.sampled_from([0, 5, 5, 60, 241]), st.lists(sights, min_size=1, max_size=5).map(tuple)
)
others = st.builds(
    Step,
    st.sampled_from(["again", "close", "acknowledge", "resolve", "false positive", "false positive"]),
    st.sampled_from([0, 1, 3, 240, 361]),
    which=st.integers(0, 5),
)


@pytest.fixture(scope="module")
def operation(server: Server) -> Server:
    with server.pipeline.transaction() as connection:
        put_operation(connection, TENANT)
    return server


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(audits | others, min_size=2, max_size=14), shuffle=st.randoms(use_true_random=False))
def test_findings_live_as_a_plain_list_says(operation: Server, steps: list[Step], shuffle: Random) -> None:
    model, minutes, audits_made = PlainLedger(), 0, []
    with operation.pipeline.transaction() as connection:
        for step in steps:
            minutes += step.minutes
            if step.what == "audit":
                audits_made.append((_drafts(step, minutes), after(minutes)))
                model.audit(audits_made[-1][0])
                _audit(connection, *audits_made[-1], shuffle)
            elif step.what == "again" and audits_made:
                repeated = audits_made[step.which % len(audits_made)]
                model.audit(repeated[0])
                _audit(connection, *repeated, shuffle)
            elif step.what == "close":
                model.close(after(minutes))
                close_quiet(connection, after(minutes), POLICY, {TENANT})
            elif model.findings:
                _judge(connection, model, step, minutes)
            assert _as_told(connection) == sorted(map(_plain, model.findings), key=repr)
        if audits_made:
            # The last audit was the last thing that was seen: telling it again is nothing new.
            before = _as_told(connection)
            _audit(connection, *audits_made[-1], shuffle)
            assert steps[-1].what != "audit" or _as_told(connection) == before
        connection.get_transaction().rollback()  # type: ignore[union-attr]


def _drafts(step: Step, minutes: int) -> list[Draft]:
    made = []
    for number, seen in enumerate(step.seen):
        kind, site, person = THINGS[seen.thing]
        made.append(
            draft(
                TENANT, minutes - seen.minutes_ago, finding_type=kind, site_id=site, person_id=person,
                severity=seen.severity, summary=f"{minutes} {number}", evidence={},
            )
        )  # fmt: skip
    return made


def _audit(connection: Connection, drafts: list[Draft], at: datetime, shuffle: Random) -> None:
    mixed = list(drafts)
    shuffle.shuffle(mixed)
    record(connection, mixed, POLICY, nothing_muted, at)


def _judge(connection: Connection, model: PlainLedger, step: Step, minutes: int) -> None:
    chosen = model.findings[step.which % len(model.findings)]
    finding = next(
        each.finding_id
        for each in of(connection, TENANT)
        if _thing(each) == chosen.key and each.first_seen_at == chosen.first_seen_at
        and each.last_seen_at == chosen.last_seen_at
    )  # fmt: skip
    told = said(minutes)
    try:
        if step.what == "acknowledge":
            acknowledge(connection, finding, told)
        elif step.what == "resolve":
            resolve(connection, finding, told, DOOR, after(minutes))
        else:
            mark_false_positive(connection, finding, told, DOOR, after(minutes))
    except Conflict:
        assert not model.judge(chosen, step.what, told.at)
    else:
        assert model.judge(chosen, step.what, told.at)


def _thing(found: Finding) -> tuple[str, str | None, str, str | None]:
    return (found.tenant_id, found.site_id, found.finding_type, found.person_id)


def _as_told(connection: Connection) -> list[tuple[object, ...]]:
    told = [
        (
            _thing(each), each.severity, each.evidence_summary, each.first_seen_at, each.last_seen_at,
            each.occurrence_count, each.status, each.resolved_at, each.resolved_by, each.adjudicated_at,
            each.is_false_positive,
        )
        for each in of(connection, TENANT)
    ]  # fmt: skip
    return sorted(told, key=repr)


def _plain(each: PlainFinding) -> tuple[object, ...]:
    return (
        each.key, str(each.severity), each.summary, each.first_seen_at, each.last_seen_at, each.count, each.status,
        each.resolved_at, each.resolved_by, each.judged_at, each.is_false,
    )  # fmt: skip
