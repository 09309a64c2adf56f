"""A model on parts of what it is judged by: each site, the night. What is good on the whole can be blind somewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import erf, sqrt

import numpy as np

from noc_platform.fraud.learning.examples import Numbers
from noc_platform.fraud.learning.measures import Judged, Measure, wilson

LEAST_FRAUDS = 20


@dataclass(frozen=True)
class Slice:
    """A part by its name and value, such as site s1: its rows, and recall and precision with 95 % intervals.

    `doubt` is the chance of a recall as far below that of the other rows, or further, were it no worse here
    (one-sided, two shares); 1 where frauds are too few to say.
    """

    name: str
    value: str
    rows: int
    positives: int
    recall: Measure
    precision: Measure
    others_recall: float
    doubt: float


def sliced(slices: Mapping[str, Numbers], judged: Judged, threshold: float) -> tuple[Slice, ...]:
    """Every part of every slice, by name and value; rows that belong to none are in none."""
    cells = judged.cells(threshold)
    parts: list[Slice] = []
    for name, values in slices.items():
        words = np.array(["" if value is None or value != value else str(value) for value in values])
        parts += [_slice(name, word, cells, words == word) for word in sorted(set(words.tolist()) - {""})]
    return tuple(parts)


def _slice(name: str, word: str, cells: Numbers, is_here: Numbers) -> Slice:
    right, wrong, missed, _ = cells[is_here].sum(axis=0)
    other_right, _, other_missed, _ = cells[~is_here].sum(axis=0)
    others = _share(other_right, other_right + other_missed)
    return Slice(
        name, word, int(is_here.sum()), int(right + missed), _measure(right, right + missed),
        _measure(right, right + wrong), others, _doubt(right, right + missed, other_right, other_right + other_missed),
    )  # fmt: skip


def _doubt(found: float, frauds: float, other_found: float, others: float) -> float:
    if min(frauds, others) < LEAST_FRAUDS:
        return 1.0
    both = (found + other_found) / (frauds + others)
    error = sqrt(both * (1 - both) * (1 / frauds + 1 / others))
    if not error:
        return 1.0
    z = (other_found / others - found / frauds) / error
    return 0.5 * (1 - erf(z / sqrt(2)))


def _measure(top: float, bottom: float) -> Measure:
    share = _share(top, bottom)
    return Measure(share, *wilson(share, bottom))


def _share(top: float, bottom: float) -> float:
    return float(top / bottom) if bottom else float("nan")
