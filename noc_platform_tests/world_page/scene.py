"""A written world as frames: its streams as they were sent, its truth beside them, and the wall clock of each site."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import pandas as pd
import pyarrow as pa

from noc_platform.simulator.world import WorldPlan
from noc_platform_tests.scoreboard.worlds import Written

# Identifiers are unique within a tenant only.
SITE = ["tenant_id", "site_id"]
PERSON = ["tenant_id", "person_id"]
# Frames: what pandas-stubs make of rows is wider than any code that reads them.
Rows = Any


@dataclass(frozen=True)
class Scene:
    """A world on disk; each frame is read once, when it is needed. Instants are UTC, `local` is a site's wall clock."""

    written: Written

    @property
    def plan(self) -> WorldPlan:
        """How large the world is, over which days, from which seed."""
        return self.written.manifest.plan

    @property
    def days(self) -> list[date]:
        """The roster days."""
        return [self.plan.day(number) for number in range(self.plan.days)]

    @cached_property
    def sites(self) -> Rows:
        """Rows of `sites`."""
        return self._stream("sites")

    @cached_property
    def people(self) -> Rows:
        """Rows of `people`."""
        return self._stream("people")

    @cached_property
    def shifts(self) -> Rows:
        """Rows of `shifts`, with who came and left when in truth, and the clock of the site."""
        truth = self.written.truth("presence")
        rows = self._stream("shifts").merge(truth, how="left", on=[*PERSON, "site_id", "starts_at"])
        return self._located(rows)

    @cached_property
    def tours_due(self) -> Rows:
        """Rows of `tours_due`."""
        return self._stream("tours_due")

    @cached_property
    def device_events(self) -> Rows:
        """What phones reported of themselves, on the clock of the site."""
        columns = [*PERSON, "site_id", "occurred_at", "event_kind", "battery_level", "signal_strength"]
        rows = self._located(self._stream("device_events", [*columns, "network_provider"]))
        return rows.assign(local=wall_clock(rows, "occurred_at"))

    @cached_property
    def fixes(self) -> Rows:
        """GPS fixes."""
        columns = [*PERSON, "site_id", "occurred_at", "latitude", "longitude", "accuracy_meters"]
        return self._stream("location_updates", columns)

    @cached_property
    def jobneeds(self) -> Rows:
        """Work as planned and as it ended: tours, their checkpoints, tasks."""
        columns = [*PERSON, "site_id", "jobneed_id", "parent_id", "identifier", "status", "asset", "ended_at"]
        return self._stream("jobneeds", [*columns, "latitude", "longitude", "received_at"])

    @cached_property
    def attendances(self) -> Rows:
        """Each attendance as first reported, and the kinds of fraud that were behind it in truth."""
        rows = self._stream("attendance_events").drop_duplicates(["tenant_id", "attendance_id"])
        truth = self.written.truth("attendances")[["tenant_id", "attendance_id", "is_fraud", "frauds"]]
        return rows.merge(truth, how="left", on=["tenant_id", "attendance_id"])

    @cached_property
    def alerts(self) -> Rows:
        """Alerts, and the planted cause behind each, if any."""
        known = ["tenant_id", "occurred_at", "alert_type", "person_id", "site_id"]
        return self._stream("alerts").merge(self.written.truth("alert_causes"), how="left", on=known)

    @cached_property
    def causes(self) -> Rows:
        """Everything that was planted."""
        return self.written.truth("causes")

    @cached_property
    def special_days(self) -> Rows:
        """Public holidays and closures by site and site-local day."""
        return self.written.truth("closed_days")

    def sent(self, name: str) -> pa.Table:
        """A stream as it was sent, to the last column. Large: not kept."""
        return self.written.stream(name)

    def _stream(self, name: str, columns: list[str] | None = None) -> Rows:
        table = self.written.stream(name)
        return (table.select(columns) if columns else table).to_pandas()

    def _located(self, rows: Rows) -> Rows:
        known = self.sites[[*SITE, "time_zone", "kind"]].assign(site_name=self.sites.name)
        return rows.merge(known, how="left", on=SITE)


def wall_clock(rows: Rows, column: str) -> Rows:
    """Instants (UTC) of rows that have a `time_zone`, as the clock on the site's wall showed them."""
    parts = [part[column].dt.tz_convert(str(zone)).dt.tz_localize(None) for zone, part in rows.groupby("time_zone")]
    return pd.concat(parts).reindex(rows.index)
