"""What baselines show of themselves in the Dagster UI: the week of every site as a heatmap, limits over time."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from noc_platform.telemetry.portrait import picture

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SITES = 40
MOST_LINES = 20
INCHES_A_SITE = 0.22


def heatmap(
    rows: "pa.Table", value: str, label: str, scale: tuple[float, float] | None = None
) -> dg.MarkdownMetadataValue:
    """`value` of every site (rows) at the 168 hours of its week (columns), each site by its own largest unless a scale
    is given; the first `MOST_SITES` by name. Where a site has several rows for an hour, their mean."""
    import numpy as np
    from matplotlib.figure import Figure

    table = rows.select(["tenant_id", "site_id", "hour_of_week", value]).to_pandas()
    if table.empty:
        return dg.MetadataValue.md("nothing yet")
    site = table.tenant_id + "/" + table.site_id
    week = table.groupby([site, "hour_of_week"])[value].mean().unstack().reindex(columns=range(168)).iloc[:MOST_SITES]
    shown = week.to_numpy(float)
    if scale is None:
        shown = shown / np.maximum(np.nan_to_num(week.max(axis=1).to_numpy(float)), 1e-9)[:, None]
    figure = Figure(figsize=(9, 1.2 + INCHES_A_SITE * len(week)), layout="constrained")
    axes = figure.add_subplot()
    lowest, highest = scale or (0.0, 1.0)
    drawn = axes.imshow(shown, aspect="auto", cmap="Blues", vmin=lowest, vmax=highest, interpolation="nearest")
    if scale is not None:
        figure.colorbar(drawn, shrink=0.8)
    axes.set_yticks(range(len(week)), list(week.index), fontsize=7)
    axes.set_xticks(range(0, 168, 24), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    axes.set_title(label, fontsize=9, loc="left")
    return picture(figure, label)


def histories(series: "Mapping[str, Sequence[tuple[datetime, float]]]", label: str) -> dg.MarkdownMetadataValue:
    """How values went over time, each holding until the next: a line for each name, the last `MOST_LINES` to change."""
    from matplotlib.figure import Figure

    if not series:
        return dg.MetadataValue.md("nothing yet")
    newest = sorted(series, key=lambda name: (series[name][-1][0], name))[-MOST_LINES:]
    end = max(series[name][-1][0] for name in newest) + timedelta(days=1)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for name in newest:
        moments, values = zip(*series[name], (end, series[name][-1][1]), strict=True)
        axes.step(moments, values, where="post", linewidth=1, marker=".", label=name)
    axes.set_title(label, fontsize=9, loc="left")
    axes.legend(fontsize=6, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    axes.tick_params(axis="x", labelrotation=30, labelsize=7)
    return picture(figure, label)
