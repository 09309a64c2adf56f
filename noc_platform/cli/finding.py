"""`noc finding`: one finding in full, and people's say in it."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from noc_platform.cli.findings import as_document
from noc_platform.cli.installation import Installation
from noc_platform.cli.words import printable, said_by

finding = typer.Typer(
    help="Show one finding, acknowledge it, resolve it, or say that it was a false positive.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
FindingId = Annotated[str, typer.Argument(help="Its id, as `noc findings` shows it.", metavar="ID")]
By = Annotated[str, typer.Option("--by", help="Who says so.")]
Why = Annotated[str, typer.Option("--why", help="Why, in a sentence.")]
At = Annotated[
    str | None, typer.Option("--at", help="When that was, such as 2026-03-24T12:00:00+00:00; now unless said.")
]


@finding.command()
def show(
    finding_id: FindingId, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False
) -> None:
    """Show all of a finding."""
    from noc_platform.findings.queries import finding_called

    with Installation.open().server.pipeline.transaction() as connection:
        found = as_document(finding_called(connection, finding_id))
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    for name, value in found.items():
        if value is not None:
            said = json.dumps(value, indent=1) if isinstance(value, dict | list) else printable(str(value))
            table.add_row(name, Text(said))
    Console().print(table)


@finding.command()
def acknowledge(finding_id: FindingId, by: By, why: Why, at: At = None) -> None:
    """Say that somebody has taken notice."""
    from noc_platform.findings import verdicts

    with Installation.open().server.pipeline.transaction() as connection:
        verdicts.acknowledge(connection, finding_id, said_by(by, why, at))
    typer.echo(f"Acknowledged. Its history: noc explain finding {finding_id}")


@finding.command()
def resolve(
    finding_id: FindingId,
    by: By,
    why: Why,
    at: At = None,
    undecided: Annotated[
        bool, typer.Option("--undecided", help="It is over, and nobody could tell whether it was so.")
    ] = False,
) -> None:
    """Say that it was so, and is over."""
    from noc_platform.findings import verdicts

    now = datetime.now(UTC)
    here = Installation.open()
    with here.server.pipeline.transaction() as connection:
        said = said_by(by, why, at)
        verdicts.resolve(connection, finding_id, said, here.settings.door_policy, now, is_confirmed=not undecided)
    typer.echo(f"Resolved. Its history: noc explain finding {finding_id}")


@finding.command("false-positive")
def false_positive(finding_id: FindingId, by: By, why: Why, at: At = None) -> None:
    """Say that there was nothing; the limit it passed learns from it."""
    from noc_platform.findings import verdicts

    now = datetime.now(UTC)
    here = Installation.open()
    with here.server.pipeline.transaction() as connection:
        said = said_by(by, why, at)
        verdicts.mark_false_positive(connection, finding_id, said, here.settings.door_policy, now)
    typer.echo(f"A false positive. Its history: noc explain finding {finding_id}")
