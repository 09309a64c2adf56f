"""What is booked of a day: tours due, work planned and done, attendance with its biometric evidence."""

import hashlib

import numpy as np

from noc_platform.simulator import kinds
from noc_platform.simulator.conduct import HOUR, MINUTE, TOUR_DUE_WITHIN, Conduct, by_server
from noc_platform.simulator.frames import UNKNOWN, Flags, Frame, Numbered, Reals, Values, Whole, Words, together
from noc_platform.simulator.planted.causes import Cause
from noc_platform.simulator.planted.episodes import SECOND_PUNCH_NUMBERS
from noc_platform.simulator.reports.phones import MADE_UP_ACCURACY, MADE_UP_METERS, degrees, phone_words
from noc_platform.simulator.roster import PUBLISHED_BEFORE_SECONDS
from noc_platform.simulator.world import MOST_CHECKPOINTS, Draw, World, midnight
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS, AUTOCLOSED, COMPLETED, JOBNEEDS, TOURS_DUE

IDENTIFIERS = JOBNEEDS.column("identifier").allowed
STATUSES = JOBNEEDS.column("status").allowed
SCAN_TYPES = JOBNEEDS.column("scan_type").allowed
PRIORITIES = JOBNEEDS.column("priority").allowed
JOB_TYPES = JOBNEEDS.column("job_type").allowed
TOUR_TYPES = TOURS_DUE.column("tour_type").allowed
BIOMETRIC_TYPES = ATTENDANCE_EVENTS.column("biometric_type").allowed
BIOMETRIC_RESULTS = ATTENDANCE_EVENTS.column("biometric_result").allowed
TRANSPORT = ("BUS", "TRAIN", "BIKE", "CAR", "WALK")

TASK_KINDS = (("TASK", "Check the visitor register"), ("TASK", "Check fire exits"), ("TASK", "Hand over keys"),
              ("PPM", "Test the panic button"), ("SITEREPORT", "Write the site report"),
              ("ASSETLOG", "Read the generator log"), ("TASK", "Inspect the loading bay"))  # fmt: skip
TOUR_DESCRIPTION = len(TASK_KINDS)
CHECKPOINT_DESCRIPTION = TOUR_DESCRIPTION + 1
DESCRIPTIONS = (*(text for _, text in TASK_KINDS), "Tour", "Checkpoint")
CHECKPOINTS = tuple(f"CP-{place + 1:02d}" for place in range(MOST_CHECKPOINTS))
TOUR_GRACE = 30.0
TASK_GRACE = 15.0
FACE_THRESHOLD = 0.3
# Of those who stand in for another before the camera, who hold up a picture of them.
PICTURE_SHARE = 0.4
POOR_LIGHT_SHARE = 0.04
# A terminal that looks for whom it sees takes somebody for another now and then.
TAKEN_FOR_ANOTHER_SHARE = 0.003
FORGOTTEN_PUNCH_OUT_SHARE = 0.015
ENTERED_LATER_SHARE = 0.7
ENTERED_LATER_AFTER = (4 * HOUR, 36 * HOUR)
# A supervisor enters what a form has room for.
ENTERED_TO_THE = 15 * MINUTE
OUTSIDE_METERS = (350.0, 3_000.0)


def tours_due(world: World, conduct: Conduct) -> Frame:
    """Rows of `tours_due`."""
    tours, roster = conduct.tours, conduct.roster
    count, person = len(tours.shift), roster.person[tours.shift]
    site = roster.site[tours.shift]
    return Frame(
        tours.shift,
        {
            "tenant_id": world.tenant_words(world.people.tenant[person]),
            "tour_id": Numbered("job-", tours.number),
            "person_id": world.person_words(person),
            "site_id": world.site_words(site),
            "due_at": tours.due_at,
            "due_until": tours.due_at + TOUR_DUE_WITHIN,
            "grace_minutes": np.full(count, TOUR_GRACE),
            "tour_type": _tour_type(tours.number, tours.is_external),
            "is_mandatory": tours.number % 5 != 0,
            "total_checkpoints": tours.is_there.sum(axis=1),
            "received_at": np.full(count, midnight(roster.day) - PUBLISHED_BEFORE_SECONDS),
        },
    )


