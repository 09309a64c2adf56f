"""The one way a finding comes to be, for every rule: `record`; and how it ends when nothing more is seen.

A few statements for however many drafts, inside the caller's transaction; nothing is sent from here. Who is to be told
is asked once that is committed (`unannounced`), so that nobody hears of what was rolled back (defect 20).
Elsewhere: what a sighting changes (`sightings`), people's say (`verdicts`), reading (`queries`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.baselines.calendar import Calendar
from noc_platform.findings.evidence import one_line, tidied
from noc_platform.findings.reasons import keeping_quiet, muting, opening, worsening
from noc_platform.findings.sightings import Fate, Known, Sighting, fate_of, key_of, sightings_of
from noc_platform.findings.tables import IS_OPEN, RANKS, key_in
from noc_platform.findings.vocabulary import KINDS, OF_WORK, Draft, Severity, Status
from noc_platform.journal.documents import document
from noc_platform.journal.ledger import PLATFORM, Action, Decision, Subject, enter
from noc_platform.settings import FindingPolicy
from noc_platform.store.copying import copy_in
from noc_platform.streams.catalogue import CLOSURE

# Why a draft is not to be raised, or None. A calendar's answer, or `nothing_muted`.
Mute = Callable[[Draft], str | None]
RUNBOOKS = "docs/runbooks.md"
INSTANT = pa.timestamp("us", tz="UTC")
# One audit writes at a time, so that two can never wait for each other. Any constant will do.
AUDIT_LOCK = 0x4E4F46
SAME_KEY = " and ".join(f"{ours} = {theirs}" for ours, theirs in zip(key_in("f"), key_in("seen"), strict=True))
FINDING_SCHEMA = pa.schema(
    [
        ("finding_id", pa.string()),
        *((name, pa.string()) for name in ("tenant_id", "site_id", "person_id", "finding_type", "category")),
        ("severity", pa.string()),
        ("severity_rank", pa.int64()),
        ("status", pa.string()),
        *((name, pa.string()) for name in ("title", "evidence_summary", "evidence", "recommended_actions", "runbook")),
        *((name, pa.string()) for name in ("silence", "metric_type")),
        ("hour_of_week", pa.int64()),
        *((name, pa.float64()) for name in ("z", "threshold")),
        ("threshold_source", pa.string()),
        ("occurrence_count", pa.int64()),
        *((name, INSTANT) for name in ("first_seen_at", "last_seen_at", "created_at", "updated_at")),
    ]
)
# What a finding says is what was seen last.
LATEST = (
    *("evidence_summary", "evidence", "silence", "metric_type", "hour_of_week", "z", "threshold", "threshold_source"),
    *("last_seen_at", "updated_at"),
)


@dataclass(frozen=True)
class Recorded:
    """What became of things seen: each was opened, repeated, raised in severity, suppressed, or told before."""

    opened: int = 0
    repeated: int = 0
    raised: int = 0
    suppressed: int = 0
    unchanged: int = 0
    closed: int = 0

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def nothing_muted(draft: Draft) -> str | None:  # noqa: ARG001 - a `Mute`
    """The calendar of an operation without maintenance."""
    return None


def muted_by(calendar: Calendar) -> Mute:
    """Maintenance mutes, at the sites and for the types of findings it is for (defect 22); where a site is closed,
    nobody has work to do."""

    def why(draft: Draft) -> str | None:
        where = draft.tenant_id, draft.site_id
        window = calendar.muting_at(*where, draft.finding_type, draft.seen_at)
        if window is None and draft.finding_type in OF_WORK:
            held = calendar.windows_at(*where, draft.seen_at)
            window = next((each for each in held if each.kind == CLOSURE), None)
        if window is None:
            return None
        return f"{window.kind.lower()} {window.window_id}" + (f", {window.reason}" if window.reason else "")

    return why


def record(
    connection: Connection, drafts: Iterable[Draft], policy: FindingPolicy, muted: Mute, as_of: datetime
) -> Recorded:
    """Make findings of what rules drafted, or more of those that are open. `as_of` (UTC) is the audit's moment.

    The same drafts again change nothing, also once a finding was closed. Severity only rises while a finding is open;
    what it says is what was seen last. `muted` gives why a draft must not be raised, or None; that, and what people
    called a false positive a short while ago, leaves a decision instead of a finding.
    """
    heard, hushed = _apart(drafts, muted)
    seen = sightings_of(heard)
    decisions = [muting(draft, why) for draft, why in hushed]
    fates: dict[Fate, list[tuple[Sighting, Known]]] = {fate: [] for fate in Fate}
    if seen:
        _lock(connection)
        _stage(connection, seen, as_of)
        for sighting, known in zip(seen, _known(connection, seen), strict=True):
            fates[fate_of(sighting, known, policy)].append((sighting, known))
        opened = _write(connection, fates)
        decisions += [opening(sighting) for sighting, _ in fates[Fate.OPENED] if sighting.finding_id in opened]
        decisions += [worsening(sighting, known) for sighting, known in fates[Fate.RAISED]]
        decisions += [keeping_quiet(sighting, known) for sighting, known in fates[Fate.QUIET]]
    enter(connection, decisions)
    return Recorded(
        opened=len(fates[Fate.OPENED]),
        repeated=len(fates[Fate.REPEATED]),
        raised=len(fates[Fate.RAISED]),
        suppressed=len(fates[Fate.QUIET]) + len(sightings_of(draft for draft, _ in hushed)),
        unchanged=len(fates[Fate.UNCHANGED]),
    )


def close_quiet(connection: Connection, as_of: datetime, policy: FindingPolicy, heard: Collection[str]) -> Recorded:
    """Close findings nobody has looked at that were not seen for longer than `policy.close_after`, or than the memory
    of their type where it has one.

    Nobody judged them, so they count neither as confirmed nor as false. Only those of tenants that are `heard`: what
    could not be looked at again has not gone away.
    """
    _lock(connection)
    slow = {name: kind.memory for name, kind in KINDS.items() if kind.memory is not None}
    closed = _close(connection, as_of, policy.close_after, heard, [name for name in KINDS if name not in slow])
    for name, memory in slow.items():
        closed += _close(connection, as_of, memory, heard, [name])
    return Recorded(closed=closed)


def _close(
    connection: Connection, as_of: datetime, unseen: timedelta, heard: Collection[str], types: Collection[str]
) -> int:
    """Close what of these types was not seen for so long; gives how many."""
    statement = f"""
        update noc_audit_finding f set status = :resolved, resolved_at = :as_of, resolved_by = :platform,
               resolution_notes = :notes, updated_at = :as_of
        where status = '{Status.NEW}' and last_seen_at < :before and tenant_id = any(:heard)
          and finding_type = any(:types)
        returning finding_id, tenant_id, finding_type, last_seen_at
    """
    hours = unseen.total_seconds() / 3600
    notes = f"Not seen for more than {hours:g} hours."
    values = {
        "resolved": Status.RESOLVED, "as_of": as_of, "platform": PLATFORM, "notes": notes, "before": as_of - unseen,
        "heard": sorted(heard), "types": sorted(types),
    }  # fmt: skip
    closed = connection.execute(text(statement), values).all()
    enter(
        connection,
        (
            Decision(
                row.tenant_id, Subject.FINDING, str(row.finding_id), Action.BACK_TO_NORMAL, "close_quiet", notes, as_of,
                inputs={"last_seen_at": row.last_seen_at, "close_after_hours": hours},
            )
            for row in closed
        ),
    )  # fmt: skip
    return len(closed)


def unannounced(connection: Connection, limit: int = 1_000) -> list[tuple[UUID, Severity]]:
    """Open findings nobody was told of at the severity they have, the worst first. A repeat is no news (defect 11)."""
    statement = f"""
        select finding_id, severity from noc_audit_finding
        where {IS_OPEN} and severity is distinct from last_notified_severity
        order by severity_rank desc, last_seen_at, finding_id limit :limit
    """
    rows = connection.execute(text(statement), {"limit": limit})
    return [(row.finding_id, Severity(row.severity)) for row in rows]


def announce(connection: Connection, told: Mapping[UUID, Severity]) -> int:
    """Note at which severity somebody was told of findings; gives how many were not known to be told so.

    What has become worse in the meantime stays to be told.
    """
    statement = f"""
        with told as (select * from json_to_recordset(cast(:told as json)) as t(finding_id uuid, severity text))
        update noc_audit_finding f set last_notified_severity = told.severity from told
        where f.finding_id = told.finding_id
          and coalesce(array_position(array[{RANKS}], f.last_notified_severity::text), 0)
              < array_position(array[{RANKS}], told.severity)
    """
    rows = [{"finding_id": finding, "severity": severity} for finding, severity in told.items()]
    return connection.execute(text(statement), {"told": document(rows)}).rowcount


def _apart(drafts: Iterable[Draft], muted: Mute) -> tuple[list[Draft], list[tuple[Draft, str]]]:
    heard, hushed = [], []
    for draft in drafts:
        why = muted(draft)
        if why is None:
            heard.append(draft)
        else:
            hushed.append((draft, why))
    # In order of what they are about, so that which one is written down does not depend on chance.
    return heard, sorted(hushed, key=lambda each: (each[0].seen_at, *(part or "" for part in key_of(each[0]))))


def _lock(connection: Connection) -> None:
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": AUDIT_LOCK})


def _stage(connection: Connection, seen: list[Sighting], as_of: datetime) -> None:
    """Copy what was seen beside the findings, and hold the open ones it may change against people's verdicts."""
    connection.execute(text("drop table if exists pg_temp.seen"))
    connection.execute(text("create temp table seen (like noc_audit_finding) on commit drop"))
    rows = [_row(sighting, as_of) for sighting in seen]
    copy_in(connection, "seen", pa.Table.from_pylist(rows, schema=FINDING_SCHEMA))
    connection.execute(text("analyze seen"))
    connection.execute(
        text(
            f"""select f.finding_id from noc_audit_finding f join seen on {SAME_KEY}
                where f.{IS_OPEN} order by f.finding_id for update of f"""
        )
    )


