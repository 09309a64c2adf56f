"""Alerts other systems raise: some follow from what happened on the day, some have nothing to do with it.

Their rows carry `CAUSE`, which no stream has: the id of what is planted behind them, for the truth.
"""

from dataclasses import dataclass

import numpy as np

from noc_platform.simulator.conduct import HOUR, MINUTE, TOUR_DUE_WITHIN, Conduct, by_server
from noc_platform.simulator.frames import UNKNOWN, Flags, Frame, Reals, Whole, Words, together
from noc_platform.simulator.planted.causes import Cause
from noc_platform.simulator.reports.phones import phone_words
from noc_platform.simulator.reports.records import TASK_GRACE, TOUR_GRACE
from noc_platform.simulator.world import ZONES, Draw, World, instant_of
from noc_platform.streams.catalogue import ALERTS

TYPES = ALERTS.column("alert_type").allowed
SEVERITIES = ALERTS.column("severity").allowed
STATUSES = ALERTS.column("status").allowed
ENTITY_TYPES = ("device", "person", "site")

# Type, its usual severity (domain.md §1.4), what it is about, what it says.
KNOWN = {
    "DEVICE_OFFLINE": ("HIGH", "device", "The phone has not been heard for 20 minutes."),
    "SYNC_DEGRADED": ("MEDIUM", "device", "A phone delivered more than six hours late."),
    "ATTENDANCE_MISSING": ("LOW", "person", "Nobody punched in 15 minutes after the shift began."),
    "TOUR_OVERDUE": ("HIGH", "person", "A tour was not begun in its time and grace."),
    "TOUR_INCOMPLETE": ("MEDIUM", "person", "A tour ended with checkpoints left out."),
    "WORK_ORDER_OVERDUE": ("MEDIUM", "person", "A task was not done in its time and grace."),
    "GPS_LOW_ACCURACY": ("MEDIUM", "device", "Positions have been inaccurate for a while."),
    "SENSOR_THRESHOLD": ("MEDIUM", "site", "A sensor read above its limit."),
    "SECURITY_ANOMALY": ("CRITICAL", "site", "A door was opened out of hours."),
    "SLA_BREACH": ("HIGH", "site", "A request of the client was answered too late."),
    "GUARD_INACTIVITY": ("HIGH", "person", "The guard did not answer the call to be awake."),
    "GEOFENCE_BREACH": ("MEDIUM", "person", "The guard is outside the site."),
    "DEVICE_SPOOF": ("CRITICAL", "device", "The phone says its position is made up."),
}
MESSAGES = tuple(message for _, _, message in KNOWN.values())
OFFLINE_AFTER = 20 * MINUTE
MISSING_AFTER = 15 * MINUTE
SYNC_LATE = 6 * HOUR
# A share of each goes unnoticed, as in any real system.
NOTICED_SHARE = 0.85
NOTICED_TASKS_SHARE = 0.3
INDEPENDENT_A_SITE_DAY = {"SENSOR_THRESHOLD": 0.5, "SECURITY_ANOMALY": 0.08, "SLA_BREACH": 0.15}
# Hours of the site's day in which they come.
INDEPENDENT_HOURS = {"SENSOR_THRESHOLD": (0, 24), "SECURITY_ANOMALY": (21, 30), "SLA_BREACH": (8, 20)}
SENSOR_READING = (30.0, 6.0)
CAUSE = "cause_id"
NOTICED_SURGE_SHARE = 0.7
# What a cause is found by, how many minutes after it began at the earliest, and the share that is.
SEEN = (
    (Cause.DEVICE_DEAD, "DEVICE_OFFLINE", 20, NOTICED_SHARE),
    (Cause.SILENT_SITE, "DEVICE_OFFLINE", 20, 0.5),
    (Cause.SLEEPING_GUARD, "GUARD_INACTIVITY", 40, 0.35),
    (Cause.ABANDONED_TOUR, "GEOFENCE_BREACH", 15, 0.5),
    (Cause.GEOFENCE_CHEATING, "GEOFENCE_BREACH", 2, 0.4),
    (Cause.TIME_THEFT, "GEOFENCE_BREACH", 10, 0.15),
    (Cause.GPS_SPOOFING, "DEVICE_SPOOF", 10, 0.7),
)


