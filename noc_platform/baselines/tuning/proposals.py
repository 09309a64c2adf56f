"""Limits moved by what people said of alarms, towards a budget of false ones a site and week.

Pure: tables and a moment in, a table of proposals out. How many alarms each candidate limit would have raised is
counted from stored scores; which share of them is false is learned from verdicts (`falsity`). A limit rises by as much
as false alarms speak for it, and falls by as much as confirmed ones do; one verdict moves little. Elsewhere: rates of
false alarms (`verdicts`), changing and rolling back limits (`limits`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.baselines.learning import Numbers
from noc_platform.baselines.profiles import INSTANT
from noc_platform.baselines.scoring import HOUR_MICROSECONDS, PROPOSALS_SCHEMA
from noc_platform.baselines.thresholds import HIGHEST, LOWEST, Source
from noc_platform.baselines.tuning import repeated
from noc_platform.baselines.tuning.alarms import NAMES, Alarms, alarms_of, judged_between, places_among, reals
from noc_platform.baselines.tuning.falsity import LIMITS, Said, offsets_of_metrics, shares
from noc_platform.baselines.verdicts import WEEK, judged_in
from noc_platform.settings import TuningPolicy

# So many verdicts of a kind move a limit half as far as any number would.
HALFWAY = 4.0
# What is said of the site's other metrics, and of the tenant's other sites, counts as so much of a verdict.
OF_SITE, OF_TENANT = 0.5, 0.1
# Limits of metrics lie apart by so much for each log-odds by which people say they differ, at most so much.
APART, FARTHEST_APART = 0.5, 0.5


def proposals(
    judged: pa.Table, adjudicated: pa.Table, limits: pa.Table, as_of: datetime, policy: TuningPolicy
) -> pa.Table:
    """Which learned limits should change as of a moment (UTC), as `PROPOSALS_SCHEMA`, in order of site and metric.

    `judged` are scores of site-hours as `JUDGED_SCHEMA`, `adjudicated` what people said of findings as
    `findings.queries.ADJUDICATED_SCHEMA`; both count where they lie in the eight weeks before. `limits` are those in
    force, as `LIMITS_SCHEMA`; what somebody set is left alone. A tenant nobody has said anything of has no proposals.
    """
    since = as_of - policy.window
    said = judged_in(adjudicated, since, as_of)
    told = judged_between(judged, since, as_of)
    tenants = set(pc.unique(said["tenant_id"]).to_pylist()) & set(pc.unique(told["tenant_id"]).to_pylist())
    rows = [
        row
        for tenant in sorted(tenants)
        for row in _of_tenant(tenant, _of(told, tenant), _of(said, tenant), _of(limits, tenant), policy)
    ]
    return pa.Table.from_pylist(rows, schema=PROPOSALS_SCHEMA)


def _of(table: pa.Table, tenant: str) -> pa.Table:
    return table.filter(pc.equal(table["tenant_id"], tenant))


@dataclass(frozen=True)
class _Tenant:
    """What is known of a tenant: `(site, metric)` but for the cells."""

    name: str
    sites: list[str]
    said: Said
    hour_of_week: Numbers
    expected: Numbers
    apart: Numbers
    highest: Numbers
    held: Numbers
    current: Numbers
    manual: Numbers
    weeks: Numbers
    policy: TuningPolicy

    @cached_property
    def wanted(self) -> Numbers:
        """The limits that meet the budget: one level for all metrics of a site, apart only as people say metrics
        differ, and never so high that too much of what people confirmed would be missed."""
        levels = np.arange(LOWEST - FARTHEST_APART, HIGHEST + FARTHEST_APART + 1e-9, LIMITS[1] - LIMITS[0])
        found = []
        for expected, apart, manual in zip(self.expected, self.apart, self.manual, strict=True):
            limits = np.clip(levels + apart[:, None], LOWEST, HIGHEST)
            # What somebody set takes its part of the budget as it is.
            limits = np.where(np.isnan(manual)[:, None], limits, manual[:, None])
            weekly = sum(np.interp(at, LIMITS, each) for at, each in zip(limits, expected, strict=True))
            level = _crossing(levels, np.asarray(weekly), self.policy.false_alarms_per_site_week)
            found.append(np.clip(level + apart, LOWEST, HIGHEST))
        return np.asarray(np.minimum(np.array(found), self.highest))

    @cached_property
    def moved(self) -> Numbers:
        """The limits after this week."""
        step = self.policy.step
        up, down = (step * _weight(self.counts(side)) for side in (True, False))
        off = np.clip(self.wanted - self.current, -down, up)
        is_enough = (np.abs(off) >= self.policy.deadband - 1e-9) & np.isnan(self.manual)
        return np.asarray(np.where(is_enough, np.round(self.current + off, 2), self.current))

    def counts(self, is_false: bool) -> Numbers:
        """How many verdicts were so, `(site, metric)`."""
        shape = self.current.shape
        rows = self.said.is_false == is_false
        flat = np.ravel_multi_index((self.said.site[rows], self.said.metric[rows]), shape)
        return np.asarray(np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape), float)

    def weekly(self, limits: Numbers) -> Numbers:
        """False alarms a week of each site at these limits."""
        pairs = zip(limits, self.expected, strict=True)
        each = [[np.interp(at, LIMITS, row) for at, row in zip(*pair, strict=True)] for pair in pairs]
        return np.asarray(np.array(each).sum(axis=1))


def _weight(counts: Numbers) -> Numbers:
    """How far verdicts move a limit, 0 to 1."""
    of_site = counts.sum(axis=1, keepdims=True)
    told = counts + OF_SITE * (of_site - counts) + OF_TENANT * (counts.sum() - of_site)
    return np.asarray(told / (told + HALFWAY))


def _crossing(levels: Numbers, weekly: Numbers, budget: float) -> float:
    """Where what falls from level to level comes down to the budget."""
    within = np.flatnonzero(weekly <= budget)
    if not len(within):
        return float(levels[-1])
    at = int(within[0])
    if at == 0:
        return float(levels[0])
    share = (weekly[at - 1] - budget) / (weekly[at - 1] - weekly[at])
    return float(levels[at - 1] + share * (levels[at] - levels[at - 1]))


def _of_tenant(tenant: str, judged: pa.Table, said: pa.Table, limits: pa.Table, policy: TuningPolicy) -> Iterator[Any]:
    names = sorted(pc.unique(judged["site_id"]).to_pylist())
    alarms = alarms_of(judged, names)
    verdicts, hour_of_week = _said(said, alarms)
    shape = len(names), len(NAMES)
    manual, learned = (_limits(limits, names, kind) for kind in ("manual", "learned"))
    likely = shares(verdicts, *shape, policy.wrong_verdicts)
    known = _Tenant(
        name=tenant, sites=names, said=verdicts, hour_of_week=hour_of_week,
        expected=alarms.expected(likely),
        apart=np.clip(APART * offsets_of_metrics(verdicts, *shape), -FARTHEST_APART, FARTHEST_APART),
        highest=_highest(verdicts, policy), held=learned,
        current=np.where(np.isnan(learned), _in_force(judged, names, policy), learned),
        manual=manual, weeks=alarms.weeks, policy=policy,
    )  # fmt: skip
    yield from _of_sites(known)
    yield from _of_cells(known, limits)


def _of_cells(known: _Tenant, limits: pa.Table) -> Iterator[dict[str, Any]]:
    """Changes of single hours of the week: raised where the same hour is a false alarm again and again, and given back
    bit by bit when that is over. An hour somebody set stays."""
    held = {
        (site, metric, hour): (row["manual"], row["learned"])
        for row in limits.filter(pc.is_valid(limits["hour_of_week"])).to_pylist()
        for site, metric, hour in [(row["site_id"], row["metric_type"], row["hour_of_week"])]
    }
    false, confirmed = _by_cell(known, True), _by_cell(known, False)
    place = {name: number for number, name in enumerate(known.sites)}
    for cell in sorted({*false, *held}):
        site, metric, hour = cell
        manual, learned = held.get(cell, (None, None))
        if site not in place or metric not in NAMES or manual is not None:
            continue
        at = place[site], NAMES.index(metric)
        of_false, of_confirmed = false.get(cell, []), confirmed.get(cell, [])
        if not np.isnan(known.manual[at]) or (learned is None and len(of_false) < known.policy.least_repeated):
            continue
        of_all, highest = float(known.moved[at]), float(known.highest[at[1]])
        after = repeated.limit_after(of_false, of_confirmed, learned, of_all, highest, known.policy)
        if after != learned:
            counts = len(of_false), len(of_confirmed)
            told = {"false_alarms": counts[0], "confirmed": counts[1], "limit_of_all_hours": of_all}
            why = repeated.reason(*counts, after, learned)
            yield _proposal(known.name, site, metric, hour, learned, after, why, told)


def _by_cell(known: _Tenant, is_false: bool) -> dict[tuple[str, str, int], list[float]]:
    """Scores of what was said so of each cell."""
    found: dict[tuple[str, str, int], list[float]] = {}
    for row in np.flatnonzero((known.said.is_false == is_false) & (known.hour_of_week >= 0)).tolist():
        cell = known.sites[known.said.site[row]], NAMES[known.said.metric[row]], int(known.hour_of_week[row])
        found.setdefault(cell, []).append(float(known.said.score[row]))
    return found


def _proposal(
    tenant: str, site: str, metric: str, hour: int | None, before: float | None, after: float | None, reason: str,
    told: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    where = {"tenant_id": tenant, "site_id": site, "metric_type": metric, "hour_of_week": hour}
    return {**where, "before": before, "after": after, "reason": reason, "inputs": json.dumps(told)}


def _of_sites(known: _Tenant) -> Iterator[dict[str, Any]]:
    false, confirmed = known.counts(True), known.counts(False)
    before, after = known.weekly(known.current), known.weekly(known.moved)
    for site, metric in np.argwhere(known.moved != known.current):
        told = {
            "false_alarms": int(false[site, metric]),
            "confirmed": int(confirmed[site, metric]),
            "false_alarms_of_tenant": int(false.sum()),
            "confirmed_of_tenant": int(confirmed.sum()),
            "weeks_judged": round(float(known.weeks[site]), 1),
            "false_alarms_a_week": round(float(before[site]), 2),
            "false_alarms_a_week_after": round(float(after[site]), 2),
            "budget": known.policy.false_alarms_per_site_week,
            "limit_wanted": round(float(known.wanted[site, metric]), 2),
            "highest_allowed": round(float(known.highest[metric]), 2),
        }
        is_up = known.moved[site, metric] > known.current[site, metric]
        held = float(known.held[site, metric])
        yield _proposal(
            known.name, known.sites[site], NAMES[metric], None, None if np.isnan(held) else held,
            float(known.moved[site, metric]), _reason(told, is_up), told,
        )  # fmt: skip


def _reason(told: dict[str, Any], is_up: bool) -> str:
    judged = told["false_alarms"] + told["confirmed"]
    side = f"about {told['false_alarms_a_week']:g} false alarms a week at this site for a budget of {told['budget']:g}"
    of_metric = f"of {judged} alarms people judged of this metric {told['false_alarms']} were false"
    return f"{'Raised' if is_up else 'Lowered'}: {side}; {of_metric}."


def _said(said: pa.Table, alarms: Alarms) -> tuple[Said, Numbers]:
    """Verdicts that can be placed, and the hour of the week of each, -1 where it is not known.

    A finding tells what it was when seen last; what counts is the most unusual hour it was seen for, as of an alarm.
    """
    site, metric = places_among(said["site_id"], alarms.sites), places_among(said["metric_type"], NAMES)
    # An hour is seen when it is over.
    first, last = (_hours(said[name]) - 1 for name in ("first_seen_at", "last_seen_at"))
    is_here = (site >= 0) & (metric >= 0)
    peak = alarms.peaks(np.where(is_here, site * len(NAMES) + metric, 0), first, last)
    told = np.abs(reals(said["z"]))
    score = np.fmax(np.where(np.isfinite(told), told, np.nan), peak)
    kept = is_here & np.isfinite(score)
    hour = np.nan_to_num(reals(said["hour_of_week"])[kept], nan=-1).astype(np.int64)
    return Said(site[kept], metric[kept], score[kept], reals(said["is_false"])[kept] == 1), hour


def _highest(said: Said, policy: TuningPolicy) -> Numbers:
    """The highest limit of each metric that misses no more than the set share of what the tenant's people confirmed;
    the highest there is while they confirmed too little to tell."""
    found = np.full(len(NAMES), HIGHEST)
    for metric in range(len(NAMES)):
        confirmed = np.sort(said.score[(said.metric == metric) & ~said.is_false])
        if len(confirmed) >= policy.least_confirmed:
            found[metric] = repeated.just_below(confirmed[int(policy.most_missed * len(confirmed))])
    return found


def _limits(limits: pa.Table, sites: list[str], kind: str) -> Numbers:
    """What holds for all hours of each site's metric, `(site, metric)`; NaN where nothing does."""
    of_all = limits.filter(pc.is_null(limits["hour_of_week"]))
    site, metric = places_among(of_all["site_id"], sites), places_among(of_all["metric_type"], NAMES)
    found, kept = np.full((len(sites), len(NAMES)), np.nan), (site >= 0) & (metric >= 0)
    found[site[kept], metric[kept]] = reals(of_all[kind])[kept]
    return found


def _in_force(judged: pa.Table, sites: list[str], policy: TuningPolicy) -> Numbers:
    """The limit most cells of each site's metric had of themselves in the last week that was judged."""
    of_itself = pc.is_in(judged["threshold_source"], pa.array([Source.DEFAULT.value, Source.MATURE.value]))
    of_late = pc.greater(judged["bucket"], pa.scalar(pc.max(judged["bucket"]).as_py() - WEEK, INSTANT))
    rows = judged.filter(pc.and_(of_itself, of_late)).group_by(["site_id", "metric_type", "threshold"])
    rows = rows.aggregate([([], "count_all")]).sort_by([("count_all", "ascending"), ("threshold", "ascending")])
    found = np.full((len(sites), len(NAMES)), policy.default)
    site, metric = places_among(rows["site_id"], sites), places_among(rows["metric_type"], NAMES)
    kept = metric >= 0
    found[site[kept], metric[kept]] = reals(rows["threshold"])[kept]
    return found


def _hours(instants: Any) -> Numbers:
    """Hours since 1970, 0 for an instant that is not known."""
    micros = pc.fill_null(pc.cast(instants, pa.int64()), 0)
    return np.asarray(micros.to_numpy() // HOUR_MICROSECONDS, np.int64)
