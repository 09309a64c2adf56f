"""Who may go live: limits judged with intervals, surely better than the champion, blind nowhere."""

from dataclasses import replace
from typing import Any

import pytest

from noc_platform.fraud.gate import Code, GatePolicy, judge, limit_reasons, slice_reasons
from noc_platform.fraud.learning.comparing import Comparison
from noc_platform.fraud.learning.measures import Measure, wilson
from noc_platform.fraud.learning.slices import Slice
from noc_platform_tests.fraud.learning.drawn import trained
from noc_platform_tests.fraud.retrainings import BETTER, CHAMPION, Tenant, promotions, true_f1

POLICY = GatePolicy()
# Few enough to be quick; the scoreboard has 200.
CHAMPIONS, TENANT = 7, Tenant(events=3000, people=60)


def part(found: int, frauds: int, others: float = 0.9, doubt: float = 1e-6) -> Slice:
    recall = Measure(found / frauds, *wilson(found / frauds, frauds))
    return Slice("site", "s1", 400, frauds, recall, Measure(0.9, 0.8, 1.0), others, doubt)


def comparison(f1: Measure, pr_auc: Measure) -> Comparison:
    return Comparison(f1, pr_auc, 0.80, 0.80 + f1.value, 1000, 120)


def test_the_first_model_needs_the_limits_alone() -> None:
    verdict = judge(trained(), None)
    assert verdict.passed
    assert verdict.reasons == ()
    assert "there is no champion" in verdict.says


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_below_a_limit_is_refused_with_the_number_the_limit_and_the_interval(name: str) -> None:
    numbers: dict[str, Any] = {name: Measure(0.7, 0.66, 0.74)}
    test = replace(trained().test, **numbers)
    verdict = judge(replace(trained(), test=test), None)
    (reason,) = verdict.reasons
    assert (reason.code, reason.value, reason.low, reason.high) == (Code.BELOW_LIMIT, 0.7, 0.66, 0.74)
    assert reason.limit == getattr(POLICY, name)
    assert f"is 0.700 (95 % interval 0.660 to 0.740), and {reason.limit:.2f} is needed." in reason.says
    assert not verdict.passed


def test_a_good_number_of_a_dozen_frauds_is_refused_by_its_interval() -> None:
    recall = Measure(10 / 12, *wilson(10 / 12, 12))
    (reason,) = limit_reasons(replace(trained().test, recall=recall, positives=12), POLICY)
    assert reason.code == Code.UNCERTAIN
    assert "12 frauds" in reason.says
    enough = Measure(0.83, *wilson(0.83, 120))
    assert limit_reasons(replace(trained().test, recall=enough), POLICY) == []


def test_nothing_flagged_is_refused() -> None:
    nothing = Measure(float("nan"), float("nan"), float("nan"))
    reasons = limit_reasons(replace(trained().test, precision=nothing), POLICY)
    assert [reason.code for reason in reasons] == [Code.BELOW_LIMIT]
    assert "none was flagged" in reasons[0].says


def test_beside_a_champion_surely_better_or_refused() -> None:
    zero, surely, maybe = Measure(0.0, -0.03, 0.03), Measure(0.05, 0.01, 0.09), Measure(0.03, -0.01, 0.07)
    assert judge(trained(), comparison(surely, maybe)).passed
    assert judge(trained(), comparison(maybe, surely)).passed
    assert not judge(trained(), comparison(Measure(-0.01, -0.05, 0.03), surely)).passed
    refused = judge(trained(), comparison(zero, maybe))
    (reason,) = refused.reasons
    assert reason.code == Code.NOT_BETTER
    assert "F1 0.800 against 0.800, a difference of +0.000 (surely -0.030 or more)" in reason.says


def test_a_blind_slice_refuses_and_a_weak_one_warns() -> None:
    (blind,) = slice_reasons((part(8, 40),), POLICY)
    assert (blind.code, blind.refuses) == (Code.BLIND_SLICE, True)
    (weak,) = slice_reasons((part(28, 40),), POLICY)
    assert (weak.code, weak.refuses) == (Code.WEAK_SLICE, False)
    assert "Where site is s1, recall is 0.700" in weak.says
    verdict = judge(replace(trained(), slices=(part(28, 40),)), None)
    assert verdict.passed
    assert verdict.warnings == (weak,)


def test_a_slice_of_few_frauds_or_of_chance_says_nothing() -> None:
    assert slice_reasons((part(1, 10),), POLICY) == []
    assert slice_reasons((part(28, 40, doubt=0.2),), POLICY) == []
    # One in a hundred is nothing when a hundred sites are looked at.
    assert slice_reasons((part(28, 40, doubt=0.005),) * 100, POLICY) == []


def test_equal_challengers_are_not_promoted_and_better_ones_are() -> None:
    assert true_f1(CHAMPION + BETTER) - true_f1(CHAMPION) == pytest.approx(0.05, abs=0.003)
    assert promotions(CHAMPIONS, 0.0, seed=1, tenant=TENANT).promoted <= 1
    assert promotions(CHAMPIONS, BETTER, seed=1, tenant=TENANT).within_weeks >= 0.8 * CHAMPIONS
