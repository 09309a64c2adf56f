"""The API's models of the streams, made from their declarations."""

from typing import Any

from noc_platform.fraud.vocabulary import Detector, Method, RiskLevel, Stage
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS, EVENT_STREAMS
from noc_platform.streams.declaration import Column, Kind, Stream

JSON_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.REAL: {"type": "number"},
    Kind.INSTANT: {"type": "string", "format": "date-time"},
    Kind.DAY: {"type": "string", "format": "date"},
    Kind.FLAG: {"type": "boolean"},
    Kind.IDENTIFIER: {"type": "string", "format": "uuid"},
}
STAMPED = ("received_at", "tenant_id")
FILLED = ("event_id", "occurred_at")
TEXT, NUMBER, COUNT, TRUTH = ({"type": kind} for kind in ("string", "number", "integer", "boolean"))
MAYBE_TEXT, MAYBE_NUMBER = ({"type": [kind, "null"]} for kind in ("string", "number"))
INSTANT = JSON_TYPES[Kind.INSTANT]
ATTENDANCE_EXAMPLE = {
    "attendance_id": "a-4711",
    "person_id": "p0",
    "site_id": "s0",
    "device_id": "phone-17",
    "punched_in_at": "2026-06-01T08:58:12+03:00",
    "latitude_in": 37.9838,
    "longitude_in": 23.7275,
    "accuracy_meters": 12,
    "is_location_mocked": True,
    "biometric_type": "FACE",
    "biometric_result": "SUCCESS",
    "confidence_score": 0.91,
    "quality_score": 0.8,
    "liveness_score": 0.95,
}


def event_schema(stream: Stream) -> dict[str, Any]:
    """JSON schema of one event of a stream. The door is more lenient than this: numbers may come as text."""
    columns = [column for column in stream.columns if column.name not in STAMPED]
    required = [column.name for column in columns if column.required and column.name not in FILLED]
    return {
        "title": stream.name,
        "description": stream.meaning,
        "type": "object",
        "required": required,
        "properties": {column.name: _property(column) for column in columns},
    }


def batch_schema(lines: str) -> dict[str, Any]:
    """OpenAPI of a batch of any event stream, as a document or as lines of the media type `lines`."""
    batches = [
        {
            "title": f"batch of {stream.name}",
            "type": "object",
            "required": ["stream", "events"],
            "properties": {
                "stream": {"const": stream.name},
                "events": {"type": "array", "minItems": 1, "items": event_schema(stream)},
            },
        }
        for stream in EVENT_STREAMS
    ]
    content = {
        "application/json": {"schema": {"oneOf": batches}},
        lines: {"schema": {"type": "string", "description": "One event a line; the stream is named in the query."}},
    }
    return {"requestBody": {"required": True, "content": content}}


def scored_batch(most: int) -> dict[str, Any]:
    """OpenAPI of a batch of attendances to be scored, at most so many, or of one alone."""
    event = event_schema(ATTENDANCE_EVENTS)
    events = {"type": "array", "minItems": 1, "maxItems": most, "items": event}
    schema = {"oneOf": [_object("one attendance", {"event": event}), _object("attendances", {"events": events})]}
    examples = {"one attendance": {"value": {"event": ATTENDANCE_EXAMPLE}}}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}
    }


def scored_answer() -> dict[int | str, dict[str, Any]]:
    """OpenAPI of what is answered to such a batch."""
    data = _object("what became of it", {**_RECEIVED, "predictions": _many(_PREDICTION)})
    # Not required, for FastAPI drops what is null from examples.
    data["properties"]["fell_back"] = _FELL_BACK
    schema = _object("scored attendances", {"status": {"const": "success"}, "data": data})
    example = {"status": "success", "data": _ANSWER_EXAMPLE}
    said = "What became of each event, and what is said of those that were let in, by when they happened."
    return {200: {"description": said, "content": {"application/json": {"schema": schema, "example": example}}}}


def _object(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "type": "object", "required": list(properties), "properties": properties}


