"""A look at what scores a tenant's events: kept once a moment, of all that is known then, and asking once."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import Connection, text

from noc_platform.fraud.drift import references
from noc_platform.fraud.live import Registered, note, set_challenger
from noc_platform.fraud.models import Artefact, save
from noc_platform.fraud.observing import ObservingPolicy, observe, requested
from noc_platform.fraud.runs import TrainingRun
from noc_platform.fraud.runs import record as record_run
from noc_platform.fraud.scoring import LiveModel
from noc_platform.fraud.vocabulary import MODEL_FEATURES, RULES_VERSION, RunStatus
from noc_platform.fraud.watch import Request, Verdict, Watched
from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import CONFIRMED, FALSE_POSITIVE, FLAGGED, RANDOM, VERDICTS
from noc_platform_tests.builders import put, put_operation
from noc_platform_tests.fraud.small_model import NAMES, fitted, manifest

AS_OF = datetime(2026, 5, 1, 5, tzinfo=UTC)
TRAINED = AS_OF - timedelta(days=30)
DAY = timedelta(days=1)
ROWS = 600
NOWHERE = Artefact("file:///nowhere", 1, "0" * 64)
SURE = {"value": 0.9, "low": 0.88, "high": 0.92}


def registered(
    connection: Connection, tenant: str, version: int = 1, training_date: datetime = TRAINED,
    artefact: Artefact = NOWHERE,
) -> UUID:  # fmt: skip
    """A model that was measured and is noted, whose training knew the features as standard normal."""
    known = np.random.default_rng(3).normal(size=(800, len(NAMES)))
    model = LiveModel(tenant, uuid4(), version, artefact)
    made = Registered(
        model=model, measures={"precision": SURE, "recall": SURE, "brier": {**SURE, "value": 0.05}}, threshold=0.5,
        samples=dict.fromkeys(("training", "validation", "test", "fraud", "normal"), 1),
        training_date=training_date, algorithm="forest", hyperparameters={}, feature_names=NAMES,
        reference={name: each.document() for name, each in references(known, NAMES).items()},
        library_versions={}, mlflow_run_id="run", dagster_run_id=None, created_at=training_date,
    )  # fmt: skip
    note(connection, made)
    return model.model_id


def live(connection: Connection, tenant: str, model: UUID | None, at: datetime = TRAINED) -> None:
    """It scores from that moment on, and none before it any more."""
    asked = {"t": tenant, "m": model, "at": at}
    for statement in (
        "update noc_ml_model_period set live_until = :at where tenant_id = :t and live_until is null",
        "update noc_ml_model_metrics set is_active = model_id = :m where tenant_id = :t",
        "insert into noc_ml_model_period values (:t, 'fraud_detection', :at, null, :m, 'gate', 'It passed.')",
    ):
        connection.execute(text(statement), asked)


def predicted(
    connection: Connection, tenant: str, model: UUID | None, probability: np.ndarray[Any, Any], start: datetime,
    days: float = 25, shift: float = 0.0, is_shadow: bool = False, name: str = "a", seed: int = 1,
) -> None:  # fmt: skip
    """Predictions of one event an attendance, spread over these days after `start`; features move by `shift`."""
    rng, method = np.random.default_rng(seed), "MODEL" if model else "RULES"
    rows = []
    for place, chance in enumerate(probability.tolist()):
        at = start + DAY * days * (place + 1) / (len(probability) + 1)
        values = {
            **dict.fromkeys(MODEL_FEATURES),
            **dict(zip(NAMES, (rng.normal(size=4) + shift).tolist(), strict=True)),
        }
        rows.append(
            {
                "tenant_id": tenant, "event_id": str(UUID(int=int.from_bytes(f"{name}{place:05d}".encode()))),
                "is_shadow": is_shadow, "prediction_id": str(uuid4()), "attendance_id": f"{name}{place}",
                "person_id": f"p{place % 40}", "stage": "OUT", "happened_at": at.isoformat(),
                "known_at": at.isoformat(), "predicted_at": at.isoformat(), "method": method,
                "model_id": model and str(model), "model_version": "1" if model else RULES_VERSION,
                "fraud_probability": chance, "fraud_score": round(100 * chance), "is_flagged": chance >= 0.5,
                "features": values,
            }
        )  # fmt: skip
    connection.execute(text(_INSERT), {"rows": json.dumps(rows)})


_INSERT = """
    insert into noc_fraud_prediction (tenant_id, event_id, is_shadow, prediction_id, attendance_id, person_id, stage,
        happened_at, known_at, predicted_at, method, model_id, model_version, fraud_probability, fraud_score,
        is_flagged, features, rule_score, rule_floor, risk_level, model_confidence, base_rate, reasons,
        detections, latency_ms)
    select tenant_id, event_id, is_shadow, prediction_id, attendance_id, person_id, stage, happened_at, known_at,
        predicted_at, method, model_id, model_version, fraud_probability, fraud_score, is_flagged, features, 0, 0,
        'LOW', 1, 0, '[]', '[]', 1
    from json_to_recordset(cast(:rows as json)) as r(tenant_id text, event_id uuid, is_shadow boolean,
        prediction_id uuid, attendance_id text, person_id text, stage text, happened_at timestamptz,
        known_at timestamptz, predicted_at timestamptz, method text, model_id uuid, model_version text,
        fraud_probability float8, fraud_score int, is_flagged boolean, features jsonb)
