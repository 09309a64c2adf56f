"""`noc fraud`: train, promote and roll back models, ask what they are worth, and judge what people should look at."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from noc_platform.cli.fraud_evaluate import evaluate
from noc_platform.cli.installation import Installation
from noc_platform.cli.words import one_of, printable, said_by
from noc_platform.streams.catalogue import CONFIRMED, FALSE_POSITIVE, UNDECIDED, VERDICTS

if TYPE_CHECKING:
    from noc_platform.fraud.cycle import Workshop

SAID = (CONFIRMED, FALSE_POSITIVE, UNDECIDED)
fraud = typer.Typer(
    help="Fraud models: train, compare, promote, roll back, evaluate; and what people should look at.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Tenant = Annotated[str, typer.Option("--tenant", help="Whose model.")]
AnyTenant = Annotated[str | None, typer.Option("--tenant", help="Only of this tenant; every one unless said.")]
By = Annotated[str, typer.Option("--by", help="Who says so.")]
Why = Annotated[str, typer.Option("--why", help="Why, in a sentence.")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@fraud.command()
def train(
    tenant: AnyTenant = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            help="Learn from what was known at this moment, such as 2026-06-07T02:00:00+00:00; now unless said."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Do what is done each Sunday: train each tenant's model, and let it go live if it is good enough and better.

    Exit code 1 when a training failed; one that was refused or skipped did its work.
    """
    from noc_platform.cli.fraud_runs import train_all
    from noc_platform.streams.forms import instant_called

    moment = instant_called(as_of) if as_of else datetime.now(UTC)
    here = Installation.open()
    outcomes = train_all(here, tenant, moment)
    if as_json:
        typer.echo(json.dumps(outcomes))
    else:
        table = Table("tenant", "came to", "version", "labelled", "why")
        for each in outcomes:
            version = "" if each["version"] is None else str(each["version"])
            table.add_row(
                each["tenant"], each["status"], version, f"{each['labelled']:,}", Text(printable(each["reason"]))
            )
        Console().print(table)
        typer.echo(f"Runs and models: http://127.0.0.1:{here.settings.mlflow_port} (noc up)")
    if any(each["status"] == "FAILED" for each in outcomes):
        raise typer.Exit(1)


@fraud.command()
def promote(
    version: Annotated[int, typer.Argument(help="Its version, as `noc fraud models` shows it.")],
    tenant: Tenant,
    by: By,
    why: Why,
) -> None:
    """Let a registered version score from now on, whatever the gate said of it."""
    from noc_platform.fraud import cycle

    here = Installation.open()
    live = cycle.promote(_workshop(here), tenant, version, said_by(by, why, None))
    typer.echo(f"Version {live.version} scores the events of {tenant} now.")


@fraud.command()
def rollback(tenant: Tenant, by: By, why: Why) -> None:
    """Let what scored before score again; rules, where no model did."""
    from noc_platform.fraud import cycle

    live = cycle.roll_back(_workshop(Installation.open()), tenant, said_by(by, why, None))
    typer.echo(f"{f'Version {live.version} scores' if live else 'Rules score'} the events of {tenant} now.")


@fraud.command()
def models(tenant: Tenant, as_json: Json = False) -> None:
    """List a tenant's models, and when each was live."""
    from noc_platform.fraud.live import periods
    from noc_platform.fraud.queries import models_of, tenants_of
    from noc_platform.journal.documents import plain

    with Installation.open().server.pipeline.transaction() as connection:
        tenants_of(connection, tenant)
        rows, spans = models_of(connection, tenant), periods(connection, tenant)
    if as_json:
        typer.echo(json.dumps({"models": plain(rows), "periods": plain(spans)}))
        return
    table = Table("version", "standing", "kind", "learned up to", "precision", "recall", "F1", "PR-AUC", "threshold")
    for row in rows:
        standing = "LIVE" if row.is_active else "in shadow" if row.is_challenger else "gone" if row.pruned_at else ""
        numbers = (row.precision, row.recall, row.f1_score, row.pr_auc, row.threshold)
        table.add_row(
            str(row.model_version), standing, row.algorithm, f"{row.training_date:%Y-%m-%d %H:%M}",
            *("" if number is None else f"{number:.3f}" for number in numbers),
        )  # fmt: skip
    Console().print(table)
    lived = Table("from (UTC)", "until", "scored by", "changed by", "why")
    for span in spans:
        until = "now" if span.live_until is None else f"{span.live_until:%Y-%m-%d %H:%M:%S}"
        scorer = "rules-v1" if span.model_version is None else f"version {span.model_version}"
        why = Text(printable(span.reason))
        lived.add_row(f"{span.live_from:%Y-%m-%d %H:%M:%S}", until, scorer, Text(printable(span.changed_by)), why)
    Console().print(lived)


