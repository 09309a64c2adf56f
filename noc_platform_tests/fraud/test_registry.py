"""The registry: what people find there, what scores, what is kept, and what happens when MLflow is gone."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from noc_platform.errors import NotFound, Unavailable
from noc_platform.fraud import models
from noc_platform.fraud.models import Manifest, Unloadable
from noc_platform.fraud.registered import Data, Report, Run, Standing, Version
from noc_platform.fraud.registry import Registry
from noc_platform.fraud.vocabulary import FEATURES_VERSION
from noc_platform.settings import Settings
from noc_platform.store.sessions import Server
from noc_platform_tests.fraud.small_model import NAMES, fitted, manifest

SUNDAY = datetime(2026, 11, 22, 2, tzinfo=UTC)
WEEK = timedelta(weeks=1)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture(scope="module")
def registry(server: Server, artifacts: Path) -> Registry:
    return Registry(server.url_of("mlflow", "postgresql+psycopg2"), str(artifacts))


@pytest.fixture
def client(registry: Registry) -> Any:
    return registry._client


def report(tenant: str, **different: Any) -> Report:
    said: dict[str, Any] = {"name": "Sunday", "status": "SUCCEEDED", "reason": "Better.", "as_of": SUNDAY}
    return Report(tenant, **{**said, **different})


def of(tenant: str, **different: Any) -> Manifest:
    return manifest(tenant_id=tenant, **different)


def registered(registry: Registry, tenant: str, run: Run | None = None) -> Version:
    run = run or registry.log(report(tenant))
    return registry.register(run, fitted("logistic_regression"), of(tenant), Standing.CANDIDATE, "Good.", "# A card")


def test_a_run_shows_all_that_was_measured(registry: Registry, tenant: str, client: Any) -> None:
    figure = Figure()
    figure.subplots().plot([0, 1])
    data = Data(SUNDAY - 12 * WEEK, SUNDAY, 700, 90, "ab" * 32)
    run = registry.log(
        report(
            tenant, data=data, parameters={"seed": 42, "family": "random_forest"}, dagster_run_id="d-1",
            measures={"test_precision": (0.9, 0.85, 0.95), "test_roc_auc": (0.8, None, float("nan"))},
            figures={"figures/calibration.png": figure}, documents={"model_card.md": "# Card"},
            dagster_url="http://127.0.0.1:3000/runs/d-1", tags={"verdict": "PASSED"},
        )
    )  # fmt: skip
    seen = client.get_run(run.run_id)
    assert seen.info.status == "FINISHED"
    assert seen.data.metrics == {
        "test_precision": 0.9, "test_precision_low": 0.85, "test_precision_high": 0.95, "test_roc_auc": 0.8
    }  # fmt: skip
    assert seen.data.params["seed"] == "42"
    assert seen.data.params["data_begins"] == data.begins.isoformat()
    assert seen.inputs.dataset_inputs[0].dataset.digest == data.sha256[:36]
    assert json.loads(seen.inputs.dataset_inputs[0].dataset.profile)["positives"] == 90
    assert seen.data.tags["dagster_run_id"] == "d-1"
    assert seen.data.tags["reason"] == "Better."
    assert "[Dagster run](http://127.0.0.1:3000/runs/d-1)" in seen.data.tags["mlflow.note.content"]
    assert {each.path for each in client.list_artifacts(run.run_id)} == {"figures", "model_card.md"}
    assert run.page == f"#/experiments/{seen.info.experiment_id}/runs/{run.run_id}?workflowType=machine_learning"


def test_a_run_that_cannot_be_finished_shows_as_failed(registry: Registry, tenant: str, client: Any) -> None:
    with pytest.raises(TypeError):
        registry.log(report(tenant, figures={"figures/broken.png": "not a figure"}))
    experiment = client.get_experiment_by_name(f"fraud-{tenant}").experiment_id
    assert [run.info.status for run in client.search_runs([experiment])] == ["FAILED"]


def test_a_version_shows_signature_and_example_and_says_why(registry: Registry, tenant: str, client: Any) -> None:
    from mlflow.models import Model

    run = registry.log(report(tenant))
    made = registered(registry, tenant, run)
    folder = Path(made.artefact.uri).parent
    shown = Model.load(folder)
    assert shown.signature.inputs.input_names() == list(NAMES)
    assert shown.saved_input_example_info is not None
    assert (folder / "manifest.json").read_bytes().startswith(b"{")
    assert (folder / "model_card.md").read_text() == "# A card"
    seen = client.get_model_version(f"fraud-{tenant}", "1")
    assert seen.description.startswith("Good.\n\nInput example: biometric_quality_score 0.5, gps_accuracy not known,")
    assert seen.run_id == run.run_id
    assert client.get_run(run.run_id).outputs.model_outputs[0].model_id == made.tags["mlflow_model_id"]
    assert made == registry.version(tenant, 1)
    assert made.standing is Standing.CANDIDATE


def test_no_pickle_is_ever_written(registry: Registry, tenant: str) -> None:
    folder = Path(registered(registry, tenant).artefact.uri).parent
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib", ".cloudpickle"))]
    assert [name for name in files if name.endswith(".skops")] == [Path(registered_name(folder)).name]
    assert "serialization_format: skops" in (folder / "MLmodel").read_text()
    assert not [path for path in folder.rglob("*") if path.is_file() and path.read_bytes().startswith(b"\x80")]


def registered_name(folder: Path) -> str:
    return str(next(folder.glob("*.skops")))


def test_what_is_registered_is_what_the_api_loads(registry: Registry, tenant: str) -> None:
    made = registered(registry, tenant)
    loaded = models.load(made.artefact, NAMES, FEATURES_VERSION)
    assert loaded.manifest.sha256 == made.manifest_sha256
    assert loaded.manifest.tenant_id == tenant


def test_a_person_can_load_it_with_mlflow(registry: Registry, tenant: str) -> None:
    import mlflow.sklearn
    import numpy as np

    made = registered(registry, tenant)
    read = mlflow.sklearn.load_model(str(Path(made.artefact.uri).parent))
    values = np.zeros((3, len(NAMES)))
    assert (read.predict_proba(values) == fitted("logistic_regression").predict_proba(values)).all()


def test_fraud_model_versioning(registry: Registry, tenant: str) -> None:
    """Three versions are kept beside the one that scores, one scores, and no number is given twice (defects 64, 65)."""
    run = registry.log(report(tenant))
    assert registry.champion(tenant) is None
    first = registered(registry, tenant, run)
    registry.promote(tenant, first.number, SUNDAY, "platform", "Passed.")
    later = [registered(registry, tenant, run) for _ in range(4)]
    assert [each.number for each in later] == [2, 3, 4, 5]
    assert registry.prune(tenant) == [2]
    assert [each.number for each in registry.versions(tenant)] == [5, 4, 3, 1]
    assert not Path(later[0].artefact.uri).exists()
    assert Path(first.artefact.uri).exists()
    live = registry.champion(tenant)
    assert live is not None
    assert (live.number, live.standing) == (1, Standing.CHAMPION)
    registry.judge(later[-1], Standing.REJECTED, "Recall.")
    registry.promote(tenant, 4, SUNDAY + WEEK, "platform", "Better.")
    assert [each.number for each in registry.versions(tenant) if each.standing is Standing.CHAMPION] == [4]
    # Deleted and made again: the number of the newest is not given twice either.
    registry._client.delete_model_version(f"fraud-{tenant}", "5")
    assert registered(registry, tenant, run).number == 6
    with pytest.raises(NotFound, match="version 2"):
        registry.version(tenant, 2)


def test_tenants_have_registries_of_their_own(registry: Registry, tenant: str) -> None:
    other = f"{tenant}/with:odd letters"
    ours, theirs = registered(registry, tenant), registered(registry, other)
    assert (ours.number, theirs.number) == (1, 1)
    registry.promote(other, 1, SUNDAY, "platform", "Passed.")
    assert registry.champion(tenant) is None
    assert [each.tenant_id for each in registry.versions(tenant)] == [tenant]
    assert [each.tenant_id for each in registry.versions(other)] == [other]


def test_a_rollback_goes_to_the_champion_before_and_further(registry: Registry, tenant: str) -> None:
    run = registry.log(report(tenant))
    for week in range(3):
        made = registered(registry, tenant, run)
        before = registry.promote(tenant, made.number, SUNDAY + week * WEEK, "platform", "Better.")
        assert (before.number if before else None) == (week or None)
    for back in (2, 1):
        goal = registry.previous_champion(tenant)
        assert goal is not None
        assert goal.number == back
        registry.promote(tenant, back, SUNDAY + 4 * WEEK, "Ada", "Too many alarms.", Standing.ROLLED_BACK)
    assert registry.previous_champion(tenant) is None
    assert [each.standing for each in registry.versions(tenant)] == ["ROLLED_BACK", "ROLLED_BACK", "CHAMPION"]
    last = registry.withdraw(tenant, SUNDAY + 5 * WEEK)
    assert last is not None
    assert last.number == 1
    assert registry.champion(tenant) is None


def test_what_a_rollback_needs_is_kept_however_many_were_refused(registry: Registry, tenant: str) -> None:
    run = registry.log(report(tenant))
    for number in (1, 2):
        registered(registry, tenant, run)
        registry.promote(tenant, number, SUNDAY, "platform", "Better.")
    for _ in range(4):
        registry.judge(registered(registry, tenant, run), Standing.REJECTED, "No better.")
    assert registry.prune(tenant) == [3]
    previous = registry.previous_champion(tenant)
    assert previous is not None
    assert models.load(previous.artefact, NAMES, FEATURES_VERSION).manifest.names == NAMES
    assert registry.prune(tenant) == []


def test_a_challenger_stops_being_one_when_it_wins(registry: Registry, tenant: str) -> None:
    run = registry.log(report(tenant))
    for _ in range(2):
        registered(registry, tenant, run)
    registry.challenge(tenant, 2)
    seen = registry.challenger(tenant)
    assert seen is not None
    assert seen.number == 2
    registry.promote(tenant, 1, SUNDAY, "platform", "Better.")
    assert registry.challenger(tenant) is not None
    registry.promote(tenant, 2, SUNDAY, "platform", "Better.")
    assert registry.challenger(tenant) is None
    registry.challenge(tenant, 1)
    registry.challenge(tenant, None)
    assert registry.challenger(tenant) is None


def test_what_cannot_be_loaded_is_not_registered_and_the_champion_stays(registry: Registry, tenant: str) -> None:
    run = registry.log(report(tenant))
    registered(registry, tenant, run)
    registry.promote(tenant, 1, SUNDAY, "platform", "Better.")
    foreign = fitted("logistic_regression", seed=9)
    foreign.extra = Path("/etc/passwd")
    with pytest.raises(Unloadable, match="PosixPath"):
        registry.register(run, foreign, of(tenant), Standing.CANDIDATE, "Good.")
    with pytest.raises(NotFound, match="version 7"):
        registry.promote(tenant, 7, SUNDAY, "platform", "Better.")
    assert [each.number for each in registry.versions(tenant)] == [1]
    live = registry.champion(tenant)
    assert live is not None
    assert live.number == 1


def test_a_version_somebody_registered_by_hand_is_shown_and_refused(
    registry: Registry, tenant: str, client: Any, artifacts: Path
) -> None:
    client.create_registered_model(f"fraud-{tenant}")
    client.create_model_version(f"fraud-{tenant}", source=str(artifacts))
    client.set_registered_model_alias(f"fraud-{tenant}", "champion", "1")
    live = registry.champion(tenant)
    assert live is not None
    with pytest.raises((Unloadable, Unavailable)):
        models.load(live.artefact, NAMES, FEATURES_VERSION)


@pytest.mark.parametrize(
    "ask",
    [
        lambda registry: registry.log(report("acme")),
        lambda registry: registry.register(Run("r", "1"), fitted(), of("acme"), Standing.CANDIDATE, ""),
        lambda registry: registry.champion("acme"),
        lambda registry: registry.versions("acme"),
        lambda registry: registry.promote("acme", 1, SUNDAY, "platform", "Better."),
        lambda registry: registry.prune("acme"),
    ],
    ids=["log", "register", "champion", "versions", "promote", "prune"],
)
def test_mlflow_gone_is_said_at_once(ask: Any, tmp_path: Path) -> None:
    gone = Registry("postgresql+psycopg2://nobody@127.0.0.1:1/mlflow", str(tmp_path))
    with pytest.raises(Unavailable, match=r"MLflow could not .*connection .*refused.* Is the database `mlflow` up\?"):
        ask(gone)


def test_a_store_of_artefacts_that_is_gone_leaves_nothing_registered(
    server: Server, tenant: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    registry = Registry(server.url_of("mlflow", "postgresql+psycopg2"), str(tmp_path / "file"))
    run = registry.log(report(tenant))
    with pytest.raises(Unavailable, match="could not be written"):
        registered(registry, tenant, run)
    with pytest.raises(Unavailable, match="could not log the training"):
        registry.log(report(tenant, documents={"model_card.md": "# Card"}))
    assert registry.versions(tenant) == []


def test_artefacts_are_found_from_any_folder() -> None:
    assert Path(Registry("postgresql://", "mlruns").artifacts) == Path("mlruns").absolute()
    assert Registry("postgresql://", "s3://bucket/mlruns/").artifacts == "s3://bucket/mlruns"


def test_importing_the_registry_imports_nothing_heavy(settings: Settings) -> None:
    code = (
        "import sys, noc_platform.fraud.registry as r; r.Registry('postgresql://', 'mlruns')\n"
        "print([m for m in ('mlflow', 'sklearn', 'skops', 'pandas', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_written_where_the_process_happens_to_run(
    registry: Registry, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's own calls fall back to a database file in the folder they are made in."""
    monkeypatch.chdir(tmp_path)
    registered(registry, tenant)
    registry.promote(tenant, 1, SUNDAY, "platform", "Better.")
    registry.prune(tenant)
    assert list(tmp_path.iterdir()) == []
