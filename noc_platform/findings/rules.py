"""Every rule over the facts of one moment: why somebody is silent first, then what is found. Pure.

Anomalies against baselines are found in `baselines.scoring`; what becomes of drafts is decided in `lifecycle`.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from noc_platform.findings.devices import clocks_wrong, feeds_late, half_heard, offline
from noc_platform.findings.inactivity import inactive
from noc_platform.findings.look import Look
from noc_platform.findings.moment import Facts
from noc_platform.findings.patterns import phantoms, silent_sites, storms
from noc_platform.findings.policy import RulesPolicy
from noc_platform.findings.tours import abandoned, ghost_scans, overdue
from noc_platform.findings.vocabulary import Draft

Rule = Callable[[Look], Iterator[Draft]]
RULES: tuple[Rule, ...] = (
    feeds_late,
    silent_sites,
    offline,
    clocks_wrong,
    half_heard,
    overdue,
    abandoned,
    ghost_scans,
    inactive,
    phantoms,
    storms,
)
# Of one guard the first says what the second would say again.
STRONGER = {"CORRELATION_PHANTOM_GUARD": "GUARD_INACTIVITY"}


def drafts(facts: Facts, policy: RulesPolicy, as_of: datetime) -> list[Draft]:
    """Everything the rules find in what was known at `as_of`, an instant with a zone."""
    if as_of.tzinfo is None:
        raise ValueError(f"an audit needs an instant with a zone, not {as_of}")
    look = Look(facts, policy, as_of)
    found = [draft for rule in RULES for draft in rule(look)]
    told = {(draft.tenant_id, draft.person_id, draft.finding_type) for draft in found}
    return [
        draft for draft in found if (draft.tenant_id, draft.person_id, STRONGER.get(draft.finding_type)) not in told
    ]
