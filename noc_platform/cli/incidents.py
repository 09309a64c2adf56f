"""`noc incidents`: what belongs together, and is one story."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from noc_platform.cli.installation import Installation
from noc_platform.cli.words import one_of, printable
from noc_platform.correlation.vocabulary import CorrelationType, Severity

if TYPE_CHECKING:
    from noc_platform.correlation.queries import Counts, Incident, Times

MOST = 10_000
# Of the last week: how fast people are, not how fast they once were.
LATELY = timedelta(days=7)


def incidents(
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    site: Annotated[str | None, typer.Option(help="Only at this site.")] = None,
    person: Annotated[str | None, typer.Option(help="Only about this person.")] = None,
    at_least: Annotated[
        str, typer.Option("--at-least", help=f"At least so bad: {', '.join(Severity)}.")
    ] = Severity.MEDIUM.value,
    kind: Annotated[str | None, typer.Option("--type", help=f"Only {', '.join(CorrelationType)}.")] = None,
    hours: Annotated[
        float | None, typer.Option("--hours", help="Only what was detected in the last so many.", min=0.0, max=1e5)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Those too that were investigated.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=MOST)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """List open incidents, the worst first, and of those the ones detected last."""
    from noc_platform.correlation.queries import Wanted, counts, incidents, times

    now = datetime.now(UTC)
    wanted = Wanted(
        tenant=tenant,
        site=site,
        person=person,
        at_least=Severity(one_of(at_least, Severity, "severity")),
        kind=CorrelationType(one_of(kind, CorrelationType, "type of incident")) if kind else None,
        since=now - timedelta(hours=hours) if hours is not None else None,
        investigated=None if every else False,
    )
    with Installation.open().server.pipeline.transaction() as connection:
        found = incidents(connection, wanted, limit)
        how_many, how_fast = counts(connection, tenant), times(connection, now - LATELY, now, tenant)
    if as_json:
        typer.echo(json.dumps([as_document(each) for each in found]))
        return
    _show(found, how_many, how_fast)


def as_document(incident: "Incident") -> dict[str, object]:
    """An incident as JSON has it."""
    from noc_platform.journal.documents import plain

    times = {
        "time_to_acknowledge": incident.time_to_acknowledge,
        "time_to_investigate": incident.time_to_investigate,
    }
    document: dict[str, object] = plain({**asdict(incident), **times})
    return document


def _show(found: list["Incident"], how_many: "Counts", how_fast: "Times") -> None:
    console = Console()
    if not found:
        console.print("No such incident.")
    for each in found:
        console.print(_row(each), Text(""))
    console.print(f"Open: {', '.join(f'{count:,} {kind}' for kind, count in how_many.by_type.items()) or 'none'}.")
    if how_fast.to_acknowledge is not None:
        console.print(_fast("MTTA", how_fast.to_acknowledge, how_fast.acknowledged))
    if how_fast.to_investigate is not None:
        console.print(_fast("MTTR", how_fast.to_investigate, how_fast.investigated))
    if found:
        console.print("Why each is one: noc explain incident ID")


def _row(incident: "Incident") -> Table:
    """An incident in three lines: its title and where it is looked up take a line each, in 80 columns too."""
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    state = " (investigated)" if incident.investigated else " (acknowledged)" if incident.acknowledged_at else ""
    lines.add_row(Text(incident.combined_severity, style="bold"), Text(printable(incident.title) + state, style="bold"))
    span = f"{incident.started_at:%Y-%m-%d %H:%M}-{incident.ended_at:%H:%M} UTC"
    if incident.started_at.date() != incident.ended_at.date():
        span = f"{incident.started_at:%Y-%m-%d %H:%M} - {incident.ended_at:%Y-%m-%d %H:%M} UTC"
    people = "1 person" if incident.people_count == 1 else f"{incident.people_count} people"
    alerts = "1 alert" if incident.related_alerts_count == 1 else f"{incident.related_alerts_count} alerts"
    kind = f"{printable(incident.tenant_id)}, {incident.correlation_type}, score {incident.correlation_score:.2f}"
    lines.add_row("", Text(f"{kind}, {people}, {alerts}; {span}"))
    lines.add_row("", Text(str(incident.incident_id), style="dim"))
    return lines


def _fast(name: str, seconds: float, of: int) -> str:
    return f"{name} of the last 7 days: {seconds / 60:,.0f} minutes, of {of:,} incident{'' if of == 1 else 's'}."
