"""Attendances of a small site for tests: everybody there every day with their own phone, but for what is told."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 35
KNOWN = START + timedelta(days=DAYS)
GUARDS = tuple(f"p{number}" for number in range(12))
NAMES = (
    "tenant_id", "attendance_id", "person_id", "site_id", "device_id", "punched_in_at", "punched_out_at", "received_at",
    "face_distance", "confidence_score", "liveness_score",
)  # fmt: skip
SCHEMA = pa.schema([arrow_schema(ATTENDANCE_EVENTS).field(name) for name in NAMES])
# Day, whose phone, who is punched in.
Use = tuple[int, str, str]
Rows = list[dict[str, Any]]


def attendances(
    uses: Iterable[Use] = (),
    *,
    is_other: bool = True,
    guards: tuple[str, ...] = GUARDS,
    days: int = DAYS,
    tenant: str = "t",
    absent: Iterable[tuple[int, str]] = (),
) -> Rows:
    """One row an attendance; with `is_other` the face does not bear out that who is punched in with the phone of
    another stands there. `absent` are days and guards who do not come."""
    rng = np.random.default_rng(5)
    phones = {(day, receiver): giver for day, giver, receiver in uses}
    away = set(absent)
    rows = []
    for day in range(days):
        for guard in guards:
            noise = rng.normal(0, 0.03, 3)
            phone = phones.get((day, guard), guard)
            distance = (0.42 if phone != guard and is_other else 0.15) + noise[0]
            comes = START + timedelta(days=day, hours=8, minutes=float(rng.uniform(-10, 10)))
            leaves = comes + timedelta(hours=8)
            told = (tenant, f"a-{day}-{guard}", guard, "s0", f"phone-{phone}", comes, leaves, leaves)
            if (day, guard) not in away:
                rows.append(
                    dict(zip(NAMES, (*told, distance, 1 - distance + noise[1], 0.93 + noise[2] / 2), strict=True))
                )
    return rows


def table(rows: Rows) -> pa.Table:
    """The rows as the stream has them."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)
