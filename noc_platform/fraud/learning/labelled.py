"""Any labelled table as examples: which column is what, read from CSV or Parquet.

Measures stay numbers, words become places in a list of words, and what cannot teach is left out with a reason.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from noc_platform.errors import BadInput, UnreadableFile
from noc_platform.fraud.learning.examples import Examples, Numbers, Unfit

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS, MOST_WORDS = 5_000_000, 1_000_000
# A column of words of which more than half are different names its rows instead of describing them.
NAMES_ITS_ROWS = 0.5
YES = {"1", "1.0", "true", "t", "yes", "y"}
NO = {"0", "0.0", "false", "f", "no", "n"}
SHOWN = 5


@dataclass(frozen=True)
class Labelled:
    """Examples, the columns left out with why, and what else should be known of how the table was read."""

    examples: Examples
    left_out: dict[str, str]
    notes: list[str]


@dataclass
class _Columns:
    """The columns of the matrix as they are found."""

    values: list[Numbers] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def labelled(path: Path, label: str, time: str | None = None, group: str | None = None) -> Labelled:
    """The examples of a table. Rows without a label, or without a time where one is asked for, are left out.

    Raises `UnreadableFile`, and `BadInput` for columns that are not there, a label with more than two values, times
    that cannot be read, and a table that is empty or too large.
    """
    table = read_table(path)
    given = {"--label": label, "--time": time, "--group": group}
    asked = {option: name for option, name in given.items() if name is not None}
    if absent := [f"{option} {name}" for option, name in asked.items() if name not in table.columns]:
        raise BadInput(f"{path} has no column for {', '.join(absent)}; it has {_some(table.columns)}.")
    if len(set(asked.values())) < len(asked):
        raise BadInput("Label, time and group are different columns.")
    notes = []
    is_known = table[list({label} | ({time} if time else set()))].notna().all(axis=1)
    if unknown := int((~is_known).sum()):
        notes.append(f"{unknown:,} rows without a label or a time are left out.")
        table = table[is_known]
    if not len(table):
        raise BadInput(f"{path} has no labelled rows.")
    labels, said = _labels(table[label])
    moments = _moments(table[time], time) if time else None
    groups = _words(table[group]) if group else None
    columns = _columns(table.drop(columns=list(asked.values())))
    if not columns.values:
        raise Unfit(f"No column is left to learn from: {_reasons(columns.left_out) or 'there is only the label'}.")
    examples = Examples(
        np.column_stack(columns.values), tuple(columns.names), labels, moments, groups, categories=columns.words
    )
    return Labelled(examples, columns.left_out, notes + said)


def read_table(path: Path) -> "pd.DataFrame":
    """The table in a file ending in .csv, .csv.gz, .tsv or .parquet. Raises `UnreadableFile`."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UnreadableFile(f"There is no file {path}.")
    endings = {ending.lower() for ending in path.suffixes}
    try:
        if endings & {".parquet", ".pq"}:
            table: pd.DataFrame = pq.read_table(path).to_pandas()
        elif endings & {".csv", ".tsv", ".txt"}:
            table = pd.read_csv(path, sep="\t" if ".tsv" in endings else ",", low_memory=False)
        else:
            raise UnreadableFile(f"{path} is neither CSV nor Parquet by its name: end it in .csv, .csv.gz or .parquet.")
    except (pa.ArrowException, ValueError, OSError, EOFError) as error:
        raise UnreadableFile(f"{path} cannot be read: {error}") from error
    if len(table) > MOST_ROWS:
        raise BadInput(f"{path} has {len(table):,} rows, and {MOST_ROWS:,} are the most: take a sample.")
    table.columns = [str(name) for name in table.columns]
    if len(set(table.columns)) < len(table.columns):
        raise BadInput(f"{path} has columns of the same name: {_some(table.columns[table.columns.duplicated()])}.")
    return table


