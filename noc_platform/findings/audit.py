"""One audit: what is known of all sites at a moment, what the rules and the baselines find in it, and what becomes of
that.

The moment is a parameter, so that any past one can be audited again. Elsewhere: the facts (`facts`), the rules
(`rules`), the life of findings (`lifecycle`), when audits run (`jobs`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyarrow as pa
from sqlalchemy import Connection, func, select

from noc_platform.baselines.calendar import Calendar
from noc_platform.baselines.products import known_calendar, verdicts_between
from noc_platform.baselines.scoring import JUDGED_SCHEMA
from noc_platform.findings.anomalies import anomalies
from noc_platform.findings.collected import signal_windows
from noc_platform.findings.facts.moment import Facts
from noc_platform.findings.facts.prepared import Asked, asking_duckdb, asking_postgres, facts_at
from noc_platform.findings.facts.sources import reach
from noc_platform.findings.lifecycle import Recorded, close_quiet, muted_by, record
from noc_platform.findings.policy import RulesPolicy
from noc_platform.findings.rules.every import drafts
from noc_platform.findings.rules.look import Look
from noc_platform.findings.verdicts import apply_verdicts
from noc_platform.findings.vocabulary import Depth, Draft
from noc_platform.lake.archive import have_left
from noc_platform.lake.engines import live_engine
from noc_platform.lake.layout import Lake
from noc_platform.settings import FindingPolicy, MovementPolicy
from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import (
    ATTENDANCE_EVENTS,
    DEVICE_EVENTS,
    JOBNEEDS,
    LOCATION_UPDATES,
)
from noc_platform.streams.declaration import Stream
from noc_platform.streams.tables import telemetry_day
from noc_platform.telemetry.vocabulary import Window
from noc_platform.telemetry.windows import keep

# So long after an hour what phones held back of it has come in, but for what comes much later.
SETTLING = timedelta(minutes=30)
# Moments that are this close are audited over one copy of the telemetry.
TOGETHER = timedelta(hours=24)
Spans = dict[Stream, tuple[datetime, datetime]]


@dataclass(frozen=True)
class AuditPolicy:
    """What an audit goes by."""

    movement: MovementPolicy
    findings: FindingPolicy
    rules: RulesPolicy = field(default_factory=RulesPolicy)


@dataclass(frozen=True)
class Audited:
    """What one audit looked at and found: guards who were on duty or heard, and their sites. `seen` are drafts by type,
    `late` the tenants whose phones' feeds are, `windows` how many windows of signals it kept, a heartbeat none."""

    as_of: datetime
    guards: int
    sites: int
    seen: Mapping[str, int]
    late: frozenset[str]
    recorded: Recorded
    windows: int


def audits(
    database: Database, lake: Lake, moments: Sequence[datetime], depth: Depth, policy: AuditPolicy
) -> Iterator[Audited]:
    """An audit at each of these moments (UTC), the earliest first, each in a transaction of its own."""
    for together in _together(sorted(moments)):
        read = spans(together[0], together[-1], policy.rules)
        with database.transaction() as connection:
            calendar = known_calendar(connection, Window(together[0] - TOGETHER, together[-1] + TOGETHER))
            lake_engine = asking(connection, lake, read, policy)
        for as_of in together:
            hours = _judged(lake, as_of, policy.findings) if depth >= Depth.DEEP else JUDGED_SCHEMA.empty_table()
            with database.transaction() as connection, database.transaction() as beside:
                engine = lake_engine or asking_postgres((connection, beside), policy.rules, policy.movement)
                facts = facts_at(engine, policy.rules, as_of, depth)
                done = _audit(connection, facts, hours, calendar, as_of, depth, policy)
            yield done


def asking(connection: Connection, lake: Lake, read: Spans, policy: AuditPolicy) -> Asked | None:
    """A way to ask for what is to be read where some of it has left PostgreSQL; None where all of it is there."""
    first, last = min(start for start, _ in read.values()), max(end for _, end in read.values())
    if not have_left(connection, first.date(), last.date()):
        return None
    return asking_duckdb(live_engine(lake, connection, read).con, policy.rules, policy.movement)


def last_hour(connection: Connection) -> datetime | None:
    """The full hour (UTC) by which the newest telemetry had been received; None where there is none."""
    day = telemetry_day.c
    streams = [stream.name for stream in (DEVICE_EVENTS, LOCATION_UPDATES, JOBNEEDS, ATTENDANCE_EVENTS)]
    newest = connection.execute(select(func.max(day.last_received_at)).where(day.stream.in_(streams))).scalar()
    return newest and newest.replace(minute=0, second=0, microsecond=0)


def _audit(
    connection: Connection, facts: Facts, hours: pa.Table, calendar: Calendar, as_of: datetime, depth: Depth,
    policy: AuditPolicy,
) -> Audited:  # fmt: skip
    look = Look(facts, policy.rules, as_of)
    late, heard = _feeds(look)
    found = [*drafts(look, depth), *_unusual(hours, late, as_of, policy.findings)]
    apply_verdicts(connection, as_of - TOGETHER)
    recorded = record(connection, found, policy.findings, muted_by(calendar), as_of)
    recorded += close_quiet(connection, as_of, policy.findings, heard)
    # Heartbeats keep none: that would be three times the rows, to say the same a few minutes sooner.
    windows = signal_windows(look) if depth >= Depth.COMPREHENSIVE else []
    keep(connection, windows)
    seen = Counter(draft.finding_type for draft in found)
    sites = {(guard.tenant_id, guard.site_id) for guard in facts.guards if guard.site_id is not None}
    return Audited(as_of, len(facts.guards), len(sites), dict(seen), late, recorded, len(windows))


def spans(first: datetime, last: datetime, rules: RulesPolicy) -> Spans:
    """How much of each stream audits from one moment to another read."""
    needed = reach(rules.facts, rules.facts.memory)
    return {stream: (first - back, last + ahead) for stream, (back, ahead) in needed.items()}


def _feeds(look: Look) -> tuple[frozenset[str], frozenset[str]]:
    """Tenants of whom a feed is late, and tenants of whom something was received of late and no feed is late."""
    late = frozenset(tenant for tenant, each in look.silences.feeds.items() if each.late)
    heard = {
        feed.tenant_id
        for feed in look.facts.feeds
        if feed.last_received_at is not None and look.as_of - feed.last_received_at < look.policy.silence.feed_late
    }
    return late, frozenset(heard - late)


def _unusual(hours: pa.Table, late: frozenset[str], as_of: datetime, policy: FindingPolicy) -> list[Draft]:
    """Anomalies of the hours that could still be open; of a tenant whose feed is late nothing is known of late."""
    settled = as_of - SETTLING
    return [
        draft for draft in anomalies(hours, settled - policy.close_after, settled) if draft.tenant_id not in late
    ]  # fmt: skip


def _judged(lake: Lake, as_of: datetime, policy: FindingPolicy) -> pa.Table:
    # A day more: what lasted over midnight is told from its first hour on.
    return verdicts_between(lake, as_of - SETTLING - policy.close_after - TOGETHER, as_of)


def _together(moments: Sequence[datetime]) -> Iterator[list[datetime]]:
    held: list[datetime] = []
    for moment in moments:
        if held and moment - held[0] > TOGETHER:
            yield held
            held = []
        held.append(moment)
    if held:
        yield held
