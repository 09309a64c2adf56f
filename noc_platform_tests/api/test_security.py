"""Attendances over HTTP: let in by the door, scored once, by the model or by rules, and never shown to others."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from api.auth import Capability
from api.declared import ATTENDANCE_EXAMPLE
from api.predictions import FELL_BACK
from noc_platform.fraud import models
from noc_platform.fraud.learning.candidates import LOGISTIC, calibrated, candidates, fit
from noc_platform.fraud.live import Registered, note, set_live
from noc_platform.fraud.scoring import LiveModel
from noc_platform.settings import Settings
from noc_platform.store.sessions import Server
from noc_platform.streams.catalogue import ATTENDANCE_EVENTS
from noc_platform_tests.api.conftest import Service
from noc_platform_tests.api.test_events import rows_of
from noc_platform_tests.api.test_signals import is_problem
from noc_platform_tests.builders import NOW, put_operation
from noc_platform_tests.fraud.learning.drawn import by_chance, drawn
from noc_platform_tests.fraud.small_model import NAMES, manifest

SCORE = "/api/v2/noc/security/attendance-events/"
PREDICTIONS = "noc_fraud_prediction"
PUNCH: dict[str, Any] = {
    "attendance_id": "a1", "person_id": "p0", "site_id": "s0", "device_id": "phone-0", "accuracy_meters": 10,
    "punched_in_at": NOW.isoformat(), "quality_score": 0.9, "confidence_score": 0.9, "biometric_result": "SUCCESS",
}  # fmt: skip
MOCKED = {**PUNCH, "attendance_id": "a2", "is_location_mocked": True}
KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "number": (int, float), "integer": (int,),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip


def score(service: Service, token: str, *events: dict[str, Any]) -> dict[str, Any]:
    """What is answered to a batch that fits."""
    response = service.ask("POST", SCORE, token, json={"events": list(events)})
    assert response.status_code == 200, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


@pytest.fixture
def other(server: Server) -> str:
    """Another tenant, with people and sites of the same names."""
    name = f"other-{uuid4().hex[:12]}"
    with server.pipeline.transaction() as connection:
        put_operation(connection, name)
    return name


def trained(seed: int) -> Any:
    """A small model as training makes them; another for another seed."""
    examples = drawn(300, seed=seed)
    few = by_chance(replace(examples, values=examples.values[:, : len(NAMES)], names=NAMES))
    return calibrated(fit(candidates(few, seed)[LOGISTIC], few), few, "sigmoid")


class Workshop:
    """Makes models of a tenant live."""

    def __init__(self, server: Server, folder: Path, tenant: str) -> None:
        self.server, self.folder, self.tenant = server, folder, tenant

    def goes_live(self, version: int) -> Path:
        """Another model scores from now on; where its file is."""
        manifest_of = manifest(tenant_id=self.tenant, family=LOGISTIC)
        kept = models.save(str(self.folder), trained(version), manifest_of)
        live = LiveModel(self.tenant, uuid4(), version, kept)
        samples = dict.fromkeys(("training", "validation", "test", "fraud", "normal"), 100)
        made = Registered(
            model=live, measures={}, threshold=0.5, samples=samples, training_date=NOW, algorithm="random_forest",
            hyperparameters={}, feature_names=("a",), reference={}, library_versions={}, mlflow_run_id="r",
            dagster_run_id=None, created_at=NOW,
        )  # fmt: skip
        with self.server.pipeline.transaction() as connection:
            note(connection, made)
            set_live(connection, self.tenant, live.model_id, NOW + timedelta(hours=version), "test", "it is better")
        return Path(kept.uri)


@pytest.fixture
def workshop(server: Server, tmp_path: Path, operation: str) -> Workshop:
    return Workshop(server, tmp_path, operation)


def test_fraud_prediction_scoring(service: Service, server: Server, operation: str) -> None:
    data = score(service, service.token(operation), MOCKED)
    assert (data["accepted"], data["duplicate"], data["quarantined"], data["fell_back"]) == (1, 0, 0, None)
    (told,) = data["predictions"]
    (kept,) = rows_of(server, operation, PREDICTIONS)
    assert (told["event_id"], told["attendance_id"], told["person_id"]) == (str(kept["event_id"]), "a2", "p0")
    assert (told["site_id"], told["stage"], told["is_flagged"], told["risk_level"]) == ("s0", "IN", True, "HIGH")
    assert told["fraud_score"] == kept["fraud_score"] / 100 >= 0.6
    (found,) = told["detections"]
    assert (found["code"], found["severity"]) == ("MOCK_LOCATION", "CRITICAL")
    assert found["evidence"]
    assert found["reason"]
    assert 0 < found["confidence"] <= 1
    assert told["latency_ms"] == kept["latency_ms"] > 0
    for table in ("noc_attendance_anomaly", "noc_fraud_review", "noc_alert_event"):
        assert len(rows_of(server, operation, table)) == 1, table


def test_rules_score_where_there_is_no_model(service: Service, operation: str) -> None:
    (told,) = score(service, service.token(operation), PUNCH)["predictions"]
    assert (told["method"], told["model_version"], told["base_rate"]) == ("RULES", "rules-v1", 0.0)
    assert (told["is_flagged"], told["detections"]) == (False, [])
    contributions = [abs(reason["contribution"]) for reason in told["top_reasons"]]
    assert contributions
    assert contributions == sorted(contributions, reverse=True)
    # Every part of rules-v1 adds to the score, so those told cannot come to more than it.
    assert sum(contributions) <= told["fraud_probability"] + 1e-9


def test_an_event_is_scored_once(service: Service, server: Server, operation: str, workshop: Workshop) -> None:
    token = service.token(operation)
    first = score(service, token, MOCKED)
    workshop.goes_live(1)
    again = score(service, token, MOCKED)
    assert (again["accepted"], again["duplicate"]) == (0, 1)
    assert again["predictions"] == first["predictions"]
    assert len(rows_of(server, operation, PREDICTIONS)) == 1
    assert len(rows_of(server, operation, "noc_alert_event")) == 1


def test_of_a_batch_what_is_new_is_scored_beside_what_is_known(
    service: Service, server: Server, operation: str
) -> None:
    token = service.token(operation)
    (before,) = score(service, token, PUNCH)["predictions"]
    out = {**PUNCH, "punched_out_at": (NOW + timedelta(minutes=9)).isoformat()}
    strange = {**PUNCH, "attendance_id": "a3", "person_id": "stranger"}
    data = score(service, token, strange, MOCKED, PUNCH, out, out)
    assert (data["read"], data["accepted"], data["duplicate"], data["quarantined"]) == (5, 2, 2, 1)
    assert [(row["event"], row["column"]) for row in data["reasons"]] == [(1, "person_id")]
    told = {(each["attendance_id"], each["stage"]): each for each in data["predictions"]}
    assert set(told) == {("a1", "IN"), ("a1", "OUT"), ("a2", "IN")}
    assert told["a1", "IN"] == before
    assert len(rows_of(server, operation, PREDICTIONS)) == 3
    assert len(rows_of(server, operation, "noc_quarantine")) == 1


def test_what_came_by_another_way_is_scored_when_it_is_sent_again(
    service: Service, server: Server, operation: str
) -> None:
    token = service.token(operation)
    assert service.send(token, ATTENDANCE_EVENTS.name, [PUNCH]).json()["data"]["accepted"] == 1
    assert rows_of(server, operation, PREDICTIONS) == []
    data = score(service, token, PUNCH)
    assert (data["duplicate"], len(data["predictions"])) == (1, 1)


def test_nothing_is_said_of_what_did_not_get_in(service: Service, server: Server, operation: str) -> None:
    data = score(service, service.token(operation), {**PUNCH, "person_id": "stranger"}, {"nonsense": [1]})
    assert (data["quarantined"], data["predictions"]) == (2, [])
    assert rows_of(server, operation, PREDICTIONS) == []


def test_the_live_model_scores_until_another_takes_its_place(
    service: Service, operation: str, workshop: Workshop
) -> None:
    token = service.token(operation)
    versions = []
    for version in (1, 2):
        workshop.goes_live(version)
        (told,) = score(service, token, {**PUNCH, "attendance_id": f"m{version}"})["predictions"]
        assert (told["method"], told["is_flagged"]) == ("MODEL", told["fraud_score"] >= 0.5)
        assert 0 < told["base_rate"] < 1
        # Four features made it, and all of them are told.
        added = sum(reason["contribution"] for reason in told["top_reasons"])
        assert told["base_rate"] + added == pytest.approx(told["fraud_probability"])
        versions.append((told["model_version"], told["fraud_probability"]))
    assert [version for version, _ in versions] == ["1", "2"]
    assert versions[0][1] != versions[1][1]


def test_rules_stand_in_for_a_model_that_cannot_be_used(
    service: Service, operation: str, workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    token = service.token(operation)
    file = workshop.goes_live(1)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with caplog.at_level(logging.WARNING):
        data = score(service, token, PUNCH)
    assert data["fell_back"] == FELL_BACK
    assert data["predictions"][0]["model_version"] == "rules-v1"
    assert "altered" in caplog.text
    assert str(file) not in data["fell_back"]
    workshop.goes_live(2)
    data = score(service, token, MOCKED)
    assert (data["fell_back"], data["predictions"][0]["model_version"]) == (None, "2")


def test_tenants_never_meet(service: Service, server: Server, operation: str, other: str) -> None:
    event = {**MOCKED, "event_id": str(uuid4())}
    ours = score(service, service.token(operation), event)["predictions"]
    theirs = score(service, service.token(other), {**PUNCH, "event_id": event["event_id"]})
    assert (theirs["accepted"], len(theirs["predictions"])) == (1, 1)
    assert ours[0]["event_id"] == theirs["predictions"][0]["event_id"]
    assert (ours[0]["is_flagged"], theirs["predictions"][0]["is_flagged"]) == (True, False)
    is_problem(service.ask("POST", SCORE, service.token(other), json={"event": {**PUNCH, "tenant": operation}}), 404)
    is_problem(service.ask("POST", SCORE, service.token("nowhere"), json={"event": PUNCH}), 404)
    assert len(rows_of(server, operation, PREDICTIONS)) == len(rows_of(server, other, PREDICTIONS)) == 1


def test_a_token_of_some_sites_hears_of_those_alone(service: Service, server: Server, operation: str) -> None:
    event = {**MOCKED, "event_id": str(uuid4())}
    score(service, service.token(operation), event)
    scoped = service.token(operation, Capability.INGEST, sites=["s1"])
    is_problem(service.ask("POST", SCORE, scoped, json={"event": PUNCH}), 404)
    # The identity of another site's event, with a site of one's own.
    guessed = score(service, scoped, {**event, "site_id": "s1"})
    assert (guessed["duplicate"], guessed["predictions"]) == (1, [])
    (told,) = score(service, scoped, {**PUNCH, "person_id": "p1", "site_id": "s1"})["predictions"]
    assert told["site_id"] == "s1"


def test_what_cannot_be_scored_does_not_get_in(service: Service, server: Server, operation: str) -> None:
    with server.pipeline.transaction() as connection:
        connection.execute(text(f"revoke insert on {PREDICTIONS} from noc_api"))
    try:
        is_problem(service.ask("POST", SCORE, service.token(operation), json={"event": PUNCH}), 500)
    finally:
        with server.pipeline.transaction() as connection:
            connection.execute(text(f"grant insert on {PREDICTIONS} to noc_api"))
    assert rows_of(server, operation, "noc_attendance_event") == []
    assert score(service, service.token(operation), PUNCH)["accepted"] == 1


def test_many_at_a_time_score_an_event_once(service: Service, server: Server, operation: str) -> None:
    token = service.token(operation)

    async def at_once() -> list[httpx.Response]:
        transport = httpx.ASGITransport(service.app)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://noc", headers=headers) as client:
            return await asyncio.gather(*(client.post(SCORE, json={"events": [PUNCH, MOCKED]}) for _ in range(6)))

    answers = [response.json()["data"] for response in service.run(at_once())]
    assert sum(answer["accepted"] for answer in answers) == 2
    assert all(answer["predictions"] == answers[0]["predictions"] for answer in answers)
    assert len(rows_of(server, operation, PREDICTIONS)) == 2
    assert len(rows_of(server, operation, "noc_alert_event")) == 1


def test_when_we_knew_is_ours_to_say(service: Service, server: Server, operation: str) -> None:
    score(service, service.token(operation), {**PUNCH, "receivedon": NOW.isoformat()})
    (kept,) = rows_of(server, operation, PREDICTIONS)
    assert kept["known_at"] > NOW


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"1", b"null", b"\xff\xfe", b"[" * 100_000, b"{}", b'{"events": {}}', b'{"events": []}',
        b'{"events": 7}', b'{"event": []}', b'{"event": null}', b'{"events": ["x"]}', b'{"event": {}, "events": []}',
        b'{"stream": "device_events", "events": [{"person_id": "p0"}]}', b'{"stream": 1, "events": [{}]}',
    ],
)  # fmt: skip
def test_bad_bodies_are_problems(service: Service, operation: str, body: bytes) -> None:
    is_problem(service.ask("POST", SCORE, service.token(operation), content=body), 422)


def test_bad_requests_are_problems(service: Service, operation: str, settings: Settings) -> None:
    token = service.token(operation)
    told = is_problem(service.ask("POST", SCORE, token, json={"events": [PUNCH] * 101}), 422)
    assert "1 to 100 events, not 101" in str(told["detail"])
    is_problem(service.ask("POST", SCORE, token, json={"event": {f"c{i}": "x" for i in range(1_000)}}), 422)
    large = b'{"pad": "' + b"x" * settings.api_longest_body_bytes + b'"}'
    is_problem(service.ask("POST", SCORE, token, content=large), 413)
    is_problem(service.ask("POST", SCORE, service.token(operation, Capability.VIEW), json={"event": PUNCH}), 403)
    is_problem(service.ask("POST", SCORE, None, json={"event": PUNCH}), 401)
    is_problem(service.ask("GET", SCORE, token), 405)


def test_predictions_are_counted_once(service: Service, operation: str) -> None:
    token = service.token(operation)
    names = (
        'noc_ml_predictions_total{model_type="fraud_detection",version="rules-v1"}',
        'noc_ml_prediction_latency_seconds_count{model_type="fraud_detection"}',
        'noc_fraud_detections_total{severity="CRITICAL"}',
    )
    before = counts(service, names)
    for _ in range(2):
        score(service, token, PUNCH, MOCKED)
    assert [after - was for after, was in zip(counts(service, names), before, strict=True)] == [2, 2, 1]


def counts(service: Service, names: tuple[str, ...]) -> list[float]:
    read = dict(line.rsplit(" ", 1) for line in service.get("/metrics").text.splitlines() if line[:1] != "#")
    return [float(read.get(name, 0)) for name in names]


def test_it_is_declared_as_it_answers(service: Service, operation: str) -> None:
    post = service.get("/openapi.json").json()["paths"][SCORE]["post"]
    content = post["requestBody"]["content"]["application/json"]
    assert {"413", "422", "404"} <= set(post["responses"])
    sent = content["examples"]["one attendance"]["value"]
    assert sent == {"event": ATTENDANCE_EXAMPLE}
    answered = service.ask("POST", SCORE.rstrip("/"), service.token(operation), json=sent).json()
    declared = post["responses"]["200"]["content"]["application/json"]
    for told in (answered, declared["example"]):
        fits(told, declared["schema"])


def fits(value: Any, schema: dict[str, Any]) -> None:
    """The value has just the properties that are declared, and these the types."""
    named = schema.get("type", [])
    if named:
        kinds = [named] if isinstance(named, str) else named
        assert any(isinstance(value, KINDS[kind]) for kind in kinds), (value, schema)
    assert value in schema.get("enum", [value])
    assert value == schema.get("const", value)
    if "properties" in schema:
        assert set(schema["required"]) <= set(value) <= set(schema["properties"])
        for name, each in value.items():
            fits(each, schema["properties"][name])
    for item in value if "items" in schema else ():
        fits(item, schema["items"])
