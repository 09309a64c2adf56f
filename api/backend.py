"""What answers questions: the database as the API's role, and the statements, made ready while the service starts."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noc_platform.errors import NocError, Unavailable
from noc_platform.settings import Settings

if TYPE_CHECKING:
    from noc_platform.fraud.desk import Desk
    from noc_platform.store.asynchronous import AsyncReads
    from noc_platform.store.sessions import Server
    from noc_platform.telemetry.prepared import SitePrepared
    from noc_platform.telemetry.statements import Prepared

log = logging.getLogger(__name__)
STARTING_SECONDS = 30.0


@dataclass(frozen=True)
class Ready:
    """A backend that can be asked."""

    server: "Server"
    reads: "AsyncReads"
    person: "Prepared"
    site: "SitePrepared"
    desk: "Desk"


class Backend:
    """Starts in the background, so that the service listens at once; requests that come earlier wait."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._starting: asyncio.Task[Ready] | None = None
        self._composing: asyncio.Task[None] | None = None

    def start(self) -> "asyncio.Task[Ready]":
        """Begin to connect and to compile."""
        self._starting = asyncio.create_task(self._start())
        return self._starting

    async def ready(self) -> Ready:
        """The backend once it is ready. Raises `Unavailable`; the next request tries again."""
        starting = self._starting
        if starting is None or (starting.done() and (starting.cancelled() or starting.exception() is not None)):
            starting = self.start()
        if not starting.done():
            # Unlike awaiting it, this leaves the start to the others who wait when this one gives up.
            await asyncio.wait({starting}, timeout=STARTING_SECONDS)
        if not starting.done():
            raise Unavailable("Still starting; try again in a moment.")
        if error := starting.exception():
            log.error("the service cannot start", exc_info=error)
            detail = str(error) if isinstance(error, NocError) else "the log says why"
            raise Unavailable(f"The service cannot reach what it needs: {detail}") from error
        return starting.result()

    async def stop(self) -> None:
        """Close every connection."""
        if self._starting is None:
            return
        if not self._starting.done():
            self._starting.cancel()
            return
        if not self._starting.cancelled() and self._starting.exception() is None:
            await self._starting.result().reads.close()

    async def _start(self) -> Ready:
        server, person, site, desk = await asyncio.to_thread(self._prepare)
        from noc_platform.store.asynchronous import AsyncReads

        reads = AsyncReads(server.api.conninfo, self.settings.api_connections)
        await reads.open()
        # Nobody who asks for signals waits for it; who sends an attendance before it is done does.
        self._composing = asyncio.create_task(asyncio.to_thread(_compose, desk))
        return Ready(server, reads, person, site, desk)

    def _prepare(self) -> "tuple[Server, Prepared, SitePrepared, Desk]":
        from noc_platform.store.schema import prepare
        from noc_platform.store.sessions import Server
        from noc_platform.telemetry.prepared import person_statement, site_statement

        server = Server.of(self.settings)
        prepare(server)
        policy = self.settings.movement_policy
        return server, person_statement(policy), site_statement(policy), self._desk()

    def _desk(self) -> "Desk":
        from noc_platform.fraud.desk import Desk
        from noc_platform.fraud.predictions import RecordPolicy

        policy = RecordPolicy.of(self.settings.door_policy, self.settings.fraud_policy)
        return Desk(policy, clock=lambda: datetime.now(UTC))


def _compose(desk: "Desk") -> None:
    """Make what the desk asks of each event, which takes it seconds and is then kept."""
    columns, statement = len(desk.schema), desk.statement.sql
    log.info("attendances are scored by %d columns of evidence, asked for in %d characters", columns, len(statement))


async def is_ready(backend: Backend) -> str | None:
    """None when the database answers and the statements stand, else what is amiss."""
    try:
        ready = await backend.ready()
        await ready.reads.ask("", [("select 1", {})])
    except NocError as error:
        return str(error)
    return None
