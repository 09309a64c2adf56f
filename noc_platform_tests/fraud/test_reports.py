"""What is written down of a training: everything the ML team asks for, and a manifest that fits its model."""

import io
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from noc_platform.errors import BadInput
from noc_platform.fraud import models
from noc_platform.fraud.gate import judge
from noc_platform.fraud.learning.measures import Measure
from noc_platform.fraud.registered import Report
from noc_platform.fraud.reports import Circumstances, data_of, hyperparameters, manifest_of, report_of
from noc_platform.fraud.training import Champion, Trained, compare
from noc_platform.fraud.vocabulary import FEATURES, FEATURES_VERSION
from noc_platform_tests.fraud.learning.drawn import by_chance, drawn, trained

SUNDAY = datetime(2026, 11, 22, 2, tzinfo=UTC)
WHERE = Circumstances("acme", SUNDAY, 3, "d-1", "http://127.0.0.1:3000/runs/d-1")
EXAMPLES = drawn(5000, apart=3.2)


def reported(model: Trained, champion: Champion | None = None) -> Report:
    comparison = compare(model, champion, EXAMPLES)
    return report_of(model, judge(model, comparison), comparison, EXAMPLES, WHERE)


def test_a_report_holds_all_that_the_ml_team_asks_for() -> None:
    model = trained()
    report = reported(model)
    assert report.status == "SUCCEEDED"
    assert set(report.figures) == {
        f"figures/{name}.png"
        for name in ("confusion_matrix", "precision_recall", "calibration", "slices", "importances")
    }
    assert report.measures["test_precision"] == tuple(vars(model.test.precision).values())
    assert {"threshold", "validation_f1", "candidate_random_forest_pr_auc"} <= set(report.measures)
    assert report.parameters["family"] == model.name
    assert report.parameters["rows_test"] == model.rows["test"]
    assert set(json.loads(report.documents["importances.json"])) == set(model.names)
    assert json.loads(report.documents["verdict.json"])["passed"] is True
    assert report.data is not None
    assert (report.data.rows, report.data.positives) == (len(EXAMPLES), EXAMPLES.positives)
    assert report.tags["compared_with"] == "3"


def test_a_refusal_says_why_and_beside_whom() -> None:
    same = trained()
    report = reported(same, Champion(lambda rows: same.model.predict_proba(rows.values)[:, 1], same.threshold))
    assert report.status == "REJECTED"
    assert "Not surely better than the champion" in report.reason
    assert report.tags["reason_codes"] == "NOT_BETTER"
    assert report.measures["versus_champion_f1"][0] == 0
    card = report.documents["model_card.md"]
    assert "**Refused.**" in card
    assert "Beside the champion" in card


@pytest.mark.parametrize(
    "said", ["## What it is for", "## Where to be careful", "gradient_boosting", "site s1", "seed 42"]
)
def test_the_card_says_what_a_stranger_must_know(said: str) -> None:
    assert said in reported(trained()).documents["model_card.md"]


def test_every_picture_can_be_drawn_of_what_is_hardly_there() -> None:
    nothing = Measure(math.nan, math.nan, math.nan)
    model = trained()
    bare = replace(
        model, slices=(), importances={}, test=replace(model.test, precision=nothing, f1=nothing, pr_auc=nothing)
    )
    for figure in (*reported(bare).figures.values(), *reported(model).figures.values()):
        drawn_as = io.BytesIO()
        figure.savefig(drawn_as)
        assert drawn_as.getvalue().startswith(b"\x89PNG")


def test_the_manifest_fits_the_model_and_goes_with_it(tmp_path: Path) -> None:
    model = trained()
    manifest = manifest_of(model, EXAMPLES, "acme")
    artefact = models.save(str(tmp_path), model.model, manifest)
    loaded = models.load(artefact, FEATURES, FEATURES_VERSION)
    assert loaded.manifest.threshold == model.threshold
    assert loaded.manifest.base_rate == model.base_rate
    assert dict(zip(loaded.manifest.names, loaded.manifest.ranges, strict=True)) == model.ranges
    places = model.predictions.places
    assert np.allclose(loaded.probabilities(EXAMPLES.values[places]), model.predictions.probabilities, atol=1e-12)
    assert loaded.manifest.example_probability == pytest.approx(model.predictions.probabilities[0])
    assert loaded.manifest.trained_until is not None
    assert loaded.manifest.trained_from is not None
    assert loaded.manifest.trained_until - loaded.manifest.trained_from < timedelta(days=181)


def test_the_hash_of_the_data_changes_with_any_of_it() -> None:
    labels, values = EXAMPLES.labels.copy(), EXAMPLES.values.copy()
    labels[17] = ~labels[17]
    values[5, 5] = 0.125
    every = [data_of(each) for each in (EXAMPLES, replace(EXAMPLES, labels=labels), replace(EXAMPLES, values=values))]
    assert len({each.sha256 for each in every if each is not None}) == 3
    assert data_of(EXAMPLES) == data_of(drawn(5000, apart=3.2))
    assert data_of(by_chance(EXAMPLES)) is None


def test_settings_of_a_foreign_model_are_not_guessed() -> None:
    assert hyperparameters(trained().model)["random_state"] == 42
    with pytest.raises(BadInput, match="LogisticRegression"):
        hyperparameters(LogisticRegression())
