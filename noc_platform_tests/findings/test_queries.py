"""What is asked of findings, and what verdicts teach the baselines."""

from uuid import uuid4

import pytest

from noc_platform.errors import NotFound
from noc_platform.findings.lifecycle import close_quiet
from noc_platform.findings.queries import (
    ADJUDICATED_SCHEMA,
    Wanted,
    adjudicated,
    confirmed,
    counts,
    finding_called,
    findings,
    place_of,
)
from noc_platform.findings.verdicts import acknowledge, mark_false_positive, resolve
from noc_platform.findings.vocabulary import Judged, Severity, Status
from noc_platform.store.sessions import Database, Server
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


def test_the_newest_come_first_page_by_page(database: Database, tenant: str) -> None:
    people = [
        draft(tenant, number % 7, finding_type=PERSONAL_TYPE, person_id=f"p{number}") for number in range(25)
    ]  # fmt: skip
    with database.transaction() as connection:
        recorded(connection, *people)
        pages, place = [], None
        while page := findings(connection, Wanted(tenant=tenant), 4, place):
            pages.append(page)
            place = place_of(page[-1])
    listed = [found for page in pages for found in page]
    assert len({found.finding_id for found in listed}) == len(listed) == 25
    moments = [found.last_seen_at for found in listed]
    assert moments == sorted(moments, reverse=True)


def test_lists_are_narrowed_by_what_is_asked(database: Database, tenant: str) -> None:
    other = f"{tenant}-other"
    with database.transaction() as connection:
        recorded(
            connection,
            draft(tenant, severity=Severity.CRITICAL),
            draft(tenant, site_id="s1", severity=Severity.LOW),
            draft(tenant, finding_type=PERSONAL_TYPE, person_id="p0", severity=Severity.HIGH),
            draft(other),
        )
        acknowledge(connection, of(connection, other)[0].finding_id, said())

        def asked(**told: object) -> set[tuple[str | None, str]]:
            found = findings(connection, Wanted(tenant=tenant, **told), 100)  # type: ignore[arg-type]
            return {(each.site_id, each.finding_type) for each in found}

        assert asked() == {("s0", SITE_TYPE), ("s1", SITE_TYPE), ("s0", PERSONAL_TYPE)}
        assert asked(site="s1") == {("s1", SITE_TYPE)}
        assert asked(finding_type=PERSONAL_TYPE) == asked(person="p0") == {("s0", PERSONAL_TYPE)}
        # As text, CRITICAL would come before HIGH and be left out.
        assert asked(at_least=Severity.HIGH) == {("s0", SITE_TYPE), ("s0", PERSONAL_TYPE)}
        assert asked(statuses={Status.ACKNOWLEDGED}) == set()
        assert len(findings(connection, Wanted(tenant=other, statuses={Status.ACKNOWLEDGED}), 10)) == 1


