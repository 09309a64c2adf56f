"""`noc incident`: one incident in full, and people's say in it."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from noc_platform.cli.incidents import as_document
from noc_platform.cli.installation import Installation
from noc_platform.cli.words import one_of, printable, said_by
from noc_platform.streams.catalogue import CONFIRMED, FALSE_POSITIVE, UNDECIDED

VERDICTS = (CONFIRMED, FALSE_POSITIVE, UNDECIDED)
incident = typer.Typer(
    help="Show one incident, acknowledge or investigate it, merge it with another, split it, or relate it to one.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
IncidentId = Annotated[str, typer.Argument(help="Its id, as `noc incidents` shows it.", metavar="ID")]
OtherId = Annotated[str, typer.Argument(help="The id of the other.", metavar="OTHER")]
By = Annotated[str, typer.Option("--by", help="Who says so.")]
Why = Annotated[str, typer.Option("--why", help="Why, in a sentence.")]
At = Annotated[
    str | None, typer.Option("--at", help="When that was, such as 2026-03-24T12:00:00+00:00; now unless said.")
]


@incident.command()
def show(
    incident_id: IncidentId, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False
) -> None:
    """Show all of an incident; `noc explain incident ID` tells its story."""
    from noc_platform.correlation.queries import incident_called

    with Installation.open().server.pipeline.transaction() as connection:
        found = as_document(incident_called(connection, incident_id))
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    for name, value in found.items():
        if value is not None:
            is_nested = isinstance(value, dict | list)
            table.add_row(name, Text(json.dumps(value, indent=1) if is_nested else printable(str(value))))
    Console().print(table)


@incident.command()
def acknowledge(incident_id: IncidentId, by: By, why: Why, at: At = None) -> None:
    """Say that somebody has taken notice."""
    from noc_platform.correlation import actions

    said = said_by(by, why, at)
    with Installation.open().server.pipeline.transaction() as connection:
        actions.acknowledge(connection, incident_id, said)
    _next("Acknowledged", incident_id)


@incident.command()
def investigate(
    incident_id: IncidentId,
    by: By,
    why: Why,
    at: At = None,
    verdict: Annotated[str, typer.Option(help="confirmed, false-positive or undecided.")] = "confirmed",
    root_cause: Annotated[str, typer.Option("--root-cause", help="What was behind it, if that is known.")] = "",
) -> None:
    """Say what came of looking into it, and close it."""
    from noc_platform.correlation import actions

    now = datetime.now(UTC)
    said, meant = said_by(by, why, at), one_of(verdict, VERDICTS, "verdict")
    here = Installation.open()
    with here.server.pipeline.transaction() as connection:
        actions.investigate(connection, incident_id, said, here.settings.door_policy, now, meant, root_cause)
    _next("Investigated", incident_id)


@incident.command("root-cause")
def root_cause(
    incident_id: IncidentId,
    told: Annotated[str, typer.Argument(help="What was behind it.", metavar="TEXT")],
    by: By,
    why: Why,
    at: At = None,
) -> None:
    """Say what was behind it, also after it was investigated."""
    from noc_platform.correlation import actions

    said = said_by(by, why, at)
    with Installation.open().server.pipeline.transaction() as connection:
        actions.identify_root_cause(connection, incident_id, told, said)
    _next("The root cause is noted", incident_id)


@incident.command()
def merge(incident_id: IncidentId, other_id: OtherId, by: By, why: Why, at: At = None) -> None:
    """Say that the other is part of this one."""
    from noc_platform.correlation import actions

    said = said_by(by, why, at)
    with Installation.open().server.pipeline.transaction() as connection:
        actions.merge(connection, incident_id, other_id, said)
    _next(f"{other_id} is part of it now", incident_id)


@incident.command()
def split(
    incident_id: IncidentId,
    by: By,
    why: Why,
    person: Annotated[list[str] | None, typer.Option("--person", help="Take out what is about them.")] = None,
    after: Annotated[
        str | None, typer.Option("--after", help="Take out what came after, such as 2026-03-24T12:00:00+00:00.")
    ] = None,
    at: At = None,
) -> None:
    """Take a part out into an incident of its own, whose id is given."""
    from noc_platform.correlation import actions
    from noc_platform.streams.forms import instant_called

    said, moment = said_by(by, why, at), None if after is None else instant_called(after)
    with Installation.open().server.pipeline.transaction() as connection:
        new = actions.split(connection, incident_id, said, person or (), moment)
    _next(f"Split. What was taken out is incident {new}", str(new))


@incident.command()
def relate(incident_id: IncidentId, past_id: OtherId, by: By, why: Why, at: At = None) -> None:
    """Note that it has to do with another, past or present."""
    from noc_platform.correlation import actions

    said = said_by(by, why, at)
    with Installation.open().server.pipeline.transaction() as connection:
        actions.relate(connection, incident_id, past_id, said)
    _next(f"Related to {past_id}", incident_id)


def _next(done: str, incident_id: str) -> None:
    typer.echo(f"{done}. Its story: noc explain incident {incident_id}")
