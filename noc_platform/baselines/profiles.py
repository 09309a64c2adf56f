"""Baseline profiles: from dated site-hours to what is usual at every hour of every site's week.

Recomputed from history each time, so that nothing is ever counted twice (defect 28). Pure: tables and a moment in, a
table out. Each tenant is learned from alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.baselines.distributions import Spread, quantiles
from noc_platform.baselines.learning import HOURS_OF_WEEK, Hours, Numbers, Places, Week, learn
from noc_platform.baselines.metrics import METRICS, Metric
from noc_platform.settings import BaselinePolicy

SECONDS_A_DAY = 86_400.0
SECONDS_AN_HOUR = 3600.0
SHARES = (0.05, 0.25, 0.50, 0.75, 0.95, 0.99)
INSTANT = pa.timestamp("us", tz="UTC")
# Hours nobody may learn from: (tenant, site, hour), and (tenant, site, metric, hour) of anomalies people confirmed.
SPECIAL_SCHEMA = pa.schema([("tenant_id", pa.string()), ("site_id", pa.string()), ("bucket", INSTANT)])
CONFIRMED_SCHEMA = pa.schema(
    [("tenant_id", pa.string()), ("site_id", pa.string()), ("metric_type", pa.string()), ("bucket", INSTANT)]
)


class State(StrEnum):
    """Whether a cell may judge. Only a stable one does."""

    STABLE = "STABLE"
    LEARNING = "LEARNING"
    STALE = "STALE"


PROFILE_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("site_id", pa.string()),
        ("metric_type", pa.string()),
        ("hour_of_week", pa.int64()),
        ("rate", pa.float64()),
        ("unit", pa.float64()),
        ("dispersion", pa.float64()),
        ("stretch_below", pa.float64()),
        ("stretch_above", pa.float64()),
        ("guard_hours", pa.float64()),
        ("mean", pa.float64()),
        ("std_dev", pa.float64()),
        ("is_floored", pa.bool_()),
        *((f"p{round(share * 100)}", pa.float64()) for share in SHARES),
        ("sample_count", pa.int64()),
        ("effective_samples", pa.float64()),
        ("borrowed_share", pa.float64()),
        ("zero_share", pa.float64()),
        ("zero_samples", pa.float64()),
        ("is_stable", pa.bool_()),
        ("state", pa.string()),
        ("learning_start_date", INSTANT),
        ("newest_sample_at", INSTANT),
        ("last_updated", INSTANT),
    ]
)


def learn_profiles(
    hours: pa.Table,
    sites: pa.Table,
    as_of: datetime,
    policy: BaselinePolicy,
    special: pa.Table | None = None,
    confirmed: pa.Table | None = None,
) -> pa.Table:
    """Profiles of every site, metric and site-local hour of the week, as `PROFILE_SCHEMA`, from what lies before
    `as_of` (UTC).

    `hours` are rows of site signals with `LOCAL_TIME`; `sites` has tenant_id, site_id, client_id, kind. `special` and
    `confirmed` are hours not to be learned from, as the schemas of that name. Rows without an hour of the week, of
    sites whose zone is not known, say nothing; a site nothing is known of has LEARNING cells.
    """
    usable = _usable(hours, as_of, policy, special)
    parts = [
        part
        for tenant in sorted(set(sites["tenant_id"].to_pylist()))
        for part in _of_tenant(tenant, usable, sites, as_of, policy, confirmed)
    ]
    return pa.concat_tables(parts) if parts else PROFILE_SCHEMA.empty_table()


def _usable(hours: pa.Table, as_of: datetime, policy: BaselinePolicy, special: pa.Table | None) -> pa.Table:
    is_known = pc.and_(pc.is_valid(hours["site_id"]), pc.is_valid(hours["hour_of_week"]))
    is_past = pc.and_(
        pc.less(hours["bucket"], pa.scalar(as_of, INSTANT)),
        pc.greater_equal(hours["bucket"], pa.scalar(as_of - policy.history, INSTANT)),
    )
    kept = hours.filter(pc.and_(is_known, is_past))
    if special is not None and special.num_rows:
        kept = kept.join(special, ["tenant_id", "site_id", "bucket"], join_type="left anti")
    return kept


def _of_tenant(
    tenant: str, hours: pa.Table, sites: pa.Table, as_of: datetime, policy: BaselinePolicy, confirmed: pa.Table | None
) -> Iterator[pa.Table]:
    own = sites.filter(pc.equal(sites["tenant_id"], tenant)).sort_by("site_id")
    names = own["site_id"]
    # A site without a client is a client of its own, one without a kind of the kind nobody named.
    client = pc.fill_null(own["client_id"], pc.binary_join_element_wise("site", names, "/"))
    places = Places(_codes(client), _codes(pc.fill_null(own["kind"], "")))
    rows = hours.filter(pc.equal(hours["tenant_id"], tenant))
    for metric in METRICS:
        told = rows.filter(pc.is_valid(rows[metric.signal.value]))
        if confirmed is not None and confirmed.num_rows:
            of_metric = confirmed.filter(pc.equal(confirmed["metric_type"], metric.name)).drop(["metric_type"])
            told = told.join(of_metric, ["tenant_id", "site_id", "bucket"], join_type="left anti")
        site = pc.index_in(told["site_id"], names.combine_chunks())
        learnable = _learnable(told, site, metric, as_of, policy)
        yield _table(tenant, names, metric, learn(learnable.hours, places, metric.family), learnable, as_of, policy)


@dataclass(frozen=True)
class _Learnable:
    """Hours to learn from, and when each of them was, seconds since 1970."""

    hours: Hours
    instants: Numbers


def _learnable(told: pa.Table, site: Any, metric: Metric, as_of: datetime, policy: BaselinePolicy) -> _Learnable:
    place = site.to_numpy(zero_copy_only=False) if isinstance(site, pa.ChunkedArray) else np.asarray(site)
    guards = _reals(told[metric.exposure]) / SECONDS_AN_HOUR
    values = _reals(told[metric.signal.value])
    instants = _reals(pc.cast(told["bucket"], pa.int64())) / 1e6
    # A value that cannot be (negative, infinite) is no evidence, and neither is an hour with next to nobody there.
    is_sound = np.isfinite(values) & (values >= 0) & (guards >= policy.least_guard_hours) & ~np.isnan(_reals_of(place))
    age_days = (as_of.timestamp() - instants[is_sound]) / SECONDS_A_DAY
    weight = 0.5 ** (age_days / (policy.half_life.total_seconds() / SECONDS_A_DAY))
    hour = _reals(told["hour_of_week"])[is_sound].astype(np.int64)
    week = np.floor(age_days / 7).astype(np.int64)
    rows = Hours(_reals_of(place)[is_sound].astype(np.int64), hour, values[is_sound], guards[is_sound], weight, week)
    return _Learnable(rows, instants[is_sound])


def _table(
    tenant: str, names: Any, metric: Metric, week: Week, learnable: _Learnable, as_of: datetime, policy: BaselinePolicy
) -> pa.Table:
    sites = len(names)
    first, newest = _extent(learnable, sites)
    expected = week.rate * week.guards
    spread = Spread(metric.family, week.dispersion, week.unit)
    is_stale = as_of.timestamp() - newest > policy.stale_after.total_seconds()
    is_enough = week.effective >= policy.stable_samples
    is_stable = is_enough & ~is_stale[:, None]
    state = np.where(is_stable, State.STABLE, np.where(is_enough, State.STALE, State.LEARNING))
    percentiles = quantiles(expected, spread, SHARES)
    columns: dict[str, Any] = {
        "tenant_id": pa.repeat(tenant, sites * HOURS_OF_WEEK),
        "site_id": pc.take(names.combine_chunks(), pa.array(np.repeat(np.arange(sites), HOURS_OF_WEEK))),
        "metric_type": pa.repeat(metric.name, sites * HOURS_OF_WEEK),
        "hour_of_week": np.tile(np.arange(HOURS_OF_WEEK), sites),
        "rate": week.rate,
        "unit": np.full(week.rate.shape, week.unit),
        "dispersion": week.dispersion,
        "stretch_below": np.full(week.rate.shape, week.stretch[0]),
        "stretch_above": np.full(week.rate.shape, week.stretch[1]),
        "guard_hours": week.guards,
        "mean": expected,
        "std_dev": np.sqrt(spread.variance(expected)),
        "is_floored": spread.unfloored(expected) < spread.variance(expected),
        **{f"p{round(share * 100)}": percentiles[..., place] for place, share in enumerate(SHARES)},
        "sample_count": week.samples,
        "effective_samples": week.effective,
        "borrowed_share": 1 - week.own,
        "zero_share": week.zero_share,
        "zero_samples": week.zero_samples,
        "is_stable": is_stable,
        "state": state,
        "learning_start_date": _instants(np.repeat(first, HOURS_OF_WEEK)),
        "newest_sample_at": _instants(np.repeat(newest, HOURS_OF_WEEK)),
        "last_updated": pa.repeat(pa.scalar(as_of, INSTANT), sites * HOURS_OF_WEEK),
    }
    return pa.table([_column(columns[field.name], field.type) for field in PROFILE_SCHEMA], schema=PROFILE_SCHEMA)


def _extent(learnable: _Learnable, sites: int) -> tuple[Numbers, Numbers]:
    """When each site was first and last heard of, seconds since 1970; NaN where it never was."""
    first, newest = np.full(sites, np.inf), np.full(sites, -np.inf)
    np.minimum.at(first, learnable.hours.site, learnable.instants)
    np.maximum.at(newest, learnable.hours.site, learnable.instants)
    is_known = np.isfinite(first)
    return np.where(is_known, first, np.nan), np.where(is_known, newest, np.nan)


def _column(values: Any, kind: pa.DataType) -> Any:
    if isinstance(values, np.ndarray):
        flat = values.reshape(-1)
        return pa.array(flat, kind, from_pandas=pa.types.is_floating(kind))
    return values.cast(kind) if values.type != kind else values


def _instants(seconds: Numbers) -> pa.Array:
    micros = np.where(np.isnan(seconds), 0, seconds * 1e6).astype(np.int64)
    return pa.array(micros, pa.int64(), mask=np.isnan(seconds)).cast(pa.timestamp("us")).cast(INSTANT)


def _codes(values: Any) -> Numbers:
    return np.asarray(values.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False), np.int64)


def _reals(column: Any) -> Numbers:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), float)


def _reals_of(places: Numbers) -> Numbers:
    return np.asarray(places, float)
