"""A batch against its stream's declaration: typed rows on one side, faults with their reasons on the other.

Pure: tables in, tables out. The rules are compiled from the declaration to one DuckDB query per shape of input, so a
million rows are checked by column and not one by one. The rules themselves are in `rules`.
"""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.settings import DoorPolicy
from noc_platform.store.duck import open_duckdb
from noc_platform.streams import rules
from noc_platform.streams.declaration import EVENT_ID, OCCURRED_AT, RECEIVED_AT, TENANT, Column, Stream
from noc_platform.streams.files import ROW_NUMBER
from noc_platform.streams.forms import fault_in
from noc_platform.streams.rules import literal, quoted


@dataclass(frozen=True)
class Checked:
    """What became of a batch: every row of it is in exactly one of the two.

    `good` has the stream's columns and `ROW_NUMBER`; `faults` has `ROW_NUMBER`, `tenant_id` (null unless it is known),
    `column_name` and `reason`.
    """

    good: pa.Table
    faults: pa.Table


class Checker:
    """Checks batches of one stream.

    `known` maps each reference stream the declaration refers to onto a table of its keys, columns `tenant_id` and
    `key`. `tenant` is filled in where rows name none. `received_at` (UTC) stamps rows whose source does not say when
    it knew.
    """

    def __init__(
        self, stream: Stream, known: dict[str, pa.Table], policy: DoorPolicy, received_at: datetime, tenant: str | None
    ) -> None:
        self.stream = stream
        self._policy = policy
        self._received_at = received_at
        self._tenant = tenant
        self._engine = open_duckdb()
        self._engine.execute(rules.MACROS)
        for name, keys in known.items():
            self._engine.register(f"known_{name}", keys)

    def check(self, rows: pa.Table) -> Checked:
        """Type, range, vocabulary, form, order and reference of every row. Columns not declared are ignored."""
        self._engine.register("batch", rows)
        checked = _with_forms(self._engine.sql(self._query(rows.schema)).to_arrow_table(), self.stream)
        self._engine.unregister("batch")
        is_good = pc.is_null(checked["fault"])
        bad = checked.filter(pc.invert(is_good))
        faults = pa.table(
            {
                ROW_NUMBER: bad[ROW_NUMBER],
                "tenant_id": pc.if_else(bad["found_tenant_id"], bad[TENANT.name], None),
                "column_name": pc.struct_field(bad["fault"], "column_name"),
                "reason": pc.struct_field(bad["fault"], "reason"),
            }
        )
        return Checked(checked.filter(is_good).select([*self.stream.names, ROW_NUMBER]), faults)

    def _query(self, schema: pa.Schema) -> str:
        """Four steps: tidy what came, give it its type, fill in what the source left to us, find the first fault."""
        columns = self.stream.columns
        tidied = [f"{self._tidied(column, schema)} as {quoted('raw_' + column.name)}" for column in columns]
        typed = [
            f"{rules.typed(column, _sources(column, schema))} as {quoted('typed_' + column.name)}" for column in columns
        ]
        filled = [f"{self._filled(column)} as {quoted(column.name)}" for column in columns]
        referring = [column for column in columns if column.refers_to]
        found = [f"known_{column.name}.key is not null as found_{column.name}" for column in referring]
        if TENANT.name not in {column.name for column in referring}:
            found.append("true as found_tenant_id")
        joins = [_reference_join(column) for column in referring]
        faults = [fault for column in columns for fault in rules.faults(column, self._bounds(column))]
        named = {column.name: column for column in columns}
        faults += [fault for span in self.stream.spans for fault in rules.span_faults(span, named)]
        kept = (ROW_NUMBER, "found_tenant_id", *(quoted(name) for name in self.stream.names))
        return f"""
            with tidied as (select {ROW_NUMBER}, {", ".join(tidied)} from batch),
            typed as (select *, {", ".join(typed)} from tidied),
            filled as (select *, {", ".join(filled)} from typed),
            referred as (select filled.*, {", ".join(found)} from filled {" ".join(joins)})
            select {", ".join(kept)}, coalesce({", ".join(faults)}) as fault from referred
        """

    def _tidied(self, column: Column, schema: pa.Schema) -> str:
        sources = [rules.tidied(column, source) for source in _sources(column, schema)]
        if column.name == TENANT.name and self._tenant is not None:
            sources.append(literal(self._tenant))
        return f"coalesce({', '.join(sources)})" if sources else "null::varchar"

    def _filled(self, column: Column) -> str:
        typed = quoted("typed_" + column.name)
        if column.name == RECEIVED_AT.name:
            return f"coalesce({typed}, {literal(self._received_at.isoformat())}::timestamptz)"
        if column.name == OCCURRED_AT.name:
            return rules.first_of(column.name, *self.stream.occurred_from)
        if column.name == EVENT_ID.name:
            return rules.event_id(self.stream)
        return typed

    def _bounds(self, column: Column) -> tuple[datetime, datetime] | None:
        if column.name not in (OCCURRED_AT.name, RECEIVED_AT.name):
            return None
        return self._policy.earliest, self._received_at + self._policy.future_tolerance


def _with_forms(checked: pa.Table, stream: Stream) -> pa.Table:
    """The same rows; those whose text is not of its column's form have that for a fault, where they had none."""
    for column in stream.columns:
        if column.form is None:
            continue
        told = {text: fault_in(column.form, text) for text in pc.unique(checked[column.name].drop_null()).to_pylist()}
        bad = {text: reason for text, reason in told.items() if reason is not None}
        if bad:
            place = pc.index_in(checked[column.name], value_set=pa.array(bad, pa.string()))
            reasons = pa.array(bad.values(), pa.string()).take(place.combine_chunks())
            names = pc.if_else(pc.is_valid(reasons), column.name, None)
            checked = checked.set_column(*_fault_or(checked, names, reasons))
    return checked


def _fault_or(checked: pa.Table, names: pa.Array, reasons: pa.Array) -> tuple[int, str, pa.Array]:
    told = checked["fault"].combine_chunks()
    names = pc.coalesce(pc.struct_field(told, "column_name"), names)
    reasons = pc.coalesce(pc.struct_field(told, "reason"), reasons)
    fault = pa.StructArray.from_arrays([names, reasons], ["column_name", "reason"], mask=pc.is_null(reasons))
    return checked.column_names.index("fault"), "fault", fault


def _sources(column: Column, schema: pa.Schema) -> list[pa.Field]:
    """Fields of the batch that may hold the column: under its name, or another it is known by, in any case."""
    wanted = [name.casefold() for name in (column.name, *column.also_known_as)]
    present = [field for field in schema if field.name.casefold() in wanted]
    return sorted(present, key=lambda field: wanted.index(field.name.casefold()))


def _reference_join(column: Column) -> str:
    alias = f"known_{column.name}"
    same_tenant = "" if column.refers_to == "tenants" else f"and {alias}.tenant_id = filled.tenant_id"
    return f"left join known_{column.refers_to} {alias} on {alias}.key = filled.{quoted(column.name)} {same_tenant}"
