"""The probability a model gives: quickly for a single row, and for many as quickly as the model itself."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from noc_platform.fraud.learning.candidates import JOBS, probability
from noc_platform.fraud.learning.examples import Numbers
from noc_platform.fraud.learning.forests import Anatomy, Forest, anatomy, boosted_scores

# Up to here walking the trees in numpy is quicker than scikit-learn's checks for each call.
FEW = 128
# So many rows stay in a processor's cache while all trees look at them.
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Scorer:
    """A model made ready to be asked often. Safe to share between threads."""

    model: Any
    parts: Anatomy

    @classmethod
    def of(cls, model: Any) -> "Scorer":
        """The scorer of a calibrated pipeline as `training` makes them; raises `BadInput` for any other."""
        return cls(model, anatomy(model))

    def probability(self, values: Numbers) -> Numbers:
        """Probability of fraud of each row of `(n, k)`, the same to 1e-12 as the model's `predict_proba`."""
        if len(values) <= FEW:
            return self.parts.calibrate(self.score(values))
        if isinstance(self.parts.kind, Forest) and len(values) >= JOBS * ROWS_AT_ONCE:
            # Rows are parted among threads, not trees: every row is added up in one order.
            blocks = np.array_split(values, -(-len(values) // ROWS_AT_ONCE))
            with ThreadPoolExecutor(JOBS) as threads:
                return np.concatenate(list(threads.map(self._block, blocks)))
        return self._block(values)

    def _block(self, values: Numbers) -> Numbers:
        if isinstance(self.parts.kind, Forest) and not self.parts.kind.is_single:
            columns = self.parts.columns.filled(values)
            return self.parts.calibrate(boosted_scores(self.parts.estimator, columns))
        return probability(self.model, values)

    def score(self, values: Numbers) -> Numbers:
        """The score before calibration, by walking."""
        columns, kind = self.parts.columns.filled(values), self.parts.kind
        if isinstance(kind, Forest):
            return kind.scores(kind.leaves(columns))
        return np.asarray(kind.parts(columns).sum(axis=1) + kind.start)