"""


def judged(
    connection: Connection, tenant: str, actual: np.ndarray[Any, Any], at: datetime = AS_OF - DAY, name: str = "a",
    **told: Any,
) -> None:  # fmt: skip
    """What people said of the attendances, NaN for nothing."""
    rows = [
        {
            "event_id": str(uuid4()), "occurred_at": at, "received_at": at, "subject_kind": "ATTENDANCE",
            "subject_id": f"{name}{place}", "verdict": CONFIRMED if said else FALSE_POSITIVE, "reviewer_id": "ana",
            "selection": FLAGGED, **told,
        }
        for place, said in enumerate(actual.tolist())
        if said == said
    ]  # fmt: skip
    assert put(connection, VERDICTS, rows, tenant, received_at=AS_OF + DAY).quarantined == 0


def chances(rows: int = ROWS, seed: int = 5) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Probabilities, and what came of them: they are right, and mostly sure."""
    rng = np.random.default_rng(seed)
    probability = 1 / (1 + np.exp(-rng.normal(-3, 5, rows)))
    return probability, (rng.random(rows) < probability).astype(float)


def asked_for_review(connection: Connection, tenant: str, attendances: Mapping[str, tuple[str, float]]) -> None:
    for attendance, (selection, chance) in attendances.items():
        connection.execute(
            text("insert into noc_fraud_review values (:t, :a, :e, :s, :p, 0, :at)"),
            {"t": tenant, "a": attendance, "e": uuid4(), "s": selection, "p": chance, "at": AS_OF - DAY},
        )


def row_of(connection: Connection, tenant: str, as_of: datetime = AS_OF) -> dict[str, Any]:
    found = connection.execute(
        text("select * from noc_model_performance where tenant_id = :t and as_of = :a"), {"t": tenant, "a": as_of}
    ).one()
    return dict(found._mapping)


@pytest.fixture
def here(database: Database, tenant: str) -> str:
    """A tenant with people and sites."""
    with database.transaction() as connection:
        put_operation(connection, tenant)
    return tenant


def scored(connection: Connection, tenant: str, **told: Any) -> UUID:
    """A live model with labelled predictions, and those of rules of before it was trained."""
    model = registered(connection, tenant)
    live(connection, tenant, model)
    probability, actual = chances()
    predicted(connection, tenant, model, probability, TRAINED, **told)
    judged(connection, tenant, actual)
    return model


