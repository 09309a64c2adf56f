"""The fixed worlds the scoreboard is measured on, and the platform that has taken one in."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from noc_platform.lake.archive import archive, days_present, identities
from noc_platform.lake.engines import duckdb_engine
from noc_platform.lake.layout import Lake
from noc_platform.settings import Settings
from noc_platform.simulator.manifest import Manifest, WrittenFile
from noc_platform.simulator.world import WorldPlan
from noc_platform.simulator.writer import write_world
from noc_platform.store.embedded import leave_embedded
from noc_platform.store.schema import prepare
from noc_platform.store.sessions import Server
from noc_platform.streams.catalogue import EVENT_STREAMS, STREAMS
from noc_platform.streams.door import Receipt
from noc_platform.streams.intake import ingest_file
from noc_platform.telemetry.products import hourly_person_signals, hourly_site_signals
from noc_platform.telemetry.queries import all_sources
from noc_platform.telemetry.signals import Grain, instant, person_signals
from noc_platform.telemetry.vocabulary import Window

# Two weeks over the Sunday on which Europe's clocks change; three times what usually goes wrong.
OPERATION = WorldPlan(guards=100, sites=12, days=14, seed=2026, planted=3.0)
# A week of several tenants with four times what usually goes wrong, for what befalls sites and feeds seldom.
SILENCE = WorldPlan(guards=240, sites=40, days=7, seed=11, tenants=4, planted=4.0)
# Small enough to take in several times.
ARRIVALS = WorldPlan(guards=16, sites=6, days=5, seed=7, planted=2.0)
LATER = datetime(2026, 11, 1, tzinfo=UTC)
Order = Callable[[Sequence[WrittenFile]], list[WrittenFile]]


@dataclass(frozen=True)
class Written:
    """A world on disk with its truth."""

    folder: Path
    manifest: Manifest

    def truth(self, name: str) -> Any:
        """A table of the truth as a frame."""
        paths = [self.folder / file.path for file in self.manifest.truth if file.stream == name]
        return pd.concat([pq.read_table(path).to_pandas() for path in paths], ignore_index=True)

    def stream(self, name: str) -> pa.Table:
        """All rows of a stream as they were sent."""
        paths = [self.folder / file.path for file in self.manifest.files if file.stream == name]
        return pa.concat_tables([pq.read_table(path) for path in paths])


@dataclass(frozen=True)
class Platform:
    """A platform of its own that has taken a world in."""

    settings: Settings
    server: Server
    lake: Lake
    receipt: Receipt

    def days(self) -> list[date]:
        """UTC days anything was received for."""
        with self.server.pipeline.transaction() as connection:
            return days_present(connection)

    def people(self, known_at: datetime | None = None, until: date | None = None) -> pa.Table:
        """Signals by person and hour over all days, or those until one, as known now or at an earlier moment."""
        days = [day for day in self.days() if until is None or day <= until]
        window = Window.of_days(days[0], days[-1])
        with self.server.pipeline.transaction() as connection:
            engine = duckdb_engine(self.lake, connection, days)
            return hourly_person_signals(engine, window, self.settings.movement_policy, known_at)

    def windows(self, ends: list[datetime], minutes: int) -> dict[datetime, Any]:
        """Signals of everybody over the window before each of these instants."""
        found = {}
        for end in ends:
            window = Window.before(end, minutes)
            with self.server.pipeline.transaction() as connection:
                engine = duckdb_engine(self.lake, connection, window.days)
                grain = Grain.whole(instant(window.start), instant(window.end))
                signals = person_signals(all_sources(), grain, self.settings.movement_policy)
                found[end] = engine.to_pyarrow(signals).to_pandas()
        return found

    def sites(self, people: pa.Table) -> pa.Table:
        """Signals by site and hour out of those of people."""
        return hourly_site_signals(people)


def as_written(files: Sequence[WrittenFile]) -> list[WrittenFile]:
    """Stream by stream, day by day."""
    return list(files)


def shuffled(seed: int) -> Order:
    """Events and rosters in any order; what they refer to comes first, as the door would refuse them otherwise."""

    def order(files: Sequence[WrittenFile]) -> list[WrittenFile]:
        standing = [file for file in files if "/" not in file.path]
        moving = [file for file in files if "/" in file.path]
        return [*standing, *(moving[place] for place in np.random.default_rng(seed).permutation(len(moving)))]

    return order


@contextmanager
def written(plan: WorldPlan) -> Iterator[Written]:
    """The world of a plan in a folder of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="noc-world-") as folder:
        yield Written(Path(folder), write_world(plan, Path(folder)))


@contextmanager
def platform(world: Written, order: Order = as_written, known_at: datetime | None = None) -> Iterator[Platform]:
    """A platform that has taken a world in, in this order; with `known_at`, only what had been received by then."""
    with tempfile.TemporaryDirectory(prefix="noc-score-") as folder:
        settings = Settings(home=Path(folder) / "home", database_url=None, lake_url=None)
        server = Server.of(settings)
        prepare(server)
        lake = Lake(settings.lake)
        try:
            receipt = _take_in(settings, server, lake, world, order, known_at)
            yield Platform(settings, server, lake, receipt)
        finally:
            server.pipeline.engine.dispose()
            server.api.engine.dispose()
            leave_embedded(settings.absolute_home)


def _take_in(
    settings: Settings, server: Server, lake: Lake, world: Written, order: Order, known_at: datetime | None
) -> Receipt:
    total = Receipt()
    for file in order(world.manifest.files):
        path = world.folder / file.path
        if known_at is not None:
            path = _known_by(path, known_at, settings.absolute_home)
        done = ingest_file(
            server.pipeline, STREAMS[file.stream], path, None, settings.door_policy, LATER,
            history=partial(identities, lake),
        )  # fmt: skip
        total += Receipt(done.read, done.accepted, done.duplicate, done.quarantined)
    with server.pipeline.transaction() as connection:
        days = days_present(connection)
        for stream in EVENT_STREAMS:
            archive(connection, lake, stream, days)
    return total


def _known_by(path: Path, known_at: datetime, folder: Path) -> Path:
    """The file as it would have been had it been sent at that moment."""
    rows = pq.read_table(path)
    earlier = folder / "earlier" / path.name
    earlier.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows.filter(pc.less_equal(rows["received_at"], pa.scalar(known_at))), earlier)
    return earlier


def moments_of(plan: WorldPlan, count: int) -> list[datetime]:
    """Full hours spread over the days of a world."""
    start = datetime.combine(plan.first_day, datetime.min.time(), UTC)
    step = plan.days * 24 // (count + 1)
    return [start + timedelta(hours=step * (nth + 1)) for nth in range(count)]
