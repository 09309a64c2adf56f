"""An audit replayed over the days of a world: what was known at each moment, and what the rules found in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from noc_platform.findings.facts.moment import Facts
from noc_platform.findings.facts.prepared import asking_duckdb, facts_at
from noc_platform.findings.policy import RulesPolicy
from noc_platform_tests.scoreboard.histories import POLICY, History
from noc_platform_tests.scoreboard.worlds import Written, moments_of

EVERY = timedelta(minutes=30)
# What the door lets through (settings): no earlier, and no farther ahead of when it was received.
EARLIEST, AHEAD_MINUTES = "2000-01-01", 10
RULES = RulesPolicy()


@dataclass(frozen=True)
class Replay:
    """An audit every half an hour, straight over the files of a world; rows the door would refuse are left out."""

    world: Written

    @cached_property
    def engine(self) -> Any:
        """DuckDB over the world."""
        engine = History(self.world).engine
        for table in ("noc_device_event", "noc_location_update"):
            engine.con.execute(
                f"""delete from {table} where occurred_at < timestamptz '{EARLIEST} 00:00+00'
                    or occurred_at > received_at + interval {AHEAD_MINUTES} minute"""
            )
        return engine

    @cached_property
    def moments(self) -> list[datetime]:
        """When audits run: from the second hour on, each hour and half."""
        plan = self.world.manifest.plan
        first = moments_of(plan, plan.days * 24 - 1)[1]
        return [first + nth * EVERY for nth in range((plan.days * 24 - 2) * 2)]

    @cached_property
    def facts(self) -> dict[datetime, Facts]:
        """What was known at each of them."""
        return dict(self._facts())

    def _facts(self) -> Iterator[tuple[datetime, Facts]]:
        ask = asking_duckdb(self.engine.con, RULES, POLICY)
        for as_of in self.moments:
            yield as_of, facts_at(ask, RULES, as_of)
