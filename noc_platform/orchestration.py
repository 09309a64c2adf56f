"""The words Dagster faces share: partitions, groups, owners, pools, retries, and when things run by themselves."""

import warnings
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

# Asked for with open eyes; every process that loads the definitions would print it once an asset.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

# Long enough ago for any source; the door refuses events from before NOC_EARLIEST_EVENT, which is the same day.
DAY = dg.DailyPartitionsDefinition(start_date="2000-01-01", timezone="UTC", end_offset=1)
# A tenant joins when something of it is first seen (`fraud.sensors`).
TENANT = dg.DynamicPartitionsDefinition(name="tenant")
ONE_RUN = dg.BackfillPolicy.single_run()
AFTER_UPSTREAM = dg.AutomationCondition.eager()
TRANSIENT_RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
# Two cores: computations over the lake take both, so they go one at a time.
LAKE_POOL = "lake"
# An audit must not wait for a month's history; only for the audit before it.
AUDIT_POOL = "audit"
# Models are trained one at a time, on both cores.
TRAINING_POOL = "training"
# A feed that says nothing for a day is late; for two, something is broken.
DAILY_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=48), warn_window=timedelta(hours=26))
HOURLY_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3), warn_window=timedelta(minutes=30))
WEEKLY_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=15), warn_window=timedelta(days=8))


class MomentsConfig(dg.Config):
    """Which moments a run is about."""

    as_of: str | None = Field(None, description="The moment, such as 2026-03-30T06:00:00+00:00; now unless given.")
    since: str | None = Field(None, description="Every moment from this one to as_of, not as_of alone.")
    every_minutes: int = Field(60, ge=1, le=1440, description="With since: minutes from one moment to the next.")

    def moments(self) -> list[datetime]:
        """The moments, UTC, the earliest first. Raises `BadInput` for none or far too many."""
        from noc_platform.streams.forms import instant_called
        from noc_platform.telemetry.vocabulary import moments

        as_of = instant_called(self.as_of) if self.as_of else datetime.now(UTC)
        since = instant_called(self.since) if self.since else None
        return moments(as_of, since, timedelta(minutes=self.every_minutes))


class Group:
    """Where an asset stands in the UI. Plain text, because Dagster cannot send an enumeration there."""

    SOURCES = "sources"
    TELEMETRY = "telemetry"
    SIGNALS = "signals"
    BASELINES = "baselines"
    FINDINGS = "findings"
    CORRELATION = "correlation"
    FRAUD = "fraud"


class Owner:
    """Whom to ask about an asset."""

    DATA = "team:data-engineering"
    OPERATIONS = "team:noc-operations"
    MACHINE_LEARNING = "team:machine-learning"
