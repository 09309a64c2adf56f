"""The scoreboard as a page for people and as JSON for scripts."""

import json
from dataclasses import asdict, fields
from datetime import date

from noc_platform.simulator.world import WorldPlan
from noc_platform_tests.scoreboard.claims import Claim

HEADER = """# Scoreboard

What the platform says against what was really so, in simulated worlds whose truth is known. `make scoreboard` measures
it all again and writes this page. Intervals are 95 %, resampled by guard or site; a claim that holds in every case says
how many there were. Planted bugs move these rows: `noc_platform_tests/scoreboard/test_planted_bugs.py` proves it.
"""
COLUMNS = ("claim", "value", "95 % interval", "cases", "wanted", "holds", "simpler ways")


def page(claims: list[Claim], plans: dict[str, WorldPlan]) -> str:
    """The page, in Markdown."""
    lines = [HEADER, _row(COLUMNS), _row(["---"] * len(COLUMNS))]
    lines += [_row(_cells(claim)) for claim in claims]
    lines += ["", "What each says:", "", *(f"- **{claim.name}**: {claim.says}" for claim in claims)]
    lines += ["", "The worlds:", "", *(f"- {name}: {_told(plan)}" for name, plan in plans.items()), ""]
    return "\n".join(lines)


def document(claims: list[Claim], plans: dict[str, WorldPlan]) -> str:
    """The same as JSON."""
    rows = [{**asdict(claim), "holds": claim.holds} for claim in claims]
    worlds = {name: {**asdict(plan), "first_day": plan.first_day.isoformat()} for name, plan in plans.items()}
    return json.dumps({"claims": rows, "worlds": worlds}, indent=1) + "\n"


def measured_before(text: str) -> tuple[list[Claim], dict[str, WorldPlan]]:
    """The claims and worlds of a document."""
    told = json.loads(text)
    names = {each.name for each in fields(Claim)}
    claims = [Claim(**{name: value for name, value in row.items() if name in names}) for row in told["claims"]]
    days = {name: {**plan, "first_day": date.fromisoformat(plan["first_day"])} for name, plan in told["worlds"].items()}
    return claims, {name: WorldPlan(**plan) for name, plan in days.items()}


def renewed(before: list[Claim], claims: list[Claim]) -> list[Claim]:
    """Claims with those that were measured again in the place they had, and new ones after all others."""
    again = {claim.name: claim for claim in claims}
    known = {claim.name for claim in before}
    return [again.get(claim.name, claim) for claim in before] + [each for each in claims if each.name not in known]


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(claim: Claim) -> list[str]:
    wanted = f"{'at most' if claim.is_at_most else 'at least'} {claim.wanted:g}"
    simpler = "; ".join(f"{name}: {value:.3f}" for name, value in claim.baselines.items())
    interval = f"{claim.low:.3f} to {claim.high:.3f}"
    value = f"{claim.value:.4g} {claim.unit}"
    return [claim.name, value, interval, f"{claim.cases:,}", wanted, "yes" if claim.holds else "**no**", simpler or "–"]


def _told(plan: WorldPlan) -> str:
    return (
        f"{plan.guards} guards at {plan.sites} sites for {plan.days} days from {plan.first_day}, seed {plan.seed}, "
        f"{plan.planted:g} times what usually goes wrong"
    )
