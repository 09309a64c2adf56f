"""Claims about incidents: what was put together is of one planted cause, and what is of one cause was put together.

Counted in pairs of items. Items are all alerts, and the windows whose signals say something by themselves or that came
to be in an incident. A pair is right when one planted cause is behind both. One of which neither has a cause is neither
right nor wrong: nobody knows (a phone without a network is a story too, and is not planted). What is found is counted
over causes that raised an alert. Windows overlap, so that one cause with many of them weighs much: what is found of
pairs of alerts alone is told beside. Intervals are resampled by an incident's first person, and by cause.
Elsewhere: what was so (`story_truth`), the order of arrival (`story_arrivals`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from noc_platform.correlation.incidents import edges_of, match
from noc_platform.correlation.stories import Item, Raised, Told, together
from noc_platform.settings import CorrelationPolicy
from noc_platform_tests.scoreboard.claims import Claim, resampled
from noc_platform_tests.scoreboard.story_truth import StoryTruth

POLICY = CorrelationPolicy()
RIGHTLY, FOUND = "incidents: pairs rightly together", "incidents: pairs of one cause found together"
WANTED = 0.90
Groups = list[frozenset[Item]]


@dataclass(frozen=True)
class Stories:
    """What the platform puts together of the signals and alerts of a world, and what was so."""

    so: StoryTruth

    @cached_property
    def groups(self) -> Groups:
        """What becomes incidents."""
        return with_both(together(edges_of(match(self.so.windows, self.so.occurrences, POLICY))))

    @cached_property
    def items(self) -> frozenset[Item]:
        """What is counted: alerts, and windows that say something by themselves or are in an incident."""
        return self.so.telling | self.so.raised.keys() | frozenset(item for group in self.groups for item in group)

    @cached_property
    def alerts(self) -> frozenset[Item]:
        """The alerts alone."""
        return frozenset(self.so.raised)

    @cached_property
    def simpler(self) -> dict[str, Groups]:
        """What simpler ways put together."""
        return {name: with_both(together(way(self.so))) for name, way in SIMPLER.items()}


@dataclass(frozen=True)
class Pairs:
    """How many pairs are right, of how many there are, for each of something; `whose` it is, what is alike."""

    right: Any
    all: Any
    whose: Any

    @property
    def share(self) -> float:
        """The share that is right; 0 of none."""
        return float(self.right.sum() / max(self.all.sum(), 1))

    def interval(self) -> tuple[float, float]:
        """How sure the share is, by what is alike."""
        return resampled(lambda rows: float(self.right[rows].sum() / max(self.all[rows].sum(), 1)), self.whose)


def claims(stories: Stories) -> Iterator[Claim]:
    """Both claims, on a world whose truth is known."""
    for name, row in ROWS.items():
        yield row(name, stories)


def with_both(groups: Iterable[frozenset[Item]]) -> Groups:
    """Those of the groups that have signals and alerts."""
    return [group for group in groups if {type(item) for item in group} == {Told, Raised}]


def joined(groups: Groups, so: StoryTruth, items: frozenset[Item], *, with_causeless: bool = False) -> Pairs:
    """Of each group: pairs of one story, of those of which an item has one (or, if asked, of all)."""
    counts = [Counter(so.story[item] for item in group & items) for group in groups]
    right = [sum(_pairs(count) for story, count in each.items() if story) for each in counts]
    causeless = [0 if with_causeless else _pairs(each[None]) for each in counts]
    every = [_pairs(each.total()) - nobody for each, nobody in zip(counts, causeless, strict=True)]
    whose = [min((i.tenant_id, i.person_id) for i in group if isinstance(i, Told)) for group in groups]
    return Pairs(np.array(right, float), np.array(every, float), np.array(["/".join(each) for each in whose]))


def found(groups: Groups, so: StoryTruth, items: frozenset[Item]) -> Pairs:
    """Of each story with an alert: pairs that were put together, of all its pairs."""
    group_of = {item: number for number, group in enumerate(groups) for item in group}
    parts: dict[str, Counter[int]] = {story: Counter() for story in sorted(so.alarmed)}
    size: Counter[str] = Counter()
    for item in items:
        story = so.story[item]
        if story in parts:
            size[story] += 1
            if item in group_of:
                parts[story][group_of[item]] += 1
    right = [sum(map(_pairs, each.values())) for each in parts.values()]
    every = [_pairs(size[story]) for story in parts]
    return Pairs(np.array(right, float), np.array(every, float), np.array([story.split("/")[0] for story in parts]))


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _rightly(name: str, stories: Stories) -> Claim:
    so, groups = stories.so, stories.groups
    pairs = joined(groups, so, stories.items)
    alone = joined(groups, so, stories.alerts).share
    strict = joined(groups, so, stories.items, with_causeless=True).share
    simpler = {way: joined(theirs, so, stories.items).share for way, theirs in stories.simpler.items()}
    return Claim(
        name, f"Pairs of alerts and signals put together, one of them at least of a planted cause, that one cause is "
        f"behind ({len(groups)} incidents; what lasts longer than a shift is one story for each person and shift). Of "
        f"pairs of alerts alone {alone:.3f}; were pairs of no planted cause wrong, such as of a phone without a "
        f"network, {strict:.3f}.",
        pairs.share, *pairs.interval(), int(pairs.all.sum()), WANTED, baselines=simpler,
    )  # fmt: skip


def _found(name: str, stories: Stories) -> Claim:
    so = stories.so
    pairs, alone = (found(stories.groups, so, items) for items in (stories.items, stories.alerts))
    each = float(np.mean(pairs.right[pairs.all > 0] / pairs.all[pairs.all > 0]))
    simpler = {way: found(theirs, so, stories.items).share for way, theirs in stories.simpler.items()}
    return Claim(
        name, f"Pairs of alerts and signals of one planted cause that raised an alert ({len(pairs.all)} stories) that "
        "were put together; signals are those that say something by themselves or came to be in an incident. Causes "
        f"with many signals weigh most: each story alike, {each:.3f}; of pairs of alerts alone {alone.share:.3f}. "
        "Least is found where signals say little: surges of a site, and guards who left and logged out, who have none.",
        pairs.share, *pairs.interval(), int(pairs.all.sum()), WANTED, baselines=simpler,
    )  # fmt: skip


ROWS: dict[str, Callable[[str, Stories], Claim]] = {RIGHTLY: _rightly, FOUND: _found}


Edges = list[tuple[Item, Item]]


def _moments(so: StoryTruth) -> dict[Item, datetime]:
    raised = {item: row.occurred_at.to_pydatetime() for item, row in so.raised.items()}
    return {**raised, **{item: each.window_end for item, each in so.told.items()}}


def _places(so: StoryTruth) -> dict[Item, str | None]:
    raised = {item: row.site_id for item, row in so.raised.items()}
    return {**raised, **{item: each.site_id for item, each in so.told.items()}}


def in_time(so: StoryTruth) -> Edges:
    """Whatever a tenant is told of within the window after the last of it."""
    moments = _moments(so)
    order = sorted(moments, key=lambda item: (item.tenant_id, moments[item]))
    return [
        (one, other)
        for one, other in pairwise(order)
        if one.tenant_id == other.tenant_id and moments[other] - moments[one] <= POLICY.window
    ]


def at_site(so: StoryTruth) -> Edges:
    """Whatever there is of a site on a day, UTC."""
    moments, places = _moments(so), _places(so)
    first: dict[Any, Item] = {}
    return [
        (first.setdefault((item.tenant_id, place, moments[item].date()), item), item)
        for item, place in places.items()
        if isinstance(place, str)
    ]


def nearest(so: StoryTruth) -> Edges:
    """Each window with the nearest alert of its person or site within the window, whatever either says."""
    edges: Edges = []
    by_tenant: dict[str, list[tuple[Item, Any]]] = {}
    for item, row in so.raised.items():
        by_tenant.setdefault(item.tenant_id, []).append((item, row))
    for told, each in so.told.items():
        near = [
            (apart, item)
            for item, row in by_tenant.get(told.tenant_id, ())
            if (row.person_id == each.person_id or row.site_id == each.site_id)
            and (apart := _apart(row.occurred_at.to_pydatetime(), each.since, each.window_end)) <= POLICY.window
        ]
        if near:
            edges.append((told, min(near)[1]))
    return edges


def _apart(at: datetime, since: datetime, until: datetime) -> timedelta:
    return max(since - at, at - until, timedelta(0))


SIMPLER: dict[str, Callable[[StoryTruth], Edges]] = {
    "tenant and time": in_time, "site and day": at_site, "nearest alert of person or site": nearest,
}  # fmt: skip
