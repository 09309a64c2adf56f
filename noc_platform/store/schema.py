"""Databases, roles and migrations: bring a server to the schema this code expects."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from noc_platform.errors import Misconfigured, Unavailable
from noc_platform.store.metadata import API_ROLE, OWNER_ROLE
from noc_platform.store.sessions import DATABASES, Server

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
MAINTENANCE_DATABASE = "postgres"
# Any constant will do: it only has to be the same in every process that migrates.
MIGRATION_LOCK = 0x4E4F43
# A revision is the minute it was written, the head of its file name: 2026_11_23_1130.
REVISION_LENGTH = 15


def alembic_config(connection: Connection) -> "Config":
    """Alembic, pointed at our migrations and running on `connection`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(hour).2d%%(minute).2d_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    """Name of the newest migration, read from the file names: importing Alembic takes a second."""
    return max(path.name[:REVISION_LENGTH] for path in (MIGRATIONS / "versions").glob("2*.py"))


def prepare(server: Server) -> None:
    """Create what is missing (databases, roles, tables) and migrate the rest. Safe to repeat, from many processes.

    Raises `Misconfigured` when the login may not, saying what to run as one who may.
    """
    _create_databases(server)
    with create_engine(server.url, connect_args={"options": "-c timezone=UTC"}).begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        _create_roles(connection)
        connection.execute(text(f"set local role {OWNER_ROLE}"))
        if _current_revision(connection) != newest_revision():
            from alembic import command

            command.upgrade(alembic_config(connection), "head")


def _current_revision(connection: Connection) -> str | None:
    known = connection.execute(text("select to_regclass('alembic_version')")).scalar()
    return connection.execute(text("select version_num from alembic_version")).scalar() if known else None


# Text is ordered as DuckDB and Parquet order it, whatever the machine's language; and compared at half the cost.
TEXT_BY_BYTES = "template template0 encoding 'UTF8' lc_collate 'C'"


def _create_databases(server: Server) -> None:
    url = server.url.set(database=MAINTENANCE_DATABASE)
    wanted = (str(server.url.database), *DATABASES[1:])
    try:
        with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
            present = set(connection.execute(text("select datname from pg_database")).scalars())
            for name in wanted:
                if name not in present:
                    _tolerating_a_race(connection, f'create database "{name}" {TEXT_BY_BYTES}')
    except OperationalError as error:
        raise Unavailable(f"PostgreSQL does not answer: {error.orig}") from error


def _create_roles(connection: Connection) -> None:
    present = set(connection.execute(text("select rolname from pg_roles")).scalars())
    try:
        for role in (OWNER_ROLE, API_ROLE):
            if role not in present:
                connection.execute(text(f"create role {role} nologin"))
                connection.execute(text(f"grant {role} to current_user"))
        connection.execute(text(f"grant create, usage on schema public to {OWNER_ROLE}"))
        connection.execute(text(f"grant usage on schema public to {API_ROLE}"))
        connection.execute(
            text(f'grant temporary on database "{connection.engine.url.database}" to {OWNER_ROLE}, {API_ROLE}')
        )
    except ProgrammingError as error:
        raise Misconfigured(
            f"This login may not create roles. As one who may, run: create role {OWNER_ROLE} nologin; "
            f"create role {API_ROLE} nologin; grant {OWNER_ROLE}, {API_ROLE} to the login of NOC_DATABASE_URL."
        ) from error


def _tolerating_a_race(connection: Connection, statement: str) -> None:
    try:
        connection.execute(text(statement))
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in ("42P04", "23505"):
            raise Misconfigured(f"This login may not do so; as one who may, run: {statement}") from error
