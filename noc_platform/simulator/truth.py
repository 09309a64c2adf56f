"""What was really so, as tables that travel beside the streams and never in them. Always Parquet; instants UTC.

Where they lie is said by `writer`; what each is for, by the function that makes it.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from noc_platform.simulator.behaviour import Day
from noc_platform.simulator.conduct import HOUR, Conduct, repeated
from noc_platform.simulator.frames import UNKNOWN, Frame, Reals, Values, Whole, Words, columns_table, latest
from noc_platform.simulator.planted.campaigns import Outage, outages_near
from noc_platform.simulator.planted.causes import Cause, Planted, Variant
from noc_platform.simulator.reports.alarms import CAUSE
from noc_platform.simulator.world import ZONES, World

WORDS = pa.list_(pa.string())
INSTANT = pa.timestamp("us", tz="UTC")
# What makes a guard silent, in the order in which one hides another.
SILENCES = (Cause.SILENT_SITE, Cause.DEVICE_DEAD, Cause.SLEEPING_GUARD, Cause.GPS_SPOOFING)
CAUSE_NAMES = tuple(Cause)
# Seconds; a clock that is further off says nothing of when something was.
FARTHEST_CLOCK = 86_400.0
# Before this a claimed time is no time at all.
EARLIEST = 946_684_800.0


def merged(planted: Iterable[Planted]) -> list[Planted]:
    """Each cause once: what befell a site touches the shifts of several roster days, and so is told several times."""
    found: dict[str, Planted] = {}
    for each in planted:
        known = found.get(each.cause_id)
        people = each.people if known is None else tuple(sorted({*known.people, *each.people}))
        found[each.cause_id] = replace(each, people=people)
    return sorted(found.values(), key=lambda each: (each.starts_at, each.cause_id))


def causes(world: World, planted: list[Planted]) -> pa.Table:
    """Every planted cause: what, which variant, when, who, where, and the attendances that are not what they claim."""
    rows = [
        {
            "cause_id": each.cause_id,
            "cause": each.cause.value,
            "variant": each.variant,
            "is_fraud": each.cause.is_fraud,
            "tenant_id": world.tenant_ids[each.tenant],
            "starts_at": _instant(each.starts_at),
            "ends_at": _instant(each.ends_at),
            "people": [world.person_ids[person] for person in each.people],
            "sites": [world.site_ids[site] for site in each.sites],
            "ring_id": each.ring_id,
            "streams": list(each.streams),
            "attendance_ids": list(each.attendances),
        }
        for each in planted
    ]
    text = pa.string()
    schema = pa.schema(
        [("cause_id", text), ("cause", text), ("variant", text), ("is_fraud", pa.bool_()), ("tenant_id", text),
         ("starts_at", INSTANT), ("ends_at", INSTANT), ("people", WORDS), ("sites", WORDS), ("ring_id", text),
         ("streams", WORDS), ("attendance_ids", WORDS)]
    )  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)


def closed_days(world: World) -> pa.Table:
    """Days on which sites are not as usual: public holidays and closures, site-local."""
    rows = [
        {
            "tenant_id": world.tenant_ids[world.sites.tenant[site]],
            "site_id": world.site_ids[site],
            "day": world.plan.day(number),
            "is_closed": bool(world.closed[site, number]),
            "holiday": world.holidays[zone].get(number),
        }
        for site, zone in enumerate(world.sites.zone)
        for number in range(world.plan.days)
        if world.closed[site, number] or number in world.holidays[zone]
    ]
    text = pa.string()
    schema = pa.schema(
        [("tenant_id", text), ("site_id", text), ("day", pa.date32()), ("is_closed", pa.bool_()), ("holiday", text)]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def presence(world: World, conduct: Conduct) -> pa.Table:
    """When people really came and left, and when their phones were cut off, by shift; null for what never was."""
    roster, there = conduct.roster, conduct.presence
    columns: dict[str, Values] = {
        "tenant_id": world.tenant_words(world.people.tenant[roster.person]),
        "person_id": world.person_words(roster.person),
        "site_id": world.site_words(roster.site),
        "starts_at": roster.starts,
        "comes_at": there.comes_at,
        "leaves_at": there.leaves_at,
        "cut_off_at": there.cut_off_at,
        "reachable_at": there.reachable_at,
        "synced_at": there.synced_at,
    }
    return columns_table(columns, {name for name in columns if name.endswith("_at")})


def attendances(world: World, day: Day) -> pa.Table:
    """Every attendance, and whether it is what it claims: the kinds of fraud behind it, and the causes by id."""
    conduct = day.conduct
    frame, numbers = latest(day.frames["attendance_events"], "attendance_id")
    found = conduct.episodes.frauds_behind(frame.shift, numbers)
    person = conduct.roster.person[frame.shift]
    columns: dict[str, Values] = {
        "tenant_id": world.tenant_words(world.people.tenant[person]),
        "attendance_id": frame.columns["attendance_id"],
        "person_id": world.person_words(person),
        "site_id": frame.columns["site_id"],
        "punched_in_at": frame.reals("punched_in_at"),
    }
    table = columns_table(columns, {"punched_in_at"})
    kinds = pa.array([[cause.value for cause, _ in each] for each in found], WORDS)
    names = pa.array([[name for _, name in each] for each in found], WORDS)
    is_fraud = pa.array([bool(each) for each in found], pa.bool_())
    return table.append_column("is_fraud", is_fraud).append_column("frauds", kinds).append_column("cause_ids", names)


def alert_causes(day: Day) -> pa.Table:
    """Alerts that have a planted cause, by what identifies them in the stream; all others have none."""
    frame = day.frames["alerts"]
    behind = frame.columns[CAUSE]
    if not isinstance(behind, Words):
        raise TypeError(f"{CAUSE} holds no words")
    caused = frame.take(behind.codes != UNKNOWN)
    names = ("tenant_id", "occurred_at", "alert_type", "person_id", "site_id", CAUSE)
    return columns_table({name: caused.columns[name] for name in names}, {"occurred_at"})


def activity(world: World, day: Day) -> pa.Table:
    """What each person did in each UTC hour they were due, there, or heard of. Nights run into the next roster day:
    sum what has the same person and hour.

    Columns: `due_seconds` on the roster, `present_seconds` and `walked_meters` in truth; `phone_events` and `fixes`
    that were ever delivered, each once; `tasks_completed` by who did them, `checkpoints_scanned`; `hour_of_week` on
    the site's clock when the hour begins; `silence`, a cause that held the guard or the feed silent for all of the
    hour, or a clock so wrong that nothing of the hour can be placed in it.
    """
    conduct = day.conduct
    roster = conduct.roster
    shift, hour = _hours(
        np.fmin(roster.starts, conduct.presence.comes_at), np.fmax(roster.ends, conduct.presence.leaves_at)
    )
    comes, leaves = conduct.presence.comes_at[shift], conduct.presence.leaves_at[shift]
    since, until = np.fmax(comes, hour * HOUR), np.fmin(leaves, (hour + 1) * HOUR)
    # Least and greatest know nothing of who never came: NaN gives way to the hour's own ends.
    is_there = ~np.isnan(comes) & (until > since)
    walked = np.where(is_there, conduct.path.walked(shift, until) - conduct.path.walked(shift, since), 0.0)
    is_due = ~roster.is_cancelled[shift]
    due = np.minimum(roster.ends[shift], (hour + 1) * HOUR) - np.maximum(roster.starts[shift], hour * HOUR)
    tours, tasks = conduct.tours, conduct.tasks
    scanned = np.nonzero(~np.isnan(tours.scanned_at))
    done = np.flatnonzero(~np.isnan(tasks.ended_at))
    performer = np.where(tasks.performer == UNKNOWN, roster.person[tasks.shift], tasks.performer)
    heard = {name: _claimed(day.heard[name]) for name in ("device_events", "location_updates")}
    ledger = _Ledger(world, roster.person[shift], hour, roster.site[shift])
    ledger.add("due_seconds", roster.person[shift], hour, np.where(is_due, np.maximum(due, 0), 0))
    ledger.add("present_seconds", roster.person[shift], hour, np.where(is_there, until - since, 0))
    ledger.add("walked_meters", roster.person[shift], hour, walked)
    for measure, name in (("phone_events", "device_events"), ("fixes", "location_updates")):
        rows, at = heard[name]
        ledger.add(measure, roster.person[rows], at)
    ledger.add("tasks_completed", performer[done], _hour_of(tasks.ended_at[done]))
    ledger.add("checkpoints_scanned", roster.person[tours.shift[scanned[0]]], _hour_of(tours.scanned_at[scanned]))
    silence = _silence(world, day, shift, hour)
    ledger.mark(roster.person[shift], hour, silence)
    return ledger.table()


class _Ledger:
    """Sums by person and hour."""

    def __init__(self, world: World, person: Whole, hour: Whole, site: Whole) -> None:
        self._world = world
        self._base = int(hour.min()) if len(hour) else 0
        self._sites = dict(zip(self._keys(person, hour).tolist(), site.tolist(), strict=True))
        self._silences: dict[int, int] = {}
        self._parts: dict[str, tuple[Whole, Reals]] = {}

    def _keys(self, person: Whole, hour: Whole) -> Whole:
        # A phone's clock may be days off.
        return person * 100_000 + np.clip(hour - self._base + 50_000, 0, 99_999)

    def add(self, measure: str, person: Whole, hour: Whole, values: Reals | None = None) -> None:
        """Add to a measure; 1 each where no values are given."""
        self._parts[measure] = self._keys(person, hour), np.ones(len(person)) if values is None else values

    def mark(self, person: Whole, hour: Whole, silence: Whole) -> None:
        """Note why somebody is silent; -1 for no reason."""
        known = silence != UNKNOWN
        self._silences |= dict(zip(self._keys(person, hour)[known].tolist(), silence[known].tolist(), strict=True))

    def table(self) -> pa.Table:
        """The sums."""
        keys = np.unique(np.concatenate([[*self._sites], *(part[0] for part in self._parts.values())]).astype(np.int64))
        person, hour = keys // 100_000, keys % 100_000 - 50_000 + self._base
        site = np.array([self._sites.get(key, UNKNOWN) for key in keys.tolist()], np.int64)
        silence = np.array([self._silences.get(key, UNKNOWN) for key in keys.tolist()], np.int64)
        world, at = self._world, (hour * HOUR).astype(np.float64)
        zone = np.where(site == UNKNOWN, world.people.zone[person], world.sites.zone[site])
        columns: dict[str, Values] = {
            "tenant_id": world.tenant_words(world.people.tenant[person]),
            "person_id": world.person_words(person),
            "site_id": world.site_words(site),
            "hour": at,
            "time_zone": Words(zone, ZONES),
            "hour_of_week": world.hour_of_week(zone, at),
            "silence": Words(silence, CAUSE_NAMES),
        }
        for measure, (rows, values) in self._parts.items():
            sums = np.bincount(np.searchsorted(keys, rows), weights=values, minlength=len(keys))
            columns[measure] = np.round(sums, 3)
        return columns_table(columns, {"hour"})


def _hours(starts: Reals, ends: Reals) -> tuple[Whole, Whole]:
    """Each shift as often as it touches an hour, and that hour since 1970."""
    first = np.floor(starts / HOUR).astype(np.int64)
    shift, nth = repeated(np.ceil(ends / HOUR).astype(np.int64) - first)
    return shift, first[shift] + nth


def _claimed(frame: Frame) -> tuple[Whole, Whole]:
    """Shift and hour of rows as the phone's clock had it; without those from before there were phones."""
    instants = frame.reals("occurred_at")
    known = instants > EARLIEST
    return frame.shift[known], _hour_of(instants[known])


