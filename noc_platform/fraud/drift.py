"""Whether what a model is asked about is still what it was trained on: each feature's values, and if they are known.

Pure. The population stability index of small samples is large by chance alone: about `(bins - 1) * (1/n + 1/m)`
(Yurdakul and Naranjo 2020). It is therefore held against what it comes to where nothing has changed, drawn from both
samples together, and all features share one false discovery rate (Benjamini and Hochberg 1995). Rows of one person
resemble each other, and count for less. What is known of too few rows is unknown, not unchanged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noc_platform.errors import BadInput

Reals = NDArray[np.float64]
Whole = NDArray[np.int64]
BINS = 10
# What is added to each bin, so that an empty one does not make the index endless.
SMOOTHING = 0.5
# Most features have not changed, which few draws tell; the others get enough for the smallest p that matters
# (stopping early as Besag and Clifford 1991 do).
FEW_DRAWS, MANY_DRAWS, WORTH_MORE = 199, 4_999, 0.1


@dataclass(frozen=True)
class DriftPolicy:
    """When a feature has drifted: with a false discovery rate of `false_discoveries`, and by so much that it matters.

    `least_index` is how far the index lies above what chance gives; `least_missing` by how much the share of rows that
    do not know the feature differs. Fewer known rows than `least_rows` say nothing.
    """

    false_discoveries: float = 0.05
    least_index: float = 0.1
    least_missing: float = 0.05
    least_rows: int = 50


@dataclass(frozen=True)
class Reference:
    """A feature as it was in training: rows in each bin, up to and including each edge and above the last.

    `missing` rows did not know it; `weight` is the share of the rows that count, as those of one person resemble each
    other.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int
    weight: float = 1.0

    @property
    def rows(self) -> int:
        """All rows, those that did not know it included."""
        return sum(self.counts) + self.missing

    def document(self) -> dict[str, Any]:
        """As JSON has it; `Reference(**document)` reads it back."""
        return {"edges": self.edges, "counts": self.counts, "missing": self.missing, "weight": self.weight}


@dataclass(frozen=True)
class Drift:
    """What became of one feature.

    `index` is the population stability index, `by_chance` what it comes to without any change, `p` how probable it is
    by chance to be so large; None where too few rows know the feature. `missing_before` and `missing_now` are shares,
    `missing_p` likewise. `has_drifted` and `has_vanished` say which of the two differs by more than chance and enough
    to matter; the latter also of a feature that has come to be known more often.
    """

    feature: str
    rows: int
    index: float | None
    by_chance: float | None
    p: float | None
    missing_before: float
    missing_now: float
    missing_p: float
    has_drifted: bool
    has_vanished: bool
    says: str


def references(values: Reals, names: Sequence[str], groups: NDArray[Any] | None = None) -> dict[str, Reference]:
    """Each feature as it was in training, out of `values` (rows, features), NaN for unknown; `groups` by person."""
    _check(values, names)
    return {name: _reference(values[:, place], groups) for place, name in enumerate(names)}


def drift(
    before: Mapping[str, Reference],
    values: Reals,
    names: Sequence[str],
    policy: DriftPolicy,
    seed: int,
    groups: NDArray[Any] | None = None,
) -> list[Drift]:
    """What became of each feature in the rows of the last days, `values` (rows, features), in the order of `names`.

    The same rows and seed give the same answer. Raises `BadInput` where the two are not of the same features.
    """
    _check(values, names)
    if missing := sorted(set(names) ^ set(before)):
        raise BadInput(f"The reference and the rows differ in features: {', '.join(missing)}. Is it another model's?")
    seen = [_compared(before[name], values[:, place], groups, policy, seed + place) for place, name in enumerate(names)]
    chances = [each.p for each in seen if each.p is not None] + [each.missing_p for each in seen]
    limit = _largest_discovery(np.array(chances), policy.false_discoveries)
    return [_judged(name, before[name], each, limit, policy) for name, each in zip(names, seen, strict=True)]


@dataclass(frozen=True)
class _Compared:
    known: int
    index: float | None
    by_chance: float | None
    p: float | None
    missing: float
    missing_p: float


def _check(values: Reals, names: Sequence[str]) -> None:
    if values.ndim != 2 or values.shape[1] != len(names):
        raise BadInput(f"Rows of {len(names)} features are needed, not an array of shape {values.shape}.")


def _reference(column: Reals, groups: NDArray[Any] | None) -> Reference:
    known = column[~np.isnan(column)]
    if not len(known):
        return Reference((), (0,), len(column))
    inner = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="higher"))
    # No bin beyond all that was seen: of a small sample some always lies beyond that of another.
    edges = inner[inner < known.max()]
    if not len(edges):
        # Nearly all are the largest value; what differs from it may do so either way.
        edges = np.array([np.nextafter(known.max(), -np.inf), known.max()])
    counts = np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1)
    return Reference(
        tuple(edges.tolist()), tuple(counts.tolist()), len(column) - len(known), _weight(column, groups)
    )  # fmt: skip


