"""Events over HTTP: once, judged by the door, and never somebody else's."""

import gzip
import json
from typing import Any

import pytest
from sqlalchemy import text

from api.auth import Capability
from noc_platform.settings import Settings
from noc_platform.store.sessions import Server
from noc_platform_tests.api.conftest import EVENTS, Service
from noc_platform_tests.api.test_signals import is_problem
from noc_platform_tests.builders import NOW

EVENT = {"person_id": "p0", "occurred_at": NOW.isoformat(), "event_kind": "login"}


def rows_of(server: Server, tenant: str, table: str = "noc_device_event") -> list[dict[str, Any]]:
    with server.pipeline.transaction() as connection:
        found = connection.execute(text(f"select * from {table} where tenant_id = :tenant"), {"tenant": tenant})
        return [dict(row) for row in found.mappings()]


def test_a_batch_is_accepted_once(service: Service, server: Server, operation: str) -> None:
    before = len(rows_of(server, operation))
    token = service.token(operation)
    batch = [EVENT, {**EVENT, "event_kind": "logout", "step_count": 12, "battery_level": "NA"}]
    first = service.send(token, "device_events", batch)
    again = service.send(token, "device_events", batch)
    assert first.status_code == 200, first.text
    assert first.json()["data"] == {
        "stream": "device_events", "read": 2, "accepted": 2, "duplicate": 0, "quarantined": 0, "reasons": [],
    }  # fmt: skip
    assert again.json()["data"]["duplicate"] == 2
    assert len(rows_of(server, operation)) == before + 2


def test_rows_that_do_not_fit_say_why(service: Service, server: Server, operation: str) -> None:
    batch = [EVENT, {**EVENT, "latitude": 200}, {**EVENT, "person_id": "stranger"}, {**EVENT, "occurred_at": "1970"}]
    for _ in range(2):
        data = service.send(service.token(operation), "device_events", batch).json()["data"]
        assert data["quarantined"] == 3
        assert [(row["event"], row["column"]) for row in data["reasons"]] == [
            (2, "latitude"), (3, "person_id"), (4, "occurred_at"),
        ]  # fmt: skip
        assert len(rows_of(server, operation, "noc_quarantine")) == 3


@pytest.mark.parametrize(
    "event",
    [
        {"person_id": "p0", "PERSON_ID": "p0", "occurred_at": NOW.isoformat(), "event_kind": "login"},
        {**EVENT, "app_version": "\ud800"},
        {**EVENT, "app_version": "nul \x00"},
        {**EVENT, "\ud800\x00": "x", "": "y", "__row__": "7", 'a"b': "z"},
        {**EVENT, "nested": {"a": [1, {"b": None}]}, "step_count": 1e400},
        {**EVENT, "app_version": "x" * 100_000},
        {"person_id": None},
        {},
    ],
)
def test_strange_events_are_judged_not_fatal(service: Service, operation: str, event: dict[str, Any]) -> None:
    body = json.dumps({"stream": "device_events", "events": [EVENT, event]})
    response = service.ask("POST", EVENTS, service.token(operation), content=body)
    assert response.status_code == 200, response.text
    data = response.json()["data"]
    assert data["read"] == 2 == data["accepted"] + data["duplicate"] + data["quarantined"]


def test_ndjson(service: Service, operation: str) -> None:
    lines = "\n".join([json.dumps(EVENT), "not json", "", "[1]", json.dumps({**EVENT, "event_kind": "logout"})])
    headers = {"Content-Type": "application/x-ndjson"}
    token = service.token(operation)
    response = service.ask("POST", f"{EVENTS}/?stream=device_events", token, content=lines, headers=headers)
    data = response.json()["data"]
    assert (data["read"], data["accepted"], data["quarantined"]) == (4, 2, 2)
    assert [row["event"] for row in data["reasons"]] == [2, 4]
    is_problem(service.ask("POST", EVENTS, token, content=lines, headers=headers), 422)


@pytest.mark.parametrize("name", ["tenant_id", "tenant", "Tenant_ID"])
def test_another_tenant_is_refused_whatever_it_is_called(
    service: Service, server: Server, operation: str, name: str
) -> None:
    before = len(rows_of(server, operation))
    is_problem(service.send(service.token(operation), "device_events", [EVENT, {**EVENT, name: "other"}]), 404)
    assert len(rows_of(server, operation)) == before
    own = service.send(service.token(operation), "device_events", [{**EVENT, name: operation}])
    assert own.json()["data"]["accepted"] == 1


def test_a_token_of_a_tenant_that_is_not_here_is_404(service: Service, server: Server) -> None:
    is_problem(service.send(service.token("nowhere"), "device_events", [EVENT]), 404)


def test_a_scoped_token_cannot_write_of_other_sites(service: Service, operation: str) -> None:
    token = service.token(operation, Capability.INGEST, sites=["s1"])
    is_problem(service.send(token, "device_events", [{**EVENT, "bu": "s0"}]), 404)
    assert service.send(token, "device_events", [{**EVENT, "site_id": "s1"}]).json()["data"]["accepted"] == 1


def test_when_we_knew_is_ours_to_say(service: Service, server: Server, operation: str) -> None:
    event = {**EVENT, "receivedon": NOW.isoformat(), "app_version": "stamped"}
    assert service.send(service.token(operation), "device_events", [event]).json()["data"]["accepted"] == 1
    stamped = next(row for row in rows_of(server, operation) if row["app_version"] == "stamped")
    assert stamped["received_at"] > NOW


def test_bad_requests_are_problems(service: Service, operation: str, settings: Settings) -> None:
    token = service.token(operation)
    for body in (
        b"",
        b"{",
        b"[]",
        b"1",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"stream": 1, "events": []}',
        b'{"events": []}',
    ):
        is_problem(service.ask("POST", EVENTS, token, content=body), 422)
    is_problem(service.send(token, "device_events", []), 422)
    is_problem(service.send(token, "device_events", [EVENT] * 10_001), 422)
    is_problem(service.send(token, "device_events", ["x"]), 422)
    is_problem(service.send(token, "people", [EVENT]), 422)
    is_problem(service.send(token, "nonsense", [EVENT]), 404)
    is_problem(service.send(token, "device_events", [{f"c{i}": "x" for i in range(1_000)}]), 422)
    large = b'{"pad": "' + b"x" * settings.api_longest_body_bytes + b'"}'
    is_problem(service.ask("POST", EVENTS, token, content=large), 413)

    async def in_pieces() -> Any:
        for _ in range(9):
            yield b" " * (settings.api_longest_body_bytes // 8)

    is_problem(service.ask("POST", EVENTS, token, content=in_pieces()), 413)
    is_problem(service.send(service.token(operation, Capability.VIEW), "device_events", [EVENT]), 403)
    is_problem(service.ask("POST", EVENTS, None, content=b"{}"), 401)
    is_problem(service.ask("POST", EVENTS, token, content=gzip.compress(b"{}")), 422)
