"""Where people are due and where they punched in, at one moment. Ibis expressions."""

import ibis.expr.types as ir

from noc_platform.findings.facts.sources import PERSON, interval, newest, one_if, where
from noc_platform.telemetry.duty import LONGEST_SHIFT


def rostered(shifts: ir.Table, as_of: ir.TimestampValue) -> ir.Table:
    """The shift of each person that goes on at the moment; of several, the one begun last."""
    now = shifts.filter(~shifts.is_cancelled.fill_null(False), shifts.starts_at <= as_of, shifts.ends_at > as_of)
    return newest(now, PERSON, [now.starts_at.desc(), now.site_id.desc()]).select(
        *PERSON, shift_site_id="site_id", shift_starts_at="starts_at"
    )


def last_shift(shifts: ir.Table, as_of: ir.TimestampValue) -> ir.Table:
    """When the last shift of each person ended, if it ended lately."""
    over = shifts.filter(
        ~shifts.is_cancelled.fill_null(False), shifts.ends_at <= as_of, shifts.ends_at > as_of - interval(LONGEST_SHIFT)
    )
    return over.group_by(*PERSON).agg(shift_ended_at=over.ends_at.max())


def attended(attendance_events: ir.Table, roster: ir.Table, as_of: ir.TimestampValue) -> ir.Table:
    """The attendance of each person that says most: one that goes on, then where they are rostered, then begun last.

    A punch-out after the moment is not known at it.
    """
    merged = attendance_events.group_by(*PERSON, "attendance_id", "punched_in_at").agg(
        attendance_site_id=attendance_events.site_id.max(), punched_out_at=attendance_events.punched_out_at.max()
    )
    begun = merged.filter(merged.punched_in_at <= as_of, merged.punched_in_at > as_of - interval(LONGEST_SHIFT))
    begun = begun.mutate(punched_out_at=where(begun.punched_out_at <= as_of, begun.punched_out_at))
    placed = begun.left_join(roster.select(*PERSON, "shift_site_id"), PERSON)
    placed = placed.drop("tenant_id_right", "person_id_right")
    order = [
        one_if(placed.punched_out_at.notnull()),
        one_if(placed.attendance_site_id != placed.shift_site_id),
        placed.punched_in_at.desc(),
        placed.attendance_id,
    ]
    return newest(placed, PERSON, order).drop("attendance_id", "shift_site_id")
