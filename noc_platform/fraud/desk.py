"""Scoring events that are there: their evidence is asked for, they are scored, and what follows is kept. The one path
of the API, which scores what it just received, and of the batch, which scores whatever has no prediction.

A tenant whose model cannot be used is scored by rules, and that is told; it never waits. Elsewhere: the score itself
(`scoring`), what is kept (`predictions`).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

import pyarrow as pa
from psycopg.rows import dict_row
from sqlalchemy import Connection, text

from noc_platform.errors import NocError
from noc_platform.fraud.facts.habits import HISTORY_DAYS
from noc_platform.fraud.history import evidence_in_bulk, evidence_kept, evidence_schema
from noc_platform.fraud.limits import limits_book
from noc_platform.fraud.live import challengers, live_models
from noc_platform.fraud.moments import zone_offsets
from noc_platform.fraud.predictions import Recorded, RecordPolicy, record, record_shadow
from noc_platform.fraud.scoring import LiveModel, Models, Ready, Scores, score
from noc_platform.lake.layout import Lake
from noc_platform.store.sessions import Database, psycopg_of
from noc_platform.telemetry.statements import Prepared

log = logging.getLogger(__name__)
# One by one up to here, by index; beyond, copying days out and asking them at once is faster.
FEW = 200
AT_ONCE = 20_000
CLOCK_REACH = timedelta(days=HISTORY_DAYS + 7)
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Scored:
    """Events scored together: evidence, scores, what of it was new, and why rules had to do where they did."""

    evidence: pa.Table
    scores: Scores
    recorded: Recorded
    fell_back: str | None = None


@dataclass(frozen=True)
class Tally:
    """What a batch came to for one tenant."""

    tenant_id: str
    events: int = 0
    shadows: int = 0
    recorded: Recorded = field(default_factory=Recorded)
    version: str = ""
    fell_back: str | None = None


class Desk:
    """Scores the events of any tenant. Made once in a process; safe to share between threads.

    `clock` tells the moment now (UTC).
    """

    def __init__(self, policy: RecordPolicy, clock: Callable[[], datetime]) -> None:
        self.policy = policy
        self.clock = clock
        self.models = Models()

    @cached_property
    def statement(self) -> Prepared:
        """The evidence of one event; composing it takes a second or two, so it is done once."""
        from noc_platform.fraud.prepared import event_statement

        return event_statement()

    @cached_property
    def schema(self) -> pa.Schema:
        """Types of the evidence."""
        return evidence_schema()

    def score(self, connection: Connection, tenant: str, events: Sequence[str]) -> Scored | None:
        """Score these events of a tenant, which the caller's transaction sees; None where there are none of them.

        What was scored before stays as it was.
        """
        begun = self.clock()
        evidence = self.evidence(connection, tenant, events)
        if not evidence.num_rows:
            return None
        live = live_models(connection, tenant).get(tenant)
        return self._kept(connection, evidence, live, begun)

    def evidence(self, connection: Connection, tenant: str, events: Sequence[str]) -> pa.Table:
        """The evidence of these events, in their order; those that are not there have none."""
        asked = {"tenant": tenant, "events": list(events)}
        known = {str(row.event): row for row in connection.execute(text(_EVENTS), asked)}
        zones = tuple(connection.execute(text(_ZONES), asked).scalars())
        cursor = psycopg_of(connection).cursor(row_factory=dict_row)
        with cursor:
            # Planning for each event anew costs more than the better plan saves.
            cursor.execute("set local plan_cache_mode = force_generic_plan")
            cursor.execute("set local jit = off")
            rows = []
            for event in events:
                if (row := known.get(event)) is not None:
                    values = {**row._mapping, "tenant": tenant, **_clocks(zones, row.came)}
                    found = cursor.execute(self.statement.sql, values, prepare=True).fetchall()
                    rows += [{**each, "event_id": event} for each in found]
        return pa.Table.from_pylist(rows, schema=self.schema)

    def score_new(self, database: Database, lake: Lake, tenant: str, since: datetime) -> Tally:
        """Score every event of a tenant that was received since then (UTC) and has no prediction; then what a
        challenger says of those. Each piece is a transaction of its own, so that none is lost with another."""
        tally = Tally(tenant)
        while True:
            with database.transaction() as connection:
                events = _without_prediction(connection, tenant, since, is_shadow=False)
                if not events:
                    break
                begun = self.clock()
                evidence = self._many(connection, lake, tenant, events)
                live = live_models(connection, tenant).get(tenant)
                done = self._kept(connection, evidence, live, begun)
                tally = replace(
                    tally, events=tally.events + len(events), recorded=tally.recorded + done.recorded,
                    version=done.scores.version, fell_back=done.fell_back,
                )  # fmt: skip
        return self._shadowed(database, lake, tally, since)

    def _shadowed(self, database: Database, lake: Lake, tally: Tally, since: datetime) -> Tally:
        tenant = tally.tenant_id
        with database.transaction() as connection:
            challenger = challengers(connection, tenant).get(tenant)
        ready = self._ready(challenger)[0]
        while ready is not None:
            with database.transaction() as connection:
                events = _without_prediction(connection, tenant, since, is_shadow=True)
                if not events:
                    break
                begun = self.clock()
                evidence = self._many(connection, lake, tenant, events)
                scores = score(evidence, ready, limits_book(connection).rows(evidence))
                spent = _milliseconds(self.clock() - begun, len(events))
                record_shadow(connection, evidence, scores, self.clock(), spent)
                tally = replace(tally, shadows=tally.shadows + len(events))
        return tally

    def _many(self, connection: Connection, lake: Lake, tenant: str, events: list[str]) -> pa.Table:
        if len(events) <= FEW:
            return self.evidence(connection, tenant, events)
        days = connection.execute(text(_DAYS), {"tenant": tenant, "events": events}).scalars()
        kept = evidence_kept(lake, tenant, days, events)
        held = set(kept["event_id"].to_pylist())
        rest = [event for event in events if event not in held]
        if not rest:
            return kept
        few = len(rest) <= FEW
        of_rest = self.evidence(connection, tenant, rest) if few else evidence_in_bulk(connection, lake, tenant, rest)
        return pa.concat_tables([kept, of_rest.select(kept.column_names).cast(kept.schema)])

    def _kept(self, connection: Connection, evidence: pa.Table, live: LiveModel | None, begun: datetime) -> Scored:
        ready, fell_back = self._ready(live)
        scores = score(evidence, ready, limits_book(connection).rows(evidence))
        now = self.clock()
        spent = _milliseconds(now - begun, evidence.num_rows)
        return Scored(evidence, scores, record(connection, evidence, scores, self.policy, now, spent), fell_back)

    def _ready(self, live: LiveModel | None) -> tuple[Ready | None, str | None]:
        """The model, or why there is none to be used."""
        if live is None:
            return None, None
        try:
            return self.models.ready(live), None
        except NocError as error:
            log.warning("rules score the events of %s: %s", live.tenant_id, error)
            return None, str(error)


def waiting(connection: Connection, since: datetime) -> dict[str, datetime]:
    """Tenants with events received since then (UTC) that have no prediction, and when the newest of those came in."""
    return {row.tenant_id: row.newest for row in connection.execute(text(_WAITING), {"since": since})}


def _milliseconds(spent: timedelta, events: int) -> float:
    return spent / MILLISECOND / max(events, 1)


def _clocks(zones: tuple[str, ...], came: datetime) -> dict[str, list[Any]]:
    return _offsets(zones, came.date().toordinal() // 7)


@lru_cache(maxsize=64)
def _offsets(zones: tuple[str, ...], week: int) -> dict[str, list[Any]]:
    """The clocks of zones around a week, as the parameters of the statement."""
    start = datetime.fromordinal(max(week * 7, 8)).replace(tzinfo=UTC)
    told = zone_offsets(list(zones), start - CLOCK_REACH, start + timedelta(days=14))
    names = {"zones": "time_zone", "sinces": "since", "untils": "until", "minutes": "offset_minutes"}
    return {parameter: told[column].to_pylist() for parameter, column in names.items()}


def _without_prediction(connection: Connection, tenant: str, since: datetime, is_shadow: bool) -> list[str]:
    asked = {"tenant": tenant, "since": since, "most": AT_ONCE, "is_shadow": is_shadow}
    return [str(event) for event in connection.execute(text(_UNSCORED), asked).scalars()]


_EVENTS = """
    select event_id as event, person_id as person, site_id as site, device_id as device, template_id as template,
           punched_in_at as came, coalesce(punched_out_at, punched_in_at) as at, received_at as known_at
    from noc_attendance_event where tenant_id = :tenant and event_id = any(cast(:events as uuid[]))
"""
_DAYS = """
    select distinct cast(coalesce(punched_out_at, punched_in_at) at time zone 'UTC' as date)
    from noc_attendance_event where tenant_id = :tenant and event_id = any(cast(:events as uuid[]))
"""
_ZONES = "select distinct time_zone from noc_site where tenant_id = :tenant order by time_zone"
_UNSCORED = """
    select event_id from noc_attendance_event e
    where tenant_id = :tenant and received_at >= :since and not exists (
        select from noc_fraud_prediction p
        where (p.tenant_id, p.event_id, p.is_shadow) = (e.tenant_id, e.event_id, :is_shadow))
    order by received_at, event_id limit :most
"""
_WAITING = """
    select tenant_id, max(received_at) as newest from noc_attendance_event e
    where received_at >= :since and not exists (
        select from noc_fraud_prediction p
        where (p.tenant_id, p.event_id, p.is_shadow) = (e.tenant_id, e.event_id, false))
    group by tenant_id
"""
