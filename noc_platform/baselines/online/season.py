"""What is usual by the calendar, learned online: a mean, and how each hour differs from it.

Pure and scalar: asked about one moment at a time, told what came afterwards. The levels are those of `learning`: hour
of week, hour of day by kind of day, hour of day, all hours. Elsewhere: what explains a series besides (`expectation`).
"""

from noc_platform.baselines.learning import DAY_HOURS, HOURS_OF_WEEK, SATURDAY, WINSORISED_AT

# Visits after which a cell forgets as fast as it learns: three weeks of days, ten of weeks.
DAYS_KEPT, WEEKS_KEPT = 21.0, 10.0
# A mean is that of a week of hours.
MEAN_KEPT = float(HOURS_OF_WEEK)
FIVE_MINUTES_OF_DAY = 288
# What one visit leaves of the evidence for a level: it rests on two days of five minutes, or three weeks of hours.
EVIDENCE_KEPT = 0.998


def winsorised(seen: float, expected: float, limit: float, last: float) -> float:
    """A value drawn to within `limit` of what was expected, but for what was so far off the time before already: what
    comes twice is no accident."""
    return min(max(seen, min(expected - limit, last)), max(expected + limit, last))


class Level:
    """How far each cell of one level lies from the level above, and how much that is worth.

    A visit is a run of values in one cell. It is learned when it has ended, so that a cell expects what earlier days
    taught. Its worth is the regression of visits on what their cell expected, 0 to 1: what cells really differ by
    against what is chance, as `pooling` has it, but as values come.
    """

    __slots__ = (
        "_cell",
        "_last",
        "_product",
        "_square",
        "_table",
        "_visits",
        "_worth",
        "count",
        "kept",
        "known",
        "sum",
    )

    def __init__(self, cells: int, kept: float) -> None:
        self.kept, self.known, self.sum, self.count = kept, 0.0, 0.0, 0.0
        self._table, self._visits, self._last = [0.0] * cells, [0.0] * cells, [0.0] * cells
        self._product = self._square = self._worth = 0.0
        self._cell = 0

    def enter(self, cell: int, sigma: float) -> None:
        """Learn from the visit that ends, given the standard deviation of values, and begin another."""
        if self.count:
            self._learn(self.sum / self.count, WINSORISED_AT * sigma)
        self._cell, self.known = cell, self._worth * self._table[cell]
        self.sum = self.count = 0.0

    def _learn(self, seen: float, limit: float) -> None:
        cell = self._cell
        visits, before = self._visits[cell], self._table[cell]
        last, self._last[cell] = self._last[cell], seen
        if not -limit <= seen - before <= limit:
            seen = winsorised(seen, before, limit, last)
        if visits:
            self._product = EVIDENCE_KEPT * self._product + before * seen
            self._square = EVIDENCE_KEPT * self._square + before * before
            if self._square > 0.0:
                worth = self._product / self._square
                self._worth = 0.0 if worth < 0.0 else worth if worth < 1.0 else 1.0
        self._table[cell] = before + (seen - before) / (visits + 1.0)
        if visits < self.kept:
            self._visits[cell] = visits + 1.0


class Season:
    """The expectation by the calendar: the mean of all, then the hour of day, that by kind of day, the hour of week,
    and the five minutes of the day, each relative to those before it and as far as it has proved to help."""

    __slots__ = ("_day_hours", "_five", "_fives", "_hour", "_hours", "_last", "_mean", "_weeks", "_weight")

    def __init__(self) -> None:
        self._hours, self._day_hours = Level(24, DAYS_KEPT), Level(DAY_HOURS, DAYS_KEPT)
        self._weeks, self._fives = Level(HOURS_OF_WEEK, WEEKS_KEPT), Level(FIVE_MINUTES_OF_DAY, DAYS_KEPT)
        self._mean = self._last = 0.0
        # Hours the mean rests on; below 0 before the first value, which is the mean until an hour has ended.
        self._weight = -1.0
        self._hour = self._five = -1

    def expect(self, hour_of_week: int, five_minutes: int, sigma: float) -> float:
        """What is usual there. `sigma`, the standard deviation of values from it, says what is taken for an accident
        where the visit before ends."""
        if hour_of_week != self._hour:
            self._next_hour(hour_of_week, sigma)
        fives = self._fives
        if five_minutes != self._five:
            self._five = five_minutes
            fives.enter(five_minutes, sigma)
        return self._mean + self._hours.known + self._day_hours.known + self._weeks.known + fives.known

    def learn(self, value: float) -> None:
        """Take in what came where `expect` was asked last."""
        if self._weight < 0.0:
            self._mean, self._weight = value, 0.0
        off = value - self._mean
        hours, fives = self._hours, self._fives
        hours.sum += off
        hours.count += 1.0
        fives.sum += off - hours.known - self._day_hours.known - self._weeks.known
        fives.count += 1.0

    def _next_hour(self, hour_of_week: int, sigma: float) -> None:
        hours, day_hours, weeks = self._hours, self._day_hours, self._weeks
        if hours.count:
            rest = hours.sum / hours.count - hours.known
            day_hours.sum, day_hours.count = rest, 1.0
            rest -= day_hours.known
            weeks.sum, weeks.count = rest, 1.0
            rest -= weeks.known
            self._weight = min(self._weight + 1.0, MEAN_KEPT)
            last, self._last = self._last, rest
            # The first hour has nothing to be an accident against.
            limit = WINSORISED_AT * sigma if self._weight > 1.0 else abs(rest)
            self._mean += winsorised(rest, 0.0, limit, last) / self._weight
        self._hour = hour_of_week
        hour = hour_of_week % 24
        hours.enter(hour, sigma)
        day_hours.enter(hour if hour_of_week < SATURDAY else hour + 24, sigma)
        weeks.enter(hour_of_week, sigma)
