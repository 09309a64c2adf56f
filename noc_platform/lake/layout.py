"""Where Parquet lies: one file per dataset, tenant and UTC day, under any folder or object-store URL.

    <url>/<dataset>/tenant_id=<tenant>/day=<YYYY-MM-DD>/part.parquet

A file is replaced whole: a reader sees the old one or the new one, and a killed writer leaves neither torn.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import fsspec
import pyarrow as pa
import pyarrow.parquet

PART = "part.parquet"


@dataclass(frozen=True)
class Partition:
    """One file of a dataset."""

    dataset: str
    tenant: str
    day: date
    path: str


class Lake:
    """The history under one URL."""

    def __init__(self, url: str) -> None:
        self.files: Any
        self.files, root = fsspec.core.url_to_fs(url)
        self.root = str(root).rstrip("/")

    @property
    def is_local(self) -> bool:
        """Whether an engine can open the paths without being told how."""
        return "file" in self.files.protocol

    def partition(self, dataset: str, tenant: str, day: date) -> Partition:
        """Where a tenant's day of a dataset lies, whether or not it exists."""
        path = f"{self.root}/{dataset}/tenant_id={quote(tenant, safe='')}/day={day.isoformat()}/{PART}"
        return Partition(dataset, tenant, day, path)

    def partitions(self, dataset: str, days: Iterable[date] | None = None) -> list[Partition]:
        """What exists of a dataset, in order; of these days only, if given."""
        wanted = None if days is None else {day.isoformat() for day in days}
        found = []
        for path in sorted(self.files.glob(f"{self.root}/{dataset}/tenant_id=*/day=*/{PART}")):
            tenant_part, day_part = str(path).split("/")[-3:-1]
            day = day_part.removeprefix("day=")
            if wanted is None or day in wanted:
                tenant = unquote(tenant_part.removeprefix("tenant_id="))
                found.append(Partition(dataset, tenant, date.fromisoformat(day), str(path)))
        return found

    def url_of(self, partition: Partition) -> str:
        """The path as an engine wants it."""
        return partition.path if self.is_local else str(self.files.unstrip_protocol(partition.path))

    def exists(self, partition: Partition) -> bool:
        """Whether the file is there."""
        return bool(self.files.exists(partition.path))

    def write(self, partition: Partition, rows: pa.Table) -> None:
        """Replace the partition by these rows."""
        folder = partition.path.rsplit("/", 1)[0]
        self.files.makedirs(folder, exist_ok=True)
        unfinished = f"{folder}/.{uuid4().hex}.unfinished"
        with self.files.open(unfinished, "wb") as file:
            pyarrow.parquet.write_table(rows, file, compression="zstd")
        self.files.mv(unfinished, partition.path)

    def read(self, partition: Partition, columns: list[str] | None = None) -> pa.Table:
        """The rows of a partition that exists."""
        with self.files.open(partition.path, "rb") as file:
            return pyarrow.parquet.read_table(file, columns=columns, partitioning=None)

    def remove(self, partition: Partition) -> None:
        """Forget a partition; nothing happens when there is none."""
        if self.exists(partition):
            self.files.rm(partition.path)

    def count(self, partition: Partition) -> int:
        """Rows of a partition that exists, from its footer."""
        with self.files.open(partition.path, "rb") as file:
            return int(pyarrow.parquet.read_metadata(file).num_rows)

    def holdings(self, dataset: str) -> dict[str, object]:
        """How much of a dataset there is: rows, files, newest_day."""
        found = self.partitions(dataset)
        newest = max((partition.day for partition in found), default=None)
        return {
            "rows": sum(self.count(partition) for partition in found),
            "files": len(found),
            "newest_day": newest and newest.isoformat(),
        }