def test_one_that_is_not_here_is_said_to_be_not_here(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        recorded(connection, draft(tenant))
        found = only(connection, tenant)
        assert finding_called(connection, str(found.finding_id)) == found
        for called in (str(uuid4()), "x", ""):
            with pytest.raises(NotFound):
                finding_called(connection, called)


def test_tenants_do_not_see_each_others_findings(server: Server, tenant: str) -> None:
    other = f"{tenant}-other"
    with server.pipeline.transaction() as connection:
        recorded(connection, draft(tenant), draft(other), draft(other, site_id="s1"))
        theirs = of(connection, other)[0].finding_id
    with server.api.transaction(tenant) as connection:
        assert {found.tenant_id for found in findings(connection, Wanted(statuses=()), 1000)} == {tenant}
        assert findings(connection, Wanted(tenant=other), 10) == []
        assert counts(connection).by_status == {"NEW": 1}
        with pytest.raises(NotFound):
            finding_called(connection, theirs)
    with server.api.transaction() as connection:
        assert findings(connection, Wanted(statuses=()), 10) == []


def test_defect_31_a_verdict_on_an_anomaly_reaches_the_baseline_it_rests_on(database: Database, tenant: str) -> None:
    """In the origin no finding carried its baseline, so the rate of false alarms was never known of any."""
    cells = {"s0": CELL, "s1": Judged("tasks_completed", 12, -4.25, 3.0, "default")}
    with database.transaction() as connection:
        put_operation(connection, tenant)
        recorded(connection, *(draft(tenant, site_id=site, judged=cell) for site, cell in cells.items()))
        ids = {found.site_id: found.finding_id for found in of(connection, tenant)}
        mark_false_positive(connection, ids["s0"], said(5, by="ana"), DOOR, after(60))
        resolve(connection, ids["s1"], said(9, by="ben"), DOOR, after(60))
        told = adjudicated(connection, NOW, after(60))
        so = confirmed(connection, after(60 * 24))
        assert tenant not in confirmed(connection, after(9))["tenant_id"].to_pylist()
    assert told.schema == ADJUDICATED_SCHEMA
    mine = [row for row in told.to_pylist() if row["tenant_id"] == tenant]
    assert mine == [
        {
            "tenant_id": tenant, "site_id": site, "metric_type": cells[site].metric,
            "hour_of_week": cells[site].hour_of_week, "z": cells[site].z, "decided_at": decided_at,
            "is_false": is_false, "reviewer_id": by, "finding_id": str(ids[site]),
            "first_seen_at": NOW, "last_seen_at": NOW,
        }
        for site, decided_at, is_false, by in (("s0", after(5), True, "ana"), ("s1", after(9), False, "ben"))
    ]  # fmt: skip
    assert [row for row in so.to_pylist() if row["tenant_id"] == tenant] == [
        {
            "tenant_id": tenant, "site_id": "s1", "metric_type": "tasks_completed",
            "first_seen_at": NOW, "last_seen_at": NOW,
        }
    ]  # fmt: skip


def test_defect_31_every_rule_comes_in_by_the_one_way() -> None:
    """In the origin some rules wrote findings directly, and nobody was told of those."""
    import re
    from pathlib import Path

    import noc_platform

    writes = re.compile(
        r"insert\s+into\s+noc_audit_finding|insert\(\s*audit_finding|audit_finding\.insert", re.IGNORECASE
    )
    folder = Path(noc_platform.__file__).parent
    found = [path.relative_to(folder).as_posix() for path in folder.rglob("*.py") if writes.search(path.read_text())]
    assert found == ["findings/lifecycle.py"]


def test_what_nobody_judged_teaches_nothing(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        put_operation(connection, tenant, sites=4)
        sites = ("s0", "s1", "s2", "s3")
        recorded(connection, *(draft(tenant, site_id=site, judged=CELL) for site in sites))
        ids = {found.site_id: found.finding_id for found in of(connection, tenant)}
        acknowledge(connection, ids["s1"], said())
        resolve(connection, ids["s2"], said(), DOOR, after(60), is_confirmed=False)
        # Judged, and not resting on a baseline.
        recorded(connection, draft(tenant, finding_type=PERSONAL_TYPE, person_id="p0"))
        personal = next(each for each in of(connection, tenant) if each.person_id == "p0").finding_id
        mark_false_positive(connection, personal, said(), DOOR, after(60))
        close_quiet(connection, after(60 * 9), POLICY, {tenant})
        assert tenant not in adjudicated(connection, NOW, after(60 * 24))["tenant_id"].to_pylist()
        assert tenant not in confirmed(connection, after(60 * 24))["tenant_id"].to_pylist()


def test_a_window_of_verdicts_is_half_open(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        put_operation(connection, tenant)
        recorded(connection, draft(tenant, judged=CELL))
        mark_false_positive(connection, only(connection, tenant).finding_id, said(5), DOOR, after(60))

        def told(since: float, until: float) -> int:
            found: list[str] = adjudicated(connection, after(since), after(until))["tenant_id"].to_pylist()
            return found.count(tenant)

        assert (told(0, 5), told(5, 6), told(6, 7)) == (0, 1, 0)


def test_counts_say_how_bad_the_open_ones_are(server: Server, tenant: str) -> None:
    with server.pipeline.transaction() as connection:
        put_operation(connection, tenant)
        recorded(
            connection,
            draft(tenant, severity=Severity.HIGH),
            draft(tenant, site_id="s1", severity=Severity.CRITICAL),
            draft(tenant, finding_type=PERSONAL_TYPE, person_id="p0", severity=Severity.CRITICAL),
        )
        closed = next(each for each in of(connection, tenant) if each.person_id).finding_id
        resolve(connection, closed, said(), DOOR, after(60))
    with server.api.transaction(tenant) as connection:
        found = counts(connection)
    assert found.by_status == {"NEW": 2, "RESOLVED": 1}
    assert list(found.open_by_severity.items()) == [("CRITICAL", 1), ("HIGH", 1)]
