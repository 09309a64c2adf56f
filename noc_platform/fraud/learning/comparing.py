"""Whether one model is better than another on the same rows: a paired bootstrap over people.

Both models are asked about the same rows of the same people, so what a draw of people does to one it does to both, and
only their difference is judged.
"""

from dataclasses import dataclass

import numpy as np

from noc_platform.fraud.learning.examples import Numbers
from noc_platform.fraud.learning.measures import Judged, Measure, draws, f1_scores, ranked

# One-sided. Two measures are looked at, so an equal challenger is let in by either once in 200 times at most; what is
# needed is at most once in 100.
Z_BETTER = 2.807
DRAWS = 1000


@dataclass(frozen=True)
class Comparison:
    """Challenger minus champion, with one-sided 99.75 % lower ends (`low`) and upper ends (`high`)."""

    f1: Measure
    pr_auc: Measure
    champion_f1: float
    challenger_f1: float
    rows: int
    positives: int

    @property
    def is_better(self) -> bool:
        """Surely better in F1, or in PR-AUC and not worse in F1 at the thresholds that would be used."""
        return self.f1.low > 0 or (self.pr_auc.low > 0 and self.f1.value >= 0)


def paired(challenger: Judged, threshold: float, champion: Judged, champion_threshold: float, seed: int) -> Comparison:
    """Both on the same rows, each at its own threshold."""
    drawn = draws(int(challenger.places.max()) + 1, seed, DRAWS)
    ours, theirs = f1_scores(challenger, threshold, drawn), f1_scores(champion, champion_threshold, drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        areas = ranked(challenger, drawn)["pr_auc"] - ranked(champion, drawn)["pr_auc"]
    return Comparison(
        _difference(ours - theirs), _difference(areas), float(theirs[0]), float(ours[0]),
        len(challenger.labels), int(challenger.labels.sum()),
    )  # fmt: skip


def _difference(values: Numbers) -> Measure:
    # The spread of the draws, not their 2nd lowest of 1,000: an end that far out would itself be chance.
    value, error = float(values[0]), float(np.nanstd(values[1:], ddof=1))
    return Measure(value, value - Z_BETTER * error, value + Z_BETTER * error)
