"""`noc ingest`: files in by the one door."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from noc_platform.cli.installation import Installation
from noc_platform.errors import NocError
from noc_platform.streams.catalogue import STREAMS, stream_called

if TYPE_CHECKING:
    from noc_platform.streams.intake import FileReceipt


def ingest(
    stream: Annotated[str, typer.Argument(help=f"One of: {', '.join(STREAMS)}.")],
    files: Annotated[list[Path], typer.Argument(help="CSV, NDJSON or Parquet; text also as .gz.")],
    mapping: Annotated[Path | None, typer.Option(help="TOML that turns foreign columns into ours.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Tenant of rows that name none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per file instead of a table.")] = False,
) -> None:
    """Let files in: checked, de-duplicated, bad rows to quarantine. The same file twice changes nothing.

    Exit code 1 when a file could not be read at all; the others still went in.
    """
    from noc_platform.lake.archive import identities
    from noc_platform.lake.layout import Lake
    from noc_platform.streams.files import total_rows
    from noc_platform.streams.intake import ingest_file
    from noc_platform.streams.mapping import Mapping

    declared = stream_called(stream)
    foreign = Mapping.load(mapping) if mapping else None
    here = Installation.open()
    lake = Lake(here.settings.lake)
    receipts: list[FileReceipt] = []
    failures: list[str] = []
    with _progress(hidden=as_json) as progress:
        for path in files:
            bar = progress.add_task(path.name, total=total_rows(path))
            try:
                receipt = ingest_file(
                    here.server.pipeline,
                    declared,
                    path,
                    foreign,
                    here.settings.door_policy,
                    received_at=datetime.now(UTC),
                    tenant=tenant,
                    on_batch=partial(progress.advance, bar),
                    history=partial(identities, lake),
                )
                receipts.append(receipt)
            except NocError as error:
                failures.append(str(error) if path.name in str(error) else f"{path}: {error}")
    if receipts:
        _report(receipts, as_json)
    for failure in failures:
        typer.secho(f"noc: {failure}", fg=typer.colors.RED, err=True)
    if failures:
        raise typer.Exit(1)


def _progress(hidden: bool) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal)


def _report(receipts: list["FileReceipt"], as_json: bool) -> None:
    if as_json:
        for receipt in receipts:
            typer.echo(json.dumps(asdict(receipt)))
        return
    table = Table("file", "read", "accepted", "duplicate", "quarantined", "left out by the mapping")
    for receipt in receipts:
        counts = (receipt.read, receipt.accepted, receipt.duplicate, receipt.quarantined, receipt.excluded)
        table.add_row(Path(receipt.file).name, *(f"{count:,}" for count in counts))
    Console().print(table)
    if any(receipt.quarantined for receipt in receipts):
        typer.echo("Why rows were quarantined: noc status --quarantine")
