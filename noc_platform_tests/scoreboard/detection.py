"""Claims about baselines: that they find what was planted, soon after a site is new, and know a change of clocks.

Every way is held to the same number of false alarms: its one limit is set, knowing the truth, so that there is one a
site and week. A false alarm is an episode of hours at one site and metric in which nothing was the matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from noc_platform.baselines.metrics import METRICS, Direction
from noc_platform.settings import BaselinePolicy
from noc_platform.simulator.world import WorldPlan
from noc_platform_tests.scoreboard.claims import Claim, Numbers, resampled, share
from noc_platform_tests.scoreboard.disturbances import REACH_HOURS
from noc_platform_tests.scoreboard.months import NAMES, WEEK_HOURS, Alarms, Months, only_the_last

# From winter to summer, so that clocks change in March in America and Europe, and in April in Australia.
MONTHS = WorldPlan(guards=150, sites=30, days=182, seed=2026, first_day=date(2026, 1, 26), planted=2.0)
BUDGET = 1.0
# The weeks cases are looked for in, of all there are; those before are for learning from, and for tuning.
LAST_WEEKS = 12
YOUNG_DAYS = 14
HIGHEST_LIMIT, HALVINGS = 500.0, 24
WEEKLY, DAILY = "z-score per hour of week", "mean ± k·σ per hour of day"
DEFAULT_LIMIT = 3.0
BESIDE = 3


@dataclass(frozen=True)
class Ways:
    """Scores of the last weeks by ours and by simpler ways, from all history and from that of 14 days."""

    months: Months

    @cached_property
    def weeks(self) -> range:
        """The weeks that are looked at."""
        return range(self.months.weeks - LAST_WEEKS, self.months.weeks)

    @cached_property
    def ours(self) -> Numbers:
        """Scores from all history."""
        return self.months.scores(self.months.judged)

    @cached_property
    def ours_when_young(self) -> Numbers:
        """Scores from the 14 days before each week alone."""
        return self.months.scores(self.months.judged_by(only_the_last(YOUNG_DAYS), self.weeks))

    def simple(self, days: int | None = None) -> dict[str, Numbers]:
        """Scores of simpler ways, from so many days before each week or all."""
        cells = {WEEKLY: self._signals.hour_of_week, DAILY: self._signals.hour_of_week % 24}
        return {name: self._plain(cell, days) for name, cell in cells.items()}

    def found(self, scores: Numbers) -> Numbers:
        """Of each case that must show, whether an alarm was raised at its site meanwhile, at the budget."""
        limit = self._at_budget(scores)
        alarms = self.months.alarms(scores, limit, self.months.hours(self.weeks))
        return found(self.months, alarms, self.cases)

    @cached_property
    def cases(self) -> Any:
        """Causes of those weeks that must show."""
        return cases(self.months, self.weeks)

    def _at_budget(self, scores: Numbers) -> float:
        hours, low, high = self.months.hours(self.weeks), 0.0, HIGHEST_LIMIT
        most = BUDGET * len(self.weeks) * len(self.months.truth.places)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            is_too_low = self.months.alarms(scores, middle, hours).is_false.sum() > most
            low, high = (middle, high) if is_too_low else (low, middle)
        return high

    @cached_property
    def _signals(self) -> Any:
        rows = self.months.history.sites.to_pandas()
        rows = rows[rows.hour_of_week.notna()].reset_index(drop=True)
        place = (rows.tenant_id + "/" + rows.site_id).map(self.months.truth.places)
        return rows.assign(place=place, hour=self.months.truth.hour(rows.bucket))

    def _plain(self, cell: Any, days: int | None) -> Numbers:
        """(value - mean) / deviation of the same cell before each week; a deviation of 0 says nothing."""
        rows, truth = self._signals.assign(cell=cell), self.months.truth
        scores = np.full((len(truth.places), len(NAMES), truth.hours), np.nan)
        for week in self.weeks:
            hours = self.months.hours(range(week, week + 1))
            earliest = 0 if days is None else hours.start - days * 24
            before = rows[(rows.hour < hours.start) & (rows.hour >= earliest)].groupby(["place", "cell"])
            now = rows[(rows.hour >= hours.start) & (rows.hour < hours.stop)]
            for number, metric in enumerate(METRICS):
                usual = now.join(before[metric.signal.value].agg(["mean", "std"]), on=["place", "cell"])
                deviation = usual["std"].where(usual["std"] > 0)
                z = np.array((usual[metric.signal.value] - usual["mean"]) / deviation, float)
                z[(z > 0) & (Direction.ABOVE not in metric.directions)] = np.nan
                scores[now.place, number, now.hour] = np.abs(z)
        return scores


def cases(months: Months, weeks: range) -> Any:
    """Causes that must show and lie in these weeks."""
    hours, rows = months.hours(weeks), months.truth.must_show
    return rows[(rows["first"] >= hours.start) & (rows["after"] <= hours.stop)].reset_index(drop=True)


def found(months: Months, alarms: Alarms, cases: Any) -> Numbers:
    """Of each case, whether an alarm was raised at its site meanwhile, or in the hours evidence reaches into."""
    is_on = np.zeros((len(months.truth.places), months.truth.hours + REACH_HOURS), bool)
    for site, first, after in zip(alarms.site, alarms.first, alarms.after, strict=True):
        is_on[site, first:after] = True
    return np.array([is_on[row.place, row.first : row.after + REACH_HOURS].any() for row in cases.itertuples()], bool)


def claims(ways: Ways) -> Iterator[Claim]:
    """Every claim about what baselines find."""
    clusters = np.asarray(ways.cases.place)
    old, young = ways.found(ways.ours), ways.found(ways.ours_when_young)
    simple_old = {name: float(ways.found(scores).mean()) for name, scores in ways.simple().items()}
    simple_young = {name: float(ways.found(scores).mean()) for name, scores in ways.simple(YOUNG_DAYS).items()}
    value, low, high = share(old, clusters)
    yield Claim(
        "anomalies found after months",
        "Share of planted surges, silent sites and sleeping guards (at least half of those there) that an alarm was "
        f"raised for, at {BUDGET:g} false alarm a site and week; wanted is more than any simpler way.",
        value, low, high, len(old), wanted=round(max(simple_old.values()), 4), baselines=simple_old,
    )  # fmt: skip
    value, low, high = share(young, clusters)
    yield Claim(
        f"anomalies found after {YOUNG_DAYS} days",
        f"The same weeks judged from the {YOUNG_DAYS} days before each alone, as at a tenant that is new, at as many "
        "false alarms; wanted is four fifths of what is found after months.",
        value, low, high, len(young), wanted=round(0.8 * float(old.mean()), 4), baselines=simple_young,
    )  # fmt: skip
    yield clocks(ways.months, ways.ours)


def clocks(months: Months, scores: Numbers) -> Claim:
    """False alarms in the week that begins with a change of clocks, against those of the weeks beside it."""
    changes = _changes(months)
    sites, weeks = (np.array(each) for each in zip(*changes, strict=True))
    then = _false_alarms(months, scores, sites, weeks)
    other = [_false_alarms(months, scores, sites, weeks + by) for by in (*range(-BESIDE, 0), *range(1, BESIDE + 1))]
    beside = np.mean(other, axis=0)
    winter = _winter(months)
    parts = [months.judged_by(BaselinePolicy(), range(week, week + 1), winter) for week in np.unique(weeks).tolist()]
    of_bug = _false_alarms(months, months.scores(pa.concat_tables(parts)), sites, weeks)

    def ratio(rows: Numbers) -> float:
        return float(then[rows].sum() / beside[rows].sum())

    return Claim(
        "false alarms when clocks change",
        f"False alarms in the week that begins with a change of clocks, over the mean of the {BESIDE} weeks before and "
        f"after at the same sites, at the default limit.",
        ratio(np.arange(len(sites))), *resampled(ratio, sites), len(sites), wanted=1.25, unit="ratio", is_at_most=True,
        baselines={"hours of the week without summer time": float(of_bug.sum() / beside.sum())},
    )  # fmt: skip


def _false_alarms(months: Months, scores: Numbers, sites: Numbers, weeks: Numbers) -> Numbers:
    """False alarms of each of these sites in its week, at the default limit."""
    counts = {}
    for week in np.unique(weeks).tolist():
        alarms = months.alarms(scores, DEFAULT_LIMIT, months.hours(range(week, week + 1)))
        counts[week] = np.bincount(alarms.site[alarms.is_false], minlength=len(months.truth.places))
    return np.array([counts[week][site] for site, week in zip(sites.tolist(), weeks.tolist(), strict=True)], float)


def _changes(months: Months) -> list[tuple[int, int]]:
    """Sites (by place) whose clocks change, and the week that begins with it."""
    rows = months.history.world.stream("sites").to_pandas()
    found = []
    for row in rows.itertuples():
        zone = ZoneInfo(row.time_zone)
        for week in range(BESIDE, months.weeks - BESIDE):
            begins = months.sunday(week)
            before, after = (begins + timedelta(days=days) for days in (-1, 2))
            if before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
                found.append((months.truth.places[f"{row.tenant_id}/{row.site_id}"], week))
    return found


def _winter(months: Months) -> pa.Table:
    """The signals with hours of the week by the clock of the first day, as if it were never changed: a planted bug."""
    signals = months.history.sites
    zones = {f"{row.tenant_id}/{row.site_id}": row.time_zone for row in
             months.history.world.stream("sites").to_pandas().itertuples()}  # fmt: skip
    first = months.sunday(0)
    offset = {site: first.astimezone(ZoneInfo(zone)).utcoffset() for site, zone in zones.items()}
    rows = signals.select(["tenant_id", "site_id", "bucket"]).to_pandas()
    shifted = rows.bucket + pd.to_timedelta((rows.tenant_id + "/" + rows.site_id).map(offset))
    hours = (shifted.dt.day_of_week * 24 + shifted.dt.hour) % WEEK_HOURS
    place = signals.column_names.index("hour_of_week")
    return signals.set_column(place, "hour_of_week", pa.array(hours, signals.schema.field("hour_of_week").type))
