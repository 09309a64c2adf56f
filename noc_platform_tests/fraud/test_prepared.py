"""The statement for one event gives what the history gives, row by row, on PostgreSQL."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from noc_platform.fraud.features import EVIDENCE
from noc_platform.fraud.moments import zone_offsets
from noc_platform.fraud.prepared import event_statement
from noc_platform.store.sessions import Server
from noc_platform_tests.engines import PostgreSQL, opened
from noc_platform_tests.fraud.facts.running import disagreements, found, parameters
from noc_platform_tests.fraud.facts.worlds import CLOCKS_FROM, CLOCKS_UNTIL, ZONES, Row, made

FIND = (Phase.explicit, Phase.reuse, Phase.generate)
CLOCKS = zone_offsets(list(ZONES), CLOCKS_FROM, CLOCKS_UNTIL).to_pydict()
STATEMENT = event_statement().sql.encode()


@pytest.fixture(scope="module")
def postgres(server: Server) -> Iterator[PostgreSQL]:
    with opened("postgres", server) as engine:
        assert isinstance(engine, PostgreSQL)
        yield engine


def one_by_one(postgres: PostgreSQL, events: list[Row]) -> list[Row]:
    """The evidence of each event by a statement of its own."""
    from psycopg.rows import dict_row

    rows: list[Row] = []
    with postgres.connection.cursor(row_factory=dict_row) as cursor:
        for event in events:
            told = cursor.execute(STATEMENT, parameters(event, CLOCKS), prepare=True)
            rows += told.fetchall()
    return rows


@examples(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=FIND)
@given(seed=st.integers(0, 2**32))
def test_one_event_reads_as_in_the_history(postgres: PostgreSQL, seed: int) -> None:
    world = made(seed)
    expected = found(postgres, world)
    rows = one_by_one(postgres, world.attendance_events)
    assert disagreements({row["event_id"]: row for row in rows}, expected) == {}
    assert all(tuple(row) == EVIDENCE for row in rows)
