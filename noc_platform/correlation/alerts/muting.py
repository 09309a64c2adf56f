"""What explains an alert, so that nobody needs to be told of it besides: `mute`, and telling again when that is over.

A muted alert stays active, is counted, and may belong to a story; it is only not passed on. What is CRITICAL is never
muted here: a cause explains that a phone is not heard, not that nobody need go and look. Neither is anything for being
like something else (defect 51).
Elsewhere: maintenance, which keeps an alert back from the first (`intake`); when one flaps (`fates`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from noc_platform.correlation.tables import IS_ACTIVE
from noc_platform.correlation.vocabulary import Severity, Status
from noc_platform.journal.documents import document
from noc_platform.journal.ledger import Action, Decision, Subject, enter
from noc_platform.settings import AlertPolicy

# A cause is often noticed after what it causes; what began longer before has another.
NOTICED_WITHIN = timedelta(hours=1)
# An alert of these types about a whole site, not a person or a device there, explains those of people and devices.
CAUSES = ("DEVICE_OFFLINE", "SYNC_DEGRADED")
WHOLE = ("site", "feed", "gateway")
EFFECTS = ("DEVICE_OFFLINE", "SYNC_DEGRADED", "GPS_LOW_ACCURACY", "ATTENDANCE_MISSING", "GUARD_INACTIVITY")


@dataclass(frozen=True)
class Cause:
    """Something that explains alerts of the types `children` at a site, or of the whole tenant where that is None.

    It holds from `since` (UTC) until `until`, None while it goes on. `why` is said to people; `subject` is what it is,
    such as `FINDING:…`.
    """

    tenant_id: str
    site_id: str | None
    children: frozenset[str]
    since: datetime
    until: datetime | None
    why: str
    subject: str

    def holds_at(self, moment: datetime) -> bool:
        """Whether it explains anything then."""
        return self.since <= moment and (self.until is None or moment < self.until)


def mute(connection: Connection, policy: AlertPolicy, as_of: datetime, causes: Iterable[Cause]) -> tuple[int, int]:
    """Mute what is explained at `as_of` (UTC), and tell again what is not any more; gives how many of each.

    An alert is muted while nobody was told of it: what was passed on, or is looked at, stays with who has it.
    """
    minutes = document(dict(policy.escalate_minutes))
    steady = connection.execute(text(_STEADY), {"since": as_of - policy.reopen_within, "as_of": as_of}).all()
    _stage(connection, [cause for cause in causes if cause.holds_at(as_of)])
    muted = connection.execute(text(_MUTE), {"as_of": as_of}).all()
    unmuted = connection.execute(text(_UNMUTE), {"as_of": as_of, "minutes": minutes}).all()
    newly = [row for row in muted if row.is_new]
    told_again = [row for row in steady if row.was_muted]
    enter(
        connection,
        [
            *(_decision(row, Action.MUTED, f"Explained by {row.muted_by}", as_of, cause=row.subject) for row in newly),
            *(_decision(row, Action.UNMUTED, _steadiness(policy), as_of) for row in told_again),
            *(_decision(row, Action.UNMUTED, _end(row), as_of, was_muted_by=row.was_muted_by) for row in unmuted),
        ],
    )
    return len(newly), len(told_again) + len(unmuted)


def _stage(connection: Connection, causes: Iterable[Cause]) -> None:
    """Lay out what explains which type of alert where: the causes given, and alerts about whole sites."""
    rows: list[Mapping[str, Any]] = [
        {
            "tenant_id": cause.tenant_id, "site_id": cause.site_id, "alert_type": child, "since": cause.since,
            "why": cause.why, "subject": cause.subject,
        }
        for cause in causes
        for child in sorted(cause.children)
    ]  # fmt: skip
    connection.execute(text("drop table if exists pg_temp.cause, pg_temp.explained"))
    values = {"rows": document(rows), "causes": list(CAUSES), "effects": list(EFFECTS), "whole": list(WHOLE)}
    connection.execute(text(_LAY_OUT), values)
    connection.execute(text("analyze cause"))
    connection.execute(text(_EXPLAIN), {"noticed_within": NOTICED_WITHIN})


def _steadiness(policy: AlertPolicy) -> str:
    return f"It has not come back for more than {policy.reopen_within.total_seconds() / 60:g} minutes."


def _end(row: Row[Any]) -> str:
    if row.severity == Severity.CRITICAL:
        return "It is critical now, and told whatever explains it."
    if row.status != Status.NEW:
        return "Somebody has it."
    return "What explained it is over."


def _decision(row: Row[Any], action: Action, reason: str, as_of: datetime, **inputs: object) -> Decision:
    return Decision(
        row.tenant_id, Subject.ALERT, str(row.alert_id), action, row.alert_type, reason, as_of, inputs=inputs
    )


_LAY_OUT = f"""
    create temp table cause on commit drop as
    select tenant_id, site_id, alert_type, since, why, subject, null::uuid as alert_id
    from json_to_recordset(cast(:rows as json)) as given(
        tenant_id text, site_id text, alert_type text, since timestamptz, why text, subject text)
    union all
    select a.tenant_id, a.site_id, effect, a.first_seen_at,
           format('site %s is silent: %s of its %s', a.site_id, a.alert_type, lower(a.entity_type)),
           'ALERT:' || a.alert_id, a.alert_id
    from noc_alert a cross join unnest(cast(:effects as text[])) effect
    where a.{IS_ACTIVE} and a.alert_type = any(:causes) and a.person_id is null and a.device_id is null
      and a.site_id is not null and lower(btrim(a.entity_type)) = any(:whole)
