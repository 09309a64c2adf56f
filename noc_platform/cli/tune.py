"""`noc tune`: the weekly learning now, or as of any moment: baselines, rates of false alarms, limits."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from noc_platform.cli.installation import Installation
from noc_platform.cli.runs import alone, tell


def tune(
    as_of: Annotated[
        str | None,
        typer.Option(help="Learn from verdicts up to this moment, such as 2026-04-05T03:00:00+00:00; now unless said."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Do what is done each Sunday: learn baselines, count false alarms, move limits as verdicts speak for.

    A limit moves once a week at most. Exit code 1 when a step or a check failed.
    """
    from noc_platform.baselines.jobs import tuning_config
    from noc_platform.streams.forms import instant_called

    moment = instant_called(as_of) if as_of else datetime.now(UTC)
    with alone(Installation.open()) as run_job:
        outcome = run_job("learn_baselines", config=tuning_config(moment))
    tell([outcome], as_json)
    if not as_json:
        typer.echo("What changed: noc threshold history")
