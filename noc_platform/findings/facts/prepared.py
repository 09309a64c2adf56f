"""The facts of one moment, asked of PostgreSQL or DuckDB by statements that are compiled once per process.

Building and compiling the expressions takes a second, running them on a small world less than that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
from sqlalchemy import Connection

from noc_platform.findings.facts.moment import Facts, Guard, Key, Row, Tour, known
from noc_platform.findings.facts.people import earlier_words, person_facts
from noc_platform.findings.facts.sites import feed_facts, site_facts
from noc_platform.findings.facts.sources import all_fact_sources, of_people
from noc_platform.findings.facts.tours import tour_facts, tours_heard
from noc_platform.findings.policy import RulesPolicy, SilencePolicy
from noc_platform.findings.vocabulary import Depth
from noc_platform.lake.engines import over
from noc_platform.settings import MovementPolicy
from noc_platform.store.duck import open_duckdb
from noc_platform.store.sessions import psycopg_of
from noc_platform.telemetry.signals import INSTANT

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

AS_OF = "as_of"
TENANTS, PEOPLE, TOURS = "tenants", "people", "tours"
LISTS = (TENANTS, PEOPLE, TOURS)


@dataclass(frozen=True)
class Questions:
    """What an audit asks of one kind of engine, as SQL with the parameter `as_of`.

    `words` has `tenants` and `people` too, `walks` also `tours`: whoever is silent or late is asked for by name, as
    what they said last may be hours old.
    """

    guards: str
    words: str
    tours: str
    walks: str
    sites: str
    feeds: str


# Given the name of a question and its parameters, the rows that answer it.
Ask = Callable[[str, Mapping[str, Any]], list[Row]]


def facts_at(ask: Ask, policy: RulesPolicy, as_of: datetime, depth: Depth = Depth.COMPREHENSIVE) -> Facts:
    """The facts of one moment that an audit of that depth asks for: a heartbeat has no use for tours and sites.

    `ask` comes from `asking_postgres` or `asking_duckdb`. Raises ValueError for a moment without a zone.
    """
    if as_of.tzinfo is None:
        raise ValueError(f"an audit needs an instant with a zone, not {as_of}")
    needed = ("guards", "feeds") if depth is Depth.HEARTBEAT else ("guards", "feeds", "tours", "sites")
    facts = Facts.of(**{name: ask(name, {AS_OF: as_of}) for name in needed})
    return replace(
        facts,
        guards=_with_words(facts.guards, ask, policy.silence, as_of),
        tours=_with_walks(facts.tours, ask, as_of),
    )


def _with_words(guards: tuple[Guard, ...], ask: Ask, policy: SilencePolicy, as_of: datetime) -> tuple[Guard, ...]:
    """The guards, with what the phones of those on duty who are not heard said before."""
    missed = {guard.key for guard in guards if guard.is_due and not guard.is_heard(policy.unheard, as_of)}
    words = {(row["tenant_id"], row["person_id"]): row for row in _asked("words", missed, ask, as_of)}
    return tuple(
        replace(guard, **known(words[guard.key])) if guard.key in missed and guard.key in words else guard
        for guard in guards
    )


def _with_walks(tours: tuple[Tour, ...], ask: Ask, as_of: datetime) -> tuple[Tour, ...]:
    """The tours, with how much was heard of whoever was to walk the late ones."""
    late = {
        tour.key: (tour.tenant_id, tour.person_id)
        for tour in tours
        if tour.is_mandatory and tour.person_id is not None and tour.is_late(as_of)
    }
    rows = _asked("walks", set(late.values()), ask, as_of, **{TOURS: sorted({tour for _, tour in late})})
    heard = {(row["tenant_id"], row["tour_id"]): row["heard_slots"] for row in rows}
    return tuple(replace(tour, heard_slots=heard.get(tour.key, 0)) if tour.key in late else tour for tour in tours)


def _asked(name: str, people: set[Key], ask: Ask, as_of: datetime, **more: list[str]) -> list[Row]:
    if not people:
        return []
    tenants, persons = (sorted(set(each)) for each in zip(*people, strict=True))
    return ask(name, {AS_OF: as_of, TENANTS: tenants, PEOPLE: persons, **more})


def asking_postgres(connection: Connection, policy: RulesPolicy, movement: MovementPolicy) -> Ask:
    """Questions to the live tables, in the connection's transaction."""
    from psycopg.rows import dict_row

    questions = _for_postgres(policy, movement)

    def ask(name: str, parameters: Mapping[str, Any]) -> list[Row]:
        with psycopg_of(connection).cursor(row_factory=dict_row, binary=True) as cursor:
            # Never as a plan for all moments: how much lies in a window is only seen from its ends.
            return cursor.execute(getattr(questions, name), parameters, prepare=False).fetchall()

    return ask


