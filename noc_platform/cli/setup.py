"""`noc setup` and `noc sample`: a platform that is ready, and one that has something to show."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import track

from noc_platform.cli.installation import Installation


def setup() -> None:
    """Start PostgreSQL if it is ours to start, create databases and roles, and migrate. Safe to run again."""
    here = Installation.open()
    typer.echo(f"Ready: {here.server.url.render_as_string(hide_password=True)}")


def sample() -> None:
    """Make the sample world under NOC_HOME/sample and ingest it. Safe to run again."""
    from noc_platform.lake.archive import identities
    from noc_platform.lake.layout import Lake
    from noc_platform.simulator.manifest import MANIFEST, read_manifest
    from noc_platform.simulator.world import WorldPlan
    from noc_platform.simulator.writer import write_world
    from noc_platform.streams.catalogue import STREAMS
    from noc_platform.streams.door import Receipt
    from noc_platform.streams.intake import ingest_file

    here = Installation.open()
    folder = here.settings.absolute_home / "sample"
    if not (folder / MANIFEST).exists():
        _empty(folder)
        write_world(WorldPlan(guards=40, sites=6, days=8, seed=7, random_review=0.1), folder)
    files = [(STREAMS[file.stream], folder / file.path) for file in read_manifest(folder).files]
    history = partial(identities, Lake(here.settings.lake))
    total = Receipt()
    for stream, path in track(files, description="Ingesting the sample", console=Console(stderr=True), transient=True):
        now = datetime.now(UTC)
        done = ingest_file(here.server.pipeline, stream, path, None, here.settings.door_policy, now, history=history)
        total += Receipt(done.read, done.accepted, done.duplicate, done.quarantined)
    typer.echo(
        f"Sample: {total.read:,} rows read, {total.accepted:,} accepted, {total.duplicate:,} known already, "
        f"{total.quarantined:,} quarantined."
    )


def _empty(folder: Path) -> None:
    """Clear what a killed run left: without its manifest a world is not whole."""
    for path in sorted(folder.glob("**/*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
