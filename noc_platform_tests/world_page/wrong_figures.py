"""Pictures of what goes wrong, from the numbers of `wrongs`."""

import numpy as np
import pandas as pd

from noc_platform.simulator.planted.causes import Cause
from noc_platform_tests.world_page import look
from noc_platform_tests.world_page.look import Axes, Figure
from noc_platform_tests.world_page.phones import shares
from noc_platform_tests.world_page.scene import Rows
from noc_platform_tests.world_page.wrongs import Gaps

SHORTEST_GAP, LONGEST_GAP = 1.0, 3600.0
EVIDENCE = {"face_distance": "face distance to the enrolled face", "confidence_score": "confidence of the match",
            "liveness_score": "liveness"}  # fmt: skip
EVIDENCE_ENDS = {"face_distance": (0.0, 0.7), "confidence_score": (0.3, 1.0), "liveness_score": (0.3, 1.0)}


def scan_gaps(gaps: Gaps) -> Figure:
    """How long it takes from one checkpoint to the next: on foot, and without getting up."""
    figure, axes = look.canvas(1, 1, 2.8)
    (own,) = axes.flat
    edges = np.geomspace(SHORTEST_GAP, LONGEST_GAP, 61)
    for values, colour, label in (
        (gaps.walked, look.ORDINARY, "walked"),
        (gaps.ghostly, look.PLANTED, "ghost scans (planted)"),
    ):
        own.stairs(shares(values, edges), edges, fill=True, color=colour, alpha=0.8, label=f"{label}: {len(values):,}")
    look.span_across(own, SHORTEST_GAP, LONGEST_GAP)
    look.percent_up(own)
    look.titled(own, "", "from one checkpoint scan of a tour to the next", "share of each group")
    look.explained(own, loc="upper right")
    return figure


def faces(groups: dict[str, Rows]) -> Figure:
    """What the camera saw at punch-in: the guard, and somebody else in the guard's stead."""
    figure, axes = look.canvas(1, len(EVIDENCE), 3.0)
    colours = dict(zip(groups, (look.ORDINARY, look.PLANTED), strict=True))
    for column, own in zip(EVIDENCE, axes[0], strict=True):
        edges = np.linspace(*EVIDENCE_ENDS[column], 29)
        for name, rows in groups.items():
            values = rows[column].dropna().to_numpy(float)
            label = f"{name}: {len(values):,}"
            own.stairs(shares(values, edges), edges, fill=True, color=colours[name], alpha=0.65, label=label)
        look.titled(own, "", EVIDENCE[column], "share of each group" if column == "face_distance" else "")
        look.percent_up(own)
    _threshold(axes[0, 0], pd.concat(groups.values()).face_threshold.median())
    look.explained(axes[0, 2], loc="upper left")
    return figure


def _threshold(axes: Axes, distance: float) -> None:
    axes.set_ylim(0, axes.get_ylim()[1] * 1.15)
    axes.axvline(distance, color=look.INK, linestyle="--", linewidth=1)
    look.note(axes, " refused", distance, axes.get_ylim()[1] * 0.97, va="top")
    look.note(axes, "accepted ", distance, axes.get_ylim()[1] * 0.97, va="top", ha="right")


def causes(by_day: Rows, in_all: dict[Cause, int]) -> Figure:
    """What was planted: on which days it was going on, and how much of each kind there was."""
    kinds = list(in_all)
    figure, axes = look.canvas(1, 2, 0.27 * len(kinds) + 1.3, sharey=True, gridspec_kw={"width_ratios": [3, 1]})
    on_days, in_sum = axes[0]
    counts = by_day.loc[kinds].to_numpy()
    on_days.imshow(np.where(counts > 0, counts, np.nan), aspect="auto", cmap="Purples", vmin=-1, vmax=6)
    for row, column in zip(*np.nonzero(counts), strict=True):
        shade = "white" if counts[row, column] > 3 else look.INK
        look.note(on_days, str(counts[row, column]), column, row, ha="center", va="center", color=shade)
    days = list(by_day.columns)
    step = 1 if len(days) <= 10 else 4
    on_days.set_xticks(range(0, len(days), step), [f"{day:%d %b}" for day in days[::step]])
    on_days.set_yticks(range(len(kinds)), [kind.value.replace("_", " ").lower() for kind in kinds])
    on_days.set_xticks(np.arange(-0.5, len(days)), minor=True)
    on_days.set_yticks(np.arange(-0.5, len(kinds)), minor=True)
    on_days.grid(which="minor", color=look.PALE, linewidth=0.6)
    on_days.tick_params(which="both", length=0)
    look.titled(on_days, "going on, by day", "day, UTC")
    colours = [look.PLANTED if kind.is_fraud else look.GREY for kind in kinds]
    in_sum.barh(range(len(kinds)), list(in_all.values()), color=colours)
    for row, count in enumerate(in_all.values()):
        look.note(in_sum, f" {count}", count, row, va="center")
    in_sum.tick_params(axis="y", which="both", length=0)
    in_sum.margins(x=0.15)
    look.titled(in_sum, "planted in all", "causes")
    _explain_fraud(in_sum)
    return figure


def _explain_fraud(axes: Axes) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=look.GREY, label="no fraud"), Patch(color=look.PLANTED, label="fraud")]
    look.explained(axes, handles=handles, loc="lower right")


def alerts(by_type: Rows) -> Figure:
    """Which alerts were raised, and how many of them had something planted behind them."""
    figure, axes = look.canvas(1, 1, 0.28 * len(by_type) + 1.1)
    (own,) = axes.flat
    names = [str(name).replace("_", " ").lower() for name in by_type.index]
    rows = range(len(by_type))
    own.barh(rows, by_type.with_cause, color=look.PLANTED, label="with a planted cause")
    own.barh(rows, by_type.without, left=by_type.with_cause, color=look.GREY, label="without")
    for row, (planted, total) in enumerate(zip(by_type.with_cause, by_type.sum(axis=1), strict=True)):
        look.note(own, f" {planted} of {total}", total, row, va="center")
    own.set_yticks(rows, names)
    own.invert_yaxis()
    own.tick_params(axis="y", length=0)
    own.margins(x=0.1)
    look.titled(own, "", "alerts over all days")
    look.explained(own, loc="lower right")
    return figure
