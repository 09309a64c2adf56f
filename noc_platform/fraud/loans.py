"""Who was punched in with whose phone while its owner was there: one tenant's attendances as favours between people.

A phone is somebody's who uses hardly another and whom hardly anybody else uses it. Used by another while its owner is
on duty at the same site, it was lent, shared, or somebody punched for somebody else; which, is told by how long it goes
on and by whether the face bore it out. Elsewhere: who has made a habit of it with whom (`rings`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

COLUMNS = (
    "tenant_id", "attendance_id", "person_id", "site_id", "device_id", "punched_in_at", "punched_out_at", "received_at",
)  # fmt: skip
# What tells of the face, and whether more of it is worse. Each may be missing, as a column or as a value.
FACE = (("face_distance", True), ("confidence_score", False), ("liveness_score", False))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class LoanPolicy:
    """What counts as a favour.

    An owner has made `owner_share` of a phone's punches and, with it, `own_share` of their own, at least
    `owner_punches`. A face is doubtful when at most `doubtful_share` of the tenant's ordinary punches look as bad, and
    bears out who stood there when more than `good_share` do: then, and where somebody uses one phone for
    `shared_shifts` in a row without a doubtful face, the phone is shared. Both are told from `lead` before the favours
    that are looked for. Who gave no punch-out was there for `longest_duty`; a colleague who punches in within `slack`
    afterwards was there already.
    """

    owner_share: float = 0.5
    own_share: float = 0.4
    owner_punches: int = 3
    shared_shifts: int = 2
    doubtful_share: float = 0.05
    good_share: float = 0.3
    lead: timedelta = timedelta(days=7)
    longest_duty: timedelta = timedelta(hours=14)
    slack: timedelta = timedelta(minutes=15)


@dataclass(frozen=True)
class Favours:
    """One tenant's favours, one row each in order of time, and who could have done whom how many.

    `giver` (whose phone it was), `receiver` (who was punched in) and `site` are places in `people` and `sites`; `at` is
    microseconds UTC; `is_doubtful` says that the face did not bear out that the receiver stood there.
    `pair_giver`, `pair_receiver` and `chances` count a receiver's punches while the giver was on duty there.
    """

    people: tuple[str, ...]
    sites: tuple[str, ...]
    attendance_ids: tuple[str, ...]
    giver: Whole
    receiver: Whole
    site: Whole
    at: Whole
    is_doubtful: Flags
    pair_giver: Whole
    pair_receiver: Whole
    chances: Whole


@dataclass(frozen=True)
class _Punches:
    """One tenant's punches of known place and phone, each attendance once, by person and time."""

    people: tuple[str, ...]
    sites: tuple[str, ...]
    attendance_ids: NDArray[np.object_]
    person: Whole
    site: Whole
    device: Whole
    comes: Whole
    leaves: Whole
    face: tuple[Reals, ...]


def favours(attendances: pa.Table, known_at: datetime, since: datetime, policy: LoanPolicy) -> Favours:
    """Favours among the attendances of one tenant that began in `(since, known_at]`, as known at `known_at` (UTC).

    Rows are those of stream `attendance_events`, of which `COLUMNS` and as many of `FACE` as there are get read; of an
    attendance the state received last counts.
    """
    punches = _punches(_latest(attendances, known_at, since - policy.lead), policy)
    owner = _owners(punches, policy)[punches.device]
    host, guest = _beside(punches, policy)
    is_lent = np.zeros(len(owner), np.bool_)
    is_lent[guest[punches.person[host] == owner[guest]]] = True
    looks_as_bad = _worst_tail(punches, owner == punches.person)
    # A comparison with NaN is false: a face that is not known neither is doubtful nor bears anybody out.
    is_doubtful = looks_as_bad <= policy.doubtful_share
    is_shared = (looks_as_bad > policy.good_share) | (_row_of_shifts(punches) >= policy.shared_shifts)
    is_recent = punches.comes > (since - EPOCH) // MICROSECOND
    rows = np.flatnonzero(is_lent & is_recent & (is_doubtful | ~is_shared))
    rows = rows[np.argsort(punches.comes[rows], kind="stable")]
    pair_giver, pair_receiver, chances = _chances(punches, host[is_recent[guest]], guest[is_recent[guest]])
    return Favours(
        punches.people, punches.sites, tuple(punches.attendance_ids[rows]), owner[rows], punches.person[rows],
        punches.site[rows], punches.comes[rows], is_doubtful[rows], pair_giver, pair_receiver, chances,
    )  # fmt: skip


def _latest(attendances: pa.Table, known_at: datetime, since: datetime) -> pa.Table:
    """The last known state of each attendance that can be placed, in an order of its own whatever that of the rows."""
    names = [*COLUMNS, *(name for name, _ in FACE if name in attendances.column_names)]
    rows = attendances.select(names)
    began = rows["punched_in_at"]
    is_known = pc.and_(pc.less_equal(rows["received_at"], pa.scalar(known_at)), pc.greater(began, pa.scalar(since)))
    is_placed = pc.and_(pc.is_valid(rows["device_id"]), pc.is_valid(rows["site_id"]))
    rows = rows.filter(pc.and_(pc.and_(is_known, is_placed), pc.less_equal(began, pa.scalar(known_at))))
    # Of two states known at the same moment, that with a punch-out says more.
    order = [("attendance_id", "ascending"), ("received_at", "ascending"), ("has_left", "ascending")]
    rows = rows.append_column("has_left", pc.is_valid(rows["punched_out_at"]).cast(pa.int8())).sort_by(order)
    ids = rows["attendance_id"].to_numpy()
    is_last = np.append(ids[1:] != ids[:-1], True) if len(ids) else np.zeros(0, np.bool_)
    rows = rows.filter(pa.array(is_last))
    return rows.sort_by([("person_id", "ascending"), ("punched_in_at", "ascending"), ("attendance_id", "ascending")])


