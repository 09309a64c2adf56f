"""The clock on a site's wall at one moment: night, deep night, and the time as people there say it. Pure.

Judged at the end of a window (defect 15), by the IANA zone of the site and its daylight saving.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from noc_platform.streams.forms import zone_called
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
            there = zone_called(zone)
            self._known[zone] = None if there is None else self.as_of.astimezone(there)
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
        there = None if zone is None else zone_called(zone)
        return f"{(moment or self.as_of).astimezone(there or UTC):%H:%M} {zone if there else 'UTC'}"


def minutes(span_from: datetime, to: datetime) -> int:
    """Whole minutes from one instant to another."""
    return int((to - span_from).total_seconds() // 60)
