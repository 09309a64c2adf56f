"""From a trained model and its verdict to what is written down of it: the report of the run, the model's manifest."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from noc_platform.errors import BadInput
from noc_platform.fraud.gate import Verdict
from noc_platform.fraud.learning.card import card, reasons
from noc_platform.fraud.learning.comparing import Comparison
from noc_platform.fraud.learning.examples import Examples
from noc_platform.fraud.learning.measures import Measure, document
from noc_platform.fraud.learning.plots import figures
from noc_platform.fraud.models import Manifest
from noc_platform.fraud.registered import Data, Report
from noc_platform.fraud.training import Trained
from noc_platform.fraud.vocabulary import FEATURES_VERSION, MODEL_TYPE, RunStatus

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Circumstances:
    """Of whom a training was, what it learned up to, the champion it was compared with, and the Dagster run it was."""

    tenant_id: str
    as_of: datetime
    champion_version: int | None = None
    dagster_run_id: str | None = None
    dagster_url: str | None = None


def report_of(
    trained: Trained, verdict: Verdict, comparison: Comparison | None, examples: Examples, where: Circumstances
) -> Report:
    """All of a training as people will look at it. `examples` are those given to `train`."""
    text = card(trained, verdict, comparison, where.tenant_id, where.as_of)
    compared = "none" if where.champion_version is None else str(where.champion_version)
    return Report(
        where.tenant_id, f"{where.as_of:%Y-%m-%d %H:%M} {trained.name}",
        RunStatus.SUCCEEDED if verdict.passed else RunStatus.REJECTED, reasons(verdict), where.as_of,
        data_of(examples), _parameters(trained), _measures(trained, comparison), figures(trained),
        {"model_card.md": text, **_documents(trained, verdict)},
        {"family": trained.name, "compared_with": compared, "reason_codes": _codes(verdict)},
        where.dagster_run_id, where.dagster_url,
    )  # fmt: skip


def manifest_of(trained: Trained, examples: Examples, tenant_id: str) -> Manifest:
    """What goes with the model. `examples` are those given to `train`; its example is the first it was judged by."""
    taken = examples.columns(trained.names)
    row = taken.values[trained.predictions.places[0]]
    begins, ends = _span(examples)
    return Manifest(
        tenant_id=tenant_id, model_type=MODEL_TYPE, names=trained.names, features_version=FEATURES_VERSION,
        ranges=tuple(trained.ranges.get(name) for name in trained.names), threshold=trained.threshold,
        base_rate=trained.base_rate, family=trained.name, parameters=hyperparameters(trained.model),
        positive=int(np.flatnonzero(np.asarray(trained.model.classes_) == 1)[0]), trained_from=begins,
        trained_until=ends, rows=dict(trained.rows),
        example=tuple(None if np.isnan(value) else float(value) for value in row),
    )  # fmt: skip


def data_of(examples: Examples) -> Data | None:
    """The span, counts and hash of examples; None where their moments are not known."""
    begins, ends = _span(examples)
    if begins is None or ends is None:
        return None
    digest = hashlib.sha256(json.dumps(examples.names).encode())
    # Every NaN alike: which one a computation left behind says nothing.
    values = np.where(np.isnan(examples.values), np.nan, examples.values)
    for part in (values, examples.labels.astype(bool), examples.moments, examples.people, examples.weight):
        digest.update(np.ascontiguousarray(part).tobytes())
    return Data(begins, ends, len(examples), examples.positives, digest.hexdigest())


def hyperparameters(model: Any) -> dict[str, str | int | float | bool | None]:
    """Settings of the estimator inside a calibrated pipeline of ours. Raises `BadInput` for any other model."""
    try:
        inner = model.calibrated_classifiers_[0].estimator
        settings = getattr(inner, "estimator", inner).named_steps["model"].get_params()
    except (AttributeError, KeyError, IndexError) as error:
        raise BadInput(f"A {type(model).__name__} is not a calibrated pipeline of ours.") from error
    return {name: value for name, value in settings.items() if isinstance(value, str | int | float | bool | None)}


def _span(examples: Examples) -> tuple[datetime, datetime] | tuple[None, None]:
    if examples.moments is None or not len(examples):
        return None, None
    first, last = (
        moment.astype("datetime64[us]").item() for moment in (examples.moments.min(), examples.moments.max())
    )
    return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC) + INSTANT


def _parameters(trained: Trained) -> dict[str, object]:
    return {
        "family": trained.name, "calibration": trained.method, "seed": trained.seed, "parted": trained.manner,
        "features": len(trained.names), "features_version": FEATURES_VERSION,
        "left_out": ", ".join(sorted(trained.left_out)) or "none",
        **{f"rows_{part}": count for part, count in trained.rows.items()},
        **{f"frauds_{part}": count for part, count in trained.positives.items()},
        **{f"model_{name}": value for name, value in hyperparameters(trained.model).items() if value is not None},
    }  # fmt: skip


def _measures(trained: Trained, comparison: Comparison | None) -> dict[str, tuple[float, float | None, float | None]]:
    named: dict[str, Measure] = {f"test_{name}": number for name, number in trained.test.numbers.items()}
    named |= {f"validation_{name}": number for name, number in trained.validation.numbers.items()}
    for each in trained.candidates:
        named |= {f"candidate_{each.name}_{name}": each.test.numbers[name] for name in ("pr_auc", "f1")}
    if comparison is not None:
        named |= {"versus_champion_f1": comparison.f1, "versus_champion_pr_auc": comparison.pr_auc}
    alone = {"threshold": trained.threshold, "base_rate": trained.base_rate}
    return {
        **{name: (number.value, number.low, number.high) for name, number in named.items()},
        **{name: (value, None, None) for name, value in alone.items()},
    }


def _documents(trained: Trained, verdict: Verdict) -> dict[str, str]:
    ranked = dict(sorted(trained.importances.items(), key=lambda each: -each[1]))
    told = {
        "importances.json": ranked,
        "measures.json": {"test": document(trained.test), "validation": document(trained.validation)},
        "slices.json": [asdict(part) for part in trained.slices],
        "verdict.json": asdict(verdict),
    }
    return {name: json.dumps(_plain(each), indent=1, allow_nan=False) for name, each in told.items()}


def _codes(verdict: Verdict) -> str:
    return ", ".join(sorted({each.code.value for each in verdict.reasons})) or "none"


def _plain(value: Any) -> Any:
    """As JSON has it: None for what is not defined."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and value != value else value
