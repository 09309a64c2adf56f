"""What may be written in a mapping file, and what is wrong with one that does not fit. Applying it is `mapping`.

Everything that can be known without the data is refused here, before a row is read.
"""

import codecs
import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

import duckdb
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from noc_platform.errors import BadMapping, UnknownStream
from noc_platform.store.duck import open_duckdb
from noc_platform.streams.catalogue import stream_called
from noc_platform.streams.declaration import EVENT_ID, OCCURRED_AT, RECEIVED_AT, TENANT, Column, Kind, Stream
from noc_platform.streams.units import conversion

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
SALT_CHARACTERS = 8
NUMBERS = (Kind.INTEGER, Kind.REAL)
TIMES = (Kind.INSTANT, Kind.DAY)
# The door fills these in where a source says nothing.
FILLED_AT_THE_DOOR = (TENANT.name, EVENT_ID.name, RECEIVED_AT.name)

Scalar = bool | int | float | str


def _listed(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _as_rule(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


def _encoding(value: str) -> str:
    try:
        return codecs.lookup(value).name
    except LookupError:
        raise ValueError(f"no encoding is called {value!r}; common ones are utf-8, cp1252, latin-1, utf-16") from None


def _zone(value: str) -> str:
    if value not in available_timezones():
        near = difflib.get_close_matches(value, available_timezones(), 3, 0.5)
        raise ValueError(f"no IANA time zone is called {value!r}; {_suggested(near)}write one such as Europe/Athens")
    return value


def _pattern(value: str) -> str:
    try:
        groups = re.compile(value).groups
        open_duckdb().execute("select regexp_matches('', ?)", [value])
    except (re.error, duckdb.Error) as error:
        raise ValueError(f"not a regular expression (RE2, without look-around): {error}") from None
    if groups > 1:
        raise ValueError(f"has {groups} groups; mark the one part that is wanted, and write (?:…) for the others")
    return value


def _time_format(value: str) -> str:
    if "%Z" in value:
        raise ValueError("names of zones (%Z) are ambiguous: give time_zone, or %z for an offset such as +0200")
    try:
        open_duckdb().execute("select try_strptime('', ?)", [value])
    except duckdb.Error as error:
        raise ValueError(f"not a time format such as %Y-%m-%d %H:%M:%S: {error}") from None
    return value


Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_listed), Field(min_length=1)]
Encoding = Annotated[str, BeforeValidator(_encoding)]
Delimiter = Annotated[str, Field(min_length=1, max_length=1)]
Pattern = Annotated[str, BeforeValidator(_pattern)]
TimeFormats = Annotated[tuple[Annotated[str, BeforeValidator(_time_format)], ...], BeforeValidator(_listed)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False, strict=True)


class Written(_Part):
    """How the source file is written."""

    encoding: Encoding = "utf-8"
    delimiter: Delimiter = ","


class Lookup(_Part):
    """A value found in another file. `key` and `value` are columns of it, or templates over its columns."""

    file: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1)]
    value: Annotated[str, Field(min_length=1)]
    otherwise: str | None = None
    encoding: Encoding = "utf-8"
    delimiter: Delimiter = ","


class Hash(_Part):
    """SHA-256 of salt and value, cut to `length` hexadecimal digits."""

    salt: Annotated[str, Field(min_length=SALT_CHARACTERS)]
    length: Annotated[int, Field(ge=16, le=64)] = 32


class Rule(_Part):
    """How one column comes about; the steps are taken in the order of the fields."""

    from_: Annotated[Names | None, Field(alias="from")] = None
    template: Annotated[str | None, Field(min_length=1)] = None
    constant: Scalar | None = None
    header: str | None = None
    optional: bool = False
    extract: Pattern | None = None
    lookup: Lookup | None = None
    case: Literal["lower", "upper", "slug", "compact"] | None = None
    values: dict[str, Scalar] = {}
    otherwise: str | None = None
    unit: str | None = None
    into: str | None = None
    time_zone: Annotated[str, BeforeValidator(_zone)] | None = None
    format: TimeFormats = ()
    epoch: Literal["seconds", "milliseconds", "microseconds"] | None = None
    hash: Hash | None = None
    default: Scalar | None = None

    @model_validator(mode="after")
    def _steps_agree(self) -> Self:
        sources = [self.from_, self.template, self.constant, self.header]
        if sum(source is not None for source in sources) != 1:
            raise ValueError("say where the value comes from, once: from, template, constant or header")
        if self.otherwise is not None and not self.values:
            raise ValueError("otherwise is what becomes of a value that `values` does not list; there is no `values`")
        if self.into is not None and self.unit is None:
            raise ValueError("into is the unit to convert to; say with unit what the source measures in")
        if self.epoch is not None and self.format:
            raise ValueError("a time is either counted (epoch) or written (format); name one")
        if sum((self.is_time, self.unit is not None, self.hash is not None)) > 1:
            raise ValueError("a value is a time, a measurement (unit) or a secret (hash), not two of them")
        return self

    @property
    def is_time(self) -> bool:
        """Whether the value is read as a time."""
        return bool(self.time_zone or self.format or self.epoch)

    @property
    def knows_its_zone(self) -> bool:
        """Whether every value it reads is an instant, and not only a reading of some clock."""
        offsets = bool(self.format) and all("%z" in each for each in self.format)
        return self.constant is not None or self.time_zone is not None or self.epoch is not None or offsets


