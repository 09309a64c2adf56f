"""Whether a trained model may go live: promote or refuse, with reasons the ML team can read.

A model must reach each limit on the test rows (domain.md §5.6), and the 95 % interval must leave no room for a model
that is much worse than the limit: its lower end may lie below by `tolerance` at most. So 0.90 measured on a dozen
frauds is refused, however good it looks. Beside a champion it must also be surely better (`comparing`).
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from noc_platform.fraud.learning.comparing import Comparison
from noc_platform.fraud.learning.measures import Measure, Measures
from noc_platform.fraud.learning.slices import LEAST_FRAUDS, Slice
from noc_platform.fraud.training import Trained


class Code(StrEnum):
    """What a reason is about."""

    BELOW_LIMIT = "BELOW_LIMIT"
    UNCERTAIN = "UNCERTAIN"
    NOT_BETTER = "NOT_BETTER"
    BLIND_SLICE = "BLIND_SLICE"
    WEAK_SLICE = "WEAK_SLICE"
    MISCALIBRATED = "MISCALIBRATED"


@dataclass(frozen=True)
class GatePolicy:
    """The limits. `tolerance` is how far below its limit the lower end of a 95 % interval may lie: with 0.10, about 60
    frauds among the test rows are enough for a recall of 0.80, and 20 for one of 0.90."""

    precision: float = 0.85
    recall: float = 0.75
    f1: float = 0.80
    tolerance: float = 0.10
    calibration_error: float = 0.03
    blind_below: float = 0.50
    weak_doubt: float = 0.01


@dataclass(frozen=True)
class Reason:
    """Why a model is refused, or, where `refuses` is false, what to look at. NaN where there is no such number."""

    code: Code
    says: str
    value: float
    limit: float
    low: float
    high: float
    refuses: bool = True


@dataclass(frozen=True)
class Verdict:
    """Whether the model may go live, every reason against it, and warnings that do not count."""

    passed: bool
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...]
    says: str


def judge(trained: Trained, comparison: Comparison | None, policy: GatePolicy | None = None) -> Verdict:
    """The verdict on a model. Without a champion there is no comparison, and the limits alone decide."""
    policy = policy or GatePolicy()
    found = [
        *limit_reasons(trained.test, policy),
        *_champion_reasons(comparison),
        *slice_reasons(trained.slices, policy),
        *_calibration_reasons(trained.test, policy),
    ]
    reasons = tuple(reason for reason in found if reason.refuses)
    warnings = tuple(reason for reason in found if not reason.refuses)
    return Verdict(not reasons, reasons, warnings, _sentence(trained, comparison, reasons))


def limit_reasons(test: Measures, policy: GatePolicy) -> list[Reason]:
    """What is below its limit, or may be far below."""
    measured = (
        ("Precision", test.precision, policy.precision),
        ("Recall", test.recall, policy.recall),
        ("F1", test.f1, policy.f1),
    )
    reasons = [_limit_reason(name, number, limit, policy, test) for name, number, limit in measured]
    return [reason for reason in reasons if reason is not None]


def _limit_reason(name: str, number: Measure, limit: float, policy: GatePolicy, test: Measures) -> Reason | None:
    def reason(code: Code, says: str) -> Reason:
        return Reason(code, says, number.value, limit, number.low, number.high)

    if np.isnan(number.value):
        return reason(Code.BELOW_LIMIT, f"{name} is not defined: of {test.rows:,} test events none was flagged.")
    shown = f"{name} is {number.value:.3f} ({_interval(number)})"
    if number.value < limit:
        return reason(Code.BELOW_LIMIT, f"{shown}, and {limit:.2f} is needed.")
    if number.low < limit - policy.tolerance:
        frauds = f"{test.positives:,} frauds among {test.rows:,} test events"
        says = f"{shown}: the limit of {limit:.2f} is reached, but with {frauds} it could as well be {number.low:.2f}."
        return reason(Code.UNCERTAIN, f"{says} Judge more events.")
    return None


def _champion_reasons(comparison: Comparison | None) -> list[Reason]:
    if comparison is None or comparison.is_better:
        return []
    f1, area = comparison.f1, comparison.pr_auc
    says = (
        f"Not surely better than the champion on the same {comparison.rows:,} later events, {comparison.positives:,} of"
        f" them frauds: F1 {comparison.challenger_f1:.3f} against {comparison.champion_f1:.3f}, a difference of"
        f" {_difference(f1)}; in PR-AUC {_difference(area)}. Surely more than 0 is needed in"
        " one, and no loss in the other."
    )
    return [Reason(Code.NOT_BETTER, says, f1.value, 0.0, f1.low, f1.high)]


def slice_reasons(slices: tuple[Slice, ...], policy: GatePolicy) -> list[Reason]:
    """Slices with enough frauds whose recall is surely below that of the others: refused where it is surely below half,
    else a warning. The more slices are looked at, the surer it must be (Bonferroni)."""
    looked_at = [part for part in slices if part.positives >= LEAST_FRAUDS]
    reasons = []
    for part in looked_at:
        if part.doubt * len(looked_at) >= policy.weak_doubt:
            continue
        is_blind = part.recall.high < policy.blind_below
        says = (
            f"Where {part.name} is {part.value}, recall is {part.recall.value:.3f} ({_interval(part.recall)}) of"
            f" {part.positives:,} frauds, and {part.others_recall:.3f} elsewhere"
        )
        ending = f": it is surely below {policy.blind_below:.2f}." if is_blind else ": look at what differs there."
        reasons.append(
            Reason(
                Code.BLIND_SLICE if is_blind else Code.WEAK_SLICE, says + ending, part.recall.value,
                policy.blind_below, part.recall.low, part.recall.high, is_blind,
            )
        )  # fmt: skip
    return reasons


def _calibration_reasons(test: Measures, policy: GatePolicy) -> list[Reason]:
    error, limit = test.calibration_error, policy.calibration_error
    if not error.low > limit:
        return []
    says = f"The calibration error is {error.value:.3f} ({_interval(error)}), and {limit:.2f} is aimed at."
    return [Reason(Code.MISCALIBRATED, says, error.value, limit, error.low, error.high, refuses=False)]


def _sentence(trained: Trained, comparison: Comparison | None, reasons: tuple[Reason, ...]) -> str:
    if reasons:
        return f"Refused. {' '.join(reason.says for reason in reasons)}"
    test = trained.test
    beside = "there is no champion" if comparison is None else f"beside the champion F1 {_difference(comparison.f1)}"
    return (
        f"Fit to go live: precision {test.precision.value:.3f}, recall {test.recall.value:.3f}, F1 {test.f1.value:.3f}"
        f" on {test.rows:,} later events with {test.positives:,} frauds; {beside}."
    )


def _interval(number: Measure) -> str:
    return f"95 % interval {number.low:.3f} to {number.high:.3f}"


def _difference(number: Measure) -> str:
    return f"{number.value:+.3f} (surely {number.low:+.3f} or more)"
