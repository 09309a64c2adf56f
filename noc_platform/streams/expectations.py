"""Great Expectations suites made from declarations, and what they found in plain words.

Great Expectations takes seconds to import: it is imported inside the functions that use it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from noc_platform.streams.declaration import Column, Kind, Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

MOST_CHECKED_ROWS = 200_000


@dataclass(frozen=True)
class Verdict:
    """What a suite found: `failures` names each expectation that did not hold, with an example."""

    checked_rows: int
    expectations: int
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything held."""
        return not self.failures


def expectations_of(stream: Stream) -> list[Any]:
    """Presence, range, vocabulary and identity of every column of a stream, as its declaration has them."""
    from great_expectations import expectations as gxe

    found: list[Any] = [gxe.ExpectTableColumnsToMatchSet(column_set=list(stream.names), exact_match=True)]
    for column in stream.columns:
        found += _of_column(column)
    if not stream.is_reference:
        found.append(gxe.ExpectCompoundColumnsToBeUnique(column_list=list(stream.key)))
    return found


def validate(rows: "pa.Table", expectations: "Sequence[Any]", name: str) -> Verdict:
    """Hold rows against expectations. Of more than `MOST_CHECKED_ROWS` every n-th is looked at."""
    import great_expectations as gx
    import pyarrow as pa

    stride = -(-rows.num_rows // MOST_CHECKED_ROWS) or 1
    looked_at = rows.take(pa.array(range(0, rows.num_rows, stride), pa.int64())) if stride > 1 else rows
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    batches = (
        context.data_sources.add_pandas("rows").add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
    )
    batch = batches.get_batch(batch_parameters={"dataframe": looked_at.to_pandas()})
    result = batch.validate(gx.ExpectationSuite(name=name, expectations=list(expectations)))
    failures = tuple(_described(item) for item in result.results if not item.success)
    return Verdict(looked_at.num_rows, len(expectations), failures)


def _of_column(column: Column) -> list[Any]:
    from great_expectations import expectations as gxe

    found: list[Any] = []
    if column.required:
        found.append(gxe.ExpectColumnValuesToNotBeNull(column=column.name))
    if column.allowed:
        found.append(gxe.ExpectColumnValuesToBeInSet(column=column.name, value_set=list(column.allowed)))
    if column.minimum is not None or column.maximum is not None:
        found.append(
            gxe.ExpectColumnValuesToBeBetween(column=column.name, min_value=column.minimum, max_value=column.maximum)
        )
    if column.kind is Kind.TEXT and not column.allowed:
        found.append(gxe.ExpectColumnValueLengthsToBeBetween(column=column.name, max_value=column.longest))
    return found


def _described(item: Any) -> str:
    settings = item.expectation_config.kwargs
    where = settings.get("column") or ", ".join(settings.get("column_list", [])) or "the columns"
    examples = item.result.get("partial_unexpected_list") or item.result.get("observed_value") or item.exception_info
    return f"{item.expectation_config.type} on {where}: {str(examples)[:200]}"
