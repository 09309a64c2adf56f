"""How precise a decision is and how much it finds, among all scored events and not just those people looked at.

Naive is from whatever has a label: what was flagged is fraud more often than the rest, and what nobody looked at is
never missed. Corrected weighs each label by the chance with which it came to be one:

- Labels of what was FLAGGED count within the events known to be flagged (`is_flagged`). People look at a part of
  those; the part is measured, for called and not called events apart, and assumed to be chosen with no regard to what
  they would find. Labels of chance among them count alike: theirs should be of what is not flagged, as `review` draws
  it, or even. Where it is not known what was flagged, labels of it are of no use unless their chance is known.
- Labels of what chance chose (RANDOM) count by one over their known chance.
- Labels of what was REPORTED never count: they exist because it was fraud.

With each event's probability of fraud, of a model that learned from other labels than these, only what the labels
differ from it is weighed (the difference estimator; doubly robust). A wrong model costs precision, and never makes
the estimate wrong. `mistakes` tells how reviewers err, which is then taken out (Rogan and Gladen 1978).

Intervals hold 95 %: people are resampled with exponential weights (Rubin 1981), and each side allows for one more
fraud or innocent where the labels weigh most, which for plain counts is Garwood's exact interval, and for weighted
ones that of Fay and Feuer (1997): none found among few is not none.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from noc_platform.fraud.mistakes import Errors
from noc_platform.streams.catalogue import FLAGGED, RANDOM, REPORTED

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESAMPLES = 500
QUANTILES = (0.025, 0.975)
MOST_GROUPS = 4000
# Less than this is what is left of sums that come to nothing.
TINY = 1e-9
# Events nobody looked at are guessed at while they are at most this share of what was called.
FEW = 0.15
# Fixed, as what one more would weigh is no part of what is resampled.
_ONE_MORE = 1
NO_ERRORS = Errors(0, 0)
KEY = ["tenant_id", "attendance_id"]


class Way(StrEnum):
    """How an estimate was made."""

    NAIVE = "NAIVE"
    WEIGHTED = "WEIGHTED"
    MODEL_ASSISTED = "MODEL_ASSISTED"


@dataclass(frozen=True)
class Share:
    """A share, and the ends of its 95 % interval, from 0 to 1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """Of what was called fraud, the share that is; and of fraud, the share that was called so. None where nobody can
    tell. `labels` were used."""

    precision: Share | None
    recall: Share | None
    labels: int
    method: Way
    explain: str


@dataclass(frozen=True)
class Scored:
    """Events a decision was made of, one place an event.

    `is_called`: the decision was fraud. `label`: 1, 0, or nan for none; `selection` why it was looked at, "" for no
    label, and `chance` with which it came to be, nan for unknown. `probability` of fraud by the model and
    `is_flagged`, whether it was what made people look, are None where they are not known.
    """

    is_called: Flags
    person: NDArray[Any]
    label: Numbers
    selection: NDArray[np.str_]
    chance: Numbers
    probability: Numbers | None = None
    is_flagged: Flags | None = None

    def __len__(self) -> int:
        return len(self.is_called)


@dataclass(frozen=True)
class Reviewing:
    """How labels err: of what was flagged, and of all others, where second opinions may be asked for."""

    flagged: Errors = NO_ERRORS
    rest: Errors = NO_ERRORS


def scored(events: pa.Table, labelled: pa.Table, threshold: float) -> Scored:
    """Events with the labels of their attendances, decided by `score >= threshold`.

    `events` has tenant_id, attendance_id, person_id and score, and, where known, probability and is_flagged; of one
    stage, so that an attendance counts once. `labelled` as `labels.labels_as_of` gives it.
    """
    told = labelled.select([*KEY, "is_fraud", "selection", "selection_probability"])
    numbered = events.append_column("place", pa.array(np.arange(events.num_rows)))
    rows = numbered.join(told, KEY, use_threads=False).sort_by("place")
    label = rows["is_fraud"].cast(pa.float64()).to_numpy(zero_copy_only=False).astype(float)
    extra: dict[str, Any] = {}
    if "probability" in events.column_names:
        extra["probability"] = rows["probability"].to_numpy().astype(float)
    if "is_flagged" in events.column_names:
        extra["is_flagged"] = rows["is_flagged"].to_numpy(zero_copy_only=False).astype(bool)
    return Scored(
        is_called=rows["score"].to_numpy() >= threshold,
        person=rows["person_id"].to_numpy(zero_copy_only=False),
        label=label,
        selection=rows["selection"].fill_null("").to_numpy(zero_copy_only=False).astype(str),
        chance=rows["selection_probability"].to_numpy(zero_copy_only=False).astype(float),
        **extra,
    )


