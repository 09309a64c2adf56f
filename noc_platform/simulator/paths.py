"""Where people are: ways from the post over stops and back, and positions in between.

Metres east and north of a site.
"""

from dataclasses import dataclass, replace

import numpy as np

from noc_platform.simulator.frames import Flags, Reals, Whole

# Longer than any shift: time within a shift plus this much per shift orders the points of all shifts at once.
SHIFT_STRIDE = 1_000_000.0


@dataclass(frozen=True)
class Outings:
    """Ways that leave the post, go over stops and come back; one row each, stops along the second axis.

    Seconds UTC. A stop that is not there is never arrived at (NaN), and neither is any of an outing nobody went on.
    """

    shift: Whole
    begins: Reals
    arrives: Reals
    departs: Reals
    stops: Reals
    ends: Reals

    @classmethod
    def walked(
        cls,
        shift: Whole,
        begins: Reals,
        post: Reals,
        stops: Reals,
        is_there: Flags,
        dwell: Reals,
        pace: Reals,
        longest: Reals | float,
    ) -> "Outings":
        """Outings on foot at `pace` metres per second, `dwell` seconds a stop; hurried where `longest` would be passed.

        `post` is `(outing, 2)`, `stops` `(outing, stop, 2)`; stops that are there come first.
        """
        before = np.concatenate([post[:, None, :], stops[:, :-1]], axis=1)
        legs = np.where(is_there, np.linalg.norm(stops - before, axis=-1) / pace[:, None], 0.0)
        stays = np.where(is_there, dwell, 0.0)
        departs = np.cumsum(legs + stays, axis=1)
        last = stops[np.arange(len(stops)), np.maximum(is_there.sum(axis=1) - 1, 0)]
        total = departs[:, -1] + np.linalg.norm(last - post, axis=-1) / pace
        hurry = np.minimum(1.0, longest / total)
        arrives = np.where(is_there, begins[:, None] + hurry[:, None] * (departs - stays), np.nan)
        left = np.where(is_there, begins[:, None] + hurry[:, None] * departs, np.nan)
        return cls(shift, begins, arrives, left, stops, begins + hurry * total)

    def without(self, rows: Flags) -> "Outings":
        """The outings, these of which nobody went on after all."""
        only = rows[:, None]
        return replace(
            self,
            begins=np.where(rows, np.nan, self.begins),
            arrives=np.where(only, np.nan, self.arrives),
            departs=np.where(only, np.nan, self.departs),
            ends=np.where(rows, np.nan, self.ends),
        )


@dataclass(frozen=True)
class Path:
    """Where everybody is on every shift of a day, from coming to leaving. Made by `path_of`."""

    _origin: float
    _key: Reals
    _east: Reals
    _north: Reals
    _walked: Reals

    def position(self, shift: Whole, instants: Reals) -> Reals:
        """Metres east and north of the site, as `(row, 2)`."""
        key = self._keys(shift, instants)
        return np.stack([np.interp(key, self._key, self._east), np.interp(key, self._key, self._north)], axis=-1)

    def walked(self, shift: Whole, instants: Reals) -> Reals:
        """Metres walked since an arbitrary beginning that is the same for the whole shift."""
        return np.asarray(np.interp(self._keys(shift, instants), self._key, self._walked), np.float64)

    def _keys(self, shift: Whole, instants: Reals) -> Reals:
        return shift * SHIFT_STRIDE + (instants - self._origin)


def path_of(post: Reals, comes_at: Reals, leaves_at: Reals, outings: list[Outings]) -> Path:
    """The path of each shift; `post`, `comes_at` and `leaves_at` by shift. Who never comes (NaN) has none."""
    there = np.flatnonzero(~np.isnan(comes_at))
    shifts, instants, places = [there, there], [comes_at[there], leaves_at[there]], [post[there], post[there]]
    for outing in outings:
        at_post = post[outing.shift]
        shifts += [outing.shift, outing.shift]
        instants += [outing.begins, outing.ends]
        places += [at_post, at_post]
        for times in (outing.arrives, outing.departs):
            shifts.append(np.repeat(outing.shift, times.shape[1]))
            instants.append(times.reshape(-1))
            places.append(outing.stops.reshape(-1, 2))
    return _ordered(np.concatenate(shifts), np.concatenate(instants), np.concatenate(places))


def _ordered(shift: Whole, instants: Reals, places: Reals) -> Path:
    known = ~np.isnan(instants)
    shift, instants, places = shift[known], instants[known], places[known]
    if len(shift) == 0:
        nowhere = np.zeros(1)
        return Path(0.0, nowhere, nowhere, nowhere, nowhere)
    origin = float(instants.min())
    key = shift * SHIFT_STRIDE + (instants - origin)
    order = np.argsort(key, kind="stable")
    key, shift, places = key[order], shift[order], places[order]
    step = np.linalg.norm(np.diff(places, axis=0, prepend=places[:1]), axis=1)
    # Nobody walks from the end of one shift to the beginning of the next.
    step[np.flatnonzero(np.diff(shift, prepend=shift[:1]))] = 0.0
    return Path(origin, key, places[:, 0], places[:, 1], np.cumsum(step))
