"""Whether what a finding says is so: from the truth of a world, and never from what was concluded."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pandas as pd

from noc_platform.findings.vocabulary import Draft, Silence
from noc_platform.streams.catalogue import TOUR_IDENTIFIERS
from noc_platform.telemetry.signals import SKIPPED
from noc_platform_tests.scoreboard.silent_truth import LYING, Person, Spell, Truth

# What blames a person; that a phone is not heard blames nobody.
BLAMES = frozenset(
    {"GUARD_INACTIVITY", "CORRELATION_PHANTOM_GUARD", "TOUR_OVERDUE", "GHOST_SCANS", "CORRELATION_TOUR_ABANDONMENT",
     "LOW_ACTIVITY", "LOW_LOCATION_UPDATES", "LOW_MOVEMENT", "LOW_TASK_COMPLETION", "LOW_TOUR_COVERAGE"}
)  # fmt: skip
AT_REST = ("SLEEPING_GUARD", "GPS_SPOOFING")
# What people do themselves.
CONDUCT = (*AT_REST, *LYING, "GHOST_SCANS", "ABANDONED_TOUR", "SLOW_FADE", "CREDENTIAL_SHARING", "SHARED_DEVICE",
           "IMPOSSIBLE_TRAVEL")  # fmt: skip
UNHEARD_FOR = ("DEVICE_DEAD", "CUT_OFF", "SILENT_SITE", "CLOCK_ERROR", *LYING)
# A finding is told of a thing for so long after it is over.
AFTER = timedelta(hours=2)
SHIFT = timedelta(hours=12)
# A tour that a failing phone or site covers for more of its time than this was not the walker's to miss.
COVERED = 0.2
NEVER = pd.Timestamp("2100-01-01", tz="UTC")
# Somebody who sits shifts about; a walk is longer.
FEW_METERS = 100.0
PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True)
class Due:
    """A tour due, and when it was ended or complete, as was known in the end."""

    tenant_id: str
    tour_id: str
    person_id: str
    site_id: str
    due_at: datetime
    due_until: datetime
    lapses_at: datetime
    done_at: datetime

    @property
    def person(self) -> Person:
        """Who was to walk it."""
        return self.tenant_id, self.person_id


@dataclass(frozen=True)
class FindingTruth:
    """What was so in a world of that which rules find."""

    truth: Truth

    @cached_property
    def causes(self) -> list[Any]:
        """Everything planted."""
        return list(self.truth.world.truth("causes").itertuples())

    @cached_property
    def tours(self) -> dict[tuple[str, str], Due]:
        """Mandatory tours by tenant and id."""
        world = self.truth.world
        tours = world.stream("tours_due").to_pandas()
        tours = tours[tours.is_mandatory.fillna(False).astype(bool) & tours.person_id.notna()]
        jobs = world.stream("jobneeds").to_pandas()
        scans = jobs[jobs.parent_id.notna() & jobs.ended_at.notna() & (jobs.status == "COMPLETED")]
        walked = scans.groupby(["tenant_id", "parent_id"]).agg(
            scanned=("jobneed_id", "nunique"), done_at=("ended_at", "max")
        )
        both = tours.merge(walked, how="left", left_on=["tenant_id", "tour_id"], right_index=True)
        heads = jobs[jobs.parent_id.isna() & jobs.status.isin(["COMPLETED", "PARTIALLYCOMPLETED"])]
        ended = heads.groupby(["tenant_id", "jobneed_id"]).ended_at.min().rename("ended_at")
        both = both.merge(ended, how="left", left_on=["tenant_id", "tour_id"], right_index=True)
        all_scanned = both.done_at.where(both.scanned >= both.total_checkpoints, NEVER).fillna(NEVER)
        done = all_scanned.where(all_scanned < both.ended_at.fillna(NEVER), both.ended_at.fillna(NEVER))
        lapses = both.due_until + pd.to_timedelta(both.grace_minutes.fillna(0), unit="min")
        return {
            (row.tenant_id, row.tour_id): Due(
                row.tenant_id, row.tour_id, row.person_id, row.site_id, row.due_at.to_pydatetime(),
                row.due_until.to_pydatetime(), row.lapses_at.to_pydatetime(), row.done_then.to_pydatetime(),
            )
            for row in both.assign(lapses_at=lapses, done_then=done).itertuples()
        }  # fmt: skip

    @cached_property
    def worked(self) -> dict[Person, list[datetime]]:
        """When each person got work done, by the truth's hours."""
        found: dict[Person, list[datetime]] = defaultdict(list)
        for (tenant, person, hour), row in self.truth.hours.items():
            if row.tasks_completed or row.checkpoints_scanned:
                found[tenant, person].append(hour)
        return found

    def is_so(self, draft: Draft) -> bool:
        """Whether what it says was so then, or shortly before."""
        at, kind = draft.seen_at, draft.finding_type
        if kind == "FEED_LATE":
            return self._was(self._of_tenant(draft.tenant_id), at)
        if kind == "CORRELATION_SILENT_SITE":
            return self._was(self._of_site(draft.tenant_id, draft.site_id or ""), at)
        person = (draft.tenant_id, draft.person_id or "")
        if kind == "TOUR_OVERDUE":
            return all(self.is_missed((draft.tenant_id, row["tour_id"]), at) for row in draft.evidence["tour_log"])
        if kind == "GUARD_INACTIVITY":
            return self._befell(person, AT_REST, at) or self.truth.of(person, at, True) == Silence.GUARD_IDLE
        if kind == "CORRELATION_PHANTOM_GUARD":
            return self._befell(person, AT_REST, at) or self._idled(person, at)
        if kind == "LOW_MOVEMENT":
            return self._walked(person, at) < FEW_METERS
        if kind == "LOW_TASK_COMPLETION":
            return self._tasks_waiting(person, at) >= int(draft.evidence["tasks_waiting"])
        if kind == "LOW_TOUR_COVERAGE":
            tours = [(draft.tenant_id, row["tour_id"]) for row in draft.evidence["tour_log"]]
            total = sum(row["total_checkpoints"] for row in draft.evidence["tour_log"])
            return bool(sum(self._scanned(tour, at) for tour in tours) < total / 2)
        names = {
            "GHOST_SCANS": ("GHOST_SCANS",), "CORRELATION_TOUR_ABANDONMENT": ("ABANDONED_TOUR",),
            "CLOCK_WRONG": ("CLOCK_ERROR",), "DEVICE_OFFLINE": UNHEARD_FOR,
        }  # fmt: skip
        return self._befell(person, names.get(kind, ()), at)

    def is_missed(self, key: tuple[str, str], at: datetime) -> bool:
        """Whether a tour was late, not complete then, and nothing but its walker the reason."""
        due = self.tours.get(key)
        return due is not None and due.lapses_at < at and due.done_at > at and not self.is_excused(due)

    def is_excused(self, due: Due) -> bool:
        """Whether a phone or site failed for much of the time of a tour."""
        length = due.due_until - due.due_at
        failing = [
            spell
            for spell in self.truth.spells.get(due.person, [])
            if spell.name in ("DEVICE_DEAD", "CUT_OFF", "SILENT_SITE")
        ]
        covered = (min(spell.ends, due.due_until) - max(spell.starts, due.due_at) for spell in failing)
        return any(each > COVERED * length for each in covered)

    def is_somebody_else(self, due: Due) -> bool:
        """Whether attendance says somebody was there to walk a tour who was not."""
        spells = self.truth.spells.get(due.person, [])
        return any(spell.name in LYING and spell.starts < due.lapses_at and spell.ends > due.due_at for spell in spells)

    def failed_alone(self, person: Person, at: datetime) -> bool:
        """Whether nothing of what the person did in the last hours is anything but innocent."""
        shift = self.truth.shift_of(person, at)
        is_there = shift is not None and shift.comes is not None and shift.comes <= at
        return is_there and not any(
            spell.name in CONDUCT and spell.starts <= at and spell.ends > at - SHIFT
            for spell in self.truth.spells.get(person, [])
        )

    def _befell(self, person: Person, names: tuple[str, ...], at: datetime) -> bool:
        return self._was([spell for spell in self.truth.spells.get(person, []) if spell.name in names], at)

    def _of_tenant(self, tenant: str) -> list[Spell]:
        return [spell for spell, _ in self.truth.outages.get(tenant, [])]

    def _of_site(self, tenant: str, site: str) -> list[Spell]:
        return [
            Spell(row.cause, row.starts_at.to_pydatetime(), row.ends_at.to_pydatetime())
            for row in self.causes
            if row.cause == "SILENT_SITE" and row.tenant_id == tenant and site in row.sites
        ]

    @cached_property
    def _tasks(self) -> Any:
        """Tasks, with when each was done as was known in the end."""
        jobs = self.truth.world.stream("jobneeds").to_pandas()
        tasks = jobs[~jobs.identifier.isin(TOUR_IDENTIFIERS)]
        done = tasks[tasks.status.isin(["COMPLETED", "PARTIALLYCOMPLETED"])]
        ended = done.groupby(["tenant_id", "jobneed_id"]).ended_at.min().rename("done_at").reset_index()
        planned = tasks.drop_duplicates(["tenant_id", "jobneed_id"])
        both = planned.merge(ended, how="left", on=["tenant_id", "jobneed_id"])
        return both.assign(done_at=both.done_at.fillna(NEVER))

    @cached_property
    def _scans(self) -> dict[tuple[str, str], list[datetime]]:
        """When the checkpoints of each tour were really scanned."""
        jobs = self.truth.world.stream("jobneeds").to_pandas()
        scans = jobs[jobs.parent_id.notna() & jobs.ended_at.notna() & (jobs.status == "COMPLETED")]
        scans = scans[scans.scan_type.fillna("") != SKIPPED].drop_duplicates(["tenant_id", "jobneed_id"])
        found: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for row in scans.itertuples():
            found[row.tenant_id, row.parent_id].append(row.ended_at.to_pydatetime())
        return found

    def _scanned(self, tour: tuple[str, str], at: datetime) -> int:
        return sum(moment < at for moment in self._scans.get(tour, []))

    def _tasks_waiting(self, person: Person, at: datetime) -> int:
        """Tasks planned for the two hours before that had waited for half an hour and were done later, or never."""
        tasks = self._tasks
        own = tasks[(tasks.tenant_id == person[0]) & (tasks.person_id == person[1])]
        is_due = (own.planned_at >= at - AFTER) & (own.planned_at <= at - PATIENCE) & (own.done_at >= at)
        return int(is_due.sum())

    def _walked(self, person: Person, at: datetime) -> float:
        """Metres walked in the full hours of the two before."""
        last = at.replace(minute=0, second=0, microsecond=0)
        hours = [self.truth.hours.get((*person, last - back * timedelta(hours=1))) for back in (1, 2)]
        full = hours[: 2 if at == last else 1]
        return float(sum(hour.walked_meters for hour in full if hour is not None))

    def _idled(self, person: Person, at: datetime) -> bool:
        """Whether nothing was done in the two hours before."""
        return not any(
            at - AFTER < hour + timedelta(hours=1) and hour + timedelta(hours=1) <= at for hour in self.worked[person]
        )

    @staticmethod
    def _was(spells: list[Spell], at: datetime) -> bool:
        return any(spell.starts <= at < spell.ends + AFTER for spell in spells)
