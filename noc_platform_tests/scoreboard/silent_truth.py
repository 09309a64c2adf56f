"""Why each guard was really silent at a moment: from the truth of a world, and never from what was concluded."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pandas as pd

from noc_platform.findings.vocabulary import Silence
from noc_platform_tests.scoreboard.worlds import Written

# Attendance says of these that somebody is there who is not: that is for the fraud models to find.
LYING = ("BUDDY_PUNCHING", "TIME_THEFT", "GEOFENCE_CHEATING")
PLANTED = {"DEVICE_DEAD": Silence.DEVICE_DEAD, "SILENT_SITE": Silence.SITE_SILENT}
UNHEARD = timedelta(minutes=20)
HOUR = timedelta(hours=1)
# Metres in an hour: at rest, and on one's feet.
AT_REST, ON_FOOT = 10.0, 50.0
HEARD = "HEARD"
Person = tuple[str, str]


@dataclass(frozen=True)
class Spell:
    """Something that was so from one instant to another."""

    name: str
    starts: datetime
    ends: datetime

    def covers(self, moment: datetime, since: timedelta = timedelta(0)) -> bool:
        """Whether it was so at a moment, and for that long."""
        return self.starts + since <= moment < self.ends

    def is_near(self, moment: datetime) -> bool:
        """Whether it began or ended so shortly before that nobody can know yet."""
        return self.starts <= moment < self.starts + UNHEARD or self.ends <= moment < self.ends + UNHEARD


@dataclass(frozen=True)
class Shift:
    """A rostered shift, and when its guard really came and left; None for who never did."""

    starts: datetime
    ends: datetime
    comes: datetime | None
    leaves: datetime | None


@dataclass(frozen=True)
class Truth:
    """What held guards silent in a world."""

    world: Written

    @cached_property
    def shifts(self) -> dict[Person, list[Shift]]:
        """Shifts of each person, without the cancelled ones."""
        rows = self.world.stream("shifts").to_pandas()
        rows = rows[~rows.is_cancelled.fillna(False)]
        keys = ["tenant_id", "person_id", "starts_at"]
        both = rows.merge(self.world.truth("presence").drop(columns="site_id"), on=keys)
        found: dict[Person, list[Shift]] = defaultdict(list)
        for row in both.itertuples():
            times = [_instant(at) for at in (row.comes_at, row.leaves_at)]
            shift = Shift(row.starts_at.to_pydatetime(), row.ends_at.to_pydatetime(), *times)
            found[row.tenant_id, row.person_id].append(shift)
        return found

    @cached_property
    def spells(self) -> dict[Person, list[Spell]]:
        """What befell each person: planted causes, and phones without a network."""
        found: dict[Person, list[Spell]] = defaultdict(list)
        for row in self.world.truth("causes").itertuples():
            for person in row.people:
                spell = Spell(row.cause, row.starts_at.to_pydatetime(), row.ends_at.to_pydatetime())
                found[row.tenant_id, person].append(spell)
        cut_off = self.world.truth("presence").dropna(subset="cut_off_at")
        for row in cut_off.itertuples():
            spell = Spell("CUT_OFF", row.cut_off_at.to_pydatetime(), row.reachable_at.to_pydatetime())
            found[row.tenant_id, row.person_id].append(spell)
        return found

    @cached_property
    def outages(self) -> dict[str, list[tuple[Spell, frozenset[str]]]]:
        """Failed feeds of each tenant."""
        found: dict[str, list[tuple[Spell, frozenset[str]]]] = defaultdict(list)
        for row in self.world.truth("causes").itertuples():
            if row.cause == "FEED_OUTAGE":
                spell = Spell(row.cause, row.starts_at.to_pydatetime(), row.ends_at.to_pydatetime())
                found[row.tenant_id].append((spell, frozenset(row.streams)))
        return found

    @cached_property
    def hours(self) -> dict[tuple[str, str, datetime], Any]:
        """What each person did in each hour."""
        rows = self.world.truth("activity")
        measures = ["present_seconds", "walked_meters", "tasks_completed", "checkpoints_scanned"]
        rows = rows.groupby(["tenant_id", "person_id", "hour"], as_index=False)[measures].sum()
        return {(row.tenant_id, row.person_id, row.hour.to_pydatetime()): row for row in rows.itertuples()}

    @cached_property
    def waiting(self) -> dict[Person, list[tuple[datetime, datetime]]]:
        """When each person's work was due, and when it was done, far in the future for never."""
        rows = self.world.stream("jobneeds").to_pandas()
        done = rows[rows.status.isin(["COMPLETED", "PARTIALLYCOMPLETED"])]
        ended = done.groupby(["tenant_id", "jobneed_id"]).ended_at.min().rename("done_at")
        planned = rows[rows.status == "ASSIGNED"].merge(ended.reset_index(), how="left", on=["tenant_id", "jobneed_id"])
        planned = planned[planned.parent_id.isna()]
        never = pd.Timestamp("2100-01-01", tz="UTC")
        found: dict[Person, list[tuple[datetime, datetime]]] = defaultdict(list)
        for row in planned.assign(done_at=planned.done_at.fillna(never)).itertuples():
            found[row.tenant_id, row.person_id].append((row.planned_at.to_pydatetime(), row.done_at.to_pydatetime()))
        return found

    def of(self, person: Person, moment: datetime, is_heard: bool) -> str | None:
        """Why somebody was silent, `HEARD` for who was not; None where the truth does not say, or attendance lies.

        `is_heard` says whether anything the door let in came from the phone in the last half hour.
        """
        spells = self.spells.get(person, [])
        if any(spell.name in LYING and spell.covers(moment) for spell in spells):
            return None
        shift = self.shift_of(person, moment)
        if shift is None:
            return Silence.OFF_DUTY
        if shift.comes is None or moment < shift.comes:
            return Silence.NOT_ARRIVED
        if shift.leaves is not None and moment >= shift.leaves:
            return Silence.OFF_DUTY
        if moment - shift.comes < UNHEARD:
            return None
        return self._of_present(person, moment, spells, is_heard)

    def shift_of(self, person: Person, moment: datetime) -> Shift | None:
        """The shift of a person that goes on, by the roster or by their being there."""
        for shift in self.shifts.get(person, []):
            is_there = shift.comes is not None and shift.leaves is not None and shift.comes <= moment < shift.leaves
            if is_there or shift.starts <= moment < shift.ends:
                return shift
        return None

    def _of_present(self, person: Person, moment: datetime, spells: list[Spell], is_heard: bool) -> str | None:
        outages = self.outages.get(person[0], [])
        if any(spell.is_near(moment) for spell, _ in outages) or any(
            spell.is_near(moment) for spell in spells if spell.name in {*PLANTED, "CUT_OFF"}
        ):
            return None
        down = frozenset[str]().union(*(streams for spell, streams in outages if spell.covers(moment)))
        if len(down) == 2:
            return Silence.FEED_LATE
        for name, cause in (*PLANTED.items(), ("CUT_OFF", Silence.NO_COVERAGE)):
            if any(spell.name == name and spell.covers(moment) for spell in spells):
                return cause
        is_off = any(spell.name == "CLOCK_ERROR" and spell.covers(moment) for spell in spells)
        if is_off and not is_heard:
            return None
        if down:
            return Silence.FEED_LATE
        if is_off:
            return Silence.CLOCK_WRONG
        return self._of_heard(person, moment)

    def _of_heard(self, person: Person, moment: datetime) -> str | None:
        hours = [self.hours.get((*person, moment - back * HOUR)) for back in (1, 2)]
        last = hours[0]
        if last is not None and last.walked_meters > ON_FOOT:
            return HEARD
        if any(hour is None or hour.present_seconds < 3600 for hour in hours):
            return None
        if any(_did_anything(hour) for hour in hours):
            return None
        waits = any(
            moment - 2 * HOUR <= planned <= moment - timedelta(minutes=30) and done >= moment
            for planned, done in self.waiting.get(person, [])
        )
        return Silence.GUARD_IDLE if waits else Silence.NOTHING_DUE


def _did_anything(hour: Any) -> bool:
    return bool(hour.walked_meters > AT_REST or hour.tasks_completed or hour.checkpoints_scanned)


def _instant(moment: Any) -> datetime | None:
    return None if pd.isna(moment) else moment.to_pydatetime()
