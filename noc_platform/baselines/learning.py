"""What a site usually does at each hour of its week, learned from dated hours of one tenant and one metric.

Pure: arrays in, arrays out. What is learned is the rate of one guard, so that a shift with half of its guards away is
no anomaly. A cell of the week borrows from its hour of day on that kind of day, that from its site, the site from its
client (`pooling`). Elsewhere: which hours may be learned from, and the tables (`profiles`).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from noc_platform.baselines.distributions import Family, Spread, equivalent_z
from noc_platform.baselines.pooling import Pooled, Sums, pooled, spread_between

Numbers = NDArray[Any]
HOURS_OF_WEEK = 168
SATURDAY = 5 * 24
# Hour of day on a weekday, or on a Saturday or Sunday.
DAY_HOURS = 48
ROUNDS = 3
FIRST_DISPERSION = 0.5
# A value further off than this many standard deviations is learned from as if it were just there.
WINSORISED_AT = 3.0
# A whole week with less than this share of the usual, or more than its inverse, is left out.
BAD_WEEK = 0.5
FEWEST_WEEKS = 3
# Site-hours at which a site's own dispersion counts as much as that of all sites.
DISPERSION_SAMPLES = 200.0
LEAST_DISPERSION = 1e-3
DISPERSION_RATIOS = (0.1, 10.0)
# Share of values beyond which the tail begins, and the bounds of what it is stretched by.
TAIL = 0.05
# So many hours tell where the tail begins; all of them would take longer than the rest of learning.
TAIL_HOURS = 100_000
STRETCHES = (1.0, 3.0)


@dataclass(frozen=True)
class Places:
    """The sites of a tenant, by place: which client each belongs to and which kind of site it is, as places too."""

    client: Numbers
    kind: Numbers

    @property
    def count(self) -> int:
        """How many sites there are."""
        return len(self.client)


@dataclass(frozen=True)
class Hours:
    """Site-hours to learn from, one row each: the site's place, the hour of its week, what was counted (or measured),
    by how many guards, how much the hour counts (recency, 0 to 1), and which week it lies in, counted from any."""

    site: Numbers
    hour: Numbers
    value: Numbers
    guards: Numbers
    weight: Numbers
    week: Numbers


@dataclass(frozen=True)
class Week:
    """What is usual, as `(site, hour of week)`.

    `rate` of one guard in an hour; `unit` and `dispersion` as `distributions.Spread` takes them; `stretch` what z below
    and above are divided by; `guards` hours of guards there usually; `samples` hours of its own; `effective` hours its
    own and borrowed, each by how much it counts; `own` the share of the rate that is not borrowed; `zero_share` and
    `zero_samples` how often there was nothing at that hour of day.
    """

    rate: Numbers
    unit: float
    dispersion: Numbers
    stretch: tuple[float, float]
    guards: Numbers
    samples: Numbers
    effective: Numbers
    own: Numbers
    zero_share: Numbers
    zero_samples: Numbers


@dataclass(frozen=True)
class _Fit:
    """Levels fitted to the hours, and what they make of each hour."""

    base: Numbers
    above_hour: Numbers
    by_day_hour: Pooled
    by_cell: Pooled
    day_hours: Sums
    cells: Sums
    sites: Sums
    between_day_hours: float
    between_cells: float


def day_hour(hour_of_week: Numbers) -> Numbers:
    """The hour of day, 0 to 23, or 24 to 47 at the weekend."""
    return np.asarray(hour_of_week % 24 + 24 * (hour_of_week >= SATURDAY))


def learn(hours: Hours, places: Places, family: Family) -> Week:
    """What is usual at every hour of every site's week. Without a single hour, a week in which nothing is known."""
    if not len(hours.site):
        return _nothing(places.count)
    spread = Spread(family, np.full(len(hours.site), FIRST_DISPERSION))
    value = hours.value.astype(float)
    hours = replace(hours, weight=hours.weight * ~_in_bad_weeks(hours, places, spread))
    for _ in range(ROUNDS):
        fit = _fitted(replace(hours, value=value), places, spread)
        expected = _expected_without_itself(hours, value, fit, spread)
        stray = WINSORISED_AT * np.sqrt(spread.variance(expected))
        value = np.clip(hours.value, expected - stray, expected + stray)
        strays = _strays(hours, places, value, expected, family)
        spread = Spread(family, strays.at(hours, places), strays.unit)
    every = len(expected) // TAIL_HOURS + 1
    z = equivalent_z(hours.value[::every], expected[::every], Spread(family, spread.dispersion[::every], spread.unit))
    return _week(hours, places, fit, strays, _stretch(z))


@dataclass(frozen=True)
class _Strays:
    """What a tenant's values stray by: the unit, the dispersion of each site, and how it differs by hour and kind."""

    unit: float
    by_site: Numbers
    by_kind_hour: Numbers

    def at(self, hours: Hours, places: Places) -> Numbers:
        """The dispersion of each hour."""
        return np.asarray(self.by_site[hours.site] * self.by_kind_hour[_kind_hour(hours, places)])


