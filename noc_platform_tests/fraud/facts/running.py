"""The evidence of a whole world on an engine, compiled once: composing it takes longer than running it."""

import math
from functools import cache
from typing import Any

import ibis
import ibis.expr.types as ir

from noc_platform.fraud.features import EVIDENCE, evidence
from noc_platform.fraud.moments import all_tables, moments, numbered
from noc_platform_tests.engines import DuckDB, Engine, PostgreSQL
from noc_platform_tests.fraud.facts.worlds import Row, World

ASKED = "asked_moment"


def found(engine: Engine, world: World) -> dict[str, Row]:
    """The evidence of every event of the world, by event."""
    engine.hold(world.tables())
    rows = history(engine)
    by_event = {str(row["event_id"]): row for row in rows}
    assert len(by_event) == len(rows) == len(world.attendance_events)
    return by_event


def history(engine: Engine) -> list[Row]:
    """The evidence of every event the engine holds."""
    if isinstance(engine, DuckDB):
        return list(engine.connection.sql(statement("duckdb")).to_arrow_table().to_pylist())
    if isinstance(engine, PostgreSQL):
        from psycopg.rows import dict_row

        with engine.connection.cursor(row_factory=dict_row) as cursor:
            # As it is, without parameters: the statement may have percent signs in it.
            return list(cursor.execute(statement("postgres").encode()).fetchall())
    return _on_spark(engine)


def _on_spark(engine: Any) -> list[Row]:
    """In steps: what takes minutes to compute is not waited for by the one who collects it."""
    for name, table in ((ASKED, _moments()), ("evidence_rows", evidence(all_tables(), _stored()))):
        frame = engine.session.sql(str(ibis.to_sql(table, dialect="pyspark", pretty=False)))
        frame.localCheckpoint().createOrReplaceTempView(name)
    return list(engine.session.table("evidence_rows").toArrow().to_pylist())


@cache
def statement(dialect: str) -> str:
    """The statement that gives the evidence of everything there is."""
    return str(ibis.to_sql(_whole(), dialect=dialect, pretty=False))


def _whole() -> ir.Table:
    return evidence(all_tables(), _moments())


def _moments() -> ir.Table:
    return numbered(moments(all_tables()))


def _stored() -> ir.Table:
    return ibis.table(_moments().schema(), name=ASKED)


def differing(found: Row, expected: Row) -> dict[str, tuple[Any, Any]]:
    """The columns in which two rows of evidence differ, with what was found and what was expected."""
    return {name: (found[name], expected[name]) for name in EVIDENCE if not same(found[name], expected[name])}


def same(found: Any, expected: Any) -> bool:
    """Null is only null; numbers may differ by what engines' sines and sums differ by."""
    if isinstance(found, float) and isinstance(expected, int | float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-6)
    return bool(found == expected)


def disagreements(found: dict[str, Row], expected: dict[str, Row]) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Event by event what differs; nothing where they agree."""
    assert found.keys() == expected.keys()
    told = {event: differing(found[event], row) for event, row in expected.items()}
    return {event: columns for event, columns in told.items() if columns}


def parameters(event: Row, clocks: dict[str, list[Any]]) -> dict[str, Any]:
    """What `prepared.event_statement` has to be told of an event; `clocks` are the columns of `zone_offsets`."""
    return {
        "tenant": event["tenant_id"],
        "event": event["event_id"],
        "person": event["person_id"],
        "site": event["site_id"],
        "device": event.get("device_id"),
        "template": event.get("template_id"),
        "came": event["punched_in_at"],
        "at": event["punched_out_at"] or event["punched_in_at"],
        "known_at": event["received_at"],
        "zones": clocks["time_zone"],
        "sinces": clocks["since"],
        "untils": clocks["until"],
        "minutes": clocks["offset_minutes"],
    }
