"""Foreign columns, units and clocks turned into ours, before the door checks them.

A mapping becomes one DuckDB query per batch: headers and parts, then which rows, then our columns. Nothing of the
mapping reaches the query but as a quoted name or literal. What a mapping file may say is in `mapping_file`.

A value that cannot be converted goes on as it is, so that the door refuses it and the quarantine shows it.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from noc_platform.errors import BadMapping
from noc_platform.store.duck import open_duckdb
from noc_platform.streams.catalogue import stream_called
from noc_platform.streams.declaration import SENTINELS, Column, Kind
from noc_platform.streams.files import ROW_NUMBER, Format, Limits, read_batches
from noc_platform.streams.mapping_file import (
    PLACEHOLDER,
    Condition,
    Lookup,
    MappingFile,
    Rule,
    Scalar,
    read_mapping_file,
)
from noc_platform.streams.rules import FIELD_SEPARATOR, literal, quoted
from noc_platform.streams.units import conversion

LOOKUP_LIMITS = Limits(batch_rows=100_000, longest_line_bytes=2**20)
NOT_AS_MAPPED = " (not in the mapped format)"
EPOCHS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
# The years 1 to 9999: beyond them DuckDB raises instead of giving null.
EARLIEST_EPOCH, LATEST_EPOCH = -62_135_596_800, 253_402_300_799
NAIVE = r"\d{4}-\d{1,2}-\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?"
WITH_OFFSET = r"\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)? ?([zZ]|[+-]\d{2}(:?\d{2})?)"
# What a clock on the wall showed, as an instant. An hour that came twice is its first coming; one that never came is
# read on the clock before the change, and so lands as much later. `before` and `after` use the offsets of a day
# earlier and a day later, which lie on either side of any change. DuckDB alone would take the second coming.
MACROS = (
    """create macro read_with_offset_of(wall, zone, day) as
        timezone('UTC', wall - (timezone(zone, timezone('UTC', day)) - day))""",
    """create macro instant_of(wall, zone) as case
        when timezone(zone, read_with_offset_of(wall, zone, wall + interval 24 hours)) = wall
            and timezone(zone, read_with_offset_of(wall, zone, wall - interval 24 hours)) <> wall
        then read_with_offset_of(wall, zone, wall + interval 24 hours)
        else read_with_offset_of(wall, zone, wall - interval 24 hours) end""",
    "create macro slug(value) as trim(regexp_replace(lower(strip_accents(value)), '[^a-z0-9]+', '-', 'g'), '-')",
    "create macro compact(value) as regexp_replace(lower(strip_accents(value)), '[^a-z0-9]+', '', 'g')",
)


@dataclass(frozen=True)
class Mapping:
    """How the rows of one kind of file become rows of `stream`; made by `load`."""

    stream: str
    format: Format
    path: Path
    content: MappingFile = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> "Mapping":
        """Read a mapping file. Raises `BadMapping` naming the file, the key and the remedy."""
        content = read_mapping_file(path)
        return cls(content.stream, Format(content.format.encoding, content.format.delimiter), path, content)

    def apply(self, rows: pa.Table, beside: Path | None = None) -> pa.Table:
        """Rows of the source, with `ROW_NUMBER`, as rows in our columns, with `ROW_NUMBER`, in the same order.

        Those that `where` leaves out are absent. Files to look things up in are sought in `beside`, the folder of the
        data, then beside the mapping. Raises `BadMapping` when a column or such a file is not there.
        """
        # A batch of nothing but malformed lines has no columns that could be missed.
        if rows.num_rows == 0:
            return rows.select([ROW_NUMBER])
        engine = open_duckdb()
        for macro in MACROS:
            engine.execute(macro)
        engine.register("batch", rows.rename_columns(_internal_names(rows.schema)))
        folders = [folder for folder in (beside, self.path.parent) if folder is not None]
        try:
            return engine.sql(_Query(self.content, rows.schema, engine, folders).text()).to_arrow_table()
        except BadMapping as error:
            raise BadMapping(f"{self.path}: {error}") from error


@dataclass(frozen=True)
class _Value:
    """An SQL expression and its Arrow type; None means text."""

    sql: str
    kind: pa.DataType | None = None

    @property
    def text(self) -> str:
        return self.sql if self.kind is None else f"cast({self.sql} as varchar)"


class _Query:
    """The query of one mapping over one schema."""

    def __init__(
        self, content: MappingFile, schema: pa.Schema, engine: duckdb.DuckDBPyConnection, folders: list[Path]
    ) -> None:
        self._content = content
        self._engine = engine
        self._folders = folders
        self._names = [name for name in schema.names if name != ROW_NUMBER]
        self._known = {
            each.name: _Value(internal, _own_type(each.type))
            for each, internal in zip(schema, _internal_names(schema), strict=True)
            if each.name != ROW_NUMBER
        }
        self._headers: dict[str, str] = {}
        self._joins: list[str] = []

    def text(self) -> str:
        """Sources with headers and parts, then the rows wanted, then our columns."""
        self._name_headers()
        parts = {name: self._derived(f"parts.{name}", rule, None) for name, rule in self._content.parts.items()}
        part_joins, self._joins = self._joins, []
        clashes = [name for name in parts if name in self._known]
        if clashes:
            raise BadMapping(f"parts.{clashes[0]}: the file has a column of that name; choose another.")
        self._known |= {name: _Value(f"part_{i}") for i, name in enumerate(parts)}
        wanted = [self._holds(f"where[{i}]", condition) for i, condition in enumerate(self._content.where)]
        stream = stream_called(self._content.stream)
        columns = [
            f"{self._derived(f'columns.{name}', rule, stream.column(name)).sql} as {quoted(name)}"
            for name, rule in self._content.columns.items()
        ]
        derived = "".join(f", {value.text} as part_{i}" for i, value in enumerate(parts.values()))
        return f"""
            with sourced as (select batch.*{derived} from batch {" ".join(part_joins)}),
            wanted as (select * from sourced where {" and ".join(wanted) or "true"})
            select {ROW_NUMBER}, {", ".join(columns)} from wanted {" ".join(self._joins)} order by {ROW_NUMBER}
        """

    def _name_headers(self) -> None:
        for name, pattern in self._content.headers.items():
            found = [header for header in self._names if re.search(pattern, header)]
            if len(found) != 1:
                which = f"{len(found)} columns match" if found else "no column matches"
                raise BadMapping(f"headers.{name}: {which} {pattern!r}; the file has {', '.join(self._names)}.")
            if name in self._names:
                raise BadMapping(f"headers.{name}: the file has a column of that name; choose another.")
            self._headers[name] = found[0]
            self._known[name] = self._known[found[0]]

    def _derived(self, place: str, rule: Rule, column: Column | None) -> _Value:
        """The steps of a rule, in the order they are documented in."""
        value = self._source(place, rule, column)
        if rule.extract is not None:
            group = min(re.compile(rule.extract).groups, 1)
            value = _Value(f"nullif(regexp_extract({value.text}, {literal(rule.extract)}, {group}), '')")
        if rule.lookup is not None:
            value = self._looked_up(place, rule.lookup, value)
        if rule.case is not None:
            value = _Value(f"nullif({rule.case}({value.text}), '')")
        if rule.values:
            value = self._translated(place, rule, value)
        value = _measured(rule, column, value)
        if rule.hash is not None:
            digits = f"sha256({literal(rule.hash.salt)} || {FIELD_SEPARATOR} || {value.text})"
            value = _Value(f"substr({digits}, 1, {rule.hash.length})")
        return value if rule.default is None else _Value(f"coalesce({value.text}, {_constant(rule.default)})")

    def _source(self, place: str, rule: Rule, column: Column | None) -> _Value:
        if rule.constant is not None:
            return _Value(_constant(rule.constant))
        if rule.template is not None:
            return _Value(self._filled(place, rule.template))
        if rule.header is not None:
            return _Value(literal(self._header(place, rule.header)))
        names = rule.from_ or ()
        found = [self._known[name] for name in names if name in self._known]
        if not found:
            if rule.optional:
                return _Value("null::varchar")
            raise BadMapping(f"{place}: {self._missing(names)}")
        exempt = {word.casefold() for word in (*rule.values, *(column.allowed if column else ()))}
        if len(found) == 1 and found[0].kind is not None:
            return found[0]
        return _Value(f"coalesce({', '.join(_known_text(value.text, exempt) for value in found)})")

    def _header(self, place: str, name: str) -> str:
        if name not in self._headers:
            raise BadMapping(f"{place}.header: {name!r} is not under [headers].")
        return self._headers[name]

    def _filled(self, place: str, template: str) -> str:
        """A template as SQL; null when any of what it names is."""
        pieces = []
        for index, piece in enumerate(PLACEHOLDER.split(template)):
            if index % 2 == 0:
                pieces.append(literal(piece))
            elif piece in self._known:
                pieces.append(f"nullif(trim({self._known[piece].text}), '')")
            else:
                raise BadMapping(f"{place}: {self._missing((piece,))}")
        return f"({' || '.join(pieces)})"

    def _missing(self, names: tuple[str, ...]) -> str:
        wanted = " or ".join(repr(name) for name in names)
        return f"there is no column {wanted}; the file has {', '.join(self._names) or 'none'}."

    def _looked_up(self, place: str, lookup: Lookup, value: _Value) -> _Value:
        alias = f"lookup_{place.replace('.', '_')}"
        self._engine.register(alias, _lookup_table(f"{place}.lookup", lookup, self._folders))
        self._joins.append(f"left join {quoted(alias)} on {quoted(alias)}.__key__ = {value.text}")
        found = f"{quoted(alias)}.__value__"
        if lookup.otherwise is None:
            return _Value(found)
        return _Value(f"coalesce({found}, {self._filled(f'{place}.lookup.otherwise', lookup.otherwise)})")

    def _translated(self, place: str, rule: Rule, value: _Value) -> _Value:
        branches = " ".join(
            f"when {literal(source.lower())} then {_constant(ours)}" for source, ours in rule.values.items()
        )
        rest = value.text if rule.otherwise is None else self._filled(f"{place}.otherwise", rule.otherwise)
        translated = f"case lower({value.text}) {branches} else {rest} end"
        return _Value(f"case when {value.text} is not null then {translated} end")

    def _holds(self, place: str, condition: Condition) -> str:
        if condition.column not in self._known:
            raise BadMapping(f"{place}.column: {self._missing((condition.column,))}")
        return _condition(condition, self._known[condition.column])


def _internal_names(schema: pa.Schema) -> list[str]:
    """Names of our own for the source's columns: DuckDB would take `Badge` and `badge` for one."""
    return [name if name == ROW_NUMBER else f"source_{i}" for i, name in enumerate(schema.names)]


