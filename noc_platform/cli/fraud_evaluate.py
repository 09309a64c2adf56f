"""`noc fraud evaluate`: what a model could do on any labelled table, by the protocol of our own training."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from noc_platform.cli.words import printable

SHOWN = {
    "pr_auc": "PR-AUC",
    "roc_auc": "ROC-AUC",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "calibration_error": "calibration error",
}


def evaluate(
    file: Annotated[Path, typer.Argument(help="CSV (also .csv.gz) or Parquet, one row an event.")],
    label: Annotated[str, typer.Option(help="The column that says fraud or not: 0/1, true/false, yes/no, two values.")],
    time: Annotated[
        str | None, typer.Option(help="The column with each row's time; the latest rows then judge.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="The column whose rows belong together, such as the person; never in two parts.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Train on a part of a labelled table, set the threshold on another, judge on a third; any columns will do.

    Exit code 0 whether or not the model would pass the gate; 1 where the table cannot be learned from.
    """
    from noc_platform.fraud.learning.evaluation import evaluate_table

    outcome = evaluate_table(file, label, time, group)
    if as_json:
        typer.echo(json.dumps(outcome, allow_nan=False))
    else:
        _show(outcome)


def _show(outcome: dict[str, Any]) -> None:
    table = Table("on the test rows", "value", "95 % interval", box=None)
    for name, heading in SHOWN.items():
        low, high = outcome["intervals"][name]
        table.add_row(heading, _number(outcome[name]), f"{_number(low)} to {_number(high)}")
    Console().print(table)
    rows, gate = outcome["rows"], outcome["gate"]
    typer.echo(
        f"{outcome['model']}, {outcome['calibration']} calibration, threshold {outcome['threshold']:.3f};"
        f" {rows['train']:,} rows to learn, {rows['validation']:,} to set the threshold, {rows['test']:,} to judge;"
        f" {outcome['seconds']:.1f} s"
    )
    typer.echo(f"gate: {'passed' if gate['passed'] else 'refused'}")
    for sentence in (*gate["reasons"], *outcome["notes"]):
        typer.echo(f"  {printable(sentence)}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
