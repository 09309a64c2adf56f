"""The scoreboard can fail: a bug planted in signals or rules moves its row out of the interval it had without."""

from collections.abc import Iterator

import pytest

from noc_platform.simulator.world import WorldPlan
from noc_platform.telemetry.vocabulary import Signal
from noc_platform_tests.scoreboard import silence
from noc_platform_tests.scoreboard.planted_bugs import BUGS, SILENCE_BUGS
from noc_platform_tests.scoreboard.signals import COUNTS, ROWS, Evidence
from noc_platform_tests.scoreboard.worlds import Platform, Written, platform, written

PLAN = WorldPlan(guards=45, sites=8, days=2, seed=3, planted=8.0)
# With feeds that fail, a site that falls silent, guards who sleep.
SILENT_PLAN = WorldPlan(guards=45, sites=8, days=2, seed=7, planted=8.0)
Taken = tuple[Written, Platform]


@pytest.fixture(scope="module")
def taken_in() -> Iterator[Taken]:
    with written(PLAN) as world, platform(world) as platform_:
        yield world, platform_


@pytest.fixture(scope="module")
def sound(taken_in: Taken) -> Evidence:
    return Evidence(*taken_in)


@pytest.mark.parametrize("signal", COUNTS)
def test_counts_of_hours_are_exact(sound: Evidence, signal: Signal) -> None:
    name = f"{signal.metric} of a guard's hour"
    assert ROWS[name](name, sound).value == 1.0


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_moves_its_row(taken_in: Taken, sound: Evidence, name: str) -> None:
    bug, row = BUGS[name]
    before = ROWS[row](row, sound)
    with bug():
        after = ROWS[row](row, Evidence(*taken_in))
    assert before.is_moved(after), f"{before.value} became {after.value}"


@pytest.fixture(scope="module")
def audited() -> Iterator[silence.Evidence]:
    with written(SILENT_PLAN) as world:
        yield silence.Evidence.of(world)


@pytest.mark.parametrize("name", SILENCE_BUGS)
def test_a_planted_bug_in_the_rules_moves_its_row(audited: silence.Evidence, name: str) -> None:
    bug, row = SILENCE_BUGS[name]
    before = silence.ROWS[row](row, audited)
    with bug():
        after = silence.ROWS[row](row, silence.Evidence(audited.world, audited.facts))
    assert before.holds, before
    assert before.is_moved(after), f"{before.value} became {after.value}"