"""
# The cause that began first explains; when an alert began is, where it came back, when it was last seen.
_EXPLAIN = f"""
    create temp table explained on commit drop as
    select distinct on (a.alert_id) a.alert_id, c.why, c.subject, c.alert_id as parent
    from noc_alert a join cause c on c.tenant_id = a.tenant_id and c.alert_type = a.alert_type
         and (c.site_id is null or c.site_id = a.site_id)
    where a.{IS_ACTIVE} and a.status = '{Status.NEW}' and a.severity_rank < {Severity.CRITICAL.rank}
      and a.flapping_since is null
      and a.caused_by is distinct from c.subject
      and (c.alert_id is null or a.person_id is not null or a.device_id is not null)
      and case when a.reopened_count > 0 then a.last_seen_at else a.first_seen_at end >= c.since - :noticed_within
    order by a.alert_id, c.since, c.subject
"""
_MUTE = """
    update noc_alert a set muted_by = e.why, parent_alert_id = e.parent, escalates_at = null, updated_at = :as_of
    from explained e join noc_alert before using (alert_id)
    where a.alert_id = e.alert_id and (a.muted_by, a.parent_alert_id) is distinct from (e.why, e.parent)
    returning a.alert_id, a.tenant_id, a.alert_type, a.muted_by, e.subject, before.muted_by is null as is_new
"""
_UNMUTE = f"""
    update noc_alert a set muted_by = null, parent_alert_id = null, updated_at = :as_of,
        escalates_at = case when a.status = '{Status.NEW}'
            then cast(:as_of as timestamptz) + make_interval(mins => (cast(:minutes as jsonb) ->> a.severity)::int) end
    from noc_alert before
    where a.alert_id = before.alert_id and before.{IS_ACTIVE} and before.muted_by is not null
      and before.flapping_since is null
      and not exists (select from explained e where e.alert_id = before.alert_id)
    returning a.alert_id, a.tenant_id, a.alert_type, a.severity, a.status, before.muted_by as was_muted_by
"""
_STEADY = f"""
    update noc_alert a set flapping_since = null, muted_by = null, parent_alert_id = null, updated_at = :as_of
    from noc_alert before
    where a.alert_id = before.alert_id and before.{IS_ACTIVE} and before.flapping_since is not null
      and not exists (
        select from noc_decision d
        where d.tenant_id = a.tenant_id and d.subject_kind = '{Subject.ALERT}' and d.subject_id = a.alert_id::text
          and d.action = '{Action.REOPENED}' and d.made_at >= :since)
    returning a.alert_id, a.tenant_id, a.alert_type, before.muted_by is not null as was_muted
"""
