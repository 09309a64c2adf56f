"""What people said of alarms, made up for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from noc_platform.findings.queries import ADJUDICATED_SCHEMA

SUNDAY = datetime(2026, 6, 7, 3, tzinfo=UTC)
Row = dict[str, Any]


def said(number: int, is_false: bool | None = True, **told: Any) -> Row:
    """One verdict of the day before; each number is a finding of its own."""
    return {
        "tenant_id": "t",
        "site_id": "s0",
        "metric_type": "phone_events",
        "hour_of_week": number % 168,
        "z": -3.3,
        "decided_at": SUNDAY - timedelta(days=1),
        "is_false": is_false,
        "reviewer_id": "somebody",
        "finding_id": f"f{number}",
        **told,
    }


def several(false: int, confirmed: int, first: int = 0, **told: Any) -> list[Row]:
    """So many of each, of findings from a number on."""
    return [said(first + place, place < false, **told) for place in range(false + confirmed)]


def table(rows: list[Row]) -> pa.Table:
    """The rows as findings give them."""
    return pa.Table.from_pylist(rows, schema=ADJUDICATED_SCHEMA)


@st.composite
def verdicts(draw: st.DrawFn, most: int = 40) -> list[Row]:
    """What was said of several sites of two tenants, in the last sixty days; some of it was not known."""
    rows = []
    for number in range(draw(st.integers(0, most))):
        sides = st.floats(1.5, 8).flatmap(lambda z: st.sampled_from([z, -z]))
        rows.append(
            said(
                number,
                draw(st.sampled_from([True, False, None])),
                tenant_id=draw(st.sampled_from(["t", "u"])),
                site_id=draw(st.sampled_from(["s0", "s1", "s2"])),
                metric_type=draw(st.sampled_from(["phone_events", "movement_distance"])),
                hour_of_week=draw(st.one_of(st.none(), st.integers(0, 3))),
                z=draw(st.one_of(st.none(), st.just(float("nan")), sides)),
                decided_at=SUNDAY - timedelta(hours=draw(st.integers(-24, 60 * 24))),
            )
        )
    return rows