def alerts(world: World, conduct: Conduct) -> Frame:
    """Rows of `alerts` of the roster day."""
    rng = world.rng(conduct.roster.number, Draw.ALERTS)
    causes = _names(conduct)
    raised = [*_found(conduct, rng), *_planted(conduct, rng)]
    of_shifts = [_of_shifts(world, conduct, each, causes, rng) for each in raised]
    return together([*of_shifts, *_of_sites(world, conduct, causes, rng), *_independent(world, conduct, causes, rng)])


@dataclass(frozen=True)
class _Raised:
    """Alerts of one type about people on shifts: at which instants, NaN for none; how many of them are noticed; and
    since when there has been something to notice."""

    name: str
    shift: Whole
    at: Reals
    share: float
    since: Reals


def _names(conduct: Conduct) -> tuple[str, ...]:
    """Ids of everything planted on the day's shifts."""
    spells = conduct.episodes.spells.values()
    return tuple(sorted({name for spell in spells for name in spell.names.values()}))


def _found(conduct: Conduct, rng: np.random.Generator) -> list[_Raised]:
    """What systems find without knowing why."""
    presence, roster, tours, tasks = conduct.presence, conduct.roster, conduct.tours, conduct.tasks
    shifts = np.arange(len(roster))
    cut_off = presence.cut_off_at + OFFLINE_AFTER
    is_missing = ~roster.is_cancelled & ~(presence.punched_in_at <= roster.starts + MISSING_AFTER)
    scanned = (~np.isnan(tours.scanned_at)).sum(axis=1)
    tours_end = tours.due_at + TOUR_DUE_WITHIN + TOUR_GRACE * MINUTE
    is_partial = (scanned > 0) & (scanned < tours.is_there.sum(axis=1))
    task_end = tasks.expires_at + TASK_GRACE * MINUTE
    is_offline = presence.reachable_at > cut_off
    is_late = presence.synced_at > presence.cut_off_at + SYNC_LATE
    inaccurate = presence.comes_at + rng.uniform(0.5, 6, len(roster)) * HOUR
    return [
        _Raised("DEVICE_OFFLINE", shifts, _only(is_offline, cut_off), NOTICED_SHARE, cut_off),
        _Raised("SYNC_DEGRADED", shifts, _only(is_late, presence.synced_at), 1.0, presence.cut_off_at),
        _Raised("ATTENDANCE_MISSING", shifts, _only(is_missing, roster.starts + MISSING_AFTER), NOTICED_SHARE,
                roster.starts),
        _Raised("TOUR_OVERDUE", tours.shift, _only(scanned == 0, tours_end), NOTICED_SHARE, tours.due_at),
        _Raised("TOUR_INCOMPLETE", tours.shift, _only(is_partial, tours.ends_at), NOTICED_SHARE / 2, tours.due_at),
        _Raised("WORK_ORDER_OVERDUE", tasks.shift, _only(np.isnan(tasks.ended_at), task_end), NOTICED_TASKS_SHARE,
                tasks.planned_at),
        # Nothing in the fixes explains these: the alert and the fixes have causes of their own.
        _Raised("GPS_LOW_ACCURACY", shifts, inaccurate, 0.02, np.full(len(roster), np.nan)),
    ]  # fmt: skip


def _planted(conduct: Conduct, rng: np.random.Generator) -> list[_Raised]:
    """What systems find of planted causes while they are on."""
    episodes, shifts = conduct.episodes, np.arange(len(conduct.roster))
    found = []
    for cause, name, after, share in SEEN:
        spell = episodes.spells[cause]
        is_seen = episodes.is_mocked if name == "DEVICE_SPOOF" else np.ones(len(shifts), np.bool_)
        at = spell.starts + (after + rng.uniform(0, 10, len(shifts))) * MINUTE
        found.append(_Raised(name, shifts, _only(is_seen & (at < spell.ends), at), share, spell.starts))
    return found


def _only(rows: Flags, instants: Reals) -> Reals:
    return np.where(rows, instants, np.nan)


def _of_shifts(
    world: World, conduct: Conduct, raised: _Raised, causes: tuple[str, ...], rng: np.random.Generator
) -> Frame:
    """Alerts about who is on a shift, those that are noticed."""
    noticed = ~np.isnan(raised.at) & (rng.random(len(raised.at)) < raised.share)
    shift, at = raised.shift[noticed], raised.at[noticed]
    person, site = conduct.roster.person[shift], conduct.roster.site[shift]
    behind = _behind(conduct, shift, raised.since[noticed], causes)
    return _alerts(world, raised.name, shift, at, person, site, behind, rng)


