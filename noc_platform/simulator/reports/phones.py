"""What phones report of a day: GPS fixes, steps, logins, calls, battery and network."""

import hashlib

import numpy as np

from noc_platform.simulator import kinds
from noc_platform.simulator.conduct import HOUR, MINUTE, Conduct, repeated
from noc_platform.simulator.frames import UNKNOWN, Flags, Frame, Reals, Values, Whole, Words, together, uuids_at
from noc_platform.simulator.misconduct import UNHEARD
from noc_platform.simulator.planted.causes import Cause
from noc_platform.simulator.world import METERS_PER_DEGREE, Draw, World
from noc_platform.streams.catalogue import DEVICE_EVENTS

EVENT_KINDS = DEVICE_EVENTS.column("event_kind").allowed
PROVIDERS = DEVICE_EVENTS.column("network_provider").allowed
PERMISSIONS = DEVICE_EVENTS.column("location_permission").allowed
PLATFORMS = ("Android 12", "Android 13", "Android 14", "iOS 17.6", "iOS 18.1")
APP_VERSIONS = ("4.8.2", "4.9.0", "4.9.1")

FIX_EVERY = (60.0, 180.0)
STEPS_EVERY = (60.0, 100.0)
LOG_EVERY = 150.0
STRIDE_METERS = 0.72
DUPLICATE_SHARE = 0.002
UNKNOWN_ACCURACY_SHARE = 0.015
UNKNOWN_BATTERY_SHARE = 0.02
LOST_UNDER_ROOF_SHARE = 0.6
DEEP_INSIDE_SHARE = 0.4
POOR_SHARE, POOR_ACCURACY, MOST_ACCURACY = 0.01, 100.0, 2_000.0
# Of the squared error of positions, what lasts for minutes rather than one fix.
LASTING_SHARE = 0.6
LASTING_GRID = 5 * MINUTE
SLOT = 30 * MINUTE
SLOTS = 64
OTHER_PARTIES = 400
COORDINATE_DIGITS = 7
CLOCKED_PLATFORMS = 3
SURGE_AN_HOUR = 60.0
MADE_UP_ACCURACY = 5.0
MADE_UP_METERS = 1.5


def phone_words(world: World, person: Whole) -> Words:
    """The phone each person carries."""
    return Words(person, tuple(f"phone-{place:05d}" for place in range(len(world.people.role))))


def location_updates(world: World, conduct: Conduct) -> Frame:
    """Rows of `location_updates`, none twice: a fix every one to three minutes on duty, fewer under a roof."""
    rng = world.rng(conduct.roster.number, Draw.FIXES)
    every = rng.triangular(FIX_EVERY[0], FIX_EVERY[0] + 10, FIX_EVERY[1], len(conduct.roster))
    shift, instants = _ticks(conduct, every, rng)
    is_inside = _is_inside(world, conduct, shift, instants)
    is_made_up = conduct.episodes.is_on(Cause.GPS_SPOOFING)
    is_lost = is_inside & (rng.random(len(shift)) < LOST_UNDER_ROOF_SHARE) & ~is_made_up[shift]
    is_lost |= conduct.episodes.covers(shift, instants, *UNHEARD)
    shift, instants, is_inside = shift[~is_lost], instants[~is_lost], is_inside[~is_lost]
    accuracy = np.where(is_made_up[shift], MADE_UP_ACCURACY, _accuracy(is_inside, rng))
    latitude, longitude = _coordinates(world, conduct, shift, instants, accuracy, rng)
    is_untold = (rng.random(len(shift)) < UNKNOWN_ACCURACY_SHARE) & ~is_made_up[shift]
    columns: dict[str, Values] = {
        **_who(world, conduct, shift),
        "occurred_at": instants + conduct.episodes.clock_offset[shift],
        "latitude": latitude,
        "longitude": longitude,
        "accuracy_meters": np.where(is_untold, np.nan, accuracy),
        "is_location_mocked": conduct.episodes.is_mocked[shift],
        "received_at": conduct.presence.received(shift, instants, rng),
    }
    return Frame(shift, columns)


