"""Which limits are in force at a moment, what is known of false alarms, and the columns of the profiles that say so.

Inside the caller's transaction. Elsewhere: changing limits (`limits`), which of the possible ones applies
(`thresholds`).
"""

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from noc_platform.baselines.changes import EVERYWHERE, Scope, Where
from noc_platform.baselines.profiles import INSTANT
from noc_platform.baselines.scoring import CELL, LIMITS_SCHEMA, RATES_SCHEMA, told_of, with_limits
from noc_platform.baselines.tables import baseline_profile, false_positive_rate
from noc_platform.baselines.thresholds import Source
from noc_platform.journal.ledger import Action, Decision, Subject, enter
from noc_platform.settings import ThresholdPolicy
from noc_platform.store.copying import copy_in, copy_out

# Any number will do: it only has to stay.
LOCK = 0x6E6F6374
STATED_SCHEMA = pa.schema(
    [
        *(LIMITS_SCHEMA.field(name) for name in CELL),
        ("false_positive_rate", pa.float64()),
        ("dynamic_threshold", pa.float64()),
        ("last_threshold_update", INSTANT),
    ]
)
RATED_SCHEMA = pa.schema(
    [*RATES_SCHEMA, ("estimated_rate", pa.float64()), ("adjudicated", pa.int64()), ("false_positives", pa.int64())]
)
NOTHING_KNOWN = {
    "false_positive_rate": None, "is_guarded": False, "estimated_rate": None, "adjudicated": 0, "false_positives": 0,
}  # fmt: skip
STATED = STATED_SCHEMA.names[len(CELL) :]
LIMITED_SCHEMA = pa.schema([*STATED_SCHEMA, ("is_stable", pa.bool_()), ("sample_count", pa.int64())])
# What is stated of a cell until something else is.
AT_FIRST = {"false_positive_rate": 0.0, "dynamic_threshold": 3.0}


def hold(connection: Connection, tenant_id: str | None = None) -> None:
    """Be the only one to change limits until the transaction ends: those of a tenant, or all.

    Whoever replaces profiles or tunes limits holds all of them before reading any: what a person changes meanwhile
    would be lost else.
    """
    if tenant_id is None:
        connection.execute(text("select pg_advisory_xact_lock(:all)"), {"all": LOCK})
        return
    # People of two tenants do not wait for each other, and the platform waits for them all.
    connection.execute(text("select pg_advisory_xact_lock_shared(:all)"), {"all": LOCK})
    connection.execute(
        text("select pg_advisory_xact_lock(:all, hashtext(:tenant))"), {"all": LOCK, "tenant": tenant_id}
    )


def limits_of(connection: Connection, as_of: datetime, where: Where = EVERYWHERE) -> pa.Table:
    """What was set and learned at a moment (UTC), as `LIMITS_SCHEMA`: of each kind the latest change until then."""
    scope = "tenant_id, site_id, metric_type, hour_of_week"
    held = f"""
        (select {scope}, max(value) filter (where kind = 'MANUAL') as manual,
                max(value) filter (where kind = 'LEARNED') as learned
         from (select distinct on (tenant_id, site_id, metric_type, coalesce(hour_of_week, -1), kind) *
               from noc_threshold_change where made_at <= :as_of and {where.sql}
               order by tenant_id, site_id, metric_type, coalesce(hour_of_week, -1), kind,
                        made_at desc, number desc) last
         where value is not null group by {scope} order by {scope}) as held"""
    return copy_out(connection, held, LIMITS_SCHEMA, as_of=as_of, **where.values)


def rates_of(connection: Connection, as_of: datetime, where: Where = EVERYWHERE) -> pa.Table:
    """What was known of false alarms at a moment (UTC), as `RATES_SCHEMA`, where it may move a limit."""
    rates = counted_rates(connection, as_of, where)
    return rates.filter(pc.is_valid(rates["false_positive_rate"])).select(RATES_SCHEMA.names)


def counted_rates(connection: Connection, as_of: datetime, where: Where = EVERYWHERE) -> pa.Table:
    """The rates of false alarms that were counted last of each tenant until a moment (UTC), as `RATED_SCHEMA`."""
    newest = f"""(tenant_id, as_of) in (select tenant_id, max(as_of) from {false_positive_rate.name}
                                       where as_of <= :as_of group by tenant_id) and {where.sql}"""
    return copy_out(connection, false_positive_rate.name, RATED_SCHEMA, newest, as_of=as_of, **where.values)


def replace_rates(connection: Connection, rates: pa.Table, as_of: datetime) -> None:
    """Keep the rates of false alarms as of a moment (UTC), as `RATED_SCHEMA`, instead of those there were of it.

    What was known until then and is not any more is kept as expired: no scope stays guarded for want of alarms
    (defect 32). The ledger says where a guard begins and ends.
    """
    hold(connection)
    newest = counted_rates(connection, as_of - timedelta(microseconds=1))
    before = _by_scope(newest)
    now = _by_scope(rates)
    expired = newest.filter(pc.greater(newest["adjudicated"], 0))
    now = {scope: {**row, **NOTHING_KNOWN} for scope, row in _by_scope(expired).items()} | now
    kept = pa.Table.from_pylist(list(now.values()), schema=RATED_SCHEMA)
    connection.execute(false_positive_rate.delete().where(false_positive_rate.c.as_of == as_of))
    copy_in(
        connection,
        false_positive_rate.name,
        kept.append_column("as_of", pa.repeat(pa.scalar(as_of, INSTANT), kept.num_rows)),
    )
    turned = [
        scope for scope, row in now.items() if row["is_guarded"] != before.get(scope, NOTHING_KNOWN)["is_guarded"]
    ]
    enter(connection, (_turned(scope, now[scope], as_of) for scope in turned))


