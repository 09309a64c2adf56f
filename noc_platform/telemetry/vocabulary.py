"""The five signals by name, the windows they are taken over, and the states a value can be in.

The one place that knows both irregular suffixes (domain.md §2.1) and tells absent, idle and off duty apart.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from noc_platform.errors import BadInput

DEFAULT_WINDOW_MINUTES = 120
MOST_MOMENTS = 2_000


class Signal(StrEnum):
    """Keys of the five signals, as served and stored."""

    PHONE_EVENTS = "phone_events_count"
    LOCATION_UPDATES = "location_updates_count"
    MOVEMENT = "movement_distance_meters"
    TASKS = "tasks_completed_count"
    CHECKPOINTS = "tour_checkpoints_scanned"

    @property
    def metric(self) -> str:
        """Name of the metric in baselines and findings."""
        return _METRICS[self]


_METRICS = {
    Signal.PHONE_EVENTS: "phone_events",
    Signal.LOCATION_UPDATES: "location_updates",
    Signal.MOVEMENT: "movement_distance",
    Signal.TASKS: "tasks_completed",
    Signal.CHECKPOINTS: "tour_checkpoints",
}


class State(StrEnum):
    """Why a signal has the value it has. Only the first two come with a number."""

    MEASURED = "MEASURED"
    IDLE = "IDLE"
    NO_FEED = "NO_FEED"
    NO_DATA = "NO_DATA"
    TOO_FEW_FIXES = "TOO_FEW_FIXES"
    NO_TASK_DUE = "NO_TASK_DUE"
    NO_TOUR_DUE = "NO_TOUR_DUE"
    OFF_DUTY = "OFF_DUTY"


class Duty(StrEnum):
    """Whether somebody was meant to be at work; UNKNOWN where the tenant keeps neither roster nor attendance."""

    ON_DUTY = "ON_DUTY"
    OFF_DUTY = "OFF_DUTY"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Window:
    """A half-open stretch of time `[start, end)`, UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs instants with a zone")
        if self.end <= self.start:
            raise ValueError("a window ends after it starts")

    @classmethod
    def before(cls, as_of: datetime, minutes: int = DEFAULT_WINDOW_MINUTES) -> "Window":
        """The last `minutes` up to, and not including, `as_of`."""
        return cls(as_of - timedelta(minutes=minutes), as_of)

    @classmethod
    def of_days(cls, first: date, last: date) -> "Window":
        """Whole UTC days, both included."""
        start = datetime(first.year, first.month, first.day, tzinfo=UTC)
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
        return cls(start, end)

    @property
    def days(self) -> list[date]:
        """UTC days the window touches, in order."""
        first, last = self.start.astimezone(UTC).date(), (self.end - timedelta(microseconds=1)).astimezone(UTC).date()
        return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]

    def widened(self, before: timedelta = timedelta(0), after: timedelta = timedelta(0)) -> "Window":
        """The same window with margins."""
        return Window(self.start - before, self.end + after)


def moments(as_of: datetime, since: datetime | None = None, step: timedelta = timedelta(hours=1)) -> list[datetime]:
    """The moments (UTC) from `since` to `as_of` that lie whole steps before `as_of`, the earliest first; that one alone
    without `since`. Raises `BadInput` for none, or for more than `MOST_MOMENTS`."""
    count = (as_of - (since or as_of)) // step + 1
    if not 1 <= count <= MOST_MOMENTS:
        found = f"From {since} to {as_of} there are {max(count, 0)} moments to look at"
        raise BadInput(f"{found}; it must be 1 to {MOST_MOMENTS}.")
    return [as_of - step * back for back in reversed(range(count))]