def test_a_live_model_is_held_against_its_training_and_kept(database: Database, here: str) -> None:
    with database.transaction() as connection:
        model = scored(connection, here)
        entry = observe(connection, here, AS_OF)
        kept = row_of(connection, here)
        marked = connection.execute(
            text("select count(actual_fraud) from noc_fraud_prediction where tenant_id = :t"), {"t": here}
        ).scalar()
    assert (entry.verdict, entry.action, entry.model_id) == (Verdict.GOOD, None, str(model)), entry.reason
    assert kept["model_id"] == model
    assert (kept["verdict"], kept["action"], kept["reason"]) == ("GOOD", None, entry.reason)
    told = kept["measures"]
    assert (told["rows"], told["labelled"], told["method"], told["model_version"]) == (ROWS, ROWS, "MODEL", "1")
    assert told["accuracy"] == pytest.approx(0.9, abs=0.06)
    assert told["at_training"]["accuracy"] == pytest.approx(0.9)
    assert told["precision"]["low"] < told["precision"]["value"] < told["precision"]["high"]
    assert told["naive"]["precision"]["value"] == pytest.approx(told["precision"]["value"], abs=0.03)
    assert marked == ROWS


def test_the_same_look_again_is_the_same_row(database: Database, here: str) -> None:
    with database.transaction() as connection:
        scored(connection, here)
        observe(connection, here, AS_OF)
        first = row_of(connection, here)
        observe(connection, here, AS_OF + DAY)
        observe(connection, here, AS_OF)
        assert row_of(connection, here) == first


def test_a_look_back_knows_nothing_of_later_and_forgets_nothing(database: Database, here: str) -> None:
    with database.transaction() as connection:
        scored(connection, here)
        judged(connection, here, np.zeros(ROWS), at=AS_OF + DAY)
        later = observe(connection, here, AS_OF + 2 * DAY)
        before = observe(connection, here, AS_OF)
        frauds = connection.execute(
            text("select count(*) from noc_fraud_prediction where tenant_id = :t and actual_fraud"), {"t": here}
        ).scalar()
    assert later.measures["positives"] == 0 < before.measures["positives"]
    assert frauds == 0


def test_rules_alone_are_measured_and_asked_for_nothing(database: Database, here: str) -> None:
    probability, actual = chances()
    with database.transaction() as connection:
        predicted(connection, here, None, probability, TRAINED)
        judged(connection, here, 1 - actual)
        entry = observe(connection, here, AS_OF)
        kept = row_of(connection, here)
    assert (entry.model_id, entry.verdict, entry.action) == (RULES_VERSION, Verdict.UNKNOWN, None)
    assert kept["model_id"] is None
    assert kept["measures"]["accuracy"] < 0.3
    assert kept["measures"]["features"] == kept["drifted"] == []
    assert "Rules alone" in kept["reason"]


def test_nothing_at_all_is_a_row_too(database: Database, here: str) -> None:
    with database.transaction() as connection:
        entry = observe(connection, here, AS_OF)
        assert entry.measures["naive"]["precision"] is None
        assert row_of(connection, here)["measures"]["rows"] == 0
        live(connection, here, registered(connection, here))
        assert observe(connection, here, AS_OF).verdict is Verdict.UNKNOWN


def days_of(connection: Connection, tenant: str, days: int, **told: Any) -> list[Watched]:
    return [observe(connection, tenant, AS_OF + DAY * number, **told) for number in range(days)]


def test_three_bad_days_ask_for_a_training_once_until_one_is_made(database: Database, here: str) -> None:
    """Defect 76: a model that decays asks for another, and not every day."""
    probability, actual = chances()
    with database.transaction() as connection:
        model = registered(connection, here)
        live(connection, here, model)
        predicted(connection, here, model, probability, TRAINED, days=28)
        judged(connection, here, 1 - actual)
        assert requested(connection, here) is None
        actions = [each.action for each in days_of(connection, here, 5)]
        assert actions == [None, None, Request.RETRAIN, None, None]
        asked = AS_OF + 2 * DAY
        assert requested(connection, here) == asked
        for as_of, left in ((asked - DAY, asked), (asked, None)):
            done = TrainingRun(here, as_of, as_of, as_of, RunStatus.REJECTED, "No better.")
            record_run(connection, done)
            assert requested(connection, here) == left


