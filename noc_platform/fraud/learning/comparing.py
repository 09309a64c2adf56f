"""Whether one model is better than another on the same rows: a paired bootstrap over people.

Both models are asked about the same rows of the same people, so what a draw of people does to one it does to both, and
only their difference is judged.
"""

from dataclasses import dataclass

import numpy as np

from noc_platform.fraud.learning.examples import Numbers
from noc_platform.fraud.learning.measures import Judged, Measure, draws, f1_scores, ranked

# Standard errors a difference must be above 0 by; at most 1 % of challengers as good as the champion may be let in, and
# simulated retrainings say how many are. F1 also carries the luck of two thresholds, which no drawing of rows shows:
# its errors are 1.2 times what they seem.
Z_PR_AUC, Z_F1 = 3.0, 4.0
DRAWS = 400


@dataclass(frozen=True)
class Comparison:
    """Challenger minus champion, each with the interval that must lie above 0: 3 standard errors in PR-AUC, 4 in F1."""

    f1: Measure
    pr_auc: Measure
    champion_f1: float
    challenger_f1: float
    rows: int
    positives: int

    @property
    def is_better(self) -> bool:
        """Surely better in one, and not worse in the other: at the thresholds that would be used, and in the order
        given to events."""
        return (self.pr_auc.low > 0 and self.f1.value >= 0) or (self.f1.low > 0 and self.pr_auc.value >= 0)


def paired(challenger: Judged, threshold: float, champion: Judged, champion_threshold: float, seed: int) -> Comparison:
    """Both on the same rows, each at its own threshold."""
    drawn = draws(int(challenger.places.max()) + 1, seed, DRAWS)
    ours, theirs = f1_scores(challenger, threshold, drawn), f1_scores(champion, champion_threshold, drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        areas = ranked(challenger, drawn)["pr_auc"] - ranked(champion, drawn)["pr_auc"]
    return Comparison(
        _difference(ours - theirs, Z_F1), _difference(areas, Z_PR_AUC), float(theirs[0]), float(ours[0]),
        len(challenger.labels), int(challenger.labels.sum()),
    )  # fmt: skip


def _difference(values: Numbers, errors: float) -> Measure:
    # The spread of the draws, not the lowest of them: an end that far out would itself be chance.
    value, error = float(values[0]), float(np.nanstd(values[1:], ddof=1))
    return Measure(value, value - errors * error, value + errors * error)
