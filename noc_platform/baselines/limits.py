"""How limits are changed: by a person, by a tuning, back again. Every change is a row, and none is ever rewritten.

Inside the caller's transaction, which also brings the profiles' columns up to date and enters each change in the
ledger. Elsewhere: what is in force (`standing`), what a tuning asks for (`tuning`), what a limit would do
(`calibration`), lists (`queries`).
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

import pyarrow as pa
from sqlalchemy import Connection, Row, text

from noc_platform.baselines.changes import EVERYWHERE, Change, Kind, Scope, Where
from noc_platform.baselines.standing import hold, restate
from noc_platform.baselines.thresholds import checked
from noc_platform.errors import BadInput, Conflict, NotFound
from noc_platform.journal.documents import document
from noc_platform.journal.ledger import PLATFORM, Action, Decision, Said, Subject, enter
from noc_platform.settings import ThresholdPolicy

# Any constant will do: it only has to stay.
CHANGES = UUID("6e6f6320-6c69-6d69-7473-000000000000")
NAMED_SITES = 10
OF_TENANT = "(cast(:tenant as text) is null or tenant_id = :tenant)"


COLUMNS = tuple(Change.__dataclass_fields__)


@dataclass(frozen=True)
class _Last:
    """The last change of a kind: what it holds now."""

    change_id: UUID | None = None
    value: float | None = None
    made_at: datetime | None = None
    week: date | None = None


NEVER = _Last()


def site_scope(
    connection: Connection,
    site_id: str,
    metric_type: str,
    hour_of_week: int | None = None,
    tenant_id: str | None = None,
) -> Scope:
    """A scope at a site that is here; the tenant need not be named where only one has such a site.

    Raises `NotFound` and `BadInput`, saying what there is.
    """
    question = f"select tenant_id from noc_site where site_id = :site and {OF_TENANT} order by 1"
    tenants = connection.execute(text(question), {"site": site_id, "tenant": tenant_id})
    found = list(tenants.scalars())
    if len(found) > 1:
        raise BadInput(f"Several tenants have a site {site_id}; say which: {', '.join(found)}.")
    if not found:
        raise NotFound(f"No site is called {site_id}; {_sites(connection, tenant_id)}.")
    return Scope(found[0], site_id, metric_type, hour_of_week)


def set_manual(connection: Connection, scope: Scope, value: float, said: Said, policy: ThresholdPolicy) -> Change:
    """A person sets a limit on |z|; it comes before whatever is learned.

    Raises `BadInput` outside of 1.5 to 5, `NotFound`, and `Conflict` where a later change is there already.
    """
    return _say(connection, scope, Kind.MANUAL, checked(value), said, policy)


def reset(
    connection: Connection, scope: Scope, said: Said, policy: ThresholdPolicy, *, is_learned_too: bool = False
) -> list[Change]:
    """Back to automatic: what a person set for this scope holds no longer; nor, if asked, what was learned.

    Raises `NotFound`, and `Conflict` where nothing is held that could be given up.
    """
    kinds = tuple(Kind) if is_learned_too else (Kind.MANUAL,)
    hold(connection, scope.tenant_id)
    held = [kind for kind in kinds if _last(connection, scope, kind).value is not None]
    if not held:
        raise Conflict(
            f"Nothing is {' or '.join(kinds).lower()} for {scope.name}{_elsewhere(connection, scope, kinds)}."
        )
    return [_say(connection, scope, kind, None, said, policy) for kind in held]


def roll_back(connection: Connection, change_id: str | UUID, said: Said, policy: ThresholdPolicy) -> Change:
    """Restore what a change replaced, by a change that says so.

    Raises `NotFound`, and `Conflict` when it was rolled back already or another came after it.
    """
    undone = change_called(connection, change_id)
    hold(connection, undone.tenant_id)
    last = _last(connection, undone.scope, undone.kind)
    if last.change_id != undone.change_id:
        raise Conflict(_why_not(connection, undone, last))
    return _say(connection, undone.scope, undone.kind, undone.before, said, policy, undoes=undone.change_id)


def apply_proposals(
    connection: Connection, proposals: pa.Table, week: date, made_at: datetime, policy: ThresholdPolicy
) -> int:
    """Change what is learned as proposed (`PROPOSALS_SCHEMA`), for the tuning of a week named by its Sunday; gives how
    many limits changed. What a person set stays. The profiles are brought up to date in any case.

    A scope is changed once a week at most: the same week again changes nothing, nor does what is held already, nor a
    week older than the last change. The caller holds the limits (`hold`) since before the proposals were made.
    """
    hold(connection)
    last = _held(connection, Kind.LEARNED)
    made = []
    for proposal in proposals.to_pylist():
        scope = Scope(*(proposal[name] for name in Scope.__dataclass_fields__))
        held = last.get(scope, NEVER)
        if _is_news(proposal["after"], held, week, made_at):
            inputs = json.loads(proposal["inputs"] or "{}")
            said = (made_at, PLATFORM, proposal["reason"], week, None, inputs)
            change = _follow(scope, Kind.LEARNED, held, proposal["after"], *said)
            last[scope] = _Last(change.change_id, change.value, made_at, week)
            made.append(change)
    _write(connection, made)
    restate(connection, policy, made_at)
    return len(made)


def change_called(connection: Connection, change_id: str | UUID) -> Change:
    """One change. Raises `NotFound`."""
    try:
        called = change_id if isinstance(change_id, UUID) else UUID(change_id)
    except ValueError:
        called = CHANGES
    question = f"select {', '.join(COLUMNS)} from noc_threshold_change where change_id = :change"
    row = connection.execute(text(question), {"change": called}).one_or_none()
    if row is None:
        raise NotFound(f"No change of a threshold is called {change_id}; `noc threshold history` lists them.")
    return change_of(row)


def change_of(row: Row[Any]) -> Change:
    """The change in a row of `COLUMNS`."""
    told = row._asdict()
    return Change(**{**told, "kind": Kind(told["kind"])})


def _say(
    connection: Connection,
    scope: Scope,
    kind: Kind,
    value: float | None,
    said: Said,
    policy: ThresholdPolicy,
    undoes: UUID | None = None,
) -> Change:
    hold(connection, scope.tenant_id)
    site_scope(connection, scope.site_id, scope.metric_type, scope.hour_of_week, scope.tenant_id)
    last = _last(connection, scope, kind)
    if last.made_at is not None and last.made_at > said.at:
        raise Conflict(
            f"The limit of {scope.name} was changed at {last.made_at:%F %T} UTC, after {said.at:%F %T}; the latest "
            "counts. Leave out the moment to change it as of now."
        )
    change = _follow(scope, kind, last, value, said.at, said.by.strip(), said.why.strip(), None, undoes, {})
    _write(connection, [change])
    restate(connection, policy, said.at, scope.where)
    return change


def _is_news(value: float | None, held: _Last, week: date, made_at: datetime) -> bool:
    if value is not None:
        checked(value)
    is_later = held.made_at is None or held.made_at <= made_at
    return value != held.value and is_later and (held.week is None or held.week < week)


def _follow(scope: Scope, kind: Kind, last: _Last, value: float | None, *said: Any) -> Change:
    place = (scope.tenant_id, scope.site_id, scope.metric_type, scope.hour_of_week)
    # Whatever happens at the same time, one change follows another: a second successor would have the same identity.
    change_id = uuid5(CHANGES, document([*place, kind, last.change_id]))
    return Change(change_id, *place, kind, value, last.value, *said)


def _write(connection: Connection, made: Iterable[Change]) -> None:
    changes = list(made)
    if not changes:
        return
    names = ", ".join(COLUMNS)
    statement = f"""insert into noc_threshold_change ({names}) select {names}
                    from json_populate_recordset(null::noc_threshold_change, cast(:rows as json))"""
    connection.execute(text(statement), {"rows": document([asdict(each) for each in changes])})
    enter(connection, map(_decision, changes))


def _decision(change: Change) -> Decision:
    told = {"change_id": change.change_id, "before": change.before, "week": change.week, "undoes": change.undoes}
    return Decision(
        change.tenant_id,
        Subject.THRESHOLD,
        change.scope.name,
        Action.THRESHOLD_CHANGED if change.undoes is None else Action.THRESHOLD_ROLLED_BACK,
        rule="tuning" if change.week else "person",
        reason=change.reason,
        made_at=change.made_at,
        made_by=change.made_by,
        inputs={**change.inputs, **told},
        threshold=change.value,
        threshold_source=change.kind,
        key=str(change.change_id),
    )


_LATEST = """
    select distinct on (tenant_id, site_id, metric_type, coalesce(hour_of_week, -1))
           tenant_id, site_id, metric_type, hour_of_week, change_id, value, made_at,
           max(week) over (partition by tenant_id, site_id, metric_type, coalesce(hour_of_week, -1)) as week
    from noc_threshold_change where kind = :kind and {where}
    order by tenant_id, site_id, metric_type, coalesce(hour_of_week, -1), made_at desc, number desc
