"""`noc explain`: the decisions about something, in order: what was seen, by which rule and limit, who decided."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from noc_platform.cli.installation import Installation
from noc_platform.cli.predicted import tell_predictions
from noc_platform.cli.story import as_document, read, show
from noc_platform.cli.words import printable
from noc_platform.errors import BadInput, NotFound

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from noc_platform.correlation.queries import Incident
    from noc_platform.journal.ledger import Entry

KINDS = ("finding", "alert", "incident", "prediction", "site", "tenant", "threshold")


def explain(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.", metavar="KIND")],
    subject_id: Annotated[
        str,
        typer.Argument(
            help="Which one; of a threshold site/metric, or site/metric/hour; of a prediction also its event's id or "
            "its attendance's.",
            metavar="ID",
        ),
    ],
    tenant: Annotated[
        str | None, typer.Option(help="Only of this tenant, where several have one of that name.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON array; of an incident one object with its story.")
    ] = False,
) -> None:
    """Tell why something was raised, or was not, and everything that was decided about it, the first first; of an
    incident its story too."""
    from noc_platform.journal.documents import plain

    if kind.lower() not in KINDS:
        raise BadInput(f"No decisions are kept about a {kind}; there are: {', '.join(KINDS)}.")
    if kind.lower() == "prediction":
        tell_predictions(subject_id, tenant, as_json)
        return
    with Installation.open().server.pipeline.transaction() as connection:
        entries = _trail(connection, kind.lower(), subject_id, tenant)
        story = read(connection, subject_id) if kind.lower() == "incident" else None
        stories = _stories(connection, subject_id) if kind.lower() == "alert" else []
    decisions = plain([asdict(entry) for entry in entries])
    if as_json:
        typer.echo(json.dumps(decisions if story is None else {**as_document(story), "decisions": decisions}))
        return
    if story is not None:
        show(story, Console())
        typer.echo("\nWhat was decided")
    for entry in entries:
        _show(entry)
    for incident in stories:
        typer.echo(f"It belongs to incident {incident.incident_id}: {printable(incident.title)}")


def _trail(connection: "Connection", kind: str, subject_id: str, tenant: str | None) -> "list[Entry]":
    from noc_platform.correlation.alerts.queries import alert_called
    from noc_platform.correlation.queries import incident_called
    from noc_platform.findings.queries import finding_called
    from noc_platform.journal.ledger import Subject, trail

    called = subject_id
    if kind == "finding":
        called = str(finding_called(connection, subject_id).finding_id)
    elif kind == "alert":
        called = str(alert_called(connection, subject_id).alert_id)
    elif kind == "incident":
        called = str(incident_called(connection, subject_id).incident_id)
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


def _stories(connection: "Connection", alert_id: str) -> "list[Incident]":
    from noc_platform.correlation.alerts.queries import alert_called
    from noc_platform.correlation.queries import incidents_of_alert

    return incidents_of_alert(connection, alert_called(connection, alert_id).alert_id)


def _show(entry: "Entry") -> None:
    console = Console()
    moment = Text(f"{entry.made_at:%Y-%m-%d %H:%M:%S} UTC  {entry.action}", style="bold")
    console.print(moment.append(f"  by {printable(entry.made_by)}", style="not bold"))
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    # What people and other systems wrote is text, not markup.
    table.add_row("why", Text(printable(entry.reason)))
    table.add_row("rule", entry.rule)
    if entry.threshold is not None:
        table.add_row("limit", f"{entry.threshold:g}, {entry.threshold_source or 'from nobody knows where'}")
    for name, value in entry.inputs.items():
        if value is not None:
            table.add_row(name, Text(printable(str(value))))
    console.print(table)
