"""What every test may ask for: a real PostgreSQL, migrated, and tenants of its own."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from noc_platform.settings import Settings
from noc_platform.store.embedded import leave_embedded
from noc_platform.store.schema import prepare
from noc_platform.store.sessions import Database, Server


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of an installation of its own; nothing a developer has running is ever reached."""
    home = tmp_path_factory.mktemp("home")
    return Settings(
        home=home, database_url=None, api_database_url=None, lake_url=None, mlflow_artifacts=str(home / "mlruns")
    )


@pytest.fixture(scope="session")
def server(settings: Settings) -> Iterator[Server]:
    """A private PostgreSQL with every migration applied."""
    server = Server.of(settings)
    prepare(server)
    yield server
    server.pipeline.engine.dispose()
    server.api.engine.dispose()
    leave_embedded(settings.absolute_home)


@pytest.fixture
def database(server: Server) -> Database:
    """Access as the owner."""
    return server.pipeline


@pytest.fixture
def tenant() -> str:
    """A tenant nobody else uses."""
    return f"tenant-{uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real-world packs, or a skip that says what is missing."""
    named = os.environ.get("NOC_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; NOC_TEST_DATA may name another")
    return folder


@pytest.fixture(scope="session")
def gastech(data_folder: Path) -> Path:
    """The pack that mappings/gastech maps."""
    if not (data_folder / "gastech").is_dir():
        pytest.skip(f"no gastech pack in {data_folder}; NOC_TEST_DATA may name another folder")
    return data_folder / "gastech"
