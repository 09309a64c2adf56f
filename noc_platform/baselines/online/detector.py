"""An anomaly detector of any one series of values in time: each is scored by what was known before, and then learned.

Pure: arrays in, arrays out, one pass, the same answer for the same values, and none that depends on later ones. What is
expected comes from `expectation`, how unusual the difference is from `surprise`, the limit from `thresholds`.
"""

from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noc_platform.baselines.learning import HOURS_OF_WEEK
from noc_platform.baselines.online.expectation import Expectation
from noc_platform.baselines.online.season import FIVE_MINUTES_OF_DAY, Season
from noc_platform.baselines.online.surprise import DaySpread, Lasting, Scale, Stuck, Tail
from noc_platform.baselines.thresholds import threshold_for
from noc_platform.settings import ThresholdPolicy

Numbers = NDArray[Any]
# Values before a verdict is given (domain.md §3.1).
STABLE_FROM = 30
# Beyond, squares would overflow; the value counts as so large.
LARGEST_VALUE = 1e100
# Standard deviations: a series that never varied gives no scale to measure the first change by.
FURTHEST = 1e9
# A standard deviation is a millionth of the largest values of late at least, for rounding alone varies by less.
RESOLUTION, LARGEST_KEPT = 1e-6, 0.999
SMALLEST_SIGMA = 1e-200
# Standard deviations beyond which a season takes a value for an accident, however often it comes.
SEASON_REACH = 1000.0
# Values until regressions and tails are fitted anew, and while there are fewer; forecasts are weighed oftener.
FIT_EVERY, FIRST_FITS_EVERY, WEIGH_EVERY = 64, 16, 8
# A gap counts from one and a half times the usual step; errors grow with its root, no further than nine steps.
GAP_FROM, LONGEST_GAP, STEP_RATE = 1.5, 9.0, 0.05
# How the tails are assumed to begin, and after how many values in a row a new one is no more of the same anomaly.
POINT_TAIL, LASTING_TAIL = (3.0, 1.15), (30.0, 1.3)
# 1970-01-01 was a Thursday; a week begins on Monday.
EPOCH_HOUR = 72
EVEN_ODDS_AT = 3.0


@dataclass(frozen=True)
class Judged:
    """What the detector made of each value, in the order of time.

    `score` in [0, 1] rises with how unusual a value is; `threshold` is the limit on the same scale, NaN where there is
    no verdict: while learning, and for a value that is not there. `expected` is in units of the values, NaN before the
    first. `learning` counts the values that were only learned from; `sigmas` is the limit in standard deviations.
    """

    expected: Numbers
    score: Numbers
    is_anomaly: Numbers
    threshold: Numbers
    learning: int
    sigmas: float


