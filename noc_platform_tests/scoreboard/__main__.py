"""python -m noc_platform_tests.scoreboard: measure every claim, write docs/scoreboard.md and docs/scoreboard.json."""

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from noc_platform_tests.scoreboard import (
    arrivals,
    detection,
    incidents,
    signals,
    silence,
    story_arrivals,
    tuning,
)
from noc_platform_tests.scoreboard.claims import Claim
from noc_platform_tests.scoreboard.histories import History
from noc_platform_tests.scoreboard.months import Months
from noc_platform_tests.scoreboard.report import document, page
from noc_platform_tests.scoreboard.story_truth import StoryTruth
from noc_platform_tests.scoreboard.worlds import ARRIVALS, OPERATION, SILENCE, platform, written

DOCS = Path(__file__).parents[2] / "docs"


def main() -> int:
    """Measure, write and show; the exit code says whether it could be measured, not whether every claim holds."""
    claims: list[Claim] = []
    with written(OPERATION) as world, platform(world) as taken_in:
        claims += signals.claims(signals.Evidence(world, taken_in))
    with written(ARRIVALS) as world:
        claims += arrivals.claims(world, arrivals.ORDERS)
    with written(SILENCE) as world:
        evidence = silence.Evidence.of(world)
        claims += silence.claims(evidence)
        so = StoryTruth(evidence)
        claims += [*incidents.claims(incidents.Stories(so)), story_arrivals.claim(so)]
    with written(detection.MONTHS) as world:
        months = Months(History(world))
        claims += detection.claims(detection.Ways(months))
        claims += tuning.claims(tuning.Tuning(months))
    plans = {"operation": OPERATION, "arrivals": ARRIVALS, "silence": SILENCE, "months": detection.MONTHS}
    (DOCS / "scoreboard.md").write_text(page(claims, plans))
    (DOCS / "scoreboard.json").write_text(document(claims, plans))
    table = Table("claim", "value", "interval", "cases", "holds")
    for claim in claims:
        interval = f"{claim.low:.3f} to {claim.high:.3f}"
        table.add_row(claim.name, f"{claim.value:.4g}", interval, f"{claim.cases:,}", "yes" if claim.holds else "NO")
    Console(width=140).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
