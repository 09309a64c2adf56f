"""`noc thresholds`: which limit is in force where, and where it comes from."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from noc_platform.cli.installation import Installation

if TYPE_CHECKING:
    from noc_platform.baselines.queries import Standing

MOST = 2_000_000
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOURS_A_DAY, HOURS_A_WEEK = 24, 168


def thresholds(
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    site: Annotated[str | None, typer.Option(help="Only at this site.")] = None,
    metric: Annotated[str | None, typer.Option(help="Only of this metric.")] = None,
    hour: Annotated[
        int | None, typer.Option(min=0, max=HOURS_A_WEEK - 1, help="Only this hour of the week; Monday 00:00 is 0.")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many hours of weeks.", min=1, max=MOST)] = 20_160,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, an object for each hour.")] = False,
) -> None:
    """List the limits in force, in standard deviations, by site, metric and hour of the site's week."""
    from noc_platform.baselines.queries import Wanted, thresholds
    from noc_platform.journal.documents import plain

    here = Installation.open()
    wanted = Wanted(tenant, site, metric, hour)
    with here.server.pipeline.transaction() as connection:
        found = thresholds(connection, wanted, here.settings.threshold_policy, datetime.now(UTC), limit)
    if as_json:
        typer.echo(json.dumps(plain([asdict(each) for each in found])))
        return
    if not found:
        typer.echo("No baseline is known there; noc run learns them.")
        return
    _show(found)
    if len(found) == limit:
        typer.echo(f"Only the first {limit:,} hours; narrow it with --site, or raise --limit.")


def hours_named(first: int, last: int) -> str:
    """Hours of the week from one to another, both of them, as people say it."""
    if last - first + 1 == HOURS_A_WEEK:
        return "every hour"
    begin, end = ((DAYS[hour // HOURS_A_DAY % 7], hour % HOURS_A_DAY) for hour in (first, last + 1))
    same_day = first // HOURS_A_DAY == last // HOURS_A_DAY
    until = f"{end[1] or HOURS_A_DAY:02}:00" if same_day else f"{end[0]} {end[1]:02}:00"
    return f"{begin[0]} {begin[1]:02}:00-{until}"


def _show(found: "list[Standing]") -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("site", "metric", "hours", "limit", "from", "false", "samples", "last changed, UTC", "by"):
        table.add_column(name, justify="right" if name in ("limit", "false", "samples") else "left")
    # What is the same in one hour after another is one line.
    for _, run in groupby(enumerate(found), key=lambda each: (each[1].hour_of_week - each[0], *_told(each[1]))):
        table.add_row(*_row([each for _, each in run]))
    Console().print(table)


def _told(each: "Standing") -> tuple[object, ...]:
    place = (each.tenant_id, each.site_id, each.metric_type)
    return (*place, each.threshold, each.source, each.false_positive_rate, each.last_changed, each.last_changed_by)


def _row(run: "list[Standing]") -> Iterable[str]:
    one = run[0]
    samples = sorted(each.sample_count for each in run)
    return (
        one.site_id,
        one.metric_type,
        hours_named(one.hour_of_week, run[-1].hour_of_week),
        "" if one.threshold is None else f"{one.threshold:.2f}",
        one.source,
        "" if one.false_positive_rate is None else f"{one.false_positive_rate:.0%}",
        f"{samples[0]}" if samples[0] == samples[-1] else f"{samples[0]}-{samples[-1]}",
        "" if one.last_changed is None else f"{one.last_changed:%Y-%m-%d %H:%M}",
        one.last_changed_by or "",
    )
