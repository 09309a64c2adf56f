"""Days of telemetry as Hypothesis makes them: late rows, duplicates, gaps, poor fixes, jobs of every kind."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

TENANT = "t"
# Two hours on each side of the window are drawn too, so that its ends are tested.
MIDNIGHT = datetime(2026, 3, 29, tzinfo=UTC)
Row = dict[str, Any]


@dataclass
class Day:
    """Rows of one day, stream by stream, in our columns."""

    device_events: list[Row] = field(default_factory=list)
    location_updates: list[Row] = field(default_factory=list)
    jobneeds: list[Row] = field(default_factory=list)
    attendance_events: list[Row] = field(default_factory=list)
    shifts: list[Row] = field(default_factory=list)
    tours_due: list[Row] = field(default_factory=list)


guards = st.sampled_from(["p0", "p1", "p2"])
sites = st.sampled_from(["s0", "s1"])
# Whole hours and seconds are drawn often: that is where windows and ties go wrong.
seconds = st.one_of(st.integers(-7_200, 93_600), st.sampled_from([0, 3_600, 7_200, 43_200, 86_399, 86_400]))
moments = seconds.map(lambda second: MIDNIGHT + timedelta(seconds=second))
delays = st.sampled_from([0, 0, 0, 300, 86_400, 259_200]).map(lambda second: timedelta(seconds=second))


@st.composite
def _stamped(draw: st.DrawFn, row: st.SearchStrategy[Row]) -> Row:
    made = draw(row)
    return {"tenant_id": TENANT, **made, "received_at": made["occurred_at"] + draw(delays)}


_device_events = _stamped(
    st.fixed_dictionaries(
        {"person_id": guards, "occurred_at": moments, "event_kind": st.sampled_from(["stepcount", "login", "logout"])}
    )
)
_points = st.one_of(
    st.tuples(st.floats(37.90, 37.99), st.floats(23.70, 23.79)),
    st.tuples(st.floats(-89, 89), st.floats(-180, 180)),
    st.just((None, None)),
)
_fixes = _stamped(
    st.builds(
        lambda person, moment, point, accuracy: {
            "person_id": person,
            "occurred_at": moment,
            "latitude": point[0],
            "longitude": point[1],
            "accuracy_meters": accuracy,
        },
        guards,
        moments,
        _points,
        st.sampled_from([None, 3.0, 20.0, 100.0, 100.5, 2_000.0]),
    )
)


@st.composite
def _jobneeds_rows(draw: st.DrawFn) -> list[Row]:
    planned = draw(moments)
    tour = draw(st.sampled_from(["INTERNALTOUR", "EXTERNALTOUR", None]))
    row: Row = {
        "tenant_id": TENANT,
        "jobneed_id": f"j{draw(st.integers(0, 30))}",
        "person_id": draw(st.one_of(guards, st.none())),
        "performed_by": None,
        "parent_id": draw(st.sampled_from([None, "tour-1", "tour-2"])),
        "identifier": tour or draw(st.sampled_from(["TASK", "PPM"])),
        "scan_type": draw(st.sampled_from([None, "QR", "SKIP"])),
        "planned_at": planned,
    }
    rows = [{**row, "status": "ASSIGNED", "ended_at": None, "occurred_at": planned, "received_at": planned}]
    if draw(st.booleans()):
        ended = planned + timedelta(seconds=draw(st.sampled_from([60, 3_600, 36_000, 172_800])))
        status = draw(st.sampled_from(["COMPLETED", "AUTOCLOSED", "INPROGRESS"]))
        performer = draw(st.one_of(st.none(), guards))
        rows.append(
            {
                **row,
                "performed_by": performer,
                "status": status,
                "ended_at": ended,
                "occurred_at": ended,
                "received_at": ended + draw(delays),
            }
        )
    return rows


@st.composite
def _attendance_rows(draw: st.DrawFn) -> list[Row]:
    start = draw(moments)
    end = draw(st.one_of(st.none(), st.sampled_from([1_800, 28_800, 90_000])))
    row = {
        "tenant_id": TENANT,
        "attendance_id": f"a{start.isoformat()}",
        "person_id": draw(guards),
        "site_id": draw(sites),
        "punched_in_at": start,
        "punched_out_at": None,
        "occurred_at": start,
        "received_at": start,
    }
    if end is None:
        return [row]
    out = start + timedelta(seconds=end)
    return [row, {**row, "punched_out_at": out, "received_at": out}]


_shifts = st.builds(
    lambda person, site, start, hours, cancelled: {
        "tenant_id": TENANT,
        "person_id": person,
        "site_id": site,
        "starts_at": start,
        "ends_at": start + timedelta(hours=hours),
        "is_cancelled": cancelled,
        "received_at": MIDNIGHT - timedelta(days=3),
    },
    guards,
    sites,
    moments,
    st.sampled_from([1, 8, 12]),
    st.sampled_from([None, False, True]),
)
_tours = st.builds(
    lambda number, person, site, due, checkpoints: {
        "tenant_id": TENANT,
        "tour_id": f"tour-{number}",
        "person_id": person,
        "site_id": site,
        "due_at": due,
        "due_until": due + timedelta(hours=1),
        "total_checkpoints": checkpoints,
        "received_at": MIDNIGHT - timedelta(days=3),
    },
    st.integers(0, 99),
    st.one_of(guards, st.none()),
    sites,
    moments,
    st.integers(0, 9),
)


@st.composite
def days(draw: st.DrawFn) -> Day:
    """A day of three guards at two sites; rows may repeat, arrive late, lie outside, or be missing altogether."""
    return Day(
        device_events=draw(st.lists(_device_events, max_size=12)),
        location_updates=draw(st.lists(_fixes, max_size=20)),
        jobneeds=[row for rows in draw(st.lists(_jobneeds_rows(), max_size=8)) for row in rows],
        attendance_events=[row for rows in draw(st.lists(_attendance_rows(), max_size=3)) for row in rows],
        shifts=draw(
            st.lists(_shifts, max_size=3, unique_by=lambda row: (row["person_id"], row["site_id"], row["starts_at"]))
        ),
        tours_due=draw(st.lists(_tours, max_size=3, unique_by=lambda row: row["tour_id"])),
    )
