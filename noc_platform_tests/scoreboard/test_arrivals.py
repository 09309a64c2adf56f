"""Whatever order rows come in, and however late: the same signals in the end, and at every moment those of then."""

from noc_platform.simulator.world import WorldPlan
from noc_platform_tests.scoreboard import arrivals
from noc_platform_tests.scoreboard.worlds import written

PLAN = WorldPlan(guards=8, sites=4, days=4, seed=7, planted=2.0)


def test_order_and_lateness_change_nothing_and_what_was_known_can_be_had_again() -> None:
    with written(PLAN) as world:
        found = arrivals.claims(world, [5])
    assert {claim.name: claim.value for claim in found} == {
        "signals after shuffled arrival": 1.0,
        "signals as known at an earlier moment": 1.0,
    }
    assert all(claim.cases for claim in found)