def naive(of: Scored, seed: int = 0) -> Estimate:
    """From every label there is, as though they were of all events."""
    rows = np.flatnonzero(~np.isnan(of.label))
    draws = _Draws.of(of.person, rows, seed)
    fraud, called = of.label[rows] > 0, of.is_called[rows]
    hit, wrong, missed = (
        _Total(draws.sums(rows, counted.astype(float)), 1.0)
        for counted in (called & fraud, called & ~fraud, ~called & fraud)
    )
    explain = (
        f"Among the {len(rows):,} of {len(of):,} events that somebody looked at; what was looked at is not like the "
        "rest, so this says nothing of all events."
    )
    return Estimate(_share(hit, wrong), _share(hit, missed), len(rows), Way.NAIVE, explain)


def corrected(of: Scored, mistakes: Reviewing | None = None, seed: int = 0) -> Estimate:
    """For all events, by the chances with which labels came to be; model-assisted where `of` has probabilities.

    `mistakes` are taken out of the labels where they are given. The same arguments give the same estimate. A share is
    None, and `explain` says why, where events it depends on have no usable label at all.
    """
    weight = usable_weights(of)
    used = np.flatnonzero(weight > 0)
    draws = _Draws.of(of.person, used, seed)
    cells = [cell for cell in _cells(of) if cell.events]
    parts = [_part(of, weight, cell, draws, mistakes) for cell in cells]
    unseen = [cell for cell, part in zip(cells, parts, strict=True) if part is None]
    known = [part for part in parts if part is not None]
    guessed = [_guessed(of, cell, known) for cell in unseen]
    known += [part for part in guessed if part is not None]
    blind = [cell for cell, part in zip(unseen, guessed, strict=True) if part is None]
    called = _total([part for part in known if part.cell.is_called])
    missed = _total([part for part in known if not part.cell.is_called])
    innocent = _Total(int(of.is_called.sum()) - called.frauds, called.one)
    return Estimate(
        precision=None if any(cell.is_called for cell in blind) else _share(called, innocent),
        recall=None if blind else _share(called, missed),
        labels=len(used),
        method=Way.WEIGHTED if of.probability is None else Way.MODEL_ASSISTED,
        explain=_explained(of, len(used), unseen, blind, mistakes),
    )


def usable_weights(of: Scored) -> Numbers:
    """How much each label counts against others of its cell: 0 where there is none, or it cannot be used."""
    weight = np.zeros(len(of))
    is_known = ~np.isnan(of.label)
    # What was looked at for a reason nobody noted may have been reported.
    is_known &= (of.selection == RANDOM) | (of.selection == FLAGGED)
    is_drawn = is_known & (of.chance > 0)
    weight[is_drawn] = 1 / of.chance[is_drawn]
    if of.is_flagged is not None:
        weight[of.is_flagged] = is_known[of.is_flagged]
        # Elsewhere something else flagged it, with a chance that nobody knows.
        weight[~of.is_flagged & (of.selection == FLAGGED)] = 0
    return weight


