"""What people's verdicts teach the baselines: rates of false alarms, and limits that move towards a budget of them.

Each is done once for a moment, and doing it again changes nothing. Elsewhere: how rates and proposals are made of
verdicts (`baselines.verdicts`, `baselines.tuning`), what a change of a limit is (`baselines.limits`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from noc_platform.baselines.limits import apply_proposals
from noc_platform.baselines.products import last_sunday, verdicts_between
from noc_platform.baselines.scoring import CELL
from noc_platform.baselines.standing import RATED_SCHEMA, hold, limits_of, rates_of, replace_rates, restate
from noc_platform.baselines.tuning.proposals import proposals
from noc_platform.baselines.verdicts import false_positive_rates
from noc_platform.findings.queries import adjudicated
from noc_platform.findings.verdicts import apply_verdicts
from noc_platform.lake.layout import Lake
from noc_platform.settings import ThresholdPolicy, TuningPolicy, VerdictPolicy
from noc_platform.store.sessions import Database

INSTANT_BEFORE = timedelta(microseconds=1)
# What limits are tuned on; eight weeks of all sites are many rows.
SCORED = (*CELL, "bucket", "evidence_z", "direction", "threshold", "threshold_source", "verdict")


@dataclass(frozen=True)
class Tuned:
    """A tuning: what was proposed (`scoring.PROPOSALS_SCHEMA`), and how many limits changed."""

    proposed: pa.Table
    changed: int


def refresh_rates(database: Database, as_of: datetime, policy: VerdictPolicy, limits: ThresholdPolicy) -> pa.Table:
    """Count the false alarms among what people judged in the 30 days before `as_of` (UTC), and keep the rates as of
    then; gives them, as `baselines.verdicts.COUNTED_SCHEMA`."""
    with database.transaction() as connection:
        hold(connection)
        apply_verdicts(connection, as_of - policy.window)
        said = adjudicated(connection, as_of - policy.window, as_of)
        rates = false_positive_rates(said, as_of, policy, rates_of(connection, as_of - INSTANT_BEFORE))
        replace_rates(connection, rates.select(RATED_SCHEMA.names), as_of)
        restate(connection, limits, as_of)
    return rates


def tune(
    database: Database, lake: Lake, as_of: datetime, policy: TuningPolicy, limits: ThresholdPolicy
) -> Tuned:  # fmt: skip
    """Move learned limits as verdicts up to `as_of` (UTC) speak for, once for the week that moment lies in."""
    since = as_of - policy.window
    judged = verdicts_between(lake, since, as_of, SCORED)
    with database.transaction() as connection:
        hold(connection)
        said = adjudicated(connection, since, as_of)
        proposed = proposals(judged, said, limits_of(connection, as_of), as_of, policy)
        changed = apply_proposals(connection, proposed, last_sunday(as_of.date()).date(), as_of, limits)
    return Tuned(proposed, changed)
