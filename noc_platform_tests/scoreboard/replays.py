"""An audit replayed over the days of a world: what was known at each moment, and what the rules found in it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from noc_platform.findings.facts.moment import Facts
from noc_platform.findings.facts.prepared import asking_duckdb, facts_at
from noc_platform.findings.policy import RulesPolicy
from noc_platform.findings.rules.every import drafts
from noc_platform.findings.rules.look import Look
from noc_platform.findings.sightings import Key, key_of
from noc_platform.findings.vocabulary import Draft
from noc_platform_tests.scoreboard.histories import POLICY, History
from noc_platform_tests.scoreboard.worlds import Written, moments_of

EVERY = timedelta(minutes=40)
# A finding not seen for longer is another one when it is seen again.
ONE_AND_THE_SAME = timedelta(hours=2)
# What the door lets through (settings): no earlier, and no farther ahead of when it was received.
EARLIEST, AHEAD_MINUTES = "2000-01-01", 10
RULES = RulesPolicy()


def audited(world: Written) -> dict[datetime, Facts]:
    """What was known at each moment of an audit every `EVERY`, straight over the files of a world."""
    engine = History(world).engine
    for table in ("noc_device_event", "noc_location_update"):
        # Rows the door would refuse.
        engine.con.execute(
            f"""delete from {table} where occurred_at < timestamptz '{EARLIEST} 00:00+00'
                or occurred_at > received_at + interval {AHEAD_MINUTES} minute"""
        )
    ask = asking_duckdb(engine.con, RULES, POLICY)
    return {as_of: facts_at(ask, RULES, as_of) for as_of in _moments(world)}


def _moments(world: Written) -> list[datetime]:
    """When audits run: from the second hour on."""
    plan = world.manifest.plan
    first = moments_of(plan, plan.days * 24 - 1)[1]
    return [first + nth * EVERY for nth in range(int((plan.days * 24 - 2) * timedelta(hours=1) / EVERY))]


@dataclass(frozen=True)
class Replay:
    """The rules over what was known at each moment."""

    facts: Mapping[datetime, Facts]

    @cached_property
    def moments(self) -> list[datetime]:
        """The moments, in order."""
        return sorted(self.facts)

    @cached_property
    def looks(self) -> list[Look]:
        """Each of them as the rules look at it."""
        return [Look(facts, RULES, as_of) for as_of, facts in self.facts.items()]

    @cached_property
    def drafts(self) -> list[Draft]:
        """Everything that was found, moment by moment."""
        return [draft for look in self.looks for draft in drafts(look)]

    @cached_property
    def findings(self) -> list[list[Draft]]:
        """What was found, each thing once: its drafts from first to last."""
        by_key: dict[Key, list[list[Draft]]] = defaultdict(list)
        for draft in self.drafts:
            known = by_key[key_of(draft)]
            if known and draft.seen_at - known[-1][-1].seen_at <= ONE_AND_THE_SAME:
                known[-1].append(draft)
            else:
                known.append([draft])
        return [finding for found in by_key.values() for finding in found]
