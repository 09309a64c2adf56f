"""What a limit would have done: stored evidence replayed under a candidate, beside what was in force.

Pure: tables, a candidate and a moment in, an answer out. Nothing is collected or scored anew, so the answer is what
judging those hours with the candidate would have said. Elsewhere: changing limits (`limits`), moving the learned ones
by themselves (`tuning`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noc_platform.baselines.changes import Scope
from noc_platform.baselines.learning import Numbers
from noc_platform.baselines.metrics import BY_NAME, Direction
from noc_platform.baselines.profiles import INSTANT
from noc_platform.baselines.scoring import LIMITS_SCHEMA, Verdict, too_far
from noc_platform.baselines.thresholds import HIGHEST, LOWEST, checked
from noc_platform.errors import BadInput

HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)
DEFAULT_DAYS = 30
LEAST_LABELLED = 10
# Bands of domain.md §3.6, and the least difference between limits worth speaking of.
NOISY_FROM, QUIET_BELOW, SEES_TOO_LITTLE_BELOW = 0.30, 0.05, 0.70
OPTIMAL_RATES, OPTIMAL_FROM = (0.10, 0.20), 0.75
LEAST_DIFFERENCE = 0.2
HUNDREDTHS = 100


class Status(StrEnum):
    """Whether a simulation says something. INSUFFICIENT_DATA: no stored hours, or too few verdicts for rates."""

    SUCCESS = "success"
    INSUFFICIENT_DATA = "insufficient_data"
    INVALID_THRESHOLD = "invalid_threshold"


class Known(StrEnum):
    """What people said of an alarm."""

    CONFIRMED = "CONFIRMED"
    FALSE_POSITIVE = "FALSE_POSITIVE"
    UNKNOWN = "UNKNOWN"


class Advice(StrEnum):
    """What to make of a candidate (domain.md §3.6); the first that applies."""

    TOO_NOISY = "TOO_NOISY"
    TOO_INSENSITIVE = "TOO_INSENSITIVE"
    OPTIMAL = "OPTIMAL"
    MINIMAL_CHANGE = "MINIMAL_CHANGE"
    FEWER_ALARMS = "FEWER_ALARMS"
    MORE_ALARMS = "MORE_ALARMS"
    SAME_ALARMS = "SAME_ALARMS"


@dataclass(frozen=True)
class Alarm:
    """Consecutive hours beyond the limit on one side, `[starts_at, ends_at)` (UTC); `evidence_z` is the largest."""

    starts_at: datetime
    ends_at: datetime
    direction: str
    evidence_z: float
    known: Known


@dataclass(frozen=True)
class Outcome:
    """What a limit does to the stored hours: alarms, and what becomes of those findings that people judged.

    A confirmed finding is a true positive where its hours raise an alarm and a false negative where they do not; one
    that was nothing, a false positive or a true negative. `unknown` alarms are those nobody judged: neither (defect
    37).
    """

    alert_count: int
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    unknown: int

    @property
    def labelled(self) -> int:
        """Findings that people judged."""
        return self.true_positives + self.false_positives + self.true_negatives + self.false_negatives

    @property
    def false_positive_rate(self) -> float | None:
        """Share of what was nothing that raises an alarm; None where nothing is known to have been nothing."""
        return _share(self.false_positives, self.true_negatives)

    @property
    def true_positive_rate(self) -> float | None:
        """Share of what was so that raises an alarm; None where nothing was confirmed."""
        return _share(self.true_positives, self.false_negatives)

    @property
    def precision(self) -> float | None:
        """Share of judged alarms that were so; None without any."""
        return _share(self.true_positives, self.false_positives)


@dataclass(frozen=True)
class Simulation:
    """A candidate limit on the hours of `days` before a moment.

    `current` is the limit most of those hours had, None where there are none. `would` is what the candidate does, `did`
    what was in force; both are None without stored hours, and changes where they cannot be told. `alarms` are those of
    the candidate, the furthest from usual first.
    """

    status: Status
    scope: Scope
    candidate: float
    current: float | None
    days: int
    hours: int
    would: Outcome | None = None
    did: Outcome | None = None
    alert_count_change: int | None = None
    fp_rate_change: float | None = None
    advice: Advice | None = None
    recommendation: str = ""
    alarms: Sequence[Alarm] = ()


@dataclass(frozen=True)
class Optimal:
    """The lowest limit, to the hundredth, from which on false alarms are few enough; `threshold` is None where none up
    to 5 is. Alarms that people confirmed are no false ones, those nobody judged may be."""

    threshold: float | None
    target_per_week: float
    false_alarms_per_week: float | None
    hours: int


@dataclass(frozen=True)
class _Hours:
    """Judged hours of a scope in order of time, element by element; `follows`: right after the one before, and on the
    same side."""

    instants: list[datetime]
    hour_of_week: Numbers
    evidence: Numbers
    threshold: Numbers
    did_fire: Numbers
    follows: Numbers


@dataclass(frozen=True)
class _Label:
    """What people said of a finding, and the places of the hours it was about."""

    is_false: bool
    places: Numbers


def simulate(
    judged: pa.Table,
    adjudicated: pa.Table,
    scope: Scope,
    candidate: float,
    as_of: datetime,
    days: int = DEFAULT_DAYS,
    limits: pa.Table | None = None,
) -> Simulation:
    """What `candidate` would have done in the `days` before `as_of` (UTC), had a person set it for the scope.

    `judged` are rows of `scoring.JUDGED_SCHEMA`; `adjudicated` has a row for each finding people judged, with its cell,
    `first_seen_at`, `last_seen_at` and `is_false`. `limits` (`LIMITS_SCHEMA`) are those in force: hours that have one
    set by a person of their own keep it. Raises `BadInput` for less than a day.
    """
    if days < 1:
        raise BadInput(f"A simulation takes a day at least, not {days}.")
    try:
        checked(candidate)
    except BadInput as error:
        return Simulation(Status.INVALID_THRESHOLD, scope, candidate, None, days, 0, recommendation=str(error))
    hours = _hours(judged, scope, as_of - timedelta(days=days), as_of)
    if not hours.instants:
        said = f"No stored hour of {scope.name} was judged in those {days} days."
        return Simulation(Status.INSUFFICIENT_DATA, scope, candidate, None, days, 0, recommendation=said)
    labels = _labels(adjudicated, scope, hours)
    fires = too_far(hours.evidence, _limit(hours, scope, candidate, limits), BY_NAME[scope.metric_type])
    alarms = _alarms(hours, fires, labels)
    would, did = (
        _outcome(fires, alarms, labels),
        _outcome(hours.did_fire, _alarms(hours, hours.did_fire, labels), labels),
    )
    current = _most_frequent(hours.threshold)
    advice, recommendation = _advice(would, did, candidate - current)
    rates = would.false_positive_rate, did.false_positive_rate
    return Simulation(
        status=Status.SUCCESS if would.labelled >= LEAST_LABELLED else Status.INSUFFICIENT_DATA,
        scope=scope,
        candidate=candidate,
        current=current,
        days=days,
        hours=len(hours.instants),
        would=would,
        did=did,
        alert_count_change=would.alert_count - did.alert_count,
        fp_rate_change=None if rates[0] is None or rates[1] is None else rates[0] - rates[1],
        advice=advice,
        recommendation=recommendation,
        alarms=sorted(alarms, key=lambda alarm: (-abs(alarm.evidence_z), alarm.starts_at)),
    )


def find_optimal(
    judged: pa.Table,
    adjudicated: pa.Table,
    scope: Scope,
    target_per_week: float,
    as_of: datetime,
    days: int = DEFAULT_DAYS,
) -> Optimal:
    """The lowest limit for a scope from which on there are at most `target_per_week` false alarms, told by every limit
    to the hundredth: the number of alarms is no monotone function of the limit, as a higher one may split an alarm in
    two."""
    hours = _hours(judged, scope, as_of - timedelta(days=days), as_of)
    if not hours.instants:
        return Optimal(None, target_per_week, None, 0)
    grid = np.arange(round(LOWEST * HUNDREDTHS), round(HIGHEST * HUNDREDTHS) + 1) / HUNDREDTHS
    beyond = _beyond(hours, scope, _labels(adjudicated, scope, hours))
    together = np.where(hours.follows[1:], np.minimum(beyond[1:], beyond[:-1]), 0.0)
    alarms = _above(beyond, grid) - _above(together, grid)
    weekly = alarms / ((hours.instants[-1] + HOUR - hours.instants[0]) / WEEK)
    is_enough = np.logical_and.accumulate((weekly <= target_per_week)[::-1])[::-1]
    if not is_enough.any():
        return Optimal(None, target_per_week, None, len(hours.instants))
    place = int(np.argmax(is_enough))
    return Optimal(float(grid[place]), target_per_week, float(weekly[place]), len(hours.instants))


def _hours(judged: pa.Table, scope: Scope, since: datetime, until: datetime) -> _Hours:
    bucket = judged["bucket"]
    bounds = [pa.scalar(moment, INSTANT) for moment in (since, until)]
    is_wanted = pc.and_(pc.greater_equal(bucket, bounds[0]), pc.less(bucket, bounds[1]))
    for name in ("tenant_id", "site_id", "metric_type", "hour_of_week"):
        if getattr(scope, name) is not None:
            is_wanted = pc.and_(is_wanted, pc.equal(judged[name], getattr(scope, name)))
    is_wanted = pc.and_(
        is_wanted, pc.is_in(judged["verdict"], pa.array([Verdict.USUAL, Verdict.ANOMALOUS], pa.string()))
    )
    rows = judged.filter(is_wanted).sort_by("bucket")
    instants, evidence = rows["bucket"].to_pylist(), rows["evidence_z"].to_numpy()
    is_next = [False, *(later - earlier == HOUR for earlier, later in pairwise(instants))]
    same_side = np.concatenate([[False], (evidence[1:] < 0) == (evidence[:-1] < 0)])[: len(instants)]
    return _Hours(
        instants=instants,
        hour_of_week=rows["hour_of_week"].to_numpy(),
        evidence=evidence,
        threshold=rows["threshold"].to_numpy(),
        did_fire=pc.equal(rows["verdict"], Verdict.ANOMALOUS.value).to_numpy(),
        follows=np.array(is_next[: len(instants)], bool) & same_side,
    )


def _labels(adjudicated: pa.Table, scope: Scope, hours: _Hours) -> list[_Label]:
    """Verdicts on findings of the scope whose hours are among those stored. An hour is seen when it is over."""
    wanted = [
        name for name in ("tenant_id", "site_id", "metric_type", "hour_of_week") if getattr(scope, name) is not None
    ]
    instants = np.array([moment.timestamp() for moment in hours.instants])
    labels = []
    for row in adjudicated.to_pylist():
        if any(row[name] != getattr(scope, name) for name in wanted):
            continue
        first, last = ((row[name] - HOUR).timestamp() for name in ("first_seen_at", "last_seen_at"))
        is_about = (instants >= first) & (instants <= last)
        if row["z"] is not None:
            is_about &= (hours.evidence < 0) == (row["z"] < 0)
        if is_about.any():
            labels.append(_Label(row["is_false"], np.flatnonzero(is_about)))
    return labels


def _limit(hours: _Hours, scope: Scope, candidate: float, limits: pa.Table | None) -> Numbers:
    """The candidate, except for hours of the week with a limit of their own, where it is for all hours."""
    limit = np.full(len(hours.instants), candidate)
    if scope.hour_of_week is None:
        for row in (limits if limits is not None else LIMITS_SCHEMA.empty_table()).to_pylist():
            is_scope = all(row[name] == getattr(scope, name) for name in ("tenant_id", "site_id", "metric_type"))
            if is_scope and row["hour_of_week"] is not None and row["manual"] is not None:
                limit[hours.hour_of_week == row["hour_of_week"]] = row["manual"]
    return limit


def _alarms(hours: _Hours, fires: Numbers, labels: list[_Label]) -> list[Alarm]:
    said = np.full(len(fires), Known.UNKNOWN, object)
    # What is so of part of an alarm is so: people looked at the same hours.
    for label in sorted(labels, key=lambda each: not each.is_false):
        said[label.places] = Known.FALSE_POSITIVE if label.is_false else Known.CONFIRMED
    places = np.flatnonzero(fires)
    begins = ~(hours.follows[places] & fires[places - 1])
    return [_alarm(hours, run, said) for run in np.split(places, np.flatnonzero(begins)) if len(run)]


def _alarm(hours: _Hours, places: Numbers, said: Any) -> Alarm:
    worst = places[np.argmax(np.abs(hours.evidence[places]))]
    heard = set(said[places])
    known = next((each for each in (Known.CONFIRMED, Known.FALSE_POSITIVE) if each in heard), Known.UNKNOWN)
    return Alarm(
        starts_at=hours.instants[places[0]],
        ends_at=hours.instants[places[-1]] + HOUR,
        direction=Direction.BELOW if hours.evidence[worst] < 0 else Direction.ABOVE,
        evidence_z=float(hours.evidence[worst]),
        known=known,
    )


def _outcome(fires: Numbers, alarms: list[Alarm], labels: list[_Label]) -> Outcome:
    of_labels = [(label.is_false, bool(fires[label.places].any())) for label in labels]
    return Outcome(
        alert_count=len(alarms),
        true_positives=of_labels.count((False, True)),
        false_positives=of_labels.count((True, True)),
        true_negatives=of_labels.count((True, False)),
        false_negatives=of_labels.count((False, False)),
        unknown=sum(alarm.known is Known.UNKNOWN for alarm in alarms),
    )


def _advice(would: Outcome, did: Outcome, difference: float) -> tuple[Advice | None, str]:
    noise, sight = would.false_positive_rate, would.true_positive_rate
    more = would.alert_count - did.alert_count
    effect = f"{would.alert_count} alarms instead of {did.alert_count}"
    if would.labelled < LEAST_LABELLED:
        said = f"Only {would.labelled} of its findings were judged by people, {LEAST_LABELLED} are needed for advice."
        return None, f"{said} There would have been {effect}."
    if noise is not None and noise > NOISY_FROM:
        return Advice.TOO_NOISY, f"Too noisy: raise it. {noise:.0%} of what was nothing would be an alarm; {effect}."
    if noise is not None and sight is not None:
        if noise < QUIET_BELOW and sight < SEES_TOO_LITTLE_BELOW:
            return (
                Advice.TOO_INSENSITIVE,
                f"Too insensitive: lower it. It would see {sight:.0%} of what was so; {effect}.",
            )
        if OPTIMAL_RATES[0] <= noise <= OPTIMAL_RATES[1] and sight >= OPTIMAL_FROM:
            return Advice.OPTIMAL, f"Optimal: {noise:.0%} of what was nothing, {sight:.0%} of what was so; {effect}."
    if abs(difference) < LEAST_DIFFERENCE:
        return Advice.MINIMAL_CHANGE, f"A minimal change: {effect}."
    if more == 0:
        return Advice.SAME_ALARMS, f"It would change no number: {effect}."
    advice = Advice.MORE_ALARMS if more > 0 else Advice.FEWER_ALARMS
    return advice, f"{'More' if more > 0 else 'Fewer'} alarms: {effect}."


def _beyond(hours: _Hours, scope: Scope, labels: list[_Label]) -> Numbers:
    """How far each hour is from usual on a side that matters, 0 where people confirmed what it was."""
    beyond = np.where(too_far(hours.evidence, 0.0, BY_NAME[scope.metric_type]), np.abs(hours.evidence), 0.0)
    for label in labels:
        if not label.is_false:
            beyond[label.places] = 0.0
    return beyond


def _above(values: Numbers, limits: Numbers) -> Numbers:
    return np.asarray(len(values) - np.searchsorted(np.sort(values), limits, side="right"))


def _most_frequent(values: Numbers) -> float:
    found, counts = np.unique(values, return_counts=True)
    return float(found[np.argmax(counts)])


def _share(part: int, rest: int) -> float | None:
    return part / (part + rest) if part + rest else None
