"""What is asked of baselines: which limit holds where, who changed what, and the stored hours a limit is tried on.

Row-level security confines the API's role. Elsewhere: everything that changes limits (`limits`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from noc_platform.baselines.changes import Change, Scope, Where
from noc_platform.baselines.limits import COLUMNS, change_of
from noc_platform.baselines.products import SITE_VERDICTS
from noc_platform.baselines.profiles import INSTANT
from noc_platform.baselines.scoring import CELL, JUDGED_SCHEMA, told_of, with_limits
from noc_platform.baselines.standing import LIMITED_SCHEMA, counted_rates, limits_of, rates_of
from noc_platform.baselines.thresholds import Source
from noc_platform.journal.ledger import PLATFORM
from noc_platform.lake.layout import Lake
from noc_platform.settings import ThresholdPolicy
from noc_platform.store.copying import copy_out

# What a limit is tried on.
REPLAYED = [*CELL, "bucket", "evidence_z", "threshold", "verdict"]
CHANGED_SCHEMA = pa.schema([*(LIMITED_SCHEMA.field(name) for name in CELL), ("at", INSTANT), ("by", pa.string())])
NAMED_SCHEMA = pa.schema([("site_name", pa.string()), *LIMITED_SCHEMA])


@dataclass(frozen=True)
class Standing:
    """The limit of a cell as it stands. `threshold` is None while the cell is being learned. `false_positive_rate` is
    of what people judged lately, None where they judged nothing. The limit was last changed (UTC) by a person or the
    platform; both are None where it never was."""

    tenant_id: str
    site_id: str
    site_name: str | None
    metric_type: str
    hour_of_week: int
    threshold: float | None
    source: Source
    false_positive_rate: float | None
    is_stable: bool
    sample_count: int
    last_changed: datetime | None
    last_changed_by: str | None


@dataclass(frozen=True)
class Wanted:
    """Which cells, or changes: each part that is given must hold."""

    tenant: str | None = None
    site: str | None = None
    metric: str | None = None
    hour: int | None = None

    def where(self, *, is_any_hour: bool = False) -> Where:
        """The rows this asks for; of any hour, where what holds for all hours counts too."""
        told = {"tenant_id": self.tenant, "site_id": self.site, "metric_type": self.metric}
        asked: dict[str, object] = {name: value for name, value in told.items() if value is not None}
        if self.hour is not None and not is_any_hour:
            asked["hour_of_week"] = self.hour
        return Where(" and ".join(("true", *(f"{name} = :{name}" for name in asked))), asked)


def thresholds(
    connection: Connection,
    wanted: Wanted,
    policy: ThresholdPolicy,
    as_of: datetime,
    limit: int,
    after: tuple[str, str, str, int] | None = None,
) -> list[Standing]:
    """Limits in force at a moment (UTC), in order of tenant, site, metric and hour, at most `limit`; those after the
    cell `after`, where a page before ended."""
    cells = _cells(connection, wanted, limit, after)
    every = wanted.where(is_any_hour=True)
    limited = with_limits(cells, limits_of(connection, as_of, every), rates_of(connection, as_of, every), policy)
    rates = told_of(cells, counted_rates(connection, as_of, every))
    columns = limited.select([*CELL, "site_name", "threshold", "threshold_source", "is_stable", "sample_count",
                              "last_threshold_update"])  # fmt: skip
    columns = columns.append_column("false_positive_rate", rates["estimated_rate"])
    changed = _last_changes(connection, as_of, every)
    return [_standing(row, changed) for row in columns.to_pylist()]


def changes(connection: Connection, wanted: Wanted, limit: int) -> list[Change]:
    """Changes of limits, the newest first, at most `limit`."""
    where = wanted.where()
    question = f"""select {", ".join(COLUMNS)} from noc_threshold_change where {where.sql}
                   order by made_at desc, number desc limit :most"""
    return [change_of(row) for row in connection.execute(text(question), {**where.values, "most": limit})]


def judged_hours(lake: Lake, scope: Scope, since: datetime, until: datetime) -> pa.Table:
    """Stored hours of a scope's site and metric that began in `[since, until)` (UTC), with what a limit is tried on."""
    days = [since.date() + timedelta(days=number) for number in range((until.date() - since.date()).days + 1)]
    parts = [JUDGED_SCHEMA.empty_table().select(REPLAYED)]
    for partition in lake.partitions(SITE_VERDICTS, days):
        if partition.tenant == scope.tenant_id:
            rows = lake.read(partition, REPLAYED)
            is_wanted = pc.and_(
                pc.equal(rows["site_id"], scope.site_id), pc.equal(rows["metric_type"], scope.metric_type)
            )
            parts.append(rows.filter(is_wanted))
    found = pa.concat_tables(parts)
    bounds = [pa.scalar(moment, INSTANT) for moment in (since, until)]
    return found.filter(pc.and_(pc.greater_equal(found["bucket"], bounds[0]), pc.less(found["bucket"], bounds[1])))


def judged_until(lake: Lake, tenant_id: str) -> datetime | None:
    """The end (UTC) of the last day that a tenant's hours were judged of; None where none was."""
    days = [partition.day for partition in lake.partitions(SITE_VERDICTS) if partition.tenant == tenant_id]
    return datetime.combine(max(days) + timedelta(days=1), time.min, UTC) if days else None


def _cells(connection: Connection, wanted: Wanted, limit: int, after: tuple[str, str, str, int] | None) -> pa.Table:
    where = wanted.where()
    values = {**where.values, "most": limit}
    rest = "true"
    if after is not None:
        values |= dict(zip(("a", "b", "c", "d"), after, strict=True))
        rest = f"({', '.join(CELL)}) > (:a, :b, :c, :d)"
    page = f"""(select profile.*, site.name as site_name
                from (select * from noc_baseline_profile where {where.sql} and {rest}
                      order by {", ".join(CELL)} limit :most) profile
                left join noc_site site using (tenant_id, site_id) order by {", ".join(CELL)}) as page"""
    return copy_out(connection, page, NAMED_SCHEMA, **values)


def _last_changes(connection: Connection, as_of: datetime, where: Where) -> dict[tuple[Any, ...], tuple[datetime, str]]:
    """The last change of each scope, of whichever kind: when, and by whom."""
    scope = ", ".join([*CELL[:3], "coalesce(hour_of_week, -1)"])
    last = f"""(select distinct on ({scope}) {", ".join(CELL)}, made_at as at, made_by as by from noc_threshold_change
                where made_at <= :as_of and {where.sql} order by {scope}, made_at desc, number desc) as last"""
    rows = copy_out(connection, last, CHANGED_SCHEMA, as_of=as_of, **where.values).to_pylist()
    return {tuple(row[name] for name in CELL): (row["at"], row["by"]) for row in rows}


def _standing(row: dict[str, Any], changed: dict[tuple[Any, ...], tuple[datetime, str]]) -> Standing:
    source = Source(row.pop("threshold_source"))
    moved_at = row.pop("last_threshold_update")
    cell = tuple(row[name] for name in CELL)
    told = [changed[key] for key in (cell, (*cell[:3], None)) if key in changed]
    at, by = max(told, default=(None, None), key=lambda each: each[0])
    # A limit also moves without a change: when a cell is learned, has aged, or gives too many false alarms.
    if moved_at is not None and (at is None or moved_at > at) and source is not Source.MANUAL:
        at, by = moved_at, PLATFORM
    return Standing(**row, source=source, last_changed=at, last_changed_by=by)
