"""The last words of every phone: when it was heard, walked with and used, its charge, its clock, where it is.

Ibis expressions. Signals, which are counts over the window, are those of `telemetry.signals`.
"""

import ibis
import ibis.expr.types as ir

from noc_platform.findings.facts.sources import PERSON, interval, newest, one_if, where
from noc_platform.findings.policy import FactsPolicy
from noc_platform.settings import MovementPolicy
from noc_platform.telemetry.movement import epoch_second, is_usable
from noc_platform.telemetry.signals import Sources

# Whether a phone was heard is asked of stretches this long: phones report every few minutes.
SLOT_SECONDS = 600
# What a person does with a phone; the rest it reports by itself.
USE = ("login", "logout", "call_outgoing")
# An instant's seconds and a small number beside them make one number, whose greatest is the newest: engines have no
# portable and cheap way to ask for one column where another is greatest.
ROOM, FULL = 1_000.0, 100.0
WORDS = (
    "last_received_at", "last_heard_at", "last_walked_at", "last_used_at", "last_logged_out_at", "battery_level",
    "steps", "heard_slots", "idle_slots_heard", "recent_rows", "median_lag_seconds", "least_lag_seconds",
)  # fmt: skip


def last_words(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """One row for each person of whose phone anything is told, with the columns `WORDS` of `moment.Guard`."""
    rows = _gathered(_by_slot(_words(told, policy), as_of), policy)
    rows = rows.left_join(_clocks(told, as_of, policy), PERSON)
    return rows.mutate(recent_rows=rows.recent_rows.fill_null(0)).select(*PERSON, *WORDS)


def _by_slot(words: ir.Table, as_of: ir.TimestampValue) -> ir.Table:
    """By stretches first: one pass that every engine does by hashing."""
    slot = ((epoch_second(as_of) - words.second) / SLOT_SECONDS).floor().cast("int64")
    is_past = words.occurred_at < as_of
    return words.group_by(*PERSON, slot=slot).agg(
        received_at=words.received_at.max(),
        heard_at=words.occurred_at.max(where=is_past),
        walked_at=words.occurred_at.max(where=is_past & words.is_walking),
        used_at=words.occurred_at.max(where=is_past & words.is_use),
        logged_out_at=words.occurred_at.max(where=is_past & words.is_logout),
        battery=words.battery.max(where=is_past),
        steps=words.step_count.sum(where=is_past),
        step_reports=words.step_count.count(where=is_past),
    )


def _gathered(slots: ir.Table, policy: FactsPolicy) -> ir.Table:
    in_window, in_idle = (
        (slots.slot >= 0) & (slots.slot < int(span.total_seconds()) // SLOT_SECONDS)
        for span in (policy.window, policy.idle)
    )
    gathered = slots.group_by(*PERSON).agg(
        last_received_at=slots.received_at.max(),
        last_heard_at=slots.heard_at.max(),
        last_walked_at=slots.walked_at.max(),
        last_used_at=slots.used_at.max(),
        last_logged_out_at=slots.logged_out_at.max(),
        battery=slots.battery.max(),
        all_steps=slots.steps.sum(where=in_window),
        step_reports=slots.step_reports.sum(where=in_window),
        heard_slots=one_if(in_window).sum(),
        idle_slots_heard=one_if(in_idle).sum(),
    )
    second = (gathered.battery / ROOM).floor().cast("float64")
    return gathered.mutate(
        battery_level=gathered.battery - second * ROOM, steps=where(gathered.step_reports > 0, gathered.all_steps)
    )


def _words(told: Sources, policy: FactsPolicy) -> ir.Table:
    """Everything phones said, both streams together, as little of each row as is needed."""
    events, fixes = told.device_events, told.location_updates
    second = epoch_second(events.occurred_at)
    said = events.select(
        *PERSON,
        "occurred_at",
        "received_at",
        "step_count",
        second=second,
        is_walking=events.step_count.fill_null(0) > policy.walking_steps,
        is_use=events.event_kind.isin(USE),
        is_logout=events.event_kind == "logout",
        # A charge that is not a number is greater than any: one such row would end the audit of everybody.
        battery=where(events.battery_level <= FULL, second * ROOM + events.battery_level),
    )
    seen = fixes.select(
        *PERSON,
        "occurred_at",
        "received_at",
        step_count=ibis.null("int64"),
        second=epoch_second(fixes.occurred_at),
        is_walking=ibis.literal(False),
        is_use=ibis.literal(False),
        is_logout=ibis.literal(False),
        battery=ibis.null("float64"),
    )
    return said.union(seen.select(*said.columns))


def _clocks(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """How long after it happened what was received of late was received, seconds: half of it, and the soonest."""
    narrow = [*PERSON, "occurred_at", "received_at"]
    rows = told.device_events.select(*narrow).union(told.location_updates.select(*narrow))
    rows = rows.filter(rows.received_at > as_of - interval(policy.recent))
    late = rows.mutate(seconds=epoch_second(rows.received_at) - epoch_second(rows.occurred_at))
    return late.group_by(*PERSON).agg(
        recent_rows=late.count(), median_lag_seconds=late.seconds.median(), least_lag_seconds=late.seconds.min()
    )


def positions(
    told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy, movement: MovementPolicy
) -> ir.Table:  # fmt: skip
    """The newest good fix of each person, of the last minutes."""
    fixes = told.location_updates
    good = fixes.filter(
        is_usable(fixes, movement), fixes.occurred_at >= as_of - interval(policy.recent), fixes.occurred_at < as_of
    )
    order = [good.occurred_at.desc(), good.latitude, good.longitude, good.accuracy_meters]
    return newest(good, PERSON, order).select(
        *PERSON, position_at="occurred_at", position_latitude="latitude", position_longitude="longitude",
        position_accuracy_meters="accuracy_meters",
    )  # fmt: skip
