"""How unusual it is to be off by so much, judged by how far off values were before: scales, and tails as seen.

Pure and scalar. Elsewhere: what was expected (`expectation`), the limit (`thresholds`).
"""

from math import log, pi, sqrt

import numpy as np

from noc_platform.baselines.learning import WINSORISED_AT

# The mean distance of a normal quantity from its mean, times this, is its standard deviation.
OF_MEAN_DISTANCE = sqrt(pi / 2)
# Values a scale remembers.
SCALE_KEPT = 500.0
# The first values are taken as they are; the next are few, so that more may be usual than was seen.
FIRST, FEW, LENIENCE = 3.0, 10.0, 4.0
BELIEVED_AFTER = 6.0

# A tail is looked at where 1 in 10 and 1 in 100 are further off: normal quantiles, either side.
NEAR, FAR = 1.6448536, 2.5758293
NEAR_SHARE, FAR_SHARE = 0.10, 0.01
LEAST_FAR = 1.3
TAIL_KEPT = 2000
# So many values count as much as what is assumed before any was seen.
TAIL_DOUBT = 100.0
BELIEVED_LATE = 30.0
# Beyond, it falls by this power of the distance at least (less has no variance), and at most (the normal's there).
FLATTEST, STEEPEST = 2.0, 5.13

DAYS_KEPT, DAYS_DOUBTED = 14.0, 6.0
LEAST_FACTOR, MOST_FACTOR = 0.3, 3.0

SHORT, LONG = 10.0, 200.0
# A single value moves the short mean by no more than this many standard deviations would.
PUSH = 4.0
REPEATS_KEPT = 500.0
# A run must be half as long again as the longest so far, which is forgotten by half in 1,400 values.
LONGER, LONGEST_KEPT = 1.5, 0.9995
STUCK_FROM, TOLD = 3.0, 48.0


class Scale:
    """Standard deviation of errors, from their mean distance, recency weighted and winsorised (defect 29).

    What is too far off counts as if it were `WINSORISED_AT` standard deviations; as twice that if the one before was
    too, as four times after two, and as it is after `BELIEVED_AFTER`, so that what is new and stays is learned.
    """

    __slots__ = ("_count", "_mean", "_run", "sigma")

    def __init__(self) -> None:
        self.sigma = self._mean = self._count = self._run = 0.0

    def winsorised(self, error: float, sigma: float) -> float:
        """The error as far as it is learned from; `sigma` is the standard deviation there."""
        limit = WINSORISED_AT * sigma
        if self._count < FEW:
            limit *= LENIENCE
        if -limit <= error <= limit:
            if self._run:
                self._run = max(self._run - 0.5, 0.0)
            return error
        if self._count < FIRST or self._run >= BELIEVED_AFTER:
            return error
        limit *= float(2.0**self._run)
        self._run += 1.0
        return min(max(error, -limit), limit)

    def learn(self, distance: float) -> None:
        """Take in how far off a winsorised error was."""
        if self._count < SCALE_KEPT:
            self._count += 1.0
        self._mean += (distance - self._mean) / self._count
        self.sigma = self._mean * OF_MEAN_DISTANCE


class Tail:
    """The z of a normal value as rare as a distance was among those before it.

    As far as 1 in 100 goes, by what was seen; beyond, the tail falls as a power of the distance, as it did between the
    two quantiles (Hill, 1975), and z from it by -2 ln p, the leading term. Of values far off one after the other only
    the first `patience` count, so that an anomaly does not become the tail, and those from `BELIEVED_LATE` on, so that
    a long one does; that many short ones do is what calibration is. `prior` times the normal's is what is assumed of
    the tail before anything was seen.
    """

    __slots__ = ("_far", "_near", "_patience", "_prior", "_run", "_seen", "_steepness")

    def __init__(self, patience: float, prior: float) -> None:
        self._patience, self._prior = patience, prior
        self._near, self._far, self._steepness = NEAR, FAR * prior, STEEPEST
        self._run = 0.0
        self._seen: list[float] = []

    def z(self, distance: float) -> float:
        """How unusual a distance of 0 or more is; it is in standard deviations already, but for the tail."""
        near, far = self._near, self._far
        if distance <= near:
            return NEAR * distance / near
        if distance <= far:
            return NEAR + (FAR - NEAR) * (distance - near) / (far - near)
        return sqrt(FAR * FAR + 2.0 * self._steepness * log(distance / far))

    def learn(self, distance: float) -> None:
        """Take in one that has been judged."""
        if distance > self._far:
            self._run += 1.0
            if self._patience < self._run <= self._patience + BELIEVED_LATE:
                distance = self._near
        elif self._run:
            self._run = max(min(self._run, self._patience) - 0.25, 0.0)
        self._seen.append(distance)

    def fit(self) -> None:
        """Look at the tail anew."""
        del self._seen[:-TAIL_KEPT]
        trust = len(self._seen) / (len(self._seen) + TAIL_DOUBT)
        ranks = [int(len(self._seen) * (1 - share)) for share in (NEAR_SHARE, FAR_SHARE)]
        places = np.partition(self._seen, ranks)[ranks]
        # What hardly ever varies is not certain to the last digit.
        near, far = max(float(places[0]), NEAR / 4), max(float(places[1]), FAR / 2)
        self._near = near**trust * NEAR ** (1 - trust)
        self._far = max(far**trust * (FAR * self._prior) ** (1 - trust), LEAST_FAR * self._near)
        power = log(NEAR_SHARE / FAR_SHARE) / log(self._far / self._near)
        self._steepness = min(max(power, FLATTEST), STEEPEST)


