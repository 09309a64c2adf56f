"""What is not as it must be of alerts and incidents: how many rows were looked at, a line for each that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from noc_platform.correlation.vocabulary import COMPLETE, IN_WINDOW, KEPT_BACK, ONE_TENANT, TAKEN

MOST_SHOWN = 20
# What is older was looked at while it was newer, every few minutes.
LOOKED_AT = timedelta(days=7)


@dataclass(frozen=True)
class Unsound:
    """How many rows one rule looked at, and those that break it, at most `MOST_SHOWN` of them."""

    rows: int
    failures: tuple[str, ...]


def unsound_alerts(connection: Connection, as_of: datetime) -> dict[str, Unsound]:
    """What is wrong with alerts as known at `as_of` (UTC)."""
    return _asked(connection, _ALERTS, as_of)


def unsound_incidents(connection: Connection, as_of: datetime) -> dict[str, Unsound]:
    """What is wrong with incidents as known at `as_of` (UTC)."""
    return _asked(connection, _INCIDENTS, as_of)


def _asked(connection: Connection, rules: Mapping[str, tuple[str, str]], as_of: datetime) -> dict[str, Unsound]:
    values = {"as_of": as_of, "since": as_of - LOOKED_AT, "most": MOST_SHOWN}
    found = {}
    for name, (counted, wrong) in rules.items():
        rows = connection.execute(text(counted), values).scalar_one()
        failures = connection.execute(text(f"select wrong from ({wrong}) w limit :most"), values).scalars().all()
        found[name] = Unsound(rows, tuple(failures))
    return found


_ALERTS = {
    TAKEN: (
        "select count(*) from noc_alert_event where received_at <= :as_of and occurred_at >= :since",
        """select 'event ' || e.event_id || ' of ' || e.tenant_id || ' belongs to none' as wrong
           from noc_alert_event e left join noc_alert_occurrence o using (tenant_id, event_id)
           where e.received_at <= :as_of and e.occurred_at >= :since and o.event_id is null
           union all
           select 'event ' || o.event_id || ' of ' || o.tenant_id || ' belongs to no alert that is there'
           from noc_alert_occurrence o left join noc_alert a using (tenant_id, alert_id)
           where o.occurred_at >= :since and a.alert_id is null""",
    ),
    KEPT_BACK: (
        "select count(*) from noc_alert where status = 'SUPPRESSED' and last_seen_at >= :since",
        """select 'alert ' || alert_id || ', ' || severity || ': ' || coalesce(muted_by, 'nobody knows why') as wrong
           from noc_alert where status = 'SUPPRESSED' and last_seen_at >= :since and severity in ('HIGH', 'CRITICAL')
             and (muted_by is null or muted_by !~ '^(maintenance |its source$)')""",
    ),
}
_INCIDENTS = {
    ONE_TENANT: (
        "select count(*) from noc_correlated_incident where ended_at >= :since",
        """select 'alert ' || a.alert_id || ' of ' || known.tenant_id || ' in incident ' || i.incident_id || ' of '
                  || i.tenant_id as wrong
           from noc_correlated_incident i join noc_incident_alert a using (incident_id)
           join noc_alert known on known.alert_id = a.alert_id
           where i.ended_at >= :since and (a.tenant_id <> i.tenant_id or known.tenant_id <> i.tenant_id)
           union all
           select 'signals of ' || s.person_id || ' of ' || s.tenant_id || ' in incident ' || i.incident_id || ' of '
                  || i.tenant_id
           from noc_correlated_incident i join noc_incident_signal s using (incident_id)
           where i.ended_at >= :since and s.tenant_id <> i.tenant_id""",
    ),
    IN_WINDOW: (
        "select count(*) from noc_incident_alert where occurred_at >= :since",
        """select 'alert ' || a.alert_id || ' at ' || a.occurred_at || ' in incident ' || a.incident_id as wrong
           from noc_incident_alert a join noc_correlated_incident i on i.incident_id = a.incident_id
           left join noc_signal_window w on (w.tenant_id, w.person_id, w.window_end)
               = (a.tenant_id, a.person_id, a.window_end)
           where i.ended_at >= :since and (w.since is null
              or a.occurred_at < w.since - make_interval(mins => i.correlation_window_minutes)
              or a.occurred_at > w.window_end + make_interval(mins => i.correlation_window_minutes))""",
    ),
    COMPLETE: (
        "select count(*) from noc_correlated_incident where merged_into is null and ended_at >= :since",
        """select 'incident ' || incident_id || ' has no signals, no alerts, or no title' as wrong
           from noc_correlated_incident i where merged_into is null and ended_at >= :since and (title = ''
             or not exists (select from noc_incident_signal s where s.incident_id = i.incident_id)
             or not exists (select from noc_incident_alert a where a.incident_id = i.incident_id))""",
    ),
}
