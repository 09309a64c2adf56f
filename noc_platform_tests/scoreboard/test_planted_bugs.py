"""The scoreboard can fail: a bug planted in the signal code moves its row out of the interval it had without."""

from collections.abc import Iterator

import pytest

from noc_platform.simulator.world import WorldPlan
from noc_platform_tests.scoreboard import signals
from noc_platform_tests.scoreboard.claims import Claim
from noc_platform_tests.scoreboard.planted_bugs import BUGS
from noc_platform_tests.scoreboard.worlds import Platform, Written, platform, written

PLAN = WorldPlan(guards=60, sites=8, days=3, seed=3, planted=6.0)
Taken = tuple[Written, Platform]


@pytest.fixture(scope="module")
def taken_in() -> Iterator[Taken]:
    with written(PLAN) as world, platform(world) as platform_:
        yield world, platform_


@pytest.fixture(scope="module")
def sound(taken_in: Taken) -> dict[str, Claim]:
    return {claim.name: claim for claim in signals.claims(*taken_in)}


def test_counts_of_hours_are_exact(sound: dict[str, Claim]) -> None:
    exact = [claim for name, claim in sound.items() if name.endswith("of a guard's hour")]
    assert len(exact) == 4
    assert [claim.value for claim in exact] == [1.0] * 4


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_moves_its_row(taken_in: Taken, sound: dict[str, Claim], name: str) -> None:
    bug, row = BUGS[name]
    with bug():
        broken = {claim.name: claim for claim in signals.claims(*taken_in)}
    assert sound[row].is_moved(broken[row]), f"{sound[row].value} became {broken[row].value}"
