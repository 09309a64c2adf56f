"""Incidents as they stand in the database, and putting more into them: a statement for however many of them.

Elsewhere: what goes where (`stories`), what incidents then say as a whole (`members`).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.correlation.stories import Item, Place, Raised, Standing, Told
from noc_platform.correlation.tables import RANKS
from noc_platform.correlation.vocabulary import LinkKind
from noc_platform.journal.documents import document
from noc_platform.journal.ledger import PLATFORM
from noc_platform.settings import CorrelationPolicy
from noc_platform.store.copying import copy_in

INSTANT = pa.timestamp("us", tz="UTC")


def standing_of(connection: Connection, since: datetime) -> tuple[Standing, dict[Item, UUID]]:
    """Incidents with what belongs to them since then (UTC): the open ones, and what belongs to one that was
    investigated. The open ones are held until the transaction ends, so that nobody changes them meanwhile."""
    asked = {"since": since}
    # Twice, as somebody may have split one while the first time waited for them.
    for _ in range(2):
        connection.execute(text(_HOLD), asked)
    started, holder, closed = {}, {}, {}
    for row in connection.execute(text(_HELD), asked):
        item: Item = (
            Raised(row.tenant_id, row.event_id)
            if row.event_id is not None
            else Told(row.tenant_id, row.person_id, row.window_end.astimezone(UTC))
        )
        if row.investigated:
            closed[item] = row.incident_id
        else:
            holder[item] = row.incident_id
            started[row.incident_id] = row.started_at
    values = {"kind": LinkKind.SPLIT_FROM, "incidents": list(started)}
    apart = {(row.incident_id, row.other_id) for row in connection.execute(text(_APART), values)}
    return Standing(started, holder, apart | {(other, one) for one, other in apart}), closed


# In one order, whoever asks, so that no two wait for each other.
_HOLD = """
    select incident_id from noc_correlated_incident
    where not investigated and merged_into is null and ended_at >= :since order by incident_id for update
"""
_HELD = """
    select i.incident_id, i.started_at, i.investigated, s.tenant_id, s.person_id, s.window_end, null::uuid as event_id
    from noc_incident_signal s join noc_correlated_incident i using (tenant_id, incident_id)
    where s.window_end >= :since
    union all
    select i.incident_id, i.started_at, i.investigated, a.tenant_id, null, null, a.event_id
    from noc_incident_alert a join noc_correlated_incident i using (tenant_id, incident_id)
    where a.occurred_at >= :since
"""
_APART = """
    select incident_id, other_id from noc_incident_link
    where kind = :kind and (incident_id = any(:incidents) or other_id = any(:incidents))