@dataclass(frozen=True, eq=False)
class _Cell:
    """Events that were decided alike and looked at for the same reason, as places."""

    is_called: bool
    is_flagged: bool
    rows: NDArray[np.int64]

    @property
    def events(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class _Part:
    """Frauds of a cell: the estimate and then each resampled one, and what one more would weigh."""

    cell: _Cell
    frauds: Numbers
    one: float


@dataclass(frozen=True)
class _Total:
    """As a part, of several cells together."""

    frauds: Numbers
    one: float


def _cells(of: Scored) -> list[_Cell]:
    flagged = np.zeros(len(of), bool) if of.is_flagged is None else of.is_flagged
    return [
        _Cell(is_called, is_flagged, np.flatnonzero((of.is_called == is_called) & (flagged == is_flagged)))
        for is_called in (True, False)
        for is_flagged in (True, False)
    ]


@dataclass(frozen=True)
class _Draws:
    """People resampled: `weights` `(resample, person)`, and which of them each event is of, -1 for unused. Of very many
    people several share a weight, which neither widens nor narrows what comes of it."""

    codes: NDArray[np.int64]
    weights: Numbers
    normal: Numbers

    @classmethod
    def of(cls, person: NDArray[Any], rows: NDArray[np.int64], seed: int) -> "_Draws":
        codes = np.full(len(person), -1)
        names, numbers = np.unique(person[rows], return_inverse=True)
        codes[rows] = numbers % MOST_GROUPS
        rng = np.random.default_rng(seed)
        normal = rng.normal(size=(2, RESAMPLES))
        return cls(codes, rng.exponential(size=(RESAMPLES, min(len(names), MOST_GROUPS))), normal)

    def sums(self, rows: NDArray[np.int64], values: Numbers) -> Numbers:
        """The sum of values of these rows, first as it is and then of each resample."""
        of_people = np.bincount(self.codes[rows], values, self.weights.shape[1])
        return np.append(of_people.sum(), self.weights @ of_people)


def _part(of: Scored, weight: Numbers, cell: _Cell, draws: _Draws, mistakes: Reviewing | None) -> _Part | None:
    """Frauds among the events of a cell: by the model, and what labels differ from it. None without a label."""
    rows = cell.rows[weight[cell.rows] > 0]
    if not len(rows):
        return None
    used = weight[rows]
    expected = np.zeros(len(of)) if of.probability is None else of.probability
    # What is known of all events of a cell does not vary; what people err in does, even of all.
    unseen = 1.0 if mistakes else 1 - len(rows) / cell.events
    every, said, model = (
        total[0] + (total - total[0]) * unseen**0.5
        for total in (
            draws.sums(rows, used * values) for values in (np.ones(len(rows)), of.label[rows], expected[rows])
        )
    )
    errors = NO_ERRORS if mistakes is None else mistakes.flagged if cell.is_flagged else mistakes.rest
    missed, accused = _drawn(errors, draws)
    true = (said / every - accused) / (1 - missed - accused)
    frauds = expected[cell.rows].sum() + cell.events * (true - model / every)
    one = unseen * cell.events * used.max() / used.sum() / (1 - errors.missed - errors.accused)
    frauds = np.clip(frauds, 0, cell.events)
    return _Part(cell, np.where(frauds < TINY, 0.0, frauds), float(one))


def _total(parts: list[_Part]) -> _Total:
    frauds = np.sum([part.frauds for part in parts], axis=0) if parts else np.zeros(RESAMPLES + 1)
    return _Total(frauds, max((part.one for part in parts), default=0.0))


def _share(first: _Total, second: _Total) -> Share | None:
    """The first among both; None where there is neither."""
    if first.frauds[0] + second.frauds[0] <= 0:
        return None
    one = np.random.default_rng(_ONE_MORE).exponential(size=RESAMPLES)
    value = first.frauds[0] / (first.frauds[0] + second.frauds[0])
    ends = []
    for more, less, quantile in ((0.0, second.one, QUANTILES[0]), (first.one, 0.0, QUANTILES[1])):
        top, bottom = first.frauds[1:] + more * one, second.frauds[1:] + less * one
        ends.append(float(np.quantile(top / np.maximum(top + bottom, TINY), quantile)))
    return Share(float(value), min(ends[0], float(value)), max(ends[1], float(value)))


def _drawn(errors: Errors, draws: _Draws) -> tuple[Numbers, Numbers]:
    """`missed` and `accused`, first as they are and then within their standard errors."""
    missed = np.clip(errors.missed + errors.missed_error * draws.normal[0], 0, 0.49)
    accused = np.clip(errors.accused + errors.accused_error * draws.normal[1], 0, 0.49)
    return np.append(errors.missed, missed), np.append(errors.accused, accused)


def _guessed(of: Scored, cell: _Cell, known: list[_Part]) -> _Part | None:
    """Frauds of a few events without a label: as the model expects, or as often as among others decided alike, and
    any number of them possible. None where they are not few."""
    alike = [part for part in known if part.cell.is_called == cell.is_called]
    if not alike or cell.events > FEW * of.is_called.sum():
        return None
    if of.probability is not None:
        expected = float(of.probability[cell.rows].sum())
    else:
        share = sum(part.frauds[0] for part in alike) / sum(part.cell.events for part in alike)
        expected = cell.events * float(share)
    return _Part(cell, np.full(RESAMPLES + 1, expected), float(cell.events))


def _explained(of: Scored, used: int, unseen: list[_Cell], blind: list[_Cell], mistakes: Reviewing | None) -> str:
    known = ~np.isnan(of.label)
    said = [
        f"For all {len(of):,} events, by {used:,} labels, each weighed by the chance with which it came to be one",
        "measured against what the model expects" if of.probability is not None else "",
        "without what reviewers are known to err in" if mistakes else "",
    ]
    reported = int((known & (of.selection == REPORTED)).sum())
    told = ", ".join(part for part in said if part) + "."
    if reported:
        told += f" {reported:,} reported ones exist because they were fraud, and are left out."
    if others := int(known.sum()) - used - reported:
        told += f" {others:,} others came to be with a chance that nobody knows, and are left out."
    if not of.is_called.any():
        told += " Nothing was called fraud, so there is no precision."
    for cell in unseen:
        which = f"{'called' if cell.is_called else 'not called'} fraud, {'' if cell.is_flagged else 'not '}flagged"
        told += f" Of the {cell.events:,} events {which}, none has a usable label: "
        told += "nobody can tell." if cell in blind else "so few that they are guessed at, and widen the interval."
    return told
