"""Series such as servers, streets and sensors give, seeded; and what goes wrong in them, with where it did."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
MONDAY = 1_396_224_000  # 2014-03-31


@dataclass(frozen=True)
class Given:
    """Moments in seconds since 1970, UTC, and the values there."""

    seconds: Numbers
    values: Numbers

    def with_values(self, values: Numbers) -> "Given":
        return Given(self.seconds, values)


def _times(points: int, step: int) -> tuple[Numbers, Numbers, Numbers]:
    seconds = MONDAY + step * np.arange(points, dtype=float)
    day = seconds % 86400 / 86400
    return seconds, day, seconds // 86400 % 7


def _drift(rng: Generator, points: int, kept: float, sigma: float) -> Numbers:
    from scipy.signal import lfilter

    return np.asarray(lfilter([1.0], [1.0, -kept], rng.normal(0, sigma, points)))


def processor(rng: Generator) -> Given:
    """Load of a server every five minutes: daily."""
    seconds, day, _ = _times(4032, 300)
    shape = 20 * np.sin(2 * np.pi * (day - 0.3)) + 5 * np.sin(4 * np.pi * day)
    return Given(seconds, 40 + shape + rng.normal(0, 2, len(day)))


def passengers(rng: Generator) -> Given:
    """Taxi passengers each half hour: daily, weekly, and days that are busier as a whole."""
    seconds, day, weekday = _times(8000, 1800)
    shape = 1 + 0.7 * np.sin(2 * np.pi * (day - 0.35)) + 0.3 * np.sin(4 * np.pi * (day - 0.1))
    week = np.where(weekday < 3, 1.0, 0.75 + 0.04 * weekday)
    values = 15000 * shape * week * (1 + _drift(rng, len(day), 0.9, 0.02)) + rng.normal(0, 300, len(day))
    return Given(seconds, values)


def visits(rng: Generator) -> Given:
    """Hourly counts: quiet nights, quieter weekends, more scattered than Poisson's."""
    seconds, day, weekday = _times(2400, 3600)
    rate = 60 * np.exp(1.2 * np.sin(2 * np.pi * (day - 0.35))) * np.where(np.isin(weekday, (2, 3)), 0.6, 1.0)
    return Given(seconds, rng.poisson(rate * rng.gamma(20, 1 / 20, len(day))).astype(float))


def sales(rng: Generator) -> Given:
    """Daily figures: weekly, on a slow walk."""
    seconds, _, weekday = _times(900, 86400)
    week = 150 * np.array([0, 1, 1, 1, 0.5, -2, -2.5])[weekday.astype(int)]
    walk = np.cumsum(rng.normal(0, 5, len(week)))
    return Given(seconds, 1000 + week + walk + rng.normal(0, 40, len(week)))


def price(rng: Generator) -> Given:
    """A random walk, without any season."""
    seconds, _, _ = _times(4000, 300)
    return Given(seconds, 100 + np.cumsum(rng.normal(0, 1, len(seconds))))


def mentions(rng: Generator) -> Given:
    """Counts every five minutes with bursts that nobody calls anomalies."""
    seconds, day, _ = _times(8000, 300)
    rate = 20 * np.exp(0.6 * np.sin(2 * np.pi * (day - 0.4)))
    values = rng.poisson(rate * rng.gamma(3, 1 / 3, len(day))).astype(float)
    for at in np.flatnonzero(rng.random(len(day) - 4) < 0.004):
        values[at : at + 4] += np.round(rng.pareto(2.5) * 60 * np.array([1, 0.6, 0.3, 0.1]))
    return Given(seconds, values)


def temperature(rng: Generator) -> Given:
    """Degrees of a machine: mostly where they were before."""
    seconds, day, _ = _times(10000, 300)
    values = 85 + _drift(rng, len(day), 0.995, 0.5) + 2 * np.sin(2 * np.pi * day) + rng.normal(0, 0.3, len(day))
    return Given(seconds, values)


def heartbeat(rng: Generator) -> Given:
    """A wave whose period has nothing to do with the clock."""
    seconds, _, _ = _times(8000, 60)
    phase = 2 * np.pi * np.arange(len(seconds)) / rng.integers(90, 260)
    wave = np.sin(phase) + 0.6 * np.sin(2 * phase + 1) + 0.4 * np.cos(5 * phase)
    return Given(seconds, wave + rng.normal(0, 0.05, len(phase)))


def nightly_job(rng: Generator) -> Given:
    """Something large between 02:00 and 02:20 each night."""
    seconds, day, _ = _times(5000, 300)
    runs = (seconds % 86400 >= 7200) & (seconds % 86400 < 8400)
    return Given(seconds, 10 + rng.normal(0, 1, len(day)) + 60 * runs + 8 * np.sin(2 * np.pi * day))


def noise(rng: Generator) -> Given:
    """Nothing but chance."""
    seconds, _, _ = _times(4000, 300)
    return Given(seconds, rng.normal(0, 1, len(seconds)))


KINDS: tuple[Callable[[Generator], Given], ...] = (
    processor,
    passengers,
    visits,
    sales,
    price,
    mentions,
    temperature,
    heartbeat,
    nightly_job,
    noise,
)


@dataclass(frozen=True)
class Planted:
    """A series with something wrong from place `begin` up to `end`."""

    given: Given
    begin: int
    end: int


def _steps(values: Numbers) -> float:
    change = np.diff(values)
    return float(1.48 * np.median(np.abs(change - np.median(change))))


def _place(given: Given, rng: Generator) -> int:
    return int(rng.integers(int(0.4 * len(given.values)), int(0.85 * len(given.values))))


def spike(given: Given, rng: Generator) -> Planted:
    at, values = _place(given, rng), given.values.copy()
    usual = np.quantile(values, 0.995) - np.median(values)
    values[at] += max(6 * _steps(values), 1.2 * values.std(), usual)
    return Planted(given.with_values(values), at, at + 1)


def shift(given: Given, rng: Generator) -> Planted:
    at, values = _place(given, rng), given.values.copy()
    values[at:] += rng.choice([-1, 1]) * max(5 * _steps(values), 1.2 * values.std())
    return Planted(given.with_values(values), at, at + 24)


def outage(given: Given, rng: Generator) -> Planted:
    """Nothing at all in the busiest part of a day."""
    at, values = _place(given, rng), given.values.copy()
    at += int(np.argmax(values[at : at + 288]))
    values[at : at + 6] = min(0.0, values.min())
    return Planted(given.with_values(values), at, at + 6)


def stuck(given: Given, rng: Generator) -> Planted:
    at, values = _place(given, rng), given.values.copy()
    values[at : at + 48] = values[at]
    return Planted(given.with_values(values), at, at + 48)


def unrest(given: Given, rng: Generator) -> Planted:
    at, values = _place(given, rng), given.values.copy()
    values[at : at + 48] += rng.normal(0, 3 * _steps(values) + 0.3 * values.std(), 48)
    return Planted(given.with_values(values), at, at + 48)


WRONGS: tuple[Callable[[Given, Generator], Planted], ...] = (spike, shift, outage, stuck, unrest)
