"""A roster day as streams: what the platform would be sent about what people do.

A day is made in steps: `conduct` (what people do, with what is planted), the reports of it (`phones`, `records`,
`alarms`), what people say of them (`reviewers`), then what becomes of all that on the way (feeds that fail, rows that
come twice).
"""

from dataclasses import dataclass

import numpy as np

from noc_platform.simulator.announced import calendar
from noc_platform.simulator.conduct import Conduct, conduct_of
from noc_platform.simulator.frames import Frame, Whole, Words
from noc_platform.simulator.planted.campaigns import FEEDS, Outage, outages_near
from noc_platform.simulator.planted.causes import Variant
from noc_platform.simulator.reports.alarms import alerts
from noc_platform.simulator.reports.phones import device_events, location_updates, with_repeats
from noc_platform.simulator.reports.records import attendance_events, jobneeds, tours_due
from noc_platform.simulator.reports.reviewers import verdicts
from noc_platform.simulator.roster import shift_frame
from noc_platform.simulator.world import Draw, World

BACKLOG_SECONDS = 600.0


@dataclass(frozen=True)
class Day:
    """One roster day: what people did, by stream the rows that tell of it, and the rows of phones before any came
    twice. Nights run into the next date."""

    conduct: Conduct
    frames: dict[str, Frame]
    heard: dict[str, Frame]


def day_of(world: World, number: int) -> Day:
    """The `number`-th roster day, from 0; rows by name of stream, each in the order they are received."""
    conduct = conduct_of(world, number)
    rng = world.rng(number, Draw.REPEATS)
    outages = outages_near(world, number)
    told = {"device_events": device_events(world, conduct), "location_updates": location_updates(world, conduct)}
    heard = {name: _through(outages, name, told[name], rng) for name in FEEDS}
    sent = {name: with_repeats(frame, rng).by_receipt() for name, frame in heard.items()}
    attendances = attendance_events(world, conduct)
    frames = {
        "shifts": shift_frame(world, conduct.roster),
        "tours_due": tours_due(world, conduct),
        "calendar": calendar(world, number),
        **sent,
        "jobneeds": jobneeds(world, conduct),
        "attendance_events": attendances,
        "alerts": alerts(world, conduct).by_receipt(),
        "verdicts": verdicts(world, conduct, attendances).by_receipt(),
    }
    return Day(conduct, frames, heard)


def _through(outages: list[Outage], stream: str, frame: Frame, rng: np.random.Generator) -> Frame:
    """What comes through feeds some of which fail: rows lost with one, or delivered when it is up again."""
    backlog = rng.uniform(0, BACKLOG_SECONDS, len(frame))
    received = frame.reals("received_at")
    is_lost = np.zeros(len(frame), np.bool_)
    for outage in outages:
        down = outage.concerns(stream, tenants_of(frame), received)
        if outage.planted.variant is Variant.LOST:
            is_lost |= down
        else:
            received = np.where(down, outage.planted.ends_at + backlog, received)
    return Frame(frame.shift, {**frame.columns, "received_at": received}).take(~is_lost)


def tenants_of(frame: Frame) -> Whole:
    """The tenant of each row, as its place."""
    tenants = frame.columns["tenant_id"]
    if not isinstance(tenants, Words):
        raise TypeError("tenant_id holds no words")
    return tenants.codes
