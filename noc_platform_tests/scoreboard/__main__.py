"""python -m noc_platform_tests.scoreboard: measure every claim, write docs/scoreboard.md and docs/scoreboard.json.

With `--only GROUP` the rows of other groups stay as they were measured before.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from noc_platform.simulator.world import WorldPlan
from noc_platform_tests.scoreboard import (
    arrivals,
    detection,
    fraud,
    incidents,
    signals,
    silence,
    story_arrivals,
    tuning,
)
from noc_platform_tests.scoreboard.claims import Claim
from noc_platform_tests.scoreboard.fraud_worlds import FRAUDS
from noc_platform_tests.scoreboard.histories import History
from noc_platform_tests.scoreboard.months import Months
from noc_platform_tests.scoreboard.report import document, measured_before, page, renewed
from noc_platform_tests.scoreboard.story_truth import StoryTruth
from noc_platform_tests.scoreboard.worlds import ARRIVALS, OPERATION, SILENCE, platform, written

DOCS = Path(__file__).parents[2] / "docs"
PAGE, DOCUMENT = DOCS / "scoreboard.md", DOCS / "scoreboard.json"


def of_operation() -> Iterator[Claim]:
    """That signals are what happened."""
    with written(OPERATION) as world, platform(world) as taken_in:
        yield from signals.claims(signals.Evidence(world, taken_in))


def of_arrivals() -> Iterator[Claim]:
    """That the order of arrival changes nothing."""
    with written(ARRIVALS) as world:
        yield from arrivals.claims(world, arrivals.ORDERS)


def of_silence() -> Iterator[Claim]:
    """That findings say what was so, and that what belongs together is told together."""
    with written(SILENCE) as world:
        evidence = silence.Evidence.of(world)
        yield from silence.claims(evidence)
        so = StoryTruth(evidence)
        yield from incidents.claims(incidents.Stories(so))
        yield story_arrivals.claim(so)


def of_months() -> Iterator[Claim]:
    """What baselines find, and what verdicts teach them."""
    with written(detection.MONTHS) as world:
        months = Months(History(world))
        yield from detection.claims(detection.Ways(months))
        yield from tuning.claims(tuning.Tuning(months))


GROUPS: Mapping[str, Callable[[], Iterator[Claim]]] = {
    "operation": of_operation,
    "arrivals": of_arrivals,
    "silence": of_silence,
    "months": of_months,
    "fraud": fraud.measured_claims,
}
PLANS: Mapping[str, dict[str, WorldPlan]] = {
    "operation": {"operation": OPERATION},
    "arrivals": {"arrivals": ARRIVALS},
    "silence": {"silence": SILENCE},
    "months": {"months": detection.MONTHS},
    "fraud": {
        **{f"fraud of tenant {place + 1}": plan for place, plan in enumerate(FRAUDS)},
        "fraud as known then": fraud.AUDITED,
    },
}


def main() -> int:
    """Measure, write and show; the exit code says whether it could be measured, not whether every claim holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[*GROUPS], help="measure this group, and keep what was measured of the rest")
    only = parser.parse_args().only
    groups = [*GROUPS] if only is None else [only]
    claims = [claim for group in groups for claim in GROUPS[group]()]
    plans = {name: plan for group in groups for name, plan in PLANS[group].items()}
    show(claims)
    if only is not None:
        before, worlds = measured_before(DOCUMENT.read_text())
        claims, plans = renewed(before, claims), {**worlds, **plans}
    PAGE.write_text(page(claims, plans))
    DOCUMENT.write_text(document(claims, plans))
    return 0


def show(claims: list[Claim]) -> None:
    """The claims as a table on the screen."""
    table = Table("claim", "value", "interval", "cases", "holds")
    for claim in claims:
        interval = f"{claim.low:.3f} to {claim.high:.3f}"
        table.add_row(claim.name, f"{claim.value:.4g}", interval, f"{claim.cases:,}", "yes" if claim.holds else "NO")
    Console(width=140).print(table)


if __name__ == "__main__":
    sys.exit(main())
