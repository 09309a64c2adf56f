"""The statements the API asks give what the expressions they are made of give, on the same rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from psycopg.rows import dict_row

from noc_platform.settings import MovementPolicy
from noc_platform.store.sessions import Server
from noc_platform.telemetry.prepared import person_statement, site_statement
from noc_platform.telemetry.queries import all_sources
from noc_platform.telemetry.signals import Grain, instant, person_signals, site_signals
from noc_platform.telemetry.statements import Prepared
from noc_platform_tests.engines import PostgreSQL, opened, tables_of
from noc_platform_tests.strategies import MIDNIGHT, TENANT, Day, Row, days

POLICY = MovementPolicy(worst_accuracy_meters=100, top_speed_kmh=150)
START, END = MIDNIGHT + timedelta(hours=7, minutes=43), MIDNIGHT + timedelta(hours=9, minutes=43)
PERSON = person_statement(POLICY)
SITE = site_statement(POLICY)


@pytest.fixture(scope="module")
def engine(server: Server) -> Iterator[PostgreSQL]:
    with opened("postgres", server) as engine:
        assert isinstance(engine, PostgreSQL)
        yield engine


def ask(connection: "psycopg.Connection[Any]", statement: Prepared, subject: str, **more: Any) -> list[Row]:
    values = {"tenant": TENANT, "subject": subject, "start": START, "end": END, "known_at": END, **more}
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.sql, values).fetchall()


def directly(engine: PostgreSQL, known_at: datetime) -> tuple[dict[Any, Row], dict[Any, Row]]:
    people = person_signals(all_sources(), Grain.whole(instant(START), instant(END)), POLICY, instant(known_at), True)
    heard = person_signals(all_sources(), Grain.whole(instant(START), instant(END)), POLICY, instant(known_at))
    by_person = {row["person_id"]: row for row in engine.rows(people)}
    return by_person, {row["site_id"]: row for row in engine.rows(site_signals(heard))}


def same(found: Row, expected: Row) -> None:
    for name, value in expected.items():
        wanted = pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
        assert found[name] == wanted, name


@examples(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(day=days())
def test_what_the_api_asks_is_what_the_history_computes(engine: PostgreSQL, day: Day) -> None:
    engine.hold(tables_of(day))
    known_at = END + timedelta(minutes=4)
    by_person, by_site = directly(engine, known_at)
    for person in ("p0", "p1", "p2"):
        (row,) = ask(engine.connection, PERSON, person, known_at=known_at)
        same(row, by_person[person])
    for site in ("s0", "s1"):
        people = [row["person_id"] for row in ask(engine.connection, SITE.who, site, known_at=known_at)]
        rows = ask(engine.connection, SITE.what, site, known_at=known_at, people=people)
        assert len(rows) == (site in by_site)
        for row in rows:
            same(row, by_site[site])


def test_nobody_we_know_has_no_row(engine: PostgreSQL) -> None:
    engine.hold(tables_of(Day()))
    assert ask(engine.connection, PERSON, "stranger") == []
    assert ask(engine.connection, SITE.what, "s0", people=[]) == []


@pytest.mark.parametrize("sql", [PERSON.sql, SITE.who.sql, SITE.what.sql])
def test_no_marker_is_left_in_a_statement(sql: str) -> None:
    assert "::" not in sql
    assert sql.replace("%%", "").replace("%(", "").count("%") == 0
