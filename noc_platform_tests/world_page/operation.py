"""Numbers of the operation as a whole: its usual week, its roster, its days. Site-local times throughout."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from noc_platform.simulator.planted.causes import Cause, Variant
from noc_platform_tests.world_page.scene import SITE, Rows, wall_clock

HOURS_OF_WEEK = 168
# Saturday: what an office does then says nothing of its working days.
FIRST_DAY_OFF = 5
Numbers = NDArray[np.float64]


def whole_days(days: list[date]) -> list[date]:
    """Roster days whose every hour is told: the first lacks the night that would have begun the day before."""
    return days[1:]


def usual_week(events: Rows, sites: Rows, special_days: Rows, days: list[date]) -> dict[str, Numbers]:
    """Mean phone events per site and hour, by kind of site, for each site-local hour of week (0 is Monday 00:00).

    Of whole days that were neither holidays nor closures.
    """
    told = pd.MultiIndex.from_product([range(len(sites)), whole_days(days)], names=["row", "day"]).to_frame(index=False)
    told = told.merge(sites[[*SITE, "kind"]].reset_index(names="row"), on="row")
    told = told.merge(special_days[[*SITE, "day"]].assign(is_special=True), how="left", on=[*SITE, "day"])
    ordinary = told[told.is_special.isna()]
    counted = events.assign(day=events.local.dt.date, hour=events.local.dt.hour)
    counted = counted.groupby([*SITE, "day", "hour"]).size().rename("count").reset_index()
    counted = counted.merge(ordinary, on=[*SITE, "day"])
    hour_of_week = _weekdays(counted.day) * 24 + counted.hour
    found = {}
    for kind, own in ordinary.groupby("kind"):
        is_own = counted.kind == kind
        sums = np.bincount(hour_of_week[is_own], weights=counted["count"][is_own], minlength=HOURS_OF_WEEK)
        site_days = np.bincount(_weekdays(own.day), minlength=7)
        found[str(kind)] = sums / np.maximum(np.repeat(site_days, 24), 1)
    return found


def _weekdays(days: Rows) -> NDArray[np.int64]:
    return np.array([day.weekday() for day in days], np.int64)


@dataclass(frozen=True)
class Watch:
    """Who was due at one site over a week. `bars` has a row per shift: `row` of the guard, hours since Monday 00:00
    when it was due (`begins`, `ends`) and when the guard was there (`comes`, `leaves`; NaN for who never came),
    `shift_type`, `is_cancelled`, `is_substitute`. `on_duty` is the mean number of guards there, by hour of the week."""

    site_name: str
    time_zone: str
    monday: date
    guards: list[str]
    bars: Rows
    on_duty: Numbers


def watch_of(shifts: Rows, site_name: str, monday: date) -> Watch:
    """The week of a site that begins on `monday`, with the night that runs into it."""
    rows = shifts[shifts.site_name == site_name].copy()
    start = pd.Timestamp(monday)
    for column, name in (("starts_at", "begins"), ("ends_at", "ends"), ("comes_at", "comes"), ("leaves_at", "leaves")):
        rows[name] = (wall_clock(rows, column) - start).dt.total_seconds() / 3600
    rows = rows[(rows.ends > 0) & (rows.begins < HOURS_OF_WEEK)]
    first = rows.assign(hour=rows.begins % 24).groupby("person_id").hour.median().sort_values(kind="stable")
    guards = [str(person) for person in first.index]
    rows["row"] = [guards.index(person) for person in rows.person_id]
    return Watch(site_name, str(rows.time_zone.iloc[0]), monday, guards, rows, _there_by_hour(rows))


def _there_by_hour(rows: Rows) -> Numbers:
    hours = np.arange(HOURS_OF_WEEK)
    came = rows[rows.comes.notna()]
    since = np.maximum(came.comes.to_numpy()[:, None], hours)
    until = np.minimum(came.leaves.to_numpy()[:, None], hours + 1)
    return np.asarray(np.maximum(until - since, 0).sum(axis=0), np.float64)


def most_varied_site(shifts: Rows) -> str:
    """The site with the most kinds of shifts, then the most guards."""
    seen = shifts.groupby("site_name").agg(types=("shift_type", "nunique"), guards=("person_id", "nunique"))
    return str(seen.sort_values(["types", "guards"], ascending=False, kind="stable").index[0])


def monday_within(days: list[date]) -> date:
    """The first Monday past the first week of a world, or its first day's when it is shorter."""
    monday = days[0] + timedelta(days=-days[0].weekday() % 7)
    return monday + timedelta(days=7) if len(days) >= 14 + (monday - days[0]).days else monday


