"""What every test may ask for: a real PostgreSQL, migrated, and tenants of its own."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from noc_platform.settings import Settings
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
    """The folder of real-world packs beside the checkout, or a skip that says what is missing."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the checkout")
    return folder
