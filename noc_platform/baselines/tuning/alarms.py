"""Alarms that limits would have raised, counted from stored scores: episodes of consecutive hours of a site's metric.

Pure. Elsewhere: which of them are false (`falsity`), what follows for limits (`proposals`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.baselines.learning import Numbers
from noc_platform.baselines.metrics import METRICS
from noc_platform.baselines.profiles import INSTANT
from noc_platform.baselines.scoring import HOUR_MICROSECONDS, Verdict, too_far
from noc_platform.baselines.thresholds import LOWEST
from noc_platform.baselines.tuning.falsity import LIMITS, places

NAMES = tuple(metric.name for metric in METRICS)
READ = ("tenant_id", "site_id", "metric_type", "bucket", "evidence_z", "threshold", "threshold_source")
DAYS_A_WEEK = 7
DAY_MICROSECONDS = 24 * HOUR_MICROSECONDS
HOURS_EVER = 2**32


def judged_between(judged: pa.Table, since: datetime, until: datetime) -> pa.Table:
    """Rows of `JUDGED_SCHEMA` that are judgements of hours in `[since, until)` (UTC), with what is needed of them."""
    bucket = judged["bucket"]
    is_in = pc.and_(pc.greater_equal(bucket, pa.scalar(since, INSTANT)), pc.less(bucket, pa.scalar(until, INSTANT)))
    is_judged = pc.is_in(judged["verdict"], pa.array([Verdict.ANOMALOUS.value, Verdict.USUAL.value]))
    is_whole = pc.and_(pc.is_valid(judged["tenant_id"]), pc.is_valid(judged["site_id"]))
    return judged.select(READ).filter(pc.and_(pc.and_(is_in, is_judged), is_whole))


@dataclass(frozen=True)
class Alarms:
    """Scores of a tenant that might be alarms, in order of site, metric and hour, and how many weeks were judged."""

    sites: list[str]
    series: Numbers
    hour: Numbers
    score: Numbers
    weeks: Numbers

    def expected(self, shares: Numbers) -> Numbers:
        """False alarms a week, `(site, metric, limit)`: the sum over alarms of how likely each is false. Never rising
        with the limit, though one long alarm may become two short ones."""
        count = len(self.sites) * len(NAMES)
        flat, found = shares.reshape(count, len(LIMITS)), np.zeros((count, len(LIMITS)))
        series, hour, score = self.series, self.hour, self.score
        for place, limit in enumerate(LIMITS):
            is_over = score > limit
            series, hour, score = series[is_over], hour[is_over], score[is_over]
            if not len(series):
                break
            begins = np.flatnonzero(np.r_[True, (np.diff(series) != 0) | (np.diff(hour) != 1)])
            peak = np.maximum.reduceat(score, begins)
            found[:, place] = np.bincount(series[begins], flat[series[begins], places(peak)], count)
        weekly = found.reshape(len(self.sites), len(NAMES), len(LIMITS)) / self.weeks[:, None, None]
        return np.asarray(np.maximum.accumulate(weekly[..., ::-1], axis=-1)[..., ::-1])

    def peaks(self, series: Numbers, first: Numbers, last: Numbers) -> Numbers:
        """The greatest score of each series in its hours from the first to the last, both included; NaN for none."""
        known, span = self.series * HOURS_EVER + self.hour, series * HOURS_EVER
        since, until = np.searchsorted(known, span + first), np.searchsorted(known, span + last, side="right")
        bounds = np.stack([since, np.maximum(until, since)], axis=1).ravel()
        # What lies between an end and the next beginning is reduced as well, and not asked for.
        found = np.maximum.reduceat(np.append(self.score, np.nan), bounds)[::2] if len(bounds) else np.zeros(0)
        return np.asarray(np.where(until > since, found, np.nan))


def alarms_of(judged: pa.Table, sites: list[str]) -> Alarms:
    """What might be alarms at a tenant's sites, out of `judged_between`."""
    site, metric = places_among(judged["site_id"], sites), places_among(judged["metric_type"], NAMES)
    micros = np.asarray(pc.cast(judged["bucket"], pa.int64()).to_numpy())
    days = np.unique(site * 100_000 + micros // DAY_MICROSECONDS) // 100_000
    weeks = np.bincount(days, minlength=len(sites)) / DAYS_A_WEEK
    evidence, matters = reals(judged["evidence_z"]), np.zeros(judged.num_rows, bool)
    for place, each in enumerate(METRICS):
        matters |= (metric == place) & too_far(evidence, LOWEST, each)
    kept = np.flatnonzero(matters)
    series, hour = site[kept] * len(NAMES) + metric[kept], micros[kept] // HOUR_MICROSECONDS
    order = np.lexsort((hour, series))
    # Less than a week is taken for one: two days without an alarm say little.
    return Alarms(sites, series[order], hour[order], np.abs(evidence[kept])[order], np.maximum(weeks, 1.0))


def places_among(names: Any, among: Any) -> Numbers:
    """The place of each name, -1 for one that is not among them."""
    found = pc.fill_null(pc.index_in(names, pa.array(among, pa.string())), -1)
    return np.asarray(
        found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy(), np.int64
    )


def reals(column: Any) -> Numbers:
    """A column as numbers, NaN where it is null."""
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), float)
