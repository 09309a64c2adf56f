"""Limits of single hours of the week: raised where the same hour is a false alarm again and again, and given back.

Pure, of one cell at a time. Elsewhere: the limits of all hours (`proposals`).
"""

import numpy as np

from noc_platform.baselines.thresholds import HIGHEST, LOWEST
from noc_platform.settings import TuningPolicy


def limit_after(
    false: list[float], confirmed: list[float], learned: float | None, of_all: float, highest: float,
    policy: TuningPolicy,
) -> float | None:  # fmt: skip
    """A cell's limit after this week; None for that of all hours of its site's metric.

    `false` and `confirmed` are scores of what people said so there, `learned` its limit so far, `of_all` that of all
    hours after this week, `highest` what no limit of the metric may rise above.
    """
    wanted = _wanted(false, confirmed, highest, policy)
    now = of_all if learned is None else learned
    target = of_all if wanted is None else max(wanted, of_all)
    after = round(now + float(np.clip(target - now, -policy.step, policy.step)), 2)
    if after - of_all < policy.deadband:
        return None
    return learned if learned is not None and abs(after - learned) < policy.deadband else after


def just_below(score: float) -> float:
    """The highest limit, to the hundredth, that such a score is beyond."""
    return float(np.clip(np.ceil(score * 100 - 1) / 100, LOWEST, HIGHEST))


def reason(false: int, confirmed: int, after: float | None, learned: float | None) -> str:
    """Why a cell's limit is changed, for people."""
    of_cell = f"{false} false alarms and {confirmed} confirmed ones at this hour of the week"
    if after is None:
        return f"Given back to the limit of all hours: {of_cell}."
    return f"{'Raised' if learned is None or after > learned else 'Lowered'}: {of_cell}."


def _wanted(false: list[float], confirmed: list[float], highest: float, policy: TuningPolicy) -> float | None:
    """The limit at which all but one of a cell's false alarms would not have been raised, as one may have been called
    so by mistake; never one that misses what people confirmed there. None where there were too few."""
    if len(false) < policy.least_repeated:
        return None
    return min(sorted(false)[-2], highest, HIGHEST, *(just_below(score) for score in confirmed))
