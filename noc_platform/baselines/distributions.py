"""How unusual a value is, given what was expected: a tail probability, and the z a normal value as rare would have.

Counts are negative binomial, distances gamma, other quantities normal. All functions are element-wise over NumPy
arrays; what is not known (NaN) stays so.
"""

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


def variance(expected: Numbers, dispersion: Numbers, family: Family) -> Numbers:
    """Variance around what is expected. `dispersion` is relative (variance over squared mean) beyond Poisson's for
    counts; for other quantities it is the variance itself.

    Never 0: a count varies at least as Poisson's does and by 0.25, a distance by what jitter explains (defect 23).
    """
    if family is Family.COUNT:
        return np.asarray(np.maximum(expected + dispersion * expected**2, 0.25))
    if family is Family.DISTANCE:
        return np.asarray(np.maximum(dispersion * expected**2, STILL_METERS**2))
    return np.asarray(np.maximum(dispersion, SMALLEST_DISPERSION))


def tails(values: Numbers, expected: Numbers, dispersion: Numbers, family: Family) -> tuple[Numbers, Numbers]:
    """Probability of a value as low as each or lower, and as high or higher."""
    if family is Family.COUNT:
        return _count_tails(values, expected, dispersion)
    if family is Family.DISTANCE:
        return _distance_tails(values, expected, dispersion)
    z = (values - expected) / np.sqrt(variance(expected, dispersion, family))
    return special.ndtr(z), special.ndtr(-z)


def equivalent_z(values: Numbers, expected: Numbers, dispersion: Numbers, family: Family) -> Numbers:
    """The z of a normal value as unusual as each: below 0 for less than expected, within ±`LARGEST_Z`.

    Discrete values are as likely as themselves in both tails; one that is likely both ways is 0.
    """
    low, high = tails(values, expected, dispersion, family)
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


def quantiles(expected: Numbers, dispersion: Numbers, family: Family, shares: tuple[float, ...]) -> Numbers:
    """Values that this share of values lies below, as `(…, share)`; the cube-root approximation of Wilson and Hilferty
    (1931) for what cannot be negative, which is within a few percent between 5 % and 99 %."""
    z = special.ndtri(np.asarray(shares))
    spread = variance(expected, dispersion, family)[..., None]
    mean = np.asarray(expected)[..., None]
    if family is Family.REAL:
        return np.asarray(mean + z * np.sqrt(spread))
    shape = np.maximum(mean, LEAST_EXPECTED) ** 2 / spread
    return np.asarray(mean * np.maximum(1 - 1 / (9 * shape) + z / (3 * np.sqrt(shape)), 0.0) ** 3)


def _count_tails(values: Numbers, expected: Numbers, dispersion: Numbers) -> tuple[Numbers, Numbers]:
    mean, spread = np.maximum(expected, LEAST_EXPECTED), np.maximum(dispersion, SMALLEST_DISPERSION)
    size = 1.0 / spread
    success = size / (size + mean)
    counted = np.floor(values)
    # NaN compares as false, and betainc gives NaN for it.
    low = np.where(counted < 0, 0.0, special.betainc(size, counted + 1.0, success))
    high = np.where(counted <= 0, 1.0, special.betaincc(size, np.maximum(counted, 1e-9), success))
    return np.asarray(low), np.asarray(np.where(np.isnan(values), np.nan, high))


def _distance_tails(values: Numbers, expected: Numbers, dispersion: Numbers) -> tuple[Numbers, Numbers]:
    mean = np.maximum(expected, STILL_METERS)
    shape = mean**2 / variance(mean, dispersion, Family.DISTANCE)
    # What jitter may have added is not told from having walked it.
    low = special.gammainc(shape, shape * (np.maximum(values, 0) + STILL_METERS) / mean)
    high = special.gammaincc(shape, shape * np.maximum(values, 0) / mean)
    return np.asarray(low), np.asarray(high)
