"""How likely an alarm is false, by how unusual it was: learned from people's verdicts, each tenant from its own.

The share that is false falls with the score (isotonic regression over a tenant's verdicts); a site's metric differs
from its tenant by as much as its own verdicts say against that (an offset in log-odds, drawn to 0). Some verdicts are
wrong, and allowed for. Written so that one more false alarm never makes any alarm of its site look truer, and one more
confirmed never falser. Pure: arrays in, arrays out.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit

from noc_platform.baselines.learning import Numbers
from noc_platform.baselines.thresholds import HIGHEST, LOWEST

STEP = 0.05
# Candidate limits; a score belongs to the last one it is not below.
LIMITS = np.round(np.arange(LOWEST, HIGHEST + STEP / 2, STEP), 2)
# So many confirmed verdicts count as much as the belief that all is false.
DOUBT = 5.0
# What is said of a site's other metrics counts half as much as what is said of the one.
OTHER_METRICS = 0.5
# Deviation of sites' metrics from their tenant, in log-odds, before anything was said of them.
OFFSET_DEVIATION = 1.0
EXTREMES = (0.02, 0.98)
FARTHEST, HALVINGS = 8.0, 40


@dataclass(frozen=True)
class Said:
    """Verdicts on alarms, one row each: places of the site and the metric, the score, whether it was false."""

    site: Numbers
    metric: Numbers
    score: Numbers
    is_false: Numbers


def places(scores: Numbers) -> Numbers:
    """The place in `LIMITS` each score belongs to."""
    return np.asarray(np.clip((scores - LOWEST) / STEP + 1e-9, 0, len(LIMITS) - 1).astype(np.int64))


def shares(said: Said, sites: int, metrics: int, wrong: float) -> Numbers:
    """Probability that an alarm is false, `(site, metric, place in LIMITS)`, falling with the score; the sites are one
    tenant's. `wrong` is the share of verdicts that are taken to be mistakes."""
    common, own = _of_others(said, sites)
    offsets = _offsets(said, own, sites, metrics, OTHER_METRICS)
    told = expit(logit(common)[:, None, :] + offsets[:, :, None])
    # Weaker than anything people confirmed is not known to be anything.
    is_unknown = np.arange(len(LIMITS)) < _weakest_confirmed(said)
    believed = np.where(is_unknown, 1.0, np.clip((told - wrong) / (1 - 2 * wrong), 0, 1))
    doubt = DOUBT / (DOUBT + np.count_nonzero(~said.is_false))
    return np.asarray(believed + (1 - believed) * doubt)


def offsets_of_metrics(said: Said, sites: int, metrics: int) -> Numbers:
    """How much more often than its tenant's alarms those of a site's metric are false, in log-odds, `(site, metric)`,
    by its own verdicts alone."""
    _, own = _of_others(said, sites)
    return _offsets(said, own, sites, metrics, 0.0)


def _of_others(said: Said, sites: int) -> tuple[Numbers, Numbers]:
    """Share of false alarms by place, `(site, place)`, as the verdicts on all other sites have it; and that at the
    score of each verdict. A site is compared with what it had no part in."""
    place, size = places(said.score), len(LIMITS)
    judged, false = (
        np.bincount(said.site * size + place, each, sites * size).reshape(sites, size)
        for each in (np.ones(len(place)), said.is_false.astype(float))
    )
    every = _falling(judged.sum(0), false.sum(0))
    common = np.broadcast_to(every, (sites, size)).copy()
    for site in np.flatnonzero(judged.any(1)):
        common[site] = _falling(judged.sum(0) - judged[site], false.sum(0) - false[site])
    common = np.clip(common, *EXTREMES)
    return common, common[said.site, place]


def _falling(judged: Numbers, false: Numbers) -> Numbers:
    """The share by place, never rising; where nothing was judged as at the next weaker place, at first 1."""
    known = np.flatnonzero(judged)
    if not len(known):
        return np.ones(len(judged))
    fitted = isotonic_regression(false[known] / judged[known], weights=judged[known], increasing=False).x
    before = np.searchsorted(known, np.arange(len(judged)), side="right")
    return np.concatenate([[1.0], fitted])[before]


def _offsets(said: Said, own: Numbers, sites: int, metrics: int, of_others: float) -> Numbers:
    """The most likely offset of each site's metric from what is expected of its verdicts, `(site, metric)`."""
    metric = np.tile(np.arange(metrics), len(own))
    row = np.repeat(np.arange(len(own)), metrics)
    weight = np.where(metric == said.metric[row], 1.0, of_others)
    row, metric, weight = row[weight > 0], metric[weight > 0], weight[weight > 0]
    group, count = said.site[row] * metrics + metric, sites * metrics
    base, is_false = logit(own)[row], said.is_false[row]
    low, high = np.full(count, -FARTHEST), np.full(count, FARTHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        pull = np.bincount(group, weight * (is_false - expit(base + middle[group])), count)
        is_above = pull > middle / OFFSET_DEVIATION**2
        low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
    return np.asarray(((low + high) / 2).reshape(sites, metrics))


def _weakest_confirmed(said: Said) -> int:
    confirmed = said.score[~said.is_false]
    return int(places(confirmed).min()) if len(confirmed) else len(LIMITS)
