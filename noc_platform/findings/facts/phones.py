"""The last words of every phone: when it was heard, walked with and used, its charge, its clock, where it is.

Ibis expressions. Signals, which are counts over the window, are those of `telemetry.signals`.
"""

import ibis
import ibis.expr.types as ir

from noc_platform.findings.facts.sources import PERSON, interval, newest
from noc_platform.findings.policy import FactsPolicy
from noc_platform.settings import MovementPolicy
from noc_platform.telemetry.movement import epoch_second, is_usable
from noc_platform.telemetry.signals import Sources

# Whether a phone was heard is asked of stretches this long: phones report every few minutes.
SLOT_SECONDS = 600
# What a person does with a phone; the rest it reports by itself.
USE = ("login", "logout", "call_outgoing")
# A stretch and the least charge said in it make one number, whose greatest is of the newest: engines have no portable
# and cheap way to ask for one column where another is greatest.
ROOM, FULL = 1_000.0, 100.0
WORDS = (
    "last_received_at", "last_heard_at", "last_walked_at", "last_used_at", "last_logged_out_at", "battery_level",
    "steps", "heard_slots", "idle_slots_heard", "recent_rows", "median_lag_seconds", "least_lag_seconds",
)  # fmt: skip


def last_words(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """One row for each person of whose phone anything is told, with the columns `WORDS` of `moment.Guard`."""
    rows = _gathered(_by_slot(told, as_of, policy), policy)
    rows = rows.left_join(_clocks(told, as_of, policy), PERSON)
    return rows.mutate(recent_rows=rows.recent_rows.fill_null(0)).select(*PERSON, *WORDS)


def _by_slot(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """What each phone said, by stretches before the moment: passes that every engine does by hashing.

    Stretch 0 ends at the moment; what claims to be of later has a number below it.
    """
    events, fixes = (
        table.mutate(slot=((epoch_second(as_of) - epoch_second(table.occurred_at) - 1) / SLOT_SECONDS).floor())
        for table in (told.device_events, told.location_updates)
    )
    said = events.group_by(*PERSON, "slot").agg(
        received_at=events.received_at.max(),
        heard_at=events.occurred_at.max(),
        walked_at=events.occurred_at.max(where=events.step_count > policy.walking_steps),
        used_at=events.occurred_at.max(where=events.event_kind.isin(USE)),
        logged_out_at=events.occurred_at.max(where=events.event_kind == "logout"),
        # A charge that is not a number is greater than any: one such row would end the audit of everybody.
        battery=events.battery_level.min(where=events.battery_level <= FULL),
        steps=events.step_count.sum(),
    )
    seen = fixes.group_by(*PERSON, "slot").agg(received_at=fixes.received_at.max(), heard_at=fixes.occurred_at.max())
    unsaid = {name: ibis.null(said[name].type()) for name in said.columns if name not in seen.columns}
    return said.union(seen.mutate(**unsaid).select(*said.columns))


def _gathered(slots: ir.Table, policy: FactsPolicy) -> ir.Table:
    is_past = slots.slot >= 0
    in_window, in_idle = (
        is_past & (slots.slot < int(span.total_seconds()) // SLOT_SECONDS) for span in (policy.window, policy.idle)
    )
    gathered = slots.group_by(*PERSON).agg(
        last_received_at=slots.received_at.max(),
        last_heard_at=slots.heard_at.max(where=is_past),
        last_walked_at=slots.walked_at.max(where=is_past),
        last_used_at=slots.used_at.max(where=is_past),
        last_logged_out_at=slots.logged_out_at.max(where=is_past),
        battery=(slots.battery - slots.slot * ROOM).max(where=is_past),
        steps=slots.steps.sum(where=in_window).cast("int64"),
        heard_slots=slots.slot.nunique(where=in_window),
        idle_slots_heard=slots.slot.nunique(where=in_idle),
    )
    slot = (gathered.battery / ROOM).floor()
    return gathered.mutate(battery_level=gathered.battery - slot.cast("float64") * ROOM)


def _clocks(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """How long after it happened what was received of late was received, seconds: half of it, and the soonest.

    Of phone events alone: positions are stamped by the same clock.
    """
    rows = told.device_events.filter(told.device_events.received_at > as_of - interval(policy.recent))
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
