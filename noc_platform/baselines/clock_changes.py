"""Hours right after a change of clocks, in which who came before it goes on as if it had not been."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# The longest shift: who began before the change has gone home by then.
LASTS_HOURS = 12
WEEK_HOURS, HOUR_MICROSECONDS = 168, 3_600_000_000
# Monday 00:00 UTC is hour 0; 1970 began on a Thursday.
EPOCH_HOUR_OF_WEEK = 72


def by_the_clock_before(hours: pa.Table) -> pa.Table:
    """Rows of site signals in the twelve hours after their site's clock was changed, with the hour of the week that
    the clock before would have shown. Rounds and tasks follow from when a shift began: until it ends they come an
    hour early or late by the new clock, and are as usual by the old one."""
    known = hours.filter(pc.is_valid(hours["hour_of_week"]))
    known = known.sort_by([(name, "ascending") for name in ("tenant_id", "site_id", "bucket")])
    if known.num_rows < 2:
        return known.slice(0, 0)
    utc = _whole(pc.cast(known["bucket"], pa.int64())) // HOUR_MICROSECONDS
    ahead = (_whole(known["hour_of_week"]) - utc - EPOCH_HOUR_OF_WEEK) % WEEK_HOURS
    site = pc.binary_join_element_wise(known["tenant_id"], known["site_id"], "/").combine_chunks().dictionary_encode()
    place = _whole(site.indices)
    changes = 1 + np.flatnonzero((np.diff(ahead) != 0) & (np.diff(place) == 0))
    last = np.searchsorted(changes, np.arange(known.num_rows), side="right") - 1
    is_after = last >= 0
    at = changes[np.maximum(last, 0)] if len(changes) else np.zeros(known.num_rows, np.int64)
    is_after &= (place[at] == place) & (utc - utc[at] < LASTS_HOURS)
    rows = np.flatnonzero(is_after)
    earlier = (utc[rows] + EPOCH_HOUR_OF_WEEK + ahead[at[rows] - 1]) % WEEK_HOURS
    column = known.column_names.index("hour_of_week")
    kind = known.schema.field("hour_of_week").type
    return known.take(pa.array(rows)).set_column(column, "hour_of_week", pa.array(earlier).cast(kind))


def _whole(column: Any) -> Any:
    return np.asarray(pc.cast(column, pa.int64()).to_numpy(), np.int64)