class Detector:
    """What is known of one series so far."""

    __slots__ = (
        *("_day", "_expectation", "_largest", "_last_at", "_lasting", "_lasting_tail"),
        *("_scale", "_season", "_step", "_stuck", "_tail", "count"),
    )

    def __init__(self) -> None:
        self._season, self._expectation = Season(), Expectation()
        self._scale, self._day, self._tail = Scale(), DaySpread(), Tail(*POINT_TAIL)
        self._lasting, self._lasting_tail, self._stuck = Lasting(), Tail(*LASTING_TAIL), Stuck()
        self._largest = self._step = self._last_at = 0.0
        self.count = 0

    def expected(self, hour_of_week: int, five_minutes: int) -> float:
        """What the next value is expected to be there; NaN before the first."""
        season = self._season.expect(hour_of_week, five_minutes, self._lasting.sigma)
        return self._expectation.of(season) if self.count else float("nan")

    def judge(self, value: float, at: float, hour_of_week: int, five_minutes: int) -> tuple[float, float]:
        """What was expected, and the z of the value (0 or more); then learns it. `at` is in seconds."""
        lasting, scale, tail = self._lasting, self._scale, self._tail
        season = self._season.expect(hour_of_week, five_minutes, lasting.sigma)
        expected = self._expectation.of(season) if self.count else value
        floor = RESOLUTION * self._largest + SMALLEST_SIGMA
        factor = self._day.at(hour_of_week % 24)
        sigma = scale.sigma if scale.sigma > floor else floor
        error, here = value - expected, sigma * factor
        distance = abs(error) / here
        if distance > FURTHEST:
            distance = FURTHEST
        if self.count:
            distance /= self._tolerance(at)
        self._last_at = at
        z = tail.z(distance)
        level = lasting.level
        stays = min(lasting.next(value - season, floor), FURTHEST)
        z_lasting = self._lasting_tail.z(stays)
        z_stuck = self._stuck.next(value)

        learned = scale.winsorised(error, here)
        scale.learn(abs(learned) / factor)
        tail.learn(distance)
        self._lasting_tail.learn(stays)
        self._day.learn(distance)
        cleaned = expected + learned
        self._expectation.learn(value, cleaned, sigma)
        self._largest = max(abs(cleaned), self._largest * LARGEST_KEPT)
        # The season hears what really was, to know it again the next day; but nothing absurd.
        reach = SEASON_REACH * sigma
        self._season.learn(value if -reach <= error <= reach else cleaned)
        self.count += 1
        self._refit()
        if z_lasting > z:
            # The value just before explains this one, but not that they are where they are.
            return season + level, max(z_lasting, z_stuck)
        return expected, max(z, z_stuck)

    def _tolerance(self, at: float) -> float:
        """What a distance is divided by after a gap: a series may have gone further since."""
        step = at - self._last_at
        usual = self._step
        if step > 0.0 and step != usual:
            self._step = usual + (min(step, 3.0 * usual) - usual) * STEP_RATE if usual else step
        if usual and step > GAP_FROM * usual:
            return float(min(step / usual, LONGEST_GAP) ** 0.5)
        return 1.0

    def _refit(self) -> None:
        count = self.count
        if count % WEIGH_EVERY:
            return
        self._expectation.weigh()
        if count % FIT_EVERY == 0 or (count < FIT_EVERY and count % FIRST_FITS_EVERY == 0):
            self._expectation.fit()
            self._tail.fit()
            self._lasting_tail.fit()


def replay(seconds: Numbers, values: Numbers, policy: ThresholdPolicy | None = None) -> Judged:
    """Judge values in turn. `seconds` since 1970 in UTC do not fall; a value that is NaN or infinite is not there."""
    five_minutes = np.floor_divide(seconds, 300.0).astype(np.int64)
    hours = (five_minutes // 12 + EPOCH_HOUR) % HOURS_OF_WEEK
    is_there = np.isfinite(values)
    detector = Detector()
    judge, expected_of = detector.judge, detector.expected
    expected, distances = [], []
    rows = zip(
        np.clip(values, -LARGEST_VALUE, LARGEST_VALUE).tolist(),
        is_there.tolist(),
        seconds.tolist(),
        hours.tolist(),
        (five_minutes % FIVE_MINUTES_OF_DAY).tolist(),
        strict=True,
    )
    for value, there, at, hour, five in rows:
        usual, z = judge(value, at, hour, five) if there else (expected_of(hour, five), 0.0)
        expected.append(usual)
        distances.append(z)
    return _judged(np.array(expected), np.array(distances), is_there, policy or ThresholdPolicy())


def scores(z: Numbers) -> Numbers:
    """Anomaly scores in [0, 1] of distances in standard deviations: 0 at 0, 0.5 at 3, 0.94 at 6. The density of the
    normal against its highest, from 1, as a power for which 3 is in the middle."""
    return np.asarray(-np.expm1(-log(2.0) * (np.asarray(z) / EVEN_ODDS_AT) ** 2))


def _judged(expected: Numbers, z: Numbers, is_there: Numbers, policy: ThresholdPolicy) -> Judged:
    before = np.cumsum(is_there) - is_there
    has_verdict = is_there & (before >= STABLE_FROM)
    # What is judged is the series, which grows no older than its memory: it is stable, but no cell of it ever mature.
    sigmas = threshold_for(policy, is_stable=True, samples=STABLE_FROM).sigmas or policy.default
    z = np.where(has_verdict, z, 0.0)
    return Judged(
        expected=np.where(before > 0, expected, np.nan),
        score=scores(z),
        is_anomaly=z > sigmas,
        threshold=np.where(has_verdict, scores(np.full(len(z), sigmas)), np.nan),
        learning=int((is_there & ~has_verdict).sum()),
        sigmas=sigmas,
    )
