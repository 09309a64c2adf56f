"""Any labelled table, in any form people have: the measures, and what is said of a table that cannot teach."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from noc_platform.cli.fraud_evaluate import evaluate
from noc_platform.errors import BadInput, UnreadableFile
from noc_platform.fraud.learning.evaluation import evaluate_table
from noc_platform.fraud.learning.examples import TooFewLabels, Unfit
from noc_platform.fraud.learning.labelled import labelled

KEYS = {
    "pr_auc", "roc_auc", "precision", "recall", "f1", "threshold", "calibration_error", "intervals", "gate", "rows",
    "seconds",
}  # fmt: skip


def table(rows: int = 900, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    is_fraud = rng.random(rows) < 0.25
    return pd.DataFrame(
        {
            "row_id": np.arange(rows),
            "amount": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows) + 2.5 * is_fraud),
            "card": np.where(rng.random(rows) < 0.2 + 0.5 * is_fraud, "virtual", rng.choice(["gold", "blue"], rows)),
            "merchant": [f"m{each}" for each in rng.integers(80, size=rows) + 20 * is_fraud],
            "is_new": rng.random(rows) < 0.2 + 0.4 * is_fraud,
            "noted": [f"call {each}" for each in range(rows)],
            "one": 1,
            "nothing": None,
            "at": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rng.random(rows) * 1e6, "s"),
            "person": rng.integers(60, size=rows),
            "fraud": is_fraud.astype(int),
        }
    )


def test_csv_and_parquet_of_measures_and_words_are_learned_from(tmp_path: Path) -> None:
    csv, parquet = tmp_path / "t.csv", tmp_path / "t.parquet"
    table().to_csv(csv, index=False)
    table().to_parquet(parquet)
    outcome = evaluate_table(csv, "fraud", time="at", group="person")
    assert set(outcome) >= KEYS
    assert outcome["pr_auc"] > 0.6
    assert set(outcome["rows"]) == {"train", "validation", "test"}
    low, high = outcome["intervals"]["f1"]
    assert low <= outcome["f1"] <= high
    assert isinstance(outcome["gate"]["passed"], bool)
    assert outcome["gate"]["passed"] == (not outcome["gate"]["reasons"])
    for name in ("row_id", "noted", "one", "nothing"):
        assert any(note.startswith(f"Column {name} is left out") for note in outcome["notes"])
    again = evaluate_table(parquet, "fraud", time="at", group="person")
    assert {**again, "seconds": 0} == {**outcome, "seconds": 0}


@pytest.mark.parametrize(
    "words", [("0", "1"), ("false", "true"), ("No", "Yes"), ("f", "t"), ("ok", "stolen"), (7, 9), (0.0, 1.0)]
)
def test_labels_are_read_as_people_write_them(tmp_path: Path, words: tuple[Any, Any]) -> None:
    file = tmp_path / "t.csv"
    given = table(40)
    given.assign(fraud=given.fraud.map(dict(enumerate(words)))).to_csv(file, index=False)
    found = labelled(file, "fraud")
    np.testing.assert_array_equal(found.examples.labels, given.fraud == 1)
    assert bool(found.notes) == (words[0] in ("ok", 7))


def test_unlabelled_rows_are_left_out_and_said(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    given = table(40)
    given["fraud"] = given.fraud.astype("Int64").where(given.index > 4)
    given.to_parquet(file)
    found = labelled(file, "fraud")
    assert len(found.examples) == 35
    assert found.notes == ["5 rows without a label or a time are left out."]


@pytest.mark.parametrize("times", [[3.5, 1.0, 2.0], ["2026-03-01", "2026-01-01 10:00", "2026-02-01T00:00:00+02:00"]])
def test_times_are_instants_or_numbers(tmp_path: Path, times: list[Any]) -> None:
    file = tmp_path / "t.csv"
    pd.DataFrame({"at": times, "x": [1, 2, 3], "y": [0, 1, 0]}).to_csv(file, index=False)
    moments = labelled(file, "y", time="at").examples.moments
    assert moments is not None
    assert np.argsort(moments).tolist() == [1, 2, 0]


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    table(40).to_csv(file, index=False)
    with pytest.raises(BadInput, match="no column for --label guilt; it has row_id, amount"):
        evaluate_table(file, "guilt")
    with pytest.raises(BadInput, match=r"Column merchant has .* values, and a label has two"):
        evaluate_table(file, "merchant")
    with pytest.raises(BadInput, match="neither instants nor numbers, such as"):
        evaluate_table(file, "fraud", time="card")
    with pytest.raises(BadInput, match="different columns"):
        evaluate_table(file, "fraud", group="fraud")
    with pytest.raises(TooFewLabels, match="40 labelled events, and 500 are needed"):
        evaluate_table(file, "fraud")
    with pytest.raises(UnreadableFile, match="There is no file"):
        evaluate_table(tmp_path / "gone.csv", "fraud")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "cannot be read"),
        ("heading.csv", b"a,b,fraud\n", "no labelled rows"),
        ("foreign.parquet", b"not parquet", "cannot be read"),
        ("bytes.csv", b"\xff\xfe\x00\x01a,fraud\n\x00", "cannot be read"),
        ("sheet.xlsx", b"PK", "neither CSV nor Parquet"),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(BadInput, match=says):
        evaluate_table(file, "fraud")


def test_one_kind_of_label_or_no_columns_are_unfit(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    table(600).assign(fraud=0).to_csv(file, index=False)
    with pytest.raises(Unfit, match="both kinds are needed"):
        evaluate_table(file, "fraud")
    table(600)[["fraud"]].to_csv(file, index=False)
    with pytest.raises(Unfit, match="there is only the label"):
        evaluate_table(file, "fraud")


def test_the_command_answers_in_words_and_in_json(tmp_path: Path) -> None:
    app, file = typer.Typer(), tmp_path / "t.csv"
    app.command()(evaluate)
    table(700)[["amount", "fraud"]].to_csv(file, index=False)
    asked = CliRunner().invoke(app, [str(file), "--label", "fraud", "--json"], catch_exceptions=False)
    assert asked.exit_code == 0
    assert set(json.loads(asked.stdout)) >= KEYS
    shown = CliRunner().invoke(app, [str(file), "--label", "fraud"], catch_exceptions=False)
    assert "PR-AUC" in shown.stdout
    assert "gate: " in shown.stdout
