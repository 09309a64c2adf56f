"""docs/data-dictionary.md, made from the declarations: `make docs` writes it, a test keeps it current."""

from noc_platform.streams.catalogue import STREAMS
from noc_platform.streams.declaration import Column, Stream

HEAD = """# Data dictionary

Made from `noc_platform/streams/catalogue.py` by `make docs`. Instants are UTC. "or" are other headers a source may
use, in any case.
"""


def dictionary() -> str:
    """The whole dictionary as Markdown."""
    return "\n".join([HEAD, *(_of_stream(stream) for stream in STREAMS.values())])


def _of_stream(stream: Stream) -> str:
    kind = "reference data" if stream.is_reference else "events"
    lines = [
        f"## {stream.name}",
        "",
        f"{stream.meaning} ({kind}; table `{stream.table}`; key {', '.join(f'`{name}`' for name in stream.key)})",
        "",
        "| column | type | unit | required | meaning |",
        "|---|---|---|---|---|",
        *(_row(stream, column) for column in stream.columns),
        "",
    ]
    return "\n".join(lines)


def _row(stream: Stream, column: Column) -> str:
    meaning = column.meaning
    if column.allowed:
        meaning += f" One of {', '.join(column.allowed)}."
    if column.minimum is not None or column.maximum is not None:
        meaning += f" {_bound(column.minimum)} to {_bound(column.maximum)}."
    if column.refers_to:
        meaning += f" Found in {column.refers_to}."
    if column.also_known_as:
        meaning += f" Or {', '.join(f'`{name}`' for name in column.also_known_as)}."
    if column.name == "occurred_at" and stream.occurred_from:
        meaning += f" Left out: the first known of {', '.join(stream.occurred_from)}."
    filled = column.name in ("event_id", "received_at") or (column.name == "occurred_at" and stream.occurred_from)
    required = "filled in" if filled else "yes" if column.required else ""
    return f"| `{column.name}` | {column.kind} | {column.unit or ''} | {required} | {meaning} |"


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:,g}"