"""


CHOSEN_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("tenant_id", "person_id")),
        ("window_end", INSTANT),
        *((name, pa.string()) for name in ("event_id", "incident_id")),
    ]
)


def write(
    connection: Connection, places: Sequence[Place], new: Sequence[Place], pairs: pa.Table, policy: CorrelationPolicy,
    as_of: datetime,
) -> set[UUID]:  # fmt: skip
    """Open, merge and fill incidents; gives those in which an alert came to be, or came to be matched better."""
    opened = [
        {"incident_id": place.incident_id, "tenant_id": place.tenant_id} for place in new
    ]  # fmt: skip
    values = {"rows": document(opened), "as_of": as_of, "minutes": policy.window_minutes}
    connection.execute(text(_OPEN), values)
    merging = [(place.incident_id, other) for place in places if place.incident_id for other in place.absorbed]
    absorb(connection, merging, as_of)
    _stage(connection, "chosen", "tenant_id text, person_id text, window_end timestamptz, event_id uuid, "
           "incident_id uuid", _chosen(places))  # fmt: skip
    _stage(connection, "matched", "tenant_id text, person_id text, window_end timestamptz, event_id uuid, "
           "alert_id uuid, occurred_at timestamptz, entity float8, proximity float8, consistency float8, "
           "score float8, alert_rank int", pairs.select(PAIRED))  # fmt: skip
    connection.execute(text(_TAKE_SIGNALS))
    taken = set(connection.execute(text(_TAKE_ALERTS)).scalars())
    return taken | set(connection.execute(text(_LEAVE_REPEATS)).scalars())


def absorb(connection: Connection, merging: Iterable[tuple[UUID, UUID]], at: datetime) -> None:
    """Make the second of each two incidents a part of the first, as of that moment (UTC): all that belongs to it, and
    what people said of it."""
    rows = document([{"incident_id": incident, "other_id": other} for incident, other in merging])
    for statement in _ABSORB:
        connection.execute(text(statement), {"rows": rows, "at": at})


PAIRED = [
    "tenant_id", "person_id", "window_end", "event_id", "alert_id", "occurred_at", "entity", "proximity",
    "consistency", "score", "alert_rank",
]  # fmt: skip


def _stage(connection: Connection, name: str, columns: str, rows: pa.Table) -> None:
    connection.execute(text(f"drop table if exists pg_temp.{name}"))
    connection.execute(text(f"create temp table {name} ({columns}) on commit drop"))
    copy_in(connection, name, rows)
    connection.execute(text(f"analyze {name}"))


def _chosen(places: Iterable[Place]) -> pa.Table:
    rows = [
        {
            "tenant_id": item.tenant_id,
            "person_id": item.person_id if isinstance(item, Told) else None,
            "window_end": item.window_end if isinstance(item, Told) else None,
            "event_id": str(item.event_id) if isinstance(item, Raised) else None,
            "incident_id": str(place.incident_id),
        }
        for place in places
        for item in sorted(place.items, key=repr)
    ]
    return pa.Table.from_pylist(rows, schema=CHOSEN_SCHEMA)


# What an incident says as a whole is said once all that belongs to it is there.
_OPEN = """
    insert into noc_correlated_incident (incident_id, tenant_id, title, score_parts, correlation_window_minutes,
        related_alerts_count, people_count, started_at, ended_at, detected_at, created_at, updated_at)
    select incident_id, tenant_id, '', '{}', :minutes, 0, 0, :as_of, :as_of, :as_of, :as_of, :as_of
    from json_to_recordset(cast(:rows as json)) as opened(incident_id uuid, tenant_id text)
    on conflict (incident_id) do nothing
"""
_MERGING = "json_to_recordset(cast(:rows as json)) as merging(incident_id uuid, other_id uuid)"
_ABSORB = (
    f"""update noc_incident_signal s set incident_id = merging.incident_id from {_MERGING}
        where s.incident_id = merging.other_id""",
    f"""update noc_incident_alert a set incident_id = merging.incident_id from {_MERGING}
        where a.incident_id = merging.other_id""",
    f"""update noc_correlated_incident i set merged_into = merging.incident_id, updated_at = :at from {_MERGING}
        where i.incident_id = merging.other_id""",
    # What people took apart from it stays apart from what it is part of now.
    f"""insert into noc_incident_link (tenant_id, incident_id, other_id, kind, reason, made_at, made_by)
        select l.tenant_id, case l.incident_id when merging.other_id then merging.incident_id else l.incident_id end,
               case l.other_id when merging.other_id then merging.incident_id else l.other_id end, l.kind, l.reason,
               l.made_at, l.made_by
        from {_MERGING} join noc_incident_link l on merging.other_id in (l.incident_id, l.other_id)
        where l.kind = '{LinkKind.SPLIT_FROM}' and merging.incident_id not in (l.incident_id, l.other_id)
        on conflict do nothing""",
    # Those two are one now, whoever had taken them apart.
    f"""delete from noc_incident_link l using {_MERGING} where l.kind = '{LinkKind.SPLIT_FROM}'
        and least(l.incident_id, l.other_id) = least(merging.incident_id, merging.other_id)
        and greatest(l.incident_id, l.other_id) = greatest(merging.incident_id, merging.other_id)""",
    # Somebody who has taken notice of a part has taken notice.
    f"""update noc_correlated_incident i set acknowledged_at = other.acknowledged_at,
               acknowledged_by = other.acknowledged_by
        from {_MERGING} join noc_correlated_incident other on other.incident_id = merging.other_id
        where i.incident_id = merging.incident_id and i.acknowledged_at is null
          and other.acknowledged_at is not null""",
)
_TAKE_SIGNALS = """
    insert into noc_incident_signal (tenant_id, person_id, window_end, incident_id)
    select tenant_id, person_id, window_end, incident_id from chosen where event_id is null
    order by tenant_id, person_id, window_end on conflict do nothing
