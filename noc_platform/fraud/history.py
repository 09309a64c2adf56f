"""The evidence of events as history: computed over the lake by day, over PostgreSQL for what was not scored yet, and
put together with labels to learn from.

Evidence is as was known when each event came in, so that computing it again gives the same, and what is learned from
is what was scored. Elsewhere: the expression (`features`), single events (`prepared`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from noc_platform.errors import NotFound
from noc_platform.fraud.facts.habits import HISTORY_DAYS
from noc_platform.fraud.facts.work import ASSIGNED_DAYS, TOUR_DAYS
from noc_platform.fraud.labels import label_of_stage, labels_as_of
from noc_platform.fraud.vocabulary import Stage
from noc_platform.lake.engines import duckdb_engine, live_engine
from noc_platform.lake.layout import Lake
from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import (
    ATTENDANCE_EVENTS,
    DEVICE_EVENTS,
    JOBNEEDS,
    LOCATION_UPDATES,
    SHIFTS,
    TOURS_DUE,
    VERDICTS,
)
from noc_platform.streams.declaration import Stream
from noc_platform.telemetry.products import Written, write_days
from noc_platform.telemetry.vocabulary import Window

FEATURES = "fraud/features"
TRAINING_SET = "fraud/training_set"
# How many days before an event each stream is looked into; nothing reaches over two days more.
MARGIN_DAYS = 2
REACH: Mapping[Stream, int] = {
    ATTENDANCE_EVENTS: HISTORY_DAYS + MARGIN_DAYS,
    VERDICTS: HISTORY_DAYS + MARGIN_DAYS,
    DEVICE_EVENTS: 1,
    LOCATION_UPDATES: 1,
    JOBNEEDS: TOUR_DAYS + MARGIN_DAYS,
    TOURS_DUE: TOUR_DAYS + MARGIN_DAYS,
    SHIFTS: ASSIGNED_DAYS + MARGIN_DAYS,
}
# An event stands on the day it happened.
WHEN = "happened_at"
ASKED, WANTED = "asked_event", "wanted_event"
LABELLED = ("is_fraud", "fraud_kind", "selection", "selection_probability", "labelled_at")


@dataclass(frozen=True)
class TrainingSet:
    """Labelled evidence of one tenant as known at `as_of` (UTC): rows in order of time, and the hash of what they say.

    Columns: the evidence's, `is_fraud`, `fraud_kind`, `selection`, `selection_probability`, `labelled_at`.
    """

    tenant_id: str
    as_of: datetime
    begins: datetime
    rows: pa.Table

    @property
    def sha256(self) -> str:
        """The same for the same rows, whenever they are put together."""
        digest = hashlib.sha256()
        for batch in self.rows.combine_chunks().to_batches():
            digest.update(batch.serialize())
        return digest.hexdigest()

    @property
    def labelled(self) -> int:
        """Attendances with a label; each may have an event on coming and one on leaving."""
        return int(pc.count_distinct(self.rows["attendance_id"]).as_py())

    @property
    def positives(self) -> int:
        """Attendances people called fraud."""
        frauds = self.rows.filter(self.rows["is_fraud"])
        return int(pc.count_distinct(frauds["attendance_id"]).as_py())


def refresh_features(database: Database, lake: Lake, days: list[date]) -> Written:
    """Compute the evidence of the events of consecutive UTC days over the lake, and replace it there."""
    with database.transaction() as connection:
        engine = duckdb_engine(lake, connection, days, REACH)
        window = Window.of_days(days[0], days[-1])
        rows = _of_engine(engine, window.start, window.end)
    return write_days(lake, FEATURES, rows, days, WHEN)


def evidence_in_bulk(connection: Connection, lake: Lake, tenant: str, events: list[str]) -> pa.Table:
    """The evidence of these events of a tenant, from what PostgreSQL has and what of it has left for the lake."""
    asked = {"tenant": tenant, "events": events}
    first, last = connection.execute(text(_SPAN), asked).one()
    day = timedelta(days=1)
    spans = {
        stream: (first - day * (days + 1), last + day * 2) for stream, days in REACH.items() if not stream.is_reference
    }
    engine = live_engine(lake, connection, spans)
    return _of_engine(engine, first - day * 2, last + day * 2, events)


def evidence_kept(lake: Lake, tenant: str, days: Iterable[date], events: Iterable[str]) -> pa.Table:
    """Those of a tenant's events whose evidence is in the lake for these UTC days; it is the same whenever computed."""
    wanted = pa.array(list(events), pa.string())
    parts = [lake.read(part) for part in lake.partitions(FEATURES, days) if part.tenant == tenant]
    found = [part.filter(pc.is_in(part["event_id"], value_set=wanted)) for part in parts]
    return pa.concat_tables([evidence_schema().empty_table(), *found], promote_options="default")


