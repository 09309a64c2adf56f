"""A lake of one's own, and a day nobody else's rows fall on: the ledger is shared by every test of the session."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest

from noc_platform.lake.layout import Lake
from noc_platform.store.sessions import Database
from noc_platform_tests.builders import put_operation

_unused: Iterator[int] = count()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def day() -> date:
    """A UTC day with four empty ones on each side."""
    return date(2011, 1, 5) + timedelta(days=9 * next(_unused))


@pytest.fixture
def operation(database: Database, tenant: str) -> str:
    with database.transaction() as connection:
        put_operation(connection, tenant)
    return tenant
