"""What baselines hold for too far from usual, as drafts: graded by how far beyond its limit, told in words.

Pure. Elsewhere: whether an hour is anomalous (`baselines.scoring`), what becomes of a draft (`lifecycle`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.baselines.metrics import Direction
from noc_platform.baselines.scoring import Verdict
from noc_platform.findings.evidence import one_line, tidied
from noc_platform.findings.vocabulary import Draft, Judged, Severity
from noc_platform.telemetry.vocabulary import Signal

HOUR = timedelta(hours=1)
# How many times its limit makes it how bad (domain.md §3.4): by the excess, as by z alone all would be critical.
HIGH_FROM, CRITICAL_FROM = 1.25, 1.75
# What a cell says of its own hours must outweigh what it borrowed, and somebody must have been heard for a while.
MOST_BORROWED, LEAST_GUARD_HOURS = 0.5, 0.5
LADDER = tuple(Severity)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
UNITS = {
    Signal.PHONE_EVENTS.metric: "phone events",
    Signal.LOCATION_UPDATES.metric: "positions",
    Signal.MOVEMENT.metric: "metres walked",
    Signal.TASKS.metric: "tasks done",
    Signal.CHECKPOINTS.metric: "checkpoints scanned",
}
Row = Mapping[str, Any]
CELL_HOUR = ("tenant_id", "site_id", "metric_type", "bucket")
TOLD = ("value", "expected", "std_dev", "guard_hours", "z", "evidence_z", "evidence_hours", "tail_probability",
        "borrowed_share")  # fmt: skip


def anomalies(judged: pa.Table, start: datetime, end: datetime) -> list[Draft]:
    """Drafts of the anomalous hours that ended in `(start, end]` (UTC), out of rows of `baselines.scoring.judge`.

    An hour is seen when it is over.
    """
    bounds = [pa.scalar(moment - HOUR, judged.schema.field("bucket").type) for moment in (start, end)]
    is_within = pc.and_(pc.greater(judged["bucket"], bounds[0]), pc.less_equal(judged["bucket"], bounds[1]))
    found = judged.filter(pc.and_(is_within, pc.equal(judged["verdict"], Verdict.ANOMALOUS.value)))
    known = {tuple(row[name] for name in CELL_HOUR): row for row in _beside(judged, found).to_pylist()}
    return [_draft(row, _lasting(row, known)) for row in found.to_pylist()]


def _beside(judged: pa.Table, found: pa.Table) -> pa.Table:
    """What was counted at the sites that have an anomaly."""
    sites = pc.is_in(judged["site_id"], pc.unique(found["site_id"]))
    return judged.filter(sites).select([*CELL_HOUR, "value", "expected"])


def _lasting(row: Row, known: Mapping[tuple[Any, ...], Row]) -> tuple[float, float]:
    """What there was, and what is usual, over all the hours an anomaly rests on."""
    hours = [
        known.get((row["tenant_id"], row["site_id"], row["metric_type"], row["bucket"] - back * HOUR), {})
        for back in range(row["evidence_hours"])
    ]
    value, expected = (sum(hour.get(name) or 0.0 for hour in hours) for name in ("value", "expected"))
    return value, expected


def severity_of(
    z: float, threshold: float, direction: Direction, borrowed_share: float, guard_hours: float
) -> Severity:  # fmt: skip
    """How bad it is to be that far from usual.

    By how many times the limit that is; one less for more than usual, which is no danger by itself; never critical on
    evidence that is mostly borrowed, or of next to nobody.
    """
    times = abs(z) / threshold
    severity = Severity.MEDIUM
    if times >= HIGH_FROM:
        severity = Severity.CRITICAL if times >= CRITICAL_FROM else Severity.HIGH
    if direction is Direction.ABOVE:
        severity = LADDER[max(severity.rank - 1, 0)]
    is_thin = borrowed_share > MOST_BORROWED or guard_hours < LEAST_GUARD_HOURS
    return Severity.HIGH if is_thin and severity is Severity.CRITICAL else severity


def _draft(row: Row, lasting: tuple[float, float]) -> Draft:
    direction = Direction(row["direction"])
    z, threshold = row["evidence_z"], row["threshold"]
    return Draft(
        tenant_id=row["tenant_id"],
        finding_type=f"ANOMALY_{row['metric_type'].upper()}_{direction}",
        site_id=row["site_id"],
        person_id=None,
        severity=severity_of(z, threshold, direction, row["borrowed_share"], row["guard_hours"]),
        summary=one_line(_summary(row, direction, lasting)),
        seen_at=row["bucket"] + HOUR,
        evidence=tidied(
            {
                "window": {
                    "start": row["bucket"] - (row["evidence_hours"] - 1) * HOUR,
                    "end": row["bucket"] + HOUR,
                },
                "value_of_all_hours": lasting[0],
                "expected_of_all_hours": lasting[1],
                **{name: row[name] for name in TOLD},
            }
        ),
        judged=Judged(row["metric_type"], row["hour_of_week"], z, threshold, row["threshold_source"]),
    )


def _summary(row: Row, direction: Direction, lasting: tuple[float, float]) -> str:
    last = int(row["hour_of_week"])
    day, first = divmod((last - row["evidence_hours"] + 1) % 168, 24)
    limit = f"limit {row['threshold']:.2f} ({row['threshold_source'].lower().replace('_', ' ')})"
    return (
        f"{row['site_id']}, {DAYS[day]} {first:02d}:00 to {(last + 1) % 24:02d}:00 site time: {lasting[0]:.0f} "
        f"{UNITS[row['metric_type']]} where {lasting[1]:.0f} are usual; "
        f"{abs(row['evidence_z']):.1f} standard deviations {direction.lower()}, {limit}."
    )
