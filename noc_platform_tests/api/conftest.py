"""The service in this process, over the real embedded PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.auth import Capability, issue
from noc_platform.settings import Settings
from noc_platform.store.sessions import Server
from noc_platform.streams.catalogue import DEVICE_EVENTS, JOBNEEDS, LOCATION_UPDATES, SHIFTS
from noc_platform_tests.builders import NOW, put, put_operation

T = TypeVar("T")
SIGNALS = "/api/v2/noc/telemetry/signals"
EVENTS = "/api/v2/noc/telemetry/events"
AT: dict[str, object] = {"as_of": NOW.isoformat()}
EVERYTHING = (Capability.VIEW, Capability.VIEW_PII, Capability.INGEST)


@dataclass
class Service:
    """An application that has started, and the loop it lives on."""

    app: FastAPI
    key: str
    run: Callable[[Awaitable[Any]], Any]

    def token(self, tenant: str, *capabilities: str, sites: list[str] | None = None, hours: float = 1.0) -> str:
        lasting, now = timedelta(hours=hours), datetime.now(UTC)
        return issue(self.key, tenant, [str(item) for item in capabilities or EVERYTHING], sites, lasting, now, "test")

    def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        headers = {**({} if token is None else {"Authorization": f"Bearer {token}"}), **more.pop("headers", {})}

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://noc") as client:
                return await client.request(method, path, headers=headers, **more)

        response: httpx.Response = self.run(asked())
        return response

    def get(self, path: str, token: str | None = None, **params: Any) -> httpx.Response:
        return self.ask("GET", path, token, params=params)

    def send(self, token: str, stream: str, events: Any) -> httpx.Response:
        return self.ask("POST", EVENTS, token, json={"stream": stream, "events": events})


def serving(settings: Settings) -> Iterator[Service]:
    """A service for these settings, started and stopped as uvicorn would."""
    app = create_app(settings)
    with asyncio.Runner() as runner:
        lifespan = app.router.lifespan_context(app)
        runner.run(_entered(lifespan))
        yield Service(app, settings.signing_key(), lambda coroutine: runner.run(_awaited(coroutine)))
        runner.run(lifespan.__aexit__(None, None, None))


async def _entered(lifespan: Any) -> None:
    await lifespan.__aenter__()


async def _awaited(coroutine: Awaitable[T]) -> T:
    return await coroutine


@pytest.fixture(scope="session")
def service(settings: Settings, server: Server) -> Iterator[Service]:
    """The service with its default settings."""
    yield from serving(settings)


@pytest.fixture
def operation(server: Server, tenant: str) -> str:
    """A tenant with p0 and p2 at home at s0, p1 at s1; p0 on duty at s0 and p1 at s1 for the two hours before `NOW`.

    p0 was heard five times and moved; p1 not at all; p2 is off duty.
    """
    start = NOW - timedelta(hours=2)
    with server.pipeline.transaction() as connection:
        put_operation(connection, tenant)
        put(connection, SHIFTS, [_shift("p0", "s0"), _shift("p1", "s1")], tenant)
        put(connection, DEVICE_EVENTS, [_phone("p0", start + timedelta(minutes=20 * i)) for i in range(5)], tenant)
        put(connection, LOCATION_UPDATES, [_fix("p0", start + timedelta(minutes=20 * i), i) for i in range(3)], tenant)
        put(connection, JOBNEEDS, [_task("p0", start + timedelta(minutes=30))], tenant)
    return tenant


def _shift(person: str, site: str) -> dict[str, Any]:
    hours = {"starts_at": NOW - timedelta(hours=6), "ends_at": NOW + timedelta(hours=6)}
    return {"person_id": person, "site_id": site, **hours, "received_at": NOW - timedelta(days=1)}


def _phone(person: str, at: datetime) -> dict[str, Any]:
    return {"person_id": person, "occurred_at": at, "event_kind": "stepcount", "received_at": at}


def _fix(person: str, at: datetime, step: int) -> dict[str, Any]:
    place = {"latitude": 38.0 + step * 0.001, "longitude": 23.7, "accuracy_meters": 5}
    return {"person_id": person, "occurred_at": at, "received_at": at, **place}


def _task(person: str, at: datetime) -> dict[str, Any]:
    times = {"planned_at": at, "ended_at": at, "received_at": at}
    return {"jobneed_id": "j1", "person_id": person, "identifier": "TASK", "status": "COMPLETED", **times}
