"""What follows an audit, moment by moment: alerts are taken in and looked after, then put together with signals.

Each moment is a transaction of its own, and so are the verdicts before it. Elsewhere: the audit before it
(`findings.audit`), when it runs (`jobs`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from noc_platform.baselines.products import known_calendar
from noc_platform.correlation.actions import apply_verdicts
from noc_platform.correlation.alerts import intake
from noc_platform.correlation.alerts.actions import close_quiet, escalate_due
from noc_platform.correlation.alerts.muting import Cause
from noc_platform.correlation.incidents import Correlated, correlate
from noc_platform.findings.queries import Finding, going_on
from noc_platform.settings import AlertPolicy, CorrelationPolicy
from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import VERDICTS
from noc_platform.telemetry.vocabulary import Window
from noc_platform.telemetry.windows import forget

# What is raised late is held against the maintenance of its own time, and verdicts are told within a day.
LOOKED_BACK = timedelta(days=7)
VERDICTS_WITHIN = timedelta(hours=24)
# A tenant of whom nothing came in for so long is not heard; its alerts have not gone away.
HEARD_WITHIN = timedelta(hours=2)
# What audits found of a whole site or tenant, and the alerts about its people that it explains.
OF_PHONES = frozenset({"DEVICE_OFFLINE", "SYNC_DEGRADED", "GPS_LOW_ACCURACY", "GUARD_INACTIVITY"})
EXPLAINED_BY = {"CORRELATION_SILENT_SITE": OF_PHONES | {"ATTENDANCE_MISSING"}, "FEED_LATE": OF_PHONES}


@dataclass(frozen=True)
class Attended:
    """What became of alerts at one moment (UTC)."""

    as_of: datetime
    taken: intake.Taken
    escalated: int
    closed: int


def attend(
    database: Database, moments: Sequence[datetime], policy: AlertPolicy, retention: timedelta
) -> Iterator[Attended]:
    """Take alerts in at each of these moments (UTC), in order; pass on who waits too long, close what is over.

    `retention` is how long events stay in PostgreSQL at least: what became of older ones is forgotten with them.
    """
    for as_of in sorted(moments):
        with database.transaction() as connection:
            calendar = known_calendar(connection, Window(as_of - LOOKED_BACK, as_of + HEARD_WITHIN))
            taken = intake.take_in(connection, policy, calendar, as_of, _causes(connection, as_of))
            escalated = escalate_due(connection, policy, as_of)
            closed = close_quiet(connection, policy, as_of, _heard(connection, as_of))
            intake.forget(connection, as_of - retention)
        yield Attended(as_of, taken, escalated, closed)


def correlations(database: Database, moments: Sequence[datetime], policy: CorrelationPolicy) -> Iterator[Correlated]:
    """Put signals and alerts together at each of these moments (UTC), in order; windows nobody needs are forgotten."""
    for as_of in sorted(moments):
        with database.transaction() as connection:
            apply_verdicts(connection, as_of - VERDICTS_WITHIN)
        # By itself: each holds incidents in one order, and both together would not.
        with database.transaction() as connection:
            done = correlate(connection, policy, as_of)
            _forget(connection, policy, as_of)
        yield done


def _forget(connection: Connection, policy: CorrelationPolicy, as_of: datetime) -> None:
    # By the newest, as what was audited of the past may not have been correlated yet.
    newest = connection.execute(text("select max(window_end) from noc_signal_window")).scalar()
    if newest is not None:
        forget(connection, min(as_of, newest) - 2 * policy.memory)


def _causes(connection: Connection, as_of: datetime) -> list[Cause]:
    return [_cause(found) for found in going_on(connection, EXPLAINED_BY, as_of)]


def _cause(found: Finding) -> Cause:
    subject = f"FINDING:{found.finding_id}"
    explained = EXPLAINED_BY[found.finding_type]
    return Cause(found.tenant_id, found.site_id, explained, found.first_seen_at, None, found.evidence_summary, subject)


def _heard(connection: Connection, as_of: datetime) -> list[str]:
    # By the days around the moment: one late row of a day long past makes nobody heard ever since, nor does a verdict.
    statement = """select distinct tenant_id from noc_telemetry_day
                   where stream <> :verdicts and day between :first and :last
                     and first_received_at <= :as_of and last_received_at >= :since"""
    since = as_of - HEARD_WITHIN
    asked = {"as_of": as_of, "since": since, "first": since.date(), "last": as_of.date(), "verdicts": VERDICTS.name}
    return list(connection.execute(text(statement), asked).scalars())