def _stretch(z: Numbers) -> tuple[float, float]:
    """How much wider than normal the z of what was learned from lie, below and above: what is left when the
    distribution does not fit. Judged by the tail's beginning, which anomalies do not reach."""
    low, high = np.quantile(z, [TAIL, 1 - TAIL])
    usual = -special.ndtri(TAIL)
    return tuple(float(np.clip(at / usual, *STRETCHES)) for at in (-low, high))  # type: ignore[return-value]


def _in_bad_weeks(hours: Hours, places: Places, spread: Spread) -> Numbers:
    """Hours of a site's week that is unlike its others as a whole, by `BAD_WEEK` or its inverse. Two such weeks in a
    row are no bad week: the site has changed."""
    fit = _fitted(hours, places, spread)
    expected = fit.above_hour * fit.by_day_hour.factor[_site_hour(hours)]
    week = hours.week - hours.week.min()
    weeks = int(week.max()) + 1
    if weeks < FEWEST_WEEKS:
        return np.zeros(len(week), bool)
    group = hours.site * weeks + week
    told = np.bincount(group, expected, places.count * weeks).reshape(places.count, weeks)
    counted = np.bincount(group, hours.value, places.count * weeks).reshape(places.count, weeks)
    ratio = np.where(told > 0, counted / np.maximum(told, 1e-300), np.nan)
    is_known = ~np.isnan(ratio)
    middle = np.ones(places.count)
    middle[is_known.any(1)] = np.nanmedian(ratio[is_known.any(1)], axis=1)
    is_low, is_high = (side(ratio, middle[:, None]) for side in (_is_far_below, _is_far_above))
    is_bad = (is_low & ~_beside_another(is_low)) | (is_high & ~_beside_another(is_high))
    return np.asarray(is_bad[hours.site, week])


def _is_far_below(ratio: Numbers, middle: Numbers) -> Numbers:
    return np.asarray(ratio < BAD_WEEK * middle)


def _is_far_above(ratio: Numbers, middle: Numbers) -> Numbers:
    return np.asarray(ratio > middle / BAD_WEEK)


def _beside_another(marked: Numbers) -> Numbers:
    """Whether the week before or after is marked too, `(site, week)`."""
    padded = np.pad(marked, ((0, 0), (1, 1)))
    return np.asarray(padded[:, :-2] | padded[:, 2:])


def _fitted(hours: Hours, places: Places, spread: Spread) -> _Fit:
    weight, value = hours.weight, hours.value
    level = max(float(weight @ value) / max(float(weight @ hours.guards), 1e-300), 1e-9)
    expected = level * hours.guards
    factors: list[Numbers] = []
    groups = (
        (places.client[hours.site], int(places.client.max()) + 1),
        (hours.site, places.count),
        (_kind_hour(hours, places), (int(places.kind.max()) + 1) * DAY_HOURS),
    )
    for group, count in groups:
        sums = Sums.of(group, count, weight, value, expected, spread.unfloored(expected))
        found = pooled(sums, spread_between(sums))
        factors.append(found.factor)
        expected = expected * found.factor[group]
    strays = spread.unfloored(expected)
    day_hours = Sums.of(_site_hour(hours), places.count * DAY_HOURS, weight, value, expected, strays)
    between_day_hours = spread_between(day_hours)
    by_day_hour = pooled(day_hours, between_day_hours)
    cells = Sums.of(_cell(hours), places.count * HOURS_OF_WEEK, weight, value, expected, strays)
    upper = by_day_hour.factor.reshape(places.count, DAY_HOURS)[:, day_hour(np.arange(HOURS_OF_WEEK))].reshape(-1)
    between_cells = spread_between(cells.scaled(upper))
    by_cell = pooled(cells.scaled(upper), between_cells)
    shape = factors[2].reshape(-1, DAY_HOURS)[places.kind]
    base = level * (factors[0][places.client] * factors[1])[:, None] * shape
    sites = Sums.of(hours.site, places.count, weight, value, expected, strays)
    return _Fit(
        base, expected, by_day_hour, by_cell, day_hours, cells, sites, between_day_hours, between_cells
    )  # fmt: skip


def _expected_without_itself(hours: Hours, value: Numbers, fit: _Fit, spread: Spread) -> Numbers:
    """What the other hours expect of each: no hour may excuse itself, and a young cell is as unsure as it is young."""
    own = (hours.weight, value, fit.above_hour, spread.unfloored(fit.above_hour))
    day_hours = fit.day_hours.at(_site_hour(hours)).without(*own)
    by_day_hour = pooled(day_hours, fit.between_day_hours)
    cells = fit.cells.at(_cell(hours)).without(*own).scaled(by_day_hour.factor)
    by_cell = pooled(cells, fit.between_cells)
    return np.asarray(fit.above_hour * by_day_hour.factor * by_cell.factor)


