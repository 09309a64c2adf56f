"""The one way an alert comes to be: `take_in` what the door has let in, each event once, whenever it was received.

A few statements for however many events, inside the caller's transaction; one process at a time.
Elsewhere: what becomes of each (`fates`), what explains and so mutes it (`muting`), people's say (`actions`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import Connection, Row, text

from noc_platform.baselines.calendar import Calendar
from noc_platform.correlation.alerts.fates import Life, live
from noc_platform.correlation.alerts.keys import About, dedup_key, severity_of
from noc_platform.correlation.alerts.muting import Cause, mute
from noc_platform.correlation.alerts.reasons import turning
from noc_platform.correlation.alerts.standing import Raising, Standing
from noc_platform.correlation.tables import IS_ACTIVE
from noc_platform.correlation.vocabulary import Severity, Status
from noc_platform.journal.ledger import Action, Subject, enter
from noc_platform.settings import AlertPolicy
from noc_platform.store.copying import copy_in

# What keeps something from being told at an instant; None when nothing does.
Maintenance = Callable[[About, datetime], str | None]
# What makes two alerts the same thing: the tenant and the key.
Key = tuple[str, str]
# One process takes in at a time: a row that is not there yet cannot be locked (defect 50). Any constant will do.
INTAKE_LOCK = 0x4E4F47
# So many are in memory at a time.
MOST_AT_ONCE = 100_000
INSTANT = pa.timestamp("us", tz="UTC")
ABOUT = tuple(About.__dataclass_fields__)
# Columns of noc_alert that what is raised may change, besides the severity's rank.
CHANGING = (
    *("severity", "status", "message", "occurrence_count", "first_seen_at", "last_seen_at", "caused_by", "muted_by"),
    *("reopened_count", "flapping_since", "escalates_at", "acknowledged_at", "acknowledged_by", "assigned_at"),
    *("assigned_by", "assigned_to", "escalated_at", "escalated_to", "resolved_at", "resolved_by", "resolution_notes"),
)
COLUMNS = ", ".join(f"a.{name}" for name in ("alert_id", "dedup_key", *ABOUT, *CHANGING))
COUNTS = ("occurrence_count", "reopened_count", "severity_rank")
ALERT_SCHEMA = pa.schema(
    [
        (name, INSTANT if name.endswith(("_at", "_since")) else pa.int64() if name in COUNTS else pa.string())
        for name in ("alert_id", "dedup_key", *ABOUT, *CHANGING, "severity_rank", "created_at", "updated_at")
    ]
)
ASKED_SCHEMA = pa.schema([("tenant_id", pa.string()), ("dedup_key", pa.string()), ("earliest", INSTANT)])
OCCURRENCE_SCHEMA = pa.schema(
    [*((name, pa.string()) for name in ("tenant_id", "event_id", "alert_id")), ("occurred_at", INSTANT)]
)


@dataclass(frozen=True)
class Taken:
    """What became of events: how many there were, and how many alerts were opened, came back, were resolved by their
    source, kept back in maintenance or by their source, muted by a cause, and told again."""

    events: int = 0
    opened: int = 0
    reopened: int = 0
    resolved: int = 0
    suppressed: int = 0
    muted: int = 0
    unmuted: int = 0

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def take_in(
    connection: Connection, policy: AlertPolicy, calendar: Calendar, as_of: datetime, causes: Iterable[Cause] = ()
) -> Taken:
    """Make alerts of all events received until `as_of` (UTC) that were not taken in yet, however late they came.

    Then mute what `causes`, and alerts about whole sites, explain, and tell again what they explain no more; so give
    all that hold, of every tenant. Doing it again changes nothing. What lies outside of `calendar.window` is taken
    not to be in maintenance.
    """
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": INTAKE_LOCK})
    left = _stage_new(connection, as_of)
    taken = Taken()
    for start in range(0, left, MOST_AT_ONCE):
        taken += _take(connection, policy, _raised(connection, start, in_maintenance(calendar)), as_of)
    muted, unmuted = mute(connection, policy, as_of, causes)
    return taken + Taken(muted=muted, unmuted=unmuted)


def forget(connection: Connection, before: datetime) -> int:
    """Forget which alert each raising before that (UTC) belongs to, once its event has left and unless an incident
    holds it; gives how many. The alerts keep their counts."""
    statement = """
        delete from noc_alert_occurrence o where occurred_at < :before
          and not exists (select from noc_alert_event e where (e.tenant_id, e.event_id) = (o.tenant_id, o.event_id))
          and not exists (select from noc_incident_alert i where (i.tenant_id, i.event_id) = (o.tenant_id, o.event_id))
    """
    return connection.execute(text(statement), {"before": before}).rowcount


def in_maintenance(calendar: Calendar) -> Maintenance:
    """Maintenance people have announced mutes whatever it is for, however bad."""

    def why(about: About, at: datetime) -> str | None:
        if not calendar.window.start <= at < calendar.window.end:
            return None
        window = calendar.muting_at(about.tenant_id, about.site_id, about.alert_type, at)
        if window is None:
            return None
        return f"maintenance {window.window_id}" + (f", {window.reason}" if window.reason else "")

    return why


def _stage_new(connection: Connection, as_of: datetime) -> int:
    """Set apart the events no alert has yet, in order of time; gives how many."""
    connection.execute(text("drop table if exists pg_temp.untaken"))
    statement = f"""
        create temp table untaken on commit drop as
        select row_number() over (order by occurred_at, event_id) as number, event_id, occurred_at, severity, status,
               message, {", ".join(ABOUT)}
        from noc_alert_event e
        where received_at <= :as_of and not exists (
            select from noc_alert_occurrence o where o.tenant_id = e.tenant_id and o.event_id = e.event_id)
    """
    return connection.execute(text(statement), {"as_of": as_of}).rowcount


def _raised(connection: Connection, after: int, maintenance: Maintenance) -> dict[Key, list[Raising]]:
    """The next of them, by what they are about."""
    question = "select * from untaken where number > :after and number <= :until order by number"
    rows = connection.execute(text(question), {"after": after, "until": after + MOST_AT_ONCE})
    raised: dict[Key, list[Raising]] = {}
    known: dict[tuple[str | None, ...], tuple[About, Key]] = {}
    for _, event_id, occurred_at, severity, status, message, *parts in rows:
        named = tuple(parts)
        if named not in known:
            about = About(*parts)
            known[named] = about, (about.tenant_id, dedup_key(about))
        about, key = known[named]
        is_bad = severity_of(severity, about.alert_type)
        muted_by = maintenance(about, occurred_at)
        raising = Raising(event_id, about, occurred_at, is_bad, Status(status or Status.NEW), message, muted_by)
        raised.setdefault(key, []).append(raising)
    return raised


def _take(connection: Connection, policy: AlertPolicy, raised: Mapping[Key, list[Raising]], as_of: datetime) -> Taken:
    known = _known(connection, policy, raised)
    lives = [live(key[1], known.get(key, ()), raised[key], policy) for key in sorted(raised)]
    _write(connection, [alert for life in lives for alert in life.changed], as_of)
    _map(connection, lives)
    turns = [turn for life in lives for turn in life.turns]
    enter(connection, map(turning, turns))
    actions = [turn.action for turn in turns]
    return Taken(
        events=sum(map(len, raised.values())),
        opened=actions.count(Action.RAISED),
        reopened=actions.count(Action.REOPENED),
        resolved=actions.count(Action.RESOLVED),
        suppressed=actions.count(Action.MUTED),
    )


def _known(
    connection: Connection, policy: AlertPolicy, raised: Mapping[Key, list[Raising]]
) -> dict[Key, list[Standing]]:
    """The alerts that what was raised may belong to, held against people who change them meanwhile."""
    connection.execute(text("drop table if exists pg_temp.asked"))
    connection.execute(
        text("create temp table asked (tenant_id text, dedup_key text, earliest timestamptz) on commit drop")
    )
    earliest = {key: min(each.occurred_at for each in raisings) for key, raisings in raised.items()}
    columns = ([tenant for tenant, _ in earliest], [key for _, key in earliest], list(earliest.values()))
    copy_in(connection, "asked", pa.table([pa.array(each) for each in columns], schema=ASKED_SCHEMA))
    connection.execute(text("analyze asked"))
    question = f"""
        select {COLUMNS} from noc_alert a join asked using (tenant_id, dedup_key)
        where a.{IS_ACTIVE} or a.status = '{Status.SUPPRESSED}'
           or greatest(a.last_seen_at, a.resolved_at) >= asked.earliest - :reopen_within
        order by a.alert_id for update of a
    """
    rows = connection.execute(text(question), {"reopen_within": policy.reopen_within}).all()
    since = min(earliest.values()) - policy.flap_window
    times = _reopened(connection, [row for row in rows if row.reopened_count], since)
    known: dict[Key, list[Standing]] = {}
    for row in rows:
        alert = _standing(row, times.get(row.alert_id, []))
        known.setdefault((alert.about.tenant_id, alert.dedup_key), []).append(alert)
    return known


def _reopened(connection: Connection, rows: list[Row[Any]], since: datetime) -> dict[UUID, list[datetime]]:
    """When alerts came back since then, as the ledger has it."""
    question = """
        select subject_id, made_at from noc_decision
        where tenant_id = any(:tenants) and subject_kind = :kind and subject_id = any(:alerts) and action = :action
          and made_at > :since
    """
    values = {
        "tenants": sorted({row.tenant_id for row in rows}), "kind": Subject.ALERT, "action": Action.REOPENED,
        "alerts": [str(row.alert_id) for row in rows], "since": since,
    }  # fmt: skip
    times: dict[UUID, list[datetime]] = {}
    for subject, made_at in connection.execute(text(question), values) if rows else ():
        times.setdefault(UUID(subject), []).append(made_at)
    return times


def _standing(row: Row[Any], reopened: list[datetime]) -> Standing:
    # By place, not by name: thousands come at a time.
    which, key, *rest = tuple[Any, ...](row)
    about, changing = rest[: len(ABOUT)], rest[len(ABOUT) :]
    told: dict[str, Any] = dict(zip(CHANGING, changing, strict=True))
    told.update(severity=Severity(told["severity"]), status=Status(told["status"]))
    return Standing(alert_id=which, about=About(*about), dedup_key=key, reopened=reopened, **told)


def _write(connection: Connection, alerts: list[Standing], as_of: datetime) -> None:
    """Write how the alerts stand. Those there are first: one that ends makes room for the next about the same."""
    connection.execute(text("drop table if exists pg_temp.standing"))
    connection.execute(text("create temp table standing (like noc_alert) on commit drop"))
    columns = [
        pa.array(values, field.type) for values, field in zip(_columns(alerts, as_of), ALERT_SCHEMA, strict=True)
    ]
    copy_in(connection, "standing", pa.Table.from_arrays(columns, schema=ALERT_SCHEMA))
    connection.execute(text("analyze standing"))
    changes = ", ".join(f"{name} = s.{name}" for name in (*CHANGING, "severity_rank", "updated_at"))
    connection.execute(
        text(
            f"""update noc_alert a set {changes},
                    parent_alert_id = case when s.muted_by is not distinct from a.muted_by then a.parent_alert_id end
                from standing s where a.alert_id = s.alert_id"""
        )
    )
    names = ", ".join(ALERT_SCHEMA.names)
    # Asked whether each is there, PostgreSQL reads through all it has just inserted for each, while it takes the table
    # for small: 50,000 at once took 41 s.
    connection.execute(
        text(f"insert into noc_alert ({names}) select {names} from standing on conflict (alert_id) do nothing")
    )


def _columns(alerts: list[Standing], as_of: datetime) -> Iterable[list[Any]]:
    yield [str(alert.alert_id) for alert in alerts]
    yield [alert.dedup_key for alert in alerts]
    for name in ABOUT:
        yield [getattr(alert.about, name) for alert in alerts]
    for name in CHANGING:
        yield [getattr(alert, name) for alert in alerts]
    yield [alert.severity.rank for alert in alerts]
    yield from ([as_of] * len(alerts), [as_of] * len(alerts))


def _map(connection: Connection, lives: Iterable[Life]) -> None:
    """Note which alert each event belongs to."""
    rows = [(raising, alert) for life in lives for raising, alert in life.belongs]
    columns = [
        pa.array([alert.about.tenant_id for _, alert in rows], pa.string()),
        pa.array([str(raising.event_id) for raising, _ in rows], pa.string()),
        pa.array([str(alert.alert_id) for _, alert in rows], pa.string()),
        pa.array([raising.occurred_at for raising, _ in rows], INSTANT),
    ]
    copy_in(connection, "noc_alert_occurrence", pa.Table.from_arrays(columns, schema=OCCURRENCE_SCHEMA))
