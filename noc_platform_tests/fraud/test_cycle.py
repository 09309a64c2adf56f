"""A training from labels to what is live: what each way of going wrong leaves behind, and what it must not touch."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from noc_platform.errors import Conflict, NotFound, Unavailable
from noc_platform.fraud import cycle, live, runs
from noc_platform.fraud.cycle import Workshop, mirror, promote, roll_back, train
from noc_platform.fraud.history import TrainingSet, keep_training_set
from noc_platform.fraud.learning.candidates import candidates
from noc_platform.fraud.models import Unloadable
from noc_platform.fraud.registry import Registry
from noc_platform.fraud.vocabulary import FEATURES, RunStatus
from noc_platform.journal.ledger import Said
from noc_platform.lake.layout import Lake
from noc_platform.settings import FraudPolicy, Settings
from noc_platform.store.sessions import Database, Server
from noc_platform_tests.builders import put_operation
from noc_platform_tests.fraud.made_evidence import DAYS, SUNDAY, evidence, labelled

WEEK = timedelta(weeks=1)
POLICY = FraudPolicy(timedelta(days=DAYS), 500, 0.85, 0.75, 0.80, 0.02, "a seed nobody knows", ())
CLEAR, FAIR, VAGUE = 3.0, 1.5, 0.3


@pytest.fixture
def workshop(server: Server, tmp_path: Path) -> Workshop:
    registry = Registry(server.url_of("mlflow", "postgresql+psycopg2"), str(tmp_path / "mlruns"))
    return Workshop(server.pipeline, Lake(str(tmp_path / "lake")), registry, POLICY, lambda: datetime.now(UTC))


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of the quickest candidate, without pictures: what becomes of a model does not depend on its kind."""
    monkeypatch.setattr(
        "noc_platform.fraud.training.candidates",
        lambda *told: {name: made for name, made in candidates(*told).items() if name == "logistic_regression"},
    )
    monkeypatch.setattr("noc_platform.fraud.reports.figures", lambda _: {})


@pytest.fixture
def known(database: Database, tenant: str) -> str:
    with database.transaction() as connection:
        put_operation(connection, tenant, people=1, sites=3)
    return tenant


def learn(workshop: Workshop, tenant: str, count: int = 1200, at: datetime = SUNDAY, **told: Any) -> cycle.Outcome:
    rows, is_fraud = evidence(tenant, count, **told)
    keep_training_set(
        workshop.lake, TrainingSet(tenant, at, at - POLICY.history, labelled(rows, is_fraud))
    )  # fmt: skip
    return train(workshop, tenant, at, datetime.now(UTC))


def live_version(workshop: Workshop, tenant: str) -> int | None:
    with workshop.database.transaction() as connection:
        held = live.live_models(connection, tenant).get(tenant)
    return None if held is None else held.version


def said(why: str = "because") -> Said:
    return Said("ada", why, datetime.now(UTC))


def trainings(workshop: Workshop, tenant: str) -> list[tuple[RunStatus, datetime]]:
    with workshop.database.transaction() as connection:
        return [(run.status, run.as_of) for run in runs.history(connection, tenant)]


def test_ml_training_task_success(workshop: Workshop, known: str) -> None:
    outcome = learn(workshop, known, apart=CLEAR)
    assert outcome.run.status is RunStatus.SUCCEEDED, outcome.run.reason
    assert outcome.version is not None
    champion = workshop.registry.champion(known)
    assert champion is not None
    assert champion.number == live_version(workshop, known) == outcome.version.number
    with workshop.database.transaction() as connection:
        row = connection.execute(
            text("select * from noc_ml_model_metrics where tenant_id = :t and is_active"), {"t": known}
        ).one()
        (period,) = live.periods(connection, known)
    assert (row.precision, row.recall, row.f1_score) >= (POLICY.precision, POLICY.recall, POLICY.f1)
    assert row.training_samples + row.validation_samples + row.test_samples <= 1200
    assert period.live_until is None
    assert period.model_version == outcome.version.number


@pytest.mark.usefixtures("quickly")
def test_499_labels_are_skipped_and_touch_nothing(workshop: Workshop, known: str) -> None:
    first = learn(workshop, known, apart=CLEAR)
    outcome = learn(workshop, known, count=499, at=SUNDAY + WEEK, apart=CLEAR)
    assert outcome.run.status is RunStatus.SKIPPED
    assert "499" in outcome.run.reason
    assert "500" in outcome.run.reason
    assert first.version is not None
    assert live_version(workshop, known) == first.version.number


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize(
    ("case", "status", "says"),
    [
        ("one class", RunStatus.REJECTED, "both kinds are needed"),
        ("constant column", RunStatus.REJECTED, FEATURES[0]),
        ("missing column", RunStatus.FAILED, FEATURES[0]),
        ("too vague", RunStatus.REJECTED, "is needed"),
        ("no training set", RunStatus.FAILED, "no training set"),
    ],
)
def test_what_cannot_teach_is_recorded_and_the_champion_scores_on(
    workshop: Workshop, known: str, case: str, status: RunStatus, says: str
) -> None:
    first = learn(workshop, known, apart=CLEAR)
    assert first.version is not None
    at = SUNDAY + WEEK
    rows, is_fraud = evidence(known, 900, seed=2, apart=VAGUE if case == "too vague" else CLEAR)
    if case == "one class":
        is_fraud = is_fraud & False
    told = labelled(rows, is_fraud)
    place = told.schema.get_field_index(FEATURES[0])
    if case == "constant column":
        told = told.set_column(place, FEATURES[0], [[0.5] * told.num_rows])
    elif case == "missing column":
        told = told.remove_column(place)
    if case != "no training set":
        keep_training_set(workshop.lake, TrainingSet(known, at, at - POLICY.history, told))
    outcome = train(workshop, known, at, datetime.now(UTC))
    assert outcome.run.status is status, outcome.run.reason
    assert says in outcome.run.reason
    assert live_version(workshop, known) == first.version.number
    assert trainings(workshop, known)[-1] == (status, at)


