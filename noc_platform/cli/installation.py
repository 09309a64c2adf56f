"""What every command begins with: the settings, and a server that is running and migrated."""

from dataclasses import dataclass

from noc_platform.settings import Settings, load_settings
from noc_platform.store.schema import prepare
from noc_platform.store.sessions import Server


@dataclass(frozen=True)
class Installation:
    """The platform as it is set up here."""

    settings: Settings
    server: Server

    @classmethod
    def open(cls) -> "Installation":
        """Read the settings, reach PostgreSQL (starting the embedded one if need be) and bring its schema up to date."""
        settings = load_settings()
        server = Server.of(settings)
        prepare(server)
        return cls(settings, server)