class Condition(_Part):
    """A row is taken when this holds for it."""

    column: str
    is_: Annotated[
        Literal["=", "!=", ">", ">=", "<", "<=", "in", "not in", "matches", "present", "absent"], Field(alias="is")
    ]
    value: Scalar | list[Scalar] | None = None

    @model_validator(mode="after")
    def _value_suits(self) -> Self:
        if self.is_ in ("present", "absent"):
            fits, wanted = self.value is None, "no value"
        elif self.is_ in ("in", "not in"):
            fits, wanted = isinstance(self.value, list) and bool(self.value), "a list of values"
        elif self.is_ in (">", ">=", "<", "<="):
            fits, wanted = isinstance(self.value, int | float) and not isinstance(self.value, bool), "a number"
        elif self.is_ == "matches":
            fits, wanted = isinstance(self.value, str), "a regular expression"
        else:
            fits, wanted = self.value is not None and not isinstance(self.value, list), "one value"
        if not fits:
            raise ValueError(f"{self.is_!r} takes {wanted}")
        if self.is_ == "matches":
            _pattern(str(self.value))
        return self


class MappingFile(_Part):
    """A whole mapping file."""

    stream: str
    format: Written = Written()
    headers: dict[str, Pattern] = {}
    parts: dict[str, Annotated[Rule, BeforeValidator(_as_rule)]] = {}
    columns: Annotated[dict[str, Annotated[Rule, BeforeValidator(_as_rule)]], Field(min_length=1)]
    where: list[Condition] = []


def read_mapping_file(path: Path) -> MappingFile:
    """The mapping written at `path`. Raises `BadMapping` naming the file, each key at fault and what would do."""
    try:
        with path.open("rb") as file:
            document = MappingFile.model_validate(tomllib.load(file))
    except OSError as error:
        raise BadMapping(f"{path}: the mapping cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadMapping(f"{path}: not TOML in UTF-8: {error}.") from error
    except ValidationError as error:
        raise BadMapping("\n".join(f"{path}: {_problem(each)}" for each in error.errors())) from error
    problems = list(_disagreements(document))
    if problems:
        raise BadMapping("\n".join(f"{path}: {problem}" for problem in problems))
    return document


def _disagreements(document: MappingFile) -> list[str]:
    """Where the mapping and its stream's declaration do not agree."""
    try:
        stream = stream_called(document.stream)
    except UnknownStream as error:
        return [f"stream: {error}"]
    problems = [f"parts.{name}: {problem}" for name, rule in document.parts.items() for problem in _part_problems(rule)]
    for name, rule in document.columns.items():
        if name in stream.names:
            problems += [f"columns.{name}: {problem}" for problem in _rule_problems(rule, stream.column(name))]
        else:
            near = _suggested(difflib.get_close_matches(name, stream.names, 2))
            problems.append(
                f"columns.{name}: {stream.name} has no such column; {near}it has {', '.join(stream.names)}."
            )
    absent = _absent(stream, set(document.columns))
    return problems + [f"columns.{name}: {stream.name} requires it; say where it comes from." for name in absent]


def _absent(stream: Stream, mapped: set[str]) -> list[str]:
    absent = [c.name for c in stream.columns if c.required and c.name not in mapped | set(FILLED_AT_THE_DOOR)]
    is_timed = any(name in mapped for name in stream.occurred_from)
    return [name for name in absent if name != OCCURRED_AT.name or not is_timed]


def _part_problems(rule: Rule) -> list[str]:
    if rule.is_time:
        return ["a part is text; read a time in the column that holds it."]
    if rule.unit is not None:
        return _unit_problems(rule.unit, rule.into, "name the unit to convert to with into.")
    return []


def _rule_problems(rule: Rule, column: Column) -> list[str]:
    problems = []
    if rule.is_time and column.kind not in TIMES:
        problems.append(f"it holds {column.kind.value}, not a time; leave out time_zone, format and epoch.")
    if column.kind is Kind.INSTANT and not rule.knows_its_zone:
        problems.append('whose clock is it? Give time_zone = "Europe/Athens" or the like, or "UTC".')
    if rule.unit is not None and column.kind not in NUMBERS:
        problems.append(f"it holds {column.kind.value}, not a number; leave out unit.")
    elif rule.unit is not None and column.unit is not None and rule.into not in (None, column.unit):
        problems.append(f"it is kept in {column.unit}; leave out into.")
    elif rule.unit is not None:
        problems += _unit_problems(rule.unit, column.unit or rule.into, "the column has no unit of its own: give into.")
    return problems


def _unit_problems(unit: str, into: str | None, remedy: str) -> list[str]:
    if into is None:
        return [remedy]
    try:
        conversion(unit, into)
    except BadMapping as error:
        return [f"unit: {error}"]
    return []


def _problem(error: ErrorDetails) -> str:
    """One of pydantic's findings, in words for the person who wrote the file."""
    # Pydantic adds what it tried for a union or an item's place in a tuple; neither is written in the file.
    loc = [str(part) for part in error["loc"] if str(part) not in ("bool", "int", "float", "str")]
    where = ".".join(loc) or "file"
    if error["type"] == "extra_forbidden":
        keys = _keys_of(loc)
        near = _suggested(difflib.get_close_matches(loc[-1], keys, 2))
        return f"{where}: there is no such key; {near}here may stand {', '.join(keys)}."
    if error["type"] == "missing":
        return f"{where}: required, but absent."
    return f"{where}: {error['msg'].removeprefix('Value error, ')}."


def _keys_of(loc: list[str]) -> list[str]:
    parents: dict[str, type[BaseModel]] = {"format": Written, "lookup": Lookup, "hash": Hash, "where": Condition}
    model: type[BaseModel] = MappingFile
    if len(loc) > 1:
        model = next((parents[part] for part in reversed(loc[:-1]) if part in parents), Rule)
    return [field.alias or name for name, field in model.model_fields.items()]


def _suggested(near: list[str]) -> str:
    return f"did you mean {' or '.join(near)}? " if near else ""
