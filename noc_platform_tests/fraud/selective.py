"""How far precision and recall, naive and corrected, lie from the truth in months whose truth is known.

A month has scored events of which some are fraud, more of some people than of others. A model sees most frauds and is
blind to the rest, which look like anything else: its probabilities are those of what it sees, too sure of themselves.
Plain rules, which see what the model does, dimly, and something of their own, make people look: at 60 % of what they
flag, and at 5 % of what is fraud because somebody told. Besides, people look at a slice by chance.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from noc_platform.fraud.estimates import Estimate, Reviewing, Scored, corrected, naive
from noc_platform.fraud.mistakes import Errors
from noc_platform.fraud.review import ReviewPolicy
from noc_platform.streams.catalogue import FLAGGED, RANDOM, REPORTED

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
ALERT_AT = 50
# As the simulator's reviewers (`simulator.reports.reviewers`).
LOOKED_AT, TOLD, UNDECIDED = 0.6, 0.05, 0.05
USUAL_ERRORS = Errors(missed=0.10, accused=0.04)


class Care(StrEnum):
    """How labels come to be: by people who never err; who err; who err, and a second one judges what is confirmed."""

    PERFECT = "PERFECT"
    ONE = "ONE"
    TWO = "TWO"


class Flagging(StrEnum):
    """What makes people look: plain rules, nobody knows at what; those, on record; or the platform's own alerts."""

    RULES_UNKNOWN = "RULES_UNKNOWN"
    RULES_KNOWN = "RULES_KNOWN"
    ALERTS = "ALERTS"


@dataclass(frozen=True)
class Setting:
    """Months to simulate. `share` of the events that score 0 is looked at by chance, more of higher ones with
    `doubling` as in `ReviewPolicy`. `blind_share` of the frauds are
    such that the model does not see them; `signal` is how far it tells the others from the innocent, in deviations.
    The rules see, besides, `rule_signal` deviations of their own in any fraud, and flag from `rule_limit` on.
    """

    share: float = 0.02
    doubling: float | None = None
    care: Care = Care.PERFECT
    flagging: Flagging = Flagging.RULES_UNKNOWN
    events: int = 100_000
    people: int = 2_000
    fraud_share: float = 0.02
    blind_share: float = 0.15
    signal: float = 3.2
    rule_signal: float = 1.5
    rule_limit: float = 4.0

    @property
    def policy(self) -> ReviewPolicy:
        """With a seed nobody needs, as months draw for themselves; for events that are not flagged."""
        return ReviewPolicy("months", alert_at=101, share=self.share, doubling=self.doubling)


@dataclass(frozen=True)
class Month:
    """A month as people and the platform see it, and what was true."""

    scored: Scored
    is_fraud: Flags

    @property
    def precision(self) -> float:
        """Of all events."""
        return float(self.is_fraud[self.scored.is_called].mean())

    @property
    def recall(self) -> float:
        """Of all events."""
        return float(self.scored.is_called[self.is_fraud].mean())


@dataclass
class Distances:
    """How far estimates of several months lie from the truth, in points (signed), and which intervals held it."""

    precision: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    held: list[list[bool]] = field(default_factory=list)
    widths: list[list[float]] = field(default_factory=list)

    def add(self, month: Month, estimate: Estimate) -> None:
        """One month more; raises where it says nothing."""
        if estimate.precision is None or estimate.recall is None:
            raise AssertionError(estimate.explain)
        told = ((estimate.precision, month.precision), (estimate.recall, month.recall))
        self.precision.append(100 * (estimate.precision.value - month.precision))
        self.recall.append(100 * (estimate.recall.value - month.recall))
        self.held.append([share.low <= truth <= share.high for share, truth in told])
        self.widths.append([100 * (share.high - share.low) for share, _ in told])


@dataclass(frozen=True)
class Distance:
    """Of one share, points: the mean of the error, of its size, the 95th percentile of its size, the share of months
    within 3 points, and the share of months whose 95 % interval held the truth."""

    bias: float
    mean: float
    p95: float
    within_three: float
    coverage: float
    width: float


@dataclass(frozen=True)
class Outcome:
    """Distances by `naive`, `weighted` and `assisted` estimates, each of precision and recall; labels in a month, and
    those that chance chose."""

    distances: dict[str, dict[str, Distance]]
    labels: float
    drawn: float
    precision: float
    recall: float


def measured(setting: Setting, months: int = 200, seed: int = 1) -> Outcome:
    """So many months of a setting, estimated in each way."""
    found = {name: Distances() for name in ("naive", "weighted", "assisted")}
    labels, drawn, truth = [], [], []
    for month in simulated(setting, months, seed):
        whole = month.scored
        bare = replace(whole, probability=None)
        mistakes = reviewing(setting)
        found["naive"].add(month, naive(whole))
        found["weighted"].add(month, corrected(bare, mistakes))
        found["assisted"].add(month, corrected(whole, mistakes))
        labels.append(float((whole.selection != "").sum()))
        drawn.append(float((whole.selection == RANDOM).sum()))
        truth.append((month.precision, month.recall))
    means = np.mean(truth, axis=0)
    return Outcome(
        {name: _distances(each) for name, each in found.items()},
        float(np.mean(labels)),
        float(np.mean(drawn)),
        float(means[0]),
        float(means[1]),
    )