@dataclass(frozen=True)
class Days:
    """Phone events by site and day as a share of the site's median ordinary working day: `(site, day)`, NaN for a site
    that has none. `marks` says of some days why they differ: `H` public holiday, `C` closed, `F` feed lost for at
    least half of the day."""

    site_names: list[str]
    days: list[date]
    levels: Numbers
    marks: NDArray[np.str_]


def daily_levels(events: Rows, sites: Rows, special_days: Rows, causes: Rows, days: list[date]) -> Days:
    """How busy each day was at each site, sites of a kind together."""
    days, sites = whole_days(days), sites.sort_values("kind", kind="stable").reset_index(drop=True)
    counted = events.groupby([*SITE, events.local.dt.date.rename("day")]).size()
    keys = pd.MultiIndex.from_frame(sites[SITE])
    counts = counted.unstack(fill_value=0).reindex(index=keys, columns=days, fill_value=0).to_numpy(float)
    marks = np.full(counts.shape, "", "<U1")
    for mark, rows in (("H", special_days[special_days.holiday.notna()]), ("C", special_days[special_days.is_closed])):
        for site, day in zip(keys.get_indexer(pd.MultiIndex.from_frame(rows[SITE])), rows.day, strict=True):
            if day in days:
                marks[site, days.index(day)] = mark
    marks[_is_feed_lost(sites, causes, days)] = "F"
    is_ordinary = (marks == "") & np.array([day.weekday() < FIRST_DAY_OFF for day in days])
    levels = np.full(counts.shape, np.nan)
    for row, ordinary in enumerate(is_ordinary):
        usual = float(np.median(counts[row, ordinary])) if ordinary.any() else 0.0
        levels[row] = counts[row] / usual if usual else np.nan
    return Days([str(name) for name in sites.name], days, levels, marks)


def _is_feed_lost(sites: Rows, causes: Rows, days: list[date]) -> NDArray[np.bool_]:
    """Whether what phones reported never arrived for at least half of a site-local day."""
    is_lost = (causes.cause == Cause.FEED_OUTAGE) & (causes.variant == Variant.LOST)
    is_lost &= causes.streams.map(lambda streams: "device_events" in streams)
    found = np.zeros((len(sites), len(days)), np.bool_)
    for outage in causes[is_lost].itertuples():
        for row in np.flatnonzero(sites.tenant_id == outage.tenant_id):
            for column, day in enumerate(days):
                begins = pd.Timestamp(day, tz=sites.time_zone[row])
                ends = begins + pd.Timedelta(days=1)
                lost = min(ends, outage.ends_at) - max(begins, outage.starts_at)
                found[row, column] |= lost >= pd.Timedelta(hours=12)
    return found


def punctuality(shifts: Rows) -> Numbers:
    """Minutes each guard who came was there after the shift began; negative for who came early."""
    late = (shifts.comes_at - shifts.starts_at).dt.total_seconds() / 60
    return np.asarray(late[late.notna()], np.float64)


def coverage(shifts: Rows, days: list[date]) -> Rows:
    """By kind of site: `sites`, `guards` seen there, `mean_there` and `share_nobody` of the full hours, UTC, of whole
    days."""
    first, last = (pd.Timestamp(day, tz="UTC") for day in (whole_days(days)[0], days[-1]))
    instants = pd.date_range(first, last, freq="h")
    there = shifts[shifts.comes_at.notna()]
    found = []
    for (kind, name), own in there.groupby(["kind", "site_name"]):
        comes, leaves = (np.sort(own[column].dt.as_unit("us").to_numpy()) for column in ("comes_at", "leaves_at"))
        at = instants.as_unit("us").to_numpy()
        count = np.searchsorted(comes, at, "right") - np.searchsorted(leaves, at, "right")
        found.append((kind, name, own.person_id.nunique(), count.mean(), (count == 0).mean()))
    of_sites = pd.DataFrame(found, columns=["kind", "site", "guards", "mean_there", "share_nobody"])
    return of_sites.groupby("kind").agg(
        sites=("site", "size"), guards=("guards", "sum"), mean_there=("mean_there", "mean"),
        share_nobody=("share_nobody", "mean"),
    )  # fmt: skip
