"""Which signals and alerts are one story, and what the story says. Pure: whatever the order things arrived in.

Elsewhere: which pairs belong together (`matching`), what is kept of it (`incidents`), people's say (`actions`).
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from noc_platform.correlation.vocabulary import Severity


@dataclass(frozen=True, order=True, slots=True)
class Told:
    """A window of signals, as what names it."""

    tenant_id: str
    person_id: str
    window_end: datetime


@dataclass(frozen=True, order=True, slots=True)
class Raised:
    """An occurrence of an alert, as what names it."""

    tenant_id: str
    event_id: UUID


Item = Told | Raised
T = TypeVar("T", bound=Hashable)


def together(pairs: Iterable[tuple[T, T]]) -> list[frozenset[T]]:
    """What is connected by pairs, each item in one group; the order of the pairs makes no difference."""
    numbers: dict[T, int] = {}
    ends = [(numbers.setdefault(one, len(numbers)), numbers.setdefault(other, len(numbers))) for one, other in pairs]
    if not ends:
        return []
    one, other = np.array(ends).T
    graph = coo_array((np.ones(len(ends), np.int8), (one, other)), shape=(len(numbers), len(numbers)))
    _, labels = connected_components(graph, directed=False)
    groups: dict[int, list[T]] = defaultdict(list)
    for item, label in zip(numbers, labels.tolist(), strict=True):
        groups[label].append(item)
    return [frozenset(group) for group in groups.values()]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group of items goes: to an incident that is there, into which others are merged, or to a new one."""

    tenant_id: str
    items: frozenset[Item]
    incident_id: UUID | None = None
    absorbed: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Standing:
    """Incidents as they stand: which is open and since when its story begins (UTC), which item belongs to which, and
    which people have taken apart (pairs, in both directions)."""

    started: Mapping[UUID, datetime] = field(default_factory=dict)
    holder: Mapping[Item, UUID] = field(default_factory=dict)
    apart: Collection[tuple[UUID, UUID]] = frozenset()


def placed(groups: Iterable[frozenset[Item]], standing: Standing) -> list[Place]:
    """Where each group goes. A group without an alert, or without signals, is no story and goes nowhere, unless a part
    of it belongs to one already.

    Of several open incidents that prove to be one the one whose story begins first stays. What people have taken apart
    stays apart: what is new goes to the one that begins last, as stories go on.
    """
    found, gone = [], set[UUID]()
    open_groups = [(group, _held(group, standing)) for group in groups]
    # Two groups may share an incident that people have merged, or whose middle lies too far back: they are one story.
    pairs = ((one, other) for _, held in open_groups for one in held for other in held)
    united = {incident: whole for whole in together(pairs) for incident in whole}
    for group, held in open_groups:
        new = frozenset(item for item in group if item not in standing.holder)
        tenant = next(iter(group)).tenant_id
        if not held:
            if {type(item) for item in group} == {Told, Raised}:
                found.append(Place(tenant, group))
            continue
        whole = sorted(united[held[0]], key=_age(standing))
        if any((one, other) in standing.apart for one in whole for other in whole):
            found.append(Place(tenant, new, held[-1]))
        else:
            absorbed = tuple(each for each in whole[1:] if each not in gone)
            gone.update(absorbed)
            found.append(Place(tenant, new, whole[0], absorbed))
    return [place for place in found if place.items or place.absorbed]


def _held(group: Iterable[Item], standing: Standing) -> list[UUID]:
    """The incidents these items belong to, the one that begins first first."""
    return sorted({standing.holder[item] for item in group if item in standing.holder}, key=_age(standing))


def _age(standing: Standing) -> Any:
    return lambda incident: (standing.started[incident], incident)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """A window of signals that belongs to a story. Instants are UTC; None is not known."""

    person_id: str
    site_id: str | None
    since: datetime
    window_start: datetime
    window_end: datetime
    remarks: tuple[str, ...]
    severity: Severity
    silence: str | None = None
    silence_reason: str | None = None
    signals: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """An occurrence of an alert that belongs to a story, with the window it matches best. Instants are UTC."""

    event_id: UUID
    alert_id: UUID
    alert_type: str
    severity: Severity
    occurred_at: datetime
    person_id: str | None
    site_id: str | None
    message: str | None
    status: str
    matched_person_id: str
    matched_window_end: datetime
    score: float
    entity: float
    proximity: float
    consistency: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What signals said of one person without a break, over one window or many: `signals` are those of the last,
    which are counted from `counted_since` on. Instants are UTC."""

    person_id: str
    site_id: str | None
    since: datetime
    until: datetime
    counted_since: datetime
    remarks: tuple[str, ...]
    windows: int
    silence: str | None
    silence_reason: str | None
    signals: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a story says as a whole. Instants are UTC."""

    person_id: str | None
    site_id: str | None
    title: str
    stretches: tuple[Stretch, ...]
    severity: Severity
    score: float
    score_parts: Mapping[str, float]
    alerts: int
    people: int
    started_at: datetime
    ended_at: datetime


