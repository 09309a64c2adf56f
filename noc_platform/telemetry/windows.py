"""What an audit keeps of somebody's signals: one window, the remarks that follow from it, and the table of them.

Remarks are three-valued: what rests on a number that is not known is None, unless what is known decides it alone. A
signal that is missing is neither healthy (defect 43) nor zero. Elsewhere: who is on duty, and what of their signals is
known (`findings.collected`); what is made of windows and alerts together (`correlation`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.store.copying import copy_in, copy_out
from noc_platform.telemetry.tables import signal_window

# Fewer phone events and fewer positions than these are little (domain.md §2.2).
QUIET_PHONE_EVENTS = 5
QUIET_LOCATION_UPDATES = 3
# Less than positions credit in an hour to a phone that lies still (16 m, scoreboard: movement of a guard who sits).
STILL_METERS = 10.0
# So many phone events, and a phone that knew where it is would have said so (domain.md §2.3, device failure).
SPEAKING_PHONE_EVENTS = 5

REMARKS = (
    "is_unheard", "is_quiet", "is_idle", "is_still", "is_without_position", "is_outside", "misses_checkpoints",
    "misses_tasks",
)  # fmt: skip
INSTANT = pa.timestamp("us", tz="UTC")
WINDOWS_SCHEMA = pa.schema(
    [
        pa.field("tenant_id", pa.string(), nullable=False),
        pa.field("person_id", pa.string(), nullable=False),
        pa.field("window_end", INSTANT, nullable=False),
        pa.field("window_start", INSTANT, nullable=False),
        pa.field("site_id", pa.string()),
        pa.field("since", INSTANT, nullable=False),
        pa.field("phone_events_count", pa.int64()),
        pa.field("location_updates_count", pa.int64()),
        pa.field("movement_distance_meters", pa.float64()),
        pa.field("tasks_completed_count", pa.int64()),
        pa.field("tour_checkpoints_scanned", pa.int64()),
        pa.field("tasks_due", pa.int64(), nullable=False),
        pa.field("checkpoints_due", pa.int64(), nullable=False),
        pa.field("last_heard_at", INSTANT),
        *(pa.field(name, pa.bool_()) for name in REMARKS),
        pa.field("silence", pa.string()),
        pa.field("silence_reason", pa.string()),
    ]
)
KEY = ("tenant_id", "person_id", "window_end")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalWindow:
    """Signals of one person on duty over `[window_start, window_end)`, UTC, and what they say.

    `since` is from when on it has been so, as far as known, and may lie before the window; `last_heard_at` is by the
    phone's clock. Of the signals, `is_unheard`, `is_outside` and every remark, None is what is not known. `silence` is
    why little was heard, as the audit concluded, and `silence_reason` the same in words.
    """

    tenant_id: str
    person_id: str
    window_start: datetime
    window_end: datetime
    since: datetime
    site_id: str | None = None
    phone_events_count: int | None = None
    location_updates_count: int | None = None
    movement_distance_meters: float | None = None
    tasks_completed_count: int | None = None
    tour_checkpoints_scanned: int | None = None
    tasks_due: int = 0
    checkpoints_due: int = 0
    last_heard_at: datetime | None = None
    is_unheard: bool | None = None
    is_outside: bool | None = None
    silence: str | None = None
    silence_reason: str | None = None

    @property
    def is_quiet(self) -> bool | None:
        """Whether there are fewer than 5 phone events and fewer than 3 positions."""
        return _both(
            _is_below(self.phone_events_count, QUIET_PHONE_EVENTS),
            _is_below(self.location_updates_count, QUIET_LOCATION_UPDATES),
        )

    @property
    def is_idle(self) -> bool | None:
        """Whether there is no phone event and no task done."""
        return _both(_is_zero(self.phone_events_count), _is_zero(self.tasks_completed_count))

    @property
    def is_still(self) -> bool | None:
        """Whether there are less than 10 m of movement."""
        return _is_below(self.movement_distance_meters, STILL_METERS)

    @property
    def is_without_position(self) -> bool | None:
        """Whether there are phone events, 5 at least, and no position."""
        is_silent = _is_below(self.phone_events_count, SPEAKING_PHONE_EVENTS)
        is_speaking = None if is_silent is None else not is_silent
        return _both(is_speaking, _is_zero(self.location_updates_count))

    @property
    def misses_checkpoints(self) -> bool | None:
        """Whether checkpoints were due and none was scanned."""
        return _both(self.checkpoints_due > 0, _is_zero(self.tour_checkpoints_scanned))

    @property
    def misses_tasks(self) -> bool | None:
        """Whether tasks were due and none was done."""
        return _both(self.tasks_due > 0, _is_zero(self.tasks_completed_count))

    @property
    def says_something(self) -> bool:
        """Whether any remark is known to hold."""
        return any(getattr(self, remark) for remark in REMARKS)


def _is_below(value: float | None, limit: float) -> bool | None:
    return None if value is None else value < limit


def _is_zero(count: int | None) -> bool | None:
    return None if count is None else count == 0


def _both(one: bool | None, other: bool | None) -> bool | None:
    """Whether both hold: False as soon as one is known not to, else None as long as one is not known."""
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def windows_table(windows: Iterable[SignalWindow]) -> pa.Table:
    """Windows with their remarks, as `WINDOWS_SCHEMA`."""
    held = list(windows)
    columns = {name: [getattr(window, name) for window in held] for name in WINDOWS_SCHEMA.names}
    return pa.table(columns, schema=WINDOWS_SCHEMA)


def keep(connection: Connection, windows: Iterable[SignalWindow]) -> int:
    """Keep windows, at most one for each person and end; gives how many rows are new or differ from those kept before.

    The same windows again change nothing. Of the same person and end the later word holds: whoever looks at a moment
    again knows as much of it, or more.
    """
    rows = windows_table(windows)
    if not rows.num_rows:
        return 0
    connection.execute(text("drop table if exists pg_temp.collected"))
    connection.execute(text(f"create temp table collected (like {signal_window.name}) on commit drop"))
    copy_in(connection, "collected", rows)
    names = [name for name in WINDOWS_SCHEMA.names if name not in KEY]
    kept, now = (", ".join(f"{table}.{name}" for name in names) for table in ("kept", "excluded"))
    columns, key = ", ".join(WINDOWS_SCHEMA.names), ", ".join(KEY)
    # In one order, so that two who keep the same windows at once wait for each other and never in a circle.
    statement = f"""
        insert into {signal_window.name} as kept ({columns}) select {columns} from collected order by {key}
        on conflict ({key}) do update set ({", ".join(names)}) = row({now})
        where row({kept}) is distinct from row({now})
    """
    return connection.execute(text(statement)).rowcount


def windows_between(connection: Connection, since: datetime, until: datetime) -> pa.Table:
    """The windows kept that end from `since` to `until` (UTC, both included), as `WINDOWS_SCHEMA`, in order of end,
    tenant and person."""
    where = "window_end between :since and :until"
    found = copy_out(connection, signal_window.name, WINDOWS_SCHEMA, where, since=since, until=until)
    return found.sort_by([(name, "ascending") for name in ("window_end", "tenant_id", "person_id")])


def forget(connection: Connection, before: datetime) -> int:
    """Delete the windows that ended before that (UTC), but for those an incident holds; gives how many."""
    same = " and ".join(f"held.{name} = kept.{name}" for name in KEY)
    statement = f"""
        delete from {signal_window.name} kept where window_end < :before
        and not exists (select from noc_incident_signal held where {same})
    """
    return connection.execute(text(statement), {"before": before}).rowcount