def _strays(hours: Hours, places: Places, value: Numbers, expected: Numbers, family: Family) -> _Strays:
    """What values stray by. Each site's dispersion is drawn towards that of all."""
    off, size, weight = (value - expected) ** 2, expected**2, hours.weight
    unit = 1.0 if family is Family.COUNT else _unit(weight, off, expected)
    excess = off - unit * expected
    common = max(float(weight @ excess) / max(float(weight @ size), 1e-300), LEAST_DISPERSION)

    def drawn(group: Numbers, count: int, modelled: Numbers, towards: float) -> Numbers:
        base = np.bincount(group, weight * modelled, count)
        own = np.bincount(group, weight * excess, count) / np.maximum(base, 1e-300)
        samples = np.bincount(group, weight, count)
        trust = np.where(base > 0, samples / (samples + DISPERSION_SAMPLES), 0.0)
        return np.asarray(trust * np.where(base > 0, own, 0.0) + (1 - trust) * towards)

    by_site = np.maximum(drawn(hours.site, places.count, size, common), LEAST_DISPERSION)
    kind_hours = (int(places.kind.max()) + 1) * DAY_HOURS
    ratio = drawn(_kind_hour(hours, places), kind_hours, by_site[hours.site] * size, 1.0)
    return _Strays(unit, by_site, np.clip(ratio, *DISPERSION_RATIOS))


def _unit(weight: Numbers, off: Numbers, expected: Numbers) -> float:
    """The part of squared strays that grows with what is expected, not with its square: least squares in both."""
    known = expected > 0
    trust = weight[known] / np.maximum(expected[known], 1.0) ** 2
    basis = np.stack([expected[known], expected[known] ** 2])
    normal = (basis * trust) @ basis.T
    unit, _ = np.linalg.lstsq(normal, (basis * trust) @ off[known], rcond=None)[0]
    return max(float(unit), 0.0)


def _week(hours: Hours, places: Places, fit: _Fit, strays: _Strays, stretch: tuple[float, float]) -> Week:
    sites, of_day = places.count, day_hour(np.arange(HOURS_OF_WEEK))

    def spread_out(level: Numbers) -> Numbers:
        return np.asarray(level.reshape(sites, DAY_HOURS)[:, of_day])

    own = fit.by_cell.own.reshape(sites, HOURS_OF_WEEK)
    own_day_hour = spread_out(fit.by_day_hour.own)
    cell_samples = fit.cells.samples.reshape(sites, HOURS_OF_WEEK)
    above = own_day_hour * spread_out(fit.day_hours.samples) + (1 - own_day_hour) * fit.sites.samples[:, None]
    rate = fit.base[:, of_day] * spread_out(fit.by_day_hour.factor) * fit.by_cell.factor.reshape(sites, HOURS_OF_WEEK)
    shape = strays.by_kind_hour.reshape(-1, DAY_HOURS)[places.kind][:, of_day]
    is_zero = hours.weight * (hours.value == 0)
    zeros = np.bincount(_site_hour(hours), is_zero, sites * DAY_HOURS) / np.maximum(fit.day_hours.weight, 1e-300)
    return Week(
        rate=rate,
        unit=strays.unit,
        dispersion=strays.by_site[:, None] * shape,
        stretch=stretch,
        guards=_usual_guards(hours, sites),
        samples=np.bincount(_cell(hours), minlength=sites * HOURS_OF_WEEK).reshape(sites, HOURS_OF_WEEK),
        effective=own * cell_samples + (1 - own) * above,
        own=own,
        zero_share=spread_out(zeros),
        zero_samples=spread_out(fit.day_hours.samples),
    )


def _usual_guards(hours: Hours, sites: int) -> Numbers:
    """How many guards are there usually: by cell, else by hour of day, else by site."""
    of_day = day_hour(np.arange(HOURS_OF_WEEK))

    def mean(group: Numbers, groups: int) -> Numbers:
        weight = np.bincount(group, hours.weight, groups)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.bincount(group, hours.weight * hours.guards, groups) / weight)

    cell = mean(_cell(hours), sites * HOURS_OF_WEEK).reshape(sites, HOURS_OF_WEEK)
    day = mean(_site_hour(hours), sites * DAY_HOURS).reshape(sites, DAY_HOURS)[:, of_day]
    site = np.nan_to_num(mean(hours.site, sites), nan=1.0)[:, None]
    return np.asarray(np.where(np.isnan(cell), np.where(np.isnan(day), site, day), cell))


def _nothing(sites: int) -> Week:
    unknown, none = np.full((sites, HOURS_OF_WEEK), np.nan), np.zeros((sites, HOURS_OF_WEEK))
    return Week(unknown, 1.0, unknown, (1.0, 1.0), unknown, none.astype(np.int64), none, none, none, none)


def _cell(hours: Hours) -> Numbers:
    return np.asarray(hours.site * HOURS_OF_WEEK + hours.hour)


def _site_hour(hours: Hours) -> Numbers:
    return np.asarray(hours.site * DAY_HOURS + day_hour(hours.hour))


def _kind_hour(hours: Hours, places: Places) -> Numbers:
    return np.asarray(places.kind[hours.site] * DAY_HOURS + day_hour(hours.hour))