def _known(connection: Connection, seen: list[Sighting]) -> list[Known]:
    """What is known of each, in the same order. Read after the open ones are held: a verdict just given counts."""
    is_false = f"f.status = '{Status.FALSE_POSITIVE}'"
    nearest = "abs(extract(epoch from f.adjudicated_at - seen.last_seen_at)), f.finding_id"
    statement = f"""
        select seen.finding_id,
               min(f.finding_id::text) filter (where f.{IS_OPEN})::uuid as open_id,
               min(f.severity) filter (where f.{IS_OPEN}) as open_severity,
               max(f.last_seen_at) filter (where f.{IS_OPEN}) as open_until,
               max(f.last_seen_at) filter (where not f.{IS_OPEN}) as told_until,
               min(f.resolved_at) filter (where f.status = '{Status.RESOLVED}' and f.resolved_by <> '{PLATFORM}'
                   and f.resolved_at >= seen.last_seen_at) as settled_at,
               (array_agg(f.finding_id order by {nearest}) filter (where {is_false}))[1] as cleared_id,
               (array_agg(f.adjudicated_at order by {nearest}) filter (where {is_false}))[1] as cleared_at
        from seen join noc_audit_finding f on {SAME_KEY}
        group by seen.finding_id
    """
    found = {row.finding_id: row for row in connection.execute(text(statement))}
    return [_known_of(found.get(sighting.finding_id)) for sighting in seen]


