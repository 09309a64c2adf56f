"""Why an attendance was scored as it was: what said most, which rules fired, which model it was, and when live."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from noc_platform.cli.installation import Installation
from noc_platform.cli.words import printable
from noc_platform.errors import NotFound

if TYPE_CHECKING:
    from noc_platform.fraud.queries import Prediction


def tell_predictions(called: str, tenant: str | None, as_json: bool) -> None:
    """Show the predictions of that name, of one tenant where it is named."""
    from noc_platform.fraud.queries import predictions_called
    from noc_platform.journal.documents import plain

    here = Installation.open()
    with here.server.pipeline.transaction() as connection:
        found = [each for each in predictions_called(connection, called) if tenant in (None, each.tenant_id)]
    if not found:
        raise NotFound(f"No prediction of {tenant} is called {called}.")
    if as_json:
        typer.echo(json.dumps(plain([asdict(each) for each in found])))
        return
    for each in found:
        _show(each, f"http://127.0.0.1:{here.settings.mlflow_port}")


def _show(told: "Prediction", mlflow: str) -> None:
    console = Console()
    came = "punching out" if told.stage == "OUT" else "punching in"
    heading = f"{told.person_id} {came} at {told.site_id or 'nowhere known'}, {told.happened_at:%Y-%m-%d %H:%M} UTC"
    console.print(Text(f"{printable(heading)}: {told.fraud_score / 100:.2f} {told.risk_level}", style="bold"))
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    table.add_row("scored by", Text(_scorer(told)))
    table.add_row("score", f"the highest of: rules {told.rule_score / 100:.2f}, {_probability(told)}")
    table.add_row(
        "known", f"{told.model_confidence:.0%} of what is asked; as known {told.known_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    for each in told.reasons:
        table.add_row(*_reason(each))
    for each in told.detections:
        table.add_row(each["detector"], Text(printable(f"{each['reason']} ({each['severity']})")))
    table.add_row("people say", Text(_said(told)))
    if told.mlflow_run_id is not None:
        table.add_row("its training", f"{mlflow}, run {told.mlflow_run_id}")
    console.print(table)


def _scorer(told: "Prediction") -> str:
    if told.model_id is None:
        return f"{told.model_version}, as no model was live, {told.predicted_at:%Y-%m-%d %H:%M:%S} UTC"
    if told.live_from is None:
        lived = "never live here"
    else:
        until = "now" if told.live_until is None else f"{told.live_until:%Y-%m-%d %H:%M:%S} UTC"
        lived = f"live from {told.live_from:%Y-%m-%d %H:%M:%S} UTC until {until}"
    return f"version {told.model_version} of the model of {told.tenant_id}, {lived}"


def _probability(told: "Prediction") -> str:
    floor = f", at least {told.rule_floor / 100:.2f}" if told.rule_floor else ""
    kind = "model" if told.model_id is not None else "rules-v1"
    return f"{kind} {told.fraud_probability:.3f} (from {told.base_rate:.3f} before anything was known){floor}"


def _reason(each: dict[str, Any]) -> tuple[str, str]:
    value = "not known" if each["value"] is None else f"{each['value']:g}"
    return f"{each['contribution']:+.3f}", f"{each['name'].replace('_', ' ')}: {value}"


def _said(told: "Prediction") -> str:
    if told.actual_fraud is None:
        return "nothing yet; noc fraud review"
    return f"{'fraud' if told.actual_fraud else 'no fraud'}, {told.labelled_at:%Y-%m-%d %H:%M} UTC"
