"""What a text must say where a vocabulary cannot list it: rules of recurrence, zones, names one after the other."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from noc_platform.errors import BadInput
from noc_platform.streams.declaration import Form
from noc_platform.streams.recurrence import recurrence_of

SHOWN_CHARACTERS = 60
_NAMES = re.compile(r"\w+(\s*,\s*\w+)*", re.ASCII)


def fault_in(form: Form, text: str) -> str | None:
    """What keeps a text from being of a form, and what would fit; None when all is well."""
    return _FAULTS[form](text)


@lru_cache(maxsize=4_096)
def zone_called(name: str) -> ZoneInfo | None:
    """The IANA zone of that name; None when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # A folder of the zone data, such as Europe, is an OSError.
        return None


def instant_called(text: str) -> datetime:
    """The instant (UTC) that a text with a zone names. Raises `BadInput`."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(f"{text[:SHOWN_CHARACTERS]} is no moment; write it as 2026-03-24T12:00:00+00:00.") from None
    if moment.tzinfo is None:
        raise BadInput(f"{text} has no zone; write it as 2026-03-24T12:00:00+00:00.")
    return moment.astimezone(UTC)


def _recurrence(text: str) -> str | None:
    try:
        recurrence_of(text)
    except BadInput as problem:
        return str(problem)
    return None


def _zone(text: str) -> str | None:
    if zone_called(text) is not None:
        return None
    return f"{text[:SHOWN_CHARACTERS]} is no time zone; write an IANA name such as Europe/London"


def _names(text: str) -> str | None:
    if _NAMES.fullmatch(text):
        return None
    return f"{text[:SHOWN_CHARACTERS]} is no list of names; write them with commas between: LOW_ACTIVITY, FEED_LATE"


_FAULTS: Mapping[Form, Callable[[str], str | None]] = {
    Form.RECURRENCE: _recurrence,
    Form.TIME_ZONE: _zone,
    Form.NAMES: _names,
}
