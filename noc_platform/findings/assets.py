"""Findings in Dagster: what the audits found, and how the open findings stand."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from noc_platform.baselines.assets import site_verdicts
from noc_platform.baselines.portrait import heatmap
from noc_platform.findings.checks import finding_checks, finding_specs
from noc_platform.findings.vocabulary import Depth
from noc_platform.orchestration import AUDIT_POOL, HOURLY_FRESH, TRANSIENT_RETRIES, Group, MomentsConfig, Owner
from noc_platform.resources import Platform
from noc_platform.streams.catalogue import (
    ALERTS,
    ATTENDANCE_EVENTS,
    CALENDAR,
    DEVICE_EVENTS,
    JOBNEEDS,
    LOCATION_UPDATES,
    SHIFTS,
    SITES,
    TOURS_DUE,
)
from noc_platform.telemetry.assets import SOURCES

if TYPE_CHECKING:
    from noc_platform.findings.audit import Audited

LOOKED_AT = (
    ALERTS, ATTENDANCE_EVENTS, CALENDAR, DEVICE_EVENTS, JOBNEEDS, LOCATION_UPDATES, SHIFTS, SITES, TOURS_DUE,
)  # fmt: skip
# What the heatmap shows.
SHOWN = timedelta(days=28)


class AuditConfig(MomentsConfig):
    """Which moments are audited, and how deeply."""

    depth: Depth = Field(Depth.DEEP, description="HEARTBEAT, COMPREHENSIVE or DEEP.")


@dg.asset(
    deps=[site_verdicts, *(SOURCES[stream.name] for stream in LOOKED_AT)],
    group_name=Group.FINDINGS,
    owners=[Owner.OPERATIONS],
    kinds={"postgres", "duckdb"},
    tags={"grain": "finding"},
    check_specs=finding_specs("audit_findings"),
    freshness_policy=HOURLY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=AUDIT_POOL,
    code_version="1",
)
def audit_findings(config: AuditConfig, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """What is wrong now at all sites, and why: rules over what phones, rosters and work tell, and unusual hours."""
    from noc_platform.findings.audit import AuditPolicy, audits
    from noc_platform.findings.queries import hours_of_findings, open_rows

    policy = AuditPolicy(platform.settings.movement_policy, platform.settings.finding_policy)
    asked = config.moments()
    done = list(audits(platform.database, platform.lake, asked, config.depth, policy))
    with platform.database.transaction() as connection:
        found = open_rows(connection)
        hours = hours_of_findings(connection, asked[-1] - SHOWN)
    return dg.MaterializeResult(
        metadata={
            **_told(done),
            "findings_open": found.num_rows,
            "by_hour_of_week": heatmap(hours, "findings", "findings of four weeks by hour of the site's week"),
        },
        check_results=finding_checks(found),
    )


def _told(done: list["Audited"]) -> dict[str, Any]:
    """What the audits did, added up; what the last one saw, by type."""
    last = done[-1]
    total = last.recorded
    for each in done[:-1]:
        total += each.recorded
    seen = [f"| {name} | {count} |" for name, count in sorted(last.seen.items())]
    return {
        "rows_written": total.opened,
        "as_of": last.as_of.isoformat(),
        "audits": len(done),
        "guards": last.guards,
        "sites": last.sites,
        "feeds_late": ", ".join(sorted(last.late)) or "none",
        "signal_windows": sum(each.windows for each in done),
        **{f"findings_{name}": getattr(total, name) for name in total.__dataclass_fields__},
        "seen": dg.MetadataValue.md("\n".join(["| type | seen |", "|---|---|", *seen])),
    }