def jobneeds(world: World, conduct: Conduct) -> Frame:
    """Rows of `jobneeds`: every tour, checkpoint and task as planned, and again as it ended."""
    rng = world.rng(conduct.roster.number, Draw.WORK)
    parts = [_tour_rows(world, conduct, rng), _checkpoint_rows(world, conduct, rng), _task_rows(world, conduct, rng)]
    return together([row for part in parts for row in part]).by_receipt()


def attendance_events(world: World, conduct: Conduct) -> Frame:
    """Rows of `attendance_events`: one when the guard punches in, one more of the same attendance on punching out.

    A forgotten punch-out is mostly entered by a supervisor the next day.
    """
    rng = world.rng(conduct.roster.number, Draw.ATTENDANCE)
    presence = conduct.presence
    shift = np.flatnonzero(~np.isnan(presence.punched_in_at))
    coming = _punches(world, conduct, shift, rng)
    arrivals = presence.punched_in_at[shift]
    departures = presence.punched_out_at[shift]
    is_forgotten = rng.random(len(shift)) < FORGOTTEN_PUNCH_OUT_SHARE
    is_entered = is_forgotten & (rng.random(len(shift)) < ENTERED_LATER_SHARE)
    first = {
        **coming,
        "occurred_at": arrivals,
        "received_at": presence.received(shift, arrivals, rng),
        **_no_punch_out(len(shift)),
    }
    last = {**coming, "occurred_at": departures, "received_at": presence.received(shift, departures, rng)}
    last |= _punch_out(world, conduct, shift, rng)
    entered = np.round(departures / ENTERED_TO_THE) * ENTERED_TO_THE
    later = departures + rng.uniform(*ENTERED_LATER_AFTER, len(shift))
    corrected = {**first, "occurred_at": entered, "punched_out_at": entered, "received_at": later}
    second = second_punches(world, conduct, shift, coming, rng)
    parts = [Frame(shift, first), Frame(shift, last).take(~is_forgotten), Frame(shift, corrected).take(is_entered)]
    return together([*parts, second]).by_receipt()


def second_punches(
    world: World, conduct: Conduct, shift: Whole, coming: dict[str, Values], rng: np.random.Generator
) -> Frame:
    """Attendances of people who are punched in elsewhere while they are at work: they cannot have gone there."""
    episodes = conduct.episodes
    frame = Frame(shift, {**coming, **_no_punch_out(len(shift))}).take(episodes.second_site[shift] != UNKNOWN)
    site = episodes.second_site[frame.shift]
    instants = episodes.spells[Cause.IMPOSSIBLE_TRAVEL].ends[frame.shift]
    latitude, longitude, distance, accuracy = _at_gate(world, site, rng)
    persons = conduct.roster.person[frame.shift]
    strangers = np.array([_stranger(world, int(person), rng) for person in persons], np.int64)
    told: dict[str, Values] = {
        "attendance_id": Numbered(f"att-{conduct.roster.day:%Y%m%d}-", frame.shift + SECOND_PUNCH_NUMBERS),
        "site_id": world.site_words(site),
        "client_id": Words(world.sites.client[site], world.client_ids),
        "device_id": phone_words(world, strangers),
        "occurred_at": instants,
        "punched_in_at": instants,
        "latitude_in": latitude,
        "longitude_in": longitude,
        "accuracy_meters": accuracy,
        "is_in_geofence_in": distance <= world.sites.radius[site],
        "distance_in_meters": distance,
        "received_at": instants + by_server(len(site), rng),
        **_biometrics(world, persons, strangers, site, rng),
    }
    return Frame(frame.shift, {**frame.columns, **told})


def _stranger(world: World, person: int, rng: np.random.Generator) -> int:
    """Another guard of the same tenant; the person, where there is none."""
    able = np.flatnonzero(world.people.tenant[: world.plan.guards] == world.people.tenant[person])
    able = able[able != person]
    return int(rng.choice(able)) if len(able) else int(person)