fraud.command("evaluate")(evaluate)


@fraud.command()
def reviews(
    tenant: Tenant,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """List the attendances people are asked to look at, flagged or drawn by chance, that nobody has judged."""
    from noc_platform.fraud.reviewers import reviews_due
    from noc_platform.journal.documents import plain

    with Installation.open().server.pipeline.transaction() as connection:
        due = reviews_due(connection, tenant, limit)
    if as_json:
        typer.echo(json.dumps(plain(due)))
        return
    table = Table("attendance", "guard", "site", "score", "asked because")
    for each in due:
        table.add_row(
            each.attendance_id, each.person_id, each.site_id or "", f"{each.fraud_score / 100:.2f}", each.selection
        )
    Console().print(table)
    typer.echo(
        "Why: noc explain prediction ATTENDANCE. Judge: noc fraud review ATTENDANCE --verdict confirmed --by --why"
    )


@fraud.command()
def review(
    attendance: Annotated[str, typer.Argument(help="The attendance, as `noc fraud reviews` shows it.")],
    tenant: Tenant,
    verdict: Annotated[str, typer.Option(help="confirmed, false-positive or undecided.")],
    by: By,
    why: Why,
    kind: Annotated[str | None, typer.Option(help="Of what is confirmed: which fraud, such as buddy-punching.")] = None,
) -> None:
    """Say what came of looking at an attendance; models learn from it."""
    from noc_platform.fraud.reviewers import opinion_on

    meant = one_of(verdict, SAID, "verdict")
    kinds = VERDICTS.column("fraud_kind").allowed
    fraud_kind = None if kind is None else one_of(kind, kinds, "fraud")
    here, now = Installation.open(), datetime.now(UTC)
    with here.server.pipeline.transaction() as connection:
        opinion_on(
            connection, tenant, attendance, meant, said_by(by, why, None), here.settings.door_policy, now, fraud_kind
        )
    typer.echo(f"Noted. What was said of it: noc explain prediction {attendance}")


@fraud.command()
def limits(tenant: Tenant, as_json: Json = False) -> None:
    """List the limits of the fraud rules that people have set, and the defaults of the others."""
    from noc_platform.fraud.limits import DEFAULTS, NAMES, limits_book

    with Installation.open().server.pipeline.transaction() as connection:
        held = limits_book(connection).of(tenant, None, None)
    told: dict[str, Any] = {name: {"value": getattr(held, name), "default": getattr(DEFAULTS, name)} for name in NAMES}
    if as_json:
        typer.echo(json.dumps(told))
        return
    table = Table("limit", "in force", "default")
    for name, each in told.items():
        table.add_row(name, f"{each['value']:g}", f"{each['default']:g}")
    Console().print(table)


@fraud.command()
def limit(
    name: Annotated[str, typer.Argument(help="Which limit, as `noc fraud limits` lists them.")],
    value: Annotated[str, typer.Argument(help="Its value; none for that of the client, tenant, or the default again.")],
    tenant: Tenant,
    by: By,
    why: Why,
    client: Annotated[str | None, typer.Option(help="For this client's sites alone.")] = None,
    site: Annotated[str | None, typer.Option(help="For this site alone.")] = None,
) -> None:
    """Set a limit of the fraud rules for a tenant, a client or a site, the nearest of which holds."""
    from noc_platform.fraud.limits import Scope, change
    from noc_platform.fraud.queries import tenants_of

    said = said_by(by, why, None)
    with Installation.open().server.pipeline.transaction() as connection:
        tenants_of(connection, tenant)
        wanted = None if value.lower() == "none" else _number_or_word(value)
        made = change(connection, Scope(tenant, client, site), name, wanted, said)
    before = "none of its own" if made.before is None else f"{made.before:g}"
    typer.echo(f"{made.name} of {made.scope.name}: {value}, was {before}.")


def _number_or_word(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value.upper()


def _workshop(here: Installation) -> "Workshop":
    from noc_platform.fraud.cycle import Workshop
    from noc_platform.fraud.registry import Registry
    from noc_platform.lake.layout import Lake

    registry = Registry(here.server.url_of("mlflow", "postgresql+psycopg2"), here.settings.mlflow_artifacts)
    lake, policy = Lake(here.settings.lake), here.settings.fraud_policy
    return Workshop(here.server.pipeline, lake, registry, policy, lambda: datetime.now(UTC))
