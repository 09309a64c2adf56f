"""The page about a world is whole, and the world it shows has the rhythm of a guarding operation."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from noc_platform.simulator.world import WorldPlan
from noc_platform.streams.catalogue import STREAMS
from noc_platform_tests.scoreboard.worlds import written
from noc_platform_tests.world_page import operation, phones, wrongs
from noc_platform_tests.world_page.page import COMMAND, build
from noc_platform_tests.world_page.scene import Scene

PLAN = WorldPlan(guards=12, sites=5, days=7, seed=3, planted=4.0)
LARGEST_PICTURE_BYTES = 120_000


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    build(PLAN, folder)
    return folder


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with written(PLAN) as world:
        yield Scene(world)


def test_the_page_names_every_stream_and_how_to_make_it_again(docs: Path) -> None:
    page = (docs / "world.md").read_text()
    assert COMMAND in page
    for name in STREAMS:
        assert f"| {name} |" in page
    assert not re.search(r"\bnan\b", page)


def test_every_picture_is_there_and_light(docs: Path) -> None:
    linked = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (docs / "world.md").read_text())
    assert {docs / file for file in linked} == set((docs / "images").iterdir())
    assert all(1_000 < (docs / file).stat().st_size < LARGEST_PICTURE_BYTES for file in linked)


def test_offices_are_busy_by_day_and_night_only_sites_by_night(scene: Scene) -> None:
    weeks = operation.usual_week(scene.device_events, scene.sites, scene.special_days, scene.days)
    hour, weekday = np.arange(168) % 24, np.arange(168) // 24
    is_work = (weekday < 5) & (hour >= 7) & (hour < 19)
    is_night = (hour >= 20) | (hour < 7)
    assert weeks["office"][is_work].mean() > 2 * weeks["office"][~is_work].mean()
    assert weeks["night-only"][is_night].sum() > 0.9 * weeks["night-only"].sum()


def test_fixes_are_as_sure_as_phones_are(scene: Scene) -> None:
    for meters in phones.accuracies(scene.fixes, scene.sites).values():
        assert 5 < np.median(meters) < 15
        assert np.mean(meters > 100) < 0.05


def test_ghosts_scan_faster_than_anybody_walks(scene: Scene) -> None:
    gaps = wrongs.scan_gaps(scene.jobneeds, scene.causes)
    assert len(gaps.ghostly)
    assert np.median(gaps.ghostly) < 15 < np.median(gaps.walked)