"""


def _held(connection: Connection, kind: Kind, where: Where = EVERYWHERE) -> dict[Scope, _Last]:
    rows = connection.execute(text(_LATEST.format(where=where.sql)), {"kind": kind, **where.values})
    return {Scope(*row[:4]): _Last(*row[4:]) for row in rows}


def _last(connection: Connection, scope: Scope, kind: Kind) -> _Last:
    return _held(connection, kind, scope.where).get(scope, NEVER)


def _why_not(connection: Connection, undone: Change, last: _Last) -> str:
    question = "select change_id from noc_threshold_change where undoes = :undone"
    undoing = connection.execute(text(question), {"undone": undone.change_id}).scalar()
    if undoing is not None:
        return (
            f"Change {undone.change_id} was rolled back already, by {undoing}. To have it back, roll that one back, "
            "or set the limit."
        )
    return (
        f"Change {undone.change_id} is not the last of {undone.scope.name}: {last.change_id} came after it, at "
        f"{last.made_at:%F %T} UTC. Roll that one back first, or set the limit."
    )


def _elsewhere(connection: Connection, scope: Scope, kinds: Iterable[Kind]) -> str:
    """Where something of these kinds is held instead, of the same metric."""
    held = {
        found
        for kind in kinds
        for found, last in _held(connection, kind, scope.where).items()
        if last.value is not None
    }
    names = sorted(found.name for found in held)
    return f"; it is for {', '.join(names)}" if names else ""


def _sites(connection: Connection, tenant_id: str | None) -> str:
    question = f"select site_id from noc_site where {OF_TENANT} order by 1 limit :most"
    told = {"tenant": tenant_id, "most": NAMED_SITES + 1}
    names = list(connection.execute(text(question), told).scalars())
    if not names:
        return "there are none"
    more = "" if len(names) <= NAMED_SITES else ", …"
    return f"there are {', '.join(names[:NAMED_SITES])}{more}"
