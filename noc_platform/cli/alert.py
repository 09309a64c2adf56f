"""`noc alert`: one alert in full, and what people do with it."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from noc_platform.cli.alerts import as_document
from noc_platform.cli.installation import Installation
from noc_platform.cli.words import printable, said_by

alert = typer.Typer(
    help="Show one alert, acknowledge it, assign it, pass it on, or resolve it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
AlertId = Annotated[str, typer.Argument(help="Its id, as `noc alerts` shows it.", metavar="ID")]
By = Annotated[str, typer.Option("--by", help="Who says so.")]
Why = Annotated[str, typer.Option("--why", help="Why, in a sentence.")]
At = Annotated[
    str | None, typer.Option("--at", help="When that was, such as 2026-03-24T12:00:00+00:00; now unless said.")
]


@alert.command()
def show(alert_id: AlertId, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show all of an alert."""
    from noc_platform.correlation.alerts.queries import alert_called

    with Installation.open().server.pipeline.transaction() as connection:
        found = as_document(alert_called(connection, alert_id))
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    for name, value in found.items():
        if value is not None:
            table.add_row(name, Text(printable(str(value))))
    Console().print(table)


@alert.command()
def acknowledge(alert_id: AlertId, by: By, why: Why, at: At = None) -> None:
    """Say that somebody has taken notice."""
    from noc_platform.correlation.alerts import actions

    said = said_by(by, why, at)
    with Installation.open().server.pipeline.transaction() as connection:
        actions.acknowledge(connection, alert_id, said)
    typer.echo(f"Acknowledged. Its history: noc explain alert {alert_id}")


@alert.command()
def assign(
    alert_id: AlertId, by: By, why: Why, to: Annotated[str, typer.Option("--to", help="To whom.")], at: At = None
) -> None:
    """Give it to somebody."""
    from noc_platform.correlation.alerts import actions

    said = said_by(by, why, at)
    with Installation.open().server.pipeline.transaction() as connection:
        actions.assign(connection, alert_id, to, said)
    typer.echo(f"Assigned to {to}. Its history: noc explain alert {alert_id}")


@alert.command()
def escalate(
    alert_id: AlertId,
    by: By,
    why: Why,
    to: Annotated[str | None, typer.Option("--to", help="To whom; nobody in particular unless said.")] = None,
    at: At = None,
) -> None:
    """Pass it on."""
    from noc_platform.correlation.alerts import actions

    said = said_by(by, why, at)
    with Installation.open().server.pipeline.transaction() as connection:
        actions.escalate(connection, alert_id, to, said)
    typer.echo(f"Passed on. Its history: noc explain alert {alert_id}")


@alert.command()
def resolve(alert_id: AlertId, by: By, why: Why, at: At = None) -> None:
    """Say that it is over."""
    from noc_platform.correlation.alerts import actions

    said = said_by(by, why, at)
    with Installation.open().server.pipeline.transaction() as connection:
        actions.resolve(connection, alert_id, said)
    typer.echo(f"Resolved. Its history: noc explain alert {alert_id}")
