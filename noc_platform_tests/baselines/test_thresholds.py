"""Which limit applies, and that it says where it comes from."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc_platform.baselines.thresholds import (
    HIGHEST,
    LOWEST,
    Cells,
    Source,
    Threshold,
    checked,
    threshold_for,
    thresholds_for,
)
from noc_platform.errors import BadInput
from noc_platform.settings import Settings, ThresholdPolicy

POLICY = ThresholdPolicy()


def limit(**told: Any) -> Threshold:
    return threshold_for(POLICY, **{"is_stable": True, "samples": 40, **told})


def test_baseline_threshold_stable() -> None:
    assert limit(samples=150) == Threshold(2.5, Source.MATURE)


def test_baseline_threshold_high_fp_rate() -> None:
    assert limit(false_positive_rate=0.35) == Threshold(4.0, Source.FP_GUARD)


def test_baseline_threshold_new_profile() -> None:
    assert limit() == Threshold(3.0, Source.DEFAULT)
    assert limit(is_stable=False, samples=2) == Threshold(None, Source.LEARNING)


def test_exactly_at_the_edge_nothing_applies() -> None:
    assert limit(samples=100).source is Source.DEFAULT
    assert limit(false_positive_rate=0.30).source is Source.DEFAULT


def test_false_alarms_come_before_maturity() -> None:
    """Defect 26: a noisy baseline stays noisy however old it is."""
    assert limit(samples=500, false_positive_rate=0.5) == Threshold(4.0, Source.FP_GUARD)


def test_what_is_set_or_learned_is_used_whatever_the_age_or_the_false_alarms() -> None:
    """Defect 27: a limit somebody sets must have an effect."""
    assert limit(samples=500, false_positive_rate=0.9, manual=2.2) == Threshold(2.2, Source.MANUAL)
    assert limit(samples=500, learned=3.4) == Threshold(3.4, Source.LEARNED)
    assert limit(false_positive_rate=0.9, learned=3.4).source is Source.FP_GUARD


def test_what_is_being_learned_judges_nothing() -> None:
    """Defect 25: no limit is set, learned or guarded before there is something to judge by."""
    told = {"samples": 500, "false_positive_rate": 0.9, "manual": 2.0, "learned": 2.0}
    assert limit(is_stable=False, **told) == Threshold(None, Source.LEARNING)


def test_a_guarded_baseline_is_let_go_only_when_the_rate_has_clearly_fallen() -> None:
    assert limit(false_positive_rate=0.25).source is Source.DEFAULT
    assert limit(false_positive_rate=0.25, is_guarded=True).source is Source.FP_GUARD
    assert limit(false_positive_rate=0.19, is_guarded=True).source is Source.DEFAULT
    assert limit(false_positive_rate=None, is_guarded=True).source is Source.DEFAULT


NUMBER_OR_NONE = st.none() | st.floats(-10, 10)


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.integers(0, 300), st.none() | st.floats(0, 1), st.booleans(), NUMBER_OR_NONE,
            NUMBER_OR_NONE,
        ),
        min_size=1, max_size=20,
    )
)  # fmt: skip
def test_many_at_once_are_each_as_alone_and_within_bounds(rows: list[tuple[Any, ...]]) -> None:
    columns = [
        np.array([np.nan if value is None else value for value in column], float) for column in zip(*rows, strict=True)
    ]
    sigmas, _ = thresholds_for(Cells(*columns), POLICY)
    for (is_stable, samples, rate, is_guarded, manual, learned), together in zip(rows, sigmas, strict=True):
        alone = threshold_for(
            POLICY, is_stable=is_stable, samples=samples, false_positive_rate=rate, is_guarded=is_guarded,
            manual=manual, learned=learned,
        )  # fmt: skip
        assert (alone.sigmas is None) == np.isnan(together)
        if alone.sigmas is not None:
            assert alone.sigmas == together
            assert LOWEST <= alone.sigmas <= HIGHEST


@pytest.mark.parametrize("candidate", [1.49, 5.01, -3.0, float("nan"), float("inf")])
def test_a_limit_out_of_bounds_is_refused_with_the_bounds(candidate: float) -> None:
    with pytest.raises(BadInput, match=r"1\.5 to 5\.0"):
        checked(candidate)
    assert checked(1.5) == 1.5


def test_limits_come_from_the_settings() -> None:
    policy = Settings(default_threshold=3.2, baseline_fp_threshold=0.6).threshold_policy
    assert policy.default == 3.2
    assert policy.guard_above == 0.6
    assert policy.guard_below == pytest.approx(0.4)
