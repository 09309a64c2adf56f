"""The rule of each kind of column, as DuckDB SQL: how text becomes a value, and what is wrong with a value."""

from datetime import datetime

import pyarrow as pa

from noc_platform.streams.declaration import EVENT_ID, OCCURRED_AT, RECEIVED_AT, SENTINELS, Column, Kind, Span, Stream

TRUE_WORDS = ("true", "t", "yes", "y", "1", "on")
FALSE_WORDS = ("false", "f", "no", "n", "0", "off")
WANTED = {
    Kind.INTEGER: "a whole number",
    Kind.REAL: "a number",
    Kind.INSTANT: "a time such as 2026-03-01T08:00:00+01:00",
    Kind.DAY: "a day such as 2026-03-01",
    Kind.FLAG: "true or false",
}
SHOWN_CHARACTERS = 60
# A plan further off than this is a slip of the pen, and beyond the year 9999 it could not be read back.
SPAN_BOUNDS = ("1970-01-01", "2200-01-01")
# Beyond this a double no longer holds every whole number.
LARGEST_WHOLE = 2**53
# A UUID of version 8 (RFC 9562: "custom") out of the first 30 hexadecimal digits given.
MACROS = """create macro uuid_of(digits) as try_cast(
    substr(digits, 1, 12) || '8' || substr(digits, 13, 3) || '8' || substr(digits, 16, 15) as uuid)"""
FIELD_SEPARATOR = "chr(31)"
ABSENT = "chr(30)"


def quoted(name: str) -> str:
    """An SQL identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(value: str) -> str:
    """An SQL text literal."""
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def tidied(column: Column, source: pa.Field) -> str:
    """The source's value; text is trimmed, and what only says "not known" becomes null."""
    name = quoted(source.name)
    if not _is_text(source.type):
        return name if _is_of_kind(column.kind, source.type) else f"cast({name} as varchar)"
    allowed = {word.casefold() for word in column.allowed}
    # Not `in`: DuckDB makes a join of that, at twice the cost.
    is_sentinel = " or ".join(f"lower(trim({name})) = {literal(word)}" for word in SENTINELS if word not in allowed)
    return f"case when {is_sentinel} then null else trim({name}) end"


def typed(column: Column, sources: list[pa.Field]) -> str:
    """The tidied value in the column's type; null where it does not fit."""
    name = quoted("raw_" + column.name)
    is_of_kind = bool(sources) and all(_is_of_kind(column.kind, source.type) for source in sources)
    if is_of_kind and column.kind is not Kind.REAL:
        return f"cast({name} as {_SQL_TYPES[column.kind]})"
    value = f"cast({name} as varchar)"
    number = name if is_of_kind else f"try_cast({value} as double)"
    match column.kind:
        case Kind.REAL:
            return f"case when isfinite({number}) then {number} end"
        case Kind.INTEGER:
            is_whole = f"{number} = floor({number}) and abs({number}) <= {LARGEST_WHOLE}"
            return f"case when {is_whole} then cast({number} as bigint) end"
        case Kind.FLAG:
            word = f"lower({value})"
            is_true, is_false = (f"{word} in {_words(words)}" for words in (TRUE_WORDS, FALSE_WORDS))
            return f"case when {is_true} then true when {is_false} then false end"
        case Kind.TEXT if column.allowed:
            branches = " ".join(f"when {literal(word.casefold())} then {literal(word)}" for word in column.allowed)
            return f"case lower({value}) {branches} end"
        case Kind.TEXT:
            return value
        case _:
            return f"try_cast({value} as {_SQL_TYPES[column.kind]})"


def first_of(*names: str) -> str:
    """The first of these typed columns that is known."""
    return f"coalesce({', '.join(quoted('typed_' + name) for name in names)})"


def event_id(stream: Stream) -> str:
    """The source's own id when it is a UUID; else a hash of its id; else a hash of the whole row.

    The hash of a row is a UUID (version 8) led by the millisecond it happened in, so that the rows of one load lie
    together in the index.
    """
    row = ", ".join(
        _canonical(column) for column in stream.columns if column.name not in (EVENT_ID.name, RECEIVED_AT.name)
    )
    happened = f"lpad(to_hex(greatest(epoch_ms({first_of(OCCURRED_AT.name, *stream.occurred_from)}), 0)), 12, '0')"
    row_hash = f"md5(concat_ws({FIELD_SEPARATOR}, {literal(stream.name)}, {row}))"
    given = f"md5(concat_ws({FIELD_SEPARATOR}, {literal(stream.name)}, cast(raw_event_id as varchar)))"
    return f"""coalesce(
        typed_event_id,
        case when raw_event_id is not null then uuid_of({given}) end,
        uuid_of({happened} || {row_hash}))"""


