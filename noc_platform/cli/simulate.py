"""`noc simulate`: a world as stream files."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table


def simulate(
    guards: Annotated[int, typer.Option(help="People who guard.")],
    sites: Annotated[int, typer.Option(help="Sites, spread over three time zones.")],
    days: Annotated[int, typer.Option(help="Roster days.")],
    seed: Annotated[int, typer.Option(help="Which of all worlds of this size; the same seed gives the same bytes.")],
    out: Annotated[Path, typer.Option(help="An empty or new folder.")],
    first_day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First roster day, site-local.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest.")] = False,
) -> None:
    """Write a seeded world as plain stream files, ready for `noc ingest`."""
    from noc_platform.simulator.world import FIRST_DAY, WorldPlan
    from noc_platform.simulator.writer import MANIFEST, write_world

    plan = WorldPlan(guards, sites, days, seed, first_day.date() if first_day else FIRST_DAY)
    with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
        bar = progress.add_task("Simulating", total=days)
        manifest = write_world(plan, out, form, on_day=lambda: progress.advance(bar))
    if as_json:
        typer.echo(json.dumps({"rows": manifest.rows, "files": manifest.files}))
        return
    table = Table("stream", "rows")
    for stream, rows in manifest.rows.items():
        table.add_row(stream, f"{rows:,}")
    Console().print(table)
    typer.echo(f"{out / MANIFEST} lists every file and its hash.")
