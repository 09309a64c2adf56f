"""`noc threshold`: try a limit on what is stored, set it, give it up, roll a change back, see who changed what."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from noc_platform.cli.installation import Installation
from noc_platform.cli.thresholds import hours_named
from noc_platform.cli.words import said_by

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from noc_platform.baselines.calibration import Outcome, Simulation
    from noc_platform.baselines.changes import Change, Scope

SHOWN_ALARMS = 10
LIMIT_HELP = "The limit, in standard deviations: 1.5 to 5."

threshold = typer.Typer(
    help="Try a limit on stored history, set it, give it up, roll a change back, or see all changes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Value = Annotated[float, typer.Argument(help=LIMIT_HELP, metavar="LIMIT")]
Tenant = Annotated[str | None, typer.Option(help="The tenant; need not be said where only one has such a site.")]
Site = Annotated[str, typer.Option(help="The site.")]
Metric = Annotated[str, typer.Option(help="The metric, such as phone_events.")]
Hour = Annotated[
    int | None, typer.Option(help="The hour of the site's week, Monday 00:00 is 0; all hours unless said.")
]
Days = Annotated[int, typer.Option(help="So many days of history.", min=1)]
By = Annotated[str, typer.Option("--by", help="Who changes it.")]
Why = Annotated[str, typer.Option("--why", help="Why, in a sentence.")]
At = Annotated[
    str | None, typer.Option("--at", help="From when on, such as 2026-03-24T12:00:00+00:00; now unless said.")
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="The days before this moment; before the end of what is stored unless said."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@threshold.command()
def simulate(
    value: Value,
    site: Site,
    metric: Metric,
    hour: Hour = None,
    tenant: Tenant = None,
    days: Days = 30,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a limit would have done, from stored history, and change nothing."""
    from noc_platform.baselines.limits import site_scope
    from noc_platform.streams.forms import instant_called

    here = Installation.open()
    with here.server.pipeline.transaction() as connection:
        scope = site_scope(connection, site, metric, hour, tenant)
        done = _simulated(here, connection, scope, value, days, instant_called(as_of) if as_of else None)
    if as_json:
        typer.echo(json.dumps(_document(done)))
    else:
        _show(done)


@threshold.command()
def suggest(
    alarms: Annotated[float, typer.Argument(help="So many false alarms a week are fine.", min=0.0, metavar="ALARMS")],
    site: Site,
    metric: Metric,
    hour: Hour = None,
    tenant: Tenant = None,
    days: Days = 30,
    as_json: AsJson = False,
) -> None:
    """Find the lowest limit that would have raised no more than so many false alarms a week; change nothing."""
    from noc_platform.baselines.calibration import find_optimal
    from noc_platform.baselines.limits import site_scope
    from noc_platform.journal.documents import plain

    here = Installation.open()
    with here.server.pipeline.transaction() as connection:
        scope = site_scope(connection, site, metric, hour, tenant)
        judged, said, end = _history(here, connection, scope, days, None)
    found = find_optimal(judged, said, scope, alarms, end, days)
    if as_json:
        typer.echo(json.dumps(plain(asdict(found))))
    elif not found.hours:
        typer.echo(f"No stored hour of {scope.name} was judged in those {days} days; noc run judges them.")
    elif found.threshold is None:
        typer.echo(f"No limit up to 5 would have raised so few alarms in the {found.hours:,} hours stored.")
    else:
        typer.echo(
            f"{found.threshold:.2f}: {found.false_alarms_per_week:.2f} alarms a week that nobody confirmed, in the "
            f"{found.hours:,} hours stored."
        )


@threshold.command("set")
def set_limit(
    value: Value,
    site: Site,
    metric: Metric,
    by: By,
    why: Why,
    hour: Hour = None,
    tenant: Tenant = None,
    at: At = None,
    days: Days = 30,
    as_json: AsJson = False,
) -> None:
    """Set a limit; it comes before whatever the platform learns. Tells what it would have done, where history tells."""
    from noc_platform.baselines.limits import set_manual, site_scope

    here = Installation.open()
    with here.server.pipeline.transaction() as connection:
        scope = site_scope(connection, site, metric, hour, tenant)
        # Before it is set: what was in force is what it is compared with.
        tried = _simulated(here, connection, scope, value, days, None)
        change = set_manual(connection, scope, value, said_by(by, why, at), here.settings.threshold_policy)
    if as_json:
        typer.echo(json.dumps({"change": _written(change), "simulation": _document(tried)}))
        return
    typer.echo(_told(change))
    if tried.would is not None and tried.did is not None:
        typer.echo(
            f"It would have fired {tried.would.alert_count} times in {days} days instead of {tried.did.alert_count} "
            f"({tried.hours:,} judged hours are stored)."
        )


