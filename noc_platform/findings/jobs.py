"""When audits run: every five minutes what cannot wait, every quarter of an hour the rest, every hour the baselines.

Where several fall on one minute only the deepest runs: it looks at all that the others do.
"""

from typing import Any

import dagster as dg

from noc_platform.findings.assets import audit_findings
from noc_platform.findings.vocabulary import Depth


def _job(name: str, depth: Depth, description: str) -> Any:
    return dg.define_asset_job(
        name,
        selection=dg.AssetSelection.assets(audit_findings),
        config={"ops": {"audit_findings": {"config": {"depth": depth.name}}}},
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
        """The audit of the moment it was due, however late it starts."""
        as_of = context.scheduled_execution_time.isoformat()
        config = {"depth": depth.name, "as_of": as_of}
        return dg.RunRequest(run_key=as_of, run_config={"ops": {"audit_findings": {"config": config}}})

    return due


AUDIT_SCHEDULES = [_schedule(*cadence) for cadence in CADENCES]
