"""A claim with its number: the value, how sure of it one can be, what was wanted, and what simpler ways reach.

Intervals are 95 %. What is counted of many people is resampled by person, as one guard's hours are alike.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 400
SEED = 20261123

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Claim:
    """One row of the scoreboard.

    `value` lies in `[low, high]` with 95 % confidence, over `cases` cases; `wanted` is the least (or, with
    `is_at_most`, the most) that the claim holds with. `baselines` are what simpler ways reach on the same cases.
    """

    name: str
    says: str
    value: float
    low: float
    high: float
    cases: int
    wanted: float
    unit: str = "share"
    is_at_most: bool = False
    baselines: dict[str, float] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the value is what was wanted."""
        return self.value <= self.wanted if self.is_at_most else self.value >= self.wanted

    def is_moved(self, other: "Claim") -> bool:
        """Whether another measurement of the same claim lies outside of what this one leaves possible."""
        return not self.low <= other.value <= self.high


def share(right: Numbers, clusters: Numbers) -> tuple[float, float, float]:
    """Share that is right, and its interval, resampled by cluster; by Clopper and Pearson over the clusters where all
    or none are right, as resampling would know no doubt then."""
    value = float(np.mean(right))
    if value in (0.0, 1.0):
        from scipy.stats import binomtest

        count = len(np.unique(clusters))
        exact = binomtest(count if value else 0, count).proportion_ci(CONFIDENCE, method="exact")
        return value, float(exact.low), float(exact.high)
    return value, *resampled(lambda rows: float(np.mean(right[rows])), clusters)


def resampled(statistic: Callable[[Numbers], float], clusters: Numbers) -> tuple[float, float]:
    """Interval of a statistic of rows (given as places) by the bootstrap over clusters, percentile method."""
    rng = np.random.default_rng(SEED)
    _, cluster = np.unique(clusters, return_inverse=True)
    order = np.argsort(cluster, kind="stable")
    bounds = np.searchsorted(cluster[order], np.arange(cluster.max() + 2))
    members = [order[first:last] for first, last in itertools.pairwise(bounds)]
    drawn = rng.integers(0, len(members), (RESAMPLES, len(members)))
    found = [statistic(np.concatenate([members[place] for place in places])) for places in drawn]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)


def f1(told: Numbers, true: Numbers) -> float:
    """Harmonic mean of precision and recall; 0 where nothing was found."""
    found = int((told & true).sum())
    return 2 * found / max(int(told.sum()) + int(true.sum()), 1)


def f1_share(told: Numbers, true: Numbers, clusters: Numbers) -> tuple[float, float, float]:
    """F1 and its interval, resampled by cluster; where there is no error, as sure as the clusters with a case are."""
    matters = told | true
    if not (told ^ true).any():
        return share(told[matters], clusters[matters])
    return f1(told, true), *resampled(lambda rows: f1(told[rows], true[rows]), clusters)


def exactly(name: str, says: str, agreeing: int, cases: int, baselines: dict[str, float] | None = None) -> Claim:
    """A claim that either holds in every case or does not hold: one case that differs is one too many."""
    value = agreeing / cases
    return Claim(name, says, value, 1.0, 1.0, cases, 1.0, baselines=baselines or {})
