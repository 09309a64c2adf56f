"""The daily look for collusion rings: attendances of the last weeks in, findings out.

Elsewhere: what a ring is (`rings`), what is told of one (`ring_findings`), what becomes of findings (the findings).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.baselines.products import known_calendar
from noc_platform.findings.lifecycle import Recorded, muted_by, record
from noc_platform.findings.verdicts import apply_verdicts
from noc_platform.fraud.loans import COLUMNS, FACE
from noc_platform.fraud.ring_findings import FINDING_TYPE, remembered, ring_findings
from noc_platform.fraud.rings import Remembered, Ring, RingPolicy, rings
from noc_platform.lake.archive import have_left
from noc_platform.lake.engines import live_engine
from noc_platform.lake.layout import Lake
from noc_platform.settings import FindingPolicy
from noc_platform.store.copying import copy_out
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS
from noc_platform.telemetry.vocabulary import Window

DAY = timedelta(days=1)
READ = (*COLUMNS, *(name for name, _ in FACE))
READ_SCHEMA = pa.schema([arrow_schema(ATTENDANCE_EVENTS).field(name) for name in READ])


@dataclass(frozen=True)
class RingLook:
    """One look for rings: states of attendances that were read, the rings there are, and what became of them."""

    as_of: datetime
    attendances: int
    rings: tuple[Ring, ...]
    recorded: Recorded


def look_for_rings(
    connection: Connection, lake: Lake, as_of: datetime, findings: FindingPolicy, policy: RingPolicy | None = None
) -> RingLook:
    """Look for rings among all tenants' guards as known at a moment (UTC), and record them as findings.

    The same look again changes nothing. What is over is closed by the audits. In the caller's transaction.
    """
    policy = policy or RingPolicy()
    since = as_of - policy.memory - policy.loans.lead
    calendar = known_calendar(connection, Window(since, as_of + DAY))
    rows = attendances_between(connection, lake, since, as_of)
    # What people said of rings meanwhile counts first.
    apply_verdicts(connection, since)
    found = rings(rows, as_of, policy, rings_before(connection, as_of, policy.memory))
    recorded = record(connection, ring_findings(found), findings, muted_by(calendar), as_of)
    return RingLook(as_of, rows.num_rows, tuple(found), recorded)


def attendances_between(connection: Connection, lake: Lake, since: datetime, until: datetime) -> pa.Table:
    """States of attendances that began in `[since, until]` (UTC), as `READ_SCHEMA`: of days that have left PostgreSQL
    out of the lake."""
    end = until + timedelta(microseconds=1)
    if not have_left(connection, since.date(), until.date()):
        within = "occurred_at >= :since and occurred_at < :until"
        return copy_out(connection, ATTENDANCE_EVENTS.table, READ_SCHEMA, within, since=since, until=end)
    engine = live_engine(lake, connection, {ATTENDANCE_EVENTS: (since, end)})
    found: pa.Table = engine.con.sql(f"select {', '.join(READ)} from {ATTENDANCE_EVENTS.table}").to_arrow_table()
    return found.cast(READ_SCHEMA)


def rings_before(connection: Connection, as_of: datetime, memory: timedelta) -> list[Remembered]:
    """The rings findings are about that were seen by then, and are open or were closed within the `memory` before."""
    values = {"type": FINDING_TYPE, "as_of": as_of, "since": as_of - memory}
    known = (
        remembered(row.tenant_id, row.site_id, row.person_id, row.evidence)
        for row in connection.execute(text(_BEFORE), values)
    )
    # Of a ring that was closed and seen again, the newest finding says who is in it.
    return list({ring.ring_id: ring for ring in known if ring is not None}.values())


_BEFORE = """
    select tenant_id, site_id, person_id, evidence from noc_audit_finding
    where finding_type = :type and first_seen_at <= :as_of and (resolved_at is null or resolved_at >= :since)
    order by last_seen_at, finding_id
"""
