"""What is known of a person's earlier attendances: when they come, with which phone, how well they match, and what
people said of them. Ibis expressions, one row for each event asked about.
"""

import ibis
import ibis.expr.types as ir

from noc_platform.fraud.moments import DAY_SECONDS, Sources, by_the_clock, one_if, second_of, where
from noc_platform.streams.catalogue import CONFIRMED, FALSE_POSITIVE, UNDECIDED
from noc_platform.telemetry.signals import INSTANT

HISTORY_DAYS, RECENT_DAYS = 90, 30
LEAST_HABIT = 10
POOREST_ACCURACY_METERS = 100.0
MISMATCHES = ("FAILED", "SUSPICIOUS", "FRAUD_DETECTED")
LOW_CONFIDENCE = 0.5
# What the rate of confirmed frauds is drawn towards: one of ten that people looked at (domain.md §5.3, feature 7).
CONFIRMED_BEFORE, INNOCENT_BEFORE = 1.0, 9.0
LONGEST_RUN = 10
ATTENDANCE: str = "ATTENDANCE"
PERSON = ("tenant_id", "person_id")


def punches(sources: Sources) -> ir.Table:
    """Each attendance of each person as it was first told of: a later state may tell what was not known then.

    Columns: the keys, punched_in_at, `first_known_at`, its evidence, `local_minute` and `weekday` by its site's clock
    (Monday is 0; null where no zone is known), and `is_violation`: the row itself says that something is wrong.
    """
    events = sources.attendance_events
    order = ibis.window(group_by=[*PERSON, "attendance_id"], order_by=["received_at", "event_id"])
    ranked = events.mutate(told=ibis.row_number().over(order))
    first = ranked.filter(ranked.told == 0)
    zones = sources.sites.select("tenant_id", "site_id", "time_zone")
    placed = first.left_join(zones, ["tenant_id", "site_id"]).drop("tenant_id_right", "site_id_right")
    timed = by_the_clock(placed, sources.offsets)
    is_violation = (
        timed.is_location_mocked.fill_null(False)
        | timed.biometric_result.isin(MISMATCHES).fill_null(False)
        | ~timed.is_in_geofence_in.fill_null(True)
        | (timed.accuracy_meters.fill_null(0.0) > POOREST_ACCURACY_METERS)
    )
    return timed.select(
        "tenant_id", "attendance_id", "person_id", "site_id", "device_id", "template_id", "punched_in_at",
        first_known_at=timed.received_at, second=second_of(timed.punched_in_at),
        local_minute=timed.local_minute, weekday=timed.weekday, confidence_score=timed.confidence_score,
        is_verified=timed.confidence_score.notnull(), violation=one_if(is_violation),
    )  # fmt: skip


def standing_verdicts(verdicts: ir.Table) -> ir.Table:
    """What people said of attendances, each with the stretch of knowledge `[valid_from, valid_until)` in which it was
    the last word; null for good. Undecided takes the word before it back."""
    said = verdicts.filter(verdicts.subject_kind == ATTENDANCE)
    order = ibis.window(group_by=["tenant_id", "subject_id"], order_by=["received_at", "event_id"])
    return said.select(
        "tenant_id", attendance_id="subject_id", verdict="verdict", valid_from="received_at",
        valid_until=said.received_at.lead().over(order),
    )  # fmt: skip


def beliefs(punched: ir.Table, verdicts: ir.Table) -> ir.Table:
    """What was held of each attendance: first what it says itself, then, by stretch of knowledge, what people said.

    Of one attendance exactly one row holds at any moment; `_earlier` asks besides whether it was known.
    """
    said = standing_verdicts(verdicts)
    heard = said.group_by("tenant_id", "attendance_id").agg(said_first_at=said.valid_from.min())
    before = punched.left_join(heard, ["tenant_id", "attendance_id"]).drop("tenant_id_right", "attendance_id_right")
    unsaid = before.select(
        *punched.columns, valid_from=ibis.null(INSTANT), valid_until=before.said_first_at,
        verdict=ibis.null("string"), said_at=ibis.null(INSTANT),
    )  # fmt: skip
    after = punched.join(said, ["tenant_id", "attendance_id"])
    told = after.select(
        *punched.columns, valid_from=after.valid_from, valid_until=after.valid_until, verdict=after.verdict,
        said_at=after.valid_from,
    )  # fmt: skip
    held = unsaid.union(told)
    violation = ibis.cases((held.verdict == CONFIRMED, 1), (held.verdict == FALSE_POSITIVE, 0), else_=held.violation)
    return held.mutate(
        violation=violation,
        adjudicated=one_if(held.verdict.notnull() & (held.verdict != UNDECIDED)),
        confirmed=one_if(held.verdict == CONFIRMED),
    )


