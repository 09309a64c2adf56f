"""When the cycle runs: an audit, then alerts, then what signals and alerts make together.

Every five minutes what cannot wait, every quarter of an hour the rest, every hour the baselines. Where several fall
on one minute only the deepest runs: it looks at all that the others do.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from noc_platform.correlation.assets import alerts, correlated_incidents
from noc_platform.findings.assets import audit_findings
from noc_platform.findings.vocabulary import Depth


def cycle_config(depth: Depth, **moments: Any) -> dict[str, Any]:
    """The configuration of one cycle: how deep its audit is, and the moments it is about (`MomentsConfig`)."""
    of_audit: Mapping[str, Any] = {"depth": depth.name, **moments}
    ops = {"audit_findings": of_audit, "alerts": moments, "correlated_incidents": moments}
    return {"ops": {name: {"config": dict(config)} for name, config in ops.items()}}


def _job(name: str, depth: Depth, description: str) -> Any:
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(audit_findings, alerts, correlated_incidents),
        config=cycle_config(depth),
        description=description,
    )


heartbeat_audit = _job("heartbeat_audit", Depth.HEARTBEAT, "Silence, feeds and guards who are inactive by night.")
comprehensive_audit = _job("comprehensive_audit", Depth.COMPREHENSIVE, "All rules over the last two hours.")
deep_audit = _job("deep_audit", Depth.DEEP, "All rules, and the hours baselines hold for unusual.")
CADENCES = (
    (heartbeat_audit, Depth.HEARTBEAT, "5,10,20,25,35,40,50,55 * * * *"),
    (comprehensive_audit, Depth.COMPREHENSIVE, "15,30,45 * * * *"),
    (deep_audit, Depth.DEEP, "0 * * * *"),
)


def _schedule(job: Any, depth: Depth, cron: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=job.description,
    )
    def due(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        """The cycle of the moment it was due, however late it starts."""
        as_of = context.scheduled_execution_time.isoformat()
        return dg.RunRequest(run_key=as_of, run_config=cycle_config(depth, as_of=as_of))

    return due


AUDIT_SCHEDULES = [_schedule(*cadence) for cadence in CADENCES]
