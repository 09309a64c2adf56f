"""Reads by the API: a pool of asynchronous connections under its own role, one tenant at a time.

A request costs one round trip: naming the tenant and the questions travel together.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from noc_platform.errors import Unavailable
from noc_platform.store.metadata import TENANT_SETTING

CONNECT_SECONDS = 5.0
SLOWEST_STATEMENT_SECONDS = 15
Question = tuple[str, dict[str, Any]]
NAME_TENANT = f"select set_config('{TENANT_SETTING}', %s, true)"


class AsyncReads:
    """Questions asked of PostgreSQL as the API's role."""

    def __init__(self, conninfo: str, connections: int) -> None:
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection[dict[str, Any]]] = AsyncConnectionPool(
            conninfo,
            min_size=1,
            max_size=connections,
            timeout=CONNECT_SECONDS,
            open=False,
            kwargs={"row_factory": dict_row, "prepare_threshold": 0},
            configure=_configure,
        )

    async def open(self) -> None:
        """Open the pool. Raises `Unavailable` when PostgreSQL does not answer."""
        try:
            await self._pool.open(wait=True, timeout=CONNECT_SECONDS)
        except PoolTimeout as error:
            raise Unavailable("PostgreSQL does not answer; is it running, and is NOC_DATABASE_URL right?") from error

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def ask(self, tenant: str, questions: Sequence[Question]) -> list[list[dict[str, Any]]]:
        """Answers to several questions in one read-only transaction confined to `tenant`, each a list of rows.

        Raises `Unavailable` when PostgreSQL cannot be reached.
        """
        try:
            async with self._pool.connection() as connection:
                # Answers are fetched after the pipeline has ended: earlier would cost a round trip of its own.
                async with connection.pipeline(), connection.transaction():
                    await connection.execute(NAME_TENANT, (tenant,))
                    cursors = [await connection.execute(sql, values) for sql, values in questions]
                return [await cursor.fetchall() for cursor in cursors]
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise Unavailable("PostgreSQL does not answer just now; try again.") from error


async def _configure(connection: "psycopg.AsyncConnection[dict[str, Any]]") -> None:
    await connection.set_autocommit(True)
    # Statements are small and many: compiling them to machine code, or planning each anew, costs more than it saves.
    await connection.execute("set jit = off")
    await connection.execute("set plan_cache_mode = force_generic_plan")
    await connection.execute(f"set statement_timeout = '{SLOWEST_STATEMENT_SECONDS}s'")