def _hour_of(instants: Reals) -> Whole:
    # As it is written: to the millisecond.
    return np.floor(np.rint(instants * 1000) / 1000 / HOUR).astype(np.int64)


def _silence(world: World, day: Day, shift: Whole, hour: Whole) -> Whole:
    """What held somebody silent for all of an hour, as the place of the cause; -1 for nothing."""
    found = np.full(len(shift), UNKNOWN, np.int64)
    starts, ends = hour * HOUR, (hour + 1) * HOUR
    for cause in reversed(SILENCES):
        spell = day.conduct.episodes.spells[cause]
        held = (spell.starts[shift] <= starts) & (spell.ends[shift] >= ends)
        found = np.where(held, CAUSE_NAMES.index(cause), found)
    is_lost_in_time = np.abs(day.conduct.episodes.clock_offset[shift]) > FARTHEST_CLOCK
    found = np.where(is_lost_in_time, CAUSE_NAMES.index(Cause.CLOCK_ERROR), found)
    tenant = world.people.tenant[day.conduct.roster.person[shift]]
    for outage in outages_near(world, day.conduct.roster.number):
        if _is_total(outage):
            planted = outage.planted
            held = (tenant == planted.tenant) & (planted.starts_at <= starts) & (planted.ends_at >= ends)
            found = np.where(held, CAUSE_NAMES.index(Cause.FEED_OUTAGE), found)
    return found


def _is_total(outage: Outage) -> bool:
    """Whether nothing of what the phones saw then ever arrives."""
    return outage.planted.variant is Variant.LOST and len(outage.planted.streams) > 1


def _instant(seconds: float) -> int:
    return int(np.rint(seconds * 1000)) * 1000