def faults(column: Column, bounds: tuple[datetime, datetime] | None) -> list[str]:
    """What can be wrong with a column: expressions that give {column_name, reason}, or null when all is well."""
    raw, value = quoted("raw_" + column.name), quoted(column.name)
    shown = _shown(column.name)
    if column.name == EVENT_ID.name:
        return []
    found = []
    if column.allowed:
        found.append(
            (f"{raw} is not null and {value} is null", f"{shown} || ' is none of {', '.join(column.allowed)}'")
        )
    elif column.kind in WANTED:
        typed_value = quoted("typed_" + column.name)
        found.append((f"{raw} is not null and {typed_value} is null", f"{shown} || ' is not {WANTED[column.kind]}'"))
    if column.required:
        found.append((f"{value} is null", "'required, but absent'"))
    if column.minimum is not None:
        found.append((f"{value} < {column.minimum}", f"{shown} || ' is below {column.minimum:g} {column.unit or ''}'"))
    if column.maximum is not None:
        found.append((f"{value} > {column.maximum}", f"{shown} || ' is above {column.maximum:g} {column.unit or ''}'"))
    if column.kind is Kind.TEXT and not column.allowed:
        found.append((f"length({value}) > {column.longest}", f"'longer than {column.longest} characters'"))
        found.append((f"contains({value}, chr(0))", "'holds a NUL character'"))
    if bounds is not None:
        earliest, latest = (literal(instant.isoformat()) for instant in bounds)
        found.append((f"{value} < {earliest}::timestamptz", f"{shown} || ' is before NOC_EARLIEST_EVENT'"))
        found.append((f"{value} > {latest}::timestamptz", f"{shown} || ' lies in the future'"))
    if column.refers_to is not None:
        absent = f"{value} is not null and not found_{column.name}"
        found.append((absent, f"substr({value}, 1, {SHOWN_CHARACTERS}) || ' is not among the {column.refers_to}'"))
    return [_fault(column, condition, reason) for condition, reason in found]


def span_faults(span: Span, columns: dict[str, Column]) -> list[str]:
    """What can be wrong with two instants that belong together, as `faults` gives it."""
    starts, ends = quoted(span.starts), quoted(span.ends)
    earliest, latest = (f"timestamptz {literal(bound)}" for bound in SPAN_BOUNDS)
    wanted = f"' lies outside of {' to '.join(SPAN_BOUNDS)}'"
    too_long = f"{ends} - {starts} > interval {span.longest_days} days"
    return [
        *(
            _fault(columns[name], f"{quoted(name)} not between {earliest} and {latest}", f"{_shown(name)} || {wanted}")
            for name in (span.starts, span.ends)
        ),
        _fault(columns[span.ends], f"{ends} <= {starts}", f"{_shown(span.ends)} || ' is not after {span.starts}'"),
        _fault(
            columns[span.ends], too_long,
            f"{_shown(span.ends)} || ' is more than {span.longest_days} days after {span.starts}; write several rows'",
        ),
    ]  # fmt: skip


def _shown(name: str) -> str:
    # What was derived from other columns was never written.
    written, derived = (f"cast({quoted(each)} as varchar)" for each in ("raw_" + name, name))
    return f"substr(coalesce({written}, {derived}), 1, {SHOWN_CHARACTERS})"


def _fault(column: Column, condition: str, reason: str) -> str:
    return f"case when {condition} then {{'column_name': {literal(column.name)}, 'reason': {reason}}} end"


def _canonical(column: Column) -> str:
    typed_value = quoted("typed_" + column.name)
    text = f"epoch_us({typed_value})::varchar" if column.kind is Kind.INSTANT else f"{typed_value}::varchar"
    return f"coalesce({text}, {ABSENT})"


def _words(words: tuple[str, ...]) -> str:
    return f"({', '.join(literal(word) for word in words)})"


_SQL_TYPES = {
    Kind.TEXT: "varchar",
    Kind.INTEGER: "bigint",
    Kind.REAL: "double",
    Kind.INSTANT: "timestamptz",
    Kind.DAY: "date",
    Kind.FLAG: "boolean",
    Kind.IDENTIFIER: "uuid",
}


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_dictionary(kind)
    )


def _is_of_kind(kind: Kind, source: pa.DataType) -> bool:
    """Whether a source's own type needs no parsing.

    A number that must be whole does, and so does a float of half the width: by way of its text it is the number that
    was meant, and the same event as in a file of text.
    """
    match kind:
        case Kind.INSTANT:
            return bool(pa.types.is_timestamp(source))
        case Kind.DAY:
            return bool(pa.types.is_date(source))
        case Kind.INTEGER:
            return bool(pa.types.is_integer(source))
        case Kind.REAL:
            return bool(pa.types.is_float64(source))
        case Kind.FLAG:
            return bool(pa.types.is_boolean(source))
        case _:
            return False
