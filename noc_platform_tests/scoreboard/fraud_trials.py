"""Claims about fraud that need many trials: who the gate lets in, and how far estimates lie from the truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from unittest.mock import patch

import numpy as np

from noc_platform.fraud.estimates import corrected, naive
from noc_platform.fraud.learning.comparing import Comparison, paired
from noc_platform_tests.fraud import retrainings
from noc_platform_tests.fraud.retrainings import BETTER, WEEKS, Tenant
from noc_platform_tests.fraud.selective import Distances, Flagging, Setting, reviewing, simulated
from noc_platform_tests.scoreboard.claims import SEED, Claim, Numbers, resampled, share

# Champions, each with a challenger a week for four weeks: of equal quality, a little worse, and 5 points better.
EQUALS, WORSE_ONES, BETTER_ONES = 50, 10, 30
WORSE = -0.15
EQUAL_SHARE, BETTER_SHARE = 0.01, 0.90
MONTHS, POINTS, PERCENTILE = 100, 3.0, 0.95
PLAIN_GATE = "a higher F1 on the same events"
# What is looked at by chance: one event in twenty, more of higher scores as the platform has it (`raised`), or alike.
EVENTS, SHARE, RAISED = 300_000, 0.05, 0.01


@dataclass(frozen=True)
class Trials:
    """Retrainings of so many champions by challengers whose separation is higher by `better_by`."""

    champions: int
    better_by: float
    tenant: Tenant | None = None

    @cached_property
    def comparisons(self) -> list[list[Comparison]]:
        """What was found of each challenger, by champion and week."""
        found: list[Comparison] = []

        def noted(*args: Any, **told: Any) -> Comparison:
            found.append(paired(*args, **told))
            return found[-1]

        with patch.object(retrainings, "paired", noted):
            retrainings.promotions(self.champions, self.better_by, SEED, self.tenant)
        return [found[place : place + WEEKS] for place in range(0, len(found), WEEKS)]

    @property
    def promoted(self) -> Numbers:
        """Whether each challenger was, `(champions, weeks)`."""
        return np.array([[each.is_better for each in weeks] for weeks in self.comparisons], bool)

    @property
    def plainly_promoted(self) -> Numbers:
        """Whether each would be if a higher number were enough."""
        return np.array([[each.f1.value > 0 for each in weeks] for weeks in self.comparisons], bool)


def claims() -> Iterator[Claim]:
    """Every claim that needs trials."""
    equals, worse = Trials(EQUALS, 0.0), Trials(WORSE_ONES, WORSE)
    yield wrongly_promoted(equals, worse)
    yield rightly_promoted(Trials(BETTER_ONES, BETTER))
    for name, flagging, doubling, part in SETTINGS:
        yield corrected_estimate(name, part, distances(Setting(SHARE, doubling, flagging=flagging, events=EVENTS)))


def wrongly_promoted(equals: Trials, worse: Trials) -> Claim:
    """How often a challenger goes live that is no better."""
    value, low, high = share(*_by_champion(equals.promoted))
    return Claim(
        "equal challengers promoted",
        f"Of {equals.promoted.size} simulated weekly retrainings whose model is exactly as good as the champion, those "
        f"that go live; of {worse.promoted.size} that are a little worse, {int(worse.promoted.sum())} do.",
        value, low, high, equals.promoted.size, wanted=EQUAL_SHARE, is_at_most=True,
        baselines={PLAIN_GATE: float(equals.plainly_promoted.mean())},
    )  # fmt: skip


def rightly_promoted(better: Trials) -> Claim:
    """How often one goes live soon that is better."""
    within = np.asarray(better.promoted.any(axis=1))
    value, low, high = share(within, np.arange(len(within)))
    return Claim(
        "better challengers promoted",
        f"Of champions whose challengers have an F1 5 points higher, those replaced within {WEEKS} weeks of {WEEKS} "
        f"retrainings; {better.promoted[:, 0].mean():.0%} are in the first.",
        value, low, high, len(within), wanted=BETTER_SHARE,
        baselines={PLAIN_GATE: float(better.plainly_promoted.any(axis=1).mean())},
    )  # fmt: skip


def distances(setting: Setting, months: int = MONTHS) -> dict[str, Distances]:
    """How far both estimates lie from the truth, month by month."""
    found = {"naive": Distances(), "corrected": Distances()}
    for month in simulated(setting, months, SEED):
        found["naive"].add(month, naive(month.scored))
        found["corrected"].add(month, corrected(month.scored, reviewing(setting)))
    return found


def corrected_estimate(name: str, part: str, found: dict[str, Distances]) -> Claim:
    """How far a corrected share lies from the truth in most months, points."""
    sizes = np.abs(getattr(found["corrected"], part))
    plain = float(np.mean(np.abs(getattr(found["naive"], part))))
    low, high = resampled(lambda rows: float(np.quantile(sizes[rows], PERCENTILE)), np.arange(len(sizes)))
    return Claim(
        f"corrected {part} off the truth: {name}",
        f"Points, the 95th percentile of {len(sizes)} simulated months of {EVENTS:,} events, of which one in twenty is "
        f"looked at by chance; on average {sizes.mean():.2f}, and {float(np.mean(sizes <= POINTS)):.0%} of the months "
        f"lie within {POINTS:g}. The naive one is off by {plain:.1f} on average.",
        float(np.quantile(sizes, PERCENTILE)), low, high, len(sizes), wanted=POINTS, unit="points", is_at_most=True,
        baselines={"naive, on average": plain},
    )  # fmt: skip


# Where the naive estimate is off by more than 10 points.
SETTINGS = (
    ("its own alerts flag", Flagging.ALERTS, RAISED, "recall"),
    ("unknown rules flag", Flagging.RULES_UNKNOWN, RAISED, "recall"),
    ("unknown rules flag", Flagging.RULES_UNKNOWN, None, "precision"),
)


def _by_champion(promoted: Numbers) -> tuple[Numbers, Numbers]:
    champions, weeks = promoted.shape
    return promoted.ravel(), np.repeat(np.arange(champions), weeks)
