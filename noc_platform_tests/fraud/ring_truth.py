"""Rings that were found, against those that were planted, in worlds made in memory: attendance alone.

A planted ring is found where a report of it holds at least half of the members who really did each other favours; a
report is false where, when it was first made, less than half of those in it were of one planted ring.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from noc_platform.fraud.rings import Remembered, Ring, RingPolicy, rings
from noc_platform.simulator.conduct import conduct_of
from noc_platform.simulator.frames import arrow_table
from noc_platform.simulator.planted.causes import Cause, Planted
from noc_platform.simulator.population import build_world
from noc_platform.simulator.reports.records import attendance_events
from noc_platform.simulator.world import World, WorldPlan
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS

# None of these seeds was looked at while the limits were chosen.
WORLDS = tuple(WorldPlan(guards=500, sites=40, days=60, seed=seed) for seed in range(2101, 2113))
FIRST_LOOK_DAYS, LOOK_EVERY_DAYS, LAST_LOOK_DAYS = 14, 3, 4
MONTH_DAYS, GUARDS = 30.0, 1_000.0
Favour = tuple[str, str]


@dataclass(frozen=True)
class Planned:
    """A ring as planted: everybody in it, and the favours (giver, receiver) that came of it."""

    tenant_id: str
    members: tuple[str, ...]
    favours: tuple[Favour, ...]

    @property
    def active(self) -> frozenset[str]:
        """Who did or got a favour."""
        return frozenset(person for favour in self.favours for person in favour)

    @property
    def leaves_a_trace(self) -> bool:
        """Whether it shows as a ring at all: three or more people joined by favours, no fewer favours than people, of
        several givers to several receivers. Else it is a pair, one phone, one guard who is helped, or a chain."""
        givers, receivers = ({favour[side] for favour in self.favours} for side in (0, 1))
        joined = _largest_part(self.favours)
        within = [favour for favour in self.favours if favour[0] in joined]
        return len(joined) >= 3 and len(within) >= len(joined) and len(givers) >= 2 and len(receivers) >= 2


@dataclass(frozen=True)
class RingScore:
    """Counts over worlds: rings planted, those of whom three or more acted, those that left a trace of a ring, and of
    each how many were found; rings reported, false ones, and how many times 1,000 guards were watched for a month."""

    planted: int
    acted: int
    traced: int
    found: int
    found_acted: int
    found_traced: int
    reported: int
    false: int
    guard_months: float

    @property
    def found_share(self) -> float:
        """Of the rings that left a trace, how many were found."""
        return self.found_traced / max(self.traced, 1)

    @property
    def ceiling(self) -> float:
        """Of all planted rings, how many left a trace."""
        return self.traced / max(self.planted, 1)

    @property
    def false_rate(self) -> float:
        """False rings for 1,000 guards and month."""
        return self.false / self.guard_months


def ring_score(plans: Sequence[WorldPlan] = WORLDS, policy: RingPolicy | None = None) -> RingScore:
    """How right rings are in worlds that are looked at again and again, as an operation would look."""
    planned: list[tuple[Planned, bool]] = []
    reported = false = 0
    for plan in plans:
        table, truth = attendances_of(plan)
        reports = list(_reports(table, plan, policy or RingPolicy()))
        planned += [(each, any(_holds(each, report) for report in reports)) for each in truth]
        first = {report.ring_id: report for report in reversed(reports)}
        reported += len(first)
        false += sum(not any(_is_of(report, each) for each in truth) for report in first.values())
    return RingScore(
        planted=len(planned),
        acted=sum(len(each.active) >= 3 for each, _ in planned),
        traced=sum(each.leaves_a_trace for each, _ in planned),
        found=sum(is_found for _, is_found in planned),
        found_acted=sum(is_found for each, is_found in planned if len(each.active) >= 3),
        found_traced=sum(is_found for each, is_found in planned if each.leaves_a_trace),
        reported=reported,
        false=false,
        guard_months=sum(plan.guards * plan.days for plan in plans) / GUARDS / MONTH_DAYS,
    )


def attendances_of(plan: WorldPlan) -> tuple[pa.Table, list[Planned]]:
    """All attendance events of a world, and its rings."""
    world = build_world(plan)
    tables: list[pa.Table] = []
    planted: list[Planted] = []
    for number in range(plan.days):
        conduct = conduct_of(world, number)
        tables.append(arrow_table(attendance_events(world, conduct), ATTENDANCE_EVENTS))
        planted += conduct.episodes.planted
    return pa.concat_tables(tables), list(_planned(world, planted))


def _planned(world: World, planted: list[Planted]) -> Iterator[Planned]:
    done: dict[str | None, list[Favour]] = defaultdict(list)
    for each in planted:
        if each.ring_id is not None:
            receiver, giver = (world.person_ids[person] for person in each.people)
            done[each.ring_id].append((giver, receiver))
    for each in planted:
        if each.cause is Cause.COLLUSION_RING:
            members = tuple(world.person_ids[person] for person in each.people)
            yield Planned(world.tenant_ids[each.tenant], members, tuple(done[each.cause_id]))


def _reports(table: pa.Table, plan: WorldPlan, policy: RingPolicy) -> Iterator[Ring]:
    start = datetime.combine(plan.first_day, datetime.min.time(), UTC)
    known: dict[object, Remembered] = {}
    for day in range(FIRST_LOOK_DAYS, plan.days + LAST_LOOK_DAYS + 1, LOOK_EVERY_DAYS):
        for ring in rings(table, start + timedelta(days=day), policy, list(known.values())):
            known[ring.ring_id] = ring.remembered
            yield ring


def _holds(planned: Planned, ring: Ring) -> bool:
    shared = len(planned.active & {*ring.members})
    return planned.tenant_id == ring.tenant_id and 0 < len(planned.active) <= 2 * shared


def _is_of(ring: Ring, planned: Planned) -> bool:
    shared = len(planned.active & {*ring.members})
    return planned.tenant_id == ring.tenant_id and 2 * shared >= len(ring.members)


def _largest_part(favours: Sequence[Favour]) -> set[str]:
    parts: list[set[str]] = []
    for favour in favours:
        touched = [part for part in parts if part & {*favour}]
        parts = [part for part in parts if part not in touched] + [{*favour}.union(*touched)]
    return max(parts, key=len, default=set())