@threshold.command()
def reset(
    site: Site,
    metric: Metric,
    by: By,
    why: Why,
    hour: Hour = None,
    tenant: Tenant = None,
    at: At = None,
    learned: Annotated[bool, typer.Option("--learned", help="Forget what was learned as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Back to automatic: give up what a person set."""
    from noc_platform.baselines.limits import reset, site_scope

    here = Installation.open()
    with here.server.pipeline.transaction() as connection:
        scope = site_scope(connection, site, metric, hour, tenant)
        policy = here.settings.threshold_policy
        done = reset(connection, scope, said_by(by, why, at), policy, is_learned_too=learned)
    if as_json:
        typer.echo(json.dumps({"changes": [_written(each) for each in done]}))
        return
    for each in done:
        typer.echo(_told(each))


@threshold.command()
def rollback(
    change_id: Annotated[str, typer.Argument(help="The change, as `noc threshold history` shows it.", metavar="ID")],
    by: By,
    why: Why,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Restore what a change replaced."""
    from noc_platform.baselines.limits import roll_back

    here = Installation.open()
    with here.server.pipeline.transaction() as connection:
        change = roll_back(connection, change_id, said_by(by, why, at), here.settings.threshold_policy)
    typer.echo(json.dumps({"change": _written(change)}) if as_json else _told(change))


@threshold.command()
def history(
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    site: Annotated[str | None, typer.Option(help="Only at this site.")] = None,
    metric: Annotated[str | None, typer.Option(help="Only of this metric.")] = None,
    hour: Annotated[int | None, typer.Option(help="Only those made for this hour of the week.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """List changes of limits, the newest first: who made them, when and why."""
    from noc_platform.baselines.queries import Wanted, changes

    with Installation.open().server.pipeline.transaction() as connection:
        found = changes(connection, Wanted(tenant, site, metric, hour), limit)
    if as_json:
        typer.echo(json.dumps([_written(each) for each in found]))
        return
    if not found:
        typer.echo("No limit was ever changed there.")
        return
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("made at, UTC", "by", "of", "kind", "from", "to"):
        table.add_column(name, justify="right" if name in ("from", "to") else "left", overflow="fold")
    for each in found:
        before, value = ("none" if told is None else f"{told:.2f}" for told in (each.before, each.value))
        table.add_row(f"{each.made_at:%Y-%m-%d %H:%M}", each.made_by, each.scope.name, each.kind, before, value)
        table.add_row("", "", f"{each.reason}\n{each.change_id}", "", "", "", style="dim")
    Console().print(table)


def _history(
    here: Installation, connection: "Connection", scope: "Scope", days: int, as_of: datetime | None
) -> tuple[Any, Any, datetime]:
    """Stored hours of the days before a moment, what people said of findings since, and the moment."""
    from noc_platform.baselines.queries import judged_hours, judged_until
    from noc_platform.findings.queries import adjudicated
    from noc_platform.lake.layout import Lake

    lake, now = Lake(here.settings.lake), datetime.now(UTC)
    end = as_of or judged_until(lake, scope.tenant_id) or now
    since = end - timedelta(days=days)
    return judged_hours(lake, scope, since, end), adjudicated(connection, since, max(now, end)), end


def _simulated(
    here: Installation, connection: "Connection", scope: "Scope", value: float, days: int, as_of: datetime | None
) -> "Simulation":
    from noc_platform.baselines.calibration import simulate
    from noc_platform.baselines.standing import limits_of

    judged, said, end = _history(here, connection, scope, days, as_of)
    return simulate(judged, said, scope, value, end, days, limits_of(connection, datetime.now(UTC), scope.where))


def _document(done: "Simulation") -> dict[str, Any]:
    from noc_platform.journal.documents import plain

    document: dict[str, Any] = plain(
        {
            "status": done.status,
            "scope": asdict(done.scope),
            "candidate": done.candidate,
            "current": done.current,
            "days": done.days,
            "hours": done.hours,
            "simulation_results": done.would and _results(done.would),
            "current_results": done.did and _results(done.did),
            "comparison": {"alert_count_change": done.alert_count_change, "fp_rate_change": done.fp_rate_change},
            "advice": done.advice,
            "recommendation": done.recommendation,
            "alarms": [asdict(each) for each in done.alarms],
        }
    )
    return document


def _results(outcome: "Outcome") -> dict[str, Any]:
    matrix = {name: told for name, told in asdict(outcome).items() if name not in ("alert_count", "unknown")}
    return {
        "alert_count": outcome.alert_count,
        "unknown": outcome.unknown,
        "false_positive_rate": outcome.false_positive_rate,
        "true_positive_rate": outcome.true_positive_rate,
        "precision": outcome.precision,
        "confusion_matrix": matrix,
    }


def _written(change: "Change") -> dict[str, Any]:
    from noc_platform.journal.documents import plain

    document: dict[str, Any] = plain(asdict(change))
    return document


def _told(change: "Change") -> str:
    before, value = (
        f"no {change.kind.lower()} limit" if told is None else f"{told:.2f}" for told in (change.before, change.value)
    )
    return f"{change.scope.name}: {value} instead of {before}. To undo it: noc threshold rollback {change.change_id}"


def _show(done: "Simulation") -> None:
    if done.would is None or done.did is None:
        typer.echo(done.recommendation)
        return
    hour = done.scope.hour_of_week
    hours = hours_named(*((0, 167) if hour is None else (hour, hour)))
    console = Console()
    console.print(f"{done.scope.site_id}, {done.scope.metric_type}, {hours}: {done.hours:,} hours of {done.days} days")
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("", f"{done.candidate:.2f}", f"{done.current:.2f}, in force"):
        table.add_column(name, justify="right" if name else "left")
    for name in ("alert_count", "unknown", "true_positives", "false_positives", "false_negatives", "true_negatives"):
        table.add_row(name.replace("_", " "), *(str(getattr(each, name)) for each in (done.would, done.did)))
    for name in ("false_positive_rate", "true_positive_rate", "precision"):
        rates = (getattr(each, name) for each in (done.would, done.did))
        table.add_row(name.replace("_", " "), *("unknown" if rate is None else f"{rate:.0%}" for rate in rates))
    console.print(table)
    console.print(done.recommendation, soft_wrap=True)
    if done.alarms:
        fired = Table("from, UTC", "until", "side", "z", "people said", box=None, padding=(0, 1, 0, 0))
        for each in done.alarms[:SHOWN_ALARMS]:
            times = (f"{each.starts_at:%Y-%m-%d %H:%M}", f"{each.ends_at:%H:%M}")
            fired.add_row(*times, each.direction, f"{each.evidence_z:.1f}", each.known)
        console.print(fired)
