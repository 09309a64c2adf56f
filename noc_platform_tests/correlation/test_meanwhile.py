"""What people do to incidents while a correlation runs, on two connections: neither undoes the other, none waits for
ever. And what they may do as the API."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import sleep
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from noc_platform.correlation import actions
from noc_platform.correlation.alerts import actions as on_alerts
from noc_platform.correlation.incidents import Correlated, correlate
from noc_platform.correlation.queries import Wanted, incident_called, incidents, ties_of
from noc_platform.errors import NotFound
from noc_platform.journal.ledger import Said
from noc_platform.store.sessions import Database, Server
from noc_platform_tests.builders import POLICY as DOOR
from noc_platform_tests.builders import put_operation
from noc_platform_tests.correlation.operation import AFTER, Operation, raised
from noc_platform_tests.correlation.stories_told import HOUR, NOON, POLICY, unheard

SAID = Said("ana", "called the site", AFTER)
TABLES = (
    "noc_incident_link", "noc_incident_alert", "noc_incident_signal", "noc_correlated_incident", "noc_signal_window",
    "noc_alert_occurrence", "noc_alert", "noc_alert_event", "noc_verdict",
)  # fmt: skip


@pytest.fixture
def two(database: Database, tenant: str) -> Iterator[tuple[UUID, UUID]]:
    """Two dead phones, each an incident, committed; the second's goes on, which was not correlated yet."""
    with database.transaction() as connection:
        put_operation(connection, tenant, people=5, sites=2)
        operation = Operation(connection, tenant)
        operation.hears([unheard("p0"), unheard("p2", NOON + HOUR)])
        operation.is_told([raised("p0", NOON), raised("p2", NOON + HOUR, severity="CRITICAL")])
        operation.correlates()
        first, second = (row["incident_id"] for row in operation.incidents())
        operation.hears([unheard("p2", NOON + 2 * HOUR)])
        operation.is_told([raised("p2", NOON + 2 * HOUR, alert_type="SYNC_DEGRADED")])
    yield first, second
    with database.transaction() as connection:
        for table in TABLES:
            connection.execute(text(f"delete from {table} where tenant_id = :tenant"), {"tenant": tenant})


def beside(database: Database, act: Callable[[Connection], None]) -> Correlated:
    """A correlation that begins before what somebody has just done is committed."""

    def run() -> Correlated:
        with database.transaction() as connection:
            return correlate(connection, POLICY, AFTER + HOUR)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            act(connection)
            running: Future[Correlated] = pool.submit(run)
            _until_it_waits(database)
        return running.result(timeout=30)


def _until_it_waits(database: Database) -> None:
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    for _ in range(100):
        with database.transaction() as connection:
            if connection.execute(text(waiting)).scalar_one():
                return
        sleep(0.05)


def members(database: Database, incident: UUID) -> int:
    counted = """select (select count(*) from noc_incident_signal where incident_id = :incident)
                      + (select count(*) from noc_incident_alert where incident_id = :incident)"""
    with database.transaction() as connection:
        return int(connection.execute(text(counted), {"incident": incident}).scalar_one())


def test_what_is_investigated_meanwhile_takes_nothing_on(
    database: Database, tenant: str, two: tuple[UUID, UUID]
) -> None:
    _, second = two
    before = members(database, second)
    beside(database, lambda connection: actions.investigate(connection, second, SAID, DOOR, AFTER))
    assert members(database, second) == before
    with database.transaction() as connection:
        new = next(each for each in incidents(connection, Wanted(tenant=tenant), 9) if each.person_id == "p2")
        ties = [(each.kind, each.other_id) for each in ties_of(connection, new.incident_id)]
    assert ties == [("FOLLOWS", second)]


def test_what_is_merged_meanwhile_takes_nothing_on(database: Database, two: tuple[UUID, UUID]) -> None:
    first, second = two
    beside(database, lambda connection: actions.merge(connection, first, second, SAID))
    assert (members(database, second), members(database, first)) == (0, 6)
    with database.transaction() as connection:
        assert incident_called(connection, first).ended_at == NOON + 2 * HOUR


def test_who_acts_on_what_a_correlation_merges_waits_for_it_and_not_in_a_circle(
    database: Database, tenant: str, two: tuple[UUID, UUID]
) -> None:
    first, second = two
    with database.transaction() as connection:
        # Both prove to be one, as their site is silent.
        connection.execute(
            text("update noc_signal_window set silence = 'SITE_SILENT' where tenant_id = :t"), {"t": tenant}
        )

    def run() -> int:
        with database.transaction() as connection:
            return correlate(connection, POLICY, AFTER + HOUR).merged

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            actions.acknowledge(connection, second, SAID)
            running = pool.submit(run)
            _until_it_waits(database)
            # Who holds an incident may do to what belongs to it what they like.
            moved = "update noc_incident_signal set incident_id = incident_id where incident_id = :incident"
            connection.execute(text(moved), {"incident": second})
        assert running.result(timeout=30) == 1
    with database.transaction() as connection:
        assert incident_called(connection, second).merged_into == first
        assert incident_called(connection, first).acknowledged_by == "ana"


def test_people_of_a_tenant_act_on_their_own_incidents_and_alerts_as_the_api(
    server: Server, tenant: str, two: tuple[UUID, UUID]
) -> None:
    first, second = two
    with server.pipeline.transaction() as connection:
        correlate(connection, POLICY, AFTER + HOUR)
        alerts = connection.execute(
            text("select alert_id from noc_alert where tenant_id = :t order by first_seen_at"), {"t": tenant}
        ).scalars().all()  # fmt: skip
    with server.api.transaction(tenant) as connection:
        actions.acknowledge(connection, first, SAID)
        new = actions.split(connection, second, SAID, after=NOON + HOUR)
        actions.relate(connection, first, new, SAID)
        actions.relate(connection, first, new, SAID)
        actions.merge(connection, second, new, SAID)
        actions.merge(connection, second, first, SAID)
        actions.investigate(connection, second, SAID, DOOR, AFTER, root_cause="the mast was down")
        on_alerts.acknowledge(connection, alerts[0], SAID)
        on_alerts.assign(connection, alerts[0], "ben", SAID)
        on_alerts.escalate(connection, alerts[1], "cy", SAID)
        on_alerts.resolve(connection, alerts[0], SAID)
    with server.pipeline.transaction() as connection:
        found = incident_called(connection, second)
    assert (found.investigated_by, found.root_cause_description, found.people_count) == ("ana", "the mast was down", 2)
    with server.api.transaction(f"{tenant}-other") as connection:
        with pytest.raises(NotFound):
            actions.acknowledge(connection, second, SAID)
        with pytest.raises(NotFound):
            on_alerts.resolve(connection, alerts[2], SAID)
