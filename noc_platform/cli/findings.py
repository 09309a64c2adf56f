"""`noc findings`: what was found."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from noc_platform.cli.installation import Installation
from noc_platform.cli.words import one_of, printable
from noc_platform.findings.vocabulary import KINDS, OPEN, Severity, Status

if TYPE_CHECKING:
    from noc_platform.findings.queries import Finding

EVERY = "ALL"
MOST = 10_000


def findings(
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    site: Annotated[str | None, typer.Option(help="Only at this site.")] = None,
    status: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(Status)} or {EVERY}; those that are open unless said.")
    ] = None,
    severity: Annotated[str | None, typer.Option(help=f"At least so bad: {', '.join(Severity)}.")] = None,
    finding_type: Annotated[str | None, typer.Option("--type", help="Only of this type; see docs/runbooks.md.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=MOST)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """List findings, those seen last first."""
    from noc_platform.findings.queries import Wanted, findings

    wanted = Wanted(
        tenant=tenant,
        site=site,
        statuses=_statuses(status),
        at_least=Severity(one_of(severity, Severity, "severity")) if severity else None,
        finding_type=one_of(finding_type, KINDS, "type of finding") if finding_type else None,
    )
    with Installation.open().server.pipeline.transaction() as connection:
        found = findings(connection, wanted, limit)
    if as_json:
        typer.echo(json.dumps([as_document(each) for each in found]))
        return
    _show(found)


def as_document(finding: "Finding") -> dict[str, object]:
    """A finding as JSON has it."""
    from noc_platform.journal.documents import plain

    times = {"time_to_acknowledge": finding.time_to_acknowledge, "time_to_resolve": finding.time_to_resolve}
    document: dict[str, object] = plain({**asdict(finding), **times})
    return document


def _statuses(named: list[str] | None) -> frozenset[Status]:
    if not named:
        return OPEN
    words = {word.upper() for word in named}
    if EVERY in words:
        return frozenset()
    return frozenset(Status(one_of(word, Status, "status")) for word in words)


def _show(found: list["Finding"]) -> None:
    if not found:
        typer.echo("No such finding.")
        return
    for each in found:
        Console().print(_row(each), Text(""))


def _row(finding: "Finding") -> Table:
    """A finding in three lines: what it says and its id take a line each, in 80 columns too."""
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    where = printable("/".join(filter(None, (finding.tenant_id, finding.site_id))))
    told = f"{finding.finding_type} {finding.status}, {where}, {finding.occurrence_count}x"
    lines.add_row(Text(finding.severity, style="bold"), Text(told, style="bold"))
    # Names others gave are text, not markup.
    lines.add_row("", Text(f"{printable(finding.evidence_summary)}; last {finding.last_seen_at:%Y-%m-%d %H:%M} UTC"))
    lines.add_row("", Text(str(finding.finding_id), style="dim"))
    return lines
