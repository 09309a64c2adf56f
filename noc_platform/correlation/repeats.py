"""What type an incident is, and which past ones it repeats. Elsewhere: what belongs to it (`incidents`)."""

from datetime import datetime

from sqlalchemy import Connection, text

from noc_platform.correlation.vocabulary import CorrelationType, LinkKind
from noc_platform.journal.ledger import PLATFORM
from noc_platform.settings import CorrelationPolicy


def state_types(connection: Connection, policy: CorrelationPolicy, since: datetime, as_of: datetime) -> None:
    """State the type of the open incidents that went on at or after `since` (UTC), and link the past ones they repeat.

    Several people at once are a SITE_CLUSTER. One person of whom an alert of the same type was in
    `policy.pattern_times` incidents before is a PATTERN: each began at least `policy.pattern_apart` before the next, in
    the `policy.pattern_memory` before it, and nobody called it a false positive. Everything else is TIME_ENTITY.
    """
    values = {
        "since": since, "as_of": as_of, "memory": policy.pattern_memory, "apart": policy.pattern_apart,
        "times": policy.pattern_times, "platform": PLATFORM, "repeats": LinkKind.REPEATS,
        "cluster": CorrelationType.SITE_CLUSTER, "pattern": CorrelationType.PATTERN,
        "usual": CorrelationType.TIME_ENTITY,
    }  # fmt: skip
    connection.execute(text("drop table if exists pg_temp.repeated"))
    connection.execute(text(_FIND), values)
    for statement in (_UNLINK, _LINK, _STATE):
        connection.execute(text(statement), values)


_OPEN = "not investigated and merged_into is null and ended_at >= :since"
# Asked pair by pair: PostgreSQL takes a join of all types of all incidents for small, and then compares each with each.
_TYPES = """select known.alert_type from noc_incident_alert a join noc_alert known using (tenant_id, alert_id)
            where a.incident_id"""
# Incidents less than `apart` after the one before them go on with it rather than repeat it.
_FIND = f"""
    create temp table repeated on commit drop as
    with asked as (select incident_id, tenant_id, person_id, started_at from noc_correlated_incident
                   where {_OPEN} and person_id is not null),
    paired as materialized (
        select asked.tenant_id, asked.incident_id, past.incident_id as other_id, asked.started_at,
               past.started_at as past_started_at
        from asked join noc_correlated_incident past
            on past.tenant_id = asked.tenant_id and past.person_id = asked.person_id and past.merged_into is null
            and past.started_at <= asked.started_at - :apart and past.started_at >= asked.started_at - :memory
            and past.is_false_positive is not true),
    past as (
        select paired.*, shared.alert_type from paired cross join lateral (
            {_TYPES} = paired.incident_id intersect {_TYPES} = paired.other_id) shared),
    spaced as (
        select *, lead(past_started_at) over (partition by incident_id, alert_type order by past_started_at, other_id)
            as next_started_at from past),
    counted as (
        select *, count(*) over (partition by incident_id, alert_type) as times from spaced
        where next_started_at is null or next_started_at - past_started_at >= :apart)
    select tenant_id, incident_id, other_id, string_agg(alert_type, ', ' order by alert_type) as alert_types
    from counted where times >= :times group by 1, 2, 3
"""
_UNLINK = f"""
    delete from noc_incident_link l using noc_correlated_incident i
    where (i.tenant_id, i.incident_id) = (l.tenant_id, l.incident_id) and l.kind = :repeats
      and l.made_by = :platform and {_OPEN}
      and not exists (select from repeated r where (r.incident_id, r.other_id) = (l.incident_id, l.other_id))
"""
_LINK = """
    insert into noc_incident_link (tenant_id, incident_id, other_id, kind, reason, made_at, made_by)
    select tenant_id, incident_id, other_id, :repeats, alert_types || ' of the same person before', :as_of, :platform
    from repeated on conflict do nothing
"""
_STATE = f"""
    with stated as (
        select incident_id, case
                when people_count > 1 then :cluster
                when exists (select from repeated r where r.incident_id = i.incident_id) then :pattern
                else :usual end as type
        from noc_correlated_incident i where {_OPEN})
    update noc_correlated_incident i set correlation_type = stated.type, updated_at = :as_of
    from stated where i.incident_id = stated.incident_id and i.correlation_type <> stated.type
"""
