"""Pictures of what phones report, from the numbers of `phones`."""

from itertools import cycle

import numpy as np

from noc_platform_tests.world_page import look
from noc_platform_tests.world_page.look import Axes, Figure
from noc_platform_tests.world_page.phones import (
    LARGEST_METERS,
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    SMALLEST_METERS,
    Night,
    Numbers,
    Phone,
    shares,
)

COLOURS = (look.BLUE, look.GREEN, look.ORANGE, look.PURPLE, look.INK, look.SKY, look.RED)
FRAME_RADII = 1.25


def accuracy(by_kind: dict[str, Numbers], worst_meters: float) -> Figure:
    """How sure fixes are, by kind of site; beyond `worst_meters` a fix is not used for movement."""
    figure, axes = look.canvas(1, 1, 3.2)
    (own,) = axes.flat
    edges = np.geomspace(SMALLEST_METERS, LARGEST_METERS, 37)
    for kind in (kind for kind in look.KIND_COLOURS if kind in by_kind):
        own.stairs(shares(by_kind[kind], edges), edges, color=look.KIND_COLOURS[kind], label=kind, linewidth=1.6)
    own.set_xscale("log")
    own.set_xticks([1, 3, 10, 30, 100, 300, 1000], ["1 m", "3 m", "10 m", "30 m", "100 m", "300 m", "1 km"])
    own.minorticks_off()
    own.axvline(worst_meters, color=look.RED, linestyle="--", linewidth=1)
    look.note(own, " not used for movement", worst_meters, own.get_ylim()[1] * 0.9, color=look.RED)
    own.set_xlim(SMALLEST_METERS, LARGEST_METERS)
    own.set_ylim(0)
    look.percent_up(own)
    look.titled(own, "", across="accuracy of a GPS fix: the true place lies within", up="share of fixes")
    look.explained(own, loc="center right")
    return figure


def lateness(by_stream: dict[str, Numbers]) -> Figure:
    """How long rows take to come in, from a blink to three days."""
    figure, axes = look.canvas(1, 1, 3.2)
    (own,) = axes.flat
    edges = np.geomspace(SHORTEST_SECONDS, LONGEST_SECONDS, 56)
    for (name, seconds), colour in zip(by_stream.items(), cycle(COLOURS), strict=False):
        own.stairs(shares(seconds, edges), edges, color=colour, label=name, linewidth=1.6)
    look.span_across(own, SHORTEST_SECONDS, LONGEST_SECONDS)
    own.set_yscale("log")
    own.set_ylim(1e-5, 1)
    own.set_yticks([1e-4, 1e-2, 1], ["1 in 10,000", "1 in 100", "all"])
    own.minorticks_off()
    own.grid(axis="y", color=look.PALE)
    for at, word in ((1.5, "at once"), (2400, "phone without network"), (60_000, "synced days later")):
        look.note(own, word, at, 1.3, ha="center", color=look.GREY)
    look.titled(own, "", across="from when it happened to when it was received", up="share of rows, by step")
    look.explained(own, loc="upper left", bbox_to_anchor=(0.43, 1.0))
    return figure


def night(shown: Night) -> Figure:
    """One guard's night: on a map, and how far from the middle of the site hour by hour."""
    figure, axes = look.canvas(1, 2, 4.4, gridspec_kw={"width_ratios": [1, 1.15]})
    on_map, by_hour = axes[0]
    _map(on_map, shown)
    away = np.linalg.norm(shown.fixes, axis=1)
    by_hour.scatter(shown.hours, away, s=5, color=look.BLUE, linewidth=0)
    for hours, places in zip(shown.scan_hours, shown.tours, strict=True):
        by_hour.plot(hours, np.linalg.norm(places, axis=1), color=look.ORANGE, linewidth=1.4)
    by_hour.plot([], [], color=look.ORANGE, label="tour, from scan to scan")
    look.explained(by_hour, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    by_hour.axhline(shown.radius_meters, color=look.INK, linestyle="--", linewidth=1)
    by_hour.set_ylim(0, shown.radius_meters * FRAME_RADII)
    look.clock_across(by_hour, shown.begins - 0.5, shown.ends + 0.5)
    look.titled(by_hour, "how far from the middle", f"site-local time ({shown.time_zone}), from {shown.day}", "metres")
    return figure


def _map(axes: Axes, shown: Night) -> None:
    from matplotlib.collections import EllipseCollection

    # A fix that may lie anywhere on the site would only tint the map.
    sure = np.where(shown.accuracy_meters < shown.radius_meters / 2, shown.accuracy_meters, 0.0)
    rings = EllipseCollection(
        2 * sure, 2 * sure, np.zeros(len(sure)), units="xy", offsets=shown.fixes, transOffset=axes.transData,
        facecolor=look.SKY, alpha=0.06, linewidth=0,
    )  # fmt: skip
    axes.add_collection(rings)
    axes.scatter(*shown.fixes.T, s=5, color=look.BLUE, linewidth=0, label="fix, its accuracy around it")
    for places in shown.tours:
        axes.plot(*places.T, color=look.ORANGE, linewidth=1, alpha=0.8)
    axes.scatter(*shown.scans.T, s=14, marker="s", color=look.RED, linewidth=0, zorder=3, label="checkpoint scan")
    turn = np.linspace(0, 2 * np.pi, 200)
    ring = shown.radius_meters * np.stack([np.cos(turn), np.sin(turn)])
    axes.plot(*ring, color=look.INK, linestyle="--", linewidth=1, label="geofence")
    edge = shown.radius_meters * FRAME_RADII
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")
    look.titled(axes, f"{shown.person_id} at {shown.site_name}", "metres east of the site", "metres north")
    look.explained(axes, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def phone(shown: Phone) -> Figure:
    """Battery and signal of one phone over a shift."""
    figure, axes = look.canvas(2, 1, 4.0, sharex=True)
    battery, signal = axes[:, 0]
    battery.plot(shown.battery_hours, shown.battery_percent, color=look.GREEN, marker=".", markersize=3, linewidth=0)
    battery.set_ylim(0, 103)
    look.titled(battery, f"{shown.person_id} at {shown.site_name}, from {shown.day}", up="battery, percent")
    signal.plot(shown.signal_hours, shown.signal_dbm, color=look.BLUE, marker=".", markersize=3, linewidth=0)
    look.titled(signal, "", f"site-local time ({shown.time_zone})", "signal, dBm")
    hours = np.concatenate([shown.battery_hours, shown.signal_hours])
    look.clock_across(signal, hours.min() - 0.2, hours.max() + 0.2)
    if np.isfinite(shown.lost_at):
        for own in (battery, signal):
            own.axvspan(shown.lost_at, shown.back_at, color=look.PALE, linewidth=0, zorder=0)
        look.note(signal, " no network", shown.lost_at, signal.get_ylim()[1], va="top")
    return figure
