"""Claims about fraud: how well models and rules tell it, kind by kind; that probabilities are what they say; that no
evidence knows too much; that rings are found. Elsewhere: what is simulated in many small trials (`fraud_trials`).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from noc_platform.fraud.learning.measures import PRECISION_FLOOR, Judged, Measure, measure
from noc_platform.fraud.rules import ALERT_AT
from noc_platform.fraud.training import average_precision
from noc_platform.simulator.planted.causes import Cause
from noc_platform.simulator.world import WorldPlan
from noc_platform_tests.fraud.leakage import Audit, audited
from noc_platform_tests.fraud.ring_truth import RingScore, ring_score
from noc_platform_tests.scoreboard import fraud_trials
from noc_platform_tests.scoreboard.claims import CONFIDENCE, SEED, Claim, Numbers, share
from noc_platform_tests.scoreboard.fraud_worlds import (
    BOTH,
    DETECTORS,
    FALLBACK,
    FOREIGN,
    FRAUDS,
    MODEL,
    RULES,
    TOLD_THE_TRUTH,
    Judgement,
    Later,
    together,
)
from noc_platform_tests.scoreboard.worlds import written

SIMPLER = (RULES, FALLBACK, DETECTORS, FOREIGN)
# What a model must find, of the limits of the gate.
RECALL = 0.75
# Of what the same learner reaches that was told the truth.
WORTH_OF_TRUTH = 0.8
CALIBRATION_ERROR, CHANCE_DRAWS = 0.03, 10
# Many tenants of few people, for each event is looked at in a copy of its tenant as that was then.
AUDITED = WorldPlan(guards=60, sites=12, days=28, seed=2026, tenants=6, planted=4.0, random_review=0.1)
AUDITED_EVENTS = 2_000
RINGS_FOUND, FALSE_RINGS = 0.85, 1.0


def measured_claims() -> Iterator[Claim]:
    """Every claim about fraud, measured on worlds of their own."""
    parts = []
    for plan in FRAUDS:
        with written(plan) as world:
            parts.append(Judgement(world).later)
    later = together(parts)
    yield from model_claims(later)
    yield calibration(later)
    with written(AUDITED) as world:
        yield leakage(audited(world.folder, AUDITED_EVENTS))
    yield from fraud_trials.claims()
    yield from ring_claims(ring_score())


def model_claims(later: Later) -> Iterator[Claim]:
    """How well the model and the final score tell fraud from the rest, and each kind of it."""
    ways = {way: measure(later.judged(way), PRECISION_FLOOR) for way in later.scores}
    areas = {way: found.pr_auc.value for way, found in ways.items()}
    recalls = {way: found.recall_at_precision.value for way, found in ways.items()}
    count = len(later.people)
    yield _of_measure(
        "PR-AUC of the fraud model",
        f"Area under precision over recall against the truth, of {int(later.is_fraud.sum())} frauds among later events "
        f"of {len(np.unique(later.people))} people of whom nothing was learned, at "
        f"{len(np.unique(later.tenants))} tenants; their models learned from "
        f"{later.learned['events']:,.0f} labelled events. {_ceiling(later, areas)} Wanted is four fifths of that.",
        ways[MODEL].pr_auc, count, areas, (*SIMPLER, TOLD_THE_TRUTH), WORTH_OF_TRUTH * areas[TOLD_THE_TRUTH],
    )  # fmt: skip
    yield _of_measure(
        "PR-AUC of the final fraud score",
        "The same of the one number that decides: the highest of the model, the rules and their floor. "
        f"{_alerts(later)}",
        ways[BOTH].pr_auc, count, areas, (MODEL, RULES, TOLD_THE_TRUTH), WORTH_OF_TRUTH * areas[TOLD_THE_TRUTH],
    )  # fmt: skip
    wanted = f"Share of frauds found where {PRECISION_FLOOR:.0%} of what is flagged is fraud"
    yield _of_measure(
        "frauds found by the model", f"{wanted}. At the model's own threshold, set on other people, {_live(later)}.",
        ways[MODEL].recall_at_precision, count, recalls, (*SIMPLER, TOLD_THE_TRUTH), RECALL,
    )  # fmt: skip
    yield _of_measure(
        "frauds found by the final score", f"{wanted}.",
        ways[BOTH].recall_at_precision, count, recalls, (MODEL, RULES, TOLD_THE_TRUTH), RECALL,
    )  # fmt: skip
    for kind in sorted({kind for each in later.kinds for kind in each}):
        yield of_kind(later, kind)


def of_kind(later: Later, kind: str) -> Claim:
    """How many frauds of one kind are found, at the limit that is precise enough for all of them together."""
    rows = later.of_kind(kind)
    found = {way: flagged(later.judged(way))[rows] for way in (BOTH, MODEL, RULES, FOREIGN, TOLD_THE_TRUTH)}
    shares = {way: float(each.mean()) for way, each in found.items()}
    value, low, high = share(found[BOTH], later.people[rows])
    innocent = rows | ~later.is_fraud
    areas = {way: average_precision(later.judged(way, innocent)) for way in (BOTH, MODEL, RULES)}
    told = ", ".join(f"{way} {area:.3f}" for way, area in areas.items())
    own = rows & later.is_own
    by_owner = ""
    if kind == Cause.SHARED_DEVICE and own.any():
        caught = flagged(later.judged(BOTH))[own].mean()
        by_owner = (
            f" {own.sum() / rows.sum():.0%} are of those whose own phone the others use: their punches are as any "
            f"other, people look at them by chance alone, and {caught:.0%} are found."
        )
    name = kind.lower().replace("_", " ")
    return Claim(
        f"frauds found: {name}",
        f"Found by the final score at {PRECISION_FLOOR:.0%} precision over all kinds; wanted is four fifths of what "
        f"is found by one told the truth. PR-AUC of this kind against what is no fraud: {told}.{by_owner}",
        value, low, high, int(rows.sum()), wanted=round(WORTH_OF_TRUTH * shares[TOLD_THE_TRUTH], 4),
        baselines={way: each for way, each in shares.items() if way != BOTH},
    )  # fmt: skip


def flagged(judged: Judged) -> Numbers:
    """What is flagged at the limit that finds most and is precise enough; nothing where none is."""
    falling = np.unique(judged.probabilities)[::-1]
    level = np.searchsorted(-falling, -judged.probabilities)
    right, every = (np.cumsum(np.bincount(level, each)) for each in (judged.labels.astype(float), judged.weights))
    fits = np.flatnonzero(right / every >= PRECISION_FLOOR)
    return np.asarray(level <= (fits[-1] if len(fits) else -1))


def calibration(later: Later) -> Claim:
    """Whether what a model takes for likely is so likely, by what people said; each tenant's model for itself, so that
    one that is too sure does not make up for one that is not sure enough."""
    models = [_as_said(later, MODEL, later.tenants == tenant) for tenant in np.unique(later.tenants)]
    errors = [measure(judged, PRECISION_FLOOR, SEED).calibration_error for judged in models]
    sizes = [len(judged.labels) for judged in models]
    value, low, high = (
        float(np.average([getattr(error, name) for error in errors], weights=sizes))
        for name in ("value", "low", "high")
    )
    each = ", ".join(f"{error.value:.3f}" for error in errors)
    rules = calibration_error(_as_said(later, FALLBACK, ~np.isnan(later.label)))
    return Claim(
        "calibration error of the fraud model",
        "Expected calibration error, ten bins of equal mass, over the labelled ones of those events, of each tenant's "
        f"model: {each}. So few of a model that is never wrong about it would show {_by_chance(models):.3f} by chance.",
        value, low, high, sum(sizes), wanted=CALIBRATION_ERROR, unit="error", is_at_most=True,
        baselines={f"{FALLBACK} taken for a probability": rules},
    )  # fmt: skip


def _by_chance(models: Sequence[Judged]) -> float:
    rng, errors, sizes = np.random.default_rng(SEED), [], []
    for judged in models:
        for _ in range(CHANCE_DRAWS):
            drawn = (rng.random(len(judged.labels)) < judged.probabilities).astype(float)
            errors.append(calibration_error(judged, drawn))
            sizes.append(len(drawn))
    return float(np.average(errors, weights=sizes))


def calibration_error(judged: Judged, labels: Numbers | None = None) -> float:
    """The error alone, of these labels or its own."""
    told = judged.labels if labels is None else labels
    again = Judged(told, judged.probabilities, judged.weights, judged.people)
    return measure(again, PRECISION_FLOOR).calibration_error.value


def leakage(audit: Audit) -> Claim:
    """That no cell of the evidence knows more than was known when its event came in."""
    from scipy.stats import chi2

    leaks = len(audit.leaks)
    most = chi2.ppf(1 - (1 - CONFIDENCE) / 2, 2 * (leaks + 1)) / 2
    low = chi2.ppf((1 - CONFIDENCE) / 2, 2 * leaks) / 2 if leaks else 0.0
    return Claim(
        "fraud evidence that knows too much",
        f"Cells of the evidence of {audit.events:,} events ({audit.feature_cells:,} of them features of models) that "
        "differ between history, made from all there is, and a platform that has only what was received by then.",
        float(leaks), float(low), float(most), audit.cells, wanted=0.0, unit="cells", is_at_most=True,
    )  # fmt: skip


def ring_claims(score: RingScore) -> Iterator[Claim]:
    """How many rings are found, and how many are made up."""
    from scipy.stats import binomtest, chi2

    exact = binomtest(score.found_traced, score.traced).proportion_ci(CONFIDENCE, method="exact")
    yield Claim(
        "collusion rings found",
        "Of planted rings that left a trace (three or more joined by favours, no fewer favours than people, several "
        f"givers and receivers), found with half of their members or more. {score.planted} were planted, of which "
        f"{score.ceiling:.0%} left one: the others look like pairs, chains and helpers.",
        score.found_share, float(exact.low), float(exact.high), score.traced, wanted=RINGS_FOUND,
        baselines={"of all planted": score.found / max(score.planted, 1)},
    )  # fmt: skip
    low = chi2.ppf((1 - CONFIDENCE) / 2, 2 * score.false) / 2 if score.false else 0.0
    high = chi2.ppf(1 - (1 - CONFIDENCE) / 2, 2 * (score.false + 1)) / 2
    yield Claim(
        "false collusion rings",
        f"Rings for 1,000 guards and month, less than half of whose members were of one; {score.reported} were told "
        f"of in {score.guard_months:g} times as much.",
        score.false_rate, float(low / score.guard_months), float(high / score.guard_months), score.reported,
        wanted=FALSE_RINGS, unit="rings", is_at_most=True,
    )  # fmt: skip


def _of_measure(
    name: str, says: str, found: Measure, cases: int, values: dict[str, float], beside: tuple[str, ...], wanted: float
) -> Claim:
    baselines = {way: values[way] for way in beside}
    return Claim(name, says, found.value, found.low, found.high, cases, round(wanted, 4), baselines=baselines)


def _ceiling(later: Later, areas: dict[str, float]) -> str:
    return (
        "A perfect score is impossible: boosting that was told the truth of all "
        f"{later.learned['others']:,.0f} events of other people reaches {areas[TOLD_THE_TRUTH]:.3f}; and of "
        "what people say, who taught the model, "
        f"{later.learned['missed']:.0%} of the frauds are called none and {later.learned['accused']:.1%} of the rest "
        "fraud."
    )


def _alerts(later: Later) -> str:
    is_alert = later.scores[BOTH] >= ALERT_AT / 100
    right, found = later.is_fraud[is_alert].mean(), is_alert[later.is_fraud].mean()
    return f"Of what alerts, {right:.1%} is fraud, and {found:.1%} of the frauds alert."


def _live(later: Later) -> str:
    right, found = later.is_fraud[later.is_called].mean(), later.is_called[later.is_fraud].mean()
    return f"{right:.1%} of what it flags is fraud and {found:.1%} of the frauds are found"


def _as_said(later: Later, way: str, among: Numbers) -> Judged:
    rows = among & ~np.isnan(later.label)
    judged = later.judged(way, rows)
    return Judged(later.label[rows], judged.probabilities, judged.weights, judged.people)
