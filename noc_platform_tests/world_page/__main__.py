"""python -m noc_platform_tests.world_page: make a world, write docs/world.md and its pictures."""

import sys
from pathlib import Path

from noc_platform.simulator.world import WorldPlan
from noc_platform_tests.world_page.page import build

DOCS = Path(__file__).parents[2] / "docs"
# Four weeks with Easter in them and the Sundays on which clocks change in Europe and Australia.
PLAN = WorldPlan(guards=120, sites=12, days=28, seed=2026, planted=1.0)


def main() -> int:
    """Write the page."""
    build(PLAN, DOCS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
