"""When something really was the matter at a site, hour by hour: from the truth of a world alone.

An alarm then is none that is false. What must show in the hourly signals of a site is decided here too, from who was
there and what befell them, and never from what was found.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from noc_platform_tests.scoreboard.claims import Numbers
from noc_platform_tests.scoreboard.worlds import Written

HOUR = pd.Timedelta(hours=1)
# Causes that last for weeks concern the shifts of their people; a ring leaves no trace but what its members do.
FOR_WEEKS, TRACELESS = ("SLOW_FADE", "SHARED_DEVICE"), ("COLLUSION_RING",)
# While these are on nobody affected walks, scans or does anything, or everybody is on their feet.
MUST_SHOW = ("SITE_SURGE", "SILENT_SITE", "SLEEPING_GUARD")
# Of the guards there then, at least so many are affected.
LEAST_SHARE = 0.5
# Evidence of an hour reaches so far back.
REACH_HOURS = 2


@dataclass(frozen=True)
class Disturbances:
    """What was the matter at the sites of a world. Hours are counted from the midnight (UTC) before its first day."""

    world: Written

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each site, by tenant and id."""
        return {name: place for place, name in enumerate(sorted(_site(self.world.stream("sites").to_pandas())))}

    @cached_property
    def start(self) -> pd.Timestamp:
        """When hour 0 begins."""
        return pd.Timestamp(self.world.manifest.plan.first_day, tz="UTC") - pd.Timedelta(days=1)

    @property
    def hours(self) -> int:
        """How many hours there are; the last nights run into the day after the last."""
        return (self.world.manifest.plan.days + 3) * 24

    def hour(self, instants: Any) -> Numbers:
        """The hour instants lie in."""
        return np.asarray((instants - self.start) // HOUR, np.int64)

    @cached_property
    def is_disturbed(self) -> Numbers:
        """`(site, hour)`: planted causes, failed feeds, closed days and holidays, whether announced or not."""
        found = np.zeros((len(self.places), self.hours), bool)
        for spell in pd.concat([self._of_causes, self._for_weeks, self._of_feeds, self._closed]).itertuples():
            found[self.places[spell.site], spell.first : spell.after] = True
        return found

    def is_false(self, site: Numbers, first: Numbers, after: Numbers) -> Numbers:
        """Whether nothing was the matter in the hours of alarms, nor in those their evidence reaches back to."""
        so_far = np.pad(self.is_disturbed.cumsum(axis=1), ((0, 0), (1, 0)))
        return np.asarray(so_far[site, after] == so_far[site, np.maximum(first - REACH_HOURS, 0)])

    @cached_property
    def must_show(self) -> Any:
        """Causes that must show, with their site's place and hours: whole sites, and guards asleep who are at least
        half of those there."""
        rows = self._of_causes[self._of_causes.cause.isin(MUST_SHOW)]
        there = {str(site): shifts for site, shifts in self._shifts.groupby("site")}
        shares = [1.0 if row.cause != "SLEEPING_GUARD" else _share(row, there) for row in rows.itertuples()]
        return rows.assign(place=rows.site.map(self.places))[np.array(shares) >= LEAST_SHARE].reset_index(drop=True)

    @cached_property
    def _causes(self) -> Any:
        rows = self.world.truth("causes")
        return rows[~rows.cause.isin(TRACELESS)]

    @cached_property
    def _shifts(self) -> Any:
        rows = self.world.truth("presence").dropna(subset="comes_at")
        return rows.assign(site=_site(rows))

    @cached_property
    def _of_causes(self) -> Any:
        rows = self._causes[~self._causes.cause.isin((*FOR_WEEKS, "FEED_OUTAGE"))].explode("sites")
        return self._spells(rows.assign(site=rows.tenant_id + "/" + rows.sites))

    @cached_property
    def _for_weeks(self) -> Any:
        rows = self._causes[self._causes.cause.isin(FOR_WEEKS)].explode("people")
        both = rows.merge(self._shifts, left_on=["tenant_id", "people"], right_on=["tenant_id", "person_id"])
        both = both[(both.leaves_at > both.starts_at_x) & (both.comes_at < both.ends_at)]
        return self._spells(both.assign(starts_at=both.comes_at, ends_at=both.leaves_at))

    @cached_property
    def _of_feeds(self) -> Any:
        rows = self._causes[self._causes.cause == "FEED_OUTAGE"]
        sites = pd.DataFrame({"site": list(self.places)})
        sites["tenant_id"] = sites.site.str.split("/").str[0]
        return self._spells(rows.merge(sites, on="tenant_id"))

    @cached_property
    def _closed(self) -> Any:
        rows = self.world.truth("closed_days").merge(
            self.world.stream("sites").to_pandas()[["tenant_id", "site_id", "time_zone"]], on=["tenant_id", "site_id"]
        )
        begins = [pd.Timestamp(row.day, tz=row.time_zone) for row in rows.itertuples()]
        ends = [each + pd.DateOffset(days=1) for each in begins]
        instants = [pd.to_datetime(each, utc=True) for each in (begins, ends)]
        return self._spells(rows.assign(site=_site(rows), cause="CLOSED", starts_at=instants[0], ends_at=instants[1]))

    def _spells(self, rows: Any) -> Any:
        first = np.clip(self.hour(rows.starts_at), 0, self.hours - 1)
        after = np.clip(self.hour(rows.ends_at - pd.Timedelta(microseconds=1)) + 1, 1, self.hours)
        return rows[["site", "cause", "starts_at", "ends_at"]].assign(first=first, after=after)


def _site(rows: Any) -> Any:
    return rows.tenant_id + "/" + rows.site_id


def _share(row: Any, there: dict[str, Any]) -> float:
    """One of how many guards somebody was, halfway through."""
    middle = row.starts_at + (row.ends_at - row.starts_at) / 2
    shifts = there[row.site]
    count = int(((shifts.comes_at <= middle) & (shifts.leaves_at > middle)).sum())
    return 1 / count if count else 0.0
