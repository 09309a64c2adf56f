"""The words of fraud: features by name and order, detectors, levels, and what a training can come to."""

from enum import StrEnum

# The twelve of domain.md §5.3: names and order are fixed, for models remember them.
FEATURES = (
    "biometric_quality_score",
    "gps_accuracy",
    "geofence_distance_meters",
    "time_of_day_anomaly_score",
    "day_of_week_pattern_score",
    "velocity_kmh",
    "historical_fraud_rate",
    "consecutive_violations",
    "tour_completion_rate",
    "phone_signal_strength",
    "battery_level",
    "location_update_frequency",
)
# What else a model is told, after the twelve. A model's manifest says which it was trained with.
EXTRA_FEATURES = (
    "has_punched_out",
    "is_location_mocked",
    "face_margin",
    "liveness_score",
    "confidence_score",
    "verification_attempts",
    "device_people",
    "template_people",
    "own_device_share",
    "out_distance_meters",
    "minutes_from_roster",
    "phone_distance_meters",
    "fix_spread_meters",
    "accuracy_spread_meters",
    "mocked_fix_share",
    "duty_hours",
)
MODEL_FEATURES = FEATURES + EXTRA_FEATURES
# Raised whenever a feature is computed differently, so that no model is asked with what it was not trained on.
FEATURES_VERSION = 1

MODEL_TYPE = "fraud_detection"
RULES_VERSION = "rules-v1"
KEYS = (
    "tenant_id",
    "event_id",
    "attendance_id",
    "person_id",
    "site_id",
    "client_id",
    "stage",
    "happened_at",
    "known_at",
)


class Stage(StrEnum):
    """What an attendance had come to when an event was reported. Each has a score of its own."""

    IN = "IN"
    OUT = "OUT"


class Detector(StrEnum):
    """The rules, each by the code of the reason it gives (domain.md §5.1)."""

    WRONG_PERSON = "WRONG_PERSON"
    UNAUTHORIZED_SITE = "UNAUTHORIZED_SITE"
    IMPOSSIBLE_SHIFTS = "IMPOSSIBLE_SHIFTS"
    OVERTIME_VIOLATION = "OVERTIME_VIOLATION"
    BUDDY_PUNCHING = "BUDDY_PUNCHING"
    GPS_SPOOFING = "GPS_SPOOFING"
    MOCK_LOCATION = "MOCK_LOCATION"
    GEOFENCE_VIOLATION = "GEOFENCE_VIOLATION"
    GPS_LOW_ACCURACY = "GPS_LOW_ACCURACY"
    LOW_BIOMETRIC_QUALITY = "LOW_BIOMETRIC_QUALITY"
    BIOMETRIC_PATTERN_ANOMALY = "BIOMETRIC_PATTERN_ANOMALY"
    SHARED_DEVICE = "SHARED_DEVICE"
    SHARED_FACE = "SHARED_FACE"


class RiskLevel(StrEnum):
    """How high a score is (domain.md §5.2)."""

    MINIMAL = "MINIMAL"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class Method(StrEnum):
    """What made a prediction."""

    MODEL = "MODEL"
    RULES = "RULES"


class RunStatus(StrEnum):
    """What a training came to: a model that is live, one that was refused, too little to learn from, or an error."""

    SUCCEEDED = "SUCCEEDED"
    REJECTED = "REJECTED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"
