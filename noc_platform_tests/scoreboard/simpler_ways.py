"""Ways of raising an alert that ask for less than ours, run on the same cases: what a number has to beat."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from noc_platform_tests.scoreboard.claims import Numbers

SEEDS_LIMIT = 3.0
WEEKDAY_LIMIT = 1.0


@dataclass(frozen=True)
class Cells:
    """Of each case: which hour-of-week cell it belongs to, and which week it lies in. A case is judged by the cell's
    other weeks."""

    cell: Numbers
    week: Numbers


def always(values: Numbers, cells: Cells) -> Numbers:
    """An alert for every case."""
    return np.ones(len(values), np.bool_)


def never(values: Numbers, cells: Cells) -> Numbers:
    """No alert."""
    return np.zeros(len(values), np.bool_)


def z_score(values: Numbers, cells: Cells, limit: float = SEEDS_LIMIT) -> Numbers:
    """Further than `limit` standard deviations from the cell's mean; never where there is no deviation."""
    alerts = np.zeros(len(values), np.bool_)
    for week in np.unique(cells.week):
        now = cells.week == week
        size = int(cells.cell.max()) + 1
        count = np.bincount(cells.cell[~now], minlength=size)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(cells.cell[~now], values[~now], size) / count
            variance = np.bincount(cells.cell[~now], values[~now] ** 2, size) / count - mean**2
            deviation = np.sqrt(np.maximum(variance * count / (count - 1), 0))
            # A comparison with NaN is false: without history there is no alert.
            far = np.abs(values[now] - mean[cells.cell[now]]) > limit * deviation[cells.cell[now]]
        alerts[now] = far & (deviation[cells.cell[now]] > 0)
    return alerts


def outside_of_the_usual(values: Numbers, cells: Cells) -> Numbers:
    """Outside mean ± 1 σ of the same hour of the same weekday."""
    return z_score(values, cells, WEEKDAY_LIMIT)


SIMPLER: dict[str, Callable[[Numbers, Cells], Numbers]] = {
    "always alert": always,
    "never alert": never,
    "z-score per hour of week": z_score,
    "mean ± σ of the same weekday hour": outside_of_the_usual,
}
