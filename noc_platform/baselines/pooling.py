"""Rates of many small groups, each drawn towards the larger group it belongs to by as much as its own data are unsure.

The levels are those of a baseline: client, site, hour of day by weekday kind, hour of week. Empirical Bayes in the
manner of Bühlmann and Straub (1970): how much groups of a level really differ is estimated from all of them, as by
DerSimonian and Laird (1986), and a group's own rate counts by what it knows against that.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Sums:
    """What a level knows of each of its groups: weighted values, what was expected of them, and how far values stray.

    Each is an array by group. `weight` and `squares` are sums of weights and of their squares.
    """

    values: Numbers
    expected: Numbers
    strays: Numbers
    weight: Numbers
    squares: Numbers

    @classmethod
    def of(
        cls, group: Numbers, groups: int, weight: Numbers, values: Numbers, expected: Numbers, spread: Numbers
    ) -> "Sums":
        """Sums over rows; `spread` is the variance of each row's value."""

        def total(rows: Numbers) -> Numbers:
            return np.bincount(group, rows, groups)

        return cls(
            total(weight * values), total(weight * expected), total(weight**2 * spread), total(weight), total(weight**2)
        )

    @property
    def samples(self) -> Numbers:
        """Effective number of rows behind each group, by their weights (Kish, 1965)."""
        return np.asarray(np.where(self.squares > 0, self.weight**2 / np.maximum(self.squares, 1e-300), 0.0))

    def at(self, group: Numbers) -> "Sums":
        """The sums of each row's group."""
        return Sums(*(part[group] for part in (self.values, self.expected, self.strays, self.weight, self.squares)))

    def without(self, weight: Numbers, values: Numbers, expected: Numbers, spread: Numbers) -> "Sums":
        """The sums of each row's group as they were without that row; `self` comes from `at`."""
        return Sums(
            self.values - weight * values,
            np.maximum(self.expected - weight * expected, 0.0),
            np.maximum(self.strays - weight**2 * spread, 0.0),
            np.maximum(self.weight - weight, 0.0),
            np.maximum(self.squares - weight**2, 0.0),
        )

    def scaled(self, factor: Numbers) -> "Sums":
        """The same values against `factor` times what was expected."""
        return Sums(self.values, self.expected * factor, self.strays, self.weight, self.squares)


@dataclass(frozen=True)
class Pooled:
    """A level's groups relative to what was expected of them: `factor` as far as it is believed, and `own`, the share
    of it that rests on the group itself; the rest is borrowed."""

    factor: Numbers
    own: Numbers


def relative_and_doubt(sums: Sums) -> tuple[Numbers, Numbers]:
    """Each group's value over what was expected, and the variance of that; 1 and infinity where nothing is known."""
    known = sums.expected > 0
    expected = np.where(known, sums.expected, 1.0)
    ratio = np.where(known, sums.values / expected, 1.0)
    return ratio, np.where(known, sums.strays / expected**2, np.inf)


def spread_between(sums: Sums) -> float:
    """Variance of the true relative rates of a level's groups; 0 where they differ by no more than chance."""
    ratio, doubt = relative_and_doubt(sums)
    usable = np.isfinite(doubt) & (doubt > 0)
    if usable.sum() < 2:
        return 0.0
    trust = 1.0 / doubt[usable]
    # Around the mean, as a level above that is shared by all has been taken out already.
    excess = float(trust @ (ratio[usable] - np.average(ratio[usable], weights=trust)) ** 2) - (usable.sum() - 1)
    scale = float(trust.sum() - (trust @ trust) / trust.sum())
    return max(0.0, excess / scale) if scale > 0 else 0.0


def pooled(sums: Sums, between: float) -> Pooled:
    """Groups drawn towards what was expected of them, given how much groups really differ."""
    ratio, doubt = relative_and_doubt(sums)
    own = np.where(
        np.isfinite(doubt), between / np.maximum(between + np.where(np.isfinite(doubt), doubt, 0), 1e-300), 0
    )
    return Pooled(np.maximum(1 + own * (ratio - 1), 0.0), np.asarray(own))
