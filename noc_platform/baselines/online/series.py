"""A series of values in time, read from a CSV file as people have them: which column is which, what each text means.

What could mean two things is refused, with what would fit. Elsewhere: what is made of the values (`detector`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noc_platform.errors import BadInput, UnreadableFile

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[Any]
TIMES = ("timestamp", "time", "datetime", "date_time", "date/time", "date", "ts", "ds")
VALUES = ("value", "y", "values")
WANTED = "Wanted is CSV with the columns timestamp,value"
# What stands for a value that is not there.
ABSENT = ("", "nan", "null", "none", "na", "n/a", "-")
# Read where ISO 8601 does not fit, if exactly one reads every row.
OTHER_FORMATS = tuple(
    f"{day}{time}"
    for day in ("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%Y/%m/%d")
    for time in ("", " %H:%M", " %H:%M:%S")
)
# Numbers below each are seconds, milliseconds and microseconds since 1970; above, nanoseconds.
EPOCH_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9))
# A date without hyphens is no number of seconds.
COMPACT_DATE = r"^(19|20)\d{6}$"
NUMBER = r"^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Series:
    """A file's rows in its own order. `timestamp` and `value` are the texts as they came; `seconds` since 1970 in UTC;
    `values` NaN where there is none, or none that is finite."""

    timestamp: "pa.Array"
    value: "pa.Array"
    seconds: Numbers
    values: Numbers


def read_series(path: Path) -> Series:
    """Read a CSV file (also .gz). A timestamp without a zone is UTC, a number is seconds since 1970 (milliseconds
    or less, by its size). Raises `BadInput` with the row, counted from 1 below the header, that does not fit."""
    timestamp, value = _columns(path)
    if not len(timestamp):
        raise BadInput(f"{path} has no rows. {WANTED}.")
    return Series(timestamp, value, seconds_of(timestamp), values_of(value))


def _columns(path: Path) -> tuple["pa.Array", "pa.Array"]:
    import pyarrow as pa
    from pyarrow import csv

    try:
        with pa.input_stream(path) as file:
            head = file.read(1 << 16).decode("utf-8-sig", errors="replace").splitlines()
        names, has_header = columns_of(head[0] if head else "", path)
        width = len(names)
        table = csv.read_csv(
            path,
            csv.ReadOptions(column_names=[str(place) for place in range(width)], skip_rows=int(has_header)),
            convert_options=csv.ConvertOptions(
                column_types={str(place): pa.string() for place in range(width)},
                include_columns=[str(names.index("timestamp")), str(names.index("value"))],
            ),
        )
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror or error}") from error
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise BadInput(f"{path} has no rows. {WANTED}.") from error
        raise UnreadableFile(f"{path} is not CSV that can be read: {error}. {WANTED}.") from error
    timestamp, value = (column.combine_chunks() for column in table.columns)
    return timestamp, value


def columns_of(header: str, path: Path | str) -> tuple[list[str], bool]:
    """What each column is called, `timestamp` and `value` by these names, and whether the first line says so; without
    a header two columns are taken in that order."""
    import csv

    found = [name.strip() for name in next(csv.reader([header]), [])]
    lower = [name.lower() for name in found]
    time = next((name for name in TIMES if lower.count(name) == 1), None)
    value = next((name for name in VALUES if lower.count(name) == 1), None)
    if time and not value and len(found) == 2:
        value = lower[1 - lower.index(time)]
    if time and value:
        known = {time: "timestamp", value: "value"}
        return [known.get(name, f"other {place}") for place, name in enumerate(lower)], True
    if len(found) == 2 and _is_number(found[1]) and any(letter.isdigit() for letter in found[0]):
        return ["timestamp", "value"], False
    said = f"the columns {', '.join(map(repr, found))}" if any(found) else "no columns"
    raise BadInput(f"{path} has {said}. {WANTED}; rename yours, or keep only those two.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text.strip().lower() in ABSENT
    return True


def values_of(texts: "pa.Array") -> Numbers:
    """Numbers of texts; NaN for what says that there is none, and for the infinite."""
    import pyarrow as pa
    from pyarrow import compute

    trimmed = compute.utf8_trim_whitespace(texts)
    absent = compute.is_in(compute.utf8_lower(trimmed), value_set=pa.array(ABSENT))
    try:
        numbers = compute.if_else(absent, None, trimmed).cast(pa.float64())
    except pa.ArrowInvalid as error:
        for row, text in enumerate(trimmed.to_pylist()):
            if not _is_number(text):
                raise BadInput(f"Row {row + 1}: {text!r} is not a number. A value looks like 12.5 or -3e4.") from error
        raise BadInput(f"A value is not a number: {error}.") from error
    values = numbers.to_numpy(zero_copy_only=False).astype(float)
    return np.asarray(np.where(np.isfinite(values), values, np.nan))


def seconds_of(texts: "pa.Array") -> Numbers:
    """Seconds since 1970 in UTC of texts: ISO 8601, numbers, or one of `OTHER_FORMATS` if no other fits as well."""
    import pandas as pd
    from pyarrow import compute

    trimmed = compute.utf8_trim_whitespace(texts)

    def all_are(pattern: str) -> bool:
        return bool(compute.all(compute.match_substring_regex(trimmed, pattern)).as_py())

    if all_are(NUMBER) and not all_are(COMPACT_DATE):
        return _seconds_of_numbers(trimmed)
    column = pd.Series(trimmed.to_pandas())
    times = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
    if times.isna().any():
        times = _in_another_format(column, int(times.isna().to_numpy().argmax()))
    return np.asarray(times.dt.as_unit("us").astype("int64").to_numpy() / 1e6)


def _seconds_of_numbers(texts: "pa.Array") -> Numbers:
    import pyarrow as pa

    numbers = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
    largest = float(np.median(np.abs(numbers)))
    unit = next((unit for below, unit in EPOCH_UNITS if largest < below), None)
    far = ~(np.abs(numbers) < EPOCH_UNITS[0][0] * (unit or 1.0))
    if unit is None or far.any():
        row = int(far.argmax())
        raise BadInput(f"Row {row + 1}: {texts[row].as_py()!r} is no time. A number counts seconds since 1970, as all.")
    return np.asarray(numbers / unit)


def _in_another_format(texts: Any, unread: int) -> Any:
    import pandas as pd

    first = texts.head(1000)
    fits = {}
    for form in OTHER_FORMATS:
        if not pd.to_datetime(first, format=form, errors="coerce").isna().any():
            times = pd.to_datetime(texts, format=form, utc=True, errors="coerce")
            if not times.isna().any():
                fits[form] = times
    if len(fits) == 1:
        return next(iter(fits.values()))
    if fits:
        raise BadInput(
            f"Timestamps like {texts[0]!r} may mean {' or '.join(fits)}. Write 2014-04-01 00:05:00, which is UTC."
        )
    raise BadInput(
        f"Row {unread + 1}: {texts[unread]!r} is no timestamp. Write 2014-04-01 00:05:00 (UTC), "
        "2014-04-01T00:05:00+02:00, or seconds since 1970."
    )
