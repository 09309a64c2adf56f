"""What people do on a day, before anything reports it: when they come and go, the tours and strolls they walk, the
tasks they do, when their phones are cut off. What the streams say of it is in `behaviour`.

What is planted changes this (`misconduct`), and the reports follow from it.
"""

from dataclasses import dataclass

import numpy as np

from noc_platform.simulator import kinds
from noc_platform.simulator.frames import UNKNOWN, Flags, Reals, Whole
from noc_platform.simulator.misconduct import (
    AT_REST,
    Rounds,
    attended,
    ghost_scans,
    halfway,
    is_abandoned,
    left_halfway,
    never_walked,
)
from noc_platform.simulator.paths import Outings, Path, path_of
from noc_platform.simulator.planted.causes import Cause
from noc_platform.simulator.planted.episodes import Episodes
from noc_platform.simulator.planted.planting import episodes_of
from noc_platform.simulator.roster import Roster, roster_of
from noc_platform.simulator.world import MOST_CHECKPOINTS, Draw, World

MINUTE = 60.0
HOUR = 3600.0
DAY = 86_400.0
# Room in the numbers of one day for every piece of work on it.
WORK_NUMBERS_A_DAY = 10_000_000

FIRST_TOUR_AFTER = 30 * MINUTE
# Begun at most this late and walked within this time, a tour is over before the next is due.
LATEST_TOUR_DELAY = 15 * MINUTE
LONGEST_TOUR = 50 * MINUTE
TOUR_ROOM = 70 * MINUTE
TOUR_DUE_WITHIN = 60 * MINUTE
SKIPPED_CHECKPOINT_SHARE = 0.02
CUT_SHORT_SHARE = 0.02
EXTERNAL_TOUR_SHARE_INDOORS, EXTERNAL_TOUR_SHARE_OUTDOORS = 0.15, 0.7

LATE_SHARE = 0.03
HURRIED_SHARE = 0.06
HURRIED_PACE, HURRIED_DWELL = 1.6, 0.25

STROLL_GRID = 30 * MINUTE
STROLL_SHARE = 0.75
LONGEST_STROLL = 15 * MINUTE
CUT_OFF_SHARE = 0.12
VERY_LATE_SHARE = 0.08
LATEST_SYNC = 3 * DAY
DONE_SHARE = 0.94
COLLEAGUE_SHARE = 0.02
CORRECTED_SHARE = 0.01
CORRECTED_AFTER = (3 * HOUR, 30 * HOUR)


@dataclass(frozen=True)
class Presence:
    """When people are there, seconds UTC by shift; NaN for who never comes. `punched_in_at` and `punched_out_at` are
    what attendance says of it. Between `cut_off_at` and `reachable_at` the phone has no network, and what it has seen
    arrives from `synced_at` on; NaN where it always has."""

    comes_at: Reals
    leaves_at: Reals
    punched_in_at: Reals
    punched_out_at: Reals
    cut_off_at: Reals
    reachable_at: Reals
    synced_at: Reals

    def received(self, shift: Whole, occurred_at: Reals, rng: np.random.Generator) -> Reals:
        """When the platform knows of what phones saw then: seconds later, or with the next burst."""
        latency = 0.2 + rng.lognormal(0.5, 0.7, len(shift))
        held_back = (occurred_at >= self.cut_off_at[shift]) & (occurred_at < self.reachable_at[shift])
        burst = rng.uniform(0, 90, len(shift))
        return np.where(held_back, self.synced_at[shift] + burst, occurred_at + latency)


def by_server(count: int, rng: np.random.Generator) -> Reals:
    """Seconds until the platform knows of what a server has written down."""
    return np.asarray(0.2 + rng.lognormal(np.log(4), 0.8, count), np.float64)


