"""Drift is told from chance, whatever the size of the sample (defect 76)."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from noc_platform.errors import BadInput
from noc_platform.fraud.drift import Drift, DriftPolicy, Reals, Reference, drift, references

NAMES = ("usual", "skewed", "counted", "rare", "constant", "sometimes")
POLICY = DriftPolicy()


def sample(rows: int, rng: np.random.Generator) -> Reals:
    """Rows as nothing has changed."""
    sometimes = np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows))
    return np.stack(
        [
            rng.normal(size=rows), rng.lognormal(size=rows), rng.integers(0, 3, rows).astype(np.float64),
            (rng.random(rows) < 0.03).astype(np.float64), np.zeros(rows), sometimes,
        ],
        axis=1,
    )  # fmt: skip


def told(before: Reals, now: Reals, seed: int = 0) -> dict[str, Drift]:
    return {each.feature: each for each in drift(references(before, NAMES), now, NAMES, POLICY, seed)}


def off(found: dict[str, Drift]) -> set[str]:
    return {name for name, each in found.items() if each.has_drifted or each.has_vanished}


@pytest.mark.parametrize("trained", [500, 5_000])
@pytest.mark.parametrize("rows", [50, 200, 1_000, 5_000])
def test_nothing_drifts_by_chance_more_often_than_is_said(rows: int, trained: int) -> None:
    rng = np.random.default_rng(rows + trained)
    runs = [told(sample(trained, rng), sample(rows, rng), seed) for seed in range(40)]
    chances = [each.p for run in runs for each in run.values() if each.p is not None]
    # 5 % of 240 and four standard errors.
    assert np.mean(np.array(chances) <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / len(chances))
    assert sum(bool(off(run)) for run in runs) <= 6


def test_a_plain_index_would_cry_wolf_on_few_rows() -> None:
    """The customary limit of 0.1, or 0.25, on 50 rows is passed by chance alone."""
    rng = np.random.default_rng(8)
    indices = [told(sample(500, rng), sample(50, rng))["usual"].index or 0 for _ in range(20)]
    assert np.mean(np.array(indices) > 0.1) > 0.8


@pytest.mark.parametrize(("rows", "shift"), [(50, 1.2), (200, 0.7), (1_000, 0.4), (5_000, 0.4)])
def test_what_has_shifted_is_found_and_only_that(rows: int, shift: float) -> None:
    rng = np.random.default_rng(rows)
    found = 0
    for seed in range(10):
        now = sample(rows, rng)
        now[:, 0] += shift
        seen = off(told(sample(5_000, rng), now, seed))
        found += "usual" in seen
        assert len(seen - {"usual"}) <= 1
    assert found >= 9


def test_a_shift_too_small_to_matter_is_none_however_sure() -> None:
    rng = np.random.default_rng(2)
    before, now = sample(50_000, rng), sample(50_000, rng)
    now[:, 0] += 0.05
    each = told(before, now)["usual"]
    assert each.p is not None
    assert each.p < 0.01
    assert not each.has_drifted


def test_a_feature_that_is_no_longer_known_is_told_apart_from_one_whose_values_changed() -> None:
    rng = np.random.default_rng(3)
    now = sample(400, rng)
    now[rng.random(400) < 0.2, 1] = np.nan
    each = told(sample(2_000, rng), now)["skewed"]
    assert (each.has_vanished, each.has_drifted) == (True, False)
    assert "0% of the rows did not know it in training" in each.says
    now[:, 1] = np.nan
    gone = told(sample(2_000, rng), now)["skewed"]
    assert (gone.has_vanished, gone.has_drifted, gone.index, gone.p) == (True, False, None, None)
    assert "too few" in gone.says


def test_what_was_constant_and_is_not_any_more_has_changed() -> None:
    rng = np.random.default_rng(4)
    for value in (-1.0, 1.0):
        now = sample(300, rng)
        now[:100, 4] = value
        assert off(told(sample(1_000, rng), now)) == {"constant"}


def test_rows_of_one_person_are_no_more_evidence_than_the_person() -> None:
    """Guards differ for good; that others are on duty this week is no drift."""
    rng = np.random.default_rng(5)
    alone, together = 0, 0
    for seed in range(20):
        person = np.repeat(np.arange(40), 25)
        before, now = (
            (rng.normal(0, 1, 40)[person] + rng.normal(0, 0.2, 1_000))[:, None] for _ in range(2)
        )  # fmt: skip
        with_groups = drift(references(before, ["a"], person), now, ["a"], POLICY, seed, person)
        without = drift(references(before, ["a"]), now, ["a"], POLICY, seed)
        together += with_groups[0].has_drifted
        alone += without[0].has_drifted
    assert alone >= 10
    assert together <= 3


def test_a_reference_is_kept_as_json() -> None:
    rng = np.random.default_rng(6)
    before = references(sample(300, rng), NAMES)
    read = {name: Reference(**json.loads(json.dumps(each.document()))) for name, each in before.items()}
    now = sample(100, rng)
    assert drift(read, now, NAMES, POLICY, 1) == drift(before, now, NAMES, POLICY, 1)


def test_another_models_features_are_refused() -> None:
    rng = np.random.default_rng(7)
    before = references(sample(100, rng), NAMES)
    with pytest.raises(BadInput, match="another"):
        drift(before, sample(100, rng), (*NAMES[:-1], "other"), POLICY, 0)
    with pytest.raises(BadInput, match="5 features"):
        drift(before, sample(100, rng), NAMES[:-1], POLICY, 0)


@settings(max_examples=30, deadline=None)
@given(
    before=arrays(np.float64, (60, 1), elements=st.floats(-5, 5, width=16) | st.just(np.nan)),
    now=arrays(np.float64, (60, 1), elements=st.floats(-5, 5, width=16) | st.just(np.nan)),
    seed=st.integers(0, 100),
)
def test_any_rows_get_an_answer_that_does_not_depend_on_their_order(before: Reals, now: Reals, seed: int) -> None:
    (each,) = drift(references(before, ["a"]), now, ["a"], POLICY, seed)
    assert each == drift(references(before[::-1], ["a"]), now[::-1], ["a"], POLICY, seed)[0]
    assert 0 <= each.missing_p <= 1
    assert each.p is None or 0 < each.p <= 1
    (same,) = drift(references(before, ["a"]), before, ["a"], POLICY, seed)
    assert not same.has_drifted
    assert not same.has_vanished
