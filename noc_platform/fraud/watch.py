"""What follows from how a live model does: a verdict each day, and when to ask for another model, or for the last one.

Pure: histories in, a day's entry out. One bad day is chance; `bad_days` of the last `days` are not. A streak asks once,
and once more only for something stronger; it is over after `good_days` good ones in a row. A new model begins a history
of its own. Elsewhere: how right a model was (`performance`), whether its features have changed (`drift`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from noc_platform.fraud.drift import Drift
from noc_platform.fraud.performance import Estimate, Performance


class Verdict(StrEnum):
    """What a day says of a model. UNKNOWN is neither good nor bad, and no day at all for the count."""

    GOOD = "GOOD"
    BAD = "BAD"
    UNKNOWN = "UNKNOWN"


class Request(StrEnum):
    """What is asked for, the stronger last."""

    RETRAIN = "RETRAIN"
    ROLLBACK = "ROLLBACK"


@dataclass(frozen=True)
class WatchPolicy:
    """When a day is bad: precision or recall are with 95 % confidence more than `tolerance` below those at training,
    neither of which is known exactly; accuracy is more than that below it; probabilities are off by more than chance
    and what is put up with; or at least `drifted_features` features have changed.
    """

    tolerance: float = 0.05
    drifted_features: int = 3
    bad_days: int = 3
    days: int = 5
    good_days: int = 3


@dataclass(frozen=True)
class AtTraining:
    """What was measured of a model before it went live, with 95 % intervals; None for what was not."""

    precision: Estimate | None = None
    recall: Estimate | None = None
    accuracy: float | None = None


@dataclass(frozen=True)
class Watched:
    """A day's entry on a model, as table `noc_model_performance` keeps it. `measures` and `drifted` are JSON."""

    tenant_id: str
    model_id: str
    as_of: datetime
    measures: dict[str, Any]
    drifted: list[dict[str, Any]]
    verdict: Verdict
    action: Request | None
    reason: str


def watched(
    tenant_id: str,
    model_id: str,
    seen: Performance,
    drifts: Sequence[Drift],
    at_training: AtTraining,
    history: Sequence[Watched],
    policy: WatchPolicy,
) -> Watched:
    """The entry of the day `seen` ends on (UTC). `history` are earlier entries in any order, those of other models and
    of the same or a later moment are left out: a day may be watched again."""
    faults = _faults(seen, drifts, at_training, policy)
    is_known = seen.accuracy is not None or any(drift.index is not None for drift in drifts)
    verdict = Verdict.BAD if faults else Verdict.GOOD if is_known else Verdict.UNKNOWN
    own = sorted(
        (day for day in history if (day.tenant_id, day.model_id) == (tenant_id, model_id) and day.as_of < seen.until),
        key=lambda day: day.as_of,
    )
    action = action_of([(day.verdict, day.action) for day in own], verdict, _is_worse(seen), policy)
    return Watched(
        tenant_id, model_id, seen.until, seen.document(), [_told(drift) for drift in drifts if _is_off(drift)],
        verdict, action, _reason(seen, faults, verdict, action, policy),
    )  # fmt: skip


def action_of(
    history: Sequence[tuple[Verdict, Request | None]], today: Verdict, is_worse: bool, policy: WatchPolicy
) -> Request | None:
    """What to ask for today, after these days' verdicts and requests, the oldest first; None for nothing (new)."""
    known = [(verdict, asked) for verdict, asked in history if verdict is not Verdict.UNKNOWN]
    if today is not Verdict.BAD:
        return None
    since, good = 0, 0
    for nth, (verdict, _) in enumerate(known):
        good = good + 1 if verdict is Verdict.GOOD else 0
        since = nth + 1 if good >= policy.good_days else since
    streak = known[since:]
    lately = [verdict for verdict, _ in streak][-(policy.days - 1) :] if policy.days > 1 else []
    if lately.count(Verdict.BAD) + 1 < policy.bad_days:
        return None
    wanted = Request.ROLLBACK if is_worse else Request.RETRAIN
    order = list(Request)
    asked = [order.index(request) for _, request in streak if request is not None]
    return wanted if order.index(wanted) > max(asked, default=-1) else None


def _faults(seen: Performance, drifts: Sequence[Drift], before: AtTraining, policy: WatchPolicy) -> list[str]:
    found = [
        f"{name} is {now.value:.2f} ({_span(now, 2)}), {was.value:.2f} ({_span(was, 2)}) at training"
        for name, now, was in (
            ("precision", seen.precision, before.precision),
            ("recall", seen.recall, before.recall),
        )
        if now is not None and was is not None and _has_fallen(now, was, policy.tolerance)
    ]
    accuracy, usual = seen.accuracy, before.accuracy
    if accuracy is not None and usual is not None and accuracy < usual - policy.tolerance:
        found.append(f"accuracy is {accuracy:.2f}, {usual:.2f} at training")
    error, limit = seen.calibration_error, seen.calibration_limit
    if error is not None and limit is not None and error > limit:
        found.append(f"probabilities are off by {error:.3f} on average, with up to {limit:.3f} put up with")
    off = [drift.feature for drift in drifts if _is_off(drift)]
    if len(off) >= policy.drifted_features:
        found.append(f"{len(off)} features have changed ({', '.join(off)})")
    if _is_worse(seen) and seen.worse_than_predecessor is not None:
        worse = seen.worse_than_predecessor
        found.append(f"its squared error is {worse.value:.3f} above that of the model before ({_span(worse)})")
    return found


def _has_fallen(now: Estimate, was: Estimate, tolerance: float) -> bool:
    # Two independent measurements: their uncertainties add as squares.
    return was.value - now.value - tolerance > math.hypot(was.value - was.low, now.high - now.value)


def _is_worse(seen: Performance) -> bool:
    """Whether the model before would have done better, beyond chance."""
    return seen.worse_than_predecessor is not None and seen.worse_than_predecessor.low > 0


def _is_off(drift: Drift) -> bool:
    return drift.has_drifted or drift.has_vanished


def _told(drift: Drift) -> dict[str, Any]:
    return {name: getattr(drift, name) for name in drift.__dataclass_fields__}


def _reason(seen: Performance, faults: list[str], verdict: Verdict, action: Request | None, policy: WatchPolicy) -> str:
    if verdict is Verdict.UNKNOWN:
        return f"{seen.labelled} of {seen.rows} predictions have a label, too few to say how right the model is."
    if verdict is Verdict.GOOD:
        return "Nothing is worse than at training beyond chance."
    said = "; ".join(faults)
    asked = {
        None: "",
        Request.RETRAIN: f" {policy.bad_days} of the last {policy.days} days were bad: a training is asked for.",
        Request.ROLLBACK: f" {policy.bad_days} of the last {policy.days} days were bad, and the model before does "
        "better on the same rows: a rollback is asked for.",
    }[action]
    return f"{said[0].upper()}{said[1:]}.{asked}"


def _span(estimate: Estimate, digits: int = 3) -> str:
    return f"{estimate.low:.{digits}f} to {estimate.high:.{digits}f}"