@dataclass(frozen=True)
class Tours:
    """Tours due, one row each; `(tour, checkpoint)` for what concerns checkpoints. Seconds UTC.

    `begins_at` and `ends_at` are NaN for a tour nobody walked, `scanned_at` for a checkpoint nobody scanned. `number`
    is the tour's; its checkpoints have the numbers after it. `is_there` says whether the tour has that checkpoint.
    """

    shift: Whole
    number: Whole
    due_at: Reals
    is_external: Flags
    begins_at: Reals
    ends_at: Reals
    order: Whole
    is_there: Flags
    scanned_at: Reals


@dataclass(frozen=True)
class Tasks:
    """Tasks due, one row each. Seconds UTC; `ended_at` is NaN for what was not done.

    `performer` is the colleague who did it, -1 for the assignee. `corrected_at` is when a supervisor entered what the
    phone had failed to record, else NaN.
    """

    shift: Whole
    number: Whole
    planned_at: Reals
    expires_at: Reals
    started_at: Reals
    ended_at: Reals
    performer: Whole
    corrected_at: Reals


@dataclass(frozen=True)
class Conduct:
    """Everything people do on the shifts of one roster day."""

    roster: Roster
    episodes: Episodes
    presence: Presence
    tours: Tours
    tasks: Tasks
    path: Path


def conduct_of(world: World, number: int) -> Conduct:
    """What people do on the `number`-th roster day, from 0. A day can be made without the days before it."""
    roster = roster_of(world, number)
    presence = _presence(world, roster)
    due = _tours_due(world, roster)
    episodes = episodes_of(
        world, roster, presence.comes_at, presence.leaves_at, np.bincount(due[0], minlength=len(roster))
    )
    presence = attended(presence, episodes)
    tours, rounds, episodes = _tours(world, roster, presence, episodes, due)
    strolls = _strolls(world, roster, presence, episodes, tours)
    tasks = _tasks(world, roster, presence, episodes, len(tours.shift))
    path = path_of(world.sites.post[roster.site], presence.comes_at, presence.leaves_at, [rounds, strolls])
    return Conduct(roster, episodes, presence, tours, tasks, path)


def _presence(world: World, roster: Roster) -> Presence:
    rng = world.rng(roster.number, Draw.PRESENCE)
    count = len(roster)
    traits = world.traits
    is_late = rng.random(count) < LATE_SHARE * traits.tardiness[roster.person]
    usual = np.clip(rng.normal(-5, 3, count) + traits.punctuality[roster.person], -25, 12)
    comes = roster.starts + np.where(is_late, 8 + rng.exponential(15, count), usual) * MINUTE
    leaves = roster.ends + np.clip(rng.normal(4, 4, count), -4, 25) * MINUTE
    comes[~roster.is_attended] = leaves[~roster.is_attended] = np.nan
    length = leaves - comes
    cut_off = comes + rng.uniform(0.05, 0.9, count) * length
    reachable = np.minimum(cut_off + rng.lognormal(np.log(40 * MINUTE), 0.8, count), leaves + 2 * HOUR)
    is_very_late = rng.random(count) < VERY_LATE_SHARE
    synced = reachable + np.where(is_very_late, rng.uniform(6 * HOUR, LATEST_SYNC, count), rng.uniform(5, 240, count))
    never = rng.random(count) >= CUT_OFF_SHARE
    cut_off[never] = reachable[never] = synced[never] = np.nan
    return Presence(comes, leaves, comes, leaves, cut_off, reachable, synced)


