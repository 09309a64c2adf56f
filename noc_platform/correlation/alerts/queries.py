"""What is asked of alerts: what of them may be correlated.

Rows as they stand; row-level security confines the API's role. Elsewhere: everything that changes them.
"""

from datetime import datetime

import pyarrow as pa
from sqlalchemy import Connection

from noc_platform.correlation.vocabulary import Status
from noc_platform.store.copying import copy_out

INSTANT = pa.timestamp("us", tz="UTC")
OCCURRENCES_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("tenant_id", "event_id", "alert_id")),
        ("occurred_at", INSTANT),
        *((name, pa.string()) for name in ("alert_type", "severity", "person_id", "site_id")),
    ]
)
OVER = f"'{Status.RESOLVED}', '{Status.SUPPRESSED}'"


def eligible_occurrences(connection: Connection, since: datetime, until: datetime) -> pa.Table:
    """Raisings in `[since, until)` (UTC) that may belong to a story, as `OCCURRENCES_SCHEMA`, in order of time.

    Not what is over or suppressed, nor what the platform itself made of a finding: that would be a story about itself
    (defect 44). What is muted is among them. The severity is the worst of its alert.
    """
    eligible = f"""(select o.tenant_id, o.event_id, o.alert_id, o.occurred_at, a.alert_type, a.severity, a.person_id,
                           a.site_id
        from noc_alert_occurrence o join noc_alert a using (tenant_id, alert_id)
        where o.occurred_at >= :since and o.occurred_at < :until
          and a.status not in ({OVER}) and a.caused_by is null
        order by o.occurred_at, o.tenant_id, o.event_id) eligible"""
    return copy_out(connection, eligible, OCCURRENCES_SCHEMA, since=since, until=until)