class DaySpread:
    """How much more or less than usual values stray at an hour of the day, each drawn to 1 while it is young."""

    __slots__ = ("_count", "_days", "_factors", "_hour", "_sum", "factor")

    def __init__(self) -> None:
        self._factors, self._days = [1.0] * 24, [0.0] * 24
        self._hour, self._sum, self._count, self.factor = -1, 0.0, 0.0, 1.0

    def at(self, hour: int) -> float:
        """What a standard deviation is multiplied by at that hour."""
        if hour != self._hour:
            if self._count:
                self._learn(self._hour)
            self._hour, self.factor = hour, self._factors[hour]
            self._sum = self._count = 0.0
        return self.factor

    def learn(self, distance: float) -> None:
        """Take in how far off a value was, in standard deviations of that hour."""
        self._sum += distance if distance < WINSORISED_AT else WINSORISED_AT
        self._count += 1.0

    def _learn(self, hour: int) -> None:
        days = self._days[hour] = min(self._days[hour] + 1.0, DAYS_KEPT)
        before = self._factors[hour]
        seen = before * OF_MEAN_DISTANCE * self._sum / self._count
        after = before + (seen - before) / (days + DAYS_DOUBTED)
        self._factors[hour] = min(max(after, LEAST_FACTOR), MOST_FACTOR)


class Lasting:
    """What is off by little but stays so: the mean distance from the season of the last `SHORT` values against that of
    the last `LONG`, a chart of moving averages (Roberts, 1959) in units of what it was before."""

    __slots__ = ("_apart", "_count", "_long", "_push", "_short")

    def __init__(self) -> None:
        self._short = self._long = self._count = 0.0
        self._push, self._apart = Scale(), Scale()

    @property
    def level(self) -> float:
        """How far the last `LONG` values were from the season."""
        return self._long

    @property
    def sigma(self) -> float:
        """Standard deviation of single values from the season and that level."""
        return self._push.sigma

    def next(self, rest: float, floor: float) -> float:
        """Take in how far a value is from the season; gives how unusual the last of them are, in standard deviations of
        at least `floor`."""
        wide, narrow = self._push.sigma, self._apart.sigma
        wide, narrow = wide if wide > floor else floor, narrow if narrow > floor else floor
        off, push = rest - self._long, PUSH * wide
        pushed = off if -push <= off <= push else push if off > 0.0 else -push
        self._short += (self._long + pushed - self._short) / SHORT
        apart = self._short - self._long
        learned = self._apart.winsorised(apart, narrow)
        self._apart.learn(abs(learned))
        self._push.learn(abs(self._push.winsorised(off, wide)))
        if self._count < LONG:
            self._count += 1.0
        self._long += learned / self._count
        return abs(apart) / narrow


class Stuck:
    """How unusual it is that a value repeats itself once more: by how often values did, and for how long at most.

    It is said of `TOLD` values since the run became unusual: from then on it is a state.
    """

    __slots__ = ("_before", "_count", "_longest", "_run", "_share", "_unusual_from")

    def __init__(self) -> None:
        self._before: float | None = None
        self._unusual_from = 0.0
        self._run = self._longest = self._share = self._count = 0.0

    def next(self, value: float) -> float:
        """Take in a value; gives the z of it, 0 unless it prolongs the longest run."""
        if self._count < REPEATS_KEPT:
            self._count += 1.0
        if value != self._before:
            self._before = value
            self._share -= self._share / (self._count + 1.0)
            self._longest *= LONGEST_KEPT
            if self._run > self._longest:
                self._longest = self._run
            self._run = self._unusual_from = 0.0
            return 0.0
        self._run += 1.0
        self._share += (1.0 - self._share) / (self._count + 1.0)
        # Two repeats are let pass: a reading sent again is no stuck sensor.
        counted = self._run - 2.0
        if counted <= 0.0 or self._run <= LONGER * self._longest:
            return 0.0
        improbable = -2.0 * counted * log(min(self._share + 1.0 / (self._count + 1.0), 1.0))
        # Of -2 ln p, about 4 go into the factor before the exponential where z is 3.
        z = sqrt(max(improbable - 4.0, 0.0))
        if not self._unusual_from and z > STUCK_FROM:
            self._unusual_from = self._run
        return z if self._run <= (self._unusual_from or self._run) + TOLD else 0.0
