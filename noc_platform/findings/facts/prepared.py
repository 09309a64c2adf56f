"""The facts of one moment, asked of PostgreSQL or DuckDB by statements that are compiled once per process.

Building and compiling the expressions takes a second, running them on a small world less than that.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from queue import Queue
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.types as ir
from sqlalchemy import Connection

from noc_platform.findings.facts.moment import Facts, Key, Row, known
from noc_platform.findings.facts.people import earlier_words, person_facts, words_of_window
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

    `earlier` has `tenants` and `people` too, `walks` also `tours`: whoever is silent or late is asked for by name, as
    what they said last may be hours old. `silences` is `feeds` over the whole window, for where one has gone silent.
    What is asked first takes longest.
    """

    guards: str
    words: str
    earlier: str
    tours: str
    walks: str
    sites: str
    feeds: str
    silences: str


Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """An engine that answers questions: given the name of one and its parameters, its rows; `at_once` of them."""

    ask: Callable[[str, Parameters], list[Row]]
    at_once: int = 1

    def all(self, asked: Mapping[str, Parameters]) -> dict[str, list[Row]]:
        """The answers to several questions."""
        with ThreadPoolExecutor(self.at_once) as pool:
            found = {name: pool.submit(self.ask, name, parameters) for name, parameters in asked.items()}
        return {name: answer.result() for name, answer in found.items()}


def facts_at(engine: Asked, policy: RulesPolicy, as_of: datetime, depth: Depth = Depth.COMPREHENSIVE) -> Facts:
    """The facts of one moment that an audit of that depth asks for: a heartbeat has no use for tours and sites.

    `engine` comes from `asking_postgres` or `asking_duckdb`. Raises ValueError for a moment without a zone.
    """
    if as_of.tzinfo is None:
        raise ValueError(f"an audit needs an instant with a zone, not {as_of}")
    at_once = ("guards", "words", "feeds")
    needed = at_once if depth is Depth.HEARTBEAT else (*at_once, "tours", "sites")
    told = engine.all({name: {AS_OF: as_of} for name in needed})
    words = _by_person(told.pop("words"))
    guards = [{**row, **words.get(_person(row), {})} for row in told.pop("guards")]
    return _with_what_was_before(Facts.of(guards, **told), engine, policy.silence, as_of)


def _with_what_was_before(facts: Facts, engine: Asked, policy: SilencePolicy, as_of: datetime) -> Facts:
    """The facts, with what the phones of those on duty who are not heard said before, how much was heard of whoever was
    to walk the tours that are late, and since when feeds are silent that are."""
    missed = {guard.key for guard in facts.guards if guard.is_due and not guard.is_heard(policy.unheard, as_of)}
    late = {
        tour.key: (tour.tenant_id, tour.person_id)
        for tour in facts.tours
        if tour.is_mandatory and tour.person_id is not None and tour.is_late(as_of)
    }
    tours = {TOURS: sorted({tour for _, tour in late})}
    asked: dict[str, Parameters] = {
        **({"earlier": {AS_OF: as_of, **_named(missed)}} if missed else {}),
        **({"walks": {AS_OF: as_of, **_named(set(late.values())), **tours}} if late else {}),
    }
    if not all(feed.last_received_at and as_of - feed.last_received_at < policy.feed_late for feed in facts.feeds):
        asked["silences"] = {AS_OF: as_of}
    told = engine.all(asked) if asked else {}
    words = _by_person(told.get("earlier", []))
    heard = {(row["tenant_id"], row["tour_id"]): row["heard_slots"] for row in told.get("walks", [])}
    feeds = Facts.of([], feeds=told["silences"]).feeds if "silences" in told else facts.feeds
    return replace(
        facts,
        feeds=feeds,
        guards=tuple(
            replace(guard, **known(words[guard.key])) if guard.key in missed and guard.key in words else guard
            for guard in facts.guards
        ),
        tours=tuple(
            replace(tour, heard_slots=heard.get(tour.key, 0)) if tour.key in late else tour for tour in facts.tours
        ),
    )


def _person(row: Row) -> Key:
    return row["tenant_id"], row["person_id"]


def _by_person(rows: list[Row]) -> dict[Key, Row]:
    return {_person(row): row for row in rows}


def _named(people: set[Key]) -> dict[str, list[str]]:
    tenants, persons = (sorted(set(each)) for each in zip(*people, strict=True))
    return {TENANTS: tenants, PEOPLE: persons}


def asking_postgres(connections: Sequence[Connection], policy: RulesPolicy, movement: MovementPolicy) -> Asked:
    """Questions to the live tables, in the transactions of these connections, each of which answers one at a time."""
    from psycopg.rows import dict_row

    questions = _for_postgres(policy, movement)
    idle: Queue[Connection] = Queue()
    for connection in connections:
        # Several questions at a time use the cores already.
        psycopg_of(connection).execute("set local max_parallel_workers_per_gather = 0")
        idle.put(connection)

    def ask(name: str, parameters: Parameters) -> list[Row]:
        connection = idle.get()
        try:
            with psycopg_of(connection).cursor(row_factory=dict_row, binary=True) as cursor:
                # Never as a plan for all moments: how much lies in a window is only seen from its ends.
                return cursor.execute(getattr(questions, name), parameters, prepare=False).fetchall()
        finally:
            idle.put(connection)

    return Asked(ask, len(connections))


def asking_duckdb(connection: "DuckDBPyConnection", policy: RulesPolicy, movement: MovementPolicy) -> Asked:
    """Questions to tables or views of the same names, as `lake.engines` makes them; planned once for the connection."""
    # DuckDB 2.0.0 stops with "dict-surviving cache: global dictionary column changed identity" where what comes out of
    # a hash join is cached (its pull request 23360): one audit of a simulated week in seventy.
    connection.execute("set enable_caching_operators = false")
    for name, sql in vars(_for_duckdb(policy, movement)).items():
        connection.execute(f"prepare {name} as {sql}")

    def ask(name: str, parameters: Parameters) -> list[Row]:
        given = ", ".join(f"{key} := {_written(value)}" for key, value in parameters.items())
        rows: list[Row] = connection.sql(f"execute {name}({given})").to_arrow_table().to_pylist()
        return rows

    # One connection of DuckDB takes both cores for one question.
    return Asked(ask)


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
        words=compiled(words_of_window(sources, as_of, policy.facts)),
        earlier=compiled(earlier_words(of_people(sources, tenants, people), as_of, policy.facts)),
        tours=compiled(tour_facts(sources, as_of, policy.facts)),
        walks=compiled(tours_heard(of_people(sources, tenants, people, tours), as_of, policy.facts)),
        sites=compiled(site_facts(sources, as_of, policy.facts)),
        feeds=compiled(feed_facts(sources, as_of, policy.facts, policy.silence, policy.facts.recent)),
        silences=compiled(feed_facts(sources, as_of, policy.facts, policy.silence, policy.facts.window)),
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
