"""`noc simulate`: a world as stream files."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from noc_platform.errors import BadInput
from noc_platform.simulator.world import DEFAULT_FIRST_DAY, WorldPlan
from noc_platform.simulator.writer import FileFormat, write_world

if TYPE_CHECKING:
    from noc_platform.simulator.manifest import Manifest


def simulate(
    guards: Annotated[int, typer.Option(help="Guards on the rosters; those who lead them come on top.")],
    sites: Annotated[int, typer.Option(help="Sites to guard, spread over six time zones.")],
    days: Annotated[int, typer.Option(help="Roster days.")],
    seed: Annotated[list[int], typer.Option(help="The same seed and sizes give the same files, byte for byte.")],
    out: Annotated[Path, typer.Option(help="Folder for the files; empty or new.")],
    first_day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help=f"First roster day; {DEFAULT_FIRST_DAY} unless said.")
    ] = None,
    tenants: Annotated[int, typer.Option(help="Tenants to share the sites.")] = 2,
    planted: Annotated[float, typer.Option(help="How much goes wrong: 1 as in a usual operation, 0 nothing.")] = 1.0,
    random_review: Annotated[
        float, typer.Option(help="Share of attendances reviewed by chance, besides those that were flagged; 0 to 1.")
    ] = 0.0,
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="csv and ndjson are for people to look at; parquet is much faster.")
    ] = FileFormat.PARQUET,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Write a seeded, realistic world of guards at sites as stream files that `noc ingest` takes, and its truth."""
    if len(seed) > 1:
        raise BadInput(f"Give one --seed, not {len(seed)}: a world comes from one.")
    begins = first_day.date() if first_day else DEFAULT_FIRST_DAY
    plan = WorldPlan(guards, sites, days, seed[0], begins, tenants, planted, random_review)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=as_json) as progress:
        bar = progress.add_task("Simulating", total=days)
        manifest = write_world(plan, out, file_format, lambda done: progress.advance(bar, done))
    _report(manifest, out, as_json)


def _report(manifest: "Manifest", out: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"out": str(out), "rows": manifest.rows, "files": len(manifest.files)}))
        return
    table = Table("stream", "rows", "files")
    for stream, rows in manifest.rows.items():
        files = sum(file.stream == stream for file in manifest.files)
        table.add_row(stream, f"{rows:,}", f"{files:,}")
    Console().print(table)
    typer.echo(f"{sum(manifest.rows.values()):,} rows in {out}; what is true of them in {out / 'truth'}")