"""
# Of the windows of its incident an alert is held against the one it matches best, the first of several.
_TAKE_ALERTS = f"""
    insert into noc_incident_alert as held (tenant_id, event_id, incident_id, alert_id, occurred_at, severity,
        person_id, window_end, score, entity, proximity, consistency)
    select distinct on (m.tenant_id, m.event_id) m.tenant_id, m.event_id, s.incident_id, m.alert_id, m.occurred_at,
        (array[{RANKS}])[m.alert_rank + 1], m.person_id, m.window_end, m.score,
        m.entity, m.proximity, m.consistency
    from matched m join noc_incident_signal s using (tenant_id, person_id, window_end)
    left join chosen c on c.event_id = m.event_id and c.tenant_id = m.tenant_id
    left join noc_incident_alert h on h.event_id = m.event_id and h.tenant_id = m.tenant_id
    where s.incident_id = coalesce(h.incident_id, c.incident_id)
    order by m.tenant_id, m.event_id, m.score desc, m.window_end, m.person_id
    on conflict (tenant_id, event_id) do update set person_id = excluded.person_id, window_end = excluded.window_end,
        score = excluded.score, entity = excluded.entity, proximity = excluded.proximity,
        consistency = excluded.consistency
    where (-excluded.score, excluded.window_end, excluded.person_id) < (-held.score, held.window_end, held.person_id)
    returning incident_id
"""
# Of a minute's repeats of an alert one belongs (`matching.bounded`), whichever came first.
_LEAVE_REPEATS = """
    delete from noc_incident_alert repeat using matched m join noc_incident_alert held using (tenant_id, event_id)
    where (repeat.tenant_id, repeat.alert_id, repeat.incident_id) = (held.tenant_id, held.alert_id, held.incident_id)
      and date_trunc('minute', repeat.occurred_at) = date_trunc('minute', held.occurred_at)
      and repeat.event_id not in (select event_id from matched)
    returning repeat.incident_id
"""

# Tenant, incident, other incident, what the one has to do with the other, why.
Link = tuple[str, UUID, UUID, LinkKind, str]


def link(connection: Connection, links: Iterable[Link], at: datetime, by: str = PLATFORM) -> None:
    """Note what incidents have to do with one another, and who says so since when (UTC). A person's word replaces an
    earlier one; the platform finds nothing twice."""
    names = ("tenant_id", "incident_id", "other_id", "kind", "reason")
    rows = [dict(zip(names, link, strict=True)) for link in links]
    statement = """
        insert into noc_incident_link (tenant_id, incident_id, other_id, kind, reason, made_at, made_by)
        select tenant_id, incident_id, other_id, kind, reason, :at, :by
        from json_to_recordset(cast(:rows as json))
            as made(tenant_id text, incident_id uuid, other_id uuid, kind text, reason text)
        on conflict (tenant_id, incident_id, other_id, kind) do update
            set reason = excluded.reason, made_at = excluded.made_at, made_by = excluded.made_by
            where excluded.made_by <> :platform
    """
    connection.execute(text(statement), {"rows": document(rows), "at": at, "by": by, "platform": PLATFORM})