def _tour_type(number: Whole, is_external: Flags) -> Words:
    indoors = np.where(
        number % 7 == 0,
        TOUR_TYPES.index("CRITICAL"),
        np.where(number % 2 == 0, TOUR_TYPES.index("BUILDING"), TOUR_TYPES.index("ROUTINE")),
    )
    return Words(np.where(is_external, TOUR_TYPES.index("PERIMETER"), indoors), TOUR_TYPES)


def _work(
    world: World, conduct: Conduct, shift: Whole, number: Whole, planned_at: Reals, expires_at: Reals
) -> dict[str, Values]:
    """What planned and done rows of the same work share. What is not known yet is unknown."""
    count, person = len(shift), conduct.roster.person[shift]
    unknown, untold = np.full(count, np.nan), np.full(count, UNKNOWN, np.int64)
    return {
        "tenant_id": world.tenant_words(world.people.tenant[person]),
        "occurred_at": planned_at,
        "jobneed_id": Numbered("job-", number),
        "person_id": world.person_words(person),
        "performed_by": world.person_words(untold),
        "site_id": world.site_words(conduct.roster.site[shift]),
        "parent_id": Numbered("job-", untold),
        "status": Words(np.full(count, STATUSES.index("ASSIGNED")), STATUSES),
        "planned_at": planned_at,
        "expires_at": expires_at,
        "started_at": unknown,
        "ended_at": unknown,
        "job_type": Words(np.zeros(count, np.int64), JOB_TYPES),
        "sequence_number": untold,
        "asset": Words(untold, CHECKPOINTS),
        "latitude": unknown,
        "longitude": unknown,
    }


def _as_planned(shift: Whole, work: dict[str, Values], planned_at: Reals, rng: np.random.Generator) -> Frame:
    # The server sets work up when it is due, not the phone, so it is never late.
    return Frame(shift, {**work, "received_at": planned_at + by_server(len(shift), rng)})


def _as_ended(
    conduct: Conduct, shift: Whole, work: dict[str, Values], started_at: Reals, ended_at: Reals, closes_at: Reals,
    rng: np.random.Generator, is_partial: Flags | None = None,
) -> Frame:  # fmt: skip
    """Rows of how it ended: done on the phone, or closed by the server when the time and its grace were over."""
    is_done = ~np.isnan(ended_at)
    ended = np.where(is_done, ended_at, closes_at)
    code = np.where(is_done, STATUSES.index(COMPLETED), STATUSES.index(AUTOCLOSED))
    if is_partial is not None:
        code = np.where(is_partial, STATUSES.index("PARTIALLYCOMPLETED"), code)
    from_phone = conduct.presence.received(shift, ended, rng)
    known = np.where(is_done, from_phone, ended + by_server(len(shift), rng))
    told: dict[str, Values] = {
        "status": Words(code, STATUSES),
        "occurred_at": ended,
        "started_at": started_at,
        "ended_at": ended,
    }
    return Frame(shift, {**work, **told, "received_at": known})


def _tour_rows(world: World, conduct: Conduct, rng: np.random.Generator) -> list[Frame]:
    tours = conduct.tours
    due_until = tours.due_at + TOUR_DUE_WITHIN
    work = _work(world, conduct, tours.shift, tours.number, tours.due_at, due_until)
    work |= _tour_words(tours.is_external, TOUR_DESCRIPTION, "NONE", TOUR_GRACE)
    scanned = (~np.isnan(tours.scanned_at)).sum(axis=1)
    is_begun = scanned > 0
    ended = np.where(is_begun, tours.ends_at, np.nan)
    is_partial = is_begun & (scanned < tours.is_there.sum(axis=1))
    closes = due_until + TOUR_GRACE * MINUTE
    ended_rows = _as_ended(conduct, tours.shift, work, tours.begins_at, ended, closes, rng, is_partial)
    return [_as_planned(tours.shift, work, tours.due_at, rng), ended_rows]


