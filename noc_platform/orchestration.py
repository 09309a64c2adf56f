"""The words Dagster faces share: partitions, groups, owners, pools, retries, and when things run by themselves."""

from enum import StrEnum

import dagster as dg

# Long enough ago for any source; the door refuses events from before NOC_EARLIEST_EVENT, which is the same day.
DAY = dg.DailyPartitionsDefinition(start_date="2000-01-01", timezone="UTC", end_offset=1)
ONE_RUN = dg.BackfillPolicy.single_run()
AFTER_UPSTREAM = dg.AutomationCondition.eager()
TRANSIENT_RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
# Two cores: computations over the lake take both, so they go one at a time.
LAKE_POOL = "lake"


class Group(StrEnum):
    """Where an asset stands in the UI."""

    SOURCES = "sources"
    TELEMETRY = "telemetry"
    SIGNALS = "signals"


class Owner(StrEnum):
    """Whom to ask about an asset."""

    DATA = "team:data-engineering"
    OPERATIONS = "team:noc-operations"
