"""Ordinary days, as streams: what the platform would be sent about what people do.

A day is made in two steps so that a misconduct can step in between or after: `conduct_of` (what people do) and
`reports_of` (what phones, books and other systems say of it).
"""

from dataclasses import dataclass

from noc_platform.simulator.alarms import alerts
from noc_platform.simulator.conduct import Conduct, conduct_of
from noc_platform.simulator.frames import Frame
from noc_platform.simulator.phones import device_events, location_updates
from noc_platform.simulator.records import attendance_events, jobneeds, tours_due
from noc_platform.simulator.roster import shift_frame
from noc_platform.simulator.world import World


@dataclass(frozen=True)
class Day:
    """One roster day: what people did, and by stream the rows that tell of it. Nights run into the next date."""

    conduct: Conduct
    frames: dict[str, Frame]


def ordinary_day(world: World, number: int) -> Day:
    """The `number`-th roster day, from 0, on which nobody does anything they should not."""
    conduct = conduct_of(world, number)
    return Day(conduct, reports_of(world, conduct))


def reports_of(world: World, conduct: Conduct) -> dict[str, Frame]:
    """Rows by name of stream, each in the order they are received."""
    return {
        "shifts": shift_frame(world, conduct.roster),
        "tours_due": tours_due(world, conduct),
        "device_events": device_events(world, conduct),
        "location_updates": location_updates(world, conduct),
        "jobneeds": jobneeds(world, conduct),
        "attendance_events": attendance_events(world, conduct),
        "alerts": alerts(world, conduct),
    }
