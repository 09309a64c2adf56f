"""Claims about silence and findings: why nobody is heard, who is never blamed for it, what is found of what is so."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

import numpy as np

from noc_platform.findings.facts.moment import Facts, Guard
from noc_platform.findings.vocabulary import Draft, Silence
from noc_platform_tests.scoreboard.claims import Claim, Numbers, exactly, f1, resampled, share
from noc_platform_tests.scoreboard.finding_truth import AFTER, BLAMES, FindingTruth
from noc_platform_tests.scoreboard.replays import Replay, audited
from noc_platform_tests.scoreboard.silent_truth import HEARD, Person, Spell, Truth
from noc_platform_tests.scoreboard.simpler_ways import Cells, z_score
from noc_platform_tests.scoreboard.worlds import Written

HALF_HOUR = timedelta(minutes=30)
# Of these the truth says that something failed, and not somebody.
FAILED = (Silence.DEVICE_DEAD, Silence.NO_COVERAGE, Silence.SITE_SILENT, Silence.FEED_LATE, Silence.CLOCK_WRONG)
NO_EVENTS = "no phone event in 120 min"
Z_SCORE = "z-score per hour of day"
# What was planted, and what says so.
FOUND_BY = {
    "SILENT_SITE": ("CORRELATION_SILENT_SITE",),
    "SLEEPING_GUARD": ("GUARD_INACTIVITY", "CORRELATION_PHANTOM_GUARD"),
    "DEVICE_DEAD": ("DEVICE_OFFLINE",),
    "GHOST_SCANS": ("GHOST_SCANS",),
    "ABANDONED_TOUR": ("CORRELATION_TOUR_ABANDONMENT", "TOUR_OVERDUE"),
    # The door refuses what a clock says that is far ahead or of 1970; then nothing is heard.
    "CLOCK_ERROR": ("CLOCK_WRONG", "DEVICE_OFFLINE"),
}


@dataclass(frozen=True)
class Moment:
    """One guard at one moment: what was concluded, and why they were really silent (None where that is not said)."""

    at: datetime
    guard: Guard
    told: str
    true: str | None

    @property
    def person(self) -> Person:
        """Tenant and person."""
        return self.guard.key


@dataclass(frozen=True)
class Evidence:
    """A world, what was known at each moment of an audit of all of its days, and the truth."""

    world: Written
    facts: Mapping[datetime, Facts]

    @classmethod
    def of(cls, world: Written) -> "Evidence":
        """Of a world that has not been audited yet."""
        return cls(world, audited(world))

    @cached_property
    def replay(self) -> Replay:
        """What the rules make of it."""
        return Replay(self.facts)

    @cached_property
    def so(self) -> FindingTruth:
        """What was so."""
        return FindingTruth(Truth(self.world))

    @cached_property
    def moments(self) -> list[Moment]:
        """Every guard at every moment."""
        return [
            Moment(
                look.as_of, guard, str(look.told(guard).cause or HEARD),
                self.so.truth.of(guard.key, look.as_of, guard.is_heard(HALF_HOUR, look.as_of)),
            )
            for look in self.replay.looks
            for guard in look.facts.guards
        ]  # fmt: skip

    @cached_property
    def simpler(self) -> dict[str, list[tuple[datetime, Guard]]]:
        """Which guards at which moments simpler ways would tell of."""
        rows = [row for row in self.moments if row.guard.is_due]
        counts = np.array([row.guard.phone_events_count or 0 for row in rows], float)
        keys = [(*row.person, row.at.hour) for row in rows]
        place = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        day = np.array([(row.at - rows[0].at).days for row in rows])
        far = z_score(counts, Cells(np.array([place[key] for key in keys]), day))
        told = {NO_EVENTS: counts == 0, Z_SCORE: far}
        return {
            name: [(row.at, row.guard) for row, is_told in zip(rows, says, strict=True) if is_told]
            for name, says in told.items()
        }

    @property
    def site_weeks(self) -> float:
        """How many weeks of how many sites were audited."""
        plan = self.world.manifest.plan
        return plan.sites * plan.days / 7


def claims(evidence: Evidence) -> Iterator[Claim]:
    """Every claim about silence and findings, on a world whose truth is known."""
    for name, row in ROWS.items():
        yield row(name, evidence)


def _causes(name: str, evidence: Evidence) -> Claim:
    rows = [row for row in evidence.moments if row.true is not None]
    told, true = np.array([row.told for row in rows]), np.array([str(row.true) for row in rows])
    people = np.array(["/".join(row.person) for row in rows])
    is_zero = np.array([not row.guard.phone_events_count for row in rows])
    low, high = resampled(lambda places: macro_f1(told[places], true[places]), people)
    return Claim(
        name, "Macro-F1 over off duty, not arrived, dead phone, no network, silent site, late feed, wrong clock, idle, "
        "nothing due, and heard.", macro_f1(told, true), low, high, len(rows), wanted=0.90, unit="macro-F1",
        baselines={
            f"{NO_EVENTS} is an idle guard": macro_f1(np.where(is_zero, str(Silence.GUARD_IDLE), HEARD), true),
            f"{NO_EVENTS} is a dead phone": macro_f1(np.where(is_zero, str(Silence.DEVICE_DEAD), HEARD), true),
        },
    )  # fmt: skip


def macro_f1(told: Numbers, true: Numbers) -> float:
    """Mean of the F1 of each cause there is."""
    return float(np.mean([f1(told == cause, true == cause) for cause in np.unique(true)]))


def _unblamed(name: str, evidence: Evidence) -> Claim:
    rows = [row for row in evidence.moments if row.true in FAILED and evidence.so.failed_alone(row.person, row.at)]
    blamed = {
        (draft.tenant_id, draft.person_id, draft.seen_at)
        for draft in evidence.replay.drafts
        if draft.finding_type in BLAMES
    }
    failed = {(*row.person, row.at) for row in rows}
    simpler = {
        way: 1 - len({(*guard.key, at) for at, guard in told} & failed) / len(failed)
        for way, told in evidence.simpler.items()
    }
    return exactly(
        name, "Moments of guards whose phone, site or feed failed, and who did nothing wrong, with no finding that "
        "blames them.", len(failed - blamed), len(failed), simpler,
    )  # fmt: skip


def _recall(cause: str, name: str, evidence: Evidence) -> Claim:
    planted = [row for row in evidence.so.causes if row.cause == cause and _could_be_found(row, evidence)]
    kinds = FOUND_BY[cause]
    drafts = [draft for draft in evidence.replay.drafts if draft.finding_type in kinds]
    right = np.array([any(_is_of(draft, row) for draft in drafts) for row in planted])
    value, low, high = share(right, np.arange(len(right)))
    simpler = {
        way: float(np.mean([any(_is_at(at, guard, row) for at, guard in told) for row in planted]))
        for way, told in evidence.simpler.items()
    }
    return Claim(
        name, f"Planted, and found as {' or '.join(kinds)} while it was so or within two hours.",
        value, low, high, len(right), wanted=WANTED[cause], baselines=simpler,
    )  # fmt: skip


def _could_be_found(row: Any, evidence: Evidence) -> bool:
    """Whether it lies in the days audited."""
    return bool(row.starts_at < evidence.replay.moments[-1])


def _is_of(draft: Draft, row: Any) -> bool:
    is_there = draft.person_id in row.people if draft.person_id is not None else draft.site_id in row.sites
    return is_there and draft.tenant_id == row.tenant_id and row.starts_at <= draft.seen_at < row.ends_at + AFTER


def _is_at(at: datetime, guard: Guard, row: Any) -> bool:
    return guard.tenant_id == row.tenant_id and guard.person_id in row.people and row.starts_at <= at < row.ends_at


def _missed_tours(name: str, evidence: Evidence) -> Claim:
    last = evidence.replay.moments[-1] - AFTER
    so, heard = evidence.so, timedelta(hours=1)
    missed = [
        due
        for due in so.tours.values()
        if evidence.replay.moments[0] < due.lapses_at < last
        and due.done_at > due.lapses_at + heard
        and not (so.is_excused(due) or so.is_somebody_else(due))
    ]
    told: dict[tuple[str, str], datetime] = {}
    for draft in evidence.replay.drafts:
        if draft.finding_type == "TOUR_OVERDUE":
            for row in draft.evidence["tour_log"]:
                told.setdefault((draft.tenant_id, row["tour_id"]), draft.seen_at)
    right = np.array([(due.tenant_id, due.tour_id) in told for due in missed])
    value, low, high = share(right, np.array(["/".join(due.person) for due in missed]))
    return Claim(
        name, "Mandatory tours that nobody had ended an hour past their time and grace, while no phone or site failed, "
        "found as TOUR_OVERDUE.",
        value, low, high, len(right), wanted=0.85,
    )  # fmt: skip


def _false(name: str, evidence: Evidence) -> Claim:
    wrong = [finding for finding in evidence.replay.findings if not any(evidence.so.is_so(draft) for draft in finding)]
    count = len(wrong)
    spread = 1.96 * np.sqrt(max(count, 1))
    weeks = evidence.site_weeks
    simpler = {way: _falsely_told(told, evidence) / weeks for way, told in evidence.simpler.items()}
    return Claim(
        name, "Findings a site and week that say what was not so, of all types.",
        count / weeks, max(count - spread, 0) / weeks, (count + spread) / weeks, len(evidence.replay.findings),
        wanted=1.0, unit="a site-week", is_at_most=True, baselines=simpler,
    )  # fmt: skip


def _falsely_told(told: list[tuple[datetime, Guard]], evidence: Evidence) -> int:
    """Spells in which a simpler way told of somebody to whom nothing happened."""
    known = {(*row.person, row.at): row.true for row in evidence.moments}
    count, last = 0, dict[Person, datetime]()
    for at, guard in told:
        if known[*guard.key, at] in (HEARD, str(Silence.NOTHING_DUE), str(Silence.OFF_DUTY)):
            before = last.get(guard.key)
            count += before is None or at - before > AFTER
            last[guard.key] = at
    return count


def _outages(name: str, evidence: Evidence) -> Claim:
    """Outages of a tenant that overlap are one: nothing tells them apart."""
    found = [finding for finding in evidence.replay.findings if finding[0].finding_type == "FEED_LATE"]
    outages = {tenant: _merged([spell for spell, _ in spells]) for tenant, spells in evidence.so.truth.outages.items()}
    told = [
        sum(f[0].tenant_id == tenant and spell.starts <= f[0].seen_at < spell.ends + AFTER for f in found)
        for tenant, spells in outages.items()
        for spell in spells
        if spell.starts < evidence.replay.moments[-1] - AFTER
    ]
    hit = sum(count == 1 for count in told)
    silent = sum(row.true == Silence.FEED_LATE for row in evidence.moments)
    return exactly(
        name, "A feed that fails is one finding of the tenant, not one for each guard, and nothing else is one.",
        hit, len(told) + max(len(found) - sum(told), 0), {"guards unheard for it": float(silent)},
    )  # fmt: skip


def _merged(spells: list[Spell]) -> list[Spell]:
    merged: list[Spell] = []
    for spell in sorted(spells, key=lambda each: each.starts):
        if merged and spell.starts <= merged[-1].ends + AFTER:
            merged[-1] = Spell(spell.name, merged[-1].starts, max(merged[-1].ends, spell.ends))
        else:
            merged.append(spell)
    return merged


WANTED = {
    "SILENT_SITE": 0.9, "SLEEPING_GUARD": 0.8, "DEVICE_DEAD": 0.9, "GHOST_SCANS": 0.9, "ABANDONED_TOUR": 0.8,
    "CLOCK_ERROR": 0.9,
}  # fmt: skip
ROWS: dict[str, Callable[[str, Evidence], Claim]] = {
    "cause of a guard's silence": _causes,
    "nobody is blamed for what failed": _unblamed,
    **{f"found: {cause.lower().replace('_', ' ')}": partial(_recall, cause) for cause in FOUND_BY},
    "found: missed tour": _missed_tours,
    "false findings": _false,
    "a failed feed is one finding": _outages,
}
