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
    for each in found:
        Console().print(_row(each), Text(""))


def _row(alert: "Alert") -> Table:
    """An alert in a few lines: what was said and its id take a line each, in 80 columns too."""
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    where = printable("/".join(filter(None, (alert.tenant_id, alert.site_id, alert.person_id))))
    told = f"{alert.alert_type} {alert.status}, {where}, {alert.occurrence_count}x"
    lines.add_row(Text(alert.severity, style="bold"), Text(told, style="bold"))
    # What other systems wrote is text, not markup: an alert that says [/b] must not hide all others.
    said = "; ".join(printable(part) for part in (alert.message, alert.muted_by) if part)
    last = f"last {alert.last_seen_at:%Y-%m-%d %H:%M} UTC"
    lines.add_row("", Text(f"{said}; {last}" if said else last))
    lines.add_row("", Text(str(alert.alert_id), style="dim"))
    return lines
