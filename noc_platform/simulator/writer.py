"""A world as plain files: `<stream>.parquet` for what stands, `<stream>/<stream>-<day>.parquet` for what happens.

A file's day is the roster day its shifts began on, site-local; nights run into the next date. What was really so lies
beside them under `truth/` (see `truth`), always as Parquet.
The manifest is written last, so that a world that was interrupted never looks whole.
"""

import os
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

import pyarrow as pa

from noc_platform.errors import BadInput
from noc_platform.simulator import truth
from noc_platform.simulator.behaviour import day_of
from noc_platform.simulator.formats import write_csv, write_ndjson, write_parquet, write_table
from noc_platform.simulator.frames import Frame, arrow_table
from noc_platform.simulator.manifest import MANIFEST, Manifest, WrittenFile, digest_of
from noc_platform.simulator.planted.campaigns import outages_beginning
from noc_platform.simulator.planted.causes import Planted
from noc_platform.simulator.population import build_world
from noc_platform.simulator.reference import reference_frames
from noc_platform.simulator.world import World, WorldPlan
from noc_platform.streams.catalogue import STREAMS
from noc_platform.streams.declaration import Stream

TRUTH = "truth/"


class FileFormat(StrEnum):
    """How the files of a world are written. The text formats say "NA" and the like for what is not known."""

    PARQUET = "parquet"
    CSV = "csv"
    NDJSON = "ndjson"


WRITERS: dict[FileFormat, Callable[[pa.Table, Stream, Path], None]] = {
    FileFormat.PARQUET: write_parquet,
    FileFormat.CSV: write_csv,
    FileFormat.NDJSON: write_ndjson,
}


def write_world(
    plan: WorldPlan,
    folder: Path,
    file_format: FileFormat = FileFormat.PARQUET,
    on_day: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Write the world of a plan into an empty folder, a day at a time; `on_day` hears how many days were just written.

    The same plan and format give the same bytes. Raises `BadInput` when the folder is not empty or cannot be written.
    """
    _claim(folder)
    try:
        written = list(_write_all(build_world(plan), folder, file_format, on_day))
        order = list(STREAMS)
        files = [file for file in written if not file.path.startswith(TRUTH)]
        files.sort(key=lambda file: (order.index(file.stream), file.path))
        known = sorted((file for file in written if file.path.startswith(TRUTH)), key=lambda file: file.path)
        manifest = Manifest(plan, file_format, tuple(files), tuple(known))
        _write_whole(folder / MANIFEST, manifest.text())
    except OSError as error:
        reason = error.strerror or error
        raise BadInput(
            f"The world could not be written to {folder}: {reason}. "
            "What is there is not whole; clear it, or choose another folder."
        ) from error
    return manifest


def _claim(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = next(folder.iterdir(), None) is None
    except OSError as error:
        raise BadInput(
            f"{folder} cannot be a folder for a world: {error.strerror or error}. Choose another."
        ) from error
    if not is_empty:
        raise BadInput(f"{folder} is not empty; give an empty or a new folder, so that nothing is mixed up or lost.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"{folder} cannot be written to; change its permissions or choose another.")


def _write_all(
    world: World, folder: Path, file_format: FileFormat, on_day: Callable[[int], None]
) -> Iterator[WrittenFile]:
    for name, frame in reference_frames(world).items():
        yield _write(frame, STREAMS[name], folder, f"{name}.{file_format}", file_format)
    planted: list[Planted] = []
    for number in range(world.plan.days):
        day, on = day_of(world, number), world.plan.day(number)
        for name, frame in day.frames.items():
            yield _write(frame, STREAMS[name], folder, f"{name}/{name}-{on}.{file_format}", file_format)
        planted += [*day.conduct.episodes.planted, *(begun.planted for begun in outages_beginning(world, number))]
        tables = {
            "presence": truth.presence(world, day.conduct),
            "activity": truth.activity(world, day),
            "attendances": truth.attendances(world, day),
            "alert_causes": truth.alert_causes(day),
        }
        for name, table in tables.items():
            yield _write_truth(table, name, folder, f"{TRUTH}{name}/{name}-{on}.parquet")
        on_day(1)
    yield _write_truth(truth.causes(world, truth.merged(planted)), "causes", folder, f"{TRUTH}causes.parquet")
    yield _write_truth(truth.closed_days(world), "closed_days", folder, f"{TRUTH}closed_days.parquet")


def _write_truth(table: pa.Table, name: str, folder: Path, path: str) -> WrittenFile:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    write_table(table, target)
    return WrittenFile(path, name, table.num_rows, digest_of(target))


def _write(frame: Frame, stream: Stream, folder: Path, path: str, file_format: FileFormat) -> WrittenFile:
    target = folder / path
    target.parent.mkdir(exist_ok=True)
    WRITERS[file_format](arrow_table(frame, stream), stream, target)
    return WrittenFile(path, stream.name, len(frame), digest_of(target))


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)
