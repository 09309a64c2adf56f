"""A table as a file: Parquet for machines; CSV and NDJSON for people, with the sentinels phones write."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from noc_platform.streams.declaration import Kind, Stream

ROW_GROUP = 2**18
TEXT_BATCH = 20_000
INSTANT_FORMAT = "%Y-%m-%dT%H:%M:%S"
# What phones write where they do not know (domain.md §1.3).
SENTINELS = {"battery_level": "NA", "signal_strength": "NA", "step_count": "No Steps", "accuracy_meters": "-"}


def write_parquet(table: pa.Table, stream: Stream, path: Path) -> None:  # noqa: ARG001 - the signature all formats share
    """Write Parquet, zstd. The same table gives the same bytes."""
    write_table(table, path)


def write_table(table: pa.Table, path: Path) -> None:
    """Write any table as Parquet, zstd. The same table gives the same bytes."""
    pyarrow.parquet.write_table(table, path, compression="zstd", compression_level=1, row_group_size=ROW_GROUP)


def write_csv(table: pa.Table, stream: Stream, path: Path) -> None:
    """Write CSV in UTF-8 with a header line; instants as 2026-03-29T01:00:00.000Z."""
    pyarrow.csv.write_csv(_as_text(table, stream), path)


def write_ndjson(table: pa.Table, stream: Stream, path: Path) -> None:
    """Write one JSON object a line; numbers and flags as such, what is not known left out or as its sentinel."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_lines(table, stream))


def _lines(table: pa.Table, stream: Stream) -> Iterator[str]:
    for batch in _as_text(table, stream).to_batches(max_chunksize=TEXT_BATCH):
        for row in batch.to_pylist():
            yield json.dumps({name: value for name, value in row.items() if value is not None}) + "\n"


def _as_text(table: pa.Table, stream: Stream) -> pa.Table:
    columns = {name: _readable(table[name], stream, name) for name in table.column_names}
    return pa.table(columns)


def _readable(values: pa.ChunkedArray, stream: Stream, name: str) -> pa.ChunkedArray:
    kind = stream.column(name).kind
    if kind is Kind.INSTANT:
        wall = values.cast(pa.timestamp("us")).cast(pa.timestamp("ms"))
        return pc.binary_join_element_wise(pc.strftime(wall, INSTANT_FORMAT), "Z", "")
    if kind is Kind.DAY:
        return values.cast(pa.string())
    if name in SENTINELS and values.null_count:
        return values.cast(pa.string()).fill_null(SENTINELS[name])
    return values
