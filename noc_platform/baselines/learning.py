"""What a site usually does at each hour of its week, learned from dated hours of one tenant and one metric.

Pure: arrays in, arrays out. What is learned is the rate of one guard, so that a shift with half of its guards away is
no anomaly. A cell of the week borrows from its hour of day on that kind of day, that from its site, the site from its
client (`pooling`). Elsewhere: which hours may be learned from, and the tables (`profiles`).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noc_platform.baselines.distributions import Family
from noc_platform.baselines.pooling import Pooled, Sums, pooled, spread_between, spread_of

Numbers = NDArray[Any]
HOURS_OF_WEEK = 168
SATURDAY = 5 * 24
# Hour of day on a weekday, or on a Saturday or Sunday.
DAY_HOURS = 48
ROUNDS = 3
FIRST_DISPERSION = 0.5
# A value further off than this many standard deviations is learned from as if it were just there.
WINSORISED_AT = 3.0
# Site-hours at which a site's own dispersion counts as much as that of all sites.
DISPERSION_SAMPLES = 200.0


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
    by how many guards, and how much the hour counts (recency), 0 to 1."""

    site: Numbers
    hour: Numbers
    value: Numbers
    guards: Numbers
    weight: Numbers


@dataclass(frozen=True)
class Week:
    """What is usual, as `(site, hour of week)`.

    `rate` of one guard an hour; `dispersion` as `distributions.variance` takes it; `guards` there usually; `samples`
    hours of its own; `effective` hours its own and borrowed, each by how much it counts; `own` the share of the rate
    that is not borrowed; `zero_share` and `zero_samples` how often there was nothing at that hour of day.
    """

    rate: Numbers
    dispersion: Numbers
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
    dispersion = np.full(len(hours.site), FIRST_DISPERSION)
    value = hours.value.astype(float)
    for _ in range(ROUNDS):
        fit = _fitted(replace(hours, value=value), places, dispersion, family)
        expected = _expected_without_itself(hours, value, fit, dispersion, family)
        stray = np.sqrt(np.maximum(spread_of(expected, dispersion, family), 0.25))
        value = np.clip(hours.value, expected - WINSORISED_AT * stray, expected + WINSORISED_AT * stray)
        by_site, by_day_hour = _dispersions(hours, places, value, expected, family)
        dispersion = by_site[hours.site] * by_day_hour[_kind_hour(hours, places)]
    return _week(hours, places, fit, by_site, by_day_hour)


def _fitted(hours: Hours, places: Places, dispersion: Numbers, family: Family) -> _Fit:
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
        sums = Sums.of(group, count, weight, value, expected, spread_of(expected, dispersion, family))
        found = pooled(sums, spread_between(sums))
        factors.append(found.factor)
        expected = expected * found.factor[group]
    spread = spread_of(expected, dispersion, family)
    day_hours = Sums.of(_site_hour(hours), places.count * DAY_HOURS, weight, value, expected, spread)
    between_day_hours = spread_between(day_hours)
    by_day_hour = pooled(day_hours, between_day_hours)
    cells = Sums.of(_cell(hours), places.count * HOURS_OF_WEEK, weight, value, expected, spread)
    upper = by_day_hour.factor.reshape(places.count, DAY_HOURS)[:, day_hour(np.arange(HOURS_OF_WEEK))].reshape(-1)
    between_cells = spread_between(cells.scaled(upper))
    by_cell = pooled(cells.scaled(upper), between_cells)
    shape = factors[2].reshape(-1, DAY_HOURS)[places.kind]
    base = level * (factors[0][places.client] * factors[1])[:, None] * shape
    sites = Sums.of(hours.site, places.count, weight, value, expected, spread)
    return _Fit(
        base, expected, by_day_hour, by_cell, day_hours, cells, sites, between_day_hours, between_cells
    )  # fmt: skip


