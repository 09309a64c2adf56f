"""Builds the service. Neither Dagster nor MLflow is ever imported here, and nothing slow before it listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import problems
from api.auth import Gate
from api.backend import Backend
from api.cache import Answers
from api.metrics import CountRequests
from api.receiving import AT_A_TIME
from api.routes import events, health, security, telemetry
from noc_platform.settings import Settings, load_settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service for these settings, or for those of the environment."""
    settings = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.backend.start()
        opening = asyncio.create_task(app.state.answers.open())
        yield
        await asyncio.wait({opening})
        await app.state.backend.stop()
        await app.state.answers.close()

    app = FastAPI(
        title="NOC Intelligence Platform",
        description="Activity of guards at sites, now and at any moment still held, and why each value is what it is.",
        version="0.1.0",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.backend = Backend(settings)
    app.state.answers = Answers(settings.cache_url, settings.telemetry_cache_ttl)
    app.state.ingesting = asyncio.Semaphore(AT_A_TIME)
    app.state.gate = Gate(settings.signing_key())
    app.add_middleware(CountRequests)
    problems.install(app)
    for routes in (telemetry.router, events.router, security.router, health.router):
        app.include_router(routes)
    return app