def _tours(
    world: World, roster: Roster, presence: Presence, episodes: Episodes, due_tours: tuple[Whole, Reals]
) -> tuple[Tours, Outings, Episodes]:
    rng = world.rng(roster.number, Draw.ROUNDS)
    shift, due = due_tours
    count, sites = len(shift), world.sites
    site = roster.site[shift]
    order, is_there = _checkpoint_order(sites.checkpoint_count[site], rng)
    delay = np.minimum(rng.lognormal(np.log(3 * MINUTE), 0.8, count), LATEST_TOUR_DELAY)
    begins = np.maximum(due, presence.comes_at[shift] + 2 * MINUTE) + delay
    tour = nth_of_its_shift(shift)
    rounds = _walk(world, roster, episodes, shift, tour, begins, order, is_there, rng)
    leaves = presence.leaves_at[shift]
    is_void = never_walked(episodes, presence, shift, due, begins, rounds.ends)
    rounds = rounds.without(is_void | (rounds.ends > leaves))
    episodes = _abandoned(episodes, tour, shift, rounds)
    rounds = rounds.without(episodes.covers(shift, begins, Cause.ABANDONED_TOUR) & ~is_abandoned(episodes, tour, shift))
    scanned, ends = _scans(episodes, shift, tour, begins, is_there, rounds, rng)
    outdoors = np.array([kind.indoors < 0.5 for kind in kinds.KINDS])[sites.kind[site]]
    is_external = rng.random(count) < np.where(outdoors, EXTERNAL_TOUR_SHARE_OUTDOORS, EXTERNAL_TOUR_SHARE_INDOORS)
    number = roster.number * WORK_NUMBERS_A_DAY + np.arange(count) * (MOST_CHECKPOINTS + 1)
    begun = np.where(np.isnan(ends), np.nan, begins)
    return Tours(shift, number, due, is_external, begun, ends, order, is_there, scanned), rounds, episodes


def _abandoned(episodes: Episodes, tour: Whole, shift: Whole, rounds: Outings) -> Episodes:
    """With abandoned tours lasting from when they were begun to when the guard was back."""
    rows = is_abandoned(episodes, tour, shift)
    starts, ends = (np.full(len(episodes.phone), np.nan) for _ in range(2))
    starts[shift[rows]], ends[shift[rows]] = rounds.begins[rows], rounds.ends[rows]
    return episodes.lasting(Cause.ABANDONED_TOUR, starts, ends)


def _scans(
    episodes: Episodes, shift: Whole, tour: Whole, begins: Reals, is_there: Flags, rounds: Outings,
    rng: np.random.Generator,
) -> tuple[Reals, Reals]:  # fmt: skip
    """When each checkpoint was scanned, `(tour, checkpoint)`, and when each tour was over; NaN where it was not."""
    is_missed = rng.random(is_there.shape) < SKIPPED_CHECKPOINT_SHARE
    nth = np.arange(MOST_CHECKPOINTS)
    is_cut = (rng.random(len(shift)) < CUT_SHORT_SHARE)[:, None] & (nth * 3 >= 2 * is_there.sum(1)[:, None])
    is_cut |= is_abandoned(episodes, tour, shift)[:, None] & (nth >= halfway(is_there)[:, None])
    # Who fades leaves out checkpoints, too.
    is_missed |= rng.random(is_there.shape) > (1 + episodes.effort[shift, None]) / 2
    scanned = np.where(
        is_there & ~is_missed & ~is_cut,
        rounds.arrives[:, :MOST_CHECKPOINTS] + rng.uniform(2, 12, is_there.shape),
        np.nan,
    )
    is_ghost = episodes.spells[Cause.GHOST_SCANS].is_on[shift]
    ghostly = ghost_scans(begins, is_there, rng)
    scanned = np.where(is_ghost[:, None], ghostly, scanned)
    ends = np.where(is_ghost, np.fmax.reduce(ghostly, axis=1) + 2, rounds.ends)
    is_unrecorded = episodes.covers(np.repeat(shift, MOST_CHECKPOINTS), scanned.reshape(-1), Cause.DEVICE_DEAD)
    return np.where(is_unrecorded.reshape(scanned.shape), np.nan, scanned), ends


