"""What a series is expected to be next: what explained it best lately, of season, level and the values just before.

Pure and scalar: one value at a time, expected first and learned after. Elsewhere: the season itself (`season`), how far
off is unusual (`surprise`).
"""

from operator import mul
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]
# Values a regression is fitted to, and how many of them it looks back for one.
WINDOW = 1024
BY_VALUES, BY_RESTS = 8, 3
RIDGE = 1e-3
# The share of its newest value a level takes in.
LEVEL_RATE = 0.1
# Values over which forecasts are compared; an error of more than so many standard deviations counts as so many; and the
# power of a squared loss by which the better forecast counts more.
LOSS_KEPT = 600.0
LOSS_CAP = 8.0
PREFERENCE = 6.0
NO_LOSS = 1e-300


class Autoregression:
    """The next value from the last few, by least squares over the last `WINDOW` of them."""

    __slots__ = ("_coefficients", "_history", "_order", "_rest")

    def __init__(self, order: int) -> None:
        self._order = order
        self._history: list[float] = []
        # By age, the oldest first: at the beginning the last value is expected again.
        self._coefficients = [0.0] * (order - 1) + [1.0]
        self._rest = 0.0

    def expect(self) -> float:
        """The next value."""
        history = self._history
        if len(history) < self._order:
            return history[-1] if history else 0.0
        return sum(map(mul, self._coefficients, history[-self._order :]), self._rest)

    def learn(self, value: float) -> None:
        """Take in what came."""
        self._history.append(value)

    def fit(self) -> None:
        """Regress anew: changes on values before, with a ridge, so that what the history does not tell apart is left at
        the last value."""
        order, history = self._order, self._history
        del history[:-WINDOW]
        if len(history) < 4 * order:
            return
        seen = np.array(history)
        centre = float(seen.mean())
        spread = float(np.abs(seen - centre).max())
        if not 0.0 < spread < np.inf:
            return
        scaled = (seen - centre) / spread
        before = np.lib.stride_tricks.sliding_window_view(scaled, order)[:-1]
        normal = before.T @ before
        doubt = RIDGE * float(normal.trace()) / order
        if doubt == 0.0:
            return
        normal.flat[:: order + 1] += doubt
        found = np.linalg.solve(normal, before.T @ (scaled[order:] - before[:, -1]))
        found[-1] += 1.0
        self._coefficients = found.tolist()
        self._rest = centre * (1.0 - float(found.sum()))


class Expectation:
    """Five forecasts, and their mean weighted by how small their squared errors were lately (Bates and Granger, 1969):
    the last value, a level (exponential smoothing), the season, the season and what its rests lead to, and what the
    values before lead to."""

    __slots__ = ("_count", "_forecasts", "_last", "_level", "_losses", "_rests", "_season", "_values", "_weights")

    def __init__(self) -> None:
        self._values, self._rests = Autoregression(BY_VALUES), Autoregression(BY_RESTS)
        self._last = self._level = self._season = self._count = 0.0
        self._losses = [0.0] * 5
        self._weights = (1.0, 0.0, 0.0, 0.0, 0.0)
        self._forecasts = (0.0,) * 5

    def of(self, season: float) -> float:
        """What comes next, given what is usual there."""
        last, level = self._last, self._level
        by_rests, by_values = season + self._rests.expect(), self._values.expect()
        self._season = season
        self._forecasts = (last, level, season, by_rests, by_values)
        a, b, c, d, e = self._weights
        return a * last + b * level + c * season + d * by_rests + e * by_values

    def learn(self, value: float, cleaned: float, sigma: float) -> None:
        """Take in what came: each forecast is judged by the value, and learns from it as far as it was cleaned of what
        is no more than an accident."""
        if not self._count:
            self._level = cleaned
        self._count = count = min(self._count + 1.0, LOSS_KEPT)
        cap, rate = (LOSS_CAP * sigma) ** 2, 1.0 / count
        losses = self._losses
        for which, forecast in enumerate(self._forecasts):
            loss = (value - forecast) ** 2
            losses[which] += ((loss if loss < cap else cap) - losses[which]) * rate
        self._last = cleaned
        self._level += (cleaned - self._level) * LEVEL_RATE
        self._values.learn(cleaned)
        self._rests.learn(cleaned - self._season)

    def weigh(self) -> None:
        """Weigh the forecasts anew."""
        best = min(self._losses) + NO_LOSS
        worth = [(best / (loss + NO_LOSS)) ** PREFERENCE for loss in self._losses]
        total = sum(worth)
        self._weights = tuple(one / total for one in worth)

    def fit(self) -> None:
        """Fit the regressions anew."""
        self._values.fit()
        self._rests.fit()
