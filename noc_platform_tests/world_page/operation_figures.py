"""Pictures of the operation as a whole, from the numbers of `operation`."""

from typing import Any

import numpy as np

from noc_platform_tests.world_page import look
from noc_platform_tests.world_page.look import Axes, Figure
from noc_platform_tests.world_page.operation import HOURS_OF_WEEK, Days, Numbers, Watch
from noc_platform_tests.world_page.scene import Rows

MINUTES_EARLY, MINUTES_LATE = -25, 50
# Of a working day: what is busier still looks the same.
BUSIEST = 1.5


def usual_week(weeks: dict[str, Numbers]) -> Figure:
    """Activity by hour of the week, a strip for each kind of site."""
    kinds = [kind for kind in look.KIND_COLOURS if kind in weeks]
    figure, axes = look.canvas(len(kinds), 1, 1.15 * len(kinds) + 0.6, sharex=True)
    edges = np.arange(HOURS_OF_WEEK + 1)
    for kind, own in zip(kinds, axes[:, 0], strict=True):
        own.stairs(weeks[kind], edges, fill=True, color=look.KIND_COLOURS[kind], alpha=0.85)
        look.titled(own, kind)
        look.week_across(own)
        own.set_ylim(0)
    figure.supylabel("phone events per site and hour", fontsize=look.TEXT)
    axes[-1, 0].set_xlabel("hour of the week, site-local; nights 20:00 to 06:00 shaded", fontsize=look.TEXT)
    return figure


def watch(week: Watch) -> Figure:
    """Who was due and who was there at one site, a line for each guard, and how many there were."""
    high = 0.24 * len(week.guards) + 2.4
    figure, axes = look.canvas(2, 1, high, sharex=True, gridspec_kw={"height_ratios": [1, max(high - 2.4, 1.2)]})
    above, below = axes[:, 0]
    above.stairs(week.on_duty, np.arange(HOURS_OF_WEEK + 1), fill=True, color=look.GREY)
    look.titled(above, f"{week.site_name}, week of {week.monday}", up="guards there")
    above.set_ylim(0)
    _bars(below, week.bars)
    below.set_yticks(range(len(week.guards)), week.guards)
    below.invert_yaxis()
    below.tick_params(axis="y", length=0)
    below.set_xlabel(f"site-local time ({week.time_zone}); nights 20:00 to 06:00 shaded", fontsize=look.TEXT)
    for own in (above, below):
        look.week_across(own)
    _explain_bars(figure, week.bars)
    return figure


def _bars(axes: Axes, bars: Rows) -> None:
    for bar in bars.itertuples():
        colour = look.SHIFT_COLOURS[str(bar.shift_type)]
        if np.isfinite(bar.comes):
            axes.barh(bar.row, bar.leaves - bar.comes, 0.62, bar.comes, color=colour, linewidth=0)
            if bar.is_substitute:
                axes.plot((bar.comes + bar.leaves) / 2, bar.row, marker="o", markersize=4, color="white")
        else:
            style = ":" if bar.is_cancelled else "-"
            axes.barh(
                bar.row, bar.ends - bar.begins, 0.62, bar.begins, color="none", edgecolor=look.INK, linestyle=style
            )


def _explain_bars(figure: Figure, bars: Rows) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    shown = [name for name in look.SHIFT_COLOURS if (bars.shift_type == name).any()]
    handles: list[Any] = [Patch(color=look.SHIFT_COLOURS[name], label=f"{name.lower()} shift") for name in shown]
    handles.append(Patch(facecolor="none", edgecolor=look.INK, label="nobody came"))
    handles.append(Patch(facecolor="none", edgecolor=look.INK, linestyle=":", label="cancelled"))
    handles.append(
        Line2D([], [], marker="o", color=look.GREY, markerfacecolor="white", label="substitute", linewidth=0)
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=look.TEXT)


def calendar(days: Days) -> Figure:
    """How busy each site was on each day, with what made days differ marked."""
    figure, axes = look.canvas(1, 1, 0.3 * len(days.site_names) + 1.6)
    (own,) = axes.flat
    shown = own.imshow(days.levels, aspect="auto", cmap="Blues", vmin=0, vmax=BUSIEST)
    for row, column in zip(*np.nonzero(days.marks), strict=True):
        shade = "white" if days.levels[row, column] > BUSIEST / 2 else look.INK
        look.note(own, days.marks[row, column], column, row, ha="center", va="center", fontweight="bold", color=shade)
    own.set_yticks(range(len(days.site_names)), days.site_names)
    ticks = [place for place, day in enumerate(days.days) if day.weekday() == 0] or [0]
    own.set_xticks(ticks, [f"{days.days[place]:%a %d %b}" for place in ticks])
    own.set_xticks([place - 0.5 for place in ticks], minor=True)
    own.grid(which="minor", axis="x", color=look.INK, linewidth=0.8)
    own.tick_params(which="both", length=0)
    own.spines[:].set_visible(False)
    look.titled(
        own, "H public holiday, C closed, F phones' feed lost", across="site-local day; a line before each Monday"
    )
    bar = figure.colorbar(shown, ax=own, ticks=[0, 0.5, 1, BUSIEST], pad=0.01)
    bar.ax.set_yticklabels(["nothing", "half", "a working day", "1.5 times"], fontsize=look.TEXT)
    bar.set_label("phone events", fontsize=look.TEXT)
    bar.outline.set_visible(False)
    return figure


def punctuality(minutes: Numbers) -> Figure:
    """When guards come, against when their shift begins."""
    figure, axes = look.canvas(1, 1, 2.6)
    (own,) = axes.flat
    edges = np.arange(MINUTES_EARLY, MINUTES_LATE + 1)
    for is_late, colour in ((False, look.ORDINARY), (True, look.ORANGE)):
        own.hist(minutes[(minutes > 0) == is_late], edges, color=colour, label="late" if is_late else "in time")
    look.titled(own, "", across="minutes from when the shift began to when the guard was there", up="shifts")
    own.set_xlim(MINUTES_EARLY, MINUTES_LATE)
    look.explained(own, loc="upper right")
    return figure
