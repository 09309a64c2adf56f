"""DuckDB as every part of the platform opens it: in UTC, whatever the zone of the machine."""

import duckdb


def open_duckdb() -> duckdb.DuckDBPyConnection:
    """A fresh in-memory DuckDB whose session zone is UTC."""
    connection = duckdb.connect(":memory:")
    # Not as connect's config: at that point the zone data is not loaded yet and DuckDB 2.0 refuses.
    connection.execute("set TimeZone = 'UTC'")
    return connection