def _behind(conduct: Conduct, shift: Whole, since: Reals, causes: tuple[str, ...]) -> Words:
    """What was on at these instants of these shifts."""
    codes = np.full(len(shift), UNKNOWN, np.int64)
    places = {name: place for place, name in enumerate(causes)}
    for spell in conduct.episodes.spells.values():
        if spell.names:
            of_shift = np.full(len(conduct.roster), UNKNOWN, np.int64)
            of_shift[list(spell.names)] = [places[name] for name in spell.names.values()]
            codes = np.where(spell.covers(shift, since), of_shift[shift], codes)
    return Words(codes, causes)


def _of_sites(world: World, conduct: Conduct, causes: tuple[str, ...], rng: np.random.Generator) -> list[Frame]:
    """Alerts about a whole site where something is up, raised on the day it begins."""
    begun = [
        planted
        for planted in conduct.episodes.planted
        if planted.cause is Cause.SITE_SURGE and planted.cause_id.startswith(f"{conduct.roster.day:%Y%m%d}")
    ]
    frames = []
    for planted in begun:
        is_noticed = rng.random() < NOTICED_SURGE_SHARE
        at = np.array([planted.starts_at + rng.uniform(0, 10) * MINUTE])
        nobody = np.array([UNKNOWN])
        behind = Words(np.array([causes.index(planted.cause_id)]), causes)
        if is_noticed:
            site = np.array(planted.sites)
            frames.append(_alerts(world, "SECURITY_ANOMALY", nobody, at, nobody, site, behind, rng))
    return frames


def _independent(world: World, conduct: Conduct, causes: tuple[str, ...], rng: np.random.Generator) -> list[Frame]:
    midnights = np.array([instant_of(zone, conduct.roster.day, 0) for zone in range(len(ZONES))])
    frames = []
    for name, expected in INDEPENDENT_A_SITE_DAY.items():
        site = np.repeat(np.arange(world.plan.sites), rng.poisson(expected, world.plan.sites))
        nobody = np.full(len(site), UNKNOWN, np.int64)
        hours = rng.uniform(*INDEPENDENT_HOURS[name], len(site))
        at = midnights[world.sites.zone[site]] + hours * HOUR
        frames.append(_alerts(world, name, nobody, at, nobody, site, Words(nobody, causes), rng))
    return frames


def _alerts(
    world: World, name: str, shift: Whole, at: Reals, person: Whole, site: Whole, behind: Words,
    rng: np.random.Generator,
) -> Frame:  # fmt: skip
    count = len(at)
    severity, entity_type, message = KNOWN[name]
    is_measured = name == "SENSOR_THRESHOLD"
    entities = {
        "device": phone_words(world, person),
        "person": world.person_words(person),
        "site": world.site_words(site),
    }
    entity = entities[entity_type]
    # One vocabulary for whatever the alert may be about, so that alerts of all kinds can be put together.
    vocabulary = tuple(word for words in entities.values() for word in words.vocabulary)
    before = sum(len(words.vocabulary) for words in list(entities.values())[: ENTITY_TYPES.index(entity_type)])
    return Frame(
        shift,
        {
            "tenant_id": world.tenant_words(world.sites.tenant[site]),
            "occurred_at": at,
            "alert_type": Words(np.full(count, TYPES.index(name)), TYPES),
            "severity": Words(np.full(count, SEVERITIES.index(severity)), SEVERITIES),
            "status": Words(np.full(count, STATUSES.index("NEW")), STATUSES),
            "person_id": world.person_words(person),
            "site_id": world.site_words(site),
            "client_id": Words(world.sites.client[site], world.client_ids),
            "device_id": phone_words(world, person),
            "entity_type": Words(np.full(count, ENTITY_TYPES.index(entity_type)), ENTITY_TYPES),
            "entity_id": Words(entity.codes + before, vocabulary),
            "message": Words(np.full(count, MESSAGES.index(message)), MESSAGES),
            "measured_value": np.round(rng.normal(*SENSOR_READING, count), 1)
            if is_measured
            else np.full(count, np.nan),
            "received_at": at + by_server(count, rng),
            CAUSE: behind,
        },
    )
