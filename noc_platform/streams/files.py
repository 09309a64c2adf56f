"""Foreign files, read in bounded pieces: CSV, NDJSON, Parquet.

Gives rows as they stand, each with its number (1 is the first row of data), and the lines that are no rows at all.
Nothing is interpreted here: that is `mapping` and `door`.
"""

import csv
import gzip
import hashlib
import io
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet

from noc_platform.errors import UnreadableFile

ROW_NUMBER = "__row__"
RAW_KEPT_CHARACTERS = 2_000
SKIP_BYTES = 2**20

Row = dict[str, str | None]


@dataclass(frozen=True)
class Malformed:
    """A line that is no row: its number, why, and its beginning."""

    row_number: int
    reason: str
    raw: str


@dataclass
class RawBatch:
    """Rows as the source has them, with `ROW_NUMBER` as a column, and the malformed lines met on the way."""

    rows: pa.Table
    malformed: list[Malformed] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Rows read, good or bad."""
        return int(self.rows.num_rows) + len(self.malformed)


@dataclass(frozen=True)
class Format:
    """How a text file is written."""

    encoding: str = "utf-8"
    delimiter: str = ","


@dataclass(frozen=True)
class Limits:
    """Bounds on what is held in memory at a time."""

    batch_rows: int
    longest_line_bytes: int


Parsed = tuple[int, Row] | Malformed
Line = tuple[int, bytes | None]


def read_batches(path: Path, limits: Limits, written: Format = Format()) -> Iterator[RawBatch]:
    """Read `path` by its suffix (.csv, .txt, .tsv, .ndjson, .jsonl, .parquet; text also as .gz), in bounded batches.

    Raises `UnreadableFile` when nothing of it can be read: no such file, unknown suffix, no header, damaged Parquet.
    """
    if not path.is_file():
        raise UnreadableFile(f"{path} is not a file; is the path right?")
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    readers: dict[str, Callable[[], Iterator[RawBatch]]] = {
        ".csv": lambda: _text_batches(path, limits, lambda lines: _csv_rows(lines, written, path)),
        ".ndjson": lambda: _text_batches(path, limits, lambda lines: _json_rows(lines)),
        ".parquet": lambda: _parquet_batches(path, limits),
    }
    readers |= {".txt": readers[".csv"], ".tsv": readers[".csv"], ".jsonl": readers[".ndjson"]}
    if suffix.lower() not in readers:
        raise UnreadableFile(
            f"{path.name} ends in {suffix or 'nothing'}; readable are {', '.join(readers)} (text also as .gz)."
        )
    yield from readers[suffix.lower()]()


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises `UnreadableFile` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from error


def text_table(rows: list[Row], numbers: list[int]) -> pa.Table:
    """Rows of text as a table, with their numbers; a key a row lacks is null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names if name != ROW_NUMBER}
    return pa.table({**columns, ROW_NUMBER: pa.array(numbers, pa.int64())})


def text_of(value: object) -> str | None:
    """A JSON value as the text a CSV would hold; objects and lists as JSON."""
    if value is None:
        return None
    # JSON may spell half a surrogate pair, which is no character and fits no text column.
    return value.encode(errors="replace").decode() if isinstance(value, str) else json.dumps(value)


def row_of(value: dict[str, object]) -> Row:
    """A JSON object as a row of text."""
    return {str(text_of(name)).strip(): text_of(item) for name, item in value.items()}


def json_rows(body: bytes, longest: int) -> Iterator[Parsed]:
    """Rows of NDJSON held in memory, each with the number of its line; a line that is no row as `Malformed`."""
    return _json_rows(_lines(io.BytesIO(body), longest))


