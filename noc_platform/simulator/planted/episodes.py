"""What is planted on the shifts of one roster day: who, when, and with whose help."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from noc_platform.simulator.frames import UNKNOWN, Flags, Reals, Whole
from noc_platform.simulator.planted.causes import Cause, Planted

# A second attendance of a shift is numbered past all shifts there can be.
SECOND_PUNCH_NUMBERS = 10_000_000


@dataclass(frozen=True)
class Spell:
    """Of one cause: from when to when on each shift, seconds UTC; NaN where it has none. `names` are the ids of what
    is planted there, by shift."""

    starts: Reals
    ends: Reals
    names: dict[int, str]

    @classmethod
    def none(cls, shifts: int) -> "Spell":
        """Nothing on any shift."""
        return cls(np.full(shifts, np.nan), np.full(shifts, np.nan), {})

    def put(self, shifts: Iterable[int], starts_at: float, ends_at: float, name: str) -> None:
        """Let it be on these shifts."""
        for shift in shifts:
            self.starts[shift], self.ends[shift] = starts_at, ends_at
            self.names[int(shift)] = name

    @property
    def is_on(self) -> Flags:
        """Which shifts it is on."""
        return ~np.isnan(self.starts)

    def covers(self, shift: Whole, instants: Reals) -> Flags:
        """Whether it is on at these instants of these shifts."""
        # A comparison with NaN is false.
        return np.asarray((instants >= self.starts[shift]) & (instants < self.ends[shift]), np.bool_)


@dataclass(frozen=True)
class Episodes:
    """What is planted on the shifts of a roster day, all by shift; made by `planting.episodes_of`.

    `planted` begins on this day. `phone` is whose phone is carried; `puncher` who punches in the guard's stead and
    `impostor` who stands there, -1 for nobody; `second_site` where else they are punched in, -1; `abandoned` which
    tour of the shift is left, -1; `effort` the share of usual activity; `clock_offset` seconds the phone is ahead;
    `is_mocked` whether the phone admits that its position is made up.
    """

    planted: tuple[Planted, ...]
    spells: dict[Cause, Spell]
    phone: Whole
    puncher: Whole
    impostor: Whole
    second_site: Whole
    abandoned: Whole
    effort: Reals
    clock_offset: Reals
    is_mocked: Flags

    @classmethod
    def ordinary(cls, person: Whole) -> "Episodes":
        """A day on which nothing is planted."""
        count = len(person)
        return cls(
            planted=(),
            spells={cause: Spell.none(count) for cause in Cause},
            phone=person.copy(),
            puncher=np.full(count, UNKNOWN, np.int64),
            impostor=np.full(count, UNKNOWN, np.int64),
            second_site=np.full(count, UNKNOWN, np.int64),
            abandoned=np.full(count, UNKNOWN, np.int64),
            effort=np.ones(count),
            clock_offset=np.zeros(count),
            is_mocked=np.zeros(count, np.bool_),
        )

    def covers(self, shift: Whole, instants: Reals, *causes: Cause) -> Flags:
        """Whether any of these causes is on at these instants of these shifts."""
        found = np.zeros(len(shift), np.bool_)
        for cause in causes:
            found |= self.spells[cause].covers(shift, instants)
        return found

    def is_on(self, *causes: Cause) -> Flags:
        """Which shifts any of these causes is on."""
        found = np.zeros(len(self.phone), np.bool_)
        for cause in causes:
            found |= self.spells[cause].is_on
        return found

    def lasting(self, cause: Cause, starts: Reals, ends: Reals) -> "Episodes":
        """With the spells of a cause as they came about, once people had acted."""
        was = self.spells[cause]
        on = was.is_on & ~np.isnan(starts)
        names = {shift: name for shift, name in was.names.items() if on[shift]}
        spell = Spell(np.where(on, starts, np.nan), np.where(on, ends, np.nan), names)
        times = {name: (float(starts[shift]), float(ends[shift])) for shift, name in names.items()}
        kept = tuple(
            replace(each, starts_at=times[each.cause_id][0], ends_at=times[each.cause_id][1])
            if each.cause_id in times
            else each
            for each in self.planted
            if each.cause is not cause or each.cause_id in times
        )
        return replace(self, planted=kept, spells={**self.spells, cause: spell})

    def frauds_behind(self, shift: Whole, number: Whole) -> list[list[tuple[Cause, str]]]:
        """Kinds and ids of the frauds behind attendances, given their shift and number.

        That a guard was elsewhere at once concerns the second attendance of the shift alone, and nothing else does.
        """
        found: dict[int, list[tuple[Cause, str]]] = {}
        for cause, spell in self.spells.items():
            if cause.is_fraud:
                for place, name in spell.names.items():
                    found.setdefault(place, []).append((cause, name))
        return [
            [each for each in found.get(int(of), []) if (each[0] is Cause.IMPOSSIBLE_TRAVEL) == is_second]
            for of, is_second in zip(shift, number >= SECOND_PUNCH_NUMBERS, strict=True)
        ]
