"""A claim about the order of arrival: whenever signals are kept and alerts are raised, the same incidents result.

In a real PostgreSQL, by the platform's own doors for windows and alerts, with a correlation after each batch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.baselines.calendar import calendar_of
from noc_platform.correlation.alerts.intake import take_in
from noc_platform.correlation.incidents import correlate
from noc_platform.settings import AlertPolicy, CorrelationPolicy, Settings
from noc_platform.store.copying import copy_in
from noc_platform.store.embedded import leave_embedded
from noc_platform.store.schema import prepare
from noc_platform.store.sessions import Database, Server
from noc_platform.streams.catalogue import ALERTS
from noc_platform.telemetry.vocabulary import Window
from noc_platform.telemetry.windows import SignalWindow, keep
from noc_platform_tests.scoreboard.claims import Claim, exactly
from noc_platform_tests.scoreboard.story_truth import StoryTruth

NAME = "incidents after shuffled arrival"
ORDERS = range(100)
MOST_BATCHES = 5
# Less than correlation remembers, so that nothing is too late to be taken on.
LENGTH = timedelta(hours=24)
Arrival = SignalWindow | dict[str, Any]
Incident = tuple[Any, ...]


def claim(so: StoryTruth, orders: Sequence[int] = ORDERS) -> Claim:
    """The claim, over `orders`, which are seeds."""
    with empty() as database:
        return arrived(so, database, orders)


def arrived(so: StoryTruth, database: Database, orders: Sequence[int]) -> Claim:
    """The claim, in a database that holds nothing of it; it will not afterwards either."""
    arrivals, as_of = some_of(so)
    expected = incidents_of(database, [arrivals], as_of)
    agreeing = sum(incidents_of(database, batches(arrivals, seed), as_of) == expected for seed in orders)
    return exactly(
        NAME, f"{len(arrivals)} windows and alerts in any order and in up to {MOST_BATCHES} batches, correlated after "
        f"each, end in the same {len(expected)} incidents: members, score, severity, type and people.",
        agreeing, len(orders),
    )  # fmt: skip


@contextmanager
def empty() -> Iterator[Database]:
    """A database of its own with nothing in it, which is gone afterwards."""
    with TemporaryDirectory(prefix="noc-stories-") as folder:
        settings = Settings(home=Path(folder), database_url=None, lake_url=None)
        server = Server.of(settings)
        prepare(server)
        try:
            yield server.pipeline
        finally:
            server.pipeline.engine.dispose()
            server.api.engine.dispose()
            leave_embedded(settings.absolute_home)


def some_of(so: StoryTruth) -> tuple[list[Arrival], datetime]:
    """What happens to all tenants in the middle of the world's days, and the end of that."""
    moments = so.evidence.replay.moments
    since = moments[0] + (moments[-1] - moments[0] - LENGTH) / 2
    until = since + LENGTH
    raised = so.alerts[so.alerts.occurred_at.between(since, until, inclusive="left")]
    names = {"event_id", *(column.name for column in ALERTS.columns)} & set(raised.columns)
    rows = raised[sorted(names)].assign(received_at=raised.occurred_at)
    windows = [each for each in so.collected if since <= each.window_end < until]
    return [*windows, *rows.astype(object).where(rows.notna(), None).to_dict("records")], until


def batches(arrivals: Sequence[Arrival], seed: int) -> list[list[Arrival]]:
    """The same in another order, in some batches."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(arrivals))
    cuts = np.sort(rng.integers(0, len(arrivals), int(rng.integers(1, MOST_BATCHES))))
    return [[arrivals[place] for place in part] for part in np.split(order, cuts)]


def incidents_of(database: Database, arriving: Sequence[Sequence[Arrival]], as_of: datetime) -> frozenset[Incident]:
    """What incidents there are once batches have arrived one by one; then nothing of it is left."""
    with database.transaction() as connection:
        for batch in arriving:
            keep(connection, [each for each in batch if isinstance(each, SignalWindow)])
            _raise(connection, [each for each in batch if not isinstance(each, SignalWindow)])
            take_in(connection, AlertPolicy(), calendar_of([], [], Window.before(as_of)), as_of)
            correlate(connection, CorrelationPolicy(), as_of)
        found = frozenset(tuple(row) for row in connection.execute(text(_INCIDENTS)))
        connection.rollback()
    return found


def _raise(connection: Connection, rows: list[dict[str, Any]]) -> None:
    if rows:
        copy_in(connection, ALERTS.table, pa.Table.from_pylist(rows))


_INCIDENTS = """
    select i.tenant_id, i.correlation_score, i.combined_severity, i.correlation_type, i.person_id, i.people_count,
           (select string_agg(s.person_id || ' ' || s.window_end, ', ' order by s.person_id, s.window_end)
            from noc_incident_signal s where s.incident_id = i.incident_id),
           (select string_agg(a.event_id::text, ', ' order by a.event_id)
            from noc_incident_alert a where a.incident_id = i.incident_id)
    from noc_correlated_incident i where i.merged_into is null
"""
