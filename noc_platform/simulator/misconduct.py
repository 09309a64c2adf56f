"""What planted causes change in what people do: when they are there, what they walk, what gets recorded.

What it changes in what phones and books say is with the phones and books; a cause is drawn in `planting`.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from noc_platform.simulator.frames import Flags, Reals, Whole
from noc_platform.simulator.planted.causes import Cause
from noc_platform.simulator.planted.episodes import Episodes
from noc_platform.simulator.world import MOST_CHECKPOINTS

if TYPE_CHECKING:
    from noc_platform.simulator.conduct import Presence

MINUTE = 60.0
# While these are on, nobody walks and nothing gets done.
AT_REST = (Cause.SLEEPING_GUARD, Cause.SILENT_SITE, Cause.GPS_SPOOFING)
# While these are on, nothing reaches the platform from the guard's phone.
UNHEARD = (Cause.DEVICE_DEAD, Cause.SILENT_SITE)
AWAY_METERS = (600.0, 1200.0)
AWAY_MINUTES = (25.0, 50.0)
LONGEST_ABANDONED = 150 * MINUTE
# Tags copied to a card are scanned one after the other; some wait a little, so as not to be found out.
USUAL_GHOST_SECONDS, GHOST_SPREAD, GHOST_SECONDS = 8.0, 0.6, (1.5, 60.0)


def attended(presence: "Presence", episodes: Episodes) -> "Presence":
    """Who comes later, leaves earlier or never comes, while their punches say otherwise."""
    comes, leaves = presence.comes_at.copy(), presence.leaves_at.copy()
    theft = episodes.spells[Cause.TIME_THEFT]
    leaves[theft.is_on] = theft.starts[theft.is_on]
    for cause in (Cause.GEOFENCE_CHEATING, Cause.BUDDY_PUNCHING):
        spell = episodes.spells[cause]
        comes[spell.is_on] = spell.ends[spell.is_on]
    never = comes >= leaves
    comes[never] = leaves[never] = np.nan
    return replace(presence, comes_at=comes, leaves_at=leaves)


@dataclass(frozen=True)
class Rounds:
    """How tours would be walked: stops `(tour, stop, 2)` in metres, which of them there are, seconds spent at each,
    and the longest each tour may take, seconds."""

    stops: Reals
    is_there: Flags
    dwell: Reals
    longest: Reals


def left_halfway(episodes: Episodes, tour: Whole, shift: Whole, rounds: Rounds, rng: np.random.Generator) -> Rounds:
    """Rounds in which the abandoned ones go over half of their checkpoints, then far off the site and back.

    `tour` is which of its shift's tours each row is.
    """
    bearing, away = rng.uniform(0, 2 * np.pi, len(tour)), rng.uniform(*AWAY_METERS, len(tour))
    stay = rng.uniform(*AWAY_MINUTES, len(tour)) * MINUTE
    rows = np.flatnonzero(is_abandoned(episodes, tour, shift))
    stops, is_there = rounds.stops.copy(), rounds.is_there.copy()
    dwell, longest = rounds.dwell.copy(), rounds.longest.copy()
    half = halfway(rounds.is_there)[rows]
    stops[rows, half] = (away * np.array([np.cos(bearing), np.sin(bearing)])).T[rows]
    is_there[rows] = np.arange(MOST_CHECKPOINTS) <= half[:, None]
    dwell[rows, half], longest[rows] = stay[rows], LONGEST_ABANDONED
    return Rounds(stops, is_there, dwell, longest)


def is_abandoned(episodes: Episodes, tour: Whole, shift: Whole) -> Flags:
    """Which tours are left halfway."""
    return np.asarray(episodes.abandoned[shift] == tour, np.bool_)


def halfway(is_there: Flags) -> Whole:
    """How many checkpoints of each tour are walked before it is left: half, at least one."""
    return np.asarray(np.maximum(is_there.sum(axis=1) // 2, 1), np.int64)


def never_walked(
    episodes: Episodes, presence: "Presence", shift: Whole, due: Reals, begins: Reals, ends: Reals
) -> Flags:
    """Tours nobody walks: the guard is asleep or elsewhere then, or only scans what should be walked to."""
    is_missed = due < presence.comes_at[shift] - 20 * MINUTE
    is_ghost = episodes.spells[Cause.GHOST_SCANS].is_on[shift]
    is_held_up = episodes.covers(shift, begins, *AT_REST) | episodes.covers(shift, ends, *AT_REST)
    return np.asarray(is_missed | is_ghost | is_held_up, np.bool_)


def ghost_scans(begins: Reals, is_there: Flags, rng: np.random.Generator) -> Reals:
    """When the tags of each tour are scanned by somebody who has copies of them: seconds apart, `(tour, stop)`."""
    steps = np.clip(rng.lognormal(np.log(USUAL_GHOST_SECONDS), GHOST_SPREAD, is_there.shape), *GHOST_SECONDS)
    return np.where(is_there, begins[:, None] + np.cumsum(steps, axis=1), np.nan)