def stated(connection: Connection, profiles: pa.Table, policy: ThresholdPolicy, as_of: datetime) -> pa.Table:
    """Profiles that are to replace the stored ones, with their columns `STATED`: the limit in force at `as_of` (UTC),
    the default while a cell is being learned; the rate of false alarms, 0 while nobody knows; and when the limit last
    changed. To be asked before the stored ones are gone, under `hold`."""
    stored = copy_out(connection, baseline_profile.name, STATED_SCHEMA)
    before = told_of(profiles, stored)
    told = profiles.select([*CELL, "is_stable", "sample_count"])
    for name in STATED:
        filled = before[name] if name not in AT_FIRST else pc.fill_null(before[name], AT_FIRST[name])
        told = told.append_column(name, filled)
    now = _stated(connection, told, policy, as_of, EVERYWHERE)
    for name in STATED:
        profiles = profiles.append_column(name, now[name])
    return profiles


def restate(connection: Connection, policy: ThresholdPolicy, as_of: datetime, where: Where = EVERYWHERE) -> int:
    """Bring the stored profiles' columns `STATED` up to what is in force at `as_of` (UTC); gives how many rows changed.

    The caller holds the limits (`hold`). Doing it again changes nothing, nor does it for a moment before what is known:
    a week that is tuned late does not bring back how things were.
    """
    cells = copy_out(connection, baseline_profile.name, LIMITED_SCHEMA, where.sql, **where.values)
    now = _stated(connection, cells, policy, as_of, where)
    differs = pc.or_(*(pc.not_equal(cells[name], now[name]) for name in AT_FIRST))
    changed = now.filter(differs)
    if not changed.num_rows:
        return 0
    connection.execute(text("drop table if exists pg_temp.stated"))
    columns = ", ".join(STATED_SCHEMA.names)
    made = f"create temp table stated on commit drop as select {columns} from {baseline_profile.name} limit 0"
    connection.execute(text(made))
    copy_in(connection, "stated", changed)
    told = ", ".join(f"{name} = stated.{name}" for name in STATED)
    same = " and ".join(f"profile.{name} = stated.{name}" for name in CELL)
    return connection.execute(
        text(f"update {baseline_profile.name} profile set {told} from stated where {same}")
    ).rowcount


def _stated(
    connection: Connection, cells: pa.Table, policy: ThresholdPolicy, as_of: datetime, where: Where
) -> pa.Table:
    """The cells, which say what was stated of them so far, with what is to be stated now."""
    moment = _newest(connection, as_of)
    rates = rates_of(connection, moment, where)
    limited = with_limits(cells, limits_of(connection, moment, where), rates, policy)
    threshold = pc.fill_null(limited["threshold"], policy.default)
    is_moved = pc.not_equal(threshold, cells["dynamic_threshold"])
    before, told_at = cells["last_threshold_update"], pa.scalar(as_of, INSTANT)
    moved_at = pc.if_else(pc.fill_null(pc.greater(before, told_at), False), before, told_at)
    rate = pc.fill_null(told_of(cells, rates)["false_positive_rate"], AT_FIRST["false_positive_rate"])
    columns = {name: cells[name] for name in CELL}
    columns |= {"false_positive_rate": rate, "dynamic_threshold": threshold}
    columns["last_threshold_update"] = pc.if_else(is_moved, moved_at, before)
    return pa.table(columns).cast(STATED_SCHEMA)


def _newest(connection: Connection, as_of: datetime) -> datetime:
    """A moment, or that of what is known since then."""
    question = """select greatest(:as_of, (select max(made_at) from noc_threshold_change),
                                          (select max(as_of) from noc_false_positive_rate))"""
    moment: datetime = connection.execute(text(question), {"as_of": as_of}).scalar_one()
    return moment


def _by_scope(rates: pa.Table) -> dict[Scope, dict[str, Any]]:
    return {Scope(*(row[name] for name in CELL)): row for row in rates.to_pylist()}


def _turned(scope: Scope, rate: dict[str, Any], as_of: datetime) -> Decision:
    said = f"{rate['false_positives']} of {rate['adjudicated']} alarms that people judged were nothing"
    seen = said if rate["adjudicated"] else "Nobody has judged alarms of it of late"
    reason = f"{seen}: {'guarded from now on' if rate['is_guarded'] else 'not guarded any more'}."
    return Decision(
        scope.tenant_id,
        Subject.THRESHOLD,
        scope.name,
        Action.THRESHOLD_CHANGED,
        rule="false alarms",
        reason=reason,
        made_at=as_of,
        inputs={name: rate[name] for name in ("false_positive_rate", "adjudicated", "false_positives")},
        threshold_source=Source.FP_GUARD if rate["is_guarded"] else None,
        key=f"guard {rate['is_guarded']} {as_of:%F %T}",
    )
