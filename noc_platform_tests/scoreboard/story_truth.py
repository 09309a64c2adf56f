"""Which signals and alerts are truly one story: from the truth of a world, and never from what was put together.

Items are the world's alerts, and the windows of signals an audit kept. Two are of one story when the same planted cause
is behind both. Elsewhere: what is claimed of it (`incidents`).
"""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import pandas as pd
import pyarrow as pa

from noc_platform.correlation.alerts.queries import OCCURRENCES_SCHEMA
from noc_platform.correlation.matching import TELLING
from noc_platform.correlation.stories import Item, Raised, Told
from noc_platform.findings.collected import signal_windows
from noc_platform.telemetry.windows import SignalWindow, windows_table
from noc_platform_tests.scoreboard.silence import Evidence
from noc_platform_tests.scoreboard.silent_truth import Person

# What lasts longer is one story for each person and shift: nobody tells Monday's and Thursday's as one.
ONE_SHIFT = timedelta(hours=16)
# So long before it begins a shift is what somebody is about.
EARLY = timedelta(hours=1)
# By itself it does nothing: only what its members do for one another is to be seen.
TRACELESS = "COLLUSION_RING"
IDENTITY = ["tenant_id", "occurred_at", "alert_type", "person_id", "site_id"]


@dataclass(frozen=True)
class StoryTruth:
    """What was so of the signals and alerts of a world."""

    evidence: Evidence

    @cached_property
    def collected(self) -> list[SignalWindow]:
        """What the audits kept of everybody's signals."""
        return [window for look in self.evidence.replay.looks for window in signal_windows(look)]

    @cached_property
    def windows(self) -> pa.Table:
        """The same as a table."""
        return windows_table(self.collected)

    @cached_property
    def alerts(self) -> Any:
        """What was raised, each row an event and an alert of its own, with the cause behind it."""
        rows = self.evidence.world.stream("alerts").to_pandas().drop(columns="event_id", errors="ignore")
        caused = self.evidence.world.truth("alert_causes").drop_duplicates(IDENTITY)
        rows = rows.merge(caused, how="left", on=IDENTITY)
        names = [str(UUID(int=number)) for number in range(1, len(rows) + 1)]
        return rows.assign(event_id=names, alert_id=names)

    @cached_property
    def occurrences(self) -> pa.Table:
        """What was raised, as correlation takes it."""
        rows = self.alerts[OCCURRENCES_SCHEMA.names]
        return pa.Table.from_pandas(rows.where(rows.notna(), None), schema=OCCURRENCES_SCHEMA, preserve_index=False)

    @cached_property
    def raised(self) -> dict[Item, Any]:
        """The row of each alert."""
        return {Raised(row.tenant_id, UUID(row.event_id)): row for row in self.alerts.itertuples()}

    @cached_property
    def told(self) -> dict[Item, SignalWindow]:
        """Each window."""
        return {Told(each.tenant_id, each.person_id, each.window_end): each for each in self.collected}

    @cached_property
    def telling(self) -> frozenset[Item]:
        """Windows whose signals say something by themselves; somebody who stands still says nothing yet."""
        return frozenset(item for item, each in self.told.items() if any(getattr(each, name) for name in TELLING))

    @cached_property
    def story(self) -> dict[Item, str | None]:
        """The story each item is of; None where nothing planted is behind it."""
        raised = {
            item: self._story(row.cause_id, (row.tenant_id, row.person_id), row.occurred_at)
            for item, row in self.raised.items()
        }
        told = {
            item: self._story(self._cause_of(each), (each.tenant_id, each.person_id), each.window_end)
            for item, each in self.told.items()
        }
        return {**raised, **told}

    @cached_property
    def alarmed(self) -> frozenset[str]:
        """Stories with an alert. Without one there is no incident, by design."""
        return frozenset(story for item in self.raised if (story := self.story[item]))

    @cached_property
    def cause(self) -> dict[str, Any]:
        """Each planted cause by id."""
        return {row.cause_id: row for row in self.evidence.world.truth("causes").itertuples()}

    @cached_property
    def _of_person(self) -> dict[Person, list[Any]]:
        found: dict[Person, list[Any]] = defaultdict(list)
        for row in self.cause.values():
            if row.cause != TRACELESS:
                for person in row.people:
                    found[row.tenant_id, person].append(row)
        return found

    @cached_property
    def _shifts(self) -> dict[Person, list[datetime]]:
        found: dict[Person, list[datetime]] = defaultdict(list)
        for row in self.evidence.world.truth("presence").sort_values("starts_at").itertuples():
            found[row.tenant_id, row.person_id].append(row.starts_at.to_pydatetime())
        return found

    def _cause_of(self, window: SignalWindow) -> str | None:
        """The cause of that person which covers most of what the window says; none that only touches it."""
        person = window.tenant_id, window.person_id
        covered = {
            row.cause_id: min(row.ends_at, window.window_end) - max(row.starts_at, window.since)
            for row in self._of_person.get(person, ())
        }
        name = max(covered, key=lambda each: covered[each], default=None)
        return name if name is not None and covered[name] > timedelta(0) else None

    def _story(self, cause_id: Any, person: Person, at: datetime) -> str | None:
        if cause_id is None or pd.isna(cause_id):
            return None
        cause = self.cause[cause_id]
        if cause.ends_at - cause.starts_at <= ONE_SHIFT:
            return str(cause_id)
        return f"{cause_id}/{person[1]}/{bisect_right(self._shifts.get(person, []), at + EARLY)}"
