"""Evidence for tests of the fraud rules: events of whom nothing is known but what a test says, and bad ones."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from noc_platform.fraud.vocabulary import KEYS, MODEL_FEATURES, Detector

NOW = datetime(2026, 3, 24, 12, tzinfo=UTC)
INSTANT = pa.timestamp("us", tz="UTC")
TEXTS = (
    "expected_person_id", "previous_attendance_id", "previous_site_id", "elsewhere_attendance_id", "elsewhere_site_id",
    "device_id", "template_id",
)  # fmt: skip
TRUTHS = ("is_mocked", "is_rostered_here", "is_assigned_here")
NUMBERS = (
    "geofence_excess_meters", "accuracy_meters", "fix_speed_kmh", "fix_accuracy_meters", "travel_distance_meters",
    "travel_seconds", "worked_seconds", "continuous_seconds", "elsewhere_seconds", "verifications", "distinct_minutes",
    "mean_confidence", "low_confidence_share",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        *((name, INSTANT if name.endswith("_at") else pa.string()) for name in KEYS),
        *((name, pa.float64()) for name in (*MODEL_FEATURES, *NUMBERS)),
        *((name, pa.string()) for name in TEXTS),
        *((name, pa.bool_()) for name in TRUTHS),
    ]
)
KNOWN = {
    "tenant_id": "t", "event_id": "e", "attendance_id": "a", "person_id": "p", "site_id": "s1", "client_id": "c",
    "stage": "IN", "happened_at": NOW, "known_at": NOW,
}  # fmt: skip
# The least that sets each detector off, and nothing else.
BAD: dict[Detector, dict[str, Any]] = {
    Detector.WRONG_PERSON: {"is_rostered_here": False, "expected_person_id": "q"},
    Detector.UNAUTHORIZED_SITE: {"is_assigned_here": False},
    Detector.IMPOSSIBLE_SHIFTS: {"travel_distance_meters": 12_000.0, "travel_seconds": 180.0, "previous_site_id": "s2"},
    Detector.OVERTIME_VIOLATION: {"worked_seconds": 16 * 3600 + 1.0},
    Detector.BUDDY_PUNCHING: {"elsewhere_seconds": 180.0, "elsewhere_site_id": "s2"},
    Detector.GPS_SPOOFING: {"fix_speed_kmh": 151.0, "accuracy_meters": 100.0, "fix_accuracy_meters": 100.0},
    Detector.MOCK_LOCATION: {"is_mocked": True},
    Detector.GEOFENCE_VIOLATION: {"geofence_excess_meters": 201.0},
    Detector.GPS_LOW_ACCURACY: {"accuracy_meters": 101.0},
    Detector.LOW_BIOMETRIC_QUALITY: {"confidence_score": 0.69},
    Detector.BIOMETRIC_PATTERN_ANOMALY: {"verifications": 10.0, "distinct_minutes": 2.0},
    Detector.SHARED_DEVICE: {"device_people": 1.0, "device_id": "d"},
    Detector.SHARED_FACE: {"template_people": 1.0, "template_id": "f"},
}


def events(*told: dict[str, Any]) -> pa.Table:
    """Events of which nothing is known but what is told."""
    return pa.Table.from_pylist([{**KNOWN, **each} for each in told], schema=SCHEMA)


def _numbers(name: str) -> st.SearchStrategy[float]:
    if name in ("confidence_score", "liveness_score", "mean_confidence", "low_confidence_share") or "quality" in name:
        return st.floats(0, 1)
    low = -90_000 if name == "travel_seconds" else 0
    return st.one_of(st.floats(low, 2e5), st.sampled_from([0.0, 1.0, 2.0, 5.0, 60.0, 100.0, 200.0, 300.0]))


def facts() -> st.SearchStrategy[dict[str, Any]]:
    """What may be known of an event, each thing or not."""
    numbers = {name: st.none() | _numbers(name) for name in (*MODEL_FEATURES, *NUMBERS)}
    texts = {name: st.none() | st.sampled_from(["x", "y"]) for name in TEXTS}
    return st.fixed_dictionaries(
        {**numbers, **texts, **{name: st.sampled_from([None, True, False]) for name in TRUTHS}}
    )
