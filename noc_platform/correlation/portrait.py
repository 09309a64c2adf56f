"""What incidents show of themselves in the Dagster UI: a timeline of the newest, and how many there are of what."""

from collections import Counter
from typing import TYPE_CHECKING

import dagster as dg

from noc_platform.correlation.vocabulary import Severity
from noc_platform.telemetry.portrait import picture

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SHOWN = 40
INCHES_EACH = 0.2
LONGEST_LABEL = 70
# From the least to the worst; told apart in grey as well.
COLOURS = dict(zip(Severity, ("#b8c4ce", "#7fa8c9", "#e8b64c", "#e07b39", "#a61c28"), strict=True))


def timeline(rows: "pa.Table") -> dg.MarkdownMetadataValue:
    """When incidents (`queries.SHOWN_SCHEMA`) began and ended, UTC, coloured by severity; the newest `MOST_SHOWN`."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    newest = sorted(rows.to_pylist(), key=lambda row: (row["started_at"], row["incident_id"]))[-MOST_SHOWN:]
    if not newest:
        return dg.MetadataValue.md("nothing yet")
    figure = Figure(figsize=(10, 1.4 + INCHES_EACH * len(newest)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(newest):
        colour = COLOURS[Severity(row["combined_severity"])]
        axes.plot([row["started_at"], row["ended_at"]], [place, place], color=colour, linewidth=6)
    axes.set_yticks(range(len(newest)), [_label(row) for row in newest], fontsize=6)
    axes.tick_params(axis="x", labelrotation=30, labelsize=7)
    axes.set_title("incidents, UTC: the newest last", fontsize=9, loc="left")
    axes.grid(axis="x", alpha=0.3)
    worst_first = [Patch(color=colour, label=severity) for severity, colour in reversed(COLOURS.items())]
    axes.legend(handles=worst_first, fontsize=6, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return picture(figure, "incidents over time")


def counted(rows: "pa.Table", column: str) -> dg.MarkdownMetadataValue:
    """How many incidents there are of each value of a column."""
    found = Counter(rows[column].to_pylist())
    lines = [f"| {name} | {count} |" for name, count in sorted(found.items())]
    return dg.MetadataValue.md("\n".join([f"| {column} | incidents |", "|---|---|", *lines]))


def _label(row: "dict[str, str]") -> str:
    title = row["title"]
    return title if len(title) <= LONGEST_LABEL else f"{title[: LONGEST_LABEL - 1]}…"