def device_events(world: World, conduct: Conduct) -> Frame:
    """Rows of `device_events`, none twice: steps every minute or so, the state of the phone, logins, alerts, calls."""
    rng = world.rng(conduct.roster.number, Draw.DEVICE_EVENTS)
    wear = _wear(conduct, rng)
    parts = [
        _steps(world, conduct, wear, rng),
        _logs(world, conduct, wear, rng),
        _sessions(world, conduct, rng),
        _location_alerts(world, conduct, rng),
        _calls(world, conduct, rng),
        _surge(world, conduct, rng),
    ]
    rows = together(parts)
    instants = rows.reals("occurred_at")
    claimed = instants + conduct.episodes.clock_offset[rows.shift]
    columns: dict[str, Values] = {
        **rows.columns,
        "event_id": uuids_at(claimed, rng),
        "occurred_at": claimed,
        "is_location_mocked": conduct.episodes.is_mocked[rows.shift],
        "received_at": conduct.presence.received(rows.shift, instants, rng),
    }
    return Frame(rows.shift, columns).take(~conduct.episodes.covers(rows.shift, instants, *UNHEARD))


def with_repeats(frame: Frame, rng: np.random.Generator) -> Frame:
    """The rows, a few of them sent twice to the letter."""
    again = np.flatnonzero(rng.random(len(frame)) < DUPLICATE_SHARE)
    return frame.take(np.concatenate([np.arange(len(frame)), again]))


