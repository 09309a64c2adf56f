"""`noc status`: what is here, how fresh it is, what waits."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from noc_platform.cli.installation import Installation
from noc_platform.streams.books import Refusal, StreamStatus, refusals, stream_statuses

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from noc_platform.correlation.alerts.queries import Counts as Alerts
    from noc_platform.correlation.queries import Counts as Incidents
    from noc_platform.findings.queries import Counts as Findings

SHOWN_REFUSALS = 50


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Why rows were refused, instead.")] = False,
) -> None:
    """Rows and freshness of every stream and product, and the days still waiting for the pipeline."""
    here = Installation.open()
    with here.server.pipeline.transaction() as connection:
        if quarantine:
            _show_refusals(refusals(connection, SHOWN_REFUSALS), as_json)
            return
        streams = stream_statuses(connection)
        found = _findings(connection)
        raised, stories = _alerts(connection), _incidents(connection)
    products = _products(here.settings.lake)
    if as_json:
        document = {
            "streams": {item.stream: asdict(item) for item in streams},
            "products": products,
            "findings": asdict(found),
            "alerts": asdict(raised),
            "incidents": asdict(stories),
            "models": {},
            "queues": {"open_days": sum(item.open_days for item in streams)},
        }
        typer.echo(json.dumps(document, default=str))
        return
    _show(streams, products)
    console = Console()
    console.print()
    for name, by_severity in (
        ("findings", found.open_by_severity), ("alerts", raised.active_by_severity), ("incidents", stories.by_severity),
    ):  # fmt: skip
        worst = ", ".join(f"{count:,} {severity}" for severity, count in by_severity.items())
        console.print(f"Open {name}: {worst or 'none'}.")
    waiting = sum(item.open_days for item in streams)
    console.print("\nNothing waits for noc run." if not waiting else f"\n{waiting} open days wait for noc run.")


def _findings(connection: "Connection") -> "Findings":
    from noc_platform.findings.queries import counts

    return counts(connection)


def _alerts(connection: "Connection") -> "Alerts":
    from noc_platform.correlation.alerts.queries import counts

    return counts(connection)


def _incidents(connection: "Connection") -> "Incidents":
    from noc_platform.correlation.queries import counts

    return counts(connection)


def _products(lake_url: str) -> dict[str, dict[str, object]]:
    from noc_platform.baselines.products import PRODUCTS as JUDGED
    from noc_platform.lake.layout import Lake
    from noc_platform.telemetry.products import PRODUCTS as SIGNALS

    lake = Lake(lake_url)
    return {name: lake.holdings(name) for name in (*SIGNALS, *JUDGED)}


def _show(streams: list[StreamStatus], products: dict[str, dict[str, object]]) -> None:
    table = _table("stream", "rows", "in lake", "newest day", "last heard, UTC", "refused", "open")
    for item in streams:
        received = item.last_received_at.strftime("%Y-%m-%d %H:%M") if item.last_received_at else "never"
        counts = (f"{item.rows:,}", f"{item.archived_rows:,}" if item.newest_day else "")
        table.add_row(
            item.stream, *counts, item.newest_day or "", received, f"{item.quarantined:,}", str(item.open_days)
        )
    console = Console()
    console.print(table)
    console.print()
    made = _table("product", "rows", "newest day")
    for name, holdings in products.items():
        made.add_row(name, f"{holdings['rows']:,}", str(holdings["newest_day"] or ""))
    console.print(made)


def _table(*columns: str) -> Table:
    """Columns that fit 80 characters, numbers to the right."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    return table


def _show_refusals(found: list[Refusal], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in found]))
        return
    table = Table("stream", "source", "column", "rows", "first row", "for example")
    for item in found:
        table.add_row(
            item.stream, item.source, item.column_name or "(line)", f"{item.rows:,}", str(item.first_row), item.example
        )
    Console().print(table)
