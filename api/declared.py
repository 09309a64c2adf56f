"""The API's models of the streams, made from their declarations."""

from typing import Any

from noc_platform.streams.catalogue import EVENT_STREAMS
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