def test_features_that_moved_are_told_and_those_of_chance_are_not(database: Database, here: str) -> None:
    with database.transaction() as connection:
        predicted(connection, here, None, np.full(1_200, 0.1), TRAINED - 25 * DAY, name="b", seed=9)
        model = scored(connection, here)
        still = observe(connection, here, AS_OF)
        connection.execute(
            text("""update noc_fraud_prediction set features = features || cast(:moved as jsonb)
                    where tenant_id = :t and model_id = :m"""),
            {"t": here, "m": model, "moved": json.dumps({NAMES[1]: 4.0, NAMES[2]: None})},
        )
        moved = observe(connection, here, AS_OF)
    assert still.measures["drift_against"] == "all events before the training"
    assert still.drifted == []
    assert [each["feature"] for each in still.measures["features"]] == list(NAMES)
    assert {each["feature"] for each in moved.drifted} == {NAMES[1], NAMES[2]}


def test_what_was_flagged_more_often_is_no_drift_where_labelled_events_were_learned_from(
    database: Database, here: str
) -> None:
    """Few events are known from before: then labelled ones are held against labelled ones, all being unlike those."""
    probability, actual = chances()
    with database.transaction() as connection:
        model = registered(connection, here)
        live(connection, here, model)
        predicted(connection, here, model, probability, TRAINED)
        predicted(connection, here, model, np.full(ROWS, 0.01), TRAINED, shift=3, name="b")
        judged(connection, here, actual)
        entry = observe(connection, here, AS_OF)
    assert entry.measures["drift_against"] == "labelled events of the training"
    assert entry.drifted == []
    assert entry.measures["rows"] == 2 * ROWS


def test_a_few_days_are_not_held_against_weeks(database: Database, here: str) -> None:
    """Else a model that went live on a Sunday would have drifted by Monday."""
    with database.transaction() as connection:
        scored(connection, here, shift=3)
        few, enough = (observe(connection, here, TRAINED + days * DAY) for days in (6, 7))
    assert (few.drifted, few.measures["drift_against"]) == ([], None)
    assert enough.measures["drift_against"] is not None


def test_what_the_model_learned_from_does_not_speak_for_it(database: Database, here: str) -> None:
    probability, _ = chances()
    with database.transaction() as connection:
        model = registered(connection, here)
        live(connection, here, model)
        predicted(connection, here, model, probability, TRAINED - 10 * DAY, days=9, name="b")
        predicted(connection, here, model, probability[:100], TRAINED)
        assert observe(connection, here, AS_OF - 5 * DAY).measures["rows"] == 100


def test_a_model_before_that_does_better_is_asked_for_and_a_challenger_is_only_told(
    database: Database, here: str
) -> None:
    probability, actual = chances()
    with database.transaction() as connection:
        before = registered(connection, here, 1, training_date=TRAINED - 60 * DAY)
        live(connection, here, before, TRAINED - 60 * DAY)
        model = registered(connection, here, 2)
        live(connection, here, model)
        predicted(connection, here, model, 1 - probability, TRAINED, days=28)
        judged(connection, here, actual)
        predicted(connection, here, before, probability, TRAINED, days=28, is_shadow=True)
        actions = [each.action for each in days_of(connection, here, 3)]
        assert actions == [None, None, Request.ROLLBACK]
        assert row_of(connection, here)["measures"]["predecessor_version"] == 1

        challenger = registered(connection, here, 3)
        set_challenger(connection, here, challenger)
        connection.execute(
            text("update noc_fraud_prediction set model_id = :c where tenant_id = :t and is_shadow"),
            {"c": challenger, "t": here},
        )
        connection.execute(text("delete from noc_model_performance where tenant_id = :t"), {"t": here})
        entries = days_of(connection, here, 3)
    assert [each.action for each in entries] == [None, None, Request.RETRAIN]
    assert entries[0].measures["worse_than_predecessor"] is None
    assert entries[0].measures["worse_than_challenger"]["low"] > 0
    assert entries[0].measures["challenger_version"] == 3


