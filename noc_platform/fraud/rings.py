"""Collusion rings: groups who punch in for one another, out of the graph of who was punched in with whose phone.

Pure. A group is looked at as a scan statistic is (Kulldorff 1997, over colleagues instead of places): how many
groups of its size would chance show with as many favours, were favours done at the rate at which everybody else does
them, whenever there is a chance? Groups come from the connected parts of the graph by peeling (Charikar 2000).
Elsewhere: what a favour is (`loans`), what is told of a ring (`ring_findings`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.fraud.loans import EPOCH, MICROSECOND, Favours, Flags, LoanPolicy, Reals, Whole, favours
from noc_platform.journal.identities import identity_at

LEAST_MEMBERS = 3
# Larger parts of the graph hang together by chance; peeling them one by one would take the cube of their size.
LARGEST_PART = 60
GUARDS = 1_000


@dataclass(frozen=True)
class RingPolicy:
    """What counts as a ring, among the favours of `memory`.

    `most_by_chance` is how many such groups chance may show for 1,000 guards in that time. At least `beside_a_pair`
    favours are not between the two who do most for each other, and there are `least_days` from the first to the last.
    """

    memory: timedelta = timedelta(days=35)
    most_by_chance: float = 0.5
    beside_a_pair: int = 2
    least_days: int = 3
    loans: LoanPolicy = field(default_factory=LoanPolicy)


@dataclass(frozen=True)
class Edge:
    """Favours one did for another: `giver` owns the phone the `receiver` was punched in with, so many `times`.

    `doubtful` of them were not borne out by the face. UTC; `attendance_ids` in order of time.
    """

    giver: str
    receiver: str
    times: int
    doubtful: int
    first_at: datetime
    last_at: datetime
    attendance_ids: tuple[str, ...]


@dataclass(frozen=True)
class Remembered:
    """A ring as it was told before: who it was filed under, and who was in it."""

    ring_id: UUID
    tenant_id: str
    site_id: str
    lead: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Ring:
    """People who punch in for one another. `score` is `-log10` of how many such groups chance shows for 1,000 guards.

    `lead` is the member it is filed under; `site_id` where it does most. UTC.
    """

    ring_id: UUID
    tenant_id: str
    site_id: str
    lead: str
    members: tuple[str, ...]
    edges: tuple[Edge, ...]
    score: float
    first_at: datetime
    last_at: datetime

    @property
    def times(self) -> int:
        """Favours in all."""
        return sum(edge.times for edge in self.edges)

    @property
    def remembered(self) -> Remembered:
        """What later looks need to know it by."""
        return Remembered(self.ring_id, self.tenant_id, self.site_id, self.lead, self.members)

    @property
    def reason(self) -> str:
        """Why it is held for a ring, in a sentence."""
        days = max(round((self.last_at - self.first_at) / timedelta(days=1)), 1)
        doubtful = sum(edge.doubtful for edge in self.edges)
        return (
            f"{len(self.members)} guards at {self.site_id} were punched in {self.times} times in {days} days with the "
            f"phone of another of them who was there ({doubtful} times the face did not bear it out); for 1,000 guards "
            f"chance shows {10**-self.score:.2g} such groups."
        )


def rings(
    attendances: pa.Table, known_at: datetime, policy: RingPolicy, before: Sequence[Remembered] = ()
) -> list[Ring]:
    """Rings in the attendances (rows of stream `attendance_events`) of any tenants, as known at `known_at` (UTC).

    `before` are rings told earlier: one that shares at least half of the members of the smaller of the two is the same,
    and keeps its identity and its lead; where it is two of them, that with which it shares more.
    """
    since = known_at - policy.memory
    found: list[Ring] = []
    for tenant in sorted(pc.unique(attendances["tenant_id"]).to_pylist()):
        rows = attendances.filter(pc.equal(attendances["tenant_id"], tenant))
        seen = _Graph(favours(rows, known_at, since, policy.loans))
        groups = [(seen.drawn(rows_in), score) for rows_in, score in _groups(seen, policy)]
        found += _named(tenant, groups, [ring for ring in before if ring.tenant_id == tenant])
    return found


@dataclass(frozen=True)
class _Drawn:
    """A group as a ring without a name."""

    site_id: str
    busiest: str
    members: tuple[str, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class _Graph:
    """The favours of a tenant as a graph, and how likely chance makes it."""

    favours: Favours

    @cached_property
    def chances(self) -> Any:
        """How often each could have done each a favour, `(giver, receiver)`, sparse."""
        from scipy.sparse import csr_array

        seen, count = self.favours, len(self.favours.people)
        return csr_array((seen.chances, (seen.pair_giver, seen.pair_receiver)), (count, count))

    @cached_property
    def choices(self) -> Reals:
        """Natural logarithm of how many groups of each size there are: somebody and so many less one of those who are
        there when they come, each group counted once."""
        from scipy.special import gammaln, logsumexp

        # Who is seldom there at once has no habit with anybody.
        often = self.favours.chances >= LEAST_MEMBERS
        met = np.bincount(self.favours.pair_receiver[often], minlength=max(len(self.favours.people), 1))
        sizes = [np.inf] * LEAST_MEMBERS
        for size in range(LEAST_MEMBERS, LARGEST_PART + 1):
            able = met[met >= size - 1]
            each = gammaln(able + 1) - gammaln(size) - gammaln(able - size + 2) - np.log(size)
            sizes.append(float(logsumexp(each)) if len(able) else 0.0)
        return np.array(sizes)

    def parts(self, is_free: Flags) -> Iterator[Whole]:
        """People of each connected part of the graph of these favours, three or more.

        From a part that is too large those with the fewest favours are left out, until it falls apart (its cores).
        """
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import connected_components

        seen, count = self.favours, len(self.favours.people)
        ends = seen.giver[is_free], seen.receiver[is_free]
        _, part = connected_components(csr_array((np.ones(len(ends[0])), ends), (count, count)), directed=False)
        sizes = np.bincount(part, minlength=1)
        for nth in np.flatnonzero(sizes >= LEAST_MEMBERS):
            if sizes[nth] <= LARGEST_PART:
                yield np.flatnonzero(part == nth)
            else:
                within = is_free & (part[seen.giver] == nth)
                hands = np.bincount(np.concatenate([seen.giver[within], seen.receiver[within]]), minlength=count)
                is_least = hands == hands[hands > 0].min()
                yield from self.parts(within & ~is_least[seen.giver] & ~is_least[seen.receiver])

    def within(self, people: Whole, is_free: Flags) -> Whole:
        """Favours among these people."""
        both = np.isin(self.favours.giver, people) & np.isin(self.favours.receiver, people)
        return np.flatnonzero(both & is_free)

    def surprise(self, people: Whole, rows: Whole, rate: float) -> float:
        """`-log10` of how many groups of that size chance shows with as many favours, for 1,000 guards."""
        from scipy.stats import poisson

        expected = rate * self.chances[people][:, people].sum()
        if not expected:
            return -np.inf
        log_tail = float(poisson.logsf(len(rows) - 1, expected))
        guards = GUARDS / len(self.favours.people)
        return -(log_tail + float(self.choices[len(people)]) + float(np.log(guards))) / float(np.log(10))

    def drawn(self, rows: Whole) -> _Drawn:
        """The group of these favours."""
        seen = self.favours
        people = np.unique([seen.giver[rows], seen.receiver[rows]])
        hands = np.bincount(np.concatenate([seen.giver[rows], seen.receiver[rows]]))
        return _Drawn(
            seen.sites[int(np.argmax(np.bincount(seen.site[rows])))],
            seen.people[int(np.argmax(hands))],
            tuple(seen.people[person] for person in people),
            tuple(self._edges(rows)),
        )

    def _edges(self, rows: Whole) -> Iterator[Edge]:
        seen = self.favours
        pairs = np.stack([seen.giver[rows], seen.receiver[rows]], axis=1)
        for giver, receiver in np.unique(pairs, axis=0):
            own = rows[(pairs == (giver, receiver)).all(axis=1)]
            yield Edge(
                seen.people[giver], seen.people[receiver], len(own), int(seen.is_doubtful[own].sum()),
                _instant(seen.at[own[0]]), _instant(seen.at[own[-1]]), tuple(seen.attendance_ids[row] for row in own),
            )  # fmt: skip


def _groups(graph: _Graph, policy: RingPolicy) -> list[tuple[Whole, float]]:
    """Favours of each group chance would hardly show, and its score: the least likely first.

    The usual rate is first reckoned with everybody in it, and again without each group found, as rings would hide
    behind one another.
    """
    is_free = np.ones(len(graph.favours.at), np.bool_)
    least = -float(np.log10(policy.most_by_chance))
    found: list[tuple[Whole, float]] = []
    while True:
        # One more than were seen: where nobody does favours, one is no wonder yet.
        rate = (is_free.sum() + 1) / max(int(graph.favours.chances.sum()), 1)
        best = [each for people in graph.parts(is_free) if (each := _peeled(graph, people, is_free, rate, policy))]
        best = [(rows, score) for rows, score in best if score >= least]
        if not best:
            return found
        for rows, score in best:
            found.append((rows, score))
            is_free[rows] = False


def _peeled(
    graph: _Graph, people: Whole, is_free: Flags, rate: float, policy: RingPolicy
) -> tuple[Whole, float] | None:
    """The most surprising ring-shaped group on the way from all these people to three, leaving out one at a time."""
    best: tuple[Whole, float] | None = None
    while True:
        rows = graph.within(people, is_free)
        score = graph.surprise(people, rows, rate)
        if (best is None or score > best[1]) and _is_ring_shaped(graph.favours, rows, policy):
            best = rows, score
        if len(people) == LEAST_MEMBERS:
            return best
        smaller = [np.delete(people, nth) for nth in range(len(people))]
        scores = [graph.surprise(each, graph.within(each, is_free), rate) for each in smaller]
        people = smaller[int(np.argmax(scores))]


def _is_ring_shaped(seen: Favours, rows: Whole, policy: RingPolicy) -> bool:
    """Whether favours go several ways among three or more for a while: not one phone, not one guard, not one pair."""
    giver, receiver = seen.giver[rows], seen.receiver[rows]
    # Fewer favours than people are a chain: nobody in it has got one back, by however many hands.
    if len(rows) < len(np.union1d(giver, receiver)) or len(np.unique(giver)) < 2 or len(np.unique(receiver)) < 2:
        return False
    pairs = np.stack([np.minimum(giver, receiver), np.maximum(giver, receiver)], axis=1)
    _, times = np.unique(pairs, axis=0, return_counts=True)
    lasted = int(seen.at[rows].max() - seen.at[rows].min()) * MICROSECOND
    return len(times) >= 2 and len(rows) - times.max() >= policy.beside_a_pair and lasted.days >= policy.least_days


def _named(tenant: str, groups: list[tuple[_Drawn, float]], before: list[Remembered]) -> list[Ring]:
    """The groups as rings, each by the name of the one told before that it is, the closest first."""
    closeness = sorted(
        ((-shared, str(ring.ring_id), nth) for nth, (drawn, _) in enumerate(groups) for ring in before
         if (shared := _shared(drawn.members, ring.members))),
    )  # fmt: skip
    known = {str(ring.ring_id): ring for ring in before}
    same: dict[int, Remembered] = {}
    for _, name, nth in closeness:
        if nth not in same and name in known:
            same[nth] = known.pop(name)
    return [_ring(tenant, drawn, score, same.get(nth)) for nth, (drawn, score) in enumerate(groups)]


def _shared(ours: tuple[str, ...], theirs: tuple[str, ...]) -> int:
    """How many members two rings share, 0 where these are less than half of the smaller."""
    shared = len({*ours} & {*theirs})
    return shared if 2 * shared >= min(len(ours), len(theirs)) else 0


def _ring(tenant: str, drawn: _Drawn, score: float, same: Remembered | None) -> Ring:
    first_at = min(edge.first_at for edge in drawn.edges)
    first = min(drawn.edges, key=lambda edge: (edge.first_at, edge.attendance_ids)).attendance_ids[0]
    ring_id = identity_at(first_at, [tenant, "COLLUSION_RING", first]) if same is None else same.ring_id
    return Ring(
        ring_id=ring_id,
        tenant_id=tenant,
        site_id=drawn.site_id if same is None else same.site_id,
        lead=drawn.busiest if same is None else same.lead,
        members=drawn.members,
        edges=drawn.edges,
        score=score,
        first_at=first_at,
        last_at=max(edge.last_at for edge in drawn.edges),
    )


def _instant(micros: int) -> datetime:
    return EPOCH + int(micros) * MICROSECOND
