"""Alembic's entry: run migrations on the connection the platform gives it."""

from alembic import context

import noc_platform.baselines.tables
import noc_platform.correlation.tables
import noc_platform.findings.tables
import noc_platform.fraud.tables
import noc_platform.journal.tables
import noc_platform.streams.tables
import noc_platform.telemetry.tables  # noqa: F401 - registers its tables
from noc_platform.store.metadata import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
