"""`noc audit`: look at all sites now, or as they were at any moment; record what is found, and what alerts add."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from noc_platform.cli.installation import Installation

if TYPE_CHECKING:
    from noc_platform.correlation.cycle import Attended
    from noc_platform.correlation.incidents import Correlated
    from noc_platform.findings.audit import Audited

    Cycle = tuple[Audited, Attended, Correlated]


class Depth(StrEnum):
    """How much is looked at."""

    HEARTBEAT = "heartbeat"
    COMPREHENSIVE = "comprehensive"
    DEEP = "deep"


def audit(
    depth: Annotated[
        Depth, typer.Option(help="What cannot wait; all rules; all rules and the baselines.")
    ] = Depth.DEEP,
    as_of: Annotated[
        str | None, typer.Option(help="The moment, such as 2026-03-24T12:00:00+00:00; now unless said.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Audit from this moment to --as-of, step by step.")] = None,
    every: Annotated[int, typer.Option(min=1, max=1440, help="With --since: minutes from one audit to the next.")] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Look at all sites as they were known at a moment, record what is found, and put it together with alerts."""
    from noc_platform.correlation.cycle import attend, correlations
    from noc_platform.findings.audit import AuditPolicy, audits
    from noc_platform.findings.vocabulary import Depth as Rules
    from noc_platform.lake.layout import Lake
    from noc_platform.streams.forms import instant_called
    from noc_platform.telemetry.vocabulary import moments

    here = Installation.open()
    settings = here.settings
    moment = instant_called(as_of) if as_of else datetime.now(UTC)
    asked = moments(moment, instant_called(since) if since else None, timedelta(minutes=every))
    policy = AuditPolicy(settings.movement_policy, settings.finding_policy)
    database = here.server.pipeline
    done = []
    for audited in audits(database, Lake(settings.lake), asked, Rules[depth.name], policy):
        (attended,) = attend(database, [audited.as_of], settings.alert_policy, settings.retention)
        (correlated,) = correlations(database, [audited.as_of], settings.correlation_policy)
        done.append((audited, attended, correlated))
    if as_json:
        typer.echo(json.dumps({"audits": [_document(*each) for each in done]}))
    else:
        _show(done)


def _document(audited: "Audited", attended: "Attended", correlated: "Correlated") -> dict[str, object]:
    as_of = audited.as_of.isoformat()
    alerts, incidents = ({**asdict(each), "as_of": as_of} for each in (attended, correlated))
    return {
        **asdict(audited), "as_of": as_of, "late": sorted(audited.late), "alerts": alerts, "incidents": incidents,
    }  # fmt: skip


def _show(done: "list[Cycle]") -> None:
    table = Table(Column("as of, UTC", no_wrap=True), box=None)
    for heading in ("guards", "sites", "seen", "opened", "closed", "alerts", "incidents", "late"):
        table.add_column(heading)
    for audited, attended, correlated in done:
        table.add_row(
            f"{audited.as_of:%F %H:%M}", f"{audited.guards:,}", f"{audited.sites:,}",
            f"{sum(audited.seen.values()):,}", f"{audited.recorded.opened:,}", f"{audited.recorded.closed:,}",
            f"{attended.taken.opened:,}", f"{correlated.opened:,}", ", ".join(sorted(audited.late)),
        )  # fmt: skip
    Console().print(table)
    typer.echo("What is open: noc findings, noc alerts, noc incidents")