def habits(asked: ir.Table, held: ir.Table) -> ir.Table:
    """One row for each event that has a history: `nth` and what is made of it.

    Columns: time_of_day_anomaly_score, day_of_week_pattern_score (before the roster has its say),
    historical_fraud_rate, own_device_share, verifications, distinct_minutes, mean_confidence, low_confidence_share,
    and `clean_second`, the last punch with nothing wrong.
    """
    pairs = _earlier(asked, held)
    pairs = pairs.mutate(
        hour=(pairs.local_minute / 60.0).floor(),
        is_recent=pairs.second >= pairs.asked_second - RECENT_DAYS * DAY_SECONDS,
        is_own_phone=pairs.device_id == pairs.asked_device_id,
        is_judged=(pairs.adjudicated == 1)
        & (second_of(pairs.said_at) >= second_of(pairs.as_of) - HISTORY_DAYS * DAY_SECONDS),
    )
    recent = pairs.is_recent & pairs.is_verified
    gathered = pairs.group_by("nth").agg(
        **{f"hour_{hour}": one_if(pairs.hour == float(hour)).sum() for hour in range(24)},
        **{f"weekday_{day}": one_if(pairs.weekday == float(day)).sum() for day in range(7)},
        asked_hour=(pairs.asked_minute / 60.0).floor().max(),
        asked_weekday=pairs.asked_weekday.max(),
        timed=one_if(pairs.local_minute.notnull()).sum(),
        phones=one_if(pairs.is_recent & pairs.device_id.notnull()).sum(),
        own_phones=one_if(pairs.is_recent & pairs.is_own_phone).sum(),
        asked_device_id=pairs.asked_device_id.max(),
        judged=one_if(pairs.is_judged).sum(),
        frauds=one_if(pairs.is_judged & (pairs.confirmed == 1)).sum(),
        verifications=one_if(recent).sum(),
        distinct_minutes=pairs.local_minute.floor().nunique(where=recent),
        mean_confidence=pairs.confidence_score.mean(where=recent),
        clocked=one_if(recent & pairs.local_minute.notnull()).sum(),
        low=one_if(recent & (pairs.confidence_score < LOW_CONFIDENCE)).sum(),
        clean_second=pairs.second.max(where=pairs.violation == 0),
    )
    return gathered.select(
        "nth",
        "clean_second",
        time_of_day_anomaly_score=_unusual_hour(gathered),
        day_of_week_pattern_score=_unusual_day(gathered),
        historical_fraud_rate=where(
            gathered.judged > 0,
            (gathered.frauds + CONFIRMED_BEFORE) / (gathered.judged + CONFIRMED_BEFORE + INNOCENT_BEFORE),
        ),
        own_device_share=where(
            gathered.asked_device_id.notnull() & (gathered.phones > 0),
            gathered.own_phones.cast("float64") / gathered.phones,
        ),
        verifications=gathered.verifications.cast("float64"),
        # Without every clock there would seem to be fewer than there are.
        distinct_minutes=where(gathered.clocked == gathered.verifications, gathered.distinct_minutes.cast("float64")),
        mean_confidence=gathered.mean_confidence,
        low_confidence_share=where(gathered.verifications > 0, gathered.low.cast("float64") / gathered.verifications),
    )


def runs(asked: ir.Table, held: ir.Table, gathered: ir.Table) -> ir.Table:
    """How many attendances in a row before each event had something wrong: `nth`, `run`; only where there are any."""
    # Few have something wrong, so that going over the history once more costs little.
    pairs = _earlier(asked, held.filter(held.violation == 1))
    clean = gathered.select("nth", "clean_second")
    since = pairs.left_join(clean, "nth")
    unbroken = since.filter(since.clean_second.isnull() | (since.second > since.clean_second))
    return unbroken.group_by("nth").agg(run=ibis.least(unbroken.count(), LONGEST_RUN).cast("float64"))


def _earlier(asked: ir.Table, held: ir.Table) -> ir.Table:
    """Each event with the person's attendances of the ninety days before it, as they were held then.

    An attendance counts once it is known, what people said of it once they had said it when the event happened.
    """
    own = asked.select(
        *PERSON, "nth", "known_at", asked_attendance_id="attendance_id", asked_device_id="device_id",
        as_of=ibis.least(asked.happened_at, asked.known_at), asked_second=second_of(asked.punched_in_at),
        asked_minute=asked.local_minute,
        asked_weekday=asked.weekday,
    )  # fmt: skip
    return own.join(
        held,
        [
            *(own[name] == held[name] for name in PERSON),
            held.second < own.asked_second,
            held.second >= own.asked_second - HISTORY_DAYS * DAY_SECONDS,
            held.first_known_at <= own.known_at,
            held.valid_from.isnull() | (held.valid_from <= own.as_of),
            held.valid_until.isnull() | (own.as_of < held.valid_until),
            own.asked_attendance_id != held.attendance_id,
        ],
    )


def _unusual_hour(gathered: ir.Table) -> ir.FloatingValue:
    """1 less how often somebody comes around this hour, an hour either way, against their usual one (§5.3, 4)."""
    smooth = [
        gathered[f"hour_{(hour - 1) % 24}"] * 0.5 + gathered[f"hour_{hour}"] + gathered[f"hour_{(hour + 1) % 24}"] * 0.5
        for hour in range(24)
    ]
    here = ibis.cases(*((gathered.asked_hour == float(hour), level) for hour, level in enumerate(smooth)))
    return where((gathered.timed >= LEAST_HABIT) & here.notnull(), 1.0 - here / ibis.greatest(*smooth))


def _unusual_day(gathered: ir.Table) -> ir.FloatingValue:
    """1 less how often somebody comes on this day of the week, against their usual one (§5.3, 5)."""
    days = [gathered[f"weekday_{day}"].cast("float64") for day in range(7)]
    here = ibis.cases(*((gathered.asked_weekday == float(day), count) for day, count in enumerate(days)))
    return where((gathered.timed >= LEAST_HABIT) & here.notnull(), 1.0 - here / ibis.greatest(*days))