def reviewing(setting: Setting) -> Reviewing | None:
    """What the estimate is told of the reviewers' errors: the truth, where they err."""
    if setting.care is Care.PERFECT:
        return None
    rest = USUAL_ERRORS.on_second_opinion() if setting.care is Care.TWO else USUAL_ERRORS
    return Reviewing(rest if setting.care is Care.TWO else USUAL_ERRORS, rest)


def simulated(setting: Setting, months: int, seed: int) -> Iterator[Month]:
    """Months of a setting; the same seed gives the same."""
    for number in range(months):
        yield _month(setting, np.random.default_rng([seed, number]))


def _month(setting: Setting, rng: np.random.Generator) -> Month:
    person = rng.integers(0, setting.people, setting.events)
    # One in ten people do most of it.
    tendency = rng.gamma(0.15, 1 / 0.15, setting.people)
    is_fraud = rng.random(setting.events) < np.clip(setting.fraud_share * tendency[person], 0, 0.9)
    is_seen = is_fraud & (rng.random(setting.events) >= setting.blind_share)
    signal = rng.normal(size=setting.events) + setting.signal * is_seen
    probability = _believed(signal, setting)
    hundredths = np.round(100 * probability).astype(np.int64)
    is_flagged = hundredths >= ALERT_AT
    if setting.flagging is not Flagging.ALERTS:
        noise = rng.normal(size=setting.events)
        is_flagged = signal + setting.rule_signal * is_fraud + noise > setting.rule_limit
    selection, chance = _looked_at(setting, is_fraud, is_flagged, hundredths, rng)
    label = _said(setting, is_fraud, selection != "", rng)
    selection = np.where(np.isnan(label), "", selection)
    scored = Scored(
        hundredths >= ALERT_AT,
        person,
        label,
        selection,
        np.where(selection == "", np.nan, chance),
        probability,
        None if setting.flagging is Flagging.RULES_UNKNOWN else is_flagged,
    )
    return Month(scored, is_fraud)


def _believed(signal: Numbers, setting: Setting) -> Numbers:
    """The model's probability: right of what it sees, but for a slope that makes it too sure."""
    seen = setting.fraud_share * (1 - setting.blind_share)
    odds = np.log(seen / (1 - seen)) + setting.signal * signal - setting.signal**2 / 2
    return np.asarray(1 / (1 + np.exp(-1.2 * odds)))


def _looked_at(
    setting: Setting, is_fraud: Flags, is_flagged: Flags, hundredths: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.str_], Numbers]:
    """Why each event was looked at, "" for not, and the chance with which it came to be, nan for unknown."""
    draws = rng.random((3, len(is_fraud)))
    chances = setting.policy.chances(hundredths)
    is_drawn = draws[2] < chances
    if setting.flagging is Flagging.ALERTS:
        is_drawn &= ~is_flagged
    selection = np.full(len(is_fraud), "", dtype="<U8")
    selection[is_fraud & (draws[0] < TOLD)] = REPORTED
    selection[is_flagged & (draws[1] < LOOKED_AT)] = FLAGGED
    selection[is_drawn] = RANDOM
    return selection, np.where(is_drawn, chances, np.nan)


def _said(setting: Setting, is_fraud: Flags, is_asked: Flags, rng: np.random.Generator) -> Numbers:
    """What people say of each event: 1, 0, or nan where they were not asked or could not tell."""
    errors = Errors(0, 0) if setting.care is Care.PERFECT else USUAL_ERRORS
    first, second = (
        np.where(is_fraud, rng.random(len(is_fraud)) >= errors.missed, rng.random(len(is_fraud)) < errors.accused)
        for _ in range(2)
    )
    said = first & second if setting.care is Care.TWO else first
    can_tell = rng.random(len(is_fraud)) >= UNDECIDED
    return np.where(is_asked & can_tell, said.astype(float), np.nan)


def _distances(found: Distances) -> dict[str, Distance]:
    shares: Sequence[tuple[str, list[float]]] = (("precision", found.precision), ("recall", found.recall))
    told = {}
    for place, (name, errors) in enumerate(shares):
        size = np.abs(errors)
        told[name] = Distance(
            float(np.mean(errors)),
            float(size.mean()),
            float(np.quantile(size, 0.95)),
            float((size <= 3).mean()),
            float(np.mean([held[place] for held in found.held])),
            float(np.mean([width[place] for width in found.widths])),
        )
    return told
