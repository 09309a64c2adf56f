"""Ibis expressions as statements of PostgreSQL with bind parameters: composed once, asked often.

A parameter is a literal of its own spelling while the expression is composed, and a placeholder once it is compiled.
"""

import re
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from noc_platform.telemetry.signals import INSTANT

MARKER = re.compile(r"'::(\w+)::'")
# A list asked for by `isin` with one marker in it becomes one array parameter.
LISTED = re.compile(r"IN \('::(\w+)::'\)")


@dataclass(frozen=True)
class Prepared:
    """A statement for psycopg; its parameters are named where it is made, instants with a zone."""

    sql: str


def marker(name: str) -> str:
    """A parameter as the text it is until the expression is compiled."""
    return f"::{name}::"


def text_marker(name: str) -> ir.StringValue:
    """A parameter that is text."""
    return ibis.literal(marker(name))


def moment_marker(name: str) -> ir.TimestampValue:
    """A parameter that is an instant."""
    return ibis.literal(marker(name)).cast(INSTANT)


def compiled(expression: ir.Table) -> Prepared:
    """The expression as SQL, its markers replaced by psycopg's named placeholders."""
    sql = str(ibis.to_sql(expression, dialect="postgres", pretty=False)).replace("%", "%%")
    return Prepared(MARKER.sub(r"%(\1)s", LISTED.sub(r"= ANY(%(\1)s)", sql)))