def test_the_model_before_is_asked_about_what_was_kept(database: Database, here: str, tmp_path: Any) -> None:
    artefact = save(str(tmp_path), fitted(), manifest(names=NAMES))
    with database.transaction() as connection:
        before = registered(connection, here, 1, artefact=artefact, training_date=TRAINED - 60 * DAY)
        live(connection, here, before, TRAINED - 60 * DAY)
        model = registered(connection, here, 2)
        live(connection, here, model)
        probability, _ = chances()
        predicted(connection, here, model, probability, TRAINED)
        asked = "select features->>:n from noc_fraud_prediction where tenant_id = :t order by event_id"
        values = np.array(connection.execute(text(asked), {"t": here, "n": NAMES[0]}).scalars().all(), float)
        judged(connection, here, (values > 1).astype(float))
        entry = observe(connection, here, AS_OF)
    assert entry.measures["worse_than_predecessor"]["low"] > 0


def test_naive_and_corrected_are_told_with_what_people_were_asked(database: Database, here: str) -> None:
    """Defect 72: of what nobody flagged, what chance chose tells how much is missed."""
    rng = np.random.default_rng(2)
    rows, flagged = 4_000, 400
    probability = np.r_[np.full(flagged, 0.9), np.full(rows - flagged, 0.02)]
    is_fraud = rng.random(rows) < np.r_[np.full(flagged, 0.9), np.full(rows - flagged, 0.05)]
    is_drawn = (rng.random(rows) < 0.2) & (np.arange(rows) >= flagged)
    said = np.where(is_drawn | (np.arange(rows) < flagged), is_fraud.astype(float), np.nan)
    with database.transaction() as connection:
        predicted(connection, here, None, probability, TRAINED)
        # Both came in as flagged: what people were asked by chance is known from that.
        judged(connection, here, said)
        asked_for_review(connection, here, {f"a{place}": (RANDOM, 0.2) for place in np.flatnonzero(is_drawn)})
        asked_for_review(connection, here, {f"a{place}": (FLAGGED, 1.0) for place in range(flagged)})
        asked_for_review(connection, here, {"a3999": (RANDOM, 0.2)} if not is_drawn[-1] else {})
        told = observe(connection, here, AS_OF).measures
    recall = is_fraud[:flagged].sum() / is_fraud.sum()
    assert told["corrected"]["recall"]["low"] <= recall <= told["corrected"]["recall"]["high"]
    assert abs(told["corrected"]["recall"]["value"] - recall) < 0.06 < told["naive"]["recall"]["value"] - recall
    assert told["corrected"]["explain"].startswith("For all 4,000 events")
    assert "looked at" in told["naive"]["explain"]
    assert told["reviews"]["FLAGGED"] == {"asked": flagged, "answered": flagged}
    assert told["reviews"]["RANDOM"]["answered"] == is_drawn.sum()


def test_the_newest_rows_are_read_where_there_are_too_many(database: Database, here: str) -> None:
    with database.transaction() as connection:
        scored(connection, here)
        entry = observe(connection, here, AS_OF, ObservingPolicy(most_rows=200, most_features=100))
    assert entry.measures["rows"] == 200
    assert {each["rows"] for each in entry.measures["features"]} == {100}


def test_nothing_of_another_tenant_is_read(database: Database, here: str) -> None:
    with database.transaction() as connection:
        put_operation(connection, f"{here}-x")
        scored(connection, f"{here}-x")
        assert observe(connection, here, AS_OF).measures["rows"] == 0
        assert requested(connection, here) is None
