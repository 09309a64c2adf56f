"""Checked rows on their way into their table: events are added, each once; reference data replaces what was known.

Both work inside the caller's transaction: `add` takes a batch, `settle` ends the source and gives how many were new.
"""

from collections.abc import Callable
from datetime import date, datetime

import psycopg.errors
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from noc_platform.store.copying import copy_in
from noc_platform.streams.declaration import Stream
from noc_platform.streams.files import ROW_NUMBER

Day = tuple[str, date]
# Identities the lake holds of a stream's events of one tenant and UTC day.
History = Callable[[Stream, str, date], pa.Array]


def nothing_kept(stream: Stream, tenant: str, day: date) -> pa.Array:  # noqa: ARG001 - a `History`
    """The history of an installation without a lake."""
    return pa.array([], pa.string())


def open_staging(connection: Connection, stream: Stream, *more: str) -> None:
    """An empty temporary table `staged` with the columns of the stream and `more`, gone with the transaction."""
    columns = ", ".join([f"like {stream.table}", *more])
    connection.execute(text("drop table if exists pg_temp.staged"))
    connection.execute(text(f"create temp table staged ({columns}) on commit drop"))


class Events:
    """Events of one source, added where their identity is new and counted by tenant and day.

    Batches are copied straight into the table. Where an event is known already, or row-level security (which COPY does
    not go through) holds, they go by way of a staging table instead, which costs twice as much.
    """

    def __init__(self, connection: Connection, stream: Stream, history: History) -> None:
        self._connection = connection
        self._stream = stream
        self._history = history
        self._is_straight = not self._is_held_to_rows()
        self._left = self._days_that_left()
        self._days: dict[Day, tuple[int, datetime, datetime]] = {}

    def add(self, rows: pa.Table) -> None:
        """Add a batch of checked rows."""
        events = self._without_history(rows.drop_columns([ROW_NUMBER]))
        if self._is_straight:
            try:
                with self._connection.begin_nested():
                    copy_in(self._connection, self._stream.table, events)
            except psycopg.errors.UniqueViolation:
                self._is_straight = False
            else:
                self._count(_days_of(events))
                return
        self._add_what_is_new(events)

    def settle(self, loaded_at: datetime) -> int:
        """Note in the ledger which days received rows, so that the lake and the signals look at them again."""
        noted = [
            {"tenant": tenant, "day": day, "rows": rows, "first": first, "last": last}
            for (tenant, day), (rows, first, last) in sorted(self._days.items())
        ]
        statement = """
            insert into noc_telemetry_day as known
                (tenant_id, stream, day, rows, generation, first_received_at, last_received_at, last_loaded_at)
            values (:tenant, :stream, :day, :rows, 1, :first, :last, :loaded_at)
            on conflict (tenant_id, stream, day) do update set
                rows = known.rows + excluded.rows,
                generation = known.generation + 1,
                first_received_at = least(known.first_received_at, excluded.first_received_at),
                last_received_at = greatest(known.last_received_at, excluded.last_received_at),
                last_loaded_at = greatest(known.last_loaded_at, excluded.last_loaded_at)
        """
        if noted:
            common = {"stream": self._stream.name, "loaded_at": loaded_at}
            self._connection.execute(text(statement), [{**common, **day} for day in noted])
        return sum(rows for rows, _, _ in self._days.values())

    def _is_held_to_rows(self) -> bool:
        question = text("select row_security_active(:table)")
        return bool(self._connection.execute(question, {"table": self._stream.table}).scalar_one())

    def _days_that_left(self) -> set[Day]:
        question = text(
            "select tenant_id, day from noc_telemetry_day where stream = :stream and dropped_at is not null"
        )
        return {(tenant, day) for tenant, day in self._connection.execute(question, {"stream": self._stream.name})}

    def _without_history(self, events: pa.Table) -> pa.Table:
        """Less the events that PostgreSQL has forgotten and the lake has not."""
        if not self._left:
            return events
        day_of_row = _day_of(events)
        for tenant, day in self._left & set(_days_of(events)):
            is_known = pc.is_in(events["event_id"], value_set=self._history(self._stream, tenant, day))
            is_then = pc.and_(pc.equal(events["tenant_id"], tenant), pc.equal(day_of_row, pa.scalar(day)))
            keeps = pc.invert(pc.and_(is_known, is_then))
            events, day_of_row = events.filter(keeps), day_of_row.filter(keeps)
        return events

    def _add_what_is_new(self, events: pa.Table) -> None:
        names = ", ".join(self._stream.names)
        open_staging(self._connection, self._stream)
        copy_in(self._connection, "staged", events)
        statement = f"""
            with added as (
                insert into {self._stream.table} ({names}) select {names} from staged
                on conflict (event_id, tenant_id) do nothing
                returning tenant_id, occurred_at, received_at
            )
            select tenant_id, occurred_at::date, count(*), min(received_at), max(received_at) from added group by 1, 2
        """
        found = self._connection.execute(text(statement)).all()
        self._count({(tenant, day): (rows, first, last) for tenant, day, rows, first, last in found})

    def _count(self, days: dict[Day, tuple[int, datetime, datetime]]) -> None:
        for day, (rows, first, last) in days.items():
            before, earliest, latest = self._days.get(day, (0, first, last))
            self._days[day] = (before + rows, min(earliest, first), max(latest, last))


def _day_of(events: pa.Table) -> pa.ChunkedArray:
    return pc.cast(events["occurred_at"], pa.date32(), safe=False)


def _days_of(events: pa.Table) -> dict[Day, tuple[int, datetime, datetime]]:
    days = pa.table(
        {
            "tenant": events["tenant_id"],
            "day": _day_of(events),
            "received_at": events["received_at"],
        }
    )
    counted = days.group_by(["tenant", "day"]).aggregate([("received_at", how) for how in ("count", "min", "max")])
    return {
        (row["tenant"], row["day"]): (row["received_at_count"], row["received_at_min"], row["received_at_max"])
        for row in counted.to_pylist()
    }


class References:
    """Reference data of one source. Of two rows with one key the later wins.

    Rows that change nothing are not new. A null says nothing: it leaves what is known, so that several sources can tell
    of one person.
    """

    def __init__(self, connection: Connection, stream: Stream) -> None:
        self._connection = connection
        self._stream = stream
        open_staging(connection, stream, "row_number bigint")

    def add(self, rows: pa.Table) -> None:
        """Add a batch of checked rows."""
        copy_in(self._connection, "staged", rows.rename_columns([*self._stream.names, "row_number"]))

    def settle(self, loaded_at: datetime) -> int:  # noqa: ARG002 - events note it
        """Replace what was known; gives how many rows said something new."""
        stream = self._stream
        key, names = ", ".join(stream.key), ", ".join(stream.names)
        told = [name for name in stream.names if name not in (*stream.key, "received_at")]
        merged = {name: f"coalesce(excluded.{name}, known.{name})" for name in told}
        updates = ", ".join(
            f"{name} = {value}" for name, value in (*merged.items(), ("received_at", "excluded.received_at"))
        )
        ours, theirs = ", ".join(f"known.{name}" for name in told), ", ".join(merged.values())
        statement = f"""
            with changed as (
                insert into {stream.table} as known ({names})
                select distinct on ({key}) {names} from staged order by {key}, row_number desc
                on conflict ({key}) do update set {updates} where ({ours}) is distinct from ({theirs})
                returning 1
            )
            select count(*) from changed
        """
        return int(self._connection.execute(text(statement)).scalar_one())