def _tours_due(world: World, roster: Roster) -> tuple[Whole, Reals]:
    """When tours are due, and on which shift: every so often, for those who walk them, while there is time for one."""
    gap = np.array([kind.tour_gap_minutes for kind in kinds.KINDS])[world.sites.kind[roster.site]] * MINUTE
    room = roster.ends - roster.starts - FIRST_TOUR_AFTER - TOUR_ROOM
    is_due = world.people.does_tours[roster.person] & ~roster.is_cancelled & (room >= 0)
    counts = np.where(is_due, room // gap + 1, 0).astype(np.int64)
    shift, nth = repeated(counts)
    return shift, roster.starts[shift] + FIRST_TOUR_AFTER + nth * gap[shift]


def _checkpoint_order(counts: Whole, rng: np.random.Generator) -> tuple[Whole, Flags]:
    """Checkpoints in the order each tour takes them: round the site, either way, from any of them."""
    nth = np.arange(MOST_CHECKPOINTS)
    way = rng.choice(np.array([1, -1]), len(counts))
    first = rng.integers(0, MOST_CHECKPOINTS, len(counts))
    order = np.asarray((first[:, None] + way[:, None] * nth) % counts[:, None], np.int64)
    return order, nth < counts[:, None]


def _walk(
    world: World, roster: Roster, episodes: Episodes, shift: Whole, tour: Whole, begins: Reals, order: Whole,
    is_there: Flags, rng: np.random.Generator,
) -> Outings:  # fmt: skip
    site = roster.site[shift]
    is_hurried = rng.random(len(shift)) < HURRIED_SHARE
    rounds = Rounds(
        stops=world.sites.checkpoints[site[:, None], order],
        is_there=is_there,
        dwell=rng.uniform(15, 75, is_there.shape) * np.where(is_hurried, HURRIED_DWELL, 1.0)[:, None],
        longest=np.full(len(shift), LONGEST_TOUR),
    )
    rounds = left_halfway(episodes, tour, shift, rounds, rng)
    pace = world.people.pace[roster.person[shift]] * np.where(is_hurried, HURRIED_PACE, 1.0)
    post = world.sites.post[site]
    return Outings.walked(shift, begins, post, rounds.stops, rounds.is_there, rounds.dwell, pace, rounds.longest)


def _strolls(world: World, roster: Roster, presence: Presence, episodes: Episodes, tours: Tours) -> Outings:
    """Short ways from the post and back, more of them when the site is busy, never during a tour."""
    rng = world.rng(roster.number, Draw.STROLLS)
    slots = np.ceil((roster.ends - roster.starts) / STROLL_GRID).astype(np.int64)
    shift, nth = repeated(slots)
    slot_starts = roster.starts[shift] + nth * STROLL_GRID
    begins = slot_starts + rng.uniform(1, 10, len(shift)) * MINUTE
    taken = np.zeros((len(roster), int(slots.max(initial=0)) + 4), np.bool_)
    for ahead in range(int(TOUR_ROOM // STROLL_GRID) + 1):
        slot = ((tours.due_at - roster.starts[tours.shift]) // STROLL_GRID).astype(np.int64) + ahead
        taken[tours.shift, slot] = True
    wanted = STROLL_SHARE * world.level(roster.site[shift], slot_starts) * episodes.effort[shift]
    wanted = np.where(episodes.covers(shift, begins, Cause.SITE_SURGE), 1.0, wanted)
    goes = (rng.random(len(shift)) < wanted) & ~_is_held_up(episodes, shift, begins)
    in_time = (begins > presence.comes_at[shift] + MINUTE) & (begins + 20 * MINUTE < presence.leaves_at[shift])
    chosen = goes & in_time & ~taken[shift, nth]
    shift, begins = shift[chosen], begins[chosen]
    post = world.sites.post[roster.site[shift]]
    angle, away = rng.uniform(0, 2 * np.pi, len(shift)), rng.uniform(15, 60, len(shift))
    stops = post + np.stack([away * np.cos(angle), away * np.sin(angle)], axis=-1)
    dwell = rng.uniform(0.5, 7, (len(shift), 1)) * MINUTE
    pace = world.people.pace[roster.person[shift]]
    return Outings.walked(
        shift, begins, post, stops[:, None, :], np.ones((len(shift), 1), np.bool_), dwell, pace, longest=LONGEST_STROLL
    )


def _is_held_up(episodes: Episodes, shift: Whole, begins: Reals) -> Flags:
    """Whether a stroll begun then would run into something that keeps the guard at rest, or away on a tour."""
    causes = (*AT_REST, Cause.ABANDONED_TOUR)
    return episodes.covers(shift, begins, *causes) | episodes.covers(shift, begins + LONGEST_STROLL, *causes)


def _tasks(world: World, roster: Roster, presence: Presence, episodes: Episodes, tours: int) -> Tasks:
    rng = world.rng(roster.number, Draw.TASKS)
    hourly = np.array([kind.tasks_per_hour for kind in kinds.KINDS])[world.sites.kind[roster.site]]
    room = np.maximum(roster.ends - roster.starts - 50 * MINUTE, 0)
    shift, _ = repeated(rng.poisson(np.where(roster.is_cancelled, 0, hourly * room / HOUR)))
    planned = roster.starts[shift] + 10 * MINUTE + rng.random(len(shift)) * room[shift]
    wanted = rng.random(len(shift)) < world.level(roster.site[shift], planned)
    shift, planned = shift[wanted], planned[wanted]
    count = len(shift)
    planned = np.round(planned / (5 * MINUTE)) * 5 * MINUTE
    expires = planned + rng.choice([30, 60, 120], count, p=[0.4, 0.4, 0.2]) * MINUTE
    ended = planned + np.clip(rng.lognormal(np.log(14), 0.7, count), 3, 170) * MINUTE
    started = np.maximum(ended - rng.uniform(2, 15, count) * MINUTE, presence.comes_at[shift])
    # A comparison with NaN is false: who never came did nothing.
    is_done = (
        (rng.random(count) < DONE_SHARE * episodes.effort[shift])
        & ~episodes.covers(shift, ended, *AT_REST)
        & ~episodes.covers(shift, ended, Cause.DEVICE_DEAD)
        & (ended < presence.leaves_at[shift])
        & (ended > presence.comes_at[shift] + 3 * MINUTE)
    )
    number = roster.number * WORK_NUMBERS_A_DAY + tours * (MOST_CHECKPOINTS + 1) + np.arange(count)
    ended, started = np.where(is_done, ended, np.nan), np.where(is_done, started, np.nan)
    performer = _colleagues(roster, presence, shift, started, ended, rng)
    is_corrected = is_done & (performer == UNKNOWN) & (rng.random(count) < CORRECTED_SHARE)
    corrected = np.where(is_corrected, expires + rng.uniform(*CORRECTED_AFTER, count), np.nan)
    return Tasks(shift, number, planned, expires, started, ended, performer, corrected)


def _colleagues(
    roster: Roster, presence: Presence, shift: Whole, started: Reals, ended: Reals, rng: np.random.Generator
) -> Whole:
    """Who did a task in somebody's stead: a colleague on the same site then; -1 where it was the assignee."""
    performer = np.full(len(shift), UNKNOWN, np.int64)
    for row in np.flatnonzero((rng.random(len(performer)) < COLLEAGUE_SHARE) & ~np.isnan(ended)):
        own = shift[row]
        there = (presence.comes_at <= started[row]) & (presence.leaves_at >= ended[row])
        able = np.flatnonzero(there & (roster.site == roster.site[own]) & (roster.person != roster.person[own]))
        if len(able):
            performer[row] = roster.person[rng.choice(able)]
    return performer


def nth_of_its_shift(shift: Whole) -> Whole:
    """Which of its shift's rows each is, from 0; rows of a shift lie together."""
    return np.arange(len(shift)) - np.searchsorted(shift, shift)


def repeated(counts: Whole) -> tuple[Whole, Whole]:
    """Each place as often as its count says, and which time it is: counts 2, 0, 1 give 0, 0, 2 and 0, 1, 0."""
    place = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place, nth
