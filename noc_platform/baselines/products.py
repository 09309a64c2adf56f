"""Baselines as products: learned once a week into PostgreSQL, and the verdicts of days written to the lake.

A day is judged by what was known at the last Sunday before it, whenever it is judged: late rows and repeated runs
change what is said of a day only through the day's own rows.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, func, select

from noc_platform.baselines.calendar import calendar_of, sites_of, windows_of
from noc_platform.baselines.profiles import INSTANT, PROFILE_SCHEMA, SPECIAL_SCHEMA, learn_profiles
from noc_platform.baselines.scoring import JUDGED_SCHEMA, LIMITS_SCHEMA, RATES_SCHEMA, judge, with_limits
from noc_platform.baselines.tables import baseline_profile
from noc_platform.lake.layout import Lake
from noc_platform.settings import BaselinePolicy, ThresholdPolicy
from noc_platform.store.copying import copy_in, copy_out
from noc_platform.store.sessions import Database
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import CALENDAR, SITES
from noc_platform.telemetry.products import SITE_ACTIVITY_SIGNALS, Written, write_days
from noc_platform.telemetry.vocabulary import Window

SITE_VERDICTS = "baselines/site_verdicts"
PRODUCTS = (SITE_VERDICTS,)
# Evidence reaches this far back into the day before.
REACH = timedelta(days=1)


def last_sunday(day: date) -> datetime:
    """The beginning (UTC) of the Sunday a day's week began with: what is learned from lies before it."""
    return datetime.combine(day - timedelta(days=(day.weekday() + 1) % 7), time.min, UTC)


def newest_sunday(lake: Lake) -> datetime | None:
    """The last Sunday that the newest signals of sites lie in or after; None where there are none."""
    days = [partition.day for partition in lake.partitions(SITE_ACTIVITY_SIGNALS)]
    return last_sunday(max(days)) if days else None


def refresh_profiles(database: Database, lake: Lake, as_of: datetime, policy: BaselinePolicy) -> pa.Table:
    """Learn every baseline from what lies before `as_of` (UTC), and replace the stored ones; gives the new ones."""
    with database.transaction() as connection:
        profiles = _learned(connection, lake, as_of, policy)
        connection.execute(delete(baseline_profile))
        copy_in(connection, baseline_profile.name, profiles)
    return profiles


def refresh_verdicts(
    database: Database, lake: Lake, days: list[date], policy: BaselinePolicy, limits: ThresholdPolicy
) -> Written:
    """Judge the site-hours of consecutive UTC days, and replace their verdicts in the lake."""
    parts = []
    with database.transaction() as connection:
        for as_of, of_week in _by_sunday(days):
            profiles = _profiles(connection, lake, as_of, policy)
            limited = with_limits(profiles, LIMITS_SCHEMA.empty_table(), RATES_SCHEMA.empty_table(), limits)
            hours = _site_hours(lake, [of_week[0] - REACH, *of_week])
            judged = judge(
                hours, limited, policy, _special(connection, Window.of_days(of_week[0] - REACH, of_week[-1]))
            )
            is_asked = pc.greater_equal(judged["bucket"], pa.scalar(_midnight(of_week[0]), INSTANT))
            parts.append(judged.filter(is_asked))
    rows = pa.concat_tables(parts) if parts else JUDGED_SCHEMA.empty_table()
    return write_days(lake, SITE_VERDICTS, rows, days)


def _profiles(connection: Connection, lake: Lake, as_of: datetime, policy: BaselinePolicy) -> pa.Table:
    """The baselines as of a Sunday: the stored ones if they are, else learned for this once."""
    stored = connection.execute(select(func.min(baseline_profile.c.last_updated))).scalar()
    if stored == as_of:
        return copy_out(connection, baseline_profile.name, PROFILE_SCHEMA)
    return _learned(connection, lake, as_of, policy)


def _learned(connection: Connection, lake: Lake, as_of: datetime, policy: BaselinePolicy) -> pa.Table:
    first = as_of.date() - policy.history
    days = [first + timedelta(days=number) for number in range(policy.history.days)]
    sites = copy_out(connection, SITES.table, arrow_schema(SITES))
    special = _special(connection, Window.of_days(days[0], days[-1]))
    return learn_profiles(_site_hours(lake, days), sites, as_of, policy, special)


def _special(connection: Connection, window: Window) -> pa.Table:
    """Hours of a window on holidays, in closures and in maintenance, by site."""
    windows = windows_of(copy_out(connection, CALENDAR.table, arrow_schema(CALENDAR)))
    places = sites_of(copy_out(connection, SITES.table, arrow_schema(SITES)))
    return calendar_of(windows, places, window).hours().select(SPECIAL_SCHEMA.names)


def _site_hours(lake: Lake, days: Iterable[date]) -> pa.Table:
    found = [lake.read(partition) for partition in lake.partitions(SITE_ACTIVITY_SIGNALS, days)]
    if not found:
        from noc_platform.telemetry.products import hourly_site_signals, person_schema

        return hourly_site_signals(person_schema().empty_table())
    return pa.concat_tables(found, promote_options="default")


def _by_sunday(days: list[date]) -> list[tuple[datetime, list[date]]]:
    weeks: dict[datetime, list[date]] = {}
    for day in days:
        weeks.setdefault(last_sunday(day), []).append(day)
    return sorted(weeks.items())


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
