"""What people said of alarms, as rates of false ones: of each site's metric, and of each hour of its week.

Pure: tables and a moment in, a table out. Each tenant is learned from alone. Elsewhere: which limit a rate brings
about (`thresholds`), moving the learned limits (`tuning`).
"""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.baselines.learning import Numbers
from noc_platform.baselines.metrics import METRICS
from noc_platform.baselines.pooling import Sums, pooled, spread_between
from noc_platform.baselines.profiles import INSTANT
from noc_platform.baselines.scoring import CELL, RATES_SCHEMA
from noc_platform.baselines.thresholds import guarded
from noc_platform.settings import ThresholdPolicy, VerdictPolicy

WEEK = timedelta(weeks=1)
SITE_METRIC = CELL[:3]
COUNTED_SCHEMA = pa.schema(
    [*RATES_SCHEMA, ("adjudicated", pa.int64()), ("false_positives", pa.int64()), ("estimated_rate", pa.float64())]
)


def false_positive_rates(
    adjudicated: pa.Table, as_of: datetime, policy: VerdictPolicy, before: pa.Table | None = None
) -> pa.Table:
    """Rates of false alarms among what people judged in the 30 days before `as_of` (UTC), as `COUNTED_SCHEMA`: a row
    for each site's metric (hour_of_week null) and for each of its cells anything was judged of.

    `adjudicated` has a row for each finding people judged, as `findings.queries.ADJUDICATED_SCHEMA`; what nobody
    looked at or could tell of counts neither way. `before` are the rates of the last time, for who was guarded then.
    `estimated_rate` is drawn towards the tenant's for that metric, a cell's towards its site's metric, by as much as
    few verdicts are unsure. It is the `false_positive_rate` as well unless it may move no limit: where too few were
    judged, and where false alarms are many in proportion but within their share of the budget. What has no verdicts
    any more has no row, and is guarded no longer.
    """
    counted = _counted(judged_in(adjudicated, as_of - policy.window, as_of))
    was = _was_guarded(counted, before)
    rates = _reals(counted["estimated_rate"])
    would_be = guarded(rates, was, ThresholdPolicy(guard_above=policy.guard_above, guard_below=policy.guard_below))
    is_enough = _reals(counted["adjudicated"]) >= policy.least_adjudicated
    is_known = is_enough & (~would_be | _is_over_budget(counted, was, policy))
    told = {
        "false_positive_rate": pa.array(np.where(is_known, rates, np.nan), from_pandas=True),
        "is_guarded": pa.array(would_be & is_known),
    }
    columns = {name: told[name] if name in told else counted[name] for name in COUNTED_SCHEMA.names}
    return pa.table(columns).cast(COUNTED_SCHEMA)


def judged_in(adjudicated: pa.Table, since: datetime, until: datetime) -> pa.Table:
    """What was judged in `[since, until)` (UTC), the last verdict on each finding alone, in an order that does not
    depend on that of the rows."""
    decided = adjudicated["decided_at"]
    is_in = pc.and_(pc.greater_equal(decided, pa.scalar(since, INSTANT)), pc.less(decided, pa.scalar(until, INSTANT)))
    for name in ("tenant_id", "site_id", "metric_type", "is_false"):
        is_in = pc.and_(is_in, pc.is_valid(adjudicated[name]))
    kept = adjudicated.filter(is_in)
    order = ("tenant_id", "finding_id", "decided_at", "is_false", "reviewer_id")
    kept = kept.sort_by([(name, "ascending") for name in order]).combine_chunks()
    if not kept.num_rows:
        return kept
    finding = kept.group_by(["tenant_id", "finding_id"], use_threads=False).aggregate([([], "count_all")])
    last = np.cumsum(finding["count_all"].to_numpy()) - 1
    return kept.take(pa.array(last))


def _counted(judged: pa.Table) -> pa.Table:
    """What was judged of each site's metric and of each cell: `CELL`, adjudicated, false_positives, estimated_rate."""
    of_metric = _sums(judged, ["tenant_id", "metric_type"])
    rate = pc.divide(pc.cast(of_metric["false_positives"], pa.float64()), of_metric["adjudicated"])
    upper = of_metric.select(["tenant_id", "metric_type"]).append_column("upper", rate)
    of_site = _drawn(_sums(judged, SITE_METRIC), upper)
    upper = of_site.select(SITE_METRIC).append_column("upper", of_site["estimated_rate"])
    cells = _drawn(_sums(judged.filter(pc.is_valid(judged["hour_of_week"])), CELL), upper)
    nowhere = pa.nulls(of_site.num_rows, pa.int64())
    return pa.concat_tables([of_site.append_column("hour_of_week", nowhere).select(cells.column_names), cells])


def _sums(judged: pa.Table, by: list[str]) -> pa.Table:
    told = judged.select(by).append_column("false", pc.cast(judged["is_false"], pa.int64()))
    sums = told.group_by(by).aggregate([("false", "count"), ("false", "sum")])
    named = sums.rename_columns({"false_count": "adjudicated", "false_sum": "false_positives"})
    return named.sort_by([(name, "ascending") for name in by])


def _drawn(sums: pa.Table, upper: pa.Table) -> pa.Table:
    """With `estimated_rate`: each group's own rate, drawn towards the rate of the larger one it belongs to."""
    keys = [name for name in upper.column_names if name != "upper"]
    order = [name for name in CELL if name in sums.column_names]
    told = sums.join(upper, keys).sort_by([(name, "ascending") for name in order])
    judged, false, towards = (_reals(told[name]) for name in ("adjudicated", "false_positives", "upper"))
    rate = np.zeros(told.num_rows)
    pool = pc.binary_join_element_wise(told["tenant_id"], told["metric_type"], "\x1f")
    for rows in _groups(pool):
        expected = judged[rows] * towards[rows]
        known = Sums(false[rows], expected, expected * (1 - towards[rows]), judged[rows], judged[rows])
        rate[rows] = np.clip(towards[rows] * pooled(known, spread_between(known)).factor, 0, 1)
    return told.drop(["upper"]).append_column("estimated_rate", pa.array(rate))


def _is_over_budget(counted: pa.Table, was_guarded: Numbers, policy: VerdictPolicy) -> Numbers:
    """Whether the false alarms of a row alone are more than the share of the budget that each metric has. What was
    guarded stays so until they are fewer than that by as much as its rate must be."""
    weekly = _reals(counted["false_positives"]) * (WEEK / policy.window)
    share = policy.false_alarms_per_site_week / len(METRICS)
    return np.asarray(weekly > np.where(was_guarded, share * policy.guard_below / policy.guard_above, share))


def _was_guarded(counted: pa.Table, before: pa.Table | None) -> Numbers:
    if before is None:
        return np.zeros(counted.num_rows, bool)
    held = before.filter(pc.fill_null(before["is_guarded"], False)).select(CELL).to_pylist()
    names = {tuple(row.values()) for row in held}
    return np.array([tuple(row.values()) in names for row in counted.select(CELL).to_pylist()], bool)


def _groups(names: Any) -> list[Numbers]:
    """Places of the rows of each name."""
    codes = _reals(names.combine_chunks().dictionary_encode().indices).astype(np.int64)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(codes) else []


def _reals(column: Any) -> Numbers:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False), float)
