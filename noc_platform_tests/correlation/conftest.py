"""What tests of incidents may ask for."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from noc_platform.store.sessions import Database
from noc_platform_tests.builders import put_operation
from noc_platform_tests.correlation.operation import Operation


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with database.transaction() as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def operation(connection: Connection, tenant: str) -> Operation:
    """A tenant with five guards at two sites, of whom nothing is known yet."""
    put_operation(connection, tenant, people=5, sites=2)
    return Operation(connection, tenant)
