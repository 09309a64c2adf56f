"""How unusual a value is, given what was expected: a tail probability, and the z a normal value as rare would have.

Counts are negative binomial, distances gamma, other quantities normal. All functions are element-wise over NumPy
arrays; what is not known (NaN) stays so.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Numbers = NDArray[Any]

# Nothing is more certain than this: beyond, double precision says more about itself than about the value.
LARGEST_Z = 8.0
SMALLEST_DISPERSION = 1e-6
LEAST_EXPECTED = 1e-3
# What a phone that lies still is credited with now and then, metres (docs/decisions/0013).
STILL_METERS = 20.0
# Where at least this much is expected, that there is nothing at all is judged by how often there was nothing before.
ZERO_MATTERS_FROM = 3.0


class Family(StrEnum):
    """What kind of quantity it is, which decides its distribution."""

    COUNT = "COUNT"
    DISTANCE = "DISTANCE"
    REAL = "REAL"


@dataclass(frozen=True)
class Spread:
    """How far values stray: their variance is `unit` times what is expected, plus `dispersion` times its square.

    A count's unit is 1, as Poisson's; a distance's is the metres that come at once, an outing. `dispersion` is by
    element. Of other quantities `dispersion` is the variance itself.
    """

    family: Family
    dispersion: Numbers
    unit: Numbers | float = 1.0

    def unfloored(self, expected: Numbers) -> Numbers:
        """Variance around what is expected, as it was learned."""
        if self.family is Family.REAL:
            return np.asarray(np.broadcast_to(self.dispersion, np.shape(expected)))
        return np.asarray(self.unit * expected + self.dispersion * expected**2)

    def variance(self, expected: Numbers) -> Numbers:
        """Variance to judge by, never 0: a count varies by 0.25 at least and as Poisson's does, a distance by what
        jitter explains (defect 23)."""
        floors = {Family.COUNT: 0.25, Family.DISTANCE: STILL_METERS**2, Family.REAL: SMALLEST_DISPERSION}
        return np.asarray(np.maximum(self.unfloored(expected), floors[self.family]))


def tails(values: Numbers, expected: Numbers, spread: Spread) -> tuple[Numbers, Numbers]:
    """Probability of a value as low as each or lower, and as high or higher."""
    if spread.family is Family.COUNT:
        return _count_tails(values, expected, spread.dispersion)
    if spread.family is Family.DISTANCE:
        return _distance_tails(values, expected, spread)
    z = (values - expected) / np.sqrt(spread.variance(expected))
    return special.ndtr(z), special.ndtr(-z)


def equivalent_z(values: Numbers, expected: Numbers, spread: Spread) -> Numbers:
    """The z of a normal value as unusual as each: below 0 for less than expected, within ±`LARGEST_Z`.

    Discrete values are as likely as themselves in both tails; one that is likely both ways is 0.
    """
    low, high = tails(values, expected, spread)
    below, above = special.ndtri(low), -special.ndtri(high)
    z = np.where(low < high, np.minimum(below, 0.0), np.maximum(above, 0.0))
    return np.asarray(np.clip(z, -LARGEST_Z, LARGEST_Z))


def zero_z(expected: Numbers, dispersion: Numbers, zero_share: Numbers, samples: Numbers) -> Numbers:
    """The z of nothing at all where something is expected, from how often there was nothing (defect 24).

    `zero_share` of `samples` were 0; the distribution's own probability of 0 counts as one sample more. NaN where less
    than `ZERO_MATTERS_FROM` is expected.
    """
    modelled, _ = _count_tails(np.zeros_like(expected), expected, dispersion)
    share = (zero_share * samples + modelled) / (samples + 1.0)
    z = np.clip(special.ndtri(share), -LARGEST_Z, 0.0)
    return np.asarray(np.where(expected >= ZERO_MATTERS_FROM, z, np.nan))


def quantiles(expected: Numbers, spread: Spread, shares: tuple[float, ...]) -> Numbers:
    """Values that this share of values lies below, as `(…, share)`; the cube-root approximation of Wilson and Hilferty
    (1931) for what cannot be negative, which is within a few percent between 5 % and 99 %."""
    z = special.ndtri(np.asarray(shares))
    strays = spread.variance(expected)[..., None]
    mean = np.asarray(expected)[..., None]
    if spread.family is Family.REAL:
        return np.asarray(mean + z * np.sqrt(strays))
    shape = np.maximum(mean, LEAST_EXPECTED) ** 2 / strays
    return np.asarray(mean * np.maximum(1 - 1 / (9 * shape) + z / (3 * np.sqrt(shape)), 0.0) ** 3)


def _count_tails(values: Numbers, expected: Numbers, dispersion: Numbers) -> tuple[Numbers, Numbers]:
    mean = np.maximum(expected, LEAST_EXPECTED)
    size = 1.0 / np.maximum(dispersion, SMALLEST_DISPERSION)
    success = size / (size + mean)
    counted = np.floor(values)
    # NaN compares as false, and betainc gives NaN for it.
    low = np.where(counted < 0, 0.0, special.betainc(size, counted + 1.0, success))
    high = np.where(counted <= 0, 1.0, special.betaincc(size, np.maximum(counted, 1e-9), success))
    return np.asarray(low), np.asarray(np.where(np.isnan(values), np.nan, high))


def _distance_tails(values: Numbers, expected: Numbers, spread: Spread) -> tuple[Numbers, Numbers]:
    mean = np.maximum(expected, STILL_METERS)
    shape = mean**2 / spread.variance(mean)
    # What jitter may have added is not told from having walked it.
    low = special.gammainc(shape, shape * (np.maximum(values, 0) + STILL_METERS) / mean)
    high = special.gammaincc(shape, shape * np.maximum(values, 0) / mean)
    return np.asarray(low), np.asarray(high)
