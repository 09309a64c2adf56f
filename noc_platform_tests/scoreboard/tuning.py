"""Claims about limits that learn: months in which people judge a few alarms a site, and the limits are tuned weekly.

Alarms of a week are raised by the limits so far; some of them, by chance, are judged, and what people say is as the
truth has it, or now and then not. The limits after twelve weeks then stand for the rest of the months.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from noc_platform.baselines.scoring import CELL, LIMITS_SCHEMA, RATES_SCHEMA, with_limits
from noc_platform.baselines.thresholds import HIGHEST, LOWEST
from noc_platform.baselines.tuning.proposals import proposals
from noc_platform.baselines.verdicts import false_positive_rates
from noc_platform.findings.queries import ADJUDICATED_SCHEMA
from noc_platform.settings import ThresholdPolicy, TuningPolicy, VerdictPolicy
from noc_platform_tests.scoreboard.claims import Claim, Numbers, resampled
from noc_platform_tests.scoreboard.detection import cases, found
from noc_platform_tests.scoreboard.months import NAMES, WEEK_HOURS, Alarms, Months

TUNED_WEEKS, VERDICTS_A_SITE = 12, 20
WRONG = 0.1
# Which alarms people look at is chance: so many draws, and what is claimed is their mean.
DRAWS = 5
BUDGET, DAYS_A_WEEK = 1.0, 7
ORACLE_STEP, DEFAULT = 0.05, 3.0
Row = dict[str, Any]


@dataclass(frozen=True)
class Tuned:
    """Limits as they were after the tuned weeks, `(site, metric, hour of week)`, and how many verdicts there were."""

    limits: Numbers
    verdicts: int


@dataclass(frozen=True)
class Outcome:
    """False alarms a day of each site, the share of site-days with one, and which of the cases were found."""

    false_a_day: Numbers
    days_with_one: float
    found: Numbers


@dataclass(frozen=True)
class Tuning:
    """The months as people live them who judge alarms."""

    months: Months

    @cached_property
    def scores(self) -> Numbers:
        """How unusual each hour was."""
        return self.months.scores(self.months.judged)

    @cached_property
    def rest(self) -> range:
        """The weeks after the tuned ones."""
        return range(TUNED_WEEKS, self.months.weeks)

    @cached_property
    def hour_of_week(self) -> Numbers:
        """The hour of the site's week, `(site, hour)`; 0 where it is not known, and nothing is judged."""
        rows, truth = self.months.history.sites.to_pandas(), self.months.truth
        rows = rows[rows.hour_of_week.notna()]
        known = np.zeros((len(truth.places), truth.hours), np.int64)
        known[(rows.tenant_id + "/" + rows.site_id).map(truth.places), truth.hour(rows.bucket)] = rows.hour_of_week
        return known

    def after(self, draw: int, wrong: float) -> Tuned:
        """The limits after twelve weeks of verdicts, of which a share is wrong."""
        rng = np.random.default_rng([draw, 20261125])
        said: list[Row] = []
        judged = np.zeros(len(self.months.truth.places), np.int64)
        held: dict[tuple[Any, ...], float] = {}
        rates = RATES_SCHEMA.empty_table()
        for week in range(TUNED_WEEKS):
            alarms = self._alarms(self._limits(held, rates), range(week, week + 1))
            allowed = VERDICTS_A_SITE * (week + 1) // TUNED_WEEKS
            for alarm in rng.permutation(len(alarms)):
                if judged[alarms.site[alarm]] < allowed:
                    judged[alarms.site[alarm]] += 1
                    said.append(self._verdict(alarms, alarm, week, len(said), bool(rng.random() < wrong)))
            held, rates = self._tuned(said, held, rates, week)
        return Tuned(self._limits(held, rates), len(said))

    def outcome(self, limits: Numbers) -> "Outcome":
        """What the rest of the months had been like with these limits."""
        alarms = self._alarms(limits, self.rest)
        false = np.bincount(alarms.site[alarms.is_false], minlength=len(self._names))
        days = len(self.rest) * DAYS_A_WEEK
        sites_days = np.unique(alarms.site[alarms.is_false] * 10_000 + alarms.first[alarms.is_false] // 24)
        return Outcome(false / days, len(sites_days) / days / len(false), found(self.months, alarms, self.cases))

    @cached_property
    def cases(self) -> Any:
        """Causes of the rest of the months that must show."""
        return cases(self.months, self.rest)

    @cached_property
    def oracle(self) -> Numbers:
        """For each site the lowest limit of all its metrics that keeps the budget in the rest, known in hindsight."""
        shape = len(self._names), len(NAMES), WEEK_HOURS
        lowest = np.full(len(self._names), HIGHEST + 1.0)
        for limit in np.arange(HIGHEST + 1, LOWEST, -ORACLE_STEP):
            alarms = self.months.alarms(self.scores, float(limit), self.months.hours(self.rest))
            weekly = np.bincount(alarms.site[alarms.is_false], minlength=len(lowest)) / len(self.rest)
            # Only while every higher limit kept it too.
            lowest = np.where((weekly <= BUDGET) & (lowest - limit < 1.5 * ORACLE_STEP), limit, lowest)
        return np.broadcast_to(lowest[:, None, None], shape)

    def _tuned(self, said: list[Row], held: dict[tuple[Any, ...], float], rates: pa.Table, week: int) -> Any:
        """What is learned and known on the Sunday after a week."""
        sunday = self.months.sunday(week + 1)
        adjudicated = pa.Table.from_pylist(said, schema=ADJUDICATED_SCHEMA)
        asked = proposals(self.months.judged, adjudicated, _held(held), sunday, TuningPolicy())
        changed = {tuple(row[name] for name in CELL): row["after"] for row in asked.to_pylist()}
        now = {scope: limit for scope, limit in {**held, **changed}.items() if limit is not None}
        return now, false_positive_rates(adjudicated, sunday, VerdictPolicy(), rates).select(RATES_SCHEMA.names)

    def _verdict(self, alarms: Alarms, place: int, week: int, number: int, is_wrong: bool) -> Row:
        site, last = int(alarms.site[place]), int(alarms.after[place]) - 1
        tenant, name = self._names[site]
        first_seen, last_seen, told = (
            (self.months.truth.start + timedelta(hours=hour)).to_pydatetime()
            for hour in (int(alarms.first[place]) + 1, last + 1, last + 12)
        )
        return {
            "tenant_id": tenant,
            "site_id": name,
            "metric_type": NAMES[alarms.metric[place]],
            "hour_of_week": int(self.hour_of_week[site, last]),
            "z": -float(self.scores[site, alarms.metric[place], last]),
            "first_seen_at": first_seen,
            "last_seen_at": last_seen,
            "decided_at": min(told, self.months.sunday(week + 1) - timedelta(minutes=1)),
            "is_false": bool(alarms.is_false[place]) ^ is_wrong,
            "reviewer_id": "somebody",
            "finding_id": str(number),
        }

    def _limits(self, held: dict[tuple[Any, ...], float], rates: pa.Table) -> Numbers:
        """The limits in force, `(site, metric, hour of week)`."""
        limited = with_limits(self._cells, _held(held), rates, ThresholdPolicy())
        return np.asarray(limited["threshold"].to_numpy()).reshape(len(self._names), len(NAMES), WEEK_HOURS)

    def _alarms(self, limits: Numbers, weeks: range) -> Alarms:
        """What limits of cells would have raised in some weeks."""
        hours = self.months.hours(weeks)
        by_hour = np.take_along_axis(limits, self.hour_of_week[:, None, hours], axis=2)
        return self.months.alarms(self.scores, by_hour, hours)

    @cached_property
    def _names(self) -> list[tuple[str, str]]:
        names = [name.split("/") for name in self.months.truth.places]
        return [(tenant, site) for tenant, site in names]

    @cached_property
    def _cells(self) -> pa.Table:
        rows = [
            {"tenant_id": tenant, "site_id": site, "metric_type": metric, "hour_of_week": hour}
            for tenant, site in self._names
            for metric in NAMES
            for hour in range(WEEK_HOURS)
        ]
        table = pa.Table.from_pylist(rows, schema=pa.schema([LIMITS_SCHEMA.field(name) for name in CELL]))
        return table.append_column("is_stable", pa.repeat(True, len(rows))).append_column(
            "sample_count", pa.repeat(0, len(rows))
        )


def _held(held: dict[tuple[Any, ...], float]) -> pa.Table:
    rows = [dict(zip(LIMITS_SCHEMA.names, (*scope, None, limit), strict=True)) for scope, limit in held.items()]
    return pa.Table.from_pylist(rows, schema=LIMITS_SCHEMA)


def claims(tuning: Tuning) -> Iterator[Claim]:
    """Every claim about limits that learn."""
    told = [tuning.after(draw, 0.0) for draw in range(DRAWS)]
    right = [tuning.outcome(each.limits) for each in told]
    wrong = [tuning.outcome(tuning.after(draw, WRONG).limits) for draw in range(DRAWS)]
    oracle, default = (tuning.outcome(limits) for limits in (tuning.oracle, np.full_like(tuning.oracle, DEFAULT)))
    yield _on_budget(right, default, max(each.verdicts for each in told))
    clusters = np.asarray(tuning.cases.place)
    after, misled = (np.mean([each.found for each in outcomes], axis=0) for outcomes in (right, wrong))
    yield _lost(
        "anomalies missed for want of an oracle",
        "Share of planted anomalies that is found by the lowest limits that keep the budget at each site, known in "
        f"hindsight, less the share found by the learned ones ({after.mean():.3f}).",
        oracle.found.astype(float) - after, clusters, 0.02,
    )  # fmt: skip
    yield _lost(
        "anomalies missed for wrong verdicts",
        f"Share of planted anomalies found, less the share found when {WRONG:.0%} of the verdicts are wrong "
        f"({np.mean([each.false_a_day.mean() for each in wrong]):.3f} false alarms a site and day then).",
        after - misled, clusters, 0.03,
    )  # fmt: skip


def _on_budget(outcomes: list[Outcome], default: Outcome, verdicts: int) -> Claim:
    daily = np.mean([each.false_a_day for each in outcomes], axis=0)
    wanted, untuned = BUDGET / DAYS_A_WEEK, float(default.false_a_day.mean())

    def off(rows: Numbers) -> float:
        return float(abs(daily[rows].mean() - wanted))

    days = np.mean([each.days_with_one for each in outcomes])
    return Claim(
        "false alarms off the budget",
        f"False alarms a site and day after {TUNED_WEEKS} weeks with at most {VERDICTS_A_SITE} verdicts a site "
        f"({verdicts} in all), {daily.mean():.3f}, off the {wanted:.3f} that {BUDGET:g} a week is. They fall on "
        f"{days:.3f} of the site-days. Simpler: the default limit, never tuned.",
        off(np.arange(len(daily))), *resampled(off, np.arange(len(daily))), len(daily), wanted=0.02,
        unit="a site and day", is_at_most=True, baselines={"never tuned": abs(untuned - wanted)},
    )  # fmt: skip


def _lost(name: str, says: str, lost: Numbers, clusters: Numbers, wanted: float) -> Claim:
    low, high = resampled(lambda rows: float(lost[rows].mean()), clusters)
    return Claim(name, says, float(lost.mean()), low, high, len(lost), wanted=wanted, is_at_most=True)
