"""What the rules of the audit go by: windows, patience and limits, with the defaults of domain.md §2. Nothing here
decides."""

from dataclasses import dataclass, field
from datetime import timedelta

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class FactsPolicy:
    """What is collected for an audit.

    Signals are taken over `window`; the last word of a phone is looked for over `memory`, a shift long, as a phone that
    died early in it says so only once. `idle` is the stretch without a sign of life after which somebody is idle.
    Clocks are judged by what was received in `recent`, whereabouts by the newest fix of `recent`. Tours are followed
    for `tour_memory` after they fell due, other work for `work_memory`. Due work may wait for `patience` before that
    says anything. A report of more than `walking_steps` steps is somebody walking.
    """

    window: timedelta = 120 * MINUTE
    memory: timedelta = timedelta(hours=12)
    idle: timedelta = 90 * MINUTE
    recent: timedelta = 30 * MINUTE
    tour_memory: timedelta = timedelta(hours=12)
    work_memory: timedelta = timedelta(hours=72)
    patience: timedelta = 30 * MINUTE
    walking_steps: int = 10


@dataclass(frozen=True)
class SilencePolicy:
    """When somebody is unheard, and of what.

    A feed is late when nothing was received for `feed_late`, while at least `feed_guards` at `feed_sites` sites should
    have been heard since. A guard is unheard after `unheard`. A phone that last said it had at most `empty_percent` of
    its charge has died. Guards of a site who fall silent within `together` of one another do so for one reason; one who
    is alone there is cut off until `lone_site`: that long, a site gone silent is the likelier of the two.
    A clock is wrong when it is off by more than `clock_off`, by the same amount in all of at least `clock_rows` rows.
    A forgotten punch-out is taken for one when nothing is heard from `forgotten` after the shift's end.
    """

    feed_late: timedelta = 20 * MINUTE
    feed_guards: int = 3
    feed_sites: int = 2
    unheard: timedelta = 20 * MINUTE
    empty_percent: float = 5.0
    together: timedelta = 20 * MINUTE
    lone_site: timedelta = 120 * MINUTE
    clock_off: timedelta = timedelta(seconds=90)
    clock_rows: int = 3
    forgotten: timedelta = 30 * MINUTE


@dataclass(frozen=True)
class InactivityPolicy:
    """How inactive somebody is (domain.md §2.4). Weights are of phone, movement, tasks, checkpoints, by night and in
    the deep of it; they are normalised over what is known. Less than `least_coverage` of all weight known tells
    nothing: it takes more than a phone that lies still. Nobody is inactive before `after`: guards who rest for an hour
    and a half are common (scoreboard, false findings). Where no steps are counted, less than `still_meters` in a
    window is no movement: a phone that lies still is credited 16 m/h (scoreboard, movement of a guard who sits)."""

    weights: tuple[float, float, float, float] = (0.20, 0.30, 0.25, 0.25)
    deep_weights: tuple[float, float, float, float] = (0.30, 0.40, 0.25, 0.30)
    deep_night: tuple[int, int] = (1, 5)
    after: timedelta = 110 * MINUTE
    inactive_from: float = 0.8
    critical_from: float = 0.9
    least_coverage: float = 0.7
    still_meters: float = 60.0


@dataclass(frozen=True)
class TourPolicy:
    """Tours (domain.md §2.3): how late is how bad, and what no walk explains.

    A tour is missed when the phone of whoever was to walk it was heard for `least_heard` of its time and grace: of
    others nobody knows. `abandoned_meters` is past the edge of the geofence, `abandoned_after` since the last scan.
    Scans are ghostly when there are `ghost_scans` or more and half of them follow within `ghost_seconds`, faster than
    `fastest_walk` metres a second, or at one place: half of all steps between them shorter than `ghost_meters`.
    """

    medium_after: timedelta = 30 * MINUTE
    high_after: timedelta = 60 * MINUTE
    critical_after: timedelta = 120 * MINUTE
    abandoned_meters: float = 100.0
    abandoned_after: timedelta = 5 * MINUTE
    least_heard: float = 0.8
    ghost_scans: int = 3
    ghost_seconds: float = 15.0
    ghost_meters: float = 15.0
    fastest_walk: float = 6.0


@dataclass(frozen=True)
class PatternPolicy:
    """Rules over several signals (domain.md §2.3). `least_minutes` on duty in the window is what it takes to expect
    anything of it; minima of counts are those of a site's audit schedule (§1.5)."""

    silent_site_after: timedelta = 30 * MINUTE
    silent_site_critical_after: timedelta = 60 * MINUTE
    offline_after: timedelta = 30 * MINUTE
    storm_tasks: int = 5
    storm_tours: int = 3
    storm_alerts: int = 10
    phantom_locations: int = 5
    phantom_tasks: int = 2
    phantom_minutes: float = 115.0
    phantom_heard_slots: int = 11
    failure_events: int = 5
    least_minutes: float = 60.0
    least_heard_slots: int = 3
    least_phone_events: int = 1
    least_location_updates: int = 1


@dataclass(frozen=True)
class UndonePolicy:
    """When somebody who is there has done too little of what was due: `low_tasks` wait, less than `low_share` of the
    checkpoints of tours that are over were scanned, or nobody walks, by `least_fixes` positions and `few_steps`."""

    low_tasks: int = 2
    low_share: float = 0.5
    least_fixes: int = 5
    few_steps: int = 100


@dataclass(frozen=True)
class RulesPolicy:
    """All of it."""

    facts: FactsPolicy = field(default_factory=FactsPolicy)
    silence: SilencePolicy = field(default_factory=SilencePolicy)
    inactivity: InactivityPolicy = field(default_factory=InactivityPolicy)
    tours: TourPolicy = field(default_factory=TourPolicy)
    patterns: PatternPolicy = field(default_factory=PatternPolicy)
    undone: UndonePolicy = field(default_factory=UndonePolicy)
