"""One correlation: what audits collected and what was raised of late, put together; incidents take on what is theirs.

A handful of statements for however many items, inside the caller's transaction. Whatever order signals and alerts come
in, the same incidents result. Elsewhere: which pairs belong together (`matching`), which are one story (`stories`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import UUID

import ibis
import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.correlation.alerts.queries import OCCURRENCES_SCHEMA, eligible_occurrences
from noc_platform.correlation.keeping import Link, link, standing_of, write
from noc_platform.correlation.matching import belonging, continuations, matches
from noc_platform.correlation.members import restate
from noc_platform.correlation.repeats import state_types
from noc_platform.correlation.stories import Item, Place, Raised, Summary, Told, placed, together
from noc_platform.correlation.vocabulary import LinkKind
from noc_platform.journal.identities import identity_at
from noc_platform.journal.ledger import Action, Decision, Subject, enter
from noc_platform.lake.engines import over
from noc_platform.settings import CorrelationPolicy
from noc_platform.store.duck import open_duckdb
from noc_platform.telemetry.windows import WINDOWS_SCHEMA, windows_between

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# One correlation writes at a time, so that two can never open an incident for the same. Any constant will do.
CORRELATION_LOCK = 0x4E4F4349
# Up to so many rows a statement planned beforehand is quicker than one planned for what there is.
FEW_ROWS = 2_000
PREPARED = ("pairs", "continued")
ONE_AT_A_TIME = Lock()


@dataclass(frozen=True)
class Correlated:
    """What one correlation did: how much it looked at, and what became of incidents."""

    as_of: datetime
    windows: int
    alerts: int
    matched: int
    opened: int
    attached: int
    merged: int


@dataclass(frozen=True)
class Matched:
    """Pairs of a window and an alert that are one story, as columns of `matching.matches`, and which window goes on
    with which."""

    pairs: pa.Table
    continued: pa.Table


def correlate(connection: Connection, policy: CorrelationPolicy, as_of: datetime) -> Correlated:
    """Put together what is known at `as_of` (UTC) of the last `policy.memory`. Doing it again changes nothing.

    What people have investigated is closed: it takes nothing on, and what goes on after it is a story of its own that
    follows it.
    """
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": CORRELATION_LOCK})
    since = as_of - policy.memory
    windows = windows_between(connection, since, as_of)
    occurrences = eligible_occurrences(connection, since, as_of, known_at=as_of)
    found = match(windows, occurrences, policy)
    edges = edges_of(found)
    standing, closed = standing_of(connection, since)
    groups = together((one, other) for one, other in edges if one not in closed and other not in closed)
    places = list(_named(placed(groups, standing), found.pairs))
    new = [place for place in places if place.incident_id not in standing.started]
    rescored = write(connection, places, new, found.pairs, policy, as_of)
    link(connection, [*_merges(places), *_follows(new, edges, closed)], as_of)
    touched = {place.incident_id for place in places if place.incident_id} | rescored
    said = restate(connection, touched, as_of)
    state_types(connection, policy, since, as_of)
    enter(connection, _decisions(places, new, said, as_of))
    opened = sum(len(place.items) for place in new)
    return Correlated(
        as_of,
        windows.num_rows,
        occurrences.num_rows,
        matched=found.pairs.num_rows,
        opened=len(new),
        attached=sum(len(place.items) for place in places) - opened,
        merged=sum(len(place.absorbed) for place in places),
    )


def match(windows: pa.Table, occurrences: pa.Table, policy: CorrelationPolicy) -> Matched:
    """Which of these windows (`WINDOWS_SCHEMA`) and alerts (`OCCURRENCES_SCHEMA`) are one story."""
    statements = _compiled(policy)
    if windows.num_rows + occurrences.num_rows <= FEW_ROWS:
        return _match_few(windows, occurrences, *statements)
    with _opened() as engine:
        engine.register("windows", windows)
        engine.register("occurrences", occurrences)
        pairs, continued = (engine.sql(statement).to_arrow_table() for statement in statements)
    return Matched(pairs, continued)


def _match_few(windows: pa.Table, occurrences: pa.Table, *statements: str) -> Matched:
    """The same, planned once for the process: of a person's day that is most of the work."""
    with ONE_AT_A_TIME:
        engine = _prepared(*statements)
        engine.begin()
        try:
            for name, rows in (("windows", windows), ("occurrences", occurrences)):
                engine.register("given", rows)
                engine.execute(f"insert into {name} by name select * from given")
            pairs, continued = (engine.sql(f"execute {name}").to_arrow_table() for name in PREPARED)
        finally:
            # Rows that were never there need not be cleared away.
            engine.rollback()
    return Matched(pairs, continued)


@cache
def _prepared(*statements: str) -> "DuckDBPyConnection":
    engine = _opened()
    for name, schema in (("windows", WINDOWS_SCHEMA), ("occurrences", OCCURRENCES_SCHEMA)):
        engine.register("given", schema.empty_table())
        engine.execute(f"create table {name} as select * from given")
    for name, statement in zip(PREPARED, statements, strict=True):
        engine.execute(f"prepare {name} as {statement}")
    return engine


