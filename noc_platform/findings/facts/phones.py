"""The last words of every phone: when, with how much charge, by which clock, and from where. Ibis expressions."""

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
ROOM = 1_000.0
SIGNAL_FLOOR = 150.0


def phones(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
    """The last words of each phone. By stretches first: one pass that every engine does by hashing."""
    now = epoch_second(as_of)
    heard = _words(told, policy)
    heard = heard.mutate(slot=((now - heard.second) / SLOT_SECONDS).floor().cast("int64"))
    is_past = heard.occurred_at < as_of
    slots = heard.group_by(*PERSON, "slot").agg(
        events_received_at=heard.received_at.max(where=heard.is_event),
        fixes_received_at=heard.received_at.max(where=~heard.is_event),
        heard_at=heard.occurred_at.max(where=is_past),
        walked_at=heard.occurred_at.max(where=is_past & heard.is_walking),
        used_at=heard.occurred_at.max(where=is_past & heard.is_use),
        logged_out_at=heard.occurred_at.max(where=is_past & heard.is_logout),
        battery=heard.battery.max(where=is_past),
        signal=heard.signal.max(where=is_past),
        network=heard.network.max(where=is_past),
        steps=heard.step_count.sum(where=is_past),
        step_reports=heard.step_count.count(where=is_past),
    )
    in_window, in_idle = (
        (slots.slot >= 0) & (slots.slot < int(span.total_seconds()) // SLOT_SECONDS)
        for span in (policy.window, policy.idle)
    )
    gathered = slots.group_by(*PERSON).agg(
        last_events_received_at=slots.events_received_at.max(),
        last_fixes_received_at=slots.fixes_received_at.max(),
        last_heard_at=slots.heard_at.max(),
        last_walked_at=slots.walked_at.max(),
        last_used_at=slots.used_at.max(),
        last_logged_out_at=slots.logged_out_at.max(),
        battery=slots.battery.max(),
        signal=slots.signal.max(),
        network=slots.network.max(),
        steps=slots.steps.sum(where=in_window),
        step_reports=slots.step_reports.sum(where=in_window),
        heard_slots=one_if(in_window).sum(),
        idle_slots_heard=one_if(in_idle).sum(),
    )
    return gathered.select(
        *PERSON,
        *[name for name in gathered.columns if name.startswith("last_")],
        "heard_slots",
        "idle_slots_heard",
        last_received_at=ibis.greatest(
            ibis.coalesce(gathered.last_events_received_at, gathered.last_fixes_received_at),
            ibis.coalesce(gathered.last_fixes_received_at, gathered.last_events_received_at),
        ),
        battery_level=_beside(gathered.battery),
        battery_age_minutes=(now - _second_of(gathered.battery)) / 60.0,
        signal_strength=_beside(gathered.signal) - SIGNAL_FLOOR,
        was_without_network=_beside(gathered.network) == 1.0,
        steps=where(gathered.step_reports > 0, gathered.steps),
    )


def _words(told: Sources, policy: FactsPolicy) -> ir.Table:
    """Everything phones said, both streams together, as little of each row as is needed."""
    events, fixes = told.device_events, told.location_updates
    second = epoch_second(events.occurred_at)
    without = ibis.cases((events.network_provider == "none", 1.0), else_=0.0)
    said = events.select(
        *PERSON,
        "occurred_at",
        "received_at",
        "step_count",
        second=second,
        is_event=ibis.literal(True),
        is_walking=events.step_count.fill_null(0) > policy.walking_steps,
        is_use=events.event_kind.isin(USE),
        is_logout=events.event_kind == "logout",
        battery=second * ROOM + events.battery_level,
        signal=second * ROOM + (events.signal_strength + SIGNAL_FLOOR),
        network=where(events.network_provider.notnull(), second * ROOM + without),
    )
    seen = fixes.select(
        *PERSON,
        "occurred_at",
        "received_at",
        step_count=ibis.null("int64"),
        second=epoch_second(fixes.occurred_at),
        is_event=ibis.literal(False),
        is_walking=ibis.literal(False),
        is_use=ibis.literal(False),
        is_logout=ibis.literal(False),
        battery=ibis.null("float64"),
        signal=ibis.null("float64"),
        network=ibis.null("float64"),
    )
    return said.union(seen.select(*said.columns))


def _second_of(key: ir.FloatingValue) -> ir.FloatingValue:
    return (key / ROOM).floor().cast("float64")


def _beside(key: ir.FloatingValue) -> ir.FloatingValue:
    return key - _second_of(key) * ROOM


def clocks(told: Sources, as_of: ir.TimestampValue, policy: FactsPolicy) -> ir.Table:
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
