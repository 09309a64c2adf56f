"""The clock on a site's wall at one moment: night, deep night, and the time as people there say it. Pure.

Judged at the end of a window (defect 15), by the IANA zone of the site and its daylight saving.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from noc_platform.telemetry.local_time import NIGHT_BEGINS, NIGHT_ENDS


@dataclass(frozen=True)
class SiteClock:
    """Clocks of all zones at `as_of`, an instant. Each zone is worked out once."""

    as_of: datetime
    _known: dict[str, datetime | None] = field(default_factory=dict)

    def local(self, zone: str | None) -> datetime | None:
        """The time in a zone; None for a site without one, or with one that does not exist."""
        if zone is None:
            return None
        if zone not in self._known:
            self._known[zone] = _in_zone(self.as_of, zone)
        return self._known[zone]

    def is_night(self, zone: str | None) -> bool:
        """Whether it is night there; not where the time is not known."""
        local = self.local(zone)
        return local is not None and (local.hour >= NIGHT_BEGINS or local.hour < NIGHT_ENDS)

    def is_deep_night(self, zone: str | None, hours: tuple[int, int]) -> bool:
        """Whether the hour there lies in `[from, to)`; not where the time is not known."""
        local = self.local(zone)
        return local is not None and hours[0] <= local.hour < hours[1]

    def said(self, zone: str | None, moment: datetime | None = None) -> str:
        """A moment, or else this one, as people there say it: "02:40 Europe/London", in UTC where there is no zone."""
        if zone is None or self.local(zone) is None:
            return f"{(moment or self.as_of).astimezone(UTC):%H:%M} UTC"
        return f"{(moment or self.as_of).astimezone(ZoneInfo(zone)):%H:%M} {zone}"


def _in_zone(moment: datetime, zone: str) -> datetime | None:
    try:
        return moment.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        # ZoneInfoNotFoundError is a KeyError; a path out of the database is a ValueError, a folder an OSError.
        return None


def minutes(span_from: datetime, to: datetime) -> int:
    """Whole minutes from one instant to another."""
    return int((to - span_from).total_seconds() // 60)
