"""Answers kept for a short while: the caller is authorised first, and the key holds everything an answer depends on."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.auth import Capability, requires
from api.metrics import CACHE_READS
from noc_platform.errors import Misconfigured

if TYPE_CHECKING:
    from cashews import Cache

log = logging.getLogger(__name__)
MOST_KEPT = 50_000
# A longer query is none of ours; it would only fill the cache.
LONGEST_KEPT_QUERY = 200
PATIENCE_SECONDS = 0.5
# While a shared cache is out, each request would wait for it in vain: it is left alone this long.
REST_SECONDS = 10.0


class Answers:
    """A cache of finished JSON. An outage of a shared cache costs speed, never an answer."""

    def __init__(self, url: str | None, seconds: int) -> None:
        self._url = url
        self._seconds = seconds
        self._cache: Cache | None = None
        self._resting_until = 0.0
        self._computing: dict[str, asyncio.Task[str]] = {}

    async def through(self, endpoint: str, key: str, compute: Callable[[], Awaitable[str]]) -> tuple[str, bool]:
        """The answer under `key`, and whether it was kept; computed and kept when it was not."""
        if not self._seconds:
            return await compute(), False
        kept: str | None = await self._trying(lambda cache: cache.get(key))
        CACHE_READS.labels(endpoint, "miss" if kept is None else "hit").inc()
        if kept is not None:
            return kept, True
        # When an answer expires, all who look at it ask again at once: one computes, the others wait for it.
        computing = self._computing.get(key)
        if computing is None:
            computing = self._computing[key] = asyncio.create_task(self._computed(key, compute))
        return await asyncio.shield(computing), False

    async def open(self) -> None:
        """Get ready, off the event loop: importing cashews takes as long as everything else at start-up together."""
        self._cache = await asyncio.to_thread(_opened, self._url)

    async def close(self) -> None:
        """Let go of connections."""
        if self._cache is not None:
            await self._cache.close()

    async def _computed(self, key: str, compute: Callable[[], Awaitable[str]]) -> str:
        try:
            answer = await compute()
            await self._trying(lambda cache: cache.set(key, answer, expire=self._seconds))
            return answer
        finally:
            del self._computing[key]

    async def _trying(self, act: Callable[["Cache"], Awaitable[Any]]) -> Any:
        if self._cache is None:
            self._cache = _opened(self._url)
        if time.monotonic() < self._resting_until:
            return None
        from cashews.exceptions import CacheBackendInteractionError

        try:
            return await act(self._cache)
        except (CacheBackendInteractionError, OSError, TimeoutError) as error:
            log.warning("the cache does not answer and is left alone for a while: %r", error.__cause__ or error)
            self._resting_until = time.monotonic() + REST_SECONDS
            return None


class CachedRead(APIRoute):
    """A route for viewers whose answers are kept.

    Its endpoint gives JSON, which goes out as `data`. A kept answer is found by the caller's rights, the path and the
    query as they came, before FastAPI takes the parameters apart: that takes longer than all the rest.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler FastAPI calls."""
        fresh = super().get_route_handler()
        caller = requires(Capability.VIEW)

        async def answer(request: Request) -> Response:
            async def compute() -> str:
                return bytes((await fresh(request)).body).decode()

            viewer = await caller(request)
            query: bytes = request.scope["query_string"]
            if len(query) > LONGEST_KEPT_QUERY:
                data, is_kept = await compute(), False
            else:
                # "Now" stays one question while its answer is kept.
                key = f"{viewer.scope}:{query.decode('latin-1')}:{request.scope['path'].rstrip('/')}"
                data, is_kept = await request.app.state.answers.through(request.scope["route"].path, key, compute)
            body = f'{{"status":"success","data":{data},"cached":{"true" if is_kept else "false"}}}'
            return Response(body, media_type="application/json")

        return answer


def _opened(url: str | None) -> "Cache":
    from cashews import Cache
    from cashews.exceptions import BackendNotAvailableError

    cache = Cache()
    if url is None:
        cache.setup(f"mem://?size={MOST_KEPT}&check_interval=10")
        return cache
    try:
        # JSON, because cashews would pickle, and what a shared server holds may not be ours to run.
        cache.setup(
            url,
            suppress=False,
            pickle_type="json",
            socket_connect_timeout=PATIENCE_SECONDS,
            socket_timeout=PATIENCE_SECONDS,
        )
    except BackendNotAvailableError as error:
        raise Misconfigured(f"NOC_CACHE_URL cannot be used ({error}); give redis://host:port/0.") from error
    return cache
