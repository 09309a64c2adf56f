"""Labelled events drawn by chance, with a truth that can be learned but not perfectly."""

from dataclasses import replace
from functools import cache

import numpy as np

from noc_platform.fraud.learning.examples import Examples
from noc_platform.fraud.training import Trained, train
from noc_platform.fraud.vocabulary import FEATURES

START = np.datetime64("2026-01-01T00:00:00", "us")
DAYS = 180


def drawn(
    rows: int = 1500,
    *,
    seed: int = 0,
    frauds: float = 0.2,
    apart: float = 2.4,
    wrong: float = 0.02,
    people: int | None = None,
    unknown: float = 0.1,
) -> Examples:
    """Events of the twelve features: three tell fraud `apart`, the rest is chance; some labels are wrong, some values
    unknown, and one feature is unknown more often where there is fraud."""
    rng = np.random.default_rng(seed)
    labels = rng.random(rows) < frauds
    values = rng.normal(size=(rows, len(FEATURES)))
    values[:, :3] += apart * labels[:, None] * (rng.random((rows, 3)) < 0.8)
    values[rng.random(values.shape) < unknown] = np.nan
    values[labels & (rng.random(rows) < 0.3), 3] = np.nan
    persons = rng.integers(people or max(rows // 25, 20), size=rows)
    return Examples(
        values,
        FEATURES,
        labels ^ (rng.random(rows) < wrong * np.where(labels, 1, frauds)),
        START + (rng.random(rows) * DAYS * 86_400).astype("timedelta64[s]"),
        np.array([f"p{person}" for person in persons]),
        slices={"site": np.array([f"s{person % 4}" for person in persons]), "is_night": rng.random(rows) < 0.3},
    )


def by_chance(examples: Examples) -> Examples:
    """The same, with neither time nor people known."""
    return replace(examples, moments=None, groups=None)


@cache
def trained() -> Trained:
    """A model of ordinary examples, trained once for all tests that only look at it."""
    return train(drawn(5000, apart=3.2))
