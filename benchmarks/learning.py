"""All baselines of 10,000 guards at 2,000 sites learned anew from 30 days of site-hours, from the lake to PostgreSQL.

Claims: at most a minute, and at most fifteen times what mean and deviation of each hour of the week take in pandas,
which borrows nothing, forgets nothing, believes every fluke and writes two numbers a cell instead of twenty-four, takes
from and to the same places.
Run: make bench only=learning
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pyarrow as pa

from benchmarks.installation import installation, opened, put
from benchmarks.race import Result, in_own_process, in_turn, median_seconds
from noc_platform.baselines.products import refresh_profiles
from noc_platform.lake.layout import Lake
from noc_platform.settings import Settings
from noc_platform.store.copying import copy_in
from noc_platform.streams.catalogue import SITES, TENANTS
from noc_platform.telemetry.products import SITE_ACTIVITY_SIGNALS, write_days
from noc_platform.telemetry.vocabulary import Signal

TENANT, SITES_COUNT, DAYS, GUARDS = "bench", 2_000, 30, 5
ROUNDS = 3
MOST_SECONDS = 60.0
SUNDAY = datetime(2026, 3, 1, tzinfo=UTC)
HOUR_MICROSECONDS = 3_600_000_000


def site_hours() -> pa.Table:
    """Site signals of every hour: five guards a site, about half of them there, busier by day."""
    rng = np.random.default_rng(7)
    hours = DAYS * 24
    start = SUNDAY - timedelta(days=DAYS)
    site, number = np.repeat(np.arange(SITES_COUNT), hours), np.tile(np.arange(hours), SITES_COUNT)
    hour_of_week = (start.weekday() * 24 + number) % 168
    guards = rng.integers(1, GUARDS, len(site))
    level = (1.5 + np.sin(hour_of_week % 24 / 24 * 2 * np.pi)) * rng.gamma(20, 1 / 20, SITES_COUNT)[site] * guards
    instants = pa.array(int(start.timestamp()) * 1_000_000 + number * HOUR_MICROSECONDS)
    seconds = guards * 3600.0
    return pa.table(
        {
            "tenant_id": pa.repeat(TENANT, len(site)),
            "site_id": pa.array(np.char.mod("s%05d", site)),
            "bucket": instants.cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC")),
            "hour_of_week": hour_of_week,
            "people_on_duty": guards,
            "people_reporting": guards,
            "duty_seconds": seconds,
            "heard_seconds": seconds,
            Signal.PHONE_EVENTS.value: rng.poisson(6 * level),
            Signal.LOCATION_UPDATES.value: rng.poisson(10 * level),
            Signal.MOVEMENT.value: rng.gamma(2, 100 * level),
            Signal.TASKS.value: rng.poisson(0.3 * level),
            Signal.CHECKPOINTS.value: rng.poisson(level),
            "tasks_due": guards,
            "checkpoints_due": guards,
        }
    )


def ours(home: str) -> Callable[[], None]:
    """The platform's own."""
    settings, server = opened(home)

    def learn() -> None:
        lake = Lake(settings.lake)
        refresh_profiles(
            server.pipeline, lake, SUNDAY, settings.baseline_policy, settings.threshold_policy, SUNDAY
        )  # fmt: skip

    return learn


def by_hand(home: str) -> Callable[[], None]:
    """Mean and deviation of each hour of the week of each site and metric."""
    import pandas as pd
    from sqlalchemy import text

    settings, server = opened(home)
    lake = Lake(settings.lake)

    def learn() -> None:
        rows = pd.concat([lake.read(each).to_pandas() for each in lake.partitions(SITE_ACTIVITY_SIGNALS)])
        cells = rows.groupby(["tenant_id", "site_id", "hour_of_week"])[[signal.value for signal in Signal]]
        both = cells.agg(["mean", "std"]).stack(level=0, future_stack=True).reset_index()
        both = both.rename(columns={"level_3": "metric_type"})
        with server.pipeline.transaction() as connection:
            connection.execute(text("create table if not exists by_hand (tenant_id text, site_id text, "
                                    "hour_of_week int, metric_type text, mean float8, std float8)"))  # fmt: skip
            connection.execute(text("truncate by_hand"))
            copy_in(connection, "by_hand", pa.Table.from_pandas(both, preserve_index=False))

    return learn


def prepared(settings: Settings) -> None:
    """Every day of the site-hours in the lake."""
    rows = site_hours()
    days = [(SUNDAY - timedelta(days=DAYS - number)).date() for number in range(DAYS)]
    write_days(Lake(settings.lake), SITE_ACTIVITY_SIGNALS, rows, days)


def claims() -> list[Result]:
    """Measure."""
    with installation() as (settings, server, _):
        put(settings, server, TENANTS, pa.table({"tenant_id": [TENANT], "name": ["Bench"]}))
        names = [f"s{number:05d}" for number in range(SITES_COUNT)]
        sites = {
            "tenant_id": [TENANT] * SITES_COUNT,
            "site_id": names,
            "name": names,
            "time_zone": ["UTC"] * SITES_COUNT,
        }
        put(settings, server, SITES, pa.table(sites))
        prepared(settings)
        home = str(settings.absolute_home)
        runs = in_turn(
            {"ours": partial(in_own_process, ours, home), "by hand": partial(in_own_process, by_hand, home)}, ROUNDS
        )
    seconds = {name: median_seconds(those) for name, those in runs.items()}
    peak = max(run.peak_gib for run in runs["ours"])
    return [
        Result.at_most(
            f"learning {SITES_COUNT:,} sites, 5 metrics, {DAYS} days: 1.44 M site-hours to 1.68 M cells",
            f"{seconds['ours']:.1f} s, {peak:.2f} GiB", f"mean and deviation in pandas {seconds['by hand']:.1f} s",
            seconds["ours"] / seconds["by hand"], 15, {f"<= {MOST_SECONDS:g} s": seconds["ours"] <= MOST_SECONDS},
            {"median_seconds": seconds, "peak_gib": peak, "rounds": ROUNDS},
        )
    ]  # fmt: skip