def _punches(rows: pa.Table, policy: LoanPolicy) -> _Punches:
    people, person = _coded(rows["person_id"])
    sites, site = _coded(rows["site_id"])
    _, device = _coded(rows["device_id"])
    comes = _micros(rows["punched_in_at"])
    longest = comes + policy.longest_duty // MICROSECOND
    left = rows["punched_out_at"]
    leaves = np.where(left.is_null().to_numpy(), longest, _micros(left))
    signs = tuple(
        _reals(rows[name]) * (1 if is_worse else -1) for name, is_worse in FACE if name in rows.column_names
    )  # fmt: skip
    return _Punches(people, sites, rows["attendance_id"].to_numpy(), person, site, device, comes, leaves, signs)


def _owners(punches: _Punches, policy: LoanPolicy) -> Whole:
    """Whose each phone is, -1 for nobody's: a terminal everybody uses has no owner."""
    people = max(len(punches.people), 1)
    used, times = np.unique(punches.device * people + punches.person, return_counts=True)
    device, person = used // people, used % people
    of_device = np.bincount(punches.device)
    of_person = np.bincount(punches.person)
    is_owner = (times >= policy.owner_punches) & (times >= policy.own_share * of_person[person])
    is_owner &= times > policy.owner_share * of_device[device]
    owners = np.full(len(of_device), -1, np.int64)
    owners[device[is_owner]] = person[is_owner]
    return owners


def _beside(punches: _Punches, policy: LoanPolicy) -> tuple[Whole, Whole]:
    """Pairs of rows: `host` was on duty at the site at which somebody else's `guest` was punched in."""
    slack, longest = (span // MICROSECOND for span in (policy.slack, policy.longest_duty))
    # Sites one after the other on one axis, so far apart that no duty reaches the next.
    span = int(np.ptp(punches.comes)) + 2 * (slack + longest) if len(punches.comes) else 1
    start = int(punches.comes.min()) if len(punches.comes) else 0
    on_axis = punches.site * span + punches.comes - start
    order = np.argsort(on_axis, kind="stable")
    axis = on_axis[order]
    first = np.searchsorted(axis, axis - longest, side="left")
    count = np.searchsorted(axis, axis + slack, side="right") - first
    guest = np.repeat(order, count)
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    host = order[np.repeat(first, count) + nth]
    is_there = (punches.person[host] != punches.person[guest]) & (punches.leaves[host] > punches.comes[guest])
    return host[is_there], guest[is_there]


def _worst_tail(punches: _Punches, is_ordinary: Flags) -> Reals:
    """How small a share of the punches with people's own phones looks as bad, by the worst sign of the face.

    Times the number of signs that are known (Bonferroni); NaN where none is. Nothing is supposed of how they spread.
    """
    smallest, known = np.ones(len(is_ordinary)), np.zeros(len(is_ordinary))
    for sign in punches.face:
        usual = np.sort(sign[is_ordinary & ~np.isnan(sign)])
        as_bad = len(usual) - np.searchsorted(usual, sign, side="left")
        share = (1 + as_bad) / (1 + len(usual))
        smallest = np.where(np.isnan(sign), smallest, np.minimum(smallest, share))
        known += ~np.isnan(sign)
    return np.where(known > 0, np.minimum(1.0, smallest * known), np.nan)


def _row_of_shifts(punches: _Punches) -> Whole:
    """How many shifts in a row the person was punched in with the same phone, by punch."""
    count = len(punches.person)
    if not count:
        return np.zeros(0, np.int64)
    begins = np.ones(count, np.bool_)
    begins[1:] = (np.diff(punches.person) != 0) | (np.diff(punches.device) != 0)
    run = np.cumsum(begins) - 1
    return np.asarray(np.bincount(run)[run], np.int64)


def _chances(punches: _Punches, host: Whole, guest: Whole) -> tuple[Whole, Whole, Whole]:
    people = max(len(punches.people), 1)
    # Of one punch and one colleague, once: somebody may have been punched in twice meanwhile.
    once = np.unique(guest * people + punches.person[host])
    pairs, times = np.unique(once % people * people + punches.person[once // people], return_counts=True)
    return pairs // people, pairs % people, times


def _coded(column: pa.ChunkedArray) -> tuple[tuple[str, ...], Whole]:
    words, codes = np.unique(column.to_numpy().astype(str), return_inverse=True)
    return tuple(words.tolist()), codes.astype(np.int64)


def _micros(column: pa.ChunkedArray) -> Whole:
    return np.asarray(column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).fill_null(0).to_numpy(), np.int64)


def _reals(column: pa.ChunkedArray) -> Reals:
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
