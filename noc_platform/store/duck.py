"""DuckDB as every part of the platform opens it: in UTC, whatever the zone of the machine."""

import duckdb


def open_duckdb() -> duckdb.DuckDBPyConnection:
    """A fresh in-memory DuckDB whose session zone is UTC, and that draws nothing."""
    connection = duckdb.connect(":memory:")
    # Not as connect's config: at that point the zone data is not loaded yet and DuckDB 2.0 refuses.
    connection.execute("set TimeZone = 'UTC'")
    # It would draw over the progress a command shows, and into logs.
    connection.execute("set enable_progress_bar = false")
    return connection