def _many(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


def _within(least: float, most: float, meaning: str) -> dict[str, Any]:
    return {**NUMBER, "minimum": least, "maximum": most, "description": meaning}


def _property(column: Column) -> dict[str, Any]:
    schema = {
        **JSON_TYPES[column.kind],
        "description": f"{column.meaning} [{column.unit}]" if column.unit else column.meaning,
    }
    if column.allowed:
        schema["enum"] = list(column.allowed)
    if column.minimum is not None:
        schema["minimum"] = column.minimum
    if column.maximum is not None:
        schema["maximum"] = column.maximum
    return schema


_RECEIVED = {
    "stream": {"const": ATTENDANCE_EVENTS.name},
    **{name: {**COUNT, "minimum": 0} for name in ("read", "accepted", "duplicate", "quarantined")},
    "reasons": _many(
        _object("why a row was refused", {"event": COUNT, "column": MAYBE_TEXT, "reason": TEXT}),
    ),
}
_FELL_BACK = {**MAYBE_TEXT, "description": "Why rules scored although a model is live; null where they did not."}
_REASON = _object(
    "a reason",
    {
        "name": {**TEXT, "description": "A feature of the model, or a part of rules-v1."},
        "value": {**MAYBE_NUMBER, "description": "Of the feature; null for not known."},
        "contribution": {**NUMBER, "description": "What it adds to the probability."},
    },
)
_DETECTION = _object(
    "a rule that fired",
    {
        "code": {"enum": [str(each) for each in Detector]},
        "severity": TEXT,
        "confidence": _within(0, 1, "How sure the rule is."),
        "reason": {**TEXT, "description": "A sentence for whoever looks at it."},
        "evidence": {"type": "object", "description": "What it measured, and which limit applied."},
    },
)
_PREDICTION = _object(
    "a prediction",
    {
        "event_id": JSON_TYPES[Kind.IDENTIFIER],
        "attendance_id": TEXT,
        "person_id": TEXT,
        "site_id": MAYBE_TEXT,
        "stage": {"enum": [str(each) for each in Stage], "description": "OUT once the punch-out is known."},
        "fraud_score": _within(0, 1, "Decides level, alert and ticket: the highest of rules and model, hundredths."),
        "risk_level": {"enum": [str(each) for each in RiskLevel]},
        "method": {"enum": [str(each) for each in Method]},
        "model_version": {**TEXT, "description": "The version of the tenant's model, or rules-v1."},
        "fraud_probability": _within(0, 1, "What the model says, calibrated; or the score of rules-v1."),
        "base_rate": {**NUMBER, "description": "What contributions, told and untold, add to for the probability."},
        "is_flagged": {**TRUTH, "description": "High enough for an alert."},
        "top_reasons": {**_many(_REASON), "description": "What says most, by size, the greatest first."},
        "detections": _many(_DETECTION),
        "latency_ms": {**NUMBER, "description": "From its row to its score, milliseconds; of a batch the mean."},
        "predicted_at": {**INSTANT, "description": "UTC."},
    },
)
_ANSWER_EXAMPLE = {
    "stream": ATTENDANCE_EVENTS.name,
    "read": 1,
    "accepted": 1,
    "duplicate": 0,
    "quarantined": 0,
    "reasons": [],
    "predictions": [
        {
            "event_id": "019e81c2-dd20-801e-8065-87a1b80e83f5",
            "attendance_id": "a-4711",
            "person_id": "p0",
            "site_id": "s0",
            "stage": "IN",
            "fraud_score": 0.6,
            "risk_level": "HIGH",
            "method": "MODEL",
            "model_version": "3",
            "fraud_probability": 0.18,
            "base_rate": 0.08,
            "is_flagged": True,
            "top_reasons": [
                {"name": "is_location_mocked", "value": 1.0, "contribution": 0.14},
                {"name": "face_margin", "value": 0.21, "contribution": -0.03},
            ],
            "detections": [
                {
                    "code": "MOCK_LOCATION",
                    "severity": "CRITICAL",
                    "confidence": 0.99,
                    "reason": "The phone says that its position is made up by an app.",
                    "evidence": {"is_mocked": True},
                }
            ],
            "latency_ms": 31.4,
            "predicted_at": "2026-06-01T05:58:14.201733+00:00",
        }
    ],
}
