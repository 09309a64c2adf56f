"""The rows of fraud can fail: a mistake planted in scores, probabilities, evidence, gate, estimates or rings moves the
row it belongs to out of the interval it had without."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

from noc_platform.fraud.estimates import naive
from noc_platform.fraud.learning.comparing import Comparison
from noc_platform.fraud.learning.measures import Judged
from noc_platform_tests.fraud.leakage import Audit, Leak
from noc_platform_tests.fraud.retrainings import BETTER, Tenant
from noc_platform_tests.fraud.ring_truth import RingScore
from noc_platform_tests.fraud.selective import Flagging, Setting
from noc_platform_tests.scoreboard import fraud, fraud_trials
from noc_platform_tests.scoreboard.claims import Claim, Numbers
from noc_platform_tests.scoreboard.fraud_trials import Trials, corrected_estimate, distances
from noc_platform_tests.scoreboard.fraud_worlds import (
    BOTH,
    DETECTORS,
    FALLBACK,
    FOREIGN,
    FRAUD,
    MODEL,
    RULES,
    TOLD_THE_TRUTH,
    Later,
    together,
)
from noc_platform_tests.scoreboard.report import document, measured_before, page, renewed

EVENTS, PEOPLE, RATE = 3_000, 60, 0.08
SMALL = Tenant(events=1_000, a_week=100, people=60)
SETTING = Setting(0.1, 0.01, flagging=Flagging.ALERTS, events=30_000, people=600)
RINGS = RingScore(
    planted=40, acted=36, traced=30, found=29, found_acted=29, found_traced=28, reported=30, false=3, guard_months=12.0
)


def drawn(separation: float, rng: np.random.Generator, is_fraud: Numbers) -> Numbers:
    """Probabilities that are right, of a model that tells frauds this well from the rest."""
    signal = rng.normal(size=len(is_fraud)) + separation * is_fraud
    odds = np.log(RATE / (1 - RATE)) + separation * signal - separation**2 / 2
    return np.asarray(1 / (1 + np.exp(-odds)))


@pytest.fixture(scope="module")
def later() -> Later:
    rng = np.random.default_rng(5)
    is_fraud = rng.random(EVENTS) < RATE
    names = np.where(rng.random(EVENTS) < 0.5, "SHARED_DEVICE", "TIME_THEFT")
    kinds = tuple(frozenset([name]) if fraud else frozenset[str]() for name, fraud in zip(names, is_fraud, strict=True))
    ways = {BOTH: 4.0, MODEL: 4.0, RULES: 2.0, FALLBACK: 1.0, DETECTORS: 2.0, FOREIGN: 1.0, TOLD_THE_TRUTH: 4.5}
    scores = {way: drawn(separation, rng, is_fraud) for way, separation in ways.items()}
    return Later(
        rng.integers(PEOPLE, size=EVENTS), is_fraud, kinds, rng.random(EVENTS) < 0.5,
        np.where(rng.random(EVENTS) < 0.9, is_fraud, np.nan), scores, scores[MODEL] >= 0.5, np.zeros(EVENTS, int),
        {"events": 1_000, "others": 20_000, "missed": 0.1, "accused": 0.02},
    )  # fmt: skip


def named(claims: Iterator[Claim]) -> dict[str, Claim]:
    return {claim.name: claim for claim in claims}


def with_scores(later: Later, change: Callable[[Numbers], Numbers]) -> Later:
    changed = {way: change(later.scores[way]) for way in (MODEL, BOTH)}
    return replace(later, scores={**later.scores, **changed})


def shuffled(scores: Numbers) -> Numbers:
    """Scores that are told of the wrong events."""
    return np.random.default_rng(1).permutation(scores)


def test_a_good_model_holds_and_one_of_wrong_events_does_not(later: Later) -> None:
    before, after = (named(fraud.model_claims(each)) for each in (later, with_scores(later, shuffled)))
    assert all(claim.holds for claim in before.values())
    assert len(before) == 6
    for name, claim in before.items():
        assert not after[name].holds
        assert claim.is_moved(after[name]), name


def test_a_kind_that_is_never_found_moves_its_row_and_no_other_kinds(later: Later) -> None:
    blind = later.of_kind("TIME_THEFT")
    after = named(fraud.model_claims(with_scores(later, lambda scores: np.where(blind, 0.0, scores))))
    assert after["frauds found: time theft"].value == 0
    assert not after["frauds found: time theft"].holds
    assert after["frauds found: shared device"].holds


def test_what_is_flagged_is_precise_and_as_much_as_can_be(later: Later) -> None:
    judged = later.judged(MODEL)
    is_flagged = fraud.flagged(judged)
    assert later.is_fraud[is_flagged].mean() >= 0.85
    limits = [limit for limit in np.unique(judged.probabilities) if limit < judged.probabilities[is_flagged].min()]
    assert all(later.is_fraud[judged.probabilities >= limit].mean() < 0.85 for limit in limits)
    hopeless = Judged(np.zeros(4), np.arange(4.0), np.ones(4), np.arange(4))
    assert not fraud.flagged(hopeless).any()


def test_too_sure_a_model_is_not_calibrated(later: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fraud, "CHANCE_DRAWS", 1)
    before, after = (
        fraud.calibration(each) for each in (later, with_scores(later, lambda each: np.asarray(each**0.3)))
    )
    assert before.holds
    assert not after.holds
    assert before.is_moved(after)


def test_a_model_that_is_too_sure_is_not_made_up_for_by_one_that_is_not_sure_enough(
    later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fraud, "CHANCE_DRAWS", 1)
    unsure = with_scores(later, lambda each: np.asarray(each**0.5))
    sure = with_scores(later, lambda each: np.asarray(each**2.0))
    both = together([unsure, sure])
    assert len(both.people) == 2 * EVENTS
    assert len(np.unique(both.people)) == 2 * len(np.unique(later.people))
    apart = [fraud.calibration(each).value for each in (unsure, sure)]
    assert fraud.calibration(both).value == pytest.approx(np.mean(apart), rel=0.01)


def test_one_cell_that_knows_too_much_is_one_too_many() -> None:
    sound = Audit(2_000, 100_000, 56_000, ())
    leak = Leak("event", "historical_fraud_rate", 0.2, 0.1)
    assert fraud.leakage(sound).holds
    assert not fraud.leakage(replace(sound, leaks=(leak,))).holds


def test_gate_without_doubt_lets_equals_in() -> None:
    equals, better = Trials(4, 0.0, SMALL), Trials(1, BETTER, SMALL)
    sound = fraud_trials.wrongly_promoted(equals, equals)
    assert sound.value < sound.baselines[fraud_trials.PLAIN_GATE]
    with patch.object(Comparison, "is_better", property(lambda found: found.f1.value > 0)):
        assert not fraud_trials.wrongly_promoted(equals, equals).holds
    with patch.object(Comparison, "is_better", property(lambda _: False)):
        assert not fraud_trials.rightly_promoted(better).holds


def test_an_estimate_that_is_not_corrected_is_off() -> None:
    sound = corrected_estimate("alerts", "recall", distances(SETTING, months=5))
    with patch.object(fraud_trials, "corrected", lambda scored, _: naive(scored)):
        wrong = corrected_estimate("alerts", "recall", distances(SETTING, months=5))
    assert wrong.value > 10 > sound.value
    assert sound.is_moved(wrong)
    assert not wrong.holds


def test_rings_that_are_missed_or_made_up_move_their_rows() -> None:
    found, made_up = fraud.ring_claims(RINGS)
    assert found.holds
    assert made_up.holds
    missed, _ = fraud.ring_claims(replace(RINGS, found_traced=20))
    _, more = fraud.ring_claims(replace(RINGS, false=30))
    assert not missed.holds
    assert not more.holds
    assert found.is_moved(missed)
    assert made_up.is_moved(more)


def test_one_group_measured_again_leaves_the_others_as_they_were() -> None:
    rows = [Claim(name, "says", 0.5, 0.4, 0.6, 10, 0.4, baselines={"plain": 0.1}) for name in ("a", "b")]
    plans = {"fraud": FRAUD}
    assert measured_before(document(rows, plans)) == (rows, plans)
    again, new = replace(rows[1], value=0.45), replace(rows[1], name="c")
    assert renewed(rows, [new, again]) == [rows[0], again, new]
    assert "| b | 0.45 share |" in page(renewed(rows, [again]), plans)
