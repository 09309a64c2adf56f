"""Correlation in Dagster: alerts as they stand, and the incidents that signals and alerts make."""

from datetime import timedelta
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import dagster as dg

from noc_platform.correlation.checks import alert_specs, checks_of, incident_specs
from noc_platform.correlation.portrait import counted, timeline
from noc_platform.correlation.vocabulary import COMPLETE, IN_WINDOW, KEPT_BACK, ONE_TENANT, TAKEN
from noc_platform.findings.assets import audit_findings
from noc_platform.orchestration import AUDIT_POOL, HOURLY_FRESH, TRANSIENT_RETRIES, Group, MomentsConfig, Owner
from noc_platform.resources import Platform
from noc_platform.streams.catalogue import ALERTS, CALENDAR, SITES
from noc_platform.telemetry.assets import SOURCES

if TYPE_CHECKING:
    from noc_platform.correlation.cycle import Attended
    from noc_platform.correlation.incidents import Correlated

# What the timeline shows.
SHOWN = timedelta(days=2)


@dg.asset(
    # What an audit found of a whole site explains the alerts about its people.
    deps=[audit_findings, *(SOURCES[stream.name] for stream in (ALERTS, CALENDAR, SITES))],
    group_name=Group.CORRELATION,
    owners=[Owner.OPERATIONS],
    kinds={"postgres"},
    tags={"grain": "alert"},
    check_specs=alert_specs("alerts"),
    freshness_policy=HOURLY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=AUDIT_POOL,
    code_version="1",
)
def alerts(config: MomentsConfig, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """Alerts, one for each thing that is wrong however often it is raised; passed on when nobody looks."""
    from noc_platform.correlation.alerts.queries import counts
    from noc_platform.correlation.cycle import attend
    from noc_platform.correlation.soundness import unsound_alerts

    asked = config.moments()
    done = list(attend(platform.database, asked, platform.settings.alert_policy, platform.settings.retention))
    with platform.database.transaction() as connection:
        standing = counts(connection)
        unsound = unsound_alerts(connection, asked[-1])
    return dg.MaterializeResult(
        metadata={
            **_attended(done),
            "by_status": standing.by_status,
            "active_by_severity": standing.active_by_severity,
        },
        check_results=checks_of("alerts", (TAKEN, KEPT_BACK), unsound),
    )


@dg.asset(
    deps=[alerts, audit_findings],
    group_name=Group.CORRELATION,
    owners=[Owner.OPERATIONS],
    kinds={"postgres", "duckdb"},
    tags={"grain": "incident"},
    check_specs=incident_specs("correlated_incidents"),
    freshness_policy=HOURLY_FRESH,
    retry_policy=TRANSIENT_RETRIES,
    pool=AUDIT_POOL,
    code_version="1",
)
def correlated_incidents(config: MomentsConfig, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult:
    """Signals and alerts that are one story: the same person or site at the same time, as incidents."""
    from noc_platform.correlation.cycle import correlations
    from noc_platform.correlation.queries import shown
    from noc_platform.correlation.soundness import unsound_incidents

    asked = config.moments()
    done = list(correlations(platform.database, asked, platform.settings.correlation_policy))
    with platform.database.transaction() as connection:
        rows = shown(connection, asked[-1] - SHOWN)
        unsound = unsound_incidents(connection, asked[-1])
    return dg.MaterializeResult(
        metadata={
            **_correlated(done),
            "timeline": timeline(rows),
            "by_type": counted(rows, "correlation_type"),
            "by_severity": counted(rows, "combined_severity"),
        },
        check_results=checks_of("correlated_incidents", (ONE_TENANT, IN_WINDOW, COMPLETE), unsound),
    )


def _attended(done: list["Attended"]) -> dict[str, Any]:
    taken = reduce(add, (each.taken for each in done))
    return {
        "rows_written": taken.opened,
        "as_of": done[-1].as_of.isoformat(),
        **{f"alerts_{name}": getattr(taken, name) for name in taken.__dataclass_fields__},
        "alerts_passed_on": sum(each.escalated for each in done),
        "alerts_closed": sum(each.closed for each in done),
    }


def _correlated(done: list["Correlated"]) -> dict[str, Any]:
    last = done[-1]
    return {
        "rows_written": sum(each.opened for each in done),
        "as_of": last.as_of.isoformat(),
        "signal_windows": last.windows,
        "alert_occurrences": last.alerts,
        "pairs_matched": last.matched,
        **{f"incidents_{name}": sum(getattr(each, name) for each in done) for name in ("opened", "attached", "merged")},
    }
