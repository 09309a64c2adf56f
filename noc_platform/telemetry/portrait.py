"""What an asset shows of itself in the Dagster UI: a schema, a preview, a plot."""

import base64
import io
from typing import TYPE_CHECKING, Any

import dagster as dg

from noc_platform.streams.declaration import Stream

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

PREVIEW_ROWS = 8
PREVIEW_COLUMNS = 10


def declared_schema(stream: Stream) -> dg.TableSchema:
    """A stream's declaration as Dagster shows it: types, units, meanings, bounds."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=str(column.kind),
                description=f"{column.meaning} [{column.unit}]" if column.unit else column.meaning,
                constraints=dg.TableColumnConstraints(
                    nullable=not column.required,
                    other=[f"one of {', '.join(column.allowed)}"] if column.allowed else None,
                ),
            )
            for column in stream.columns
        ]
    )


def columns_of(schema: "pa.Schema") -> dg.TableSchema:
    """An Arrow schema as Dagster shows it."""
    return dg.TableSchema(columns=[dg.TableColumn(field.name, type=str(field.type)) for field in schema])


def preview(rows: "pa.Table") -> dg.MarkdownMetadataValue:
    """The first rows as a table."""
    shown = rows.slice(0, PREVIEW_ROWS).select(rows.column_names[:PREVIEW_COLUMNS])
    lines = [shown.column_names, ["---"] * shown.num_columns]
    lines += [["" if value is None else str(value) for value in row.values()] for row in shown.to_pylist()]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in lines))


def listed(failures: list[str]) -> dg.MarkdownMetadataValue:
    """What a check found wrong, a line each."""
    return dg.MetadataValue.md("\n".join(f"- {each}" for each in failures) or "none")


def checked(asset: str, name: str, rows: int, failures: list[str]) -> dg.AssetCheckResult:
    """The result of a check over so many rows."""
    return dg.AssetCheckResult(
        passed=not failures,
        check_name=name,
        asset_key=dg.AssetKey(asset),
        metadata={"checked_rows": rows, "failures": listed(failures)},
    )


def plot_by_hour(rows: "pa.Table", values: dict[str, str]) -> dg.MarkdownMetadataValue:
    """Sums over time as a picture, a line for each of `values` (column -> label)."""
    import pyarrow.compute as pc
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.add_subplot()
    sums = rows.group_by("bucket").aggregate([(name, "sum") for name in values]).sort_by("bucket")
    for name, label in values.items():
        axes.plot(
            sums["bucket"].to_pylist(), pc.fill_null(sums[f"{name}_sum"], 0).to_pylist(), label=label, linewidth=1
        )
    axes.legend(loc="upper left", frameon=False)
    axes.set_ylabel("per hour (UTC)")
    return picture(figure, "by hour")


def picture(figure: "Figure", label: str) -> dg.MarkdownMetadataValue:
    """A figure as a picture that needs no other file."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80)
    return dg.MetadataValue.md(f"![{label}](data:image/png;base64,{base64.b64encode(drawn.getvalue()).decode()})")


def described(rows: "pa.Table", files: int, **more: Any) -> dict[str, Any]:
    """Rows, files, schema and preview of what was written."""
    return {
        "rows_written": rows.num_rows,
        "dagster/column_schema": columns_of(rows.schema),
        "files": files,
        "preview": preview(rows),
        **more,
    }