def _compared(
    before: Reference, column: Reals, groups: NDArray[Any] | None, policy: DriftPolicy, seed: int
) -> _Compared:
    known = column[~np.isnan(column)]
    missing = len(column) - len(known)
    weight = _weight(column, groups)
    missing_p = _missing_p(before, missing, len(column), _weight(np.isnan(column).astype(np.float64), groups))
    share = missing / len(column) if len(column) else 0.0
    if min(len(known), sum(before.counts)) < policy.least_rows:
        return _Compared(len(known), None, None, None, share, missing_p)
    now = np.bincount(np.searchsorted(before.edges, known), minlength=len(before.counts)) * weight
    then = np.array(before.counts) * before.weight
    index = float(_index(then, now))
    draws = _by_chance(then, now, FEW_DRAWS, seed)
    if (1 + (draws >= index).sum()) / (1 + len(draws)) <= WORTH_MORE:
        draws = _by_chance(then, now, MANY_DRAWS, seed)
    p = float((1 + (draws >= index).sum()) / (1 + len(draws)))
    return _Compared(len(known), index, float(draws.mean()), p, share, missing_p)


def _index(then: NDArray[Any], now: NDArray[Any]) -> Reals:
    """Population stability index between counts `(..., bins)`."""
    shares = [(each + SMOOTHING) / (each + SMOOTHING).sum(axis=-1, keepdims=True) for each in (then, now)]
    return np.asarray(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum(axis=-1))


def _by_chance(then: NDArray[Any], now: NDArray[Any], draws: int, seed: int) -> Reals:
    """The index of so many pairs of samples, as large as these two count for, from what both are together."""
    rng = np.random.default_rng(seed)
    together = (then + now) / (then + now).sum()
    sizes = [max(round(float(each.sum())), 1) for each in (then, now)]
    return _index(*(rng.multinomial(size, together, draws).astype(np.float64) for size in sizes))


def _missing_p(before: Reference, missing: int, rows: int, weight: float) -> float:
    """How probable it is by chance that the share of unknown differs as much (Fisher's exact test)."""
    from scipy.stats import fisher_exact

    counts = np.array([[before.missing, before.rows - before.missing], [missing, rows - missing]], np.float64)
    counts *= np.array([[before.weight], [weight]])
    return float(fisher_exact(np.rint(counts).astype(np.int64)).pvalue)


def _weight(column: Reals, groups: NDArray[Any] | None) -> float:
    """The share of rows that count where those of one group resemble each other: one over Kish's design effect, with
    the correlation within groups by analysis of variance of the ranks."""
    is_known = ~np.isnan(column)
    if groups is None or is_known.sum() < 2:
        return 1.0
    from scipy.stats import rankdata

    ranks = rankdata(column[is_known])
    _, group = np.unique(groups[is_known], return_inverse=True)
    sizes = np.bincount(group).astype(np.float64)
    rows, count = len(ranks), len(sizes)
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if count < 2 or rows == count or not total:
        return 1.0
    means = np.bincount(group, ranks) / sizes
    between = float((sizes * (means - ranks.mean()) ** 2).sum())
    mean_between, mean_within = between / (count - 1), (total - between) / (rows - count)
    usual = (rows - (sizes**2).sum() / rows) / (count - 1)
    spread = mean_between + (usual - 1) * mean_within
    alike = max((mean_between - mean_within) / spread, 0.0) if spread > 0 else 0.0
    return float(1 / (1 + max((sizes**2).sum() / rows - 1, 0.0) * alike))


def _largest_discovery(chances: Reals, rate: float) -> float:
    """The largest p that is a discovery at this false discovery rate; below 0 where none is."""
    ordered = np.sort(chances)
    passed = np.flatnonzero(ordered <= rate * np.arange(1, len(ordered) + 1) / max(len(ordered), 1))
    return float(ordered[passed[-1]]) if len(passed) else -1.0


def _judged(name: str, before: Reference, seen: _Compared, limit: float, policy: DriftPolicy) -> Drift:
    missing_before = before.missing / before.rows if before.rows else 0.0
    has_vanished = seen.missing_p <= limit and abs(seen.missing - missing_before) >= policy.least_missing
    has_drifted = False
    if seen.index is not None and seen.by_chance is not None and seen.p is not None:
        has_drifted = seen.p <= limit and seen.index - seen.by_chance >= policy.least_index
    return Drift(
        name, seen.known, seen.index, seen.by_chance, seen.p, missing_before, seen.missing, seen.missing_p,
        has_drifted, has_vanished, _sentence(name, seen, missing_before, has_drifted, has_vanished),
    )  # fmt: skip


def _sentence(name: str, seen: _Compared, missing_before: float, has_drifted: bool, has_vanished: bool) -> str:
    unknown = f"{missing_before:.0%} of the rows did not know it in training, {seen.missing:.0%} do not now"
    if seen.index is None or seen.by_chance is None or seen.p is None:
        told = f"{name} is known of {seen.known} rows, too few to say whether its values have changed"
        return f"{told}; {unknown}."
    told = "has changed" if has_drifted else "has not changed by more than chance or enough to matter"
    values = f"{name} {told}: index {seen.index:.2f} where chance gives {seen.by_chance:.2f} (p = {seen.p:.2g})"
    return f"{values}; {unknown} (p = {seen.missing_p:.2g})." if has_vanished else f"{values}."
