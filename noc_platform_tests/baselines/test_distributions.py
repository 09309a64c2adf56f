"""How unusual a value is: as rare as it says, and never a division by nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from noc_platform.baselines.distributions import (
    LARGEST_Z,
    STILL_METERS,
    Family,
    Numbers,
    Spread,
    equivalent_z,
    quantiles,
    tails,
    zero_z,
)

MEANS = st.floats(0, 1e6)
DISPERSIONS = st.floats(0, 100)


def z_of(value: float, expected: float, dispersion: float = 0.0, family: Family = Family.COUNT) -> float:
    return float(equivalent_z(np.array([value]), np.array([expected]), Spread(family, np.array([dispersion])))[0])


def test_counts_are_as_rare_as_the_negative_binomial_says() -> None:
    values, mean, dispersion = np.arange(80.0), 20.0, 0.1
    low, high = tails(values, np.full(80, mean), Spread(Family.COUNT, np.full(80, dispersion)))
    size, success = 1 / dispersion, 1 / (1 + dispersion * mean)
    assert low == pytest.approx(stats.nbinom.cdf(values, size, success))
    assert high == pytest.approx(stats.nbinom.sf(values - 1, size, success))


def test_without_dispersion_counts_are_poissons() -> None:
    low, _ = tails(np.arange(30.0), np.full(30, 9.0), Spread(Family.COUNT, np.zeros(30)))
    assert low == pytest.approx(stats.poisson.cdf(np.arange(30), 9.0), abs=1e-4)


@given(st.lists(st.integers(0, 100_000), min_size=2, max_size=20), MEANS, DISPERSIONS, st.sampled_from(tuple(Family)))
def test_more_is_never_less_unusual_above_and_never_more_unusual_below(
    values: list[int], expected: float, dispersion: float, family: Family
) -> None:
    ordered = np.sort(np.array(values, float))
    z = equivalent_z(ordered, np.full(len(ordered), expected), Spread(family, np.full(len(ordered), dispersion)))
    assert np.all(np.diff(z) >= -1e-9)
    assert np.all(np.abs(z) <= LARGEST_Z)


@given(st.floats(allow_nan=True, allow_infinity=True), MEANS, DISPERSIONS, st.sampled_from(tuple(Family)))
def test_no_value_divides_by_zero_and_what_is_not_known_stays_so(
    value: float, expected: float, dispersion: float, family: Family
) -> None:
    z = z_of(value, expected, dispersion, family)
    assert np.isnan(z) == np.isnan(value)


def test_a_deviation_of_zero_has_a_floor() -> None:
    """Defect 23: what never varied so far may still be judged."""
    never_varied = np.array([0.0])
    assert Spread(Family.COUNT, never_varied).variance(np.array([4.0])) == pytest.approx(4.0)
    assert Spread(Family.COUNT, never_varied).variance(np.array([0.0])) == pytest.approx(0.25)
    assert Spread(Family.DISTANCE, never_varied, 0.0).variance(np.array([0.0])) == pytest.approx(STILL_METERS**2)
    assert z_of(0, 40) < -5


def test_nothing_where_there_always_was_something_is_rarer_than_a_plain_z_says() -> None:
    """Defect 24: four checkpoints an hour for thirty weeks, and now none; (0 - 4) / 2 never passes 2.5."""
    four, never = np.array([4.0]), np.array([0.0])
    z = zero_z(four, never, zero_share=never, samples=np.array([30.0]))
    assert z[0] < -3
    often = zero_z(four, never, zero_share=np.array([0.2]), samples=np.array([30.0]))
    assert often[0] > -1.5
    assert np.isnan(zero_z(np.array([2.0]), never, never, np.array([30.0]))[0])


def test_what_jitter_explains_is_not_told_from_nothing() -> None:
    still, walked = z_of(0, 30, 0.2, Family.DISTANCE), z_of(15, 30, 0.2, Family.DISTANCE)
    assert still == pytest.approx(walked, abs=0.7)


@pytest.mark.parametrize("mean", [5.0, 30.0, 400.0])
def test_percentiles_are_those_of_the_distribution(mean: float) -> None:
    shares = (0.05, 0.5, 0.95)
    found: Numbers = quantiles(np.array([mean]), Spread(Family.COUNT, np.array([0.1])), shares)[0]
    exact = stats.nbinom.ppf(shares, 10, 1 / (1 + 0.1 * mean))
    assert found == pytest.approx(exact, rel=0.1, abs=1.0)
