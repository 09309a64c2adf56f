"""What the claims about baselines rest on: alarms and the truth agree with plain loops, and a planted bug shows."""

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd
import pytest

from noc_platform.simulator.world import WorldPlan
from noc_platform_tests.scoreboard.detection import Ways, clocks, found
from noc_platform_tests.scoreboard.disturbances import FOR_WEEKS, REACH_HOURS
from noc_platform_tests.scoreboard.histories import History
from noc_platform_tests.scoreboard.months import Months
from noc_platform_tests.scoreboard.tuning import Tuning
from noc_platform_tests.scoreboard.worlds import written

# Three changes of clocks with three weeks on each side.
PLAN = WorldPlan(guards=48, sites=4, days=100, seed=5, first_day=date(2026, 1, 26), planted=3.0)
LIMIT = 2.5


@pytest.fixture(scope="module")
def months() -> Iterator[Months]:
    with written(PLAN) as world:
        yield Months(History(world))


def test_an_alarm_is_a_run_of_hours_beyond_the_limit(months: Months) -> None:
    scores, hours = months.scores(months.judged), months.hours(range(2, 4))
    alarms = months.alarms(scores, LIMIT, hours)
    expected = []
    for site, metric in np.ndindex(*scores.shape[:2]):
        run: list[int] = []
        for hour in [*range(hours.start, hours.stop), None]:
            if hour is not None and scores[site, metric, hour] > LIMIT:
                run.append(hour)
            elif run:
                expected.append((site, metric, run[0], run[-1] + 1, scores[site, metric, run].max()))
                run = []
    told = zip(alarms.site, alarms.metric, alarms.first, alarms.after, alarms.peak, strict=True)
    assert len(expected) > 10
    assert sorted(told) == sorted(expected)


def test_an_alarm_is_false_where_nothing_was_the_matter(months: Months) -> None:
    """By the causes as the truth tells them, those that last for weeks left aside: they can only excuse more."""
    alarms = months.alarms(months.scores(months.judged), LIMIT, months.hours(range(months.weeks)))
    causes = months.history.world.truth("causes")
    causes = causes[~causes.cause.isin((*FOR_WEEKS, "COLLUSION_RING"))]
    names = list(months.truth.places)
    excused = 0
    for site, first, after, is_false in zip(alarms.site, alarms.first, alarms.after, alarms.is_false, strict=True):
        tenant, name = names[site].split("/")
        since, until = (months.truth.start + pd.Timedelta(hours=int(at)) for at in (first - REACH_HOURS, after))
        then = causes[(causes.tenant_id == tenant) & (causes.starts_at < until) & (causes.ends_at > since)]
        is_excused = any(name in row.sites or row.cause == "FEED_OUTAGE" for row in then.itertuples())
        assert not (is_excused and is_false)
        excused += is_excused
    assert excused > 10
    assert alarms.is_false.sum() > 10


def test_who_sleeps_where_others_are_awake_need_not_show(months: Months) -> None:
    shown = months.truth.must_show
    causes = months.history.world.truth("causes")
    for cause in ("SITE_SURGE", "SILENT_SITE"):
        assert (shown.cause == cause).sum() == (causes.cause == cause).sum() > 0
    assert 0 < (shown.cause == "SLEEPING_GUARD").sum() < (causes.cause == "SLEEPING_GUARD").sum()


def test_what_alarms_are_raised_for_is_found_and_nothing_else(months: Months) -> None:
    hours, cases = months.hours(range(months.weeks)), months.truth.must_show
    scores = months.scores(months.judged)
    assert not found(months, months.alarms(scores, 1e9, hours), cases).any()
    judged = cases[(cases["first"] >= hours.start) & (cases["after"] <= hours.stop)]
    every = np.where(np.isnan(scores), 1.0, scores)
    assert found(months, months.alarms(every, 0.0, hours), judged).all()


def test_a_clock_that_is_never_changed_shows(months: Months) -> None:
    claim = clocks(months, Ways(months).ours)
    (bug,) = claim.baselines.values()
    assert bug > 3 * claim.value


def test_limits_learn_from_no_more_verdicts_than_were_allowed(months: Months) -> None:
    tuning = Tuning(months)
    after = tuning.after(0, 0.0)
    assert 0 < after.verdicts <= 20 * PLAN.sites
    assert after.limits.shape == (PLAN.sites, 5, 168)
    assert len({round(float(limit), 2) for limit in after.limits.flat}) > 1
