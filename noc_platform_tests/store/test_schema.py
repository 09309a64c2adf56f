"""Migrations go up, down and up again, and agree with the tables."""

from collections.abc import Iterator

import pytest
from alembic import command
from sqlalchemy import Connection, create_engine, text

from noc_platform.store.metadata import OWNER_ROLE
from noc_platform.store.schema import alembic_config, newest_revision, prepare
from noc_platform.store.sessions import Server


@pytest.fixture
def empty(server: Server) -> Iterator[Server]:
    """A database of its own on the same server, prepared by the platform."""
    other = Server(server.url.set(database="noc_migrations"), server.api_url.set(database="noc_migrations"))
    prepare(other)
    yield other
    other.pipeline.engine.dispose()
    other.api.engine.dispose()
    with create_engine(server.url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("drop database noc_migrations with (force)"))


def tables_in(connection: Connection) -> set[str]:
    return set(connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars())


def test_migrations_go_up_down_up_and_agree_with_the_tables(empty: Server) -> None:
    with empty.pipeline.transaction() as connection:
        config = alembic_config(connection)
        command.check(config)
        command.downgrade(config, "base")
        assert tables_in(connection) == {"alembic_version"}
        command.upgrade(config, "head")
        command.check(config)
        assert connection.execute(text("select version_num from alembic_version")).scalars().all() == [
            newest_revision()
        ]


def test_preparing_again_changes_nothing(empty: Server) -> None:
    with empty.pipeline.transaction() as connection:
        before = tables_in(connection)
    prepare(empty)
    with empty.pipeline.transaction() as connection:
        assert tables_in(connection) == before
        owners = (
            connection.execute(text("select distinct tableowner from pg_tables where schemaname = 'public'"))
            .scalars()
            .all()
        )
    assert owners == [OWNER_ROLE]


def test_every_table_with_a_tenant_is_isolated(server: Server) -> None:
    with server.pipeline.transaction() as connection:
        open_tables = connection.execute(
            text(
                """select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
                   where a.attname = 'tenant_id' and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
                     and not c.relrowsecurity"""
            )
        )
        assert open_tables.scalars().all() == []
