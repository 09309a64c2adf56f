"""Days and hours that are not as usual: which they are, of which kind, and what is mute in them.

Pure: rows of the stream `calendar` and the sites in, hours out. Learning leaves these hours out, the audit is mute in
maintenance. Elsewhere: when what recurs takes place (`occurrences`), reading the rows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from noc_platform.baselines.occurrences import occurrences
from noc_platform.errors import BadInput
from noc_platform.streams.catalogue import CLOSURE, HOLIDAY, MAINTENANCE
from noc_platform.streams.forms import zone_called
from noc_platform.telemetry.vocabulary import Window

# Where several hold at once, the last of these tells.
KINDS = (HOLIDAY, CLOSURE, MAINTENANCE)
HOURS_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("site_id", pa.string()),
        ("bucket", pa.timestamp("us", tz="UTC")),
        ("kind", pa.string()),
    ]
)
HOUR = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
Numbers = NDArray[Any]


@dataclass(frozen=True)
class Site:
    """A site as the calendar needs it. Without a `site_id` it stands for the tenant as a whole."""

    tenant_id: str
    site_id: str | None
    client_id: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True)
class CalendarWindow:
    """A row of the stream `calendar`. `finding_types` are what maintenance mutes; None is all."""

    tenant_id: str
    window_id: str
    kind: str
    starts_at: datetime
    ends_at: datetime
    site_id: str | None = None
    client_id: str | None = None
    recurrence: str | None = None
    time_zone: str | None = None
    finding_types: frozenset[str] | None = None
    reason: str | None = None
    is_cancelled: bool = False

    def mutes(self, finding_type: str) -> bool:
        """Whether findings of the type are not to be raised while it holds."""
        return self.kind == MAINTENANCE and (self.finding_types is None or finding_type in self.finding_types)


@dataclass(frozen=True)
class Unplaced:
    """A window that could not be placed at a site, and why: the site is taken to be as usual."""

    tenant_id: str
    window_id: str
    site_id: str
    reason: str


@dataclass(frozen=True)
class _Stretch:
    """When a window holds, and at which sites by their place: microseconds since 1970, half-open."""

    window: CalendarWindow
    places: Numbers
    starts: Numbers
    ends: Numbers

    def holds_at(self, instant: int) -> bool:
        return bool(((self.starts <= instant) & (instant < self.ends)).any())


@dataclass(frozen=True)
class Calendar:
    """What is not as usual in `window` (whole hours, UTC). Made by `calendar_of`."""

    window: Window
    unplaced: tuple[Unplaced, ...]
    _sites: tuple[Site, ...]
    _stretches: tuple[_Stretch, ...]

    def hours(self) -> pa.Table:
        """Special site-hours, as `HOURS_SCHEMA`: an hour partly covered is one. By site, then by time."""
        known = [site for site in self._sites if site.site_id is not None]
        grid = np.zeros((len(known), (self.window.end - self.window.start) // HOUR), np.int8)
        for stretch in self._stretches:
            places = stretch.places[stretch.places < len(known)]
            cells = np.ix_(places, np.flatnonzero(self._covered(stretch, grid.shape[1])))
            grid[cells] = np.maximum(grid[cells], 1 + KINDS.index(stretch.window.kind))
        site, hour = np.nonzero(grid)
        buckets = _microseconds(self.window.start) + hour * (HOUR // MICROSECOND)
        columns = [
            pa.array([each.tenant_id for each in known], pa.string()).take(pa.array(site)),
            pa.array([each.site_id for each in known], pa.string()).take(pa.array(site)),
            pa.array(buckets, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            pa.array(KINDS, pa.string()).take(pa.array(grid[site, hour] - 1)),
        ]
        return pa.Table.from_arrays(columns, schema=HOURS_SCHEMA)

    def windows_at(self, tenant_id: str, site_id: str | None, at: datetime) -> tuple[CalendarWindow, ...]:
        """What holds at a site at an instant, what tells first. Without a site, or at one that is not known: what holds
        for the tenant as a whole. Raises ValueError for an instant outside of `window`."""
        if not self.window.start <= at < self.window.end:
            raise ValueError(
                f"{at} is not within {self.window.start} to {self.window.end}; make a calendar that holds it"
            )
        place = self._place_of.get((tenant_id, site_id), self._place_of.get((tenant_id, None)))
        stretches = self._at_place.get(place, []) if place is not None else []
        held = [stretch.window for stretch in stretches if stretch.holds_at(_microseconds(at))]
        return tuple(sorted(held, key=lambda window: (-KINDS.index(window.kind), window.window_id)))

    def kind_at(self, tenant_id: str, site_id: str | None, at: datetime) -> str | None:
        """The kind that tells at an instant; None when all is as usual."""
        held = self.windows_at(tenant_id, site_id, at)
        return held[0].kind if held else None

    def muting_at(self, tenant_id: str, site_id: str | None, finding_type: str, at: datetime) -> CalendarWindow | None:
        """The maintenance that mutes findings of a type at an instant; None when they are to be raised."""
        held = self.windows_at(tenant_id, site_id, at)
        return next((window for window in held if window.mutes(finding_type)), None)

    @cached_property
    def _place_of(self) -> dict[tuple[str, str | None], int]:
        return {(site.tenant_id, site.site_id): place for place, site in enumerate(self._sites)}

    @cached_property
    def _at_place(self) -> dict[int, list[_Stretch]]:
        found: dict[int, list[_Stretch]] = {}
        for stretch in self._stretches:
            for place in stretch.places.tolist():
                found.setdefault(place, []).append(stretch)
        return found

    def _covered(self, stretch: _Stretch, count: int) -> NDArray[np.bool_]:
        """Hours of the window that a stretch touches: each rises where it begins and falls where it is over."""
        base, hour = _microseconds(self.window.start), HOUR // MICROSECOND
        steps = np.zeros(count + 1, np.int64)
        np.add.at(steps, np.clip((stretch.starts - base) // hour, 0, count), 1)
        np.add.at(steps, np.clip(-((base - stretch.ends) // hour), 0, count), -1)
        return np.asarray(steps.cumsum()[:count] > 0)


def windows_of(rows: pa.Table) -> list[CalendarWindow]:
    """Rows of the stream `calendar` as windows; leave out beforehand what was not known yet."""
    names = [field.name for field in fields(CalendarWindow)]
    return [
        CalendarWindow(
            **{**row, "finding_types": _types(row["finding_types"]), "is_cancelled": bool(row["is_cancelled"])}
        )
        for row in rows.select(names).to_pylist()
    ]


def sites_of(rows: pa.Table) -> list[Site]:
    """Rows of the stream `sites` as the calendar needs them."""
    return [Site(**row) for row in rows.select([field.name for field in fields(Site)]).to_pylist()]


def calendar_of(windows: Iterable[CalendarWindow], sites: Iterable[Site], window: Window) -> Calendar:
    """Everything that is not as usual at these sites in a window, which is widened to whole hours.

    What happens once needs no zone. What recurs does so by the clock of its own zone, else of each site's; where that
    is not known it is `unplaced` there, and the rest is placed.
    """
    wanted, known = list(windows), list(sites)
    tenants = sorted({each.tenant_id for each in wanted} | {site.tenant_id for site in known})
    # Last, so that the places of sites are the first ones.
    known += [Site(tenant, None) for tenant in tenants]
    scope, whole = _Scope(known), _whole_hours(window)
    stretches: list[_Stretch] = []
    unplaced: list[Unplaced] = []
    for each in wanted:
        if each.is_cancelled:
            continue
        for clock, places in scope.by_clock(each):
            try:
                stretches += _stretches_of(each, clock, places, whole)
            except (BadInput, OverflowError) as problem:
                unplaced += [
                    Unplaced(each.tenant_id, each.window_id, site_id, str(problem))
                    for place in places.tolist()
                    if (site_id := known[place].site_id) is not None
                ]
    return Calendar(whole, tuple(unplaced), tuple(known), tuple(stretches))


class _Scope:
    """Which sites a window is about, by place."""

    def __init__(self, sites: list[Site]) -> None:
        self._clocks = [site.time_zone for site in sites]
        self._sites: dict[tuple[str, str | None], list[int]] = {}
        self._clients: dict[tuple[str, str | None], list[int]] = {}
        self._tenants: dict[str, list[int]] = {}
        for place, site in enumerate(sites):
            self._sites.setdefault((site.tenant_id, site.site_id), []).append(place)
            self._clients.setdefault((site.tenant_id, site.client_id), []).append(place)
            self._tenants.setdefault(site.tenant_id, []).append(place)

    def by_clock(self, window: CalendarWindow) -> Iterator[tuple[str | None, Numbers]]:
        """The places of a window, apart by the zone in whose clock it recurs; together where that does not matter."""
        places = self._places_of(window)
        if not places:
            return
        if window.recurrence is None or window.time_zone is not None:
            yield window.time_zone, np.array(places, np.int64)
            return
        apart: dict[str | None, list[int]] = {}
        for place in places:
            apart.setdefault(self._clocks[place], []).append(place)
        for clock, together in apart.items():
            yield clock, np.array(together, np.int64)

    def _places_of(self, window: CalendarWindow) -> list[int]:
        if window.site_id is not None:
            return self._sites.get((window.tenant_id, window.site_id), [])
        if window.client_id is not None:
            return self._clients.get((window.tenant_id, window.client_id), [])
        return self._tenants.get(window.tenant_id, [])


def _stretches_of(window: CalendarWindow, clock: str | None, places: Numbers, within: Window) -> list[_Stretch]:
    if window.recurrence is None:
        touches = window.starts_at < within.end and window.ends_at > within.start
        found = [(window.starts_at, window.ends_at)] if touches else []
    else:
        zone = zone_called(clock) if clock is not None else None
        if zone is None:
            raise BadInput(f"It recurs by the clock of {clock or 'a site without one'}, which is no time zone.")
        found = occurrences(window.starts_at, window.ends_at, window.recurrence, zone, within)
    if not found:
        return []
    starts, ends = (np.array([_microseconds(stretch[side]) for stretch in found], np.int64) for side in (0, 1))
    return [_Stretch(window, places, starts, ends)]


def _types(text: str | None) -> frozenset[str] | None:
    named = frozenset(word.strip().upper() for word in (text or "").split(",") if word.strip())
    return named or None


def _microseconds(instant: datetime) -> int:
    return (instant - EPOCH) // MICROSECOND


def _whole_hours(window: Window) -> Window:
    first, last = (window.start - EPOCH) // HOUR, -((EPOCH - window.end) // HOUR)
    return Window(EPOCH + first * HOUR, EPOCH + last * HOUR)