def asking_duckdb(connection: "DuckDBPyConnection", policy: RulesPolicy, movement: MovementPolicy) -> Ask:
    """Questions to tables or views of the same names, as `lake.engines` makes them; planned once for the connection."""
    # DuckDB 2.0.0 stops with "dict-surviving cache: global dictionary column changed identity" where what comes out of
    # a hash join is cached (its pull request 23360): one audit of a simulated week in seventy.
    connection.execute("set enable_caching_operators = false")
    for name, sql in vars(_for_duckdb(policy, movement)).items():
        connection.execute(f"prepare {name} as {sql}")

    def ask(name: str, parameters: Mapping[str, Any]) -> list[Row]:
        given = ", ".join(f"{key} := {_written(value)}" for key, value in parameters.items())
        rows: list[Row] = connection.sql(f"execute {name}({given})").to_arrow_table().to_pylist()
        return rows

    return ask


@cache
def _for_postgres(policy: RulesPolicy, movement: MovementPolicy) -> Questions:
    def compiled(expression: ir.Table) -> str:
        sql = str(ibis.to_sql(expression, dialect="postgres", pretty=False)).replace("%", "%%")
        # A sum of bigints is a numeric to PostgreSQL, and a Decimal to Python.
        return _bound(f"select {_columns(expression)} from ({sql}) as facts", "%({})s")

    return _questions(policy, movement, compiled)


@cache
def _for_duckdb(policy: RulesPolicy, movement: MovementPolicy) -> Questions:
    engine = over(open_duckdb())

    def compiled(expression: ir.Table) -> str:
        sql = str(engine.compile(expression))
        return _bound(f"select {_columns(expression)} from ({sql}) as facts", "${}::varchar", "${}::varchar[]")

    return _questions(policy, movement, compiled)


def _questions(policy: RulesPolicy, movement: MovementPolicy, compiled: Callable[[ir.Table], str]) -> Questions:
    sources, as_of = all_fact_sources(), ibis.literal(_marker(AS_OF)).cast(INSTANT)
    tenants, people, tours = (ibis.literal(_marker(name)) for name in LISTS)
    return Questions(
        guards=compiled(person_facts(sources, as_of, policy.facts, movement)),
        words=compiled(earlier_words(of_people(sources, tenants, people), as_of, policy.facts)),
        tours=compiled(tour_facts(sources, as_of, policy.facts)),
        walks=compiled(tours_heard(of_people(sources, tenants, people, tours), as_of, policy.facts)),
        sites=compiled(site_facts(sources, as_of, policy.facts)),
        feeds=compiled(feed_facts(sources, as_of, policy.facts, policy.silence)),
    )


def _columns(expression: ir.Table) -> str:
    kinds = expression.schema().items()
    return ", ".join(f"cast({name} as bigint) as {name}" if kind.is_integer() else name for name, kind in kinds)


def _marker(name: str) -> str:
    return f"::{name}::"


def _bound(sql: str, placeholder: str, listed: str | None = None) -> str:
    for name in LISTS:
        sql = sql.replace(f"IN ('{_marker(name)}')", f"= any({(listed or placeholder).format(name)})")
    return sql.replace(f"'{_marker(AS_OF)}'", placeholder.format(AS_OF))


def _written(value: Any) -> str:
    """A parameter as a literal: DuckDB binds none to a statement that is executed by name."""
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    return "[" + ", ".join("'" + str(each).replace("'", "''") + "'" for each in value) + "]"