def _expected_without_itself(
    hours: Hours, value: Numbers, fit: _Fit, dispersion: Numbers, family: Family
) -> Numbers:
    """What the other hours expect of each: no hour may excuse itself, and a young cell is as unsure as it is young."""
    own = (hours.weight, value, fit.above_hour, spread_of(fit.above_hour, dispersion, family))
    day_hours = fit.day_hours.at(_site_hour(hours)).without(*own)
    by_day_hour = pooled(day_hours, fit.between_day_hours)
    cells = fit.cells.at(_cell(hours)).without(*own).scaled(by_day_hour.factor)
    by_cell = pooled(cells, fit.between_cells)
    return np.asarray(fit.above_hour * by_day_hour.factor * by_cell.factor)


def _dispersions(
    hours: Hours, places: Places, value: Numbers, expected: Numbers, family: Family
) -> tuple[Numbers, Numbers]:
    """Relative dispersion of each site, drawn towards that of all, and how it differs by hour of day and kind."""
    excess = (value - expected) ** 2 - (expected if family is Family.COUNT else 0.0)
    size = expected**2
    weight = hours.weight
    common = max(float(weight @ excess) / max(float(weight @ size), 1e-300), 1e-3)
    site_size = np.bincount(hours.site, weight * size, places.count)
    own = np.bincount(hours.site, weight * excess, places.count) / np.maximum(site_size, 1e-300)
    samples = np.bincount(hours.site, weight, places.count)
    trust = np.where(site_size > 0, samples / (samples + DISPERSION_SAMPLES), 0.0)
    by_site = np.maximum(trust * np.where(site_size > 0, own, 0) + (1 - trust) * common, 1e-3)
    group, count = _kind_hour(hours, places), (int(places.kind.max()) + 1) * DAY_HOURS
    modelled = np.bincount(group, weight * by_site[hours.site] * size, count)
    ratio = np.bincount(group, weight * excess, count) / np.maximum(modelled, 1e-300)
    samples = np.bincount(group, weight, count)
    trust = np.where(modelled > 0, samples / (samples + DISPERSION_SAMPLES), 0.0)
    return by_site, np.clip(1 + trust * (np.where(modelled > 0, ratio, 1) - 1), 0.1, 10.0)


def _week(hours: Hours, places: Places, fit: _Fit, by_site: Numbers, by_day_hour: Numbers) -> Week:
    sites, of_day = places.count, day_hour(np.arange(HOURS_OF_WEEK))

    def spread_out(level: Numbers) -> Numbers:
        return np.asarray(level.reshape(sites, DAY_HOURS)[:, of_day])

    own = fit.by_cell.own.reshape(sites, HOURS_OF_WEEK)
    own_day_hour = spread_out(fit.by_day_hour.own)
    cell_samples = fit.cells.samples.reshape(sites, HOURS_OF_WEEK)
    above = own_day_hour * spread_out(fit.day_hours.samples) + (1 - own_day_hour) * fit.sites.samples[:, None]
    rate = fit.base[:, of_day] * spread_out(fit.by_day_hour.factor) * fit.by_cell.factor.reshape(sites, HOURS_OF_WEEK)
    shape = by_day_hour.reshape(-1, DAY_HOURS)[places.kind][:, of_day]
    is_zero = hours.weight * (hours.value == 0)
    zeros = np.bincount(_site_hour(hours), is_zero, sites * DAY_HOURS) / np.maximum(fit.day_hours.weight, 1e-300)
    return Week(
        rate=rate,
        dispersion=by_site[:, None] * shape,
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
    return Week(unknown, unknown, unknown, none.astype(np.int64), none, none, none, none)


def _cell(hours: Hours) -> Numbers:
    return np.asarray(hours.site * HOURS_OF_WEEK + hours.hour)


def _site_hour(hours: Hours) -> Numbers:
    return np.asarray(hours.site * DAY_HOURS + day_hour(hours.hour))


def _kind_hour(hours: Hours, places: Places) -> Numbers:
    return np.asarray(places.kind[hours.site] * DAY_HOURS + day_hour(hours.hour))