def _opened() -> "DuckDBPyConnection":
    engine = open_duckdb()
    # As for audits: DuckDB 2.0.0 may stop where what comes out of a hash join is cached (findings.facts.prepared).
    engine.execute("set enable_caching_operators = false")
    return engine


@cache
def _compiled(policy: CorrelationPolicy) -> tuple[str, str]:
    engine = over(open_duckdb())
    windows, occurrences = (
        ibis.table(
            {name: kind.copy(nullable=True) for name, kind in ibis.Schema.from_pyarrow(schema).items()}, name=name
        )
        for schema, name in ((WINDOWS_SCHEMA, "windows"), (OCCURRENCES_SCHEMA, "occurrences"))
    )
    pairs = belonging(matches(windows, occurrences, policy), policy)
    return str(engine.compile(pairs)), str(engine.compile(continuations(windows, policy)))


def edges_of(found: Matched) -> list[tuple[Item, Item]]:
    """What belongs to one story, pair by pair: a window and an alert, or two windows."""
    told, raised = _told(found.pairs), _raised(found.pairs)
    edges: list[tuple[Item, Item]] = list(zip(told, raised, strict=True))
    following = found.continued.select(["tenant_id", "next_person_id", "next_window_end"])
    edges += zip(_told(found.continued), map(Told, *map(_values, following.columns)), strict=True)
    return edges


def _told(rows: pa.Table) -> list[Told]:
    return list(map(Told, *(_values(rows[name]) for name in ("tenant_id", "person_id", "window_end"))))


def _raised(rows: pa.Table) -> list[Raised]:
    return list(map(Raised, _values(rows["tenant_id"]), _values(rows["event_id"], UUID)))


def _values(column: pa.ChunkedArray, made: Callable[[Any], Any] = lambda value: value) -> list[Any]:
    """The values of a column, each made once however often it is there: few moments and people make many windows."""
    encoded = column.combine_chunks().dictionary_encode()
    known = list(map(made, encoded.dictionary.to_pylist()))
    return [known[place] for place in encoded.indices.to_pylist()]


def _raised_at(pairs: pa.Table) -> dict[Raised, datetime]:
    return dict(zip(_raised(pairs), _values(pairs["occurred_at"]), strict=True))


def _named(places: Sequence[Place], pairs: pa.Table) -> Iterator[Place]:
    """The places, each with the identity of the incident it opens if it goes to none yet: that of its first alert."""
    raised_at = _raised_at(pairs) if any(place.incident_id is None for place in places) else {}
    for place in places:
        yield place if place.incident_id is not None else replace(place, incident_id=_identity(place, raised_at))


def _identity(place: Place, raised_at: Mapping[Raised, datetime]) -> UUID:
    at, first = min((raised_at[item], item) for item in place.items if isinstance(item, Raised))
    return identity_at(at, ["incident", first.tenant_id, first.event_id])


def _merges(places: Iterable[Place]) -> list[Link]:
    why = "Signals or alerts that came later show that both are one story."
    return [
        (place.tenant_id, place.incident_id, other, LinkKind.MERGED_FROM, why)
        for place in places
        if place.incident_id
        for other in place.absorbed
    ]


def _follows(new: Iterable[Place], edges: Iterable[tuple[Item, Item]], closed: Mapping[Item, UUID]) -> list[Link]:
    """New incidents that go on where one that was investigated ends."""
    if not closed:
        return []
    opened = {item: place for place in new for item in place.items}
    touching = {
        (place.tenant_id, place.incident_id, closed[theirs])
        for one, other in edges
        for mine, theirs in ((one, other), (other, one))
        if mine in opened and theirs in closed and (place := opened[mine]).incident_id
    }
    why = "It goes on where an investigated incident ends."
    return [(*each, LinkKind.FOLLOWS, why) for each in sorted(touching)]


def _decisions(
    places: Iterable[Place], new: Iterable[Place], said: Mapping[UUID, Summary], as_of: datetime
) -> Iterator[Decision]:
    for place in new:
        if place.incident_id is not None:
            story = said[place.incident_id]
            inputs = {
                "score": story.score, **story.score_parts, "severity": story.severity, "alerts": story.alerts,
                "people": story.people, "started_at": story.started_at,
            }  # fmt: skip
            yield Decision(
                place.tenant_id, Subject.INCIDENT, str(place.incident_id), Action.CORRELATED, "correlate", story.title,
                as_of, inputs=inputs,
            )  # fmt: skip
    for place in places:
        for other in place.absorbed:
            yield Decision(
                place.tenant_id, Subject.INCIDENT, str(other), Action.MERGED, "correlate",
                f"It is one story with incident {place.incident_id}, which began before it.", as_of,
                inputs={"merged_into": place.incident_id},
            )  # fmt: skip
