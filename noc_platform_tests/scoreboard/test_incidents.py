"""The rows of incidents can fail, and beat what is simpler; the order of arrival changes none of them."""

from collections.abc import Iterator

import numpy as np
import pytest

from noc_platform.simulator.world import WorldPlan
from noc_platform.store.sessions import Database
from noc_platform_tests.scoreboard import silence
from noc_platform_tests.scoreboard.incidents import FOUND, RIGHTLY, ROWS, Stories, found, joined
from noc_platform_tests.scoreboard.planted_bugs import STORY_BUGS
from noc_platform_tests.scoreboard.story_arrivals import arrived
from noc_platform_tests.scoreboard.story_truth import StoryTruth
from noc_platform_tests.scoreboard.worlds import written

PLAN = WorldPlan(guards=60, sites=10, days=2, seed=11, planted=8.0)


@pytest.fixture(scope="module")
def so() -> Iterator[StoryTruth]:
    with written(PLAN) as world:
        yield StoryTruth(silence.Evidence.of(world))


@pytest.fixture(scope="module")
def sound(so: StoryTruth) -> Stories:
    return Stories(so)


@pytest.mark.parametrize("name", STORY_BUGS)
def test_a_planted_bug_in_correlation_moves_its_row(so: StoryTruth, sound: Stories, name: str) -> None:
    bug, row = STORY_BUGS[name]
    before = ROWS[row](row, sound)
    with bug():
        after = ROWS[row](row, Stories(so))
    assert after.value < before.low, f"{before.value} became {after.value}"


def test_no_simpler_way_is_as_right_and_finds_as_much(sound: Stories) -> None:
    right, all_found = (ROWS[name](name, sound) for name in (RIGHTLY, FOUND))
    for way in sound.simpler:
        assert right.baselines[way] < right.low or all_found.baselines[way] < all_found.low, way


def test_what_is_truly_together_is_wholly_right_and_wholly_found(so: StoryTruth, sound: Stories) -> None:
    stories = {story: frozenset(i for i in sound.items if so.story[i] == story) for story in so.alarmed}
    whole = [each for each in stories.values() if each & so.told.keys() and each & so.raised.keys()]
    assert joined(whole, so, sound.items).share == 1.0
    pairs = found(list(stories.values()), so, sound.items)
    assert np.array_equal(pairs.right, pairs.all)
    assert pairs.all.sum() > 0


def test_incidents_are_the_same_whatever_order_they_arrive_in(so: StoryTruth, database: Database) -> None:
    claim = arrived(so, database, range(3))
    assert claim.holds, claim
