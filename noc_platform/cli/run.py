"""`noc run`: the pipeline for the days present, in this process, recorded where the Dagster UI shows it."""

import json
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from noc_platform.cli.fraud_runs import fraud_outcomes
from noc_platform.cli.installation import Installation
from noc_platform.cli.runs import Outcome, Range, RunJob, alone, merged, tell
from noc_platform.errors import BadInput

# What is older is settled, or was audited when it was new.
AUDITED = timedelta(hours=24)


def run(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day; with --to.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day, included.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Archive telemetry to the lake, make its signals, judge them, score attendance for fraud and audit the last day,
    for days with something new.

    With --from and --to, for those days whether or not they changed. Exit code 1 when a step or a check failed.
    """
    here = Installation.open()
    ranges = _ranges(here, first, last)
    if not ranges:
        typer.echo(
            json.dumps({"runs": []})
            if as_json
            else "Nothing to do: the lake and the signals have seen everything received."
        )
        return
    with alone(here) as run_job:
        outcomes = _run_all(here, run_job, ranges)
    tell(outcomes, as_json)


def _ranges(here: Installation, first: datetime | None, last: datetime | None) -> list[Range]:
    from noc_platform.lake.archive import days_to_run

    if (first is None) != (last is None):
        raise BadInput("Give both --from and --to, or neither for the days that changed.")
    if first is not None and last is not None:
        if last < first:
            raise BadInput("--to lies before --from.")
        days = [first.date() + timedelta(days=offset) for offset in range((last - first).days + 1)]
        return merged(days)
    with here.server.pipeline.transaction() as connection:
        return merged(days_to_run(connection))


def _run_all(here: Installation, run_job: RunJob, ranges: list[Range]) -> list[Outcome]:
    done = [run_job("telemetry_pipeline", span) for span in ranges]
    # What is usual is learned once all days are there, and each day is judged by what was usual before it.
    done += [run_job("learn_baselines"), *(run_job("judge_days", span) for span in ranges)]
    # Scores raise alerts: they come in by the door like any other, the audit takes them in, and the lake keeps them.
    done += fraud_outcomes(here, run_job, ranges)
    done += [run_job("telemetry_pipeline", span) for span in _ranges(here, None, None)]
    hours = _last_hours(here)
    return [*done, run_job("deep_audit", config=hours)] if hours else done


def _last_hours(here: Installation) -> dict[str, Any] | None:
    """The audits of the last day that telemetry was received in; None where none was."""
    from noc_platform.correlation.jobs import cycle_config
    from noc_platform.findings.audit import last_hour
    from noc_platform.findings.vocabulary import Depth

    with here.server.pipeline.transaction() as connection:
        last = last_hour(connection)
    if last is None:
        return None
    return cycle_config(Depth.DEEP, as_of=last.isoformat(), since=(last - AUDITED).isoformat())
