"""Tenants cannot meet: every way the API's role might read or write across is tried."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from noc_platform.store.sessions import Server
from noc_platform.streams.catalogue import EVENT_STREAMS, LOCATION_UPDATES, REFERENCE_STREAMS, TENANTS
from noc_platform_tests.builders import NOW, put, put_operation


@pytest.fixture
def two(server: Server, tenant: str) -> tuple[str, str]:
    """Two tenants with the same people ids, the second with a fix of p0."""
    other = f"{tenant}-other"
    with server.pipeline.transaction() as connection:
        for name in (tenant, other):
            put_operation(connection, name)
        put(connection, LOCATION_UPDATES, [{"person_id": "p0", "occurred_at": NOW, "lat": "1", "lon": "1"}], other)
    return tenant, other


@pytest.mark.parametrize("stream", [*REFERENCE_STREAMS, *EVENT_STREAMS], ids=lambda stream: stream.name)
def test_a_tenant_sees_only_its_own_rows(server: Server, two: tuple[str, str], stream: object) -> None:
    mine, _ = two
    with server.api.transaction(mine) as connection:
        tenants = connection.execute(text(f"select distinct tenant_id from {stream.table}")).scalars().all()  # type: ignore[attr-defined]
    assert set(tenants) <= {mine}


def test_asking_for_the_other_tenant_by_name_finds_nothing(server: Server, two: tuple[str, str]) -> None:
    mine, other = two
    with server.api.transaction(mine) as connection:
        found = connection.execute(
            text("select count(*) from noc_location_update where tenant_id = :other"), {"other": other}
        )
        assert found.scalar() == 0
    with server.api.transaction(other) as connection:
        assert connection.execute(text("select count(*) from noc_location_update")).scalar() == 1


def test_without_a_tenant_nothing_is_seen(server: Server, two: tuple[str, str]) -> None:
    with server.api.transaction() as connection:
        for stream in (*REFERENCE_STREAMS, *EVENT_STREAMS):
            assert connection.execute(text(f"select count(*) from {stream.table}")).scalar() == 0


def test_the_tenant_ends_with_its_transaction(server: Server, two: tuple[str, str]) -> None:
    """A pooled connection must not remember whom it served last."""
    with server.api.transaction(two[1]):
        pass
    with server.api.transaction() as connection:
        assert connection.execute(text("select count(*) from noc_location_update")).scalar() == 0


def test_writing_for_the_other_tenant_is_refused(server: Server, two: tuple[str, str]) -> None:
    mine, other = two
    row = {"other": other, "now": NOW}
    with pytest.raises(ProgrammingError, match="row-level security"), server.api.transaction(mine) as connection:
        connection.execute(
            text(
                """insert into noc_location_update (tenant_id, event_id, occurred_at, person_id, received_at)
                   values (:other, gen_random_uuid(), :now, 'p0', :now)"""
            ),
            row,
        )


@pytest.mark.parametrize(
    "statement",
    [
        "update noc_location_update set latitude = 0",
        "delete from noc_location_update",
        "insert into noc_tenant values ('x', 'x', true, now())",
        "truncate noc_location_update",
        "alter table noc_location_update disable row level security",
        "drop policy noc_location_update_own_tenant on noc_location_update",
        "set session authorization noc_owner; select 1 from pg_authid",
    ],
)
def test_the_api_may_not(server: Server, two: tuple[str, str], statement: str) -> None:
    with pytest.raises(ProgrammingError), server.api.transaction(two[0]) as connection:
        connection.execute(text(statement))


def test_reset_role_does_not_lead_out(server: Server, two: tuple[str, str]) -> None:
    with server.api.transaction(two[0]) as connection:
        connection.execute(text("reset role"))
        assert connection.execute(text("select current_user")).scalar() == "noc_api"


def test_rows_of_an_unknown_tenant_are_refused_at_the_door(server: Server, tenant: str) -> None:
    with server.pipeline.transaction() as connection:
        receipt = put(connection, LOCATION_UPDATES, [{"person_id": "p0", "occurred_at": NOW}], tenant)
        assert receipt.quarantined == 1
        put(connection, TENANTS, [{"tenant_id": tenant, "name": "now known"}])
