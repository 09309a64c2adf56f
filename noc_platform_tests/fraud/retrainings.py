"""Simulated retrainings: how often a challenger is promoted that is no better than the champion, and one that is.

No model is fitted: what two models would say of the same events is drawn, so that their true quality is known. Each
event has a difficulty both models share, and so has each person; the rest is a model's own. Thresholds are set on
validation events, as training does. Week by week the events they are judged by become more, and each week another
challenger of the same quality is trained on nearly the same past.
"""

from dataclasses import dataclass

import numpy as np

from noc_platform.fraud.learning.comparing import paired
from noc_platform.fraud.learning.examples import Numbers
from noc_platform.fraud.learning.measures import Judged, draws, f1_scores
from noc_platform.fraud.learning.probabilities import threshold_for

PRECISION = 0.85
WEEKS = 4
# How far apart fraud and the rest are: F1 is 0.801 for the champion, and 5 points more for one that is BETTER by so
# much further apart (`true_f1`).
CHAMPION, BETTER = 2.8, 0.29


@dataclass(frozen=True)
class Tenant:
    """What is judged in the first week, and what each week adds: later labelled events of judging people."""

    events: int = 4000
    a_week: int = 300
    people: int = 160
    frauds: float = 0.12
    shared: float = 0.75
    by_person: float = 0.15


@dataclass(frozen=True)
class Promotions:
    """Of so many champions, how many were replaced in the first week, and how many within four."""

    champions: int
    at_once: int
    within_weeks: int
    retrainings: int
    promoted: int


def promotions(champions: int, better_by: float, seed: int, tenant: Tenant | None = None) -> Promotions:
    """What becomes of so many champions when each week's challenger has a separation higher by `better_by`."""
    tenant = tenant or Tenant()
    first = within = tried = promoted = 0
    for place in range(champions):
        outcomes = list(weeks(tenant, better_by, np.random.default_rng([seed, place])))
        first += outcomes[0]
        within += any(outcomes)
        tried += len(outcomes)
        promoted += sum(outcomes)
    return Promotions(champions, first, within, tried, promoted)


def weeks(tenant: Tenant, better_by: float, rng: np.random.Generator) -> list[bool]:
    """Whether the challenger of each of four weeks is surely better."""
    events = tenant.events + WEEKS * tenant.a_week
    labels = rng.random(events) < tenant.frauds
    people = rng.integers(tenant.people, size=events).astype(np.uint64)
    common = rng.normal(size=events) * np.sqrt(1 - tenant.by_person)
    common += rng.normal(size=tenant.people)[people] * np.sqrt(tenant.by_person)
    champion = probabilities(labels, common, CHAMPION, tenant, rng)
    outcomes = []
    for week in range(WEEKS):
        now = slice(0, tenant.events + week * tenant.a_week)
        challenger = probabilities(labels, common, CHAMPION + better_by, tenant, rng)
        ours, theirs = (
            Judged(labels[now], each[now], np.ones(now.stop), people[now]) for each in (challenger, champion)
        )
        mine, thine = (learned_threshold(separation, tenant, rng) for separation in (CHAMPION + better_by, CHAMPION))
        outcomes.append(paired(ours, mine, theirs, thine, seed=week).is_better)
    return outcomes


def probabilities(
    labels: Numbers, common: Numbers, separation: float, tenant: Tenant, rng: np.random.Generator
) -> Numbers:
    """What a model says: calibrated, for it knows how far apart fraud and the rest are."""
    noise = np.sqrt(tenant.shared) * common + np.sqrt(1 - tenant.shared) * rng.normal(size=len(labels))
    odds = separation * (labels * separation + noise) - separation**2 / 2
    odds += np.log(tenant.frauds / (1 - tenant.frauds))
    return np.asarray(1 / (1 + np.exp(-odds)))


def learned_threshold(separation: float, tenant: Tenant, rng: np.random.Generator, events: int = 3000) -> float:
    """A threshold set on other events."""
    labels = rng.random(events) < tenant.frauds
    given = probabilities(labels, rng.normal(size=events), separation, tenant, rng)
    return threshold_for(Judged(labels, given, np.ones(events), np.arange(events)), PRECISION)


def true_f1(separation: float, tenant: Tenant | None = None, seed: int = 1) -> float:
    """The F1 of such a model, at the threshold it would set on very many events."""
    tenant, rng, events = tenant or Tenant(), np.random.default_rng(seed), 400_000
    labels = rng.random(events) < tenant.frauds
    given = probabilities(labels, rng.normal(size=events), separation, tenant, rng)
    judged = Judged(labels, given, np.ones(events), np.arange(events))
    threshold = threshold_for(judged, PRECISION)
    return float(f1_scores(judged, threshold, draws(int(judged.places.max()) + 1, seed, times=1))[0])
