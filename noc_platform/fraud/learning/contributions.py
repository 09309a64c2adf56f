"""Why a probability is what it is: what each feature adds to it, from the base to the probability, nothing left over.

Trees: on the way from root to leaf each split changes what is expected, and the change belongs to the feature that was
split on (Saabas 2014). A column that says "unknown" counts for its feature. Linear models: slope times distance from
the mean. Calibration bends scores into probabilities; the parts are stretched by as much as the whole is.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from noc_platform.fraud.learning.candidates import JOBS
from noc_platform.fraud.learning.examples import Numbers
from noc_platform.fraud.learning.forests import Anatomy, Columns, Forest, anatomy, library_leaves
from noc_platform.fraud.learning.scorer import FEW, ROWS_AT_ONCE

# Smaller sums are rounding, and what they would be stretched by is the slope instead.
NOTHING = 1e-12
STEP = 1e-4


@dataclass(frozen=True)
class Explainer:
    """A model made ready to say why. `base` is the probability before anything is known of an event: the calibrated
    mean score of the rows it learned from. Safe to share between threads."""

    parts: Anatomy
    base: float
    base_score: float
    slope: float
    leaf_parts: Numbers
    leaf_of: Numbers

    @classmethod
    def of(cls, model: Any) -> "Explainer":
        """The explainer of a calibrated pipeline as `training` makes them; raises `BadInput` for any other."""
        parts = anatomy(model)
        kind = parts.kind
        if isinstance(kind, Forest):
            score = float((kind.start + kind.value[kind.roots].sum()) * kind.scale)
            leaf_parts, leaf_of = _leaf_parts(kind, parts.columns)
        else:
            score, leaf_parts, leaf_of = kind.start, np.empty((0, 0)), np.empty(0, int)
        below, base, above = parts.calibrate(np.array([score - STEP, score, score + STEP]))
        return cls(parts, float(base), score, float(above - below) / (2 * STEP), leaf_parts, leaf_of)

    def contributions(self, values: Numbers) -> Numbers:
        """What each feature adds, `(n, k)`: each row sums to its probability minus `base`."""
        return self.explained(values)[1]

    def explained(self, values: Numbers) -> tuple[Numbers, Numbers]:
        """Probabilities `(n,)` and contributions `(n, k)` in one pass."""
        if len(values) <= ROWS_AT_ONCE:
            return self._explained(values)
        blocks = np.array_split(values, -(-len(values) // ROWS_AT_ONCE))
        with ThreadPoolExecutor(JOBS) as threads:
            done = list(threads.map(self._explained, blocks))
        return np.concatenate([each for each, _ in done]), np.concatenate([each for _, each in done])

    def _explained(self, values: Numbers) -> tuple[Numbers, Numbers]:
        columns, kind = self.parts.columns.filled(values), self.parts.kind
        if isinstance(kind, Forest):
            leaves = kind.leaves(columns) if len(values) <= FEW else library_leaves(self.parts.estimator, kind, columns)
            scores, parts = kind.scores(leaves), self._summed(self.leaf_of[leaves])
        else:
            each = kind.parts(columns)
            scores, parts = each.sum(axis=1) + kind.start, _gathered(each, self.parts.columns)
        probabilities = self.parts.calibrate(scores)
        return probabilities, self._stretched(parts, probabilities - self.base)

    def _summed(self, leaves: Numbers) -> Numbers:
        if len(leaves) <= FEW:
            return np.asarray(self.leaf_parts[leaves].sum(axis=1))
        from scipy.sparse import csr_array

        rows, trees = leaves.shape
        starts = np.arange(0, rows * trees + 1, trees, dtype=np.int32)
        chosen = csr_array(
            (np.ones(rows * trees), leaves.astype(np.int32).ravel(), starts), shape=(rows, len(self.leaf_parts))
        )
        return np.asarray(chosen @ self.leaf_parts)

    def _stretched(self, parts: Numbers, wanted: Numbers) -> Numbers:
        """Parts of the score as parts of the probability's difference, `wanted`.

        Where parts nearly cancel and calibration makes a step, stretching would make huge numbers that cancel; beyond
        a sum of 1 without signs, the rest is shared out by size.
        """
        whole, size = parts.sum(axis=1), np.abs(parts).sum(axis=1)
        is_something = np.abs(whole) > NOTHING
        by = np.where(is_something, wanted / np.where(is_something, whole, 1.0), self.slope)
        most = 1 / np.maximum(size, NOTHING)
        by = np.clip(by, -most, most)
        rest = (wanted - by * whole) / np.maximum(size, NOTHING)
        return np.asarray(parts * by[:, None] + np.abs(parts) * rest[:, None])


def _leaf_parts(forest: Forest, columns: Columns) -> tuple[Numbers, Numbers]:
    """What each feature adds on the way to each leaf `(leaves, k)`, and where a node's row is (leaves only)."""
    sources = columns.sources
    nodes = np.arange(len(forest.value))
    along = np.zeros((len(nodes), len(columns.medians)))
    level = forest.roots
    while len(level):
        parents = level[forest.left[level] != level]
        for side in (forest.left, forest.right):
            children = side[parents]
            along[children] = along[parents]
            gained = (forest.value[children] - forest.value[parents]) * forest.scale
            along[children, sources[forest.feature[parents]]] += gained
        level = np.concatenate([forest.left[parents], forest.right[parents]])
    is_leaf = forest.left == nodes
    return along[is_leaf], np.cumsum(is_leaf) - 1


def _gathered(parts: Numbers, columns: Columns) -> Numbers:
    gathered = parts[:, : len(columns.medians)].copy()
    np.add.at(gathered.T, columns.flagged, parts[:, len(columns.medians) :].T)
    return gathered
