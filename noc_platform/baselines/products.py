"""Baselines as products: learned once a week into PostgreSQL, and the verdicts of days written to the lake.

A day is judged by what was known at the last Sunday before it, whenever it is judged: late rows and repeated runs
change what is said of a day only through the day's own rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, func, select, union

from noc_platform.baselines.calendar import Calendar, calendar_of, sites_of, windows_of
from noc_platform.baselines.profiles import (
    CONFIRMED_SCHEMA,
    INSTANT,
    PROFILE_SCHEMA,
    SPECIAL_SCHEMA,
    learn_profiles,
)
from noc_platform.baselines.scoring import CELL, JUDGED_SCHEMA, LASTING_HOURS, Verdict, judge, with_limits
from noc_platform.baselines.standing import STATED_SCHEMA, hold, limits_of, rates_of, stated
from noc_platform.baselines.tables import baseline_profile, false_positive_rate, threshold_change
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
HOUR = timedelta(hours=1)
# When people saw anomalies they confirmed.
SEEN_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("tenant_id", "site_id", "metric_type")),
        *((name, INSTANT) for name in ("first_seen_at", "last_seen_at")),
    ]
)
# What people had confirmed at a moment (UTC), as `SEEN_SCHEMA`.
Confirmed = Callable[[Connection, datetime], pa.Table]


def nothing_confirmed(connection: Connection, as_of: datetime) -> pa.Table:  # noqa: ARG001 - a `Confirmed`
    """An operation in which nobody looks at findings."""
    return SEEN_SCHEMA.empty_table()


def last_sunday(day: date) -> datetime:
    """The beginning (UTC) of the Sunday a day's week began with: what is learned from lies before it."""
    return datetime.combine(day - timedelta(days=(day.weekday() + 1) % 7), time.min, UTC)


def newest_sunday(lake: Lake) -> datetime | None:
    """The last Sunday that the newest signals of sites lie in or after; None where there are none."""
    days = [partition.day for partition in lake.partitions(SITE_ACTIVITY_SIGNALS)]
    return last_sunday(max(days)) if days else None


def refresh_profiles(
    database: Database,
    lake: Lake,
    as_of: datetime,
    policy: BaselinePolicy,
    limits: ThresholdPolicy,
    now: datetime,
    confirmed: Confirmed = nothing_confirmed,
) -> pa.Table:
    """Learn every baseline from what lies before `as_of` (UTC), and replace the stored ones; gives the new ones.

    They state the limits in force `now` (UTC).
    """
    with database.transaction() as connection:
        profiles = _learned(connection, lake, as_of, policy, confirmed)
        hold(connection)
        profiles = stated(connection, profiles, limits, now)
        connection.execute(delete(baseline_profile))
        copy_in(connection, baseline_profile.name, profiles)
    return profiles


def refresh_verdicts(
    database: Database,
    lake: Lake,
    days: list[date],
    policy: BaselinePolicy,
    limits: ThresholdPolicy,
    confirmed: Confirmed = nothing_confirmed,
) -> Written:
    """Judge the site-hours of consecutive UTC days, and replace their verdicts in the lake.

    An hour is judged by the limits in force when it was over.
    """
    parts = []
    with database.transaction() as connection:
        for as_of, of_week in _by_sunday(days):
            profiles = _profiles(connection, lake, as_of, policy, confirmed)
            hours = _site_hours(lake, [of_week[0] - REACH, *of_week])
            special = _special(connection, Window.of_days(of_week[0] - REACH, of_week[-1]))
            for span in _spans(connection, Window.of_days(of_week[0], of_week[-1])):
                told = limits_of(connection, span.start), rates_of(connection, span.start)
                judged = judge(hours, with_limits(profiles, *told, limits), policy, special)
                parts.append(_over_within(judged, span))
    rows = pa.concat_tables(parts) if parts else JUDGED_SCHEMA.empty_table()
    return write_days(lake, SITE_VERDICTS, rows, days)


def stated_limits(connection: Connection) -> pa.Table:
    """The limits the stored profiles state, as `standing.STATED_SCHEMA`."""
    return copy_out(connection, baseline_profile.name, STATED_SCHEMA)


def verdicts_between(
    lake: Lake, start: datetime, end: datetime, columns: Sequence[str] = tuple(JUDGED_SCHEMA.names)
) -> pa.Table:
    """Verdicts of the site-hours of the UTC days from one instant's to another's, `columns` of `JUDGED_SCHEMA`."""
    days = [start.date() + timedelta(days=number) for number in range((end.date() - start.date()).days + 1)]
    named = list(columns)
    found = [lake.read(partition, named) for partition in lake.partitions(SITE_VERDICTS, days)]
    return pa.concat_tables([JUDGED_SCHEMA.empty_table().select(named), *found])


