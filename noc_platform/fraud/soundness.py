"""What must hold of evidence and of what is learned from it: nothing known too late, nothing out of its range."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.fraud.history import TrainingSet
from noc_platform.fraud.vocabulary import MODEL_FEATURES

# Lowest and highest value there can be of each feature; None for no bound on that side.
SHARE, COUNT, METRES = (0.0, 1.0), (0.0, None), (0.0, 10_000.0)
RANGES: Mapping[str, tuple[float | None, float | None]] = {
    "biometric_quality_score": SHARE, "gps_accuracy": (0.0, 1_000.0), "geofence_distance_meters": METRES,
    "time_of_day_anomaly_score": SHARE, "day_of_week_pattern_score": SHARE, "velocity_kmh": (0.0, 1_000.0),
    "historical_fraud_rate": SHARE, "consecutive_violations": (0.0, 10.0), "tour_completion_rate": SHARE,
    "phone_signal_strength": (-150.0, 0.0), "battery_level": (0.0, 100.0), "location_update_frequency": COUNT,
    "has_punched_out": SHARE, "is_location_mocked": SHARE, "face_margin": (None, 1.0), "liveness_score": SHARE,
    "confidence_score": SHARE, "verification_attempts": COUNT, "device_people": COUNT, "template_people": COUNT,
    "own_device_share": SHARE, "out_distance_meters": METRES, "minutes_from_roster": (-720.0, 720.0),
    "phone_distance_meters": METRES, "fix_spread_meters": COUNT, "accuracy_spread_meters": COUNT,
    "mocked_fix_share": SHARE, "duty_hours": COUNT,
}  # fmt: skip
LEAST_SHARE, MOST_SHARE = 0.005, 0.95


def out_of_range(evidence: pa.Table) -> list[str]:
    """Features with values there cannot be, a sentence each."""
    failures = []
    for name in MODEL_FEATURES:
        low, high = RANGES[name]
        seen: Any = pc.min_max(evidence[name])
        least, most = seen["min"].as_py(), seen["max"].as_py()
        if least is not None and ((low is not None and least < low) or (high is not None and most > high)):
            failures.append(f"{name} runs from {least:g} to {most:g}, and can only be {low} to {high}.")
    return failures


def repeated(evidence: pa.Table) -> list[str]:
    """Events with more than one row."""
    counts = evidence.group_by(["tenant_id", "event_id"]).aggregate([([], "count_all")])
    often = counts.filter(pc.greater(counts["count_all"], 1))
    return [f"event {row['event_id']} has {row['count_all']} rows" for row in often.slice(0, 10).to_pylist()]


def leaked(made: TrainingSet) -> list[str]:
    """Rows of a training set that were not known by then, or are not of its tenant."""
    rows = made.rows
    late = rows.filter(pc.greater_equal(rows["known_at"], pa.scalar(made.as_of, rows["known_at"].type)))
    strange = rows.filter(pc.not_equal(rows["tenant_id"], made.tenant_id))
    told = [f"event {event} was not known by {made.as_of}" for event in late["event_id"].slice(0, 10).to_pylist()]
    return told + [f"event {event} is another tenant's" for event in strange["event_id"].slice(0, 10).to_pylist()]


def unbalanced(made: TrainingSet) -> list[str]:
    """What speaks against learning from so many frauds among so many; nothing where nothing is labelled."""
    if not made.labelled:
        return []
    share = made.positives / made.labelled
    if LEAST_SHARE <= share <= MOST_SHARE:
        return []
    return [f"{made.positives:,} of {made.labelled:,} labelled attendances are fraud: {share:.1%}."]
