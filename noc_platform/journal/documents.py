"""Values as JSON and PostgreSQL's jsonb have them. Instants become UTC text; what is not a number becomes null."""

import json
import math
from collections.abc import Mapping, Set
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

# U+0000 and halves of surrogate pairs, as JSON writes them; whole pairs too, which costs time and nothing else.
ODD = ("\\u0000", "\\ud")


def document(value: object) -> str:
    """The value as JSON text, the same for equal values. Raises TypeError for what JSON has no word for."""
    try:
        # Most values need no more than this, which is ten times faster than going through them one by one.
        written = json.dumps(value, default=_composed, allow_nan=False, sort_keys=True)
    except (ValueError, TypeError):
        return json.dumps(plain(value), allow_nan=False, sort_keys=True)
    return json.dumps(plain(value), sort_keys=True) if any(odd in written for odd in ODD) else written


def plain(value: Any) -> Any:
    """The value in JSON's own types: text, numbers, truth, null, lists and objects.

    Raises TypeError for anything else, and ValueError for an instant without a zone.
    """
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        # jsonb refuses U+0000 and half a surrogate pair.
        return value.replace("\x00", "\ufffd").encode(errors="replace").decode()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    return _composed(value)


def _composed(value: Any) -> Any:
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, date | timedelta | UUID):
        return _written(value)
    if isinstance(value, Mapping):
        return {str(plain(name)): plain(item) for name, item in value.items()}
    if isinstance(value, Set):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    # Arrow's and numpy's scalars know the plain value they stand for.
    for name in ("as_py", "item"):
        if hasattr(value, name):
            return plain(getattr(value, name)())
    raise TypeError(f"{type(value).__name__} has no form in JSON; give text, numbers, instants, lists or objects")


def _written(value: date | timedelta | UUID) -> str | float:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not isinstance(value, datetime):
        return str(value)
    if value.tzinfo is None:
        raise ValueError(f"{value} has no zone; nobody could tell which moment is meant")
    return value.astimezone(UTC).isoformat()
