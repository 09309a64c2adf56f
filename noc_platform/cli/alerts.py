"""`noc alerts`: what was raised."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from noc_platform.cli.installation import Installation
from noc_platform.cli.words import one_of, printable
from noc_platform.correlation.vocabulary import ACTIVE, Severity, Status

if TYPE_CHECKING:
    from noc_platform.correlation.alerts.queries import Alert

EVERY = "ALL"
MOST = 10_000


def alerts(
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    site: Annotated[str | None, typer.Option(help="Only at this site.")] = None,
    person: Annotated[str | None, typer.Option(help="Only about this person.")] = None,
    status: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(Status)} or {EVERY}; those that are active unless said.")
    ] = None,
    severity: Annotated[str | None, typer.Option(help=f"At least so bad: {', '.join(Severity)}.")] = None,
    muted: Annotated[bool, typer.Option("--muted", help="Those too that something else explains.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=MOST)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """List alerts, the worst first, and of those the ones raised last."""
    from noc_platform.correlation.alerts.queries import Wanted, alerts

    wanted = Wanted(
        tenant=tenant,
        site=site,
        person=person,
        statuses=_statuses(status),
        at_least=Severity(one_of(severity, Severity, "severity")) if severity else None,
        with_muted=muted,
    )
    with Installation.open().server.pipeline.transaction() as connection:
        found = alerts(connection, wanted, limit)
    if as_json:
        typer.echo(json.dumps([as_document(each) for each in found]))
        return
    _show(found)


def as_document(alert: "Alert") -> dict[str, object]:
    """An alert as JSON has it."""
    from noc_platform.journal.documents import plain

    times = {
        "time_to_acknowledge": alert.time_to_acknowledge,
        "time_to_assign": alert.time_to_assign,
        "time_to_resolve": alert.time_to_resolve,
    }
    document: dict[str, object] = plain({**asdict(alert), **times})
    return document


def _statuses(named: list[str] | None) -> frozenset[Status]:
    if not named:
        return ACTIVE
    words = {word.upper() for word in named}
    if EVERY in words:
        return frozenset()
    return frozenset(Status(one_of(word, Status, "status")) for word in words)


def _show(found: list["Alert"]) -> None:
    if not found:
        typer.echo("No such alert.")
        return
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("last seen, UTC", "severity", "status", "site", "person", "type", "raised"):
        table.add_column(name, justify="right" if name == "raised" else "left", no_wrap=name == "last seen, UTC")
    for each in found:
        table.add_row(
            f"{each.last_seen_at:%Y-%m-%d %H:%M}", each.severity, each.status, each.site_id or "", each.person_id or "",
            each.alert_type, f"{each.occurrence_count}x",
        )  # fmt: skip
        # What other systems wrote is text, not markup: an alert that says [/b] must not hide all others.
        said = Text("\n".join(printable(part) for part in (each.message, each.muted_by, str(each.alert_id)) if part))
        table.add_row("", "", "", "", "", said, "", style="dim")
    Console().print(table)
