"""Every rule over the facts of one moment: why somebody is silent first, then what is found. Pure.

Anomalies against baselines are found in `baselines.scoring`; what becomes of drafts is decided in `lifecycle`.
"""

from collections.abc import Callable, Iterator, Mapping

from noc_platform.findings.rules.devices import clocks_wrong, feeds_late, half_heard, offline
from noc_platform.findings.rules.inactivity import inactive
from noc_platform.findings.rules.look import Look
from noc_platform.findings.rules.patterns import phantoms, silent_sites, storms
from noc_platform.findings.rules.tours import abandoned, ghost_scans, overdue
from noc_platform.findings.rules.undone import low_movement, low_tasks, low_tours
from noc_platform.findings.vocabulary import Depth, Draft

Rule = Callable[[Look], Iterator[Draft]]


# From which depth on each rule runs: what cannot wait runs with every heartbeat.
RULES: Mapping[Rule, Depth] = {
    feeds_late: Depth.HEARTBEAT,
    silent_sites: Depth.HEARTBEAT,
    offline: Depth.HEARTBEAT,
    inactive: Depth.HEARTBEAT,
    clocks_wrong: Depth.COMPREHENSIVE,
    half_heard: Depth.COMPREHENSIVE,
    overdue: Depth.COMPREHENSIVE,
    abandoned: Depth.COMPREHENSIVE,
    ghost_scans: Depth.COMPREHENSIVE,
    phantoms: Depth.COMPREHENSIVE,
    storms: Depth.COMPREHENSIVE,
    low_tasks: Depth.COMPREHENSIVE,
    low_tours: Depth.COMPREHENSIVE,
    low_movement: Depth.COMPREHENSIVE,
}
# What each says of a guard is said again by these, and they say more.
STRONGER: Mapping[str, tuple[str, ...]] = {
    "CORRELATION_PHANTOM_GUARD": ("GUARD_INACTIVITY",),
    "LOW_TASK_COMPLETION": ("GUARD_INACTIVITY", "CORRELATION_PHANTOM_GUARD"),
    "LOW_TOUR_COVERAGE": ("GUARD_INACTIVITY", "TOUR_OVERDUE"),
    "LOW_MOVEMENT": ("GUARD_INACTIVITY", "TOUR_OVERDUE", "CORRELATION_PHANTOM_GUARD"),
}


def drafts(look: Look, depth: Depth = Depth.COMPREHENSIVE) -> list[Draft]:
    """Everything the rules of that depth find in what was known at a moment."""
    found = [draft for rule, least in RULES.items() if least <= depth for draft in rule(look)]
    told = {(draft.tenant_id, draft.person_id, draft.finding_type) for draft in found}

    def is_said(draft: Draft) -> bool:
        return any((draft.tenant_id, draft.person_id, more) in told for more in STRONGER.get(draft.finding_type, ()))

    return [draft for draft in found if not is_said(draft)]
