"""Alerts other systems raise: some follow from what happened on the day, some have nothing to do with it."""

import numpy as np

from noc_platform.simulator.conduct import DAY, HOUR, MINUTE, TOUR_DUE_WITHIN, Conduct
from noc_platform.simulator.frames import UNKNOWN, Frame, Reals, Whole, Words, together
from noc_platform.simulator.phones import phone_words
from noc_platform.simulator.records import TASK_GRACE, TOUR_GRACE
from noc_platform.simulator.world import Draw, World, midnight
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
}
MESSAGES = tuple(message for _, _, message in KNOWN.values())
OFFLINE_AFTER = 20 * MINUTE
MISSING_AFTER = 15 * MINUTE
SYNC_LATE = 6 * HOUR
# A share of each goes unnoticed, as in any real system.
NOTICED_SHARE = 0.85
NOTICED_TASKS_SHARE = 0.3
INDEPENDENT_A_SITE_DAY = {"SENSOR_THRESHOLD": 0.5, "SECURITY_ANOMALY": 0.08, "SLA_BREACH": 0.15}
SENSOR_READING = (30.0, 6.0)


def alerts(world: World, conduct: Conduct) -> Frame:
    """Rows of `alerts` of the roster day."""
    rng = world.rng(conduct.roster.number, Draw.ALERTS)
    return together([*_explained(world, conduct, rng), *_independent(world, conduct, rng)]).by_receipt()


def _explained(world: World, conduct: Conduct, rng: np.random.Generator) -> list[Frame]:
    presence, roster, tours, tasks = conduct.presence, conduct.roster, conduct.tours, conduct.tasks
    shifts = np.arange(len(roster))
    cut_off = presence.cut_off_at + OFFLINE_AFTER
    is_missing = ~roster.is_cancelled & ~(presence.comes_at <= roster.starts + MISSING_AFTER)
    scanned = (~np.isnan(tours.scanned_at)).sum(axis=1)
    tours_end = tours.due_at + TOUR_DUE_WITHIN + TOUR_GRACE * MINUTE
    is_partial = (scanned > 0) & (scanned < tours.is_there.sum(axis=1))
    task_end = tasks.expires_at + TASK_GRACE * MINUTE
    found = [
        ("DEVICE_OFFLINE", shifts, np.where(presence.reachable_at > cut_off, cut_off, np.nan), NOTICED_SHARE),
        (
            "SYNC_DEGRADED",
            shifts,
            np.where(presence.synced_at > presence.cut_off_at + SYNC_LATE, presence.synced_at, np.nan),
            1.0,
        ),
        ("ATTENDANCE_MISSING", shifts, np.where(is_missing, roster.starts + MISSING_AFTER, np.nan), NOTICED_SHARE),
        ("TOUR_OVERDUE", tours.shift, np.where(scanned == 0, tours_end, np.nan), NOTICED_SHARE),
        ("TOUR_INCOMPLETE", tours.shift, np.where(is_partial, tours.ends_at, np.nan), NOTICED_SHARE / 2),
        ("WORK_ORDER_OVERDUE", tasks.shift, np.where(np.isnan(tasks.ended_at), task_end, np.nan), NOTICED_TASKS_SHARE),
        # Nothing in the fixes explains these: the alert and the fixes have causes of their own.
        ("GPS_LOW_ACCURACY", shifts, presence.comes_at + rng.uniform(0.5, 6, len(roster)) * HOUR, 0.02),
    ]
    return [_of_shifts(world, conduct, name, shift, at, share, rng) for name, shift, at, share in found]


def _of_shifts(
    world: World, conduct: Conduct, name: str, shift: Whole, at: Reals, share: float, rng: np.random.Generator
) -> Frame:
    """Alerts about who is on a shift, at the instants that are one, of which `share` is noticed."""
    raised = ~np.isnan(at) & (rng.random(len(at)) < share)
    shift, at = shift[raised], at[raised]
    return _alerts(world, name, shift, at, conduct.roster.person[shift], conduct.roster.site[shift], rng)


def _independent(world: World, conduct: Conduct, rng: np.random.Generator) -> list[Frame]:
    start = midnight(conduct.roster.day)
    frames = []
    for name, expected in INDEPENDENT_A_SITE_DAY.items():
        site = np.repeat(np.arange(world.plan.sites), rng.poisson(expected, world.plan.sites))
        nobody = np.full(len(site), UNKNOWN, np.int64)
        frames.append(_alerts(world, name, nobody, start + rng.random(len(site)) * DAY, nobody, site, rng))
    return frames


def _alerts(
    world: World, name: str, shift: Whole, at: Reals, person: Whole, site: Whole, rng: np.random.Generator
) -> Frame:
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
            "received_at": at + rng.uniform(0.5, 8, count),
        },
    )
