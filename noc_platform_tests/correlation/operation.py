"""A tenant to whom things happen: signals that audits keep, alerts that are raised, correlations now and then."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from noc_platform.baselines.calendar import calendar_of
from noc_platform.correlation.alerts.intake import take_in
from noc_platform.correlation.incidents import Correlated, correlate
from noc_platform.settings import AlertPolicy, CorrelationPolicy
from noc_platform.streams.catalogue import ALERTS
from noc_platform.telemetry.vocabulary import Window
from noc_platform.telemetry.windows import SignalWindow, keep
from noc_platform_tests.builders import put
from noc_platform_tests.correlation.stories_told import NOON, POLICY, unheard

AFTER = NOON + timedelta(hours=6)
NO_MAINTENANCE = calendar_of([], [], Window.before(AFTER))


@dataclass(frozen=True)
class Operation:
    connection: Connection
    tenant: str
    policy: CorrelationPolicy = POLICY

    def hears(self, windows: Iterable[SignalWindow]) -> None:
        """Audits kept these windows."""
        keep(self.connection, [replace(each, tenant_id=self.tenant) for each in windows])

    def is_told(self, alerts: Iterable[dict[str, Any]], known_at: datetime = AFTER) -> None:
        """Other systems raised these alerts, and they were taken in."""
        usual = {"alert_type": "DEVICE_OFFLINE", "severity": "HIGH"}
        rows = [{**usual, "event_id": str(uuid4()), **each} for each in alerts]
        receipt = put(self.connection, ALERTS, rows, self.tenant, known_at)
        assert receipt.quarantined == 0
        take_in(self.connection, AlertPolicy(), NO_MAINTENANCE, known_at)

    def correlates(self, as_of: datetime = AFTER) -> Correlated:
        """What is known by then is put together."""
        return correlate(self.connection, self.policy, as_of)

    def story(self) -> UUID:
        """A dead phone and the alert of it, put together; the incident."""
        self.hears([unheard("p0")])
        self.is_told([raised("p0", NOON - timedelta(minutes=30))])
        self.correlates()
        (row,) = self.incidents()
        incident: UUID = row["incident_id"]
        return incident

    def incidents(self, *, merged: bool = False) -> list[dict[str, Any]]:
        """The tenant's incidents, the first first; those that were merged into others only if asked."""
        statement = """select * from noc_correlated_incident where tenant_id = :tenant
                       and (merged_into is null or :merged) order by started_at, incident_id"""
        found = self.connection.execute(text(statement), {"tenant": self.tenant, "merged": merged}).mappings()
        return [dict(row) for row in found]

    def told(self) -> list[tuple[Any, ...]]:
        """What each incident holds and says, without what depends on when it was told."""
        statement = """
            select i.correlation_type, i.combined_severity, i.correlation_score, i.title, i.person_id, i.site_id,
                   i.people_count, i.related_alerts_count, i.started_at, i.ended_at, i.signals::text,
                   i.score_parts::text,
                   (select array_agg((s.person_id, s.window_end)::text order by s.person_id, s.window_end)
                    from noc_incident_signal s where s.incident_id = i.incident_id) as signals_held,
                   (select array_agg((a.event_id, a.person_id, a.window_end, a.score, a.severity)::text
                                     order by a.event_id)
                    from noc_incident_alert a where a.incident_id = i.incident_id) as alerts_held
            from noc_correlated_incident i where tenant_id = :tenant and merged_into is null
            order by i.started_at, signals_held"""
        found = self.connection.execute(text(statement), {"tenant": self.tenant})
        return [tuple(map(str, row)) for row in found]


def raised(person: str | None, at: datetime, site: str | None = "s0", **more: Any) -> dict[str, Any]:
    """An alert about somebody at s0, unless told otherwise."""
    entity = {"entity_type": "person", "entity_id": person} if person else {"entity_type": "site", "entity_id": site}
    return {"occurred_at": at, "person_id": person, "site_id": site, **entity, **more}
