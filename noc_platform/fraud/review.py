"""Which scored attendances people are asked to look at: all that is flagged, and some of the rest by chance.

By chance, because labels of what was flagged alone tell nothing of what was missed. The chance of each is known, and
higher the higher its score: what is missed lies mostly there, and the estimates (`estimates`) undo what was asked more
often. Elsewhere: what people then say (`labels`).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from noc_platform.streams.catalogue import FLAGGED, RANDOM

CHOSEN_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("tenant_id", "attendance_id", "event_id", "selection")),
        ("selection_probability", pa.float64()),
        ("fraud_score", pa.int64()),
    ]
)
DRAWS = 2.0**64


@dataclass(frozen=True)
class ReviewPolicy:
    """How many are looked at. `seed` is a secret: who knows it knows what will not be looked at.

    What scores `alert_at` (hundredths) or more is flagged, and looked at for certain. Of what scores 0, `share` (0 to
    1) is looked at; of what scores s (0 to 1) `share` times sqrt(1 + s / `doubling`), never more than all. As the
    square root, because so many labels tell most of a total when each is drawn in proportion to its deviation
    (Neyman 1934), and that of a rare yes or no is about the root of its probability. With `doubling` None the share
    is the same for all.
    """

    seed: str
    alert_at: int
    share: float = 0.02
    doubling: float | None = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"a share to look at lies above 0 and up to 1, not at {self.share}")
        if self.doubling is not None and self.doubling <= 0:
            raise ValueError(f"the score that raises the share must be above 0, not {self.doubling}")

    def chances(self, scores: NDArray[np.int64]) -> NDArray[np.float64]:
        """The chance with which each event (its score in hundredths) is looked at, 0 to 1, never 0."""
        risk = np.clip(scores, 0, 100) / 100
        raised = np.ones(len(risk)) if self.doubling is None else np.sqrt(1 + risk / self.doubling)
        return np.where(scores >= self.alert_at, 1.0, np.minimum(self.share * raised, 1.0))


def choose(scored: pa.Table, policy: ReviewPolicy) -> pa.Table:
    """The attendances to look at, as `CHOSEN_SCHEMA`: each once, for the highest score of its events.

    `scored` has tenant_id, attendance_id, event_id and fraud_score (hundredths) of each event. Whether an attendance
    is chosen depends on its identity, the seed and its scores alone: not on the others, nor on how often it is asked.
    All events of an attendance share one draw, so the chance that any of them brings it here is the highest of theirs.
    """
    scores = scored["fraud_score"].to_numpy().astype(np.int64)
    chances = policy.chances(scores)
    is_certain = chances >= 1
    keep = is_certain.copy()
    open_rows = np.flatnonzero(~is_certain)
    drawn = scored.select(["tenant_id", "attendance_id"]).take(pa.array(open_rows))
    keep[open_rows] = draws(drawn["tenant_id"], drawn["attendance_id"], policy.seed) < chances[open_rows]
    selection = np.where(scores >= policy.alert_at, FLAGGED, RANDOM)
    columns = {
        **{name: scored[name] for name in ("tenant_id", "attendance_id", "event_id")},
        "selection": pa.array(selection, pa.string()),
        "selection_probability": pa.array(chances),
        "fraud_score": pa.array(scores),
    }
    return _once(pa.table(columns).filter(pa.array(keep)).cast(CHOSEN_SCHEMA))


def draws(tenants: pa.ChunkedArray, attendances: pa.ChunkedArray, seed: str) -> NDArray[np.float64]:
    """A number in [0, 1) for each attendance, even over many; none can be told without the seed (BLAKE2b, keyed)."""
    key = hashlib.blake2b(seed.encode(), digest_size=32).digest()
    numbers = [
        int.from_bytes(hashlib.blake2b(f"{tenant}\x1f{attendance}".encode(), key=key, digest_size=8).digest())
        for tenant, attendance in zip(tenants.to_pylist(), attendances.to_pylist(), strict=True)
    ]
    # 11 bits are dropped, so that the highest draw does not round to 1.
    return (np.array(numbers, np.uint64) >> np.uint64(11)).astype(np.float64) * 2.0**11 / DRAWS


def enter(connection: Connection, chosen: pa.Table, selected_at: datetime) -> int:
    """Ask people for these, as `choose` gives them, at a moment (UTC); gives how many rows are new or say more.

    One that was asked for already stays as it was, unless its chance is higher now: that of a second event of the same
    attendance, or of a larger share. In the caller's transaction.
    """
    columns = {name: chosen[name].to_pylist() for name in CHOSEN_SCHEMA.names}
    return connection.execute(text(_ENTER), {**columns, "selected_at": selected_at}).rowcount


_ENTER = """
    insert into noc_fraud_review as held
        (tenant_id, attendance_id, event_id, selection, selection_probability, fraud_score, selected_at)
    select tenant_id, attendance_id, event_id, selection, chance, score, :selected_at
    from unnest(cast(:tenant_id as text[]), cast(:attendance_id as text[]), cast(:event_id as uuid[]),
                cast(:selection as text[]), cast(:selection_probability as float8[]), cast(:fraud_score as smallint[]))
        as chosen(tenant_id, attendance_id, event_id, selection, chance, score)
    order by tenant_id, attendance_id
    on conflict (tenant_id, attendance_id) do update set
        selection = excluded.selection, selection_probability = excluded.selection_probability,
        fraud_score = excluded.fraud_score, event_id = excluded.event_id
    where excluded.selection_probability > held.selection_probability
"""


def _once(chosen: pa.Table) -> pa.Table:
    """Each attendance with its highest score; of two as high, the first by identity."""
    order = [("tenant_id", "ascending"), ("attendance_id", "ascending"), ("fraud_score", "descending")]
    ordered = chosen.sort_by([*order, ("event_id", "ascending")]).combine_chunks()
    if not ordered.num_rows:
        return ordered
    is_first = np.zeros(ordered.num_rows, np.bool_)
    is_first[0] = True
    for name in ("tenant_id", "attendance_id"):
        column = ordered[name]
        is_first[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy()
    return ordered.filter(pa.array(is_first))