def _tour_words(is_external: Flags, description: int, scan_type: str, grace: float) -> dict[str, Values]:
    count = len(is_external)
    identifier = np.where(is_external, IDENTIFIERS.index("EXTERNALTOUR"), IDENTIFIERS.index("INTERNALTOUR"))
    return {
        "identifier": Words(identifier, IDENTIFIERS),
        "description": Words(np.full(count, description), DESCRIPTIONS),
        "grace_minutes": np.full(count, grace),
        "priority": Words(np.full(count, PRIORITIES.index("MEDIUM")), PRIORITIES),
        "scan_type": Words(np.full(count, SCAN_TYPES.index(scan_type)), SCAN_TYPES),
    }


def _checkpoint_rows(world: World, conduct: Conduct, rng: np.random.Generator) -> list[Frame]:
    tours = conduct.tours
    tour, nth = np.nonzero(tours.is_there)
    shift, checkpoint = tours.shift[tour], tours.order[tour, nth]
    due, due_until = tours.due_at[tour], tours.due_at[tour] + TOUR_DUE_WITHIN
    work = _work(world, conduct, shift, tours.number[tour] + 1 + nth, due, due_until)
    work |= _tour_words(tours.is_external[tour], CHECKPOINT_DESCRIPTION, "NFC", TOUR_GRACE)
    work |= {
        "parent_id": Numbered("job-", tours.number[tour]),
        "sequence_number": nth + 1,
        "asset": Words(checkpoint, CHECKPOINTS),
        "scan_type": Words(
            np.where(conduct.roster.site[shift] % 2 == 0, SCAN_TYPES.index("NFC"), SCAN_TYPES.index("QR")), SCAN_TYPES
        ),
    }
    scanned = tours.scanned_at[tour, nth]
    ended = _as_ended(conduct, shift, work, scanned - 2, scanned, due_until + TOUR_GRACE * MINUTE, rng)
    site = conduct.roster.site[shift]
    error = rng.normal(0, 4, (len(shift), 2))
    # Copies of the tags are scanned where the guard sits.
    is_ghost = conduct.episodes.is_on(Cause.GHOST_SCANS)[shift]
    place = np.where(is_ghost[:, None], world.sites.post[site], world.sites.checkpoints[site, checkpoint])
    latitude, longitude = degrees(world, site, place + error)
    is_scanned = ~np.isnan(scanned)
    where: dict[str, Values] = {
        "latitude": np.where(is_scanned, latitude, np.nan),
        "longitude": np.where(is_scanned, longitude, np.nan),
    }
    return [_as_planned(shift, work, due, rng), Frame(shift, {**ended.columns, **where})]


def _task_rows(world: World, conduct: Conduct, rng: np.random.Generator) -> list[Frame]:
    tasks = conduct.tasks
    count = len(tasks.shift)
    kind = rng.integers(0, len(TASK_KINDS), count)
    identifiers = np.array([IDENTIFIERS.index(name) for name, _ in TASK_KINDS])
    work = _work(world, conduct, tasks.shift, tasks.number, tasks.planned_at, tasks.expires_at)
    work |= {
        "identifier": Words(identifiers[kind], IDENTIFIERS),
        "description": Words(kind, DESCRIPTIONS),
        "grace_minutes": np.full(count, TASK_GRACE),
        "priority": Words(rng.choice(len(PRIORITIES), count, p=[0.3, 0.5, 0.2]), PRIORITIES),
        "scan_type": Words(np.full(count, SCAN_TYPES.index("NONE")), SCAN_TYPES),
    }
    is_corrected = ~np.isnan(tasks.corrected_at)
    recorded = np.where(is_corrected, np.nan, tasks.ended_at)
    started = np.where(is_corrected, np.nan, tasks.started_at)
    closes = tasks.expires_at + TASK_GRACE * MINUTE
    ended = _as_ended(conduct, tasks.shift, work, started, recorded, closes, rng)
    done = Frame(tasks.shift, {**ended.columns, "performed_by": world.person_words(tasks.performer)})
    in_truth = _as_ended(conduct, tasks.shift, work, tasks.started_at, tasks.ended_at, closes, rng)
    corrected = Frame(tasks.shift, {**in_truth.columns, "received_at": tasks.corrected_at}).take(is_corrected)
    return [_as_planned(tasks.shift, work, tasks.planned_at, rng), done, corrected]


