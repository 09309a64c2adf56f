"""What a stream is: columns, types, units, keys, allowed values.

A declaration is data. The table, the Parquet schema, the door's checks, the API model and the Great Expectations
suite are all made from it, each in its own module; nothing about a column is written twice.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class Kind(StrEnum):
    """The type of a column, in the words people use."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    INSTANT = "instant"
    DAY = "day"
    FLAG = "flag"
    IDENTIFIER = "identifier"


class Form(StrEnum):
    """What a text must say besides; `forms` tells what keeps it from that."""

    RECURRENCE = "recurrence"
    TIME_ZONE = "time zone"
    NAMES = "names"


# What sources write for "not known". Compared without case, after trimming.
SENTINELS = ("", "na", "n/a", "-", "--", "none", "null", "nan", "no steps", "unknown", "undefined")

LONGEST_TEXT = 200


@dataclass(frozen=True)
class Column:
    """One column: what it holds, in which unit, and what it may hold.

    `minimum` and `maximum` are inclusive and in `unit`. `form` is what text must say. `refers_to`
    names the reference stream whose key it must be found in, within the same tenant. `also_known_as` are other headers
    a source may use for it.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str | None = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()
    form: Form | None = None
    refers_to: str | None = None
    longest: int = LONGEST_TEXT
    also_known_as: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.minimum is not None or self.maximum is not None) and self.kind not in (Kind.INTEGER, Kind.REAL):
            raise ValueError(f"{self.name}: only numbers have a range")
        if self.allowed and self.kind is not Kind.TEXT:
            raise ValueError(f"{self.name}: only text has allowed values")
        if self.form is not None and self.kind is not Kind.TEXT:
            raise ValueError(f"{self.name}: only text has a form")


TENANT = Column(
    "tenant_id", Kind.TEXT, "The tenant the row belongs to.", required=True, longest=64, refers_to="tenants",
    also_known_as=("tenant",),
)  # fmt: skip
EVENT_ID = Column(
    "event_id", Kind.IDENTIFIER, "Identity of the event; a stable hash of the row where the source has none.",
    required=True,
)  # fmt: skip
OCCURRED_AT = Column(
    "occurred_at", Kind.INSTANT, "When it happened, UTC.", unit="UTC", required=True,
    also_known_as=("timestamp", "event_time"),
)  # fmt: skip
RECEIVED_AT = Column(
    "received_at", Kind.INSTANT, "When the platform knew, UTC; stamped at the door where the source does not say.",
    unit="UTC", required=True, also_known_as=("receivedon",),
)  # fmt: skip


@dataclass(frozen=True)
class Span:
    """Two columns, the instants between which a row holds: the second must lie after the first, and not further."""

    starts: str
    ends: str
    longest_days: int


@dataclass(frozen=True)
class Stream:
    """A kind of row that enters by the door.

    An event stream is append-only and keyed by (event_id, tenant_id). A reference stream holds one row per `key`; a
    later row with the same key replaces the earlier one. `kept_days` of an event stream stay in PostgreSQL at least,
    however soon other telemetry leaves.
    """

    name: str
    meaning: str
    table: str
    own_columns: tuple[Column, ...]
    key: tuple[str, ...] = ("event_id", "tenant_id")
    is_reference: bool = False
    occurred_from: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = field(default=())
    spans: tuple[Span, ...] = ()
    kept_days: int = 0

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Every column, the common ones first."""
        if self.is_reference:
            common = () if self.name == "tenants" else (TENANT,)
            return (*common, *self.own_columns, RECEIVED_AT)
        return (TENANT, EVENT_ID, OCCURRED_AT, *self.own_columns, RECEIVED_AT)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
