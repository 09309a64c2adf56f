"""What belongs to incidents, read for people and for what an incident says as a whole; and saying that anew.

Elsewhere: which items come to belong to which incident (`incidents`), people's say (`actions`).
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from noc_platform.correlation.matching import SIGNAL_SEVERITIES
from noc_platform.correlation.stories import Alarm, Signals, Summary, summary
from noc_platform.correlation.vocabulary import Severity
from noc_platform.journal.documents import document
from noc_platform.telemetry.vocabulary import Signal
from noc_platform.telemetry.windows import REMARKS


@dataclass
class Members:
    """What belongs to one incident."""

    signals: list[Signals] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)


def members_of(connection: Connection, incidents: Collection[UUID]) -> dict[UUID, Members]:
    """What belongs to each of these incidents, in order of time."""
    found: dict[UUID, Members] = defaultdict(Members)
    values = {"incidents": list(incidents)}
    for row in connection.execute(text(_WINDOWS), values).mappings():
        found[row["incident_id"]].signals.append(_signals(row))
    for row in connection.execute(text(_ALARMS), values).mappings():
        found[row["incident_id"]].alarms.append(_alarm(row))
    return dict(found)


def restate(connection: Connection, incidents: Collection[UUID], as_of: datetime) -> dict[UUID, Summary]:
    """Say anew what these incidents say as a whole, out of what belongs to them; gives what each says.

    Rows that say so already stay as they are. `as_of` is UTC.
    """
    said = {
        incident: summary(members.signals, members.alarms)
        for incident, members in members_of(connection, incidents).items()
    }
    rows = [_row(incident, each) for incident, each in said.items()]
    connection.execute(text(_RESTATE), {"rows": document(rows), "as_of": as_of})
    return said


_WINDOWS = """
    select s.incident_id, w.* from noc_incident_signal s
    join noc_signal_window w using (tenant_id, person_id, window_end)
    where s.incident_id = any(:incidents) order by w.window_end, w.person_id
"""
_ALARMS = """
    select a.incident_id, a.event_id, a.alert_id, a.occurred_at, a.severity, a.person_id as matched_person_id,
           a.window_end as matched_window_end, a.score, a.entity, a.proximity, a.consistency,
           known.alert_type, known.person_id, known.site_id, known.message, known.status
    from noc_incident_alert a join noc_alert known using (tenant_id, alert_id)
    where a.incident_id = any(:incidents) order by a.occurred_at, a.event_id
"""
_STATED = (
    "person_id", "site_id", "title", "signals", "combined_severity", "severity_rank", "correlation_score",
    "score_parts", "related_alerts_count", "people_count", "started_at", "ended_at",
)  # fmt: skip
_RESTATE = f"""
    update noc_correlated_incident i set ({", ".join(_STATED)}, updated_at)
        = row({", ".join(f"said.{name}" for name in _STATED)}, cast(:as_of as timestamptz))
    from json_to_recordset(cast(:rows as json)) as said(
        incident_id uuid, person_id text, site_id text, title text, signals jsonb, combined_severity text,
        severity_rank smallint, correlation_score float8, score_parts jsonb, related_alerts_count int,
        people_count int, started_at timestamptz, ended_at timestamptz)
    where i.incident_id = said.incident_id
      and row({", ".join(f"i.{name}" for name in _STATED)})
          is distinct from row({", ".join(f"said.{name}" for name in _STATED)})
"""


def _signals(row: RowMapping) -> Signals:
    remarks = tuple(name for name in REMARKS if row[name])
    severity = next(
        (severity for names, severity in SIGNAL_SEVERITIES if any(row[name] for name in names)), Severity.INFO
    )
    return Signals(
        person_id=row["person_id"],
        site_id=row["site_id"],
        since=row["since"],
        window_start=row["window_start"],
        window_end=row["window_end"],
        remarks=remarks,
        severity=severity,
        silence=row["silence"],
        silence_reason=row["silence_reason"],
        signals={signal.value: row[signal.value] for signal in Signal},
    )


def _alarm(row: RowMapping) -> Alarm:
    named = {name: row[name] for name in Alarm.__dataclass_fields__}
    return Alarm(**{**named, "severity": Severity(row["severity"])})


def _row(incident: UUID, said: Summary) -> dict[str, Any]:
    return {
        "incident_id": incident,
        "person_id": said.person_id,
        "site_id": said.site_id,
        "title": said.title,
        "signals": {"stretches": said.stretches},
        "combined_severity": said.severity,
        "severity_rank": said.severity.rank,
        "correlation_score": said.score,
        "score_parts": said.score_parts,
        "related_alerts_count": said.alerts,
        "people_count": said.people,
        "started_at": said.started_at,
        "ended_at": said.ended_at,
    }
