"""From a file on disk to the door: read, map, admit, in one transaction per file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from noc_platform.errors import BadMapping
from noc_platform.settings import DoorPolicy
from noc_platform.store.sessions import Database
from noc_platform.streams.arrivals import History, nothing_kept
from noc_platform.streams.declaration import Stream
from noc_platform.streams.door import Batch, Receipt, Source, admit
from noc_platform.streams.files import Format, Limits, digest_of, read_batches
from noc_platform.streams.mapping import Mapping


@dataclass(frozen=True)
class FileReceipt:
    """What became of a file: `accepted + duplicate + quarantined == read`; `excluded` rows the mapping left out."""

    file: str
    read: int
    accepted: int
    duplicate: int
    quarantined: int
    excluded: int = 0


def ingest_file(
    database: Database,
    stream: Stream,
    path: Path,
    mapping: Mapping | None,
    policy: DoorPolicy,
    received_at: datetime,
    tenant: str | None = None,
    on_batch: Callable[[int], None] = lambda _: None,
    history: History = nothing_kept,
) -> FileReceipt:
    """Let a whole file in, or nothing of it. Running it again changes nothing.

    Raises `UnreadableFile` or `BadMapping` before anything is kept; single bad rows go to quarantine instead.
    """
    if mapping is not None and mapping.stream != stream.name:
        raise BadMapping(
            f"The mapping is for {mapping.stream}, not {stream.name}; name the stream it is for, or another mapping."
        )
    excluded = 0

    def batches() -> Iterator[Batch]:
        nonlocal excluded
        written = mapping.format if mapping is not None else Format()
        for raw in read_batches(path, Limits(policy.batch_rows, policy.longest_line_bytes), written):
            rows = raw.rows if mapping is None else mapping.apply(raw.rows, path.parent)
            excluded += raw.rows.num_rows - rows.num_rows
            yield Batch(rows, raw)

    source = Source(path.name, digest_of(path))
    with database.transaction() as connection:
        receipt = admit(connection, stream, batches(), source, policy, received_at, tenant, on_batch, history)
    return _file_receipt(path, receipt, excluded)


def _file_receipt(path: Path, receipt: Receipt, excluded: int) -> FileReceipt:
    return FileReceipt(str(path), receipt.read, receipt.accepted, receipt.duplicate, receipt.quarantined, excluded)
