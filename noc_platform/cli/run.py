"""`noc run`: the pipeline for the days present, in this process, recorded where the Dagster UI shows it."""

import json
import os
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from noc_platform.cli.installation import Installation
from noc_platform.errors import BadInput, Busy

if TYPE_CHECKING:
    from dagster import DagsterInstance, ExecuteInProcessResult

# A gap this short is cheaper to run through than to start another run for.
MERGED_GAP = timedelta(days=7)
LONGEST_RANGE = timedelta(days=92)
# What is older is settled, or was audited when it was new.
AUDITED = timedelta(hours=24)
# Any constant will do: it only has to be the same in every process.
RUN_LOCK = 0x4E4F4352
BY_HAND = {"noc/started_by": "noc run"}
Range = tuple[date, date]


def run(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First UTC day; with --to.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last UTC day, included.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Archive telemetry to the lake, make its signals, judge them and audit the last day, for days with something new.

    With --from and --to, for those days whether or not they changed. Exit code 1 when a step or a check failed.
    """
    here = Installation.open()
    os.environ.update(here.dagster_environment())
    ranges = _ranges(here, first, last)
    if not ranges:
        typer.echo(
            json.dumps({"runs": []})
            if as_json
            else "Nothing to do: the lake and the signals have seen everything received."
        )
        return
    with here.server.pipeline.alone(RUN_LOCK) as is_alone:
        if not is_alone:
            raise Busy("Another `noc run` is at work here; wait until it is done.")
        outcomes = _run_all(here, ranges)
    if as_json:
        typer.echo(json.dumps({"runs": outcomes}))
    else:
        _show(outcomes)
    if not all(outcome["success"] for outcome in outcomes):
        raise typer.Exit(1)


def merged(days: list[date]) -> list[Range]:
    """Days in order as ranges: short gaps bridged, long ranges cut."""
    ranges: list[Range] = []
    for day in days:
        if ranges and day - ranges[-1][1] <= MERGED_GAP and day - ranges[-1][0] < LONGEST_RANGE:
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


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


def _run_all(here: Installation, ranges: list[Range]) -> list[dict[str, Any]]:
    import warnings

    import dagster as dg

    warnings.simplefilter("ignore")
    with dg.DagsterInstance.get() as instance:
        _bury_the_killed(instance)
        done = [_run(instance, "telemetry_pipeline", span) for span in ranges]
        # What is usual is learned once all days are there, and each day is judged by what was usual before it.
        done += [_run(instance, "learn_baselines"), *(_run(instance, "judge_days", span) for span in ranges)]
        hours = _last_hours(here)
        return [*done, _run(instance, "deep_audit", config=hours)] if hours else done


def _last_hours(here: Installation) -> dict[str, Any] | None:
    """The audits of the last day that telemetry was received in; None where none was."""
    from noc_platform.findings.audit import last_hour

    with here.server.pipeline.transaction() as connection:
        last = last_hour(connection)
    if last is None:
        return None
    config = {"depth": "DEEP", "as_of": last.isoformat(), "since": (last - AUDITED).isoformat()}
    return {"ops": {"audit_findings": {"config": config}}}


def _bury_the_killed(instance: "DagsterInstance") -> None:
    """Runs of `noc run` that never ended: as we are alone, they were killed, and still hold their pool's slots."""
    import dagster as dg

    unfinished = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(dg.RunsFilter(tags=BY_HAND, statuses=unfinished)):
        instance.report_run_failed(run, "The process was killed; the next `noc run` does its work again.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _run(
    instance: "DagsterInstance", job: str, span: Range | None = None, config: dict[str, Any] | None = None
) -> dict[str, Any]:
    """One run of a job, over a range of days where it works by day, with every asset's rows and checks."""
    from noc_platform.definitions import defs

    first, last = (day.isoformat() for day in span) if span else ("", "")
    days = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last} if span else {}
    with Console(stderr=True).status(f"{job} for {first} to {last}" if span else job):
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}, **(config or {})},
            tags={**BY_HAND, **days},
        )
    return {"from": first, "to": last, "run_id": result.run_id, "success": result.success, **_outcome(result)}


def _outcome(result: "ExecuteInProcessResult") -> dict[str, Any]:
    rows = {}
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        count = materialization.metadata.get("rows_written")
        rows[materialization.asset_key.to_user_string()] = 0 if count is None else count.value
    checks = result.get_asset_check_evaluations()
    errors = [event.message for event in result.all_events if event.is_failure]
    failed = [f"{check.asset_key.to_user_string()}: {check.check_name}" for check in checks if not check.passed]
    return {"rows": rows, "checks": len(checks), "failed_checks": failed, "errors": errors}


def _show(outcomes: list[dict[str, Any]]) -> None:
    table = Table("days", "asset", "rows")
    for outcome in outcomes:
        for number, (asset, rows) in enumerate(outcome["rows"].items()):
            days = f"{outcome['from']} to {outcome['to']}" if outcome["from"] else "all"
            table.add_row("" if number else days, asset, f"{rows:,}")
    console = Console()
    console.print(table)
    failed = [line for outcome in outcomes for line in (*outcome["failed_checks"], *outcome["errors"])]
    console.print(f"{sum(outcome['checks'] for outcome in outcomes)} checks, {len(failed)} problems.")
    for line in failed:
        console.print(f"[red]{line}[/red]")
