"""What every command begins with: the settings, and a server that is running and migrated."""

from dataclasses import dataclass
from pathlib import Path

from noc_platform.settings import Settings, load_settings
from noc_platform.store.schema import prepare
from noc_platform.store.sessions import Server

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Installation:
    """The platform as it is set up here."""

    settings: Settings
    server: Server

    @classmethod
    def open(cls) -> "Installation":
        """Read the settings, reach PostgreSQL (starting it if it is ours to start) and bring its schema up to date."""
        settings = load_settings()
        server = Server.of(settings)
        prepare(server)
        return cls(settings, server)

    def dagster_environment(self) -> dict[str, str]:
        """What dagster.yaml asks of the environment, for processes that run Dagster on this installation."""
        folder = self.settings.absolute_home / "dagster"
        folder.mkdir(parents=True, exist_ok=True)
        return {
            "DAGSTER_HOME": str(CHECKOUT),
            "NOC_DAGSTER_URL": self.server.url_of("dagster", "postgresql+psycopg2"),
            "NOC_DAGSTER_FOLDER": str(folder),
            "NOC_HOME": str(self.settings.absolute_home),
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{self.settings.mlflow_port}",
        }
