"""Jobs of Dagster in this process, one command at a time, recorded where the Dagster UI shows them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Console
from rich.table import Table

from noc_platform.cli.installation import Installation
from noc_platform.errors import Busy

if TYPE_CHECKING:
    from dagster import DagsterInstance, ExecuteInProcessResult

# Any constant will do: it only has to be the same in every process.
RUN_LOCK = 0x4E4F4352
BY_HAND = {"noc/started_by": "noc run"}
# A gap this short is cheaper to run through than to start another run for.
MERGED_GAP = timedelta(days=7)
LONGEST_RANGE = timedelta(days=92)
Range = tuple[date, date]
Outcome = dict[str, Any]


class RunJob(Protocol):
    """A way to run a job."""

    def __call__(
        self, job: str, span: Range | None = None, config: dict[str, Any] | None = None, tenant: str | None = None
    ) -> Outcome:
        """Run it once, over a range of days where it works by day, for a tenant where by tenant; gives every asset's
        rows and checks."""


@contextmanager
def alone(here: Installation) -> Iterator[RunJob]:
    """A way to run jobs, for one command of this installation at a time. Raises `Busy` while another is at work."""
    import warnings

    import dagster as dg

    os.environ.update(here.dagster_environment())
    with here.server.pipeline.alone(RUN_LOCK) as is_alone:
        if not is_alone:
            raise Busy("Another `noc run` or `noc tune` is at work here; wait until it is done.")
        warnings.simplefilter("ignore")
        with dg.DagsterInstance.get() as instance:
            _bury_the_killed(instance)

            def run_job(
                job: str, span: Range | None = None, config: dict[str, Any] | None = None, tenant: str | None = None
            ) -> Outcome:
                return _run(instance, job, span, config, tenant)

            yield run_job


def merged(days: list[date]) -> list[Range]:
    """Days in order as ranges: short gaps bridged, long ranges cut."""
    ranges: list[Range] = []
    for day in days:
        if ranges and day - ranges[-1][1] <= MERGED_GAP and day - ranges[-1][0] < LONGEST_RANGE:
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


def tell(outcomes: list[Outcome], as_json: bool) -> None:
    """Show what the runs made; exit code 1 when a step or a check failed."""
    if as_json:
        typer.echo(json.dumps({"runs": outcomes}))
    else:
        _show(outcomes)
    if not all(outcome["success"] for outcome in outcomes):
        raise typer.Exit(1)


def _bury_the_killed(instance: "DagsterInstance") -> None:
    """Runs of `noc run` that never ended: as we are alone, they were killed, and still hold their pool's slots."""
    import dagster as dg

    unfinished = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(dg.RunsFilter(tags=BY_HAND, statuses=unfinished)):
        instance.report_run_failed(run, "The process was killed; the next `noc run` does its work again.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _run(
    instance: "DagsterInstance", job: str, span: Range | None, config: dict[str, Any] | None, tenant: str | None
) -> Outcome:
    from noc_platform.definitions import defs
    from noc_platform.orchestration import TENANT

    if tenant is not None:
        instance.add_dynamic_partitions(str(TENANT.name), [tenant])

    first, last = (day.isoformat() for day in span) if span else ("", "")
    days = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last} if span else {}
    whom = f"{first} to {last}" if span else tenant
    with Console(stderr=True).status(f"{job} for {whom}" if whom else job):
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            raise_on_error=False,
            partition_key=tenant,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}, **(config or {})},
            tags={**BY_HAND, **days},
        )
    return {
        "from": first,
        "to": last,
        "tenant": tenant,
        "run_id": result.run_id,
        "success": result.success,
        **_outcome(result),
    }


def _outcome(result: "ExecuteInProcessResult") -> Outcome:
    rows = {}
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        count = materialization.metadata.get("rows_written")
        rows[materialization.asset_key.to_user_string()] = 0 if count is None else count.value
    checks = result.get_asset_check_evaluations()
    errors = [event.message for event in result.all_events if event.is_failure]
    failed = [f"{check.asset_key.to_user_string()}: {check.check_name}" for check in checks if not check.passed]
    return {"rows": rows, "checks": len(checks), "failed_checks": failed, "errors": errors}


def _show(outcomes: list[Outcome]) -> None:
    table = Table("days or tenant", "asset", "rows")
    for outcome in outcomes:
        for number, (asset, rows) in enumerate(outcome["rows"].items()):
            days = f"{outcome['from']} to {outcome['to']}" if outcome["from"] else outcome["tenant"] or "all"
            table.add_row("" if number else days, asset, f"{rows:,}")
    console = Console()
    console.print(table)
    failed = [line for outcome in outcomes for line in (*outcome["failed_checks"], *outcome["errors"])]
    console.print(f"{sum(outcome['checks'] for outcome in outcomes)} checks, {len(failed)} problems.")
    for line in failed:
        console.print(f"[red]{line}[/red]")
