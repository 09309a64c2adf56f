"""What tests of limits may ask for."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from noc_platform.store.sessions import Database
from noc_platform_tests.baselines.changes import put_profiles, put_sites


@pytest.fixture
def profiled(database: Database, tenant: str) -> Iterator[str]:
    """A tenant with two sites and their profiles."""
    with database.transaction() as connection:
        put_sites(connection, tenant)
        put_profiles(connection, tenant)
    yield tenant
    with database.transaction() as connection:
        connection.execute(text("delete from noc_baseline_profile"))