def training_set(connection: Connection, lake: Lake, tenant: str, as_of: datetime, history: timedelta) -> TrainingSet:
    """What a tenant's people said by then, with the evidence of those events: as known before `as_of` (UTC)."""
    begins = as_of - history
    days = [begins.date() + timedelta(days=number) for number in range((as_of.date() - begins.date()).days + 1)]
    parts = [lake.read(part) for part in lake.partitions(FEATURES, days) if part.tenant == tenant]
    rows = pa.concat_tables([evidence_schema().empty_table(), *parts], promote_options="default")
    rows = rows.filter(pc.and_(pc.less(rows["known_at"], as_of), pc.greater_equal(rows["happened_at"], begins)))
    said = labels_as_of(connection, tenant, as_of)
    told = pa.concat_tables([_labelled(rows, said, stage) for stage in Stage])
    return TrainingSet(
        tenant, as_of, begins, told.sort_by([("happened_at", "ascending"), ("event_id", "ascending")])
    )  # fmt: skip


def keep_training_set(lake: Lake, made: TrainingSet) -> None:
    """Write a training set to the lake, under the day it was put together for."""
    lake.write(lake.partition(TRAINING_SET, made.tenant_id, made.as_of.date()), made.rows)


def kept_training_set(lake: Lake, tenant: str, as_of: datetime, history: timedelta) -> TrainingSet:
    """A training set that was written. Raises `NotFound` where there is none of that day."""
    partition = lake.partition(TRAINING_SET, tenant, as_of.date())
    if not lake.exists(partition):
        raise NotFound(f"There is no training set of {tenant} for {as_of:%Y-%m-%d}; noc fraud train makes one.")
    return TrainingSet(tenant, as_of, as_of - history, lake.read(partition))


@cache
def evidence_schema() -> pa.Schema:
    """Names and types of the evidence."""
    import ibis

    from noc_platform.fraud.features import evidence
    from noc_platform.fraud.moments import all_tables, moments, numbered

    sources = all_tables()
    asked = ibis.table(numbered(moments(sources)).schema(), name=ASKED)
    return evidence(sources, asked).schema().to_pyarrow()


def _labelled(rows: pa.Table, said: pa.Table, stage: Stage) -> pa.Table:
    told = label_of_stage(said, stage).select(["attendance_id", *LABELLED])
    of_stage = rows.filter(pc.equal(rows["stage"], stage.value))
    return of_stage.join(told, "attendance_id", join_type="inner")


def _of_engine(engine: Any, start: datetime, end: datetime, events: list[str] | None = None) -> pa.Table:
    """Evidence of the events that happened in `[start, end)` (UTC), or of these events, which lie around there."""
    import ibis

    from noc_platform.fraud.features import evidence
    from noc_platform.fraud.moments import OFFSETS_TABLE, all_tables, moments, numbered, zone_offsets
    from noc_platform.telemetry.queries import site_zones
    from noc_platform.telemetry.signals import instant

    zones = engine.to_pyarrow(site_zones())["time_zone"].to_pylist()
    reach = timedelta(days=HISTORY_DAYS + 2 * MARGIN_DAYS)
    engine.con.register(OFFSETS_TABLE, zone_offsets(zones, start - reach, end + reach))
    sources = all_tables()
    asked = moments(sources)
    if events is None:
        asked = asked.filter(asked.happened_at >= instant(start), asked.happened_at < instant(end))
    else:
        engine.con.register(WANTED, pa.table({"event_id": pa.array(events, pa.string())}))
        asked = asked.semi_join(ibis.table({"event_id": "string"}, name=WANTED), "event_id")
    # As a table, so that it is worked out once for all that is asked of it.
    engine.con.register(ASKED, engine.to_pyarrow(numbered(asked)))
    found = evidence(sources, ibis.table(numbered(asked).schema(), name=ASKED))
    rows: pa.Table = engine.to_pyarrow(found)
    return rows


_SPAN = """
    select min(occurred_at), max(occurred_at) from noc_attendance_event
    where tenant_id = :tenant and event_id = any(cast(:events as uuid[]))
"""