def _known_of(row: Any) -> Known:
    if row is None:
        return Known()
    severity = None if row.open_severity is None else Severity(row.open_severity)
    return Known(row.open_id, severity, row.open_until, row.told_until, row.settled_at, row.cleared_id, row.cleared_at)


def _write(connection: Connection, fates: Mapping[Fate, list[tuple[Sighting, Known]]]) -> set[UUID]:
    """Write what changes; gives the findings that were opened. Were one opened meanwhile, this adds to it."""
    changing = [each.finding_id for fate in (Fate.OPENED, Fate.REPEATED, Fate.RAISED) for each, _ in fates[fate]]
    if not changing:
        return set()
    names = ", ".join(FINDING_SCHEMA.names)
    latest = ", ".join(f"{name} = excluded.{name}" for name in LATEST)
    statement = f"""
        insert into noc_audit_finding as known ({names})
        select {names} from seen where finding_id = any(:changing) order by {", ".join(key_in())}
        on conflict ({", ".join(key_in())}) where {IS_OPEN} do update set
            occurrence_count = known.occurrence_count + (excluded.last_seen_at > known.last_seen_at)::int,
            severity = case when excluded.severity_rank > known.severity_rank
                then excluded.severity else known.severity end,
            severity_rank = greatest(excluded.severity_rank, known.severity_rank),
            {latest}
        where (excluded.last_seen_at, excluded.severity_rank) > (known.last_seen_at, known.severity_rank)
        returning finding_id, xmax = 0 as is_new
    """
    written = connection.execute(text(statement), {"changing": changing})
    return {row.finding_id for row in written if row.is_new}


def _row(sighting: Sighting, as_of: datetime) -> dict[str, Any]:
    draft, kind, judged = sighting.latest, sighting.latest.kind, sighting.latest.judged
    return {
        "finding_id": str(sighting.finding_id),
        "tenant_id": draft.tenant_id,
        "site_id": draft.site_id,
        "person_id": draft.person_id,
        "finding_type": draft.finding_type,
        "category": kind.category,
        "severity": sighting.severity,
        "severity_rank": sighting.severity.rank,
        "status": Status.NEW,
        "title": kind.title,
        "evidence_summary": one_line(draft.summary),
        "evidence": document(tidied(draft.evidence)),
        "recommended_actions": document(kind.actions),
        "runbook": runbook(draft.finding_type),
        "silence": draft.silence,
        "metric_type": judged and judged.metric,
        "hour_of_week": judged and judged.hour_of_week,
        "z": judged and judged.z,
        "threshold": judged and judged.threshold,
        "threshold_source": judged and judged.threshold_source,
        "occurrence_count": 1,
        "first_seen_at": sighting.first_seen_at,
        "last_seen_at": sighting.last_seen_at,
        "created_at": as_of,
        "updated_at": as_of,
    }


def runbook(finding_type: str) -> str:
    """Where it is written what a finding of the type means and what to do."""
    return f"{RUNBOOKS}#{finding_type.lower()}"
