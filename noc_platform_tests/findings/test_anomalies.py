"""Anomalies as findings: which hours, how bad, and in words an operator can act on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from noc_platform.baselines.metrics import Direction
from noc_platform.baselines.scoring import JUDGED_SCHEMA
from noc_platform.findings.anomalies import anomalies, severity_of
from noc_platform.findings.vocabulary import KINDS, Severity

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hour(back: int = 0, **told: Any) -> dict[str, Any]:
    """A judged hour that ended so many hours before noon of a Tuesday, unusual unless something else is told."""
    known = {
        "tenant_id": "t", "site_id": "s0", "metric_type": "location_updates", "bucket": NOON - (back + 1) * HOUR,
        "hour_of_week": 24 + 11 - back, "value": 4.0, "expected": 20.0, "std_dev": 5.0, "guard_hours": 2.0, "z": -3.2,
        "evidence_z": -3.2, "evidence_hours": 1, "tail_probability": 0.0007, "direction": "BELOW", "threshold": 3.0,
        "threshold_source": "DEFAULT", "verdict": "ANOMALOUS", "borrowed_share": 0.2,
    }  # fmt: skip
    return {**known, **told}


def table(*hours: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(hours), schema=JUDGED_SCHEMA)


def test_an_unusual_hour_is_found_when_it_is_over() -> None:
    judged = table(hour(0), hour(1, verdict="USUAL"), hour(2), hour(3, verdict="LEARNING"))
    found = anomalies(judged, NOON - 2 * HOUR, NOON)
    (draft,) = found
    assert (draft.tenant_id, draft.site_id, draft.person_id) == ("t", "s0", None)
    assert draft.finding_type == "ANOMALY_LOCATION_UPDATES_BELOW"
    assert draft.seen_at == NOON
    assert draft.judged is not None
    assert (draft.judged.hour_of_week, draft.judged.z) == (35, -3.2)
    assert (draft.judged.threshold, draft.judged.threshold_source) == (3.0, "DEFAULT")
    assert [each.seen_at for each in anomalies(judged, NOON - 3 * HOUR, NOON)] == [NOON, NOON - 2 * HOUR]
    assert anomalies(judged, NOON, NOON + HOUR) == []


def test_the_summary_tells_of_all_the_hours_it_rests_on() -> None:
    judged = table(hour(0, evidence_hours=3), hour(1, value=6.0, verdict="USUAL"), hour(2, value=1.0, expected=9.6))
    (draft, _) = anomalies(judged, NOON - 3 * HOUR, NOON)
    assert draft.summary == (
        "s0, Tuesday 09:00 to 12:00 site time: 11 positions where 50 are usual; "
        "3.2 standard deviations below, limit 3.00 (default)."
    )
    assert draft.evidence["window"] == {"start": NOON - 3 * HOUR, "end": NOON}
    assert draft.evidence["value"] == 4.0


def test_hours_over_the_end_of_the_week_are_told_by_the_day_they_began() -> None:
    judged = table(hour(hour_of_week=0, evidence_hours=2, value=None))
    (draft,) = anomalies(judged, NOON - HOUR, NOON)
    assert "s0, Sunday 23:00 to 01:00 site time: 0 positions" in draft.summary


def test_every_metric_and_direction_has_a_kind_of_finding() -> None:
    judged = table(
        *(
            hour(metric_type=metric, direction=direction)
            for metric in (
                "phone_events",
                "location_updates",
                "movement_distance",
                "tasks_completed",
                "tour_checkpoints",
            )
            for direction in ("ABOVE", "BELOW")
        )
    )
    assert {draft.finding_type for draft in anomalies(judged, NOON - HOUR, NOON)} == {
        kind for kind in KINDS if kind.startswith("ANOMALY_")
    }


def test_defect_33_not_every_anomaly_is_critical() -> None:
    """By z alone every anomaly is beyond 3 and so critical; by the excess over its limit few are."""
    found = {z: severity_of(z, 3.0, Direction.BELOW, 0.0, 2.0) for z in (-3.1, -3.7, -3.75, -5.2, -5.25)}
    assert list(found.values()) == [
        Severity.MEDIUM, Severity.MEDIUM, Severity.HIGH, Severity.HIGH, Severity.CRITICAL,
    ]  # fmt: skip
    # Beyond the conservative limit of a noisy cell the same z says less.
    assert severity_of(-5.2, 4.0, Direction.BELOW, 0.0, 2.0) is Severity.HIGH
    assert severity_of(-4.1, 4.0, Direction.BELOW, 0.0, 2.0) is Severity.MEDIUM


def test_more_activity_than_usual_is_one_less_severe() -> None:
    assert severity_of(3.1, 3.0, Direction.ABOVE, 0.0, 2.0) is Severity.LOW
    assert severity_of(9.0, 3.0, Direction.ABOVE, 0.0, 2.0) is Severity.HIGH


def test_thin_evidence_is_never_critical() -> None:
    assert severity_of(-9.0, 3.0, Direction.BELOW, 0.6, 2.0) is Severity.HIGH
    assert severity_of(-9.0, 3.0, Direction.BELOW, 0.0, 0.4) is Severity.HIGH


@given(
    z=st.floats(0.1, 50),
    more=st.floats(1, 5),
    threshold=st.floats(1.5, 5),
    direction=st.sampled_from(Direction),
    borrowed=st.floats(0, 1),
    guards=st.floats(0, 50),
)
def test_severity_never_falls_as_an_hour_gets_more_unusual(
    z: float, more: float, threshold: float, direction: Direction, borrowed: float, guards: float
) -> None:
    less_unusual = severity_of(z, threshold, direction, borrowed, guards)
    assert severity_of(-z * more, threshold, direction, borrowed, guards).rank >= less_unusual.rank
    assert severity_of(z, threshold, direction, 0.0, 10.0).rank >= less_unusual.rank