def _labels(column: "pd.Series[Any]") -> tuple[Numbers, list[str]]:
    words = _words(column)
    folded = np.array([word.strip().lower() for word in words])
    kinds, counts = np.unique(folded, return_counts=True)
    if set(kinds) <= YES | NO:
        return np.isin(folded, list(YES)), []
    if len(kinds) > 2:
        raise BadInput(f"Column {column.name} has {len(kinds):,} values, and a label has two: {_some(kinds)}.")
    if len(kinds) == 1:
        raise Unfit(f"All rows are labelled {kinds[0]}: both kinds are needed.")
    rarer = kinds[int(np.argmin(counts))]
    return folded == rarer, [f"{column.name} = {rarer} is taken for fraud, as it is the rarer of the two values."]


def _moments(column: "pd.Series[Any]", name: str) -> Numbers:
    """Instants in order, UTC where no zone is given; numbers as their rank, which is all a split needs."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce") if not pd.api.types.is_datetime64_any_dtype(column) else None
    if numbers is not None and numbers.notna().all():
        return np.asarray(numbers.rank(method="dense")).astype(np.int64).astype("datetime64[us]")
    instants = pd.to_datetime(column, utc=True, errors="coerce", format=None if numbers is None else "mixed")
    if instants.isna().any():
        wrong = column[instants.isna()]
        raise BadInput(
            f"{len(wrong):,} values of {name} are neither instants nor numbers, such as {str(wrong.iloc[0])!r}; write"
            " 2026-03-24T12:00:00+00:00, or leave --time out."
        )
    return instants.dt.tz_localize(None).to_numpy("datetime64[us]")


def _columns(table: "pd.DataFrame") -> _Columns:
    columns = _Columns()
    for name in table.columns:
        reason = _take(columns, name, table[name])
        if reason:
            columns.left_out[name] = reason
    return columns


def _take(columns: _Columns, name: str, column: "pd.Series[Any]") -> str | None:
    """Adds a column to the matrix, or says why not."""
    import pandas as pd

    if column.isna().all():
        return "known of no event"
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return "a time, which is no measure; name it with --time"
    numbers = _numbers(column)
    if numbers is not None:
        if name.lower().endswith("id") and column.nunique() == len(column):
            return "a different one in every row"
        columns.values.append(numbers)
        columns.names.append(name)
        return None
    return _take_words(columns, name, column)


def _take_words(columns: _Columns, name: str, column: "pd.Series[Any]") -> str | None:
    import pandas as pd

    codes, words = pd.factorize(_words(column), sort=True)
    is_known = column.notna().to_numpy()
    if len(words) > MOST_WORDS:
        raise BadInput(f"Column {name} has {len(words):,} different values, and {MOST_WORDS:,} are the most: drop it.")
    if len(words) > 2 and len(words) > NAMES_ITS_ROWS * is_known.sum():
        return "a different word in most rows"
    columns.words[name] = tuple(str(word) for word in words)
    columns.values.append(np.where(is_known, codes, np.nan))
    columns.names.append(name)
    return None


def _numbers(column: "pd.Series[Any]") -> Numbers | None:
    """The column as numbers, NaN for unknown and infinite; None if it holds words."""
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    if bool((numbers.isna() & column.notna()).any()):
        return None
    values = np.array(numbers.astype("float64").to_numpy(dtype=np.float64, na_value=np.nan))
    values[~np.isfinite(values)] = np.nan
    return values


def _words(column: "pd.Series[Any]") -> Numbers:
    return np.array(["" if is_unknown else str(word) for word, is_unknown in zip(column, column.isna(), strict=True)])


def _some(words: Any) -> str:
    shown = [str(word) for word in words]
    return ", ".join(shown[:SHOWN]) + (f" and {len(shown) - SHOWN:,} more" if len(shown) > SHOWN else "")


def _reasons(left_out: dict[str, str]) -> str:
    return ", ".join(f"{name} ({why})" for name, why in left_out.items())
