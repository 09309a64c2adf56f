"""How often reviewers err: learned from attendances two of them judged, each for themselves.

Assumed, and not to be seen in the numbers: the two judged without knowing of each other, all reviewers err alike, and
an attendance that is hard for one is no harder than others for the next. Where they are not, reviewers agree in their
mistakes, and err more than is found here. Elsewhere: what to make of it (`estimates`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from noc_platform.errors import BadInput

Numbers = NDArray[np.float64]
# EM creeps where mistakes are rare; five hundred rounds change the fourth digit no more.
ROUNDS = 500
RESAMPLES = 200


@dataclass(frozen=True)
class Errors:
    """`missed` is the share of frauds called none, `accused` the share of the innocent called frauds, 0 to 1, each
    with its standard error."""

    missed: float
    accused: float
    missed_error: float = 0.0
    accused_error: float = 0.0

    def __post_init__(self) -> None:
        if min(self.missed, self.accused) < 0 or self.missed + self.accused >= 1:
            raise BadInput(
                f"Reviewers who miss {self.missed:.0%} and accuse {self.accused:.0%} tell nothing: the two must be "
                "shares that add up to less than 1."
            )

    def on_second_opinion(self) -> "Errors":
        """The errors of labels of which each fraud was confirmed by a second reviewer, whose word counts."""
        hit = 1 - self.missed
        return Errors(1 - hit**2, self.accused**2, 2 * hit * self.missed_error, 2 * self.accused * self.accused_error)


def judged_twice(history: pa.Table) -> pa.Table:
    """What the first two reviewers said of each attendance that two judged: tenant_id, attendance_id, first, second.

    `history` as `labels.history_of` gives it, in its order. What a reviewer was undecided of, or said again, is no
    second judgement.
    """
    said: dict[tuple[str, str], dict[str, bool]] = {}
    for row in history.select(["tenant_id", "attendance_id", "reviewer", "is_fraud"]).to_pylist():
        if row["is_fraud"] is not None:
            said.setdefault((row["tenant_id"], row["attendance_id"]), {}).setdefault(row["reviewer"], row["is_fraud"])
    twice: list[dict[str, Any]] = [
        {"tenant_id": tenant, "attendance_id": attendance, "first": first, "second": second}
        for (tenant, attendance), words in said.items()
        for first, second, *_ in [[*words.values(), None]]
        if len(words) > 1
    ]
    flags = [(name, pa.bool_()) for name in ("first", "second")]
    return pa.Table.from_pylist(twice, pa.schema([("tenant_id", pa.string()), ("attendance_id", pa.string()), *flags]))


def errors_of(first: NDArray[np.bool_], second: NDArray[np.bool_], group: NDArray[Any], seed: int = 0) -> Errors:
    """The errors that best explain how two reviewers agreed, by maximum likelihood (Hui and Walter 1980; the EM of
    Dawid and Skene 1979), with standard errors by resampling.

    `group` tells attendances apart that are fraud more and less often, such as flagged and not: in one group alone
    the same agreement has many explanations. Raises `BadInput` where there are fewer than two.
    """
    names, codes = np.unique(group, return_inverse=True)
    if len(names) < 2:
        raise BadInput("How often reviewers err shows only in two groups or more that differ in how much is fraud.")
    said = first.astype(int) + second.astype(int)
    counts = np.zeros((len(names), 3))
    np.add.at(counts, (codes, said), 1)
    rng = np.random.default_rng(seed)
    drawn = np.stack([rng.multinomial(int(row.sum()), row / row.sum(), RESAMPLES) for row in counts], axis=1)
    missed, accused = _fitted(np.concatenate([counts[None], drawn.astype(float)]))
    spread = (float(each[1:].std(ddof=1)) for each in (missed, accused))
    return Errors(float(missed[0]), float(accused[0]), *spread)


def _fitted(counts: Numbers) -> tuple[Numbers, Numbers]:
    """`missed` and `accused` of each table of counts `(table, group, how many of the two said fraud)`."""
    frauds = np.arange(3)
    share = np.clip(counts @ frauds / (2 * np.maximum(counts.sum(2), 1)), 0.02, 0.98)
    hit, accused = np.full(len(counts), 0.9), np.full(len(counts), 0.05)
    for _ in range(ROUNDS):
        true = share[..., None] * _twice(hit)[:, None]
        false = (1 - share[..., None]) * _twice(accused)[:, None]
        weight = counts * true / np.maximum(true + false, 1e-300)
        share = weight.sum(2) / np.maximum(counts.sum(2), 1)
        hit = np.clip(_rate(weight, frauds), 0.5, 1 - 1e-9)
        accused = np.clip(_rate(counts - weight, frauds), 1e-9, 0.49)
    return 1 - hit, accused


def _twice(rate: Numbers) -> Numbers:
    return np.stack([(1 - rate) ** 2, rate * (1 - rate), rate**2], axis=1)


def _rate(weight: Numbers, frauds: NDArray[np.int64]) -> Numbers:
    """The share of judgements that said fraud, of each table."""
    said: Numbers = (weight @ frauds).sum(1) / np.maximum(2 * weight.sum((1, 2)), 1e-12)
    return said