@pytest.mark.usefixtures("quickly")
def test_one_that_is_no_better_is_refused_and_scores_in_shadow(workshop: Workshop, known: str) -> None:
    first = learn(workshop, known, apart=CLEAR)
    second = learn(workshop, known, at=SUNDAY + WEEK, apart=CLEAR)
    assert second.run.status is RunStatus.REJECTED
    assert "Not surely better" in second.run.reason
    assert first.version is not None
    assert second.version is not None
    assert live_version(workshop, known) == first.version.number
    with workshop.database.transaction() as connection:
        assert live.challengers(connection, known)[known].version == second.version.number


@pytest.mark.usefixtures("quickly")
def test_rolled_back_is_what_scored_before_then_rules(workshop: Workshop, known: str) -> None:
    first = learn(workshop, known, apart=FAIR)
    second = learn(workshop, known, at=SUNDAY + WEEK, apart=CLEAR)
    assert first.version is not None
    assert second.version is not None
    if second.run.status is RunStatus.REJECTED:
        promote(workshop, known, second.version.number, said())
    assert live_version(workshop, known) == second.version.number
    back = roll_back(workshop, known, said("flags the night shift"))
    assert back is not None
    assert back.version == first.version.number == live_version(workshop, known)
    assert roll_back(workshop, known, said()) is None
    assert live_version(workshop, known) is None
    with pytest.raises(Conflict, match="Rules score"):
        roll_back(workshop, known, said())
    with workshop.database.transaction() as connection:
        spans = live.periods(connection, known)
    assert [span.model_version for span in spans] == [
        None, first.version.number, second.version.number, first.version.number,
    ]  # fmt: skip
    assert all(
        later.live_from == earlier.live_until for later, earlier in pairwise(spans)
    )  # fmt: skip


@pytest.mark.usefixtures("quickly")
def test_an_alias_moved_by_hand_is_followed_and_a_foreign_one_is_not(workshop: Workshop, known: str) -> None:
    first = learn(workshop, known, apart=FAIR)
    second = learn(workshop, known, at=SUNDAY + WEEK, apart=CLEAR)
    assert first.version is not None
    assert second.version is not None
    workshop.registry._client.set_registered_model_alias(f"fraud-{known}", "champion", str(second.version.number))
    mirror(workshop, known, datetime.now(UTC))
    assert live_version(workshop, known) == second.version.number
    assert not mirror(workshop, known, datetime.now(UTC))
    foreign = workshop.registry._client.create_model_version(f"fraud-{known}", "/nowhere", second.version.run_id)
    workshop.registry._client.set_registered_model_alias(f"fraud-{known}", "champion", foreign.version)
    with pytest.raises(NotFound):
        mirror(workshop, known, datetime.now(UTC))
    assert live_version(workshop, known) == second.version.number


@pytest.mark.usefixtures("quickly")
def test_a_champion_whose_file_was_altered_is_not_promoted_again(workshop: Workshop, known: str) -> None:
    first = learn(workshop, known, apart=CLEAR)
    assert first.version is not None
    Path(first.version.artefact.uri).write_bytes(b"not what it was")
    with pytest.raises(Unloadable):
        promote(workshop, known, first.version.number, said())


@pytest.mark.usefixtures("quickly")
def test_with_mlflow_gone_the_outcome_is_recorded_all_the_same(
    workshop: Workshop, known: str, settings: Settings
) -> None:
    gone = Registry("postgresql+psycopg2://nobody@127.0.0.1:9/mlflow", str(settings.absolute_home / "gone"))
    outcome = learn(replace(workshop, registry=gone), known, apart=CLEAR)
    assert outcome.run.status is RunStatus.FAILED
    assert "MLflow" in outcome.run.reason
    assert live_version(workshop, known) is None
    assert trainings(workshop, known) == [(RunStatus.FAILED, SUNDAY)]


@pytest.mark.usefixtures("quickly")
def test_killed_between_the_alias_and_the_commit_is_mended(
    workshop: Workshop, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = learn(workshop, known, apart=FAIR)
    second = learn(workshop, known, at=SUNDAY + WEEK, apart=CLEAR)
    assert first.version is not None
    assert second.version is not None
    if live_version(workshop, known) == second.version.number:
        promote(workshop, known, first.version.number, said())
    moved = Registry.promote

    def killed(*args: Any, **told: Any) -> None:
        moved(*args, **told)
        raise Unavailable("killed here")

    monkeypatch.setattr(Registry, "promote", killed)
    with pytest.raises(Unavailable):
        promote(workshop, known, second.version.number, said())
    monkeypatch.undo()
    assert live_version(workshop, known) == first.version.number
    assert mirror(workshop, known, datetime.now(UTC))
    assert live_version(workshop, known) == second.version.number


@pytest.mark.usefixtures("quickly")
def test_tenants_have_models_of_their_own(workshop: Workshop, known: str, database: Database) -> None:
    other = f"{known}-other"
    with database.transaction() as connection:
        put_operation(connection, other, people=1, sites=1)
    learn(workshop, known, apart=CLEAR)
    outcome = learn(workshop, other, count=100)
    assert outcome.run.status is RunStatus.SKIPPED
    assert live_version(workshop, other) is None
    assert live_version(workshop, known) is not None