def _text_batches(
    path: Path, limits: Limits, parse: Callable[[Iterator[Line]], Iterator[Parsed]]
) -> Iterator[RawBatch]:
    rows: list[Row] = []
    numbers: list[int] = []
    malformed: list[Malformed] = []
    try:
        with cast(BinaryIO, gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            for parsed in parse(_lines(file, limits.longest_line_bytes)):
                if isinstance(parsed, Malformed):
                    malformed.append(parsed)
                else:
                    numbers.append(parsed[0])
                    rows.append(parsed[1])
                if len(rows) + len(malformed) >= limits.batch_rows:
                    yield RawBatch(text_table(rows, numbers), malformed)
                    rows, numbers, malformed = [], [], []
    except (OSError, EOFError) as error:
        raise UnreadableFile(f"{path.name} cannot be read to its end: {error}.") from error
    if rows or malformed:
        yield RawBatch(text_table(rows, numbers), malformed)


def _lines(file: BinaryIO, longest: int) -> Iterator[Line]:
    """Lines with their numbers; None for one longer than `longest` bytes, of which no more than that is ever held."""
    number = 0
    while line := file.readline(longest + 1):
        number += 1
        if len(line) <= longest:
            yield number, line
            continue
        while not line.endswith(b"\n") and (line := file.readline(SKIP_BYTES)):
            pass
        yield number, None


def _json_rows(lines: Iterator[Line]) -> Iterator[Parsed]:
    for number, line in lines:
        if line is None:
            yield Malformed(number, "line longer than NOC_INGEST_LONGEST_LINE_BYTES", "")
        elif line.strip():
            yield _json_row(number, line)


def _json_row(number: int, line: bytes) -> Parsed:
    raw = line.decode("utf-8", errors="replace")[:RAW_KEPT_CHARACTERS]
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Malformed(number, f"not JSON: {error}", raw)
    if not isinstance(value, dict):
        return Malformed(number, "not a JSON object", raw)
    return number, row_of(value)


def _csv_rows(lines: Iterator[Line], written: Format, path: Path) -> Iterator[Parsed]:
    header_line = next(lines, None)
    if header_line is None or header_line[1] is None:
        raise UnreadableFile(f"{path.name} has no header line; the first line must name the columns.")
    try:
        decoded = header_line[1].decode("utf-8-sig" if written.encoding == "utf-8" else written.encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise UnreadableFile(
            f"{path.name} is not {written.encoding}: give its encoding in a mapping. ({error})"
        ) from error
    header = [name.strip() for name in next(csv.reader([decoded], delimiter=written.delimiter), [])]
    if not any(header) or len(set(header)) < len(header):
        raise UnreadableFile(f"{path.name}: the header line must name every column once; it reads {header!r}.")
    for record in _records(lines, written):
        yield _csv_row(record, header)


@dataclass(frozen=True)
class _Record:
    row_number: int
    fields: list[str]
    problem: str | None
    raw: str


def _csv_row(record: _Record, header: list[str]) -> Parsed:
    if record.problem:
        return Malformed(record.row_number, record.problem, record.raw)
    if len(record.fields) != len(header):
        reason = f"{len(record.fields)} fields where the header names {len(header)}"
        return Malformed(record.row_number, reason, record.raw)
    return record.row_number, dict(zip(header, record.fields, strict=True))


def _records(lines: Iterator[Line], written: Format) -> Iterator[_Record]:
    """CSV records, each started on its own line so that one bad record costs itself alone.

    A quoted field may span lines; when it never closes, only the line that opened it is given up and reading goes on
    with the next one. The row number counts records, as a spreadsheet shows them.
    """
    number = 0
    source = _Lines(lines)
    for line in source:
        if line[1] is not None and not line[1].strip():
            continue
        number += 1
        yield _record(number, line, source, written)


LONGEST_RECORD_LINES = 100


def _record(number: int, line: Line, source: "_Lines", written: Format) -> _Record:
    if line[1] is None:
        return _Record(number, [], "line longer than NOC_INGEST_LONGEST_LINE_BYTES", "")
    taken: list[Line] = []
    content = line[1]
    while _is_open(content) and len(taken) < LONGEST_RECORD_LINES:
        following = next(source, None)
        if following is None:
            break
        taken.append(following)
        if following[1] is None:
            break
        content += following[1]
    if _is_open(content):
        source.give_back(taken)
        return _Record(number, [], "a quote is opened and never closed", _shown(line[1]))
    try:
        decoded = content.decode(written.encoding)
        fields = next(csv.reader([decoded], delimiter=written.delimiter, strict=True), [])
    except UnicodeDecodeError:
        return _Record(number, [], f"not {written.encoding}", _shown(content))
    except csv.Error as error:
        return _Record(number, [], f"not CSV: {error}", _shown(content))
    return _Record(number, [text.strip() for text in fields], None, _shown(content))


class _Lines:
    """Lines that can be given back, to be read again."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        return self._again.popleft() if self._again else next(self._lines)

    def give_back(self, taken: list[Line]) -> None:
        self._again.extendleft(reversed(taken))


def _is_open(content: bytes) -> bool:
    return content.count(b'"') % 2 == 1


def _shown(content: bytes) -> str:
    return content[:RAW_KEPT_CHARACTERS].decode("utf-8", errors="replace").rstrip("\r\n")


def _parquet_batches(path: Path, limits: Limits) -> Iterator[RawBatch]:
    try:
        file = pyarrow.parquet.ParquetFile(path)
        number = 0
        for batch in file.iter_batches(batch_size=limits.batch_rows):
            numbers = pa.array(range(number + 1, number + 1 + batch.num_rows), pa.int64())
            number += batch.num_rows
            yield RawBatch(pa.Table.from_batches([batch]).append_column(ROW_NUMBER, numbers))
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"{path.name} is not a whole Parquet file, so nothing of it went in: {error}") from error


def total_rows(path: Path) -> int | None:
    """Rows in the file when its format says so up front (Parquet), else None: for a progress bar."""
    if path.suffix != ".parquet":
        return None
    try:
        return int(pyarrow.parquet.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return None
