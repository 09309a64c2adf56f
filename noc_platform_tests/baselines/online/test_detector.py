"""The detector of any series: what it finds, what it leaves alone, and that it knows nothing of later values."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from noc_platform.baselines.online.detector import STABLE_FROM, Judged, replay, scores
from noc_platform.settings import ThresholdPolicy
from noc_platform_tests.baselines.online.series import (
    KINDS,
    MONDAY,
    WRONGS,
    Given,
    Planted,
    nightly_job,
    noise,
    outage,
    passengers,
    price,
    processor,
    shift,
    spike,
    stuck,
    visits,
)

Numbers = NDArray[np.float64]
Kind = Callable[[Generator], Given]
Wrong = Callable[[Given, Generator], Planted]
ANY_VALUE = st.one_of(st.floats(), st.floats(-100, 100), st.sampled_from([0.0, 5.0, 1e300, -1e300]))


def judged(series: Given) -> Judged:
    return replay(series.seconds, series.values)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_of_what_is_usual_less_than_one_percent_is_flagged(kind: Kind) -> None:
    shares = [judged(kind(default_rng(seed))).is_anomaly.mean() for seed in range(3)]
    assert np.mean(shares) < 0.01


@pytest.mark.parametrize("kind", [processor, passengers, visits, price], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("wrong", [spike, shift, outage, stuck], ids=lambda wrong: wrong.__name__)
def test_it_finds(kind: Kind, wrong: Wrong) -> None:
    found = 0
    for seed in range(4):
        rng = default_rng(seed)
        planted = wrong(kind(rng), rng)
        found += bool(judged(planted.given).is_anomaly[planted.begin : planted.end + 3].any())
    assert found >= 3


def test_it_finds_more_than_simpler_ways_do() -> None:
    """Of anomalies in every kind of series, at 3 false alarms in a thousand values."""
    ways = {
        "ours": lambda series: judged(series).score,
        "hour of week": by_hour_of_week,
        "rolling": by_the_last_hundred,
    }
    found = dict.fromkeys(ways, 0)
    for kind in KINDS:
        for wrong in WRONGS:
            rng = default_rng(1)
            planted = wrong(kind(rng), rng)
            for name, way in ways.items():
                found[name] += is_found(way(planted.given), planted)
    of = len(KINDS) * len(WRONGS)
    assert found["ours"] > 0.9 * of
    assert found["ours"] > 1.4 * max(found["hour of week"], found["rolling"])


def is_found(score: Numbers, planted: Planted) -> bool:
    outside = np.r_[score[len(score) // 7 : planted.begin], score[planted.end + 100 :]]
    return bool(score[planted.begin : planted.end + 5].max() > np.quantile(outside, 0.997))


def by_hour_of_week(series: Given) -> Numbers:
    frame = pd.DataFrame({"hour": series.seconds // 3600 % 168, "value": series.values})
    before = frame.groupby("hour")["value"].transform(lambda own: own.shift().expanding(3).mean())
    spread = frame.groupby("hour")["value"].transform(lambda own: own.shift().expanding(3).std())
    return np.asarray(((frame["value"] - before).abs() / spread.clip(lower=1e-9)).fillna(0.0))


def by_the_last_hundred(series: Given) -> Numbers:
    values = pd.Series(series.values)
    before = values.shift().rolling(100, min_periods=10)
    return np.asarray(((values - before.mean()).abs() / before.std().clip(lower=1e-9)).fillna(0.0))


def test_a_new_level_is_flagged_at_once_and_learned_in_the_end() -> None:
    series = processor(default_rng(0))
    values = series.values.copy()
    values[2000:] += 60
    flags = judged(series.with_values(values)).is_anomaly
    assert flags[2000]
    assert flags[-1000:].mean() < 0.01


def test_what_happens_every_night_is_usual_after_some_nights() -> None:
    series, quiet = nightly_job(default_rng(0)), noise(default_rng(0))
    values = np.where(np.arange(len(series.values)) < 7 * 288, 10 + quiet.values[0], series.values)
    values += np.resize(quiet.values, len(values)) * 0.5
    flags = judged(series.with_values(values)).is_anomaly
    assert flags[7 * 288 : 9 * 288].any()
    assert flags[-5 * 288 :].mean() < 0.01


@pytest.mark.parametrize("at", [5, 40, 2000])
def test_one_absurd_value_spoils_nothing_that_follows(at: int) -> None:
    series = processor(default_rng(0))
    values = series.values.copy()
    values[at] = 1e300
    values[3000] += 60
    found = judged(series.with_values(values))
    assert found.is_anomaly[3000]
    assert found.is_anomaly[at + 100 :].mean() < 0.01
    assert np.abs(found.expected[at + 100 :] - series.values[at + 100 :]).mean() < 5


def test_a_state_that_lasts_is_told_once_and_not_for_days() -> None:
    series = processor(default_rng(0))
    values = series.values.copy()
    values[2000:3000] = 0.0
    flags = judged(series.with_values(values)).is_anomaly
    assert flags[2000]
    assert flags[2000:3000].sum() < 150


def test_an_anomaly_does_not_excuse_the_next() -> None:
    series = processor(default_rng(0))
    values = series.values.copy()
    values[[2000, 2010, 2020]] += 60
    assert judged(series.with_values(values)).is_anomaly[[2000, 2010, 2020]].all()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), values=st.lists(ANY_VALUE, min_size=1, max_size=150))
def test_a_score_does_not_depend_on_what_comes_after(data: st.DataObject, values: list[float]) -> None:
    steps = data.draw(
        st.lists(st.sampled_from([0, 60, 300, 3600, 200_000]), min_size=len(values), max_size=len(values))
    )
    cut = data.draw(st.integers(1, len(values)))
    seconds = MONDAY + np.cumsum(steps, dtype=float)
    whole, part = replay(seconds, np.array(values)), replay(seconds[:cut], np.array(values[:cut]))
    for name in ("expected", "score", "is_anomaly", "threshold"):
        np.testing.assert_array_equal(getattr(whole, name)[:cut], getattr(part, name))


def test_nor_does_it_in_a_long_series() -> None:
    series = passengers(default_rng(3))
    whole = judged(series)
    for cut in (999, 4097, 6000):
        part = replay(series.seconds[:cut], series.values[:cut])
        np.testing.assert_array_equal(whole.score[:cut], part.score)
        np.testing.assert_array_equal(whole.expected[:cut], part.expected)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(ANY_VALUE, max_size=200))
def test_whatever_comes_in_scores_lie_from_0_to_1_and_verdicts_need_a_threshold(values: list[float]) -> None:
    found = replay(MONDAY + 300.0 * np.arange(len(values)), np.array(values))
    assert ((found.score >= 0) & (found.score <= 1)).all()
    has_verdict = ~np.isnan(found.threshold)
    assert (found.is_anomaly == (np.where(has_verdict, found.score > found.threshold, False))).all()
    absent = ~np.isfinite(np.array(values, dtype=float))
    assert not has_verdict[absent].any()
    assert has_verdict.sum() == max(0, (~absent).sum() - STABLE_FROM)
    assert np.isfinite(found.expected[np.cumsum(~absent) > 1]).all()


@pytest.mark.parametrize("constant", [0.0, 5.0, -1e90, 1e-300])
def test_a_series_that_never_varied_is_usual_until_it_does(constant: float) -> None:
    values = np.full(500, constant)
    seconds = MONDAY + 300.0 * np.arange(500)
    assert not replay(seconds, values).is_anomaly.any()
    values[400] = constant * 0.5 + 3
    assert np.flatnonzero(replay(seconds, values).is_anomaly)[0] == 400


@pytest.mark.parametrize("factor", [2.0**-20, -1.0, 2.0**30])
def test_units_do_not_matter(factor: float) -> None:
    series = visits(default_rng(0))
    other = judged(series.with_values(series.values * factor))
    np.testing.assert_allclose(other.score, judged(series).score, atol=1e-6)


def test_values_that_are_missing_are_neither_judged_nor_learned() -> None:
    series = processor(default_rng(0))
    values = series.values.copy()
    values[2000:2050] = np.nan
    found = judged(series.with_values(values))
    assert np.isnan(found.threshold[2000:2050]).all()
    assert np.abs(found.expected[2000:2050] - series.values[2000:2050]).mean() < 8
    assert found.is_anomaly[2050:].mean() < 0.01


def test_a_limit_is_the_policy_s() -> None:
    series = processor(default_rng(0))
    strict = replay(series.seconds, series.values, ThresholdPolicy(default=2.0))
    assert strict.sigmas == 2.0
    assert strict.is_anomaly.sum() > judged(series).is_anomaly.sum()


def test_scores_rise_with_z_and_are_half_at_three() -> None:
    z = np.linspace(0, 14, 200)
    assert (np.diff(scores(z)) > 0).all()
    assert scores(np.array([0.0, 3.0])) == pytest.approx([0.0, 0.5])
