"""Pictures of a trained model on the events it was judged by, for the ML team to look at beside the numbers.

Each function gives a matplotlib figure of its own, drawn without any window or global state.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from noc_platform.fraud.learning.examples import Numbers
from noc_platform.fraud.learning.measures import Judged, Measure, bins, wilson
from noc_platform.fraud.learning.slices import Slice
from noc_platform.fraud.training import Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, OTHER, FAINT = "#1f5fa8", "#c8553d", "#b8c4d0"
MOST_SLICES, MOST_FEATURES = 24, 30
ROW_INCHES = 0.28
HALF = 0.5


def figures(trained: Trained) -> dict[str, "Figure"]:
    """Every picture, by the path it gets among the artefacts of a run."""
    drawn: dict[str, Callable[[Trained], Figure]] = {
        "confusion_matrix": confusion_matrix,
        "precision_recall": precision_recall,
        "calibration": calibration,
        "slices": slices,
        "importances": importances,
    }
    return {f"figures/{name}.png": draw(trained) for name, draw in drawn.items()}


def confusion_matrix(trained: Trained) -> "Figure":
    """What was flagged and what was not, of frauds and of the others, at the threshold that would be used."""
    found = trained.test.confusion
    counts = np.array([[found.true_positives, found.false_negatives], [found.false_positives, found.true_negatives]])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure(5, 4.2)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25)
    for row, column in np.ndindex(2, 2):
        told = f"{counts[row, column]:,}\n{shares[row, column]:.1%}"
        color = "white" if shares[row, column] > HALF else "black"
        axes.text(column, row, told, ha="center", va="center", fontsize=12, color=color)
    axes.set_xticks([0, 1], ["flagged", "not flagged"])
    axes.set_yticks([0, 1], ["fraud", "no fraud"])
    axes.set_title(f"{trained.test.rows:,} later events, flagged from {trained.threshold:.3f} on", fontsize=10)
    return figure


def precision_recall(trained: Trained) -> "Figure":
    """Precision over recall at every threshold, and where the chosen one stands with its intervals."""
    from sklearn.metrics import precision_recall_curve

    rows, test = trained.predictions.judged, trained.test
    precision, recall, _ = precision_recall_curve(rows.labels, rows.probabilities, sample_weight=rows.weights)
    figure, axes = _figure(6, 4.5)
    axes.step(recall, precision, where="post", color=OURS, label=f"PR-AUC {_told(test.pr_auc)}")
    share = float(np.average(rows.labels, weights=rows.weights))
    axes.axhline(share, color=FAINT, linestyle="--", label=f"by chance {share:.3f}")
    if not np.isnan(test.precision.value):
        axes.errorbar(
            test.recall.value, test.precision.value, xerr=_ends(test.recall), yerr=_ends(test.precision), fmt="o",
            color=OTHER, capsize=3, label=f"threshold {trained.threshold:.3f}",
        )  # fmt: skip
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title(f"{test.rows:,} later events, {test.positives:,} frauds", fontsize=10)
    axes.legend(loc="lower left", fontsize=8)
    return figure


def calibration(trained: Trained) -> "Figure":
    """How often it was fraud where the model said so likely: ten bins of equally many events, with 95 % intervals."""
    rows = trained.predictions.judged
    said, came, lows, highs = _bins(rows)
    figure, axes = _figure(6, 4.5)
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="said and came alike")
    axes.errorbar(said, came, yerr=[came - lows, highs - came], fmt="o-", color=OURS, capsize=3)
    axes.axvline(trained.threshold, color=OTHER, linewidth=1, label=f"threshold {trained.threshold:.3f}")
    axes.set(xlabel="probability the model gave", ylabel="share that was fraud", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title(f"calibration error {_told(trained.test.calibration_error)}, {trained.method}", fontsize=10)
    axes.legend(loc="upper left", fontsize=8)
    return figure


def slices(trained: Trained) -> "Figure":
    """Recall and precision of each site and of the night, those with most frauds first, beside the whole."""
    shown = sorted(trained.slices, key=lambda part: (-part.positives, part.name, part.value))[:MOST_SLICES]
    figure, (left, right) = _figures(8, 1.6 + ROW_INCHES * max(len(shown), 1))
    names = [f"{part.name} {part.value}  ({part.positives:,} of {part.rows:,})" for part in shown]
    _marks(left, "recall", shown, [part.recall for part in shown], trained.test.recall)
    _marks(right, "precision", shown, [part.precision for part in shown], trained.test.precision)
    left.set_yticks(range(len(shown)), names, fontsize=8)
    right.set_yticks(range(len(shown)), [""] * len(shown))
    figure.suptitle("parts of the later events (frauds of events), 95 % intervals; the line is the whole", fontsize=10)
    return figure


def importances(trained: Trained) -> "Figure":
    """What PR-AUC loses on validation events when a feature is shuffled."""
    ranked = sorted(trained.importances.items(), key=lambda each: each[1])[-MOST_FEATURES:]
    figure, axes = _figure(7, 1.4 + ROW_INCHES * max(len(ranked), 1))
    values = [value for _, value in ranked]
    axes.barh(range(len(ranked)), values, color=[OURS if value > 0 else FAINT for value in values])
    axes.set_yticks(range(len(ranked)), [name for name, _ in ranked], fontsize=8)
    axes.set_xlabel("PR-AUC lost when shuffled")
    axes.set_title("permutation importance", fontsize=10)
    return figure


def _figure(width: float, height: float) -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _figures(width: float, height: float) -> tuple["Figure", Sequence["Axes"]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    both = figure.subplots(1, 2)
    for axes in both:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, both


def _marks(axes: "Axes", name: str, shown: Sequence[Slice], measured: Sequence[Measure], whole: Measure) -> None:
    for place, (part, number) in enumerate(zip(shown, measured, strict=True)):
        if not np.isnan(number.value):
            color = OTHER if name == "recall" and part.doubt < 0.01 else OURS
            axes.errorbar(number.value, place, xerr=_ends(number), fmt="o", color=color, capsize=2, markersize=4)
    if not np.isnan(whole.value):
        axes.axvline(whole.value, color=FAINT, zorder=0)
    axes.set(xlabel=name, xlim=(-0.02, 1.02))
    axes.set_ylim(max(len(shown), 1) - 0.5, -0.5)


def _ends(number: Measure) -> list[list[float]]:
    low, high = (number.value if np.isnan(end) else end for end in (number.low, number.high))
    return [[max(number.value - low, 0)], [max(high - number.value, 0)]]


def _bins(rows: Judged) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    each = bins(rows.probabilities)
    said, came, lows, highs = [], [], [], []
    for place in np.unique(each):
        here = each == place
        share = float(np.average(rows.labels[here], weights=rows.weights[here]))
        low, high = wilson(share, int(here.sum()))
        said.append(float(np.average(rows.probabilities[here], weights=rows.weights[here])))
        came.append(share)
        lows.append(min(low, share))
        highs.append(max(high, share))
    return np.array(said), np.array(came), np.array(lows), np.array(highs)


def _told(number: Measure) -> str:
    if np.isnan(number.value):
        return "not defined"
    return f"{number.value:.3f} ({number.low:.3f} to {number.high:.3f})"