def _spans(connection: Connection, window: Window) -> list[Window]:
    """The window, cut wherever a limit was changed or rates of false alarms were counted."""
    asked = union(
        select(threshold_change.c.made_at).where(threshold_change.c.made_at.between(window.start, window.end)),
        select(false_positive_rate.c.as_of).where(false_positive_rate.c.as_of.between(window.start, window.end)),
    )
    cuts = sorted({*connection.execute(asked).scalars(), window.start, window.end})
    return [Window(start, end) for start, end in pairwise(cuts)]


def _over_within(judged: pa.Table, span: Window) -> pa.Table:
    """The hours that were over in `(start, end]`; the first hour of all belongs to the span it began in."""
    first, last = (pa.scalar(moment - HOUR, INSTANT) for moment in (span.start, span.end))
    return judged.filter(pc.and_(pc.greater(judged["bucket"], first), pc.less_equal(judged["bucket"], last)))


def _profiles(
    connection: Connection, lake: Lake, as_of: datetime, policy: BaselinePolicy, confirmed: Confirmed
) -> pa.Table:  # fmt: skip
    """The baselines as of a Sunday: the stored ones if they are, else learned for this once."""
    stored = connection.execute(select(func.min(baseline_profile.c.last_updated))).scalar()
    if stored == as_of:
        return copy_out(connection, baseline_profile.name, PROFILE_SCHEMA)
    return _learned(connection, lake, as_of, policy, confirmed)


def _learned(
    connection: Connection, lake: Lake, as_of: datetime, policy: BaselinePolicy, confirmed: Confirmed
) -> pa.Table:  # fmt: skip
    first = as_of.date() - policy.history
    days = [first + timedelta(days=number) for number in range(policy.history.days)]
    sites = copy_out(connection, SITES.table, arrow_schema(SITES))
    special = _special(connection, Window.of_days(days[0], days[-1]))
    left_out = confirmed_hours(lake, confirmed(connection, as_of))
    return learn_profiles(_site_hours(lake, days), sites, as_of, policy, special, left_out)


def confirmed_hours(lake: Lake, confirmed: pa.Table) -> pa.Table:
    """Hours of anomalies people confirmed, as `CONFIRMED_SCHEMA`, out of when (`SEEN_SCHEMA`) they saw them: those that
    were held for anomalous then, and those before that they rest on."""
    seen = [anomalous for day in _days_of(confirmed) for anomalous in _anomalous(lake, day)]
    if not seen:
        return CONFIRMED_SCHEMA.empty_table()
    both = pa.concat_tables(seen).join(confirmed, CELL[:3], join_type="inner")
    over = pc.add(both["bucket"], pa.scalar(HOUR))
    is_seen = pc.and_(pc.greater_equal(over, both["first_seen_at"]), pc.less_equal(over, both["last_seen_at"]))
    told = both.filter(is_seen)
    rests_on = [
        told.set_column(
            told.schema.get_field_index("bucket"), "bucket", pc.subtract(told["bucket"], pa.scalar(back * HOUR))
        ).filter(pc.greater(told["evidence_hours"], back))
        for back in range(LASTING_HOURS)
    ]
    hours = pa.concat_tables(rests_on).select(CONFIRMED_SCHEMA.names)
    return hours.group_by(CONFIRMED_SCHEMA.names).aggregate([]).cast(CONFIRMED_SCHEMA)


def _days_of(confirmed: pa.Table) -> list[date]:
    """UTC days that anything was seen in; an hour is seen when it is over, which may be the next day."""
    days: set[date] = set()
    for row in confirmed.to_pylist():
        first, last = (row["first_seen_at"] - HOUR).date(), row["last_seen_at"].date()
        days |= {first + timedelta(days=number) for number in range((last - first).days + 1)}
    return sorted(days)


def _anomalous(lake: Lake, day: date) -> Iterator[pa.Table]:
    for partition in lake.partitions(SITE_VERDICTS, [day]):
        rows = lake.read(partition, ["verdict", "evidence_hours", *CONFIRMED_SCHEMA.names])
        yield rows.filter(pc.equal(rows["verdict"], Verdict.ANOMALOUS.value))


def known_calendar(connection: Connection, window: Window) -> Calendar:
    """What people have announced of all sites for a window."""
    windows = windows_of(copy_out(connection, CALENDAR.table, arrow_schema(CALENDAR)))
    places = sites_of(copy_out(connection, SITES.table, arrow_schema(SITES)))
    return calendar_of(windows, places, window)


def _special(connection: Connection, window: Window) -> pa.Table:
    """Hours of a window on holidays, in closures and in maintenance, by site."""
    return known_calendar(connection, window).hours().select(SPECIAL_SCHEMA.names)


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
