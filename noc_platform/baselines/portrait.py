"""What baselines show of themselves in the Dagster UI: the week of every site as a heatmap."""

import base64
import io
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SITES = 40
INCHES_A_SITE = 0.22


def heatmap(rows: "pa.Table", value: str, label: str) -> dg.MarkdownMetadataValue:
    """`value` of every site (rows) at the 168 hours of its week (columns), each site by its own largest; the first
    `MOST_SITES` by name. Where a site has several rows for an hour, their mean."""
    import numpy as np
    from matplotlib.figure import Figure

    table = rows.select(["tenant_id", "site_id", "hour_of_week", value]).to_pandas()
    if table.empty:
        return dg.MetadataValue.md("nothing yet")
    site = table.tenant_id + "/" + table.site_id
    week = table.groupby([site, "hour_of_week"])[value].mean().unstack().reindex(columns=range(168)).iloc[:MOST_SITES]
    shares = week.to_numpy(float) / np.maximum(np.nan_to_num(week.max(axis=1).to_numpy(float)), 1e-9)[:, None]
    figure = Figure(figsize=(9, 1.2 + INCHES_A_SITE * len(week)), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, aspect="auto", cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.set_yticks(range(len(week)), list(week.index), fontsize=7)
    axes.set_xticks(range(0, 168, 24), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    axes.set_title(label, fontsize=9, loc="left")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=80)
    return dg.MetadataValue.md(f"![{label}](data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()})")
