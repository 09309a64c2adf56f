"""The training protocol on any labelled table: what a model could do there, by the same rules as on our own data."""

from pathlib import Path
from time import perf_counter
from typing import Any

from noc_platform.fraud.gate import GatePolicy, Verdict, judge
from noc_platform.fraud.learning.labelled import Labelled, labelled
from noc_platform.fraud.learning.measures import document
from noc_platform.fraud.training import SEED, Trained, TrainingPolicy, train

HEADLINES = ("pr_auc", "roc_auc", "precision", "recall", "f1", "threshold", "calibration_error", "intervals")


def evaluate_table(
    path: Path, label: str, time: str | None = None, group: str | None = None, seed: int = SEED
) -> dict[str, Any]:
    """Train on a part of a table and judge on another: measures on the test rows at the threshold set on the
    validation rows, 95 % intervals, the gate's verdict, rows of each part, seconds taken.

    Raises `BadInput` for what cannot be read or learned from (`labelled`, `training.train`).
    """
    began = perf_counter()
    table = labelled(path, label, time, group)
    trained = train(table.examples, TrainingPolicy(required=()), seed)
    verdict = judge(trained, None, GatePolicy())
    return {**_document(table, trained, verdict), "seconds": round(perf_counter() - began, 3)}


def _document(table: Labelled, trained: Trained, verdict: Verdict) -> dict[str, Any]:
    measured = document(trained.test)
    others = ("accuracy", "brier", "precision_at_recall", "recall_at_precision", "confusion")
    return {
        **{name: measured[name] for name in HEADLINES},
        "gate": {"passed": verdict.passed, "reasons": [reason.says for reason in verdict.reasons]},
        "rows": dict(trained.rows),
        **{name: measured[name] for name in others},
        "model": trained.name,
        "calibration": trained.method,
        "candidates": {each.name: each.test.pr_auc.value for each in trained.candidates},
        "positives": dict(trained.positives),
        "notes": _notes(table, trained, verdict),
    }


def _notes(table: Labelled, trained: Trained, verdict: Verdict) -> list[str]:
    left_out = {**table.left_out, **trained.left_out}
    columns = [f"Column {name} is left out: {why}." for name, why in left_out.items()]
    return [
        *table.notes, f"Rows are parted {trained.manner}.", *columns, *(warning.says for warning in verdict.warnings)
    ]  # fmt: skip
