"""Who was on duty where, from the roster and from attendance. Ibis expressions; the same on every engine."""

from datetime import timedelta

import ibis
import ibis.expr.types as ir

from noc_platform.telemetry.movement import epoch_second

# Nobody is taken to be at work longer than this on one punch-in that was never closed (domain.md §5.1, overtime).
LONGEST_SHIFT = timedelta(hours=16)


def duty_intervals(shifts: ir.Table, attendance_events: ir.Table) -> ir.Table:
    """Stretches `[starts_at, ends_at)` people are on duty: rostered, or present by their punches.

    Columns: tenant_id, person_id, site_id (null where attendance names none), starts_at, ends_at, is_rostered.
    A split shift is two rows; a night shift is one that crosses midnight. A punch-in without a punch-out lasts
    `LONGEST_SHIFT`.
    """
    rostered = shifts.filter(~shifts.is_cancelled.fill_null(False)).select(
        "tenant_id", "person_id", "site_id", "starts_at", "ends_at", is_rostered=ibis.literal(True)
    )
    attendance = attendance_events.group_by("tenant_id", "attendance_id", "person_id", "punched_in_at").agg(
        site_id=attendance_events.site_id.max(), punched_out_at=attendance_events.punched_out_at.max()
    )
    longest = attendance.punched_in_at + ibis.interval(hours=int(LONGEST_SHIFT.total_seconds() // 3600))
    present = attendance.select(
        "tenant_id",
        "person_id",
        "site_id",
        starts_at=attendance.punched_in_at,
        ends_at=ibis.least(attendance.punched_out_at.fill_null(longest), longest),
        is_rostered=ibis.literal(False),
    )
    return rostered.union(present)


def duty_by_slot(intervals: ir.Table, slots: ir.Table) -> ir.Table:
    """One row per person and bucket with duty in it; `slots` has the bucket's number, slot_start and slot_end.

    Columns: tenant_id, person_id, slot, site_id, is_rostered, duty_seconds (of that stretch in the bucket). Of several
    sites in one bucket it is the one attended rather than rostered, then the one begun last, then the last by name:
    the same on every engine.
    """
    overlapping = intervals.join(slots, [intervals.starts_at < slots.slot_end, intervals.ends_at > slots.slot_start])
    begins = ibis.greatest(overlapping.starts_at, overlapping.slot_start)
    ends = ibis.least(overlapping.ends_at, overlapping.slot_end)
    overlapping = overlapping.select(
        "tenant_id",
        "person_id",
        "site_id",
        "starts_at",
        "is_rostered",
        "slot",
        duty_seconds=epoch_second(ends) - epoch_second(begins),
    )
    person = ["tenant_id", "person_id", "slot"]
    order = ibis.window(
        group_by=person,
        order_by=[
            overlapping.site_id.isnull(),
            overlapping.is_rostered,
            overlapping.starts_at.desc(),
            overlapping.site_id.desc(),
        ],
    )
    ranked = overlapping.mutate(
        rank=ibis.row_number().over(order),
        was_rostered=ibis.cases((overlapping.is_rostered, 1), else_=0).max().over(ibis.window(group_by=person)),
    )
    return ranked.filter(ranked["rank"] == 0).select(
        *person, "site_id", "duty_seconds", is_rostered=ranked.was_rostered == 1
    )
