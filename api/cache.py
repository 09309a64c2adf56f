"""Answers kept for a short while: the caller is authorised first, and the key holds everything an answer depends on."""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from api.metrics import CACHE_READS

if TYPE_CHECKING:
    from cashews import Cache

log = logging.getLogger(__name__)
MOST_KEPT = 50_000


class Answers:
    """A cache of finished JSON. An outage of a shared cache costs speed, never an answer."""

    def __init__(self, url: str | None, seconds: int) -> None:
        self._url = url or f"mem://?size={MOST_KEPT}&check_interval=10"
        self._seconds = seconds
        self._cache: Cache | None = None

    async def through(self, endpoint: str, key: str, compute: Callable[[], Awaitable[bytes]]) -> tuple[bytes, bool]:
        """The answer under `key`, and whether it was kept; computed and kept when it was not."""
        if not self._seconds:
            return await compute(), False
        kept = await self._get(key)
        CACHE_READS.labels(endpoint, "miss" if kept is None else "hit").inc()
        if kept is not None:
            return kept, True
        answer = await compute()
        await self._set(key, answer)
        return answer, False

    async def close(self) -> None:
        """Let go of connections."""
        if self._cache is not None:
            await self._cache.close()

    def _opened(self) -> "Cache":
        if self._cache is None:
            # Importing cashews takes as long as everything else at start-up together.
            from cashews import Cache

            self._cache = Cache()
            self._cache.setup(self._url)
        return self._cache

    async def _get(self, key: str) -> bytes | None:
        try:
            kept: bytes | None = await self._opened().get(key)
        except (OSError, TimeoutError) as error:
            log.warning("the cache does not answer: %s", error)
            return None
        return kept

    async def _set(self, key: str, answer: bytes) -> None:
        try:
            await self._opened().set(key, answer, expire=self._seconds)
        except (OSError, TimeoutError) as error:
            log.warning("the cache does not answer: %s", error)