def _punches(world: World, conduct: Conduct, shift: Whole, rng: np.random.Generator) -> dict[str, Values]:
    """What both rows of an attendance say: who, where, and the evidence on coming."""
    roster, episodes = conduct.roster, conduct.episodes
    person, site = roster.person[shift], roster.site[shift]
    count = len(shift)
    is_outside = episodes.is_on(Cause.GEOFENCE_CHEATING)[shift]
    is_made_up = episodes.is_on(Cause.GPS_SPOOFING)[shift]
    latitude, longitude, distance, accuracy = _at_gate(world, site, rng, is_outside, is_made_up)
    puncher, impostor = episodes.puncher[shift], episodes.impostor[shift]
    stands_there = np.where(puncher != UNKNOWN, puncher, np.where(impostor != UNKNOWN, impostor, person))
    phone = np.where(puncher != UNKNOWN, puncher, episodes.phone[shift])
    day = int(midnight(roster.day) // 86_400)
    return {
        "tenant_id": world.tenant_words(world.people.tenant[person]),
        "attendance_id": Numbered(f"att-{roster.day:%Y%m%d}-", shift),
        "person_id": world.person_words(person),
        "site_id": world.site_words(site),
        "client_id": Words(world.sites.client[site], world.client_ids),
        "device_id": phone_words(world, phone),
        "credential_id": Words(person, tuple(f"badge-{place:05d}" for place in range(len(world.people.role)))),
        "shift_id": Words(roster.worked[shift], kinds.PATTERN_NAMES),
        "roster_date": np.full(count, day, np.int64),
        "punched_in_at": conduct.presence.punched_in_at[shift],
        "latitude_in": latitude,
        "longitude_in": longitude,
        "accuracy_meters": accuracy,
        "is_location_mocked": episodes.is_mocked[shift],
        "is_in_geofence_in": distance <= world.sites.radius[site],
        "distance_in_meters": distance,
        "transport_mode": Words((person * 3 + rng.integers(0, 2, count)) % len(TRANSPORT), TRANSPORT),
        **_biometrics(world, person, stands_there, site, rng),
    }


def _at_gate(
    world: World, site: Whole, rng: np.random.Generator, is_outside: Flags | None = None,
    is_made_up: Flags | None = None,
) -> tuple[Reals, Reals, Reals, Reals]:  # fmt: skip
    """Latitude, longitude, metres from the site, and accuracy of a punch near the post, or well outside the site."""
    count = len(site)
    accuracy = np.round(rng.lognormal(np.log(11), 0.5, count), 1)
    metres = (
        world.sites.post[site]
        + rng.normal(0, 1, (count, 2)) * (accuracy / 1.51)[:, None]
        + rng.normal(0, 6, (count, 2))
    )
    bearing, away = rng.uniform(0, 2 * np.pi, count), rng.uniform(*OUTSIDE_METERS, count)
    if is_outside is not None:
        metres = np.where(is_outside[:, None], (away * np.array([np.cos(bearing), np.sin(bearing)])).T, metres)
    if is_made_up is not None:
        metres = np.where(is_made_up[:, None], world.sites.post[site] + MADE_UP_METERS, metres)
        accuracy = np.where(is_made_up, MADE_UP_ACCURACY, accuracy)
    latitude, longitude = degrees(world, site, metres)
    return latitude, longitude, np.round(np.linalg.norm(metres, axis=1), 1), accuracy


def _no_punch_out(count: int) -> dict[str, Values]:
    unknown, untold = np.full(count, np.nan), np.full(count, UNKNOWN, np.int64)
    reals = ("punched_out_at", "latitude_out", "longitude_out", "distance_out_meters")
    return {**dict.fromkeys(reals, unknown), "is_in_geofence_out": untold, "is_verified_out": untold}


def _punch_out(world: World, conduct: Conduct, shift: Whole, rng: np.random.Generator) -> dict[str, Values]:
    site = conduct.roster.site[shift]
    is_gone = conduct.episodes.is_on(Cause.TIME_THEFT)[shift]
    latitude, longitude, distance, _ = _at_gate(world, site, rng, is_gone)
    return {
        "punched_out_at": conduct.presence.punched_out_at[shift],
        "latitude_out": latitude,
        "longitude_out": longitude,
        "distance_out_meters": distance,
        "is_in_geofence_out": (distance <= world.sites.radius[site]).astype(np.int64),
        "is_verified_out": (rng.random(len(shift)) < 0.985).astype(np.int64),
    }


def _biometrics(
    world: World, person: Whole, stands_there: Whole, site: Whole, rng: np.random.Generator
) -> dict[str, Values]:
    """Evidence of who stands there in the name of `person`: mostly a good match, worse when the picture is poor.

    Of another, the match is worse, though not always bad enough to fail; a picture of the person held up matches, and
    looks less alive.
    """
    count, is_other = len(person), stands_there != person
    is_picture = is_other & (rng.random(count) < PICTURE_SHARE)
    is_dark = rng.random(count) < POOR_LIGHT_SHARE
    quality = np.where(is_picture, rng.beta(7, 4, count), rng.beta(12, 3, count))
    quality = np.where(is_dark, rng.beta(4, 6, count), quality)
    liveness = np.where(is_picture, rng.beta(9, 5, count), rng.beta(25, 2, count))
    liveness = np.where(is_dark & ~is_picture, rng.beta(10, 3, count), liveness)
    usual = 0.12 + 0.25 * (1 - quality) + world.traits.face_offset[person] + rng.normal(0, 0.035, count)
    distance = np.clip(np.where(is_other & ~is_picture, rng.normal(0.36, 0.09, count), usual), 0.01, 0.9)
    is_verified = distance <= FACE_THRESHOLD
    result = np.where(
        is_verified,
        np.where(quality < 0.5, BIOMETRIC_RESULTS.index("LOW_QUALITY"), BIOMETRIC_RESULTS.index("SUCCESS")),
        BIOMETRIC_RESULTS.index("FAILED"),
    )
    is_face = person % 8 != 7
    return {
        "biometric_type": Words(
            np.where(is_face, BIOMETRIC_TYPES.index("FACE"), BIOMETRIC_TYPES.index("FINGERPRINT")), BIOMETRIC_TYPES
        ),
        "biometric_result": Words(result, BIOMETRIC_RESULTS),
        "is_verified_in": is_verified.astype(np.int64),
        "confidence_score": np.round(np.clip(1 - distance + rng.normal(0, 0.03, count), 0, 1), 4),
        "quality_score": np.round(quality, 4),
        "liveness_score": np.round(liveness, 4),
        "face_distance": np.where(is_face, np.round(distance, 4), np.nan),
        "face_threshold": np.where(is_face, FACE_THRESHOLD, np.nan),
        "template_id": Words(_matched(world, person, stands_there, is_picture, site, rng), _templates(world)),
        "verification_attempts": np.minimum(1 + rng.poisson(np.where(is_verified, 0.15, 1.5)), 5),
    }


def _matched(
    world: World, person: Whole, stands_there: Whole, is_picture: Flags, site: Whole, rng: np.random.Generator
) -> Whole:
    """Whose template a punch is matched with: that of the person named, or of whom a searching terminal believes to
    see, which is somebody else of the tenant now and then."""
    seen = np.where(is_picture, person, stands_there)
    taken = np.flatnonzero(rng.random(len(seen)) < TAKEN_FOR_ANOTHER_SHARE)
    seen[taken] = [_stranger(world, int(person[row]), rng) for row in taken]
    return np.asarray(np.where(world.traits.is_searching[site], seen, person), np.int64)


def _templates(world: World) -> tuple[str, ...]:
    seeded = [f"{world.plan.seed}-template-{place}" for place in range(len(world.people.role))]
    return tuple(hashlib.sha256(text.encode()).hexdigest()[:32] for text in seeded)