def _ticks(conduct: Conduct, every: Reals, rng: np.random.Generator) -> tuple[Whole, Reals]:
    """Moments about `every` seconds apart on each shift, while the person is there."""
    presence = conduct.presence
    length = np.nan_to_num(presence.leaves_at - presence.comes_at)
    shift, nth = repeated((length // every).astype(np.int64))
    return shift, presence.comes_at[shift] + (nth + rng.uniform(0.1, 0.9, len(shift))) * every[shift]


def _is_inside(world: World, conduct: Conduct, shift: Whole, instants: Reals) -> Flags:
    """Whether somebody is deep in a building then: for half hours at a time, never when far from the post.

    The same whoever asks, so that positions and signal tell of the same roofs.
    """
    rng = world.rng(conduct.roster.number, Draw.ROOFS)
    roster = conduct.roster
    indoors = np.array([kind.indoors for kind in kinds.KINDS])[world.sites.kind[roster.site]]
    spells = rng.random((len(roster), SLOTS)) < indoors[:, None] * DEEP_INSIDE_SHARE
    slot = np.clip((instants - roster.starts[shift]) // SLOT, 0, SLOTS - 1).astype(np.int64)
    away = np.linalg.norm(conduct.path.position(shift, instants) - world.sites.post[roster.site[shift]], axis=-1)
    return np.asarray(spells[shift, slot] & (away < 15), np.bool_)


def _accuracy(is_inside: Flags, rng: np.random.Generator) -> Reals:
    median = np.where(is_inside, 32.0, 8.0)
    spread = rng.lognormal(0, np.where(is_inside, 0.6, 0.45))
    is_poor = rng.random(len(median)) < POOR_SHARE
    poor = np.minimum(POOR_ACCURACY * (1 + rng.exponential(1.0, len(median))), MOST_ACCURACY)
    return np.asarray(np.round(np.where(is_poor, poor, median * spread), 1), np.float64)


def _coordinates(
    world: World, conduct: Conduct, shift: Whole, instants: Reals, accuracy: Reals, rng: np.random.Generator
) -> tuple[Reals, Reals]:
    """Where the phone believes it is, degrees: the true place, off by what its accuracy says (68 % within it)."""
    # A Rayleigh distance has 68 % of its mass within 1.51 of its scale.
    lasting = np.sqrt(LASTING_SHARE) * _lasting(conduct, shift, instants, rng)
    fleeting = np.sqrt(1 - LASTING_SHARE) * rng.normal(0, 1, (len(shift), 2))
    error = (lasting + fleeting) * (accuracy / 1.51)[:, None]
    # An app that makes positions up repeats the same one.
    error[conduct.episodes.is_on(Cause.GPS_SPOOFING)[shift]] = MADE_UP_METERS
    return degrees(world, conduct.roster.site[shift], conduct.path.position(shift, instants) + error)


def _lasting(conduct: Conduct, shift: Whole, instants: Reals, rng: np.random.Generator) -> Reals:
    """The part of positions' error that drifts over minutes, `(row, 2)`, of unit variance at every moment."""
    since = np.maximum(instants - conduct.presence.comes_at[shift], 0) / LASTING_GRID
    begins = since.astype(np.int64)
    grid = rng.normal(0, 1, (len(conduct.roster), int(begins.max(initial=0)) + 2, 2))
    share = (since - begins)[:, None]
    drift = grid[shift, begins] * (1 - share) + grid[shift, begins + 1] * share
    return np.asarray(drift / np.hypot(share, 1 - share), np.float64)


def degrees(world: World, site: Whole, metres: Reals) -> tuple[Reals, Reals]:
    """Latitude and longitude of metres east and north of a site."""
    latitude = world.sites.latitude[site] + metres[:, 1] / METERS_PER_DEGREE
    longitude = world.sites.longitude[site] + metres[:, 0] / (
        METERS_PER_DEGREE * np.cos(np.radians(world.sites.latitude[site]))
    )
    return np.round(latitude, COORDINATE_DIGITS), np.round(longitude, COORDINATE_DIGITS)


def _who(world: World, conduct: Conduct, shift: Whole) -> dict[str, Values]:
    person = conduct.roster.person[shift]
    return {
        "tenant_id": world.tenant_words(world.people.tenant[person]),
        "person_id": world.person_words(person),
        "site_id": world.site_words(conduct.roster.site[shift]),
        "device_id": phone_words(world, conduct.episodes.phone[shift]),
    }


def _event(world: World, conduct: Conduct, kind: str, shift: Whole, instants: Reals, **told: Values) -> Frame:
    """Device events of one kind; what is not told is unknown."""
    count, person = len(shift), conduct.roster.person[shift]
    unknown, untold = np.full(count, np.nan), np.full(count, UNKNOWN, np.int64)
    columns: dict[str, Values] = {
        **_who(world, conduct, shift),
        "occurred_at": instants,
        "event_kind": Words(np.full(count, EVENT_KINDS.index(kind)), EVENT_KINDS),
        "duration_seconds": unknown,
        "other_party": Words(untold, _other_parties()),
        "latitude": unknown,
        "longitude": unknown,
        "accuracy_meters": unknown,
        "is_location_mocked": np.zeros(count, np.bool_),
        "is_location_enabled": np.ones(count, np.int64),
        "location_permission": Words((person % 9 == 0).astype(np.int64), PERMISSIONS),
        "battery_level": unknown,
        "signal_strength": unknown,
        "signal_bandwidth": unknown,
        "network_provider": Words(untold, PROVIDERS),
        "step_count": untold,
        "platform_version": Words(person % len(PLATFORMS), PLATFORMS),
        "app_version": Words(person % len(APP_VERSIONS), APP_VERSIONS),
    }
    return Frame(shift, {**columns, **told})


def _when_busy(world: World, conduct: Conduct, shift: Whole, instants: Reals, rng: np.random.Generator) -> Flags:
    """Which of these moments a phone is in use: the busier the site, the more."""
    return np.asarray(rng.random(len(shift)) < world.level(conduct.roster.site[shift], instants), np.bool_)


def _steps(world: World, conduct: Conduct, wear: Reals, rng: np.random.Generator) -> Frame:
    every = rng.uniform(*STEPS_EVERY, len(conduct.roster))
    shift, instants = _ticks(conduct, every, rng)
    walked = conduct.path.walked(shift, instants) - conduct.path.walked(shift, instants - every[shift])
    steps = np.floor(np.maximum(walked, 0) / STRIDE_METERS).astype(np.int64) + rng.poisson(0.6, len(shift))
    told = _when_busy(world, conduct, shift, instants, rng) | (steps > 10)
    told &= rng.random(len(shift)) < conduct.episodes.effort[shift]
    shift, instants, steps = shift[told], instants[told], steps[told]
    battery = _battery(conduct, shift, instants, wear)
    return _event(world, conduct, "stepcount", shift, instants, step_count=steps, battery_level=battery)


def _logs(world: World, conduct: Conduct, wear: Reals, rng: np.random.Generator) -> Frame:
    shift, instants = _ticks(conduct, np.full(len(conduct.roster), LOG_EVERY), rng)
    # Some phones write their log by the clock, so that events do fall on the full hour.
    by_clock = conduct.roster.person[shift] % len(PLATFORMS) >= CLOCKED_PLATFORMS
    instants = np.where(by_clock, np.ceil(instants / LOG_EVERY) * LOG_EVERY, instants)
    is_there = instants < conduct.presence.leaves_at[shift]
    shift, instants = shift[is_there], instants[is_there]
    battery = _battery(conduct, shift, instants, wear)
    battery[rng.random(len(shift)) < UNKNOWN_BATTERY_SHARE] = np.nan
    signal = _signal(world, conduct, shift, instants, rng)
    presence = conduct.presence
    is_cut_off = (instants >= presence.cut_off_at[shift]) & (instants < presence.reachable_at[shift])
    network = _network(world, conduct, shift, is_cut_off)
    bandwidth = np.round(np.exp((signal + 120) / 12 + rng.normal(0, 0.4, len(shift))) * 100)
    return _event(
        world, conduct, "devicelogs", shift, instants,
        battery_level=battery, signal_strength=np.where(is_cut_off, np.nan, signal),
        signal_bandwidth=np.where(is_cut_off, np.nan, bandwidth), network_provider=Words(network, PROVIDERS),
        is_location_enabled=(rng.random(len(shift)) >= 0.003).astype(np.int64),
    )  # fmt: skip


def _network(world: World, conduct: Conduct, shift: Whole, is_cut_off: Flags) -> Whole:
    """Wi-Fi for some guards at sites under a roof, mobile else, none while cut off."""
    indoors = np.array([kind.indoors >= 0.5 for kind in kinds.KINDS])[world.sites.kind[conduct.roster.site[shift]]]
    has_wifi = indoors & (conduct.roster.person[shift] % 3 == 0)
    usual = np.where(has_wifi, PROVIDERS.index("wifi"), PROVIDERS.index("mobile"))
    return np.where(is_cut_off, PROVIDERS.index("none"), usual)


def _wear(conduct: Conduct, rng: np.random.Generator) -> Reals:
    """Charge at the beginning in percent, and percent used an hour, as `(shift, 2)`."""
    phones = conduct.roster.person
    used = 4.0 + (phones * 7 % 11) * 0.6
    return np.stack([rng.uniform(80, 100, len(phones)), used], axis=-1)


def _battery(conduct: Conduct, shift: Whole, instants: Reals, wear: Reals) -> Reals:
    """Charge in percent: falling through the shift; below 12 % it goes on the charger and rises six times as fast."""
    hours = (instants - conduct.presence.comes_at[shift]) / HOUR
    over = wear[shift, 0] - 12 - wear[shift, 1] * hours
    charge = np.where(over >= 0, 12 + over, np.minimum(100, 12 - 6 * over))
    # A phone about to die says so.
    hours_left = (conduct.episodes.spells[Cause.DEVICE_DEAD].starts[shift] - instants) / HOUR
    return np.asarray(np.round(np.fmin(charge, 1 + np.maximum(hours_left, 0) * 12)), np.float64)


def _signal(world: World, conduct: Conduct, shift: Whole, instants: Reals, rng: np.random.Generator) -> Reals:
    """Received signal in dBm: a level of the site, a slow swell over the day, a roof, and noise."""
    site = conduct.roster.site[shift]
    level = -72.0 - (site * 13 % 17)
    swell = 5 * np.sin(instants / HOUR * (2 * np.pi / 24) + site)
    roof = np.where(_is_inside(world, conduct, shift, instants), -14, 0)
    return np.asarray(np.clip(np.round(level + swell + roof + rng.normal(0, 3, len(shift))), -125, -45), np.float64)


def _sessions(world: World, conduct: Conduct, rng: np.random.Generator) -> Frame:
    presence = conduct.presence
    there = np.flatnonzero(~np.isnan(presence.comes_at))
    leaving = there[rng.random(len(there)) >= 0.03]
    comes = presence.comes_at[there] + rng.uniform(10, 90, len(there))
    leaves = presence.leaves_at[leaving] - rng.uniform(5, 60, len(leaving))
    return together([_event(world, conduct, "login", there, comes), _event(world, conduct, "logout", leaving, leaves)])


def _location_alerts(world: World, conduct: Conduct, rng: np.random.Generator) -> Frame:
    shift, instants = _some(conduct, 0.4, rng)
    accuracy = _accuracy(np.ones(len(shift), np.bool_), rng)
    latitude, longitude = _coordinates(world, conduct, shift, instants, accuracy, rng)
    return _event(
        world,
        conduct,
        "locationalert",
        shift,
        instants,
        latitude=latitude,
        longitude=longitude,
        accuracy_meters=accuracy,
    )


def _calls(world: World, conduct: Conduct, rng: np.random.Generator) -> Frame:
    frames = []
    for kind, expected in (("call_incoming", 0.9), ("call_outgoing", 0.7)):
        shift, instants = _some(conduct, expected, rng)
        duration = np.round(rng.lognormal(np.log(70), 0.9, len(shift)))
        parties = Words(rng.integers(0, OTHER_PARTIES, len(shift)), _other_parties())
        frames.append(_event(world, conduct, kind, shift, instants, duration_seconds=duration, other_party=parties))
    return together(frames)


def _surge(world: World, conduct: Conduct, rng: np.random.Generator) -> Frame:
    """Calls to and fro while something is up at the site."""
    spell = conduct.episodes.spells[Cause.SITE_SURGE]
    starts = np.fmax(spell.starts, conduct.presence.comes_at)
    length = np.nan_to_num(np.fmin(spell.ends, conduct.presence.leaves_at) - starts)
    shift, _ = repeated(rng.poisson(np.where(spell.is_on, np.maximum(length, 0) / HOUR * SURGE_AN_HOUR, 0)))
    instants = starts[shift] + rng.random(len(shift)) * length[shift]
    duration = np.round(rng.lognormal(np.log(25), 0.6, len(shift)))
    return _event(world, conduct, "call_outgoing", shift, instants, duration_seconds=duration)


def _some(conduct: Conduct, expected: float, rng: np.random.Generator) -> tuple[Whole, Reals]:
    """Moments at random on each shift that is worked, `expected` on average."""
    presence = conduct.presence
    shift, _ = repeated(rng.poisson(np.where(np.isnan(presence.comes_at), 0, expected)))
    length = presence.leaves_at[shift] - presence.comes_at[shift]
    return shift, presence.comes_at[shift] + rng.uniform(0.02, 0.98, len(shift)) * length


def _other_parties() -> tuple[str, ...]:
    return tuple(hashlib.sha256(b"party-%d" % place).hexdigest()[:32] for place in range(OTHER_PARTIES))
