"""How the pictures look: one set of colours, sizes and axes for all of them. Matplotlib is imported when one draws."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Okabe and Ito's colours, which people who see fewer colours can tell apart.
BLUE, SKY, GREEN, ORANGE, RED, PURPLE, YELLOW = (
    "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#F0E442",
)  # fmt: skip
INK, GREY, PALE = "#222222", "#8C8C8C", "#E6E6E6"
ORDINARY, PLANTED = BLUE, RED
KIND_COLOURS = {"office": BLUE, "mall": ORANGE, "plant": GREEN, "hospital": PURPLE, "night-only": INK}
SHIFT_COLOURS = {"DAY": ORANGE, "SWING": GREEN, "NIGHT": BLUE, "ROTATING": PURPLE}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
INCHES_WIDE = 9.0
DOTS_AN_INCH = 100
TEXT = 9
# Hours of a day that count as night in the operations centre.
NIGHT_BEGINS, NIGHT_ENDS = 20, 6

Figure = Any
Axes = Any


def canvas(rows: int, columns: int, inches_high: float, **how: Any) -> tuple[Figure, NDArray[Any]]:
    """An empty picture and its axes, `(row, column)`."""
    from matplotlib.figure import Figure as Drawn

    figure = Drawn(figsize=(INCHES_WIDE, inches_high), dpi=DOTS_AN_INCH)
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    axes = figure.subplots(rows, columns, squeeze=False, **how)
    for each in axes.flat:
        plain(each)
    return figure, axes


def plain(axes: Axes) -> None:
    """Axes without what nobody reads."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(labelsize=TEXT, color=GREY, labelcolor=INK)
    axes.set_axisbelow(True)


def titled(axes: Axes, title: str, across: str = "", up: str = "") -> None:
    """What axes show, and what is on them with its unit."""
    axes.set_title(title, loc="left", fontsize=TEXT + 1, color=INK, fontweight="bold")
    axes.set_xlabel(across, fontsize=TEXT, color=INK)
    axes.set_ylabel(up, fontsize=TEXT, color=INK)


def explained(axes: Axes, **how: Any) -> None:
    """What the colours mean."""
    axes.legend(frameon=False, fontsize=TEXT, labelcolor=INK, **how)


def note(axes: Axes, text: str, across: float, up: float, **how: Any) -> None:
    """A word at a place, in data coordinates unless told otherwise."""
    axes.text(across, up, text, **{"fontsize": TEXT, "color": INK, **how})


def week_across(axes: Axes) -> None:
    """An axis of hours since Monday 00:00, with the nights shaded."""
    axes.set_xlim(0, 168)
    axes.set_xticks(np.arange(12, 168, 24), WEEKDAYS)
    axes.tick_params(axis="x", length=0)
    for day in range(-1, 7):
        axes.axvspan(day * 24 + NIGHT_BEGINS, day * 24 + 24 + NIGHT_ENDS, color=PALE, alpha=0.6, linewidth=0, zorder=0)


def clock_across(axes: Axes, begins: float, ends: float) -> None:
    """An axis of hours since a midnight, as a clock shows them."""
    step = 2 if ends - begins > 6 else 1
    hours = np.arange(np.ceil(begins / step) * step, ends + 0.01, step)
    axes.set_xticks(hours, [f"{int(hour) % 24:02d}:00" for hour in hours])
    axes.set_xlim(begins, ends)


SPANS = {0.1: "0.1 s", 1.0: "1 s", 10.0: "10 s", 60.0: "1 min", 600.0: "10 min", 3600.0: "1 h", 6 * 3600.0: "6 h",
         86_400.0: "1 day", 3 * 86_400.0: "3 days"}  # fmt: skip


def span_across(axes: Axes, shortest: float, longest: float) -> None:
    """A logarithmic axis of seconds, in words a person says."""
    axes.set_xscale("log")
    axes.set_xlim(shortest, longest)
    known = {seconds: word for seconds, word in SPANS.items() if shortest <= seconds <= longest}
    axes.set_xticks(list(known), list(known.values()))
    axes.minorticks_off()


def percent_up(axes: Axes) -> None:
    """An upright axis of shares, in percent."""
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
