"""Rows before they are written: numpy columns of one length, and what becomes of them in Arrow.

Instants are float64 seconds since 1970 UTC. Not known is NaN for instants and reals, -1 for whole numbers, flags and
words.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from noc_platform.streams.arrow import ARROW_TYPES, arrow_schema
from noc_platform.streams.declaration import RECEIVED_AT, Kind, Stream

Reals = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

UNKNOWN = -1
MILLISECONDS = 1_000
MICROSECONDS_IN_MILLISECOND = 1_000
HEXADECIMAL = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint8).reshape(256, 2)
UUID_LENGTH = 36
UUID_DASHES = (8, 13, 18, 23)


@dataclass(frozen=True)
class Words:
    """Text out of a vocabulary: `codes` point into it."""

    codes: Whole
    vocabulary: tuple[str, ...]

    def take(self, rows: Whole) -> Self:
        """The words at these rows."""
        return replace(self, codes=self.codes[rows])


@dataclass(frozen=True)
class Numbered:
    """Identifiers made of a prefix and a number."""

    prefix: str
    numbers: Whole

    def take(self, rows: Whole) -> Self:
        """The identifiers at these rows."""
        return replace(self, numbers=self.numbers[rows])


@dataclass(frozen=True)
class Uuids:
    """UUIDs as `(rows, 16)` bytes."""

    octets: NDArray[np.uint8]

    def take(self, rows: Whole) -> Self:
        """The UUIDs at these rows."""
        return replace(self, octets=self.octets[rows])


Values = NDArray[np.generic] | Words | Numbered | Uuids


@dataclass(frozen=True)
class Frame:
    """Rows of one stream. `shift` is the place in the roster of the shift each row comes from; -1 is none."""

    shift: Whole
    columns: dict[str, Values]

    def __len__(self) -> int:
        return len(self.shift)

    def take(self, rows: Whole | Flags) -> "Frame":
        """The rows at these places, or where the mask is true."""
        places = np.flatnonzero(rows) if rows.dtype == np.bool_ else np.asarray(rows, np.int64)
        taken = {
            name: values[places] if isinstance(values, np.ndarray) else values.take(places)
            for name, values in self.columns.items()
        }
        return Frame(self.shift[places], taken)

    def reals(self, name: str) -> Reals:
        """A column of instants or reals."""
        values = self.columns[name]
        if not isinstance(values, np.ndarray):
            raise TypeError(f"{name} holds no numbers")
        return values.astype(np.float64)

    def by_receipt(self) -> "Frame":
        """The rows in the order the platform came to know them."""
        return self.take(np.argsort(self.reals(RECEIVED_AT.name), kind="stable"))


def latest(frame: Frame, name: str) -> tuple[Frame, Whole]:
    """The last row of each identifier in a column of numbered ones, and the numbers."""
    ids = frame.columns[name]
    if not isinstance(ids, Numbered):
        raise TypeError(f"{name} is not numbered")
    _, from_the_end = np.unique(ids.numbers[::-1], return_index=True)
    rows = len(frame) - 1 - from_the_end
    return frame.take(rows), ids.numbers[rows]


def together(frames: list[Frame]) -> Frame:
    """Frames of the same columns, one below the other."""
    first = frames[0]
    columns = {name: _joined([frame.columns[name] for frame in frames]) for name in first.columns}
    return Frame(np.concatenate([frame.shift for frame in frames]), columns)


def _joined(parts: list[Values]) -> Values:
    first = parts[0]
    if isinstance(first, Words):
        return replace(first, codes=np.concatenate([part.codes for part in parts if isinstance(part, Words)]))
    if isinstance(first, Numbered):
        return replace(first, numbers=np.concatenate([part.numbers for part in parts if isinstance(part, Numbered)]))
    if isinstance(first, Uuids):
        return replace(first, octets=np.concatenate([part.octets for part in parts if isinstance(part, Uuids)]))
    return np.concatenate([part for part in parts if isinstance(part, np.ndarray)])


def arrow_table(frame: Frame, stream: Stream) -> pa.Table:
    """The frame as the stream declares it; declared columns the frame lacks are left out."""
    fields = [field for field in arrow_schema(stream) if field.name in frame.columns]
    arrays = [_array(frame.columns[field.name], stream.column(field.name).kind) for field in fields]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def columns_table(columns: dict[str, Values], instants: set[str]) -> pa.Table:
    """Columns that are of no stream; those of `instants` hold seconds UTC, numbers become what they are."""
    kinds = {np.dtype(np.bool_): Kind.FLAG, np.dtype(np.int64): Kind.INTEGER}
    arrays = {}
    for name, values in columns.items():
        known = kinds.get(values.dtype, Kind.REAL) if isinstance(values, np.ndarray) else Kind.TEXT
        arrays[name] = _array(values, Kind.INSTANT if name in instants else known)
    return pa.table(arrays)


def uuids_at(instants: Reals, rng: np.random.Generator) -> Uuids:
    """UUIDs of version 7 (RFC 9562): led by the millisecond, the rest seeded."""
    octets = rng.integers(0, 256, (len(instants), 16), dtype=np.uint8)
    milliseconds = np.rint(instants * MILLISECONDS).astype(">u8")
    octets[:, :6] = milliseconds.view(np.uint8).reshape(-1, 8)[:, 2:]
    octets[:, 6] = (octets[:, 6] & 0x0F) | 0x70
    octets[:, 8] = (octets[:, 8] & 0x3F) | 0x80
    return Uuids(octets)


def _array(values: Values, kind: Kind) -> pa.Array:
    if isinstance(values, Words):
        return pa.array(values.vocabulary, pa.string()).take(_whole(values.codes))
    if isinstance(values, Numbered):
        return pc.binary_join_element_wise(values.prefix, _whole(values.numbers).cast(pa.string()), "")
    if isinstance(values, Uuids):
        return _uuid_text(values.octets)
    match kind:
        case Kind.INSTANT:
            return _instants(values.astype(np.float64))
        case Kind.REAL:
            return pa.array(values.astype(np.float64), pa.float64(), from_pandas=True)
        case Kind.DAY:
            return pa.array(values.astype(np.int32)).view(pa.date32())
        case _:
            return _whole(values.astype(np.int64)).cast(ARROW_TYPES[kind])


def _whole(values: Whole) -> pa.Array:
    return pa.array(values, pa.int64(), mask=values < 0)


def _instants(seconds: Reals) -> pa.Array:
    unknown = np.isnan(seconds)
    milliseconds = np.rint(np.where(unknown, 0.0, seconds) * MILLISECONDS).astype(np.int64)
    return pa.array(milliseconds * MICROSECONDS_IN_MILLISECOND, mask=unknown).view(ARROW_TYPES[Kind.INSTANT])


def _uuid_text(octets: NDArray[np.uint8]) -> pa.Array:
    rows = len(octets)
    text = np.full((rows, UUID_LENGTH), ord("-"), np.uint8)
    text[:, [place for place in range(UUID_LENGTH) if place not in UUID_DASHES]] = HEXADECIMAL[octets].reshape(rows, 32)
    offsets = np.arange(rows + 1, dtype=np.int32) * UUID_LENGTH
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))