# What each remark of a window says of somebody, in words.
WORDS = {
    "is_unheard": "nothing comes from the phone",
    "is_quiet": "little comes from the phone",
    "is_idle": "the phone is not used and no task gets done",
    "is_still": "nobody moves",
    "is_without_position": "the phone knows no position",
    "is_outside": "the last position lies outside the site",
    "misses_checkpoints": "no checkpoint is scanned",
    "misses_tasks": "no task gets done",
}
# The first of these that holds says enough: the later ones follow from it.
TITLES = tuple(WORDS)
MOST_TYPES_IN_A_TITLE = 3


def summary(told: Sequence[Signals], alarms: Sequence[Alarm]) -> Summary:
    """What the story of these signals and alerts says, in whatever order they are given.

    The severity is the worst of alerts and signals, by rank; the score is that of the best match. Raises ValueError
    where there are no signals, or no alerts.
    """
    if not told or not alarms:
        raise ValueError("a story has signals and alerts")
    people = sorted({each.person_id for each in told})
    sites = {each.site_id for each in told if each.site_id} or {each.site_id for each in alarms if each.site_id}
    site = next(iter(sites)) if len(sites) == 1 else None
    best = max(alarms, key=lambda each: (each.score, -each.occurred_at.timestamp(), str(each.event_id)))
    stretches = tuple(stretches_of(told))
    return Summary(
        person_id=people[0] if len(people) == 1 else None,
        site_id=site,
        title=_title(people, site, told, alarms),
        stretches=stretches,
        severity=max(
            [*(each.severity for each in told), *(each.severity for each in alarms)], key=lambda each: each.rank
        ),
        score=best.score,
        score_parts={"entity": best.entity, "proximity": best.proximity, "consistency": best.consistency},
        alerts=len({each.alert_id for each in alarms}),
        people=len(people),
        started_at=min(min(each.since for each in told), min(each.occurred_at for each in alarms)),
        ended_at=max(max(each.window_end for each in told), max(each.occurred_at for each in alarms)),
    )


def stretches_of(told: Iterable[Signals]) -> list[Stretch]:
    """Windows of one person that say the same and touch one another, as one stretch; by when they begin.

    Windows overlap: where one says something else than the one before it, that begins when the other ends.
    """
    found: list[Stretch] = []
    for each in sorted(told, key=lambda each: (each.person_id, each.window_end)):
        last = found[-1] if found and found[-1].person_id == each.person_id else None
        since, windows = each.since, 1
        if last is not None and each.since <= last.until:
            if (last.site_id, last.remarks) == (each.site_id, each.remarks):
                since, windows = min(last.since, each.since), last.windows + 1
                found.pop()
            else:
                since = last.until
        found.append(
            Stretch(
                person_id=each.person_id,
                site_id=each.site_id,
                since=since,
                until=each.window_end,
                counted_since=each.window_start,
                remarks=each.remarks,
                windows=windows,
                silence=each.silence,
                silence_reason=each.silence_reason,
                signals=each.signals,
            )
        )
    return sorted(found, key=lambda each: (each.since, each.person_id, each.until))


def _title(people: Sequence[str], site: str | None, told: Iterable[Signals], alarms: Iterable[Alarm]) -> str:
    said = {remark for each in told for remark in each.remarks}
    words = next((WORDS[remark] for remark in TITLES if remark in said), "signals are unusual")
    worst = sorted(alarms, key=lambda each: (-each.severity.rank, each.occurred_at, each.alert_type))
    types = list(dict.fromkeys(each.alert_type for each in worst))
    more = f" and {len(types) - MOST_TYPES_IN_A_TITLE} more" if len(types) > MOST_TYPES_IN_A_TITLE else ""
    who = people[0] if len(people) == 1 else f"{len(people)} guards"
    where = f" at {site}" if site else ""
    return f"{who}{where}: {words}; {', '.join(types[:MOST_TYPES_IN_A_TITLE])}{more}"
