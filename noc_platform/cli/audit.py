"""`noc audit`: look at all sites now, or as they were at any moment, and record what is found."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from noc_platform.cli.installation import Installation

if TYPE_CHECKING:
    from noc_platform.findings.audit import Audited


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
    """Look at all sites as they were known at a moment, and record what is found."""
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
    done = audits(here.server.pipeline, Lake(settings.lake), asked, Rules[depth.name], policy)
    if as_json:
        typer.echo(json.dumps({"audits": [_document(each) for each in done]}))
    else:
        _show(list(done))


def _document(done: "Audited") -> dict[str, object]:
    return {**asdict(done), "as_of": done.as_of.isoformat(), "late": sorted(done.late)}


def _show(done: "list[Audited]") -> None:
    table = Table("as of, UTC", "guards", "sites", "seen", "opened", "closed", "late feeds", box=None)
    for each in done:
        table.add_row(
            f"{each.as_of:%F %H:%M}", f"{each.guards:,}", f"{each.sites:,}", f"{sum(each.seen.values()):,}",
            f"{each.recorded.opened:,}", f"{each.recorded.closed:,}", ", ".join(sorted(each.late)),
        )  # fmt: skip
    Console().print(table)
    typer.echo("What is open: noc findings")
