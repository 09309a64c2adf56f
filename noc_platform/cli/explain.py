"""`noc explain`: the decisions about something, in order: what was seen, by which rule and limit, who decided."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from noc_platform.cli.installation import Installation
from noc_platform.errors import BadInput, NotFound

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from noc_platform.journal.ledger import Entry

KINDS = ("finding", "alert", "site", "tenant", "threshold")


def explain(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.", metavar="KIND")],
    subject_id: Annotated[
        str, typer.Argument(help="Which one; of a threshold site/metric, or site/metric/hour.", metavar="ID")
    ],
    tenant: Annotated[
        str | None, typer.Option(help="Only of this tenant, where several have one of that name.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Tell why something was raised, or was not, and everything that was decided about it, the first first."""
    from noc_platform.journal.documents import plain

    if kind.lower() not in KINDS:
        raise BadInput(f"No decisions are kept about a {kind}; there are: {', '.join(KINDS)}.")
    with Installation.open().server.pipeline.transaction() as connection:
        entries = _trail(connection, kind.lower(), subject_id, tenant)
    if as_json:
        typer.echo(json.dumps(plain([asdict(entry) for entry in entries])))
        return
    for entry in entries:
        _show(entry)


def _trail(connection: "Connection", kind: str, subject_id: str, tenant: str | None) -> "list[Entry]":
    from noc_platform.correlation.alerts.queries import alert_called
    from noc_platform.findings.queries import finding_called
    from noc_platform.journal.ledger import Subject, trail

    called = subject_id
    if kind == "finding":
        called = str(finding_called(connection, subject_id).finding_id)
    elif kind == "alert":
        called = str(alert_called(connection, subject_id).alert_id)
    entries = trail(connection, Subject(kind.upper()), called, tenant)
    of_all, _, hour = called.rpartition("/")
    if kind == "threshold" and hour.isdigit():
        # What is decided for all hours of a metric tells on each of them.
        entries = sorted(
            [*entries, *trail(connection, Subject.THRESHOLD, of_all, tenant)], key=lambda entry: entry.made_at
        )
    if not entries:
        raise NotFound(f"Nothing was decided about the {kind} {subject_id}; is the name right?")
    return entries


def _show(entry: "Entry") -> None:
    console = Console()
    console.print(f"[bold]{entry.made_at:%Y-%m-%d %H:%M:%S} UTC  {entry.action}[/bold]  by {entry.made_by}")
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    table.add_row("why", entry.reason)
    table.add_row("rule", entry.rule)
    if entry.threshold is not None:
        table.add_row("limit", f"{entry.threshold:g}, {entry.threshold_source or 'from nobody knows where'}")
    for name, value in entry.inputs.items():
        if value is not None:
            table.add_row(name, str(value))
    console.print(table)
