"""A rule by which something comes again (RFC 5545, RRULE), on a wall clock without a zone.

Here: what such a rule may say, and when it comes. What a wall clock means in UTC is for whoever knows the zone.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from dateutil.rrule import rrulestr

from noc_platform.errors import BadInput

EXAMPLE = "FREQ=WEEKLY;BYDAY=SU"
# Once a day or rarer, at most at every hour of it: never more than 24 a day, however the rule is put together.
STEP_DAYS = {"DAILY": 1, "WEEKLY": 7}
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_WEEKDAY = "(MO|TU|WE|TH|FR|SA|SU)"
_PARTS = {
    "FREQ": "|".join(FREQUENCIES),
    "INTERVAL": r"[1-9]\d{0,2}",
    "COUNT": r"[1-9]\d{0,3}",
    "UNTIL": r"\d{8}(T\d{6}Z?)?",
    "BYDAY": rf"[+-]?([1-9]\d?)?{_WEEKDAY}",
    "BYMONTH": r"1[0-2]|[1-9]",
    "BYMONTHDAY": r"[+-]?(3[01]|[12]\d|[1-9])",
    "BYYEARDAY": r"[+-]?[1-9]\d{0,2}",
    "BYWEEKNO": r"[+-]?(5[0-3]|[1-4]\d|[1-9])",
    "BYSETPOS": r"[+-]?[1-9]\d{0,2}",
    "BYHOUR": r"2[0-3]|1\d|\d",
    "WKST": _WEEKDAY,
}
_LISTS = frozenset({"BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYHOUR"})
# The calendar is the same again after 400 years, weekdays included. A rule that finds nothing searches to the year
# 9999, so it is put into the last such turn: 0.1 s instead of 2.7 s for the slowest.
TURN_YEARS, TURN = 400, timedelta(days=146_097)
LAST_YEAR = 9_950
PROBED_FROM = datetime(9601, 1, 1)  # noqa: DTZ001 - a wall clock
SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Recurrence:
    """A rule that was understood. `until` is an instant (UTC) where the rule says so, else a wall clock's reading."""

    frequency: str
    interval: int
    is_counted: bool
    until: datetime | None
    rule: str

    def starts(self, first: datetime, earliest: datetime, latest: datetime) -> list[datetime]:
        """When it comes from `earliest` to `latest`, both included, on the wall clock that reads `first` at its
        beginning. `until` is not looked at: see `has_ended`."""
        turns = max((LAST_YEAR - max(first, latest).year) // TURN_YEARS, 0)
        ahead = turns * TURN
        rule = rrulestr(self.rule, dtstart=self._near(first, earliest) + ahead)
        return [found - ahead for found in rule.between(earliest + ahead, latest + ahead, inc=True)]

    def has_ended(self, wall: datetime, instant: datetime) -> bool:
        """Whether it comes no more at a moment, given as the wall clock's reading and as an instant."""
        if self.until is None:
            return False
        return (instant if self.until.tzinfo else wall) > self.until

    def _near(self, first: datetime, earliest: datetime) -> datetime:
        """A beginning that gives the same from `earliest` on, so that long ago costs no more than yesterday."""
        step = self.interval * STEP_DAYS.get(self.frequency, 0)
        if not step or self.is_counted:
            return first
        # One step less: a first week is cut short, which tells with BYSETPOS.
        return first + timedelta(days=step * max((earliest - first).days // step - 1, 0))


@lru_cache(maxsize=4_096)
def recurrence_of(text: str) -> Recurrence:
    """The rule that a text states. Raises `BadInput`, which says what would fit."""
    try:
        return _understood(_parts_of(text))
    except ValueError as problem:
        raise BadInput(
            f"{text[:SHOWN_CHARACTERS]} cannot recur: {problem}. Write an RRULE such as {EXAMPLE}, "
            f"with FREQ one of {', '.join(FREQUENCIES)}"
        ) from None


def _parts_of(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").rstrip(";").split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS:
            raise ValueError(f"{name[:SHOWN_CHARACTERS] or 'nothing'} is none of {', '.join(_PARTS)}")
        if name in parts:
            raise ValueError(f"{name} comes twice")
        values = value.split(",") if name in _LISTS else [value]
        for each in values:
            if not re.fullmatch(_PARTS[name], each, re.ASCII):
                raise ValueError(f"{name}={each[:SHOWN_CHARACTERS]} does not fit")
        parts[name] = value
    return parts


def _understood(parts: dict[str, str]) -> Recurrence:
    frequency = parts.get("FREQ")
    if frequency is None:
        raise ValueError("FREQ is missing")
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("COUNT and UNTIL exclude each other")
    if frequency in STEP_DAYS and re.search(r"\d", parts.get("BYDAY", "")):
        raise ValueError(f"a weekday with a number is for MONTHLY or YEARLY, not {frequency}")
    until = _until(parts.pop("UNTIL", None))
    rule = ";".join(f"{name}={value}" for name, value in parts.items())
    # With every period looked at: what is found in none of 400 years is never found.
    probe = ";".join(f"{name}={value}" for name, value in parts.items() if name != "INTERVAL")
    if next(iter(rrulestr(probe, dtstart=PROBED_FROM)), None) is None:
        raise ValueError("there is never such a day")
    return Recurrence(frequency, int(parts.get("INTERVAL", 1)), "COUNT" in parts, until, rule)


def _until(text: str | None) -> datetime | None:
    """A day alone is meant to its end."""
    if text is None:
        return None
    try:
        wall = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise ValueError(f"UNTIL={text} is no day") from None
    if "T" not in text:
        return wall + timedelta(days=1, microseconds=-1)
    return wall.replace(tzinfo=UTC) if text.endswith("Z") else wall
