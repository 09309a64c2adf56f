"""How far from usual is too far: one limit for each baseline, with where it comes from (domain.md §3.3).

Here: which of the possible limits applies. Elsewhere: counting false alarms (`verdicts`), moving a learned limit
(`tuning`), people's changes (`calibration`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noc_platform.errors import BadInput
from noc_platform.settings import ThresholdPolicy

Numbers = NDArray[Any]
LOWEST, HIGHEST = 1.5, 5.0


class Source(StrEnum):
    """Where a limit comes from, in the order in which they are asked."""

    LEARNING = "LEARNING"
    MANUAL = "MANUAL"
    FP_GUARD = "FP_GUARD"
    MATURE = "MATURE"
    LEARNED = "LEARNED"
    DEFAULT = "DEFAULT"


SOURCES = tuple(Source)


@dataclass(frozen=True)
class Threshold:
    """A limit on |z|, None while a baseline is being learned: that is not the same as usual."""

    sigmas: float | None
    source: Source


@dataclass(frozen=True)
class Cells:
    """What decides the limits of many cells, element by element; NaN for a limit nobody set and a rate nobody knows.

    `is_guarded` says whether a cell was guarded when its rate was last looked at.
    """

    is_stable: Numbers
    samples: Numbers
    false_positive_rate: Numbers
    is_guarded: Numbers
    manual: Numbers
    learned: Numbers


def thresholds_for(cells: Cells, policy: ThresholdPolicy) -> tuple[Numbers, Numbers]:
    """Limit of each cell (NaN while learning) and its source as a place in `SOURCES`.

    The first that applies: no limit while the baseline is being learned; what somebody set; the conservative limit
    where false alarms are too many; the sensitive one of a mature cell nothing was learned for; what verdicts have
    taught; the default. False alarms come before maturity, as a noisy cell stays noisy however old it is (defect 26),
    and whatever is set or learned is used whatever the age (defect 27).
    """
    is_guarded = guarded(cells.false_positive_rate, cells.is_guarded, policy)
    is_learned = ~np.isnan(cells.learned)
    asked = (
        (~np.asarray(cells.is_stable, bool), np.nan),
        (~np.isnan(cells.manual), cells.manual),
        (is_guarded, policy.conservative),
        ((cells.samples > policy.mature_samples) & ~is_learned, policy.mature),
        (is_learned, cells.learned),
    )
    applies = [chance for chance, _ in asked]
    limit = np.select(applies, [np.broadcast_to(at, applies[0].shape) for _, at in asked], default=policy.default)
    source = np.select(applies, list(range(len(asked))), default=len(asked))
    return np.clip(limit, LOWEST, HIGHEST), source


def guarded(rate: Numbers, was_guarded: Numbers, policy: ThresholdPolicy) -> Numbers:
    """Whether false alarms hold a cell at the conservative limit. A rate nobody knows keeps nothing guarded: evidence
    that has expired says nothing."""
    # A comparison with NaN is false.
    return np.asarray((rate > policy.guard_above) | (np.asarray(was_guarded, bool) & (rate >= policy.guard_below)))


def threshold_for(
    policy: ThresholdPolicy,
    *,
    is_stable: bool,
    samples: int,
    false_positive_rate: float | None = None,
    is_guarded: bool = False,
    manual: float | None = None,
    learned: float | None = None,
) -> Threshold:
    """The limit of one cell, and where it comes from."""

    def one(value: float | None) -> Numbers:
        return np.array([np.nan if value is None else value])

    cells = Cells(
        np.array([is_stable]), one(samples), one(false_positive_rate), np.array([is_guarded]), one(manual), one(learned)
    )
    limit, source = thresholds_for(cells, policy)
    return Threshold(None if np.isnan(limit[0]) else float(limit[0]), SOURCES[int(source[0])])


def checked(candidate: float) -> float:
    """A limit somebody asks for. Raises `BadInput` outside of 1.5 to 5, and for what is no number."""
    if not LOWEST <= candidate <= HIGHEST:
        raise BadInput(f"A threshold lies from {LOWEST} to {HIGHEST} standard deviations, not at {candidate}.")
    return candidate
