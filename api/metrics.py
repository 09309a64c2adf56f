"""Every Prometheus name of the service, once, and the middleware that counts requests."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUESTS = Counter("noc_telemetry_api_requests_total", "Requests to the API.", ["endpoint", "status"])
LATENCY = Histogram("noc_telemetry_api_latency_seconds", "Time to answer a request.", ["endpoint"])
CACHE_READS = Counter("noc_telemetry_api_cache_reads_total", "Answers looked up in the cache.", ["endpoint", "result"])
EVENTS_INGESTED = Counter(
    "noc_telemetry_events_ingested_total", "Events received through the API.", ["stream", "result"]
)
PREDICTIONS = Counter("noc_ml_predictions_total", "Predictions made.", ["model_type", "version"])
PREDICTION_LATENCY = Histogram(
    "noc_ml_prediction_latency_seconds", "From an event's row to its prediction; of a batch the mean.", ["model_type"]
)
FRAUD_DETECTIONS = Counter("noc_fraud_detections_total", "What the fraud rules found in events.", ["severity"])
UNKNOWN_ENDPOINT = "unknown"


class CountRequests:
    """Counts and times each request under its route's template, so that ids never become labels."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            route = scope.get("route")
            endpoint = getattr(route, "path", UNKNOWN_ENDPOINT)
            requests, latency = _meters(endpoint, status)
            requests.inc()
            latency.observe(time.perf_counter() - started)


@cache
def _meters(endpoint: str, status: int) -> tuple[Counter, Histogram]:
    # Looking labels up costs more than counting; routes and statuses are few.
    return REQUESTS.labels(endpoint, status), LATENCY.labels(endpoint)


def exposition(registry: CollectorRegistry = REGISTRY) -> tuple[bytes, str]:
    """Everything counted, as Prometheus reads it: body and content type."""
    return generate_latest(registry), CONTENT_TYPE_LATEST
