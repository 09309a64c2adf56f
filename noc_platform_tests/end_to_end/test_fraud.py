"""The seed's sixth end-to-end case, by real commands: what people said teaches a model, it is judged, gets a version
and is live; what it scores raises alerts, says why, and is taken back by one command."""

from pathlib import Path
from typing import Any

import pytest

from noc_platform_tests.end_to_end.commands import Noc

# So much goes wrong in so small a world that a model can be learned; a real one would have to reach more.
ENOUGH = {
    "NOC_ML_MODEL_MIN_TRAINING_SAMPLES": "100",
    "NOC_ML_VALIDATION_PRECISION": "0.2",
    "NOC_ML_VALIDATION_RECALL": "0.2",
    "NOC_ML_VALIDATION_F1": "0.2",
}
TENANT = "northgate"
STREAMS = (
    "tenants", "clients", "sites", "people", "shifts", "tours_due", "calendar", "device_events", "location_updates",
    "jobneeds", "attendance_events", "alerts", "verdicts",
)  # fmt: skip


@pytest.fixture(scope="module")
def noc(tmp_path_factory: pytest.TempPathFactory) -> Noc:
    """An installation that has run over a world in which much is planted and half of it is looked at."""
    here = Noc(tmp_path_factory.mktemp("noc") / "home", ENOUGH)
    world: Path = tmp_path_factory.mktemp("world") / "world"
    here.run(
        "simulate", "--guards", 40, "--sites", 4, "--days", 24, "--seed", 3, "--tenants", 1, "--planted", 5,
        "--random-review", 0.3, "--out", world,
    )  # fmt: skip
    here.run("setup")
    for stream in STREAMS:
        files = sorted((world / stream).glob("*.parquet")) or [world / f"{stream}.parquet"]
        here.run("ingest", stream, *files)
    here.run("run")
    return here


def live(noc: Noc) -> list[int]:
    told = noc.json("fraud", "models", "--tenant", TENANT)
    return [model["model_version"] for model in told["models"] if model["is_active"]]


def flagged(noc: Noc) -> list[str]:
    reviews = noc.json("fraud", "reviews", "--tenant", TENANT, "--limit", 200)
    return [review["attendance_id"] for review in reviews if review["selection"] == "FLAGGED"]


def explained(noc: Noc, attendance: str) -> list[dict[str, Any]]:
    told = noc.json("explain", "prediction", attendance)
    return told if isinstance(told, list) else [told]


def test_telemetry_to_ml_pipeline(noc: Noc) -> None:
    assert live(noc) == [1]
    (period,) = noc.json("fraud", "models", "--tenant", TENANT)["periods"]
    assert period["changed_by"] == "gate"
    predictions = [each for attendance in flagged(noc)[:2] for each in explained(noc, attendance)]
    assert {(each["method"], each["model_version"]) for each in predictions} == {("MODEL", "1")}
    for each in predictions:
        assert each["live_from"] is not None
        sizes = [abs(reason["contribution"]) for reason in each["reasons"]]
        assert sizes == sorted(sizes, reverse=True)


def test_fraud_detection_to_alert(noc: Noc) -> None:
    # What is scored now is learned now, however long ago it happened.
    noc.run("audit")
    alerts = noc.json("alerts", "--status", "all", "--limit", 500)
    raised = [alert for alert in alerts if (alert["message"] or "").startswith("Fraud score")]
    assert raised
    assert {alert["tenant_id"] for alert in raised} == {TENANT}


def test_a_training_again_is_no_better_and_a_rollback_leaves_rules(noc: Noc) -> None:
    (outcome,) = noc.json("fraud", "train", "--as-of", "2026-04-19T02:00:00+00:00")
    assert outcome["status"] in {"REJECTED", "SKIPPED"}
    assert live(noc) == [1]
    back = noc.run("fraud", "rollback", "--tenant", TENANT, "--by", "ada", "--why", "trying it out")
    assert "Rules score" in back.stdout
    assert live(noc) == []
    assert "no model to roll back" in noc.run(
        "fraud", "rollback", "--tenant", TENANT, "--by", "ada", "--why", "again", wanted=1
    ).stderr  # fmt: skip


def test_what_somebody_says_of_an_attendance_is_told_with_it(noc: Noc) -> None:
    attendance = flagged(noc)[0]
    said = ("--tenant", TENANT, "--verdict", "confirmed", "--by", "ada", "--why", "two faces")
    noc.run("fraud", "review", attendance, *said)
    assert attendance not in flagged(noc)
    noc.run("fraud", "review", "nobody-was-there", *said, wanted=1)
