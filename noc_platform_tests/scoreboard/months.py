"""Months of a world judged week by week as the platform would have, and the alarms any limits would have raised."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.baselines.calendar import calendar_of, sites_of, windows_of
from noc_platform.baselines.metrics import METRICS
from noc_platform.baselines.products import last_sunday
from noc_platform.baselines.profiles import INSTANT, SPECIAL_SCHEMA, learn_profiles
from noc_platform.baselines.scoring import (
    JUDGED_SCHEMA,
    LIMITS_SCHEMA,
    RATES_SCHEMA,
    Verdict,
    judge,
    with_limits,
)  # fmt: skip
from noc_platform.settings import BaselinePolicy, ThresholdPolicy
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import CALENDAR, SITES
from noc_platform.streams.declaration import Stream
from noc_platform.telemetry.vocabulary import Window
from noc_platform_tests.scoreboard.claims import Numbers
from noc_platform_tests.scoreboard.disturbances import Disturbances
from noc_platform_tests.scoreboard.histories import History

WEEK_HOURS = 168
NAMES = tuple(metric.name for metric in METRICS)
SIDES = {metric.name: [side.value for side in metric.directions] for metric in METRICS}


@dataclass(frozen=True)
class Alarms:
    """Episodes of consecutive hours beyond the limits of one site and metric: first hour, hour after the last, the
    greatest score, and whether nothing was the matter."""

    site: Numbers
    metric: Numbers
    first: Numbers
    after: Numbers
    peak: Numbers
    is_false: Numbers

    def __len__(self) -> int:
        return len(self.site)


@dataclass(frozen=True)
class Months:
    """A world of months, its signals, and what baselines make of each week; week 0 begins on the first Sunday that a
    whole week of history lies before."""

    history: History

    @cached_property
    def truth(self) -> Disturbances:
        """What really was the matter."""
        return Disturbances(self.history.world)

    @cached_property
    def sites(self) -> pa.Table:
        """The sites as the platform holds them."""
        return self._held(SITES)

    @cached_property
    def special(self) -> pa.Table:
        """Announced holidays, closures and maintenance."""
        days = self.history.days
        windows, places = windows_of(self._held(CALENDAR)), sites_of(self.sites)
        hours = calendar_of(windows, places, Window.of_days(days[0], days[-1])).hours()
        return hours.select(SPECIAL_SCHEMA.names).cast(SPECIAL_SCHEMA)

    @cached_property
    def first_sunday(self) -> date:
        """When week 0 begins."""
        return last_sunday(self.history.days[13]).date()

    @cached_property
    def weeks(self) -> int:
        """How many whole weeks there are."""
        return (self.history.days[-1] - self.first_sunday).days // 7

    def sunday(self, week: int) -> datetime:
        """When a week begins, UTC."""
        return datetime.combine(self.first_sunday, datetime.min.time(), UTC) + timedelta(weeks=week)

    def hours(self, weeks: range) -> slice:
        """The hours of some weeks."""
        first, after = (int(self.truth.hour(self.sunday(week))) for week in (weeks[0], weeks[-1] + 1))
        return slice(first, after)

    @cached_property
    def judged(self) -> pa.Table:
        """Every week judged by what was known when it began."""
        return self.judged_by(BaselinePolicy(), range(self.weeks))

    def judged_by(self, policy: BaselinePolicy, weeks: range, signals: pa.Table | None = None) -> pa.Table:
        """Some weeks, each judged by what is learned before it under a policy, from these signals if others are not
        given."""
        hours = self.history.sites if signals is None else signals
        parts = []
        for begins in (self.sunday(week) for week in weeks):
            profiles = learn_profiles(hours, self.sites, begins, policy, self.special)
            limited = with_limits(profiles, LIMITS_SCHEMA.empty_table(), RATES_SCHEMA.empty_table(), ThresholdPolicy())
            # Evidence reaches into the day before.
            told = judge(_between(hours, begins - timedelta(days=1), begins + timedelta(weeks=1)), limited, policy,
                         self.special)  # fmt: skip
            parts.append(_between(told, begins, begins + timedelta(weeks=1)))
        return pa.concat_tables(parts) if parts else JUDGED_SCHEMA.empty_table()

    def scores(self, judged: pa.Table) -> Numbers:
        """How unusual each hour was on a side that matters, `(site, metric, hour)`; NaN where nothing was judged."""
        rows = judged.filter(pc.is_in(judged["verdict"], pa.array([Verdict.ANOMALOUS, Verdict.USUAL])))
        parts = [
            rows.filter(pc.and_(pc.equal(rows["metric_type"], name), pc.is_in(rows["direction"], pa.array(sides))))
            for name, sides in SIDES.items()
        ]
        told = pa.concat_tables(parts).select(["tenant_id", "site_id", "metric_type", "bucket", "evidence_z"])
        return self.cube(told.to_pandas(), "metric_type", "evidence_z")

    def cube(self, rows: Any, metric: str, value: str) -> Numbers:
        """Values of rows by site, metric and hour, without their sign."""
        found = np.full((len(self.truth.places), len(NAMES), self.truth.hours), np.nan)
        place = (rows.tenant_id + "/" + rows.site_id).map(self.truth.places)
        found[place, rows[metric].map(NAMES.index), self.truth.hour(rows.bucket)] = rows[value].abs()
        return found

    def alarms(self, scores: Numbers, limits: Numbers | float, hours: slice) -> Alarms:
        """What lies beyond limits that can be laid over `(site, metric, hour)` of some hours."""
        # A comparison with NaN is false.
        is_over = np.pad(scores[:, :, hours] > limits, ((0, 0), (0, 0), (1, 1)))
        change = np.diff(is_over.astype(np.int8), axis=2)
        site, metric, first = np.nonzero(change == 1)
        after = np.nonzero(change == -1)[2]
        peak = [np.nanmax(scores[row][hours][at:end]) for row, at, end in zip(zip(site, metric, strict=True), first,
                                                                              after, strict=True)]  # fmt: skip
        first, after = first + hours.start, after + hours.start
        return Alarms(site, metric, first, after, np.array(peak), self.truth.is_false(site, first, after))

    def _held(self, stream: Stream) -> pa.Table:
        """Rows of a stream with every declared column."""
        rows, schema = self.history.world.stream(stream.name), arrow_schema(stream)
        known = rows.select([name for name in rows.column_names if name in schema.names])
        return pa.concat_tables([schema.empty_table(), known], promote_options="permissive")


def only_the_last(days: int) -> BaselinePolicy:
    """Learning from so many days alone, as of a site that is new."""
    return replace(BaselinePolicy(), history=timedelta(days=days))


def _between(rows: pa.Table, since: datetime, until: datetime) -> pa.Table:
    bucket = rows["bucket"]
    is_in = pc.and_(pc.greater_equal(bucket, pa.scalar(since, INSTANT)), pc.less(bucket, pa.scalar(until, INSTANT)))
    return rows.filter(is_in)
