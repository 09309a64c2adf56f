"""Limits for tests: who changes them, what a tuning asks for, what was counted, and sites and profiles they are of."""

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.baselines.changes import Scope
from noc_platform.baselines.profiles import learn_profiles
from noc_platform.baselines.scoring import LIMITS_SCHEMA, PROPOSALS_SCHEMA, RATES_SCHEMA, with_limits
from noc_platform.baselines.standing import RATED_SCHEMA, limits_of
from noc_platform.baselines.tables import baseline_profile
from noc_platform.journal.ledger import Said
from noc_platform.settings import BaselinePolicy, ThresholdPolicy
from noc_platform.store.copying import copy_in
from noc_platform.streams.catalogue import SITES, TENANTS
from noc_platform_tests.baselines.operation import SUNDAY, history, sites
from noc_platform_tests.builders import put

POLICY = ThresholdPolicy()
NOW = SUNDAY + timedelta(days=2, hours=9)
SITE, METRIC, HOUR = "s1", "phone_events", 36


def after(minutes: float) -> datetime:
    """A moment so long after the first."""
    return NOW + timedelta(minutes=minutes)


def said(minutes: float = 0, by: str = "ana", why: str = "too many at night") -> Said:
    """Somebody says so, so many minutes after the first moment."""
    return Said(by, why, after(minutes))


def put_sites(connection: Connection, tenant: str) -> None:
    """A tenant with the sites `s0` and `s1`."""
    put(connection, TENANTS, [{"tenant_id": tenant, "name": tenant}])
    put(connection, SITES, [{"site_id": f"s{n}", "name": f"Site {n}", "time_zone": "UTC"} for n in range(2)], tenant)


def put_profiles(connection: Connection, tenant: str, **changed: Any) -> None:
    """Learned profiles of two sites; columns may be told otherwise."""
    profiles = learn_profiles(history(3, 2, tenant), sites(2, tenant), SUNDAY, BaselinePolicy())
    for name, value in changed.items():
        place = profiles.column_names.index(name)
        profiles = profiles.set_column(
            place, name, pa.repeat(pa.scalar(value, profiles.schema.field(name).type), profiles.num_rows)
        )
    copy_in(connection, baseline_profile.name, profiles)


def scope(tenant: str, hour: int | None = HOUR, site: str = SITE) -> Scope:
    """An hour of the week, or all hours, at a site."""
    return Scope(tenant, site, METRIC, hour)


def proposed(tenant: str, *changes: tuple[int | None, float | None]) -> pa.Table:
    """What a tuning asks for, by hour of the week."""
    rows = [
        {
            "tenant_id": tenant, "site_id": SITE, "metric_type": METRIC, "hour_of_week": hour, "after": value,
            "reason": "three alarms a week where one is allowed", "inputs": '{"alarms": 3}',
        }
        for hour, value in changes
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=PROPOSALS_SCHEMA)


def rated(tenant: str, *rates: tuple[int | None, float, bool]) -> pa.Table:
    """Rates of false alarms by hour of the week, and whether they guard."""
    rows = [
        {
            "tenant_id": tenant, "site_id": SITE, "metric_type": METRIC, "hour_of_week": hour,
            "false_positive_rate": rate, "is_guarded": guarded, "estimated_rate": rate,
            "adjudicated": 12, "false_positives": 8,
        }
        for hour, rate, guarded in rates
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=RATED_SCHEMA)


def limited(*limits: dict[str, Any]) -> pa.Table:
    """Profiles of four sites of tenant `t`, with limits."""
    profiles = learn_profiles(history(4), sites(4), SUNDAY, BaselinePolicy())
    rows = pa.Table.from_pylist(list(limits), schema=LIMITS_SCHEMA)
    return with_limits(profiles, rows, RATES_SCHEMA.empty_table(), POLICY)


def held(
    connection: Connection, tenant: str, as_of: datetime
) -> dict[tuple[str, int | None], tuple[float | None, float | None]]:
    """What is held of the metric: (manual, learned) by site and hour."""
    rows = limits_of(connection, as_of).to_pylist()
    return {
        (row["site_id"], row["hour_of_week"]): (row["manual"], row["learned"])
        for row in rows
        if row["tenant_id"] == tenant
    }


def told(connection: Connection, tenant: str, hour: int = HOUR, site: str = SITE) -> dict[str, Any]:
    """What the profile of a cell says."""
    question = """select * from noc_baseline_profile where tenant_id = :tenant and site_id = :site
                  and metric_type = :metric and hour_of_week = :hour"""
    values = {"tenant": tenant, "site": site, "metric": METRIC, "hour": hour}
    return dict(connection.execute(text(question), values).one()._mapping)
