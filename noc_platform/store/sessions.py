"""Connections to PostgreSQL: which server, which role, which tenant; the only commit.

Every connection takes a role when it opens: the owner for the pipeline, or the API's, which row-level security holds
to the tenant named for the transaction. Domain code receives a connection and never commits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import OperationalError

from noc_platform.errors import Misconfigured, Unavailable
from noc_platform.settings import Settings
from noc_platform.store.embedded import start_embedded
from noc_platform.store.metadata import API_ROLE, OWNER_ROLE, TENANT_SETTING

DATABASES = ("noc", "dagster", "mlflow")


@dataclass(frozen=True)
class Server:
    """Where the three databases are. `url` is the `noc` database, as a login that may take the owner's role."""

    url: URL
    api_url: URL

    @classmethod
    def of(cls, settings: Settings) -> "Server":
        """The server the settings name, or the embedded one, started when it is not running."""
        if settings.database_url is None:
            url = make_url(start_embedded(settings.absolute_home)).set(database=DATABASES[0])
        else:
            url = make_url(settings.database_url)
            if not url.drivername.startswith("postgresql"):
                raise Misconfigured(f"NOC_DATABASE_URL is a {url.drivername} URL; give a postgresql://… one.")
        api_url = make_url(settings.api_database_url) if settings.api_database_url else url
        return cls(url.set(drivername="postgresql+psycopg"), api_url.set(drivername="postgresql+psycopg"))

    def url_of(self, database: str, driver: str = "postgresql+psycopg") -> str:
        """SQLAlchemy URL of one of the three databases; `noc` is the one configured, the others stand beside it."""
        name = self.url.database if database == DATABASES[0] else database
        return self.url.set(database=name, drivername=driver).render_as_string(hide_password=False)

    @cached_property
    def pipeline(self) -> "Database":
        """Access as the owner: every tenant, every table."""
        return Database(self.url, OWNER_ROLE)

    @cached_property
    def api(self) -> "Database":
        """Access as the API: one tenant at a time, held to it by row-level security."""
        return Database(self.api_url, API_ROLE)


def session_options(role: str) -> str:
    """Start-up options of a connection: its role, and the clock every engine of the platform agrees on."""
    return f"-c role={role} -c timezone=UTC"


class Database:
    """One database under one role."""

    def __init__(self, url: URL, role: str) -> None:
        self.url = url
        self.role = role

    @cached_property
    def engine(self) -> Engine:
        """The pool; connections open on first use."""
        return create_engine(self.url, connect_args={"options": session_options(self.role)}, pool_pre_ping=True)

    @property
    def conninfo(self) -> str:
        """The same connection in libpq's words, for pools and engines that are not SQLAlchemy's."""
        url = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.conninfo.make_conninfo(url, options=session_options(self.role))

    @contextmanager
    def transaction(self, tenant: str | None = None) -> Iterator[Connection]:
        """A transaction, committed when the block ends and rolled back when it raises.

        `tenant` confines the API's role to that tenant; without one, that role sees nothing.
        Raises `Unavailable` when the database cannot be reached.
        """
        try:
            connection = self.engine.connect()
        except OperationalError as error:
            raise Unavailable(f"PostgreSQL does not answer: {error.orig}") from error
        with connection, connection.begin():
            if tenant is not None:
                connection.execute(
                    text("select set_config(:name, :tenant, true)"), {"name": TENANT_SETTING, "tenant": tenant}
                )
            yield connection

    @contextmanager
    def alone(self, key: int) -> Iterator[bool]:
        """Whether this process is the only one to hold `key` while the block lasts; a killed holder lets go at once."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            is_ours = bool(connection.execute(text("select pg_try_advisory_lock(:key)"), {"key": key}).scalar())
            try:
                yield is_ours
            finally:
                if is_ours:
                    connection.execute(text("select pg_advisory_unlock(:key)"), {"key": key})


def psycopg_of(connection: Connection) -> "psycopg.Connection[Any]":
    """The psycopg connection beneath, in the same transaction: for COPY."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("COPY needs a psycopg connection")
    return driver