def _own_type(kind: pa.DataType) -> pa.DataType | None:
    """The type of a column whose values need no parsing; None for text and for what can only be shown as text."""
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    is_own = is_number or pa.types.is_boolean(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    return kind if is_own else None


def _constant(value: Scalar) -> str:
    return literal(str(value).lower() if isinstance(value, bool) else str(value))


def _known_text(sql: str, exempt: set[str]) -> str:
    words = ", ".join(literal(word) for word in SENTINELS if word not in exempt)
    return f"case when lower(trim({sql})) in ({words}) then null else trim({sql}) end"


def _measured(rule: Rule, column: Column | None, value: _Value) -> _Value:
    """The value as a number in the column's unit or as a time, where the rule says that it is one."""
    if rule.unit is not None:
        into = (column.unit if column else None) or rule.into
        return _converted(value, rule.unit, into or rule.unit)
    if rule.is_time and column is not None:
        return _as_day(rule, value) if column.kind is Kind.DAY else _as_instant(rule, value)
    return value


def _converted(value: _Value, unit: str, into: str) -> _Value:
    how = conversion(unit, into)
    if how.is_identity:
        return value
    number = f"(try_cast({value.sql} as double) * {how.factor}::double + {how.offset}::double) / {how.divisor}::double"
    return _Value(f"coalesce(cast({number} as varchar), {value.text})")


def _as_instant(rule: Rule, value: _Value) -> _Value:
    if value.kind is not None and pa.types.is_timestamp(value.kind) and value.kind.tz is not None:
        return value
    return _Value(f"coalesce(cast({_instant(rule, value)} as varchar), {value.text} || {literal(NOT_AS_MAPPED)})")


def _as_day(rule: Rule, value: _Value) -> _Value:
    """The day on the source's calendar: as written, or that of the instant in the source's zone."""
    zone = literal(rule.time_zone or "UTC")
    day = f"cast(timezone({zone}, {_instant(rule, value)}) as date)"
    return _Value(f"coalesce(cast({day} as varchar), {value.text} || {literal(NOT_AS_MAPPED)})")


def _instant(rule: Rule, value: _Value) -> str:
    zone = literal(rule.time_zone or "UTC")
    if rule.epoch is not None:
        seconds = f"try_cast({value.sql} as double) / {EPOCHS[rule.epoch]}"
        return f"case when {seconds} between {EARLIEST_EPOCH} and {LATEST_EPOCH} then to_timestamp({seconds}) end"
    if value.kind is not None and (pa.types.is_timestamp(value.kind) or pa.types.is_date(value.kind)):
        has_zone = pa.types.is_timestamp(value.kind) and value.kind.tz is not None
        return value.sql if has_zone else f"instant_of(cast({value.sql} as timestamp), {zone})"
    if not rule.format:
        return f"""case when regexp_full_match({value.text}, {literal(NAIVE)})
            then instant_of(try_cast({value.text} as timestamp), {zone})
            when regexp_full_match({value.text}, {literal(WITH_OFFSET)})
            then try_cast({value.text} as timestamptz) end"""
    read = [(written, f"try_strptime({value.text}, {literal(written)})") for written in rule.format]
    return f"coalesce({', '.join(sql if '%z' in written else f'instant_of({sql}, {zone})' for written, sql in read)})"


def _condition(condition: Condition, value: _Value) -> str:
    """A condition as SQL, never null. A value that should be a number and is none is left for the door to refuse."""
    text = _known_text(value.text, set())
    wanted = condition.value
    match condition.is_:
        case "present" | "absent":
            return f"({text} is {'not ' if condition.is_ == 'present' else ''}null)"
        case "matches":
            return f"coalesce(regexp_matches({text}, {literal(str(wanted))}), false)"
        case "in" | "not in":
            listed = wanted if isinstance(wanted, list) else []
            found = " or ".join(_equals(text, each) for each in listed)
            return f"({found})" if condition.is_ == "in" else f"not ({found})"
        case "=" | "!=":
            equal = _equals(text, wanted if wanted is not None and not isinstance(wanted, list) else "")
            return equal if condition.is_ == "=" else f"not {equal}"
        case operator:
            number = f"try_cast({text} as double)"
            return f"case when {number} is null then {text} is not null else {number} {operator} {wanted!r} end"


def _equals(text: str, wanted: Scalar) -> str:
    if isinstance(wanted, bool):
        return f"coalesce(lower({text}) = {_constant(wanted)}, false)"
    if isinstance(wanted, str):
        return f"coalesce(trim({text}) = {literal(wanted)}, false)"
    return f"coalesce(try_cast({text} as double) = {wanted!r}, false)"


def _lookup_table(place: str, lookup: Lookup, folders: list[Path]) -> pa.Table:
    """Columns `__key__` and `__value__`, each key once. Rows without key are passed over."""
    path = _found(place, lookup, folders)
    pairs: dict[str, str | None] = {}
    for batch in read_batches(path, LOOKUP_LIMITS, Format(lookup.encoding, lookup.delimiter)):
        if batch.malformed:
            bad = batch.malformed[0]
            raise BadMapping(f"{place}.file: row {bad.row_number} of {path} cannot be read: {bad.reason}.")
        for row in batch.rows.to_pylist():
            key, value = (_of_row(place, row, wanted, path) for wanted in (lookup.key, lookup.value))
            if key is None:
                continue
            if pairs.setdefault(key, value) != value:
                raise BadMapping(f"{place}: {path} gives {key!r} both as {pairs[key]!r} and as {value!r}; keep one.")
    return pa.table(
        {"__key__": pa.array(list(pairs), pa.string()), "__value__": pa.array(list(pairs.values()), pa.string())}
    )


def _found(place: str, lookup: Lookup, folders: list[Path]) -> Path:
    sought = [folder / lookup.file for folder in folders]
    for path in sought:
        if path.is_file():
            return path
    raise BadMapping(f"{place}.file: there is no {' or '.join(str(path) for path in dict.fromkeys(sought))}.")


def _of_row(place: str, row: dict[str, object], wanted: str, path: Path) -> str | None:
    """A column of a lookup's row, or a template over its columns; null when any of it is."""
    pieces = PLACEHOLDER.split(wanted) if PLACEHOLDER.search(wanted) else ["", wanted, ""]
    filled = []
    for index, piece in enumerate(pieces):
        if index % 2 and piece not in row:
            columns = ", ".join(name for name in row if name != ROW_NUMBER)
            raise BadMapping(f"{place}: {path} has no column {piece!r}; it has {columns}.")
        value = row[piece] if index % 2 else piece
        if value is None or (index % 2 and not str(value).strip()):
            return None
        filled.append(str(value).strip() if index % 2 else piece)
    return "".join(filled)
