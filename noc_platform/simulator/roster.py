"""Who is due where on a roster day, who stands in for whom, and who really comes."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from noc_platform.simulator import kinds
from noc_platform.simulator.frames import UNKNOWN, Flags, Frame, Reals, Whole, Words
from noc_platform.simulator.world import Draw, World, instant_of, midnight

ABSENT_SHARE = 0.04
SUBSTITUTE_SHARE = 0.7
CRITICAL_KINDS = ("hospital", "plant")
# The roster of a day is final at noon UTC of the day before.
PUBLISHED_BEFORE_SECONDS = 12 * 3600.0


@dataclass(frozen=True)
class Roster:
    """Shifts of one roster day by place, one row each; a split shift is two.

    Instants are seconds UTC. `original` is whom a substitute stands in for, else -1. `is_attended` says whether the
    person comes, which no stream tells outright.
    """

    day: date
    number: int
    person: Whole
    site: Whole
    starts: Reals
    ends: Reals
    pattern: Whole
    worked: Whole
    original: Whole
    is_cancelled: Flags
    is_attended: Flags

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True)
class _Duties:
    """Who works where today, before the day is cut into parts."""

    person: Whole
    site: Whole
    pattern: Whole
    original: Whole
    is_cancelled: Flags
    is_attended: Flags


def roster_of(world: World, number: int) -> Roster:
    """The roster of the `number`-th day, from 0. Days are independent: none needs another to be made first."""
    rng = world.rng(number, Draw.ROSTER)
    duties = _with_absences(world, number, _planned(world, number, rng), rng)
    return _in_parts(world, number, duties)


def shift_frame(world: World, roster: Roster) -> Frame:
    """Rows of the stream `shifts`."""
    count = len(roster)
    types = [kinds.SHIFT_TYPES.index(pattern.shift_type) for pattern in kinds.PATTERNS]
    critical = [kind.name in CRITICAL_KINDS for kind in kinds.KINDS]
    day = int(midnight(roster.day) // 86_400)
    return Frame(
        np.arange(count),
        {
            "tenant_id": world.tenant_words(world.people.tenant[roster.person]),
            "person_id": world.person_words(roster.person),
            "site_id": world.site_words(roster.site),
            "starts_at": roster.starts,
            "ends_at": roster.ends,
            "shift_date": np.full(count, day, np.int64),
            "shift_type": Words(np.array(types)[roster.pattern], kinds.SHIFT_TYPES),
            "is_critical": np.array(critical)[world.sites.kind[roster.site]],
            "is_substitute": roster.original != UNKNOWN,
            "original_person_id": world.person_words(roster.original),
            "is_cancelled": roster.is_cancelled,
            "received_at": np.full(count, midnight(roster.day) - PUBLISHED_BEFORE_SECONDS),
        },
    )


def _planned(world: World, number: int, rng: np.random.Generator) -> _Duties:
    people, guards = world.people, np.arange(world.plan.guards)
    days = number + people.offset[guards]
    pattern = people.pattern[guards]
    site = np.where(people.home[guards] == UNKNOWN, _relief_sites(world, rng), people.home[guards])
    wanted = kinds.staffing()[world.sites.kind[site], world.plan.day(number).weekday()]
    wanted = wanted * np.where(world.closed[site, number], 0.0, world.holiday_level[site, number])
    works = kinds.is_working(pattern, days) & (rng.random(len(guards)) < wanted)
    person = guards[works]
    nobody, no = np.full(len(person), UNKNOWN), np.zeros(len(person), np.bool_)
    return _Duties(person, site[works], pattern[works], nobody, no, ~no)


def _relief_sites(world: World, rng: np.random.Generator) -> Whole:
    """A site of their tenant and zone for those who have no home; -1 for everybody else."""
    people, sites = world.people, world.sites
    chosen = np.full(world.plan.guards, UNKNOWN, np.int64)
    for person in np.flatnonzero(people.home[: world.plan.guards] == UNKNOWN):
        near = np.flatnonzero((sites.tenant == people.tenant[person]) & (sites.zone == people.zone[person]))
        chosen[person] = rng.choice(near)
    return chosen


def _with_absences(world: World, number: int, duties: _Duties, rng: np.random.Generator) -> _Duties:
    """Some do not come. For most of them somebody stands in, and their own shift is cancelled; else nobody is there."""
    people = world.people
    is_relief = people.pattern[duties.person] == kinds.RELIEF
    # Nobody is away on the first day, so that the smallest world has something to show.
    absent = (rng.random(len(duties.person)) < ABSENT_SHARE) & ~is_relief & (number > 0)
    guards = np.arange(world.plan.guards)
    free = kinds.is_free(people.pattern[guards], number + people.offset[guards])
    free[duties.person[absent]] = False
    substitute = np.full(len(duties.person), UNKNOWN, np.int64)
    for row in np.flatnonzero(absent & (rng.random(len(absent)) < SUBSTITUTE_SHARE)):
        away = duties.person[row]
        able = np.flatnonzero(
            free & (people.tenant[guards] == people.tenant[away]) & (people.zone[guards] == people.zone[away])
        )
        if len(able):
            substitute[row] = rng.choice(able)
            free[substitute[row]] = False
    return _replaced(number, people.offset, duties, absent, substitute)


def _replaced(number: int, offset: Whole, duties: _Duties, absent: Flags, substitute: Whole) -> _Duties:
    replaced = substitute != UNKNOWN
    stands_in = substitute[replaced]
    turn = (number + offset[duties.person[replaced]]) // 7
    # Whoever stands in works what the other would have worked, the rotation included.
    worked = kinds.worked_pattern(duties.pattern[replaced], turn)
    stays = ~np.isin(duties.person, stands_in)
    yes = np.ones(len(stands_in), np.bool_)
    return _Duties(
        person=np.concatenate([duties.person[stays], stands_in]),
        site=np.concatenate([duties.site[stays], duties.site[replaced]]),
        pattern=np.concatenate([duties.pattern[stays], worked]),
        original=np.concatenate([duties.original[stays], duties.person[replaced]]),
        is_cancelled=np.concatenate([replaced[stays], ~yes]),
        is_attended=np.concatenate([~absent[stays], yes]),
    )


def _in_parts(world: World, number: int, duties: _Duties) -> Roster:
    turn = (number + world.people.offset[duties.person]) // 7
    worked = kinds.worked_pattern(duties.pattern, turn)
    parts = kinds.parts()[worked]
    row, part = np.nonzero(parts[:, :, 1] > 0)
    site = duties.site[row]
    begin = parts[row, part, 0]
    starts = _instants(world, number, site, begin)
    ends = _instants(world, number, site, begin + parts[row, part, 1])
    return Roster(
        world.plan.day(number), number, duties.person[row], site, starts, ends, duties.pattern[row], worked[row],
        duties.original[row], duties.is_cancelled[row], duties.is_attended[row],
    )  # fmt: skip


def _instants(world: World, number: int, site: Whole, minute: Whole) -> Reals:
    """Wall-clock minutes of the roster day at each site, as seconds UTC. Few differ, so each is worked out once."""
    day = world.plan.day(number)
    pairs, place = np.unique(np.stack([world.sites.zone[site], minute]), axis=1, return_inverse=True)
    known = np.array([instant_of(int(zone), day, int(wall)) for zone, wall in pairs.T], np.float64)
    return known[place.reshape(-1)]
