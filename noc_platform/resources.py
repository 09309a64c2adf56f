"""The one Dagster resource: it only makes plain objects, each when first asked for.

Importing a database driver, Arrow and SQLAlchemy takes longer than all our definitions, and the UI loads those often;
so nothing of them is imported until something runs.
"""

from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from noc_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from noc_platform.fraud.registry import Registry
    from noc_platform.lake.layout import Lake
    from noc_platform.store.sessions import Database


class Platform:
    """This installation, as a run sees it."""

    @cached_property
    def settings(self) -> Settings:
        """Settings of this installation."""
        return load_settings()

    @cached_property
    def database(self) -> "Database":
        """PostgreSQL as the owner, migrated."""
        from noc_platform.store.schema import prepare
        from noc_platform.store.sessions import Server

        server = Server.of(self.settings)
        prepare(server)
        return server.pipeline

    @cached_property
    def registry(self) -> "Registry":
        """The registry of fraud models, in the database `mlflow`."""
        from noc_platform.fraud.registry import Registry
        from noc_platform.store.sessions import Server

        uri = Server.of(self.settings).url_of("mlflow", "postgresql+psycopg2")
        return Registry(uri, self.settings.mlflow_artifacts)

    @cached_property
    def lake(self) -> "Lake":
        """The Parquet history."""
        from noc_platform.lake.layout import Lake

        return Lake(self.settings.lake)


@dg.resource(description="Database, lake and settings of this installation.")
def platform() -> Platform:
    """Made once per run."""
    return Platform()


RESOURCES = {"platform": platform}
