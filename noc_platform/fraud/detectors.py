"""The fraud rules (domain.md §5.1): which of them the facts of each event set off, how sure that is, and why. Pure.

All rows are asked at once; what is not known sets nothing off. Elsewhere: the facts (`facts`), the limits (`limits`),
what detections come to (`rules`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from noc_platform.fraud.limits import DetectorLimits, Severity
from noc_platform.fraud.vocabulary import Detector

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Of time between two sites less than this, or of an overlap, clocks and hands may be the reason (defect 59).
LEAST_SECONDS = 60.0
# Ours: below this a picture shows hardly a face at all. The other is of the log's own score (domain.md §1.3).
QUALITY_MIN, LIVENESS_MIN = 0.3, 0.5
LEAST_VERIFICATIONS = 10
DISTINCT_MINUTES_MIN, LOW_CONFIDENCE_MAX = 0.30, 0.30


@dataclass(frozen=True)
class Detection:
    """What one detector found in one event: its code, how bad, how sure (0 to 1), what it measured and which limit
    applied, and a sentence for whoever looks at it."""

    detector: Detector
    severity: str
    confidence: float
    evidence: dict[str, object]
    reason: str


@dataclass(frozen=True)
class Facts:
    """The evidence by column, each read once, and the limits of each row. NaN stands for what is not known."""

    evidence: pa.Table
    limits: Sequence[DetectorLimits]
    _numbers: dict[str, Numbers] = field(default_factory=dict)
    _limits: dict[str, Numbers] = field(default_factory=dict)

    def number(self, name: str) -> Numbers:
        """A column of numbers; what is infinite is as unknown as what is null."""
        if name not in self._numbers:
            column = pc.cast(self.evidence[name], pa.float64())
            read = np.asarray(pc.fill_null(column, np.nan).to_numpy(), np.float64)
            self._numbers[name] = np.where(np.isfinite(read), read, np.nan)
        return self._numbers[name]

    def says(self, name: str, answer: bool) -> Mask:
        """Where a column of truth is known, and this."""
        column = self.evidence[name]
        if pa.types.is_null(column.type):
            return np.zeros(len(column), np.bool_)
        said = pc.fill_null(pc.equal(column, answer), False)
        return np.asarray(said.to_numpy(), np.bool_)

    def knows(self, name: str) -> Mask:
        """Where a column is not null."""
        return np.asarray(pc.is_valid(self.evidence[name]).to_numpy(), np.bool_)

    def limit(self, name: str) -> Numbers:
        """A limit of each row."""
        if name not in self._limits:
            different, places = self._different
            values = np.array([getattr(each, name) for each in different], np.float64)
            self._limits[name] = values[places]
        return self._limits[name]

    def seen(self, row: int, *names: str, limits: tuple[str, ...] = ()) -> dict[str, Any]:
        """What columns say in a row, None for not known, and the limits that applied."""
        said = {name: _plain(self.evidence[name][row].as_py()) for name in names}
        return said | {name: getattr(self.limits[row], name) for name in limits}

    @cached_property
    def _different(self) -> tuple[list[DetectorLimits], NDArray[np.int64]]:
        # Objects are told apart by identity: hashing eight numbers for each row costs as much as all rules together.
        by_identity = {id(each): each for each in self.limits}
        place = {identity: number for number, identity in enumerate(by_identity)}
        places = np.fromiter((place[id(each)] for each in self.limits), np.int64, len(self.limits))
        return list(by_identity.values()), places


class Rule(NamedTuple):
    """A detector: which rows set it off, and what is said of one that did."""

    detector: Detector
    fires: Callable[[Facts], Mask]
    describe: Callable[[Facts, int], Detection]


def detect(evidence: pa.Table, limits: Sequence[DetectorLimits]) -> list[list[Detection]]:
    """What the rules find in each row of the evidence, in the order of `RULES`; each at most once in a row.

    `limits` are those of each row, as `limits.LimitsBook.rows` gives them. Raises ValueError unless there is one for
    each row. What a rule asks beyond domain.md §5.1 is said where it is asked.
    """
    if len(limits) != evidence.num_rows:
        raise ValueError(f"{evidence.num_rows} events need as many limits, not {len(limits)}")
    found: list[list[Detection]] = [[] for _ in range(evidence.num_rows)]
    facts = Facts(evidence, limits)
    for rule in RULES:
        for row in np.flatnonzero(rule.fires(facts)).tolist():
            found[row].append(rule.describe(facts, row))
    return found


def is_spoofed(facts: Facts) -> Mask:
    """Where the position is surely not where the phone is: it says so itself, or nobody travels that fast."""
    return _mocked(facts) | _too_fast(facts)


def _plain(value: Any) -> Any:
    """JSON has no word for infinity, and what is no number was not measured."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _wrong_person(facts: Facts) -> Mask:
    """Being at hand when nobody lacks is not taking somebody's place (defect 53)."""
    return facts.says("is_rostered_here", False) & facts.knows("expected_person_id")


def _say_wrong_person(facts: Facts, row: int) -> Detection:
    seen = facts.seen(row, "site_id", "person_id", "expected_person_id")
    reason = f"Not rostered here now; {seen['expected_person_id']} is, and has not punched in."
    return Detection(Detector.WRONG_PERSON, Severity.HIGH, 0.95, seen, reason)


def _unauthorized(facts: Facts) -> Mask:
    return facts.says("is_assigned_here", False) & ~facts.says("is_rostered_here", True)


def _say_unauthorized(facts: Facts, row: int) -> Detection:
    seen = facts.seen(row, "site_id", "person_id", "is_rostered_here")
    severity = facts.limits[row].unauthorized_severity
    reason = (
        f"{seen['site_id'] or 'This'} is not the home site, and no roster of 30 days before or after says to be there."
    )
    return Detection(Detector.UNAUTHORIZED_SITE, severity, 0.90, seen, reason)


def _is_overlap(facts: Facts) -> Mask:
    return facts.number("travel_seconds") <= -LEAST_SECONDS


def _needed_seconds(facts: Facts) -> Numbers:
    """How long the way takes at least: by its length where that is known, or by what somebody said."""
    travel = facts.number("travel_distance_meters") * 3.6 / facts.limit("max_travel_speed_kmh")
    return np.fmax(travel, facts.limit("min_travel_minutes") * 60)


def _impossible(facts: Facts) -> Mask:
    """Arriving sooner than the way takes, or before leaving (defect 55), whatever the distance.

    Less than a minute between the two counts as a minute, in either direction: somebody punched out late.
    """
    available = np.maximum(facts.number("travel_seconds"), LEAST_SECONDS)
    return _is_overlap(facts) | (available < _needed_seconds(facts))


def _say_impossible(facts: Facts, row: int) -> Detection:
    seen = facts.seen(
        row, "previous_attendance_id", "previous_site_id", "travel_seconds", "travel_distance_meters",
        limits=("max_travel_speed_kmh", "min_travel_minutes"),
    )  # fmt: skip
    seconds, distance = seen["travel_seconds"], seen["travel_distance_meters"]
    where = seen["previous_site_id"] or "another site"
    away = "" if distance is None else f", {_length(distance)} away,"
    if seconds <= -LEAST_SECONDS:
        reason = f"Punched in here {_duration(-seconds)} before leaving {where}{away.rstrip(',')}."
    else:
        needed = float(_needed_seconds(facts)[row])
        seen["needed_seconds"] = needed
        reason = f"Left {where}{away} {_duration(max(seconds, 0))} earlier; that takes {_duration(needed)} at least."
    return Detection(Detector.IMPOSSIBLE_SHIFTS, Severity.CRITICAL, 0.85, seen, reason)


def _overtime(facts: Facts) -> Mask:
    most = facts.limit("max_continuous_work_hours") * 3600
    return (facts.number("worked_seconds") > most) | (facts.number("continuous_seconds") > most)


def _say_overtime(facts: Facts, row: int) -> Detection:
    seen = facts.seen(row, "worked_seconds", "continuous_seconds", limits=("max_continuous_work_hours",))
    most = facts.limits[row].max_continuous_work_hours
    worked, continuous = seen["worked_seconds"], seen["continuous_seconds"]
    if worked is not None and worked > most * 3600:
        reason = f"Worked {_duration(worked)} of the last 24 hours; {most:g} h is the most."
    else:
        reason = f"Worked {_duration(continuous)} without a longer break; {most:g} h is the most."
    return Detection(Detector.OVERTIME_VIOLATION, Severity.HIGH, 0.98, seen, reason)


def _in_two_places(facts: Facts) -> Mask:
    return facts.number("elsewhere_seconds") <= facts.limit("concurrent_biometric_minutes") * 60


def _say_in_two_places(facts: Facts, row: int) -> Detection:
    seen = facts.seen(
        row, "elsewhere_attendance_id", "elsewhere_site_id", "elsewhere_seconds",
        limits=("concurrent_biometric_minutes",),
    )  # fmt: skip
    before = facts.seen(row, "previous_site_id", "travel_distance_meters")
    away, distance = "", before["travel_distance_meters"]
    # How far the other site is, is known where the person was there last.
    if distance is not None and before["previous_site_id"] == seen["elsewhere_site_id"]:
        seen["travel_distance_meters"], away = distance, f", {_length(distance)} away,"
    where, apart = seen["elsewhere_site_id"] or "another site", _duration(seen["elsewhere_seconds"])
    reason = f"Verified at {where} as well{away or ','} {apart} apart."
    return Detection(Detector.BUDDY_PUNCHING, Severity.CRITICAL, 0.95, seen, reason)


def _is_accurate(facts: Facts) -> Mask:
    most = facts.limit("gps_accuracy_max_meters")
    return (facts.number("accuracy_meters") <= most) & (facts.number("fix_accuracy_meters") <= most)


def _too_fast(facts: Facts) -> Mask:
    """Only between positions that are both good: where one is poor, the way may be (defect 59)."""
    return (facts.number("fix_speed_kmh") > facts.limit("max_travel_speed_kmh")) & _is_accurate(facts)


def _say_too_fast(facts: Facts, row: int) -> Detection:
    seen = facts.seen(
        row, "fix_speed_kmh", "accuracy_meters", "fix_accuracy_meters",
        limits=("max_travel_speed_kmh", "gps_accuracy_max_meters"),
    )  # fmt: skip
    most = facts.limits[row].max_travel_speed_kmh
    reason = f"{seen['fix_speed_kmh']:.0f} km/h from the last position to this one; {most:g} km/h is the most."
    return Detection(Detector.GPS_SPOOFING, Severity.CRITICAL, 0.99, seen, reason)


def _mocked(facts: Facts) -> Mask:
    return facts.says("is_mocked", True)


def _say_mocked(facts: Facts, row: int) -> Detection:
    """The phone admits it (defect 60)."""
    reason = "The phone says that its position is made up by an app."
    return Detection(Detector.MOCK_LOCATION, Severity.CRITICAL, 0.99, facts.seen(row, "is_mocked"), reason)


def _outside(facts: Facts) -> Mask:
    return facts.number("geofence_excess_meters") > facts.limit("geofence_violation_meters")


def _say_outside(facts: Facts, row: int) -> Detection:
    seen = facts.seen(row, "geofence_excess_meters", "accuracy_meters", limits=("geofence_violation_meters",))
    most = facts.limits[row].geofence_violation_meters
    reason = f"Punched {_length(seen['geofence_excess_meters'])} beyond the geofence; {_length(most)} is the most."
    return Detection(Detector.GEOFENCE_VIOLATION, Severity.HIGH, 0.90, seen, reason)


def _inaccurate(facts: Facts) -> Mask:
    return facts.number("accuracy_meters") > facts.limit("gps_accuracy_max_meters")


def _say_inaccurate(facts: Facts, row: int) -> Detection:
    seen = facts.seen(row, "accuracy_meters", limits=("gps_accuracy_max_meters",))
    most = facts.limits[row].gps_accuracy_max_meters
    reason = f"Position good to {_length(seen['accuracy_meters'])} only; {_length(most)} is the most."
    return Detection(Detector.GPS_LOW_ACCURACY, Severity.MEDIUM, 0.70, seen, reason)


def _poor_biometrics(facts: Facts) -> Mask:
    is_unsure = facts.number("confidence_score") < facts.limit("biometric_confidence_min")
    is_blurred = facts.number("biometric_quality_score") < QUALITY_MIN
    return is_unsure | is_blurred | (facts.number("liveness_score") < LIVENESS_MIN)


def _say_poor_biometrics(facts: Facts, row: int) -> Detection:
    """How sure is what the verification log would be scored with (domain.md §1.3), the highest of what holds; a poor
    picture counts as a poor match."""
    names = ("confidence_score", "biometric_quality_score", "liveness_score")
    seen = facts.seen(row, *names, limits=("biometric_confidence_min",))
    least = (facts.limits[row].biometric_confidence_min, QUALITY_MIN, LIVENESS_MIN)
    seen |= {"biometric_quality_min": QUALITY_MIN, "liveness_min": LIVENESS_MIN}
    words = ("match", "picture", "liveness")
    low = [
        (word, seen[name], limit)
        for word, name, limit in zip(words, names, least, strict=True)
        if seen[name] is not None and seen[name] < limit
    ]
    said = ", ".join(f"{word} {value:.2f} where {limit:g} is the least" for word, value, limit in low)
    is_lifeless = any(word == words[2] for word, _, _ in low)
    severity, confidence = (Severity.HIGH, 0.80) if is_lifeless else (Severity.MEDIUM, 0.60)
    return Detection(Detector.LOW_BIOMETRIC_QUALITY, severity, confidence, seen, f"Verified poorly: {said}.")


def _odd_pattern(facts: Facts) -> Mask:
    count = facts.number("verifications")
    is_regular = facts.number("distinct_minutes") < DISTINCT_MINUTES_MIN * count
    is_unsure = facts.number("mean_confidence") < facts.limit("biometric_confidence_min")
    is_often_unsure = facts.number("low_confidence_share") > LOW_CONFIDENCE_MAX
    return (count >= LEAST_VERIFICATIONS) & (is_regular | is_unsure | is_often_unsure)


def _say_odd_pattern(facts: Facts, row: int) -> Detection:
    seen = facts.seen(
        row, "verifications", "distinct_minutes", "mean_confidence", "low_confidence_share",
        limits=("biometric_confidence_min",),
    )  # fmt: skip
    seen |= {"distinct_minutes_min": DISTINCT_MINUTES_MIN, "low_confidence_max": LOW_CONFIDENCE_MAX}
    count, minutes = seen["verifications"], seen["distinct_minutes"]
    mean, share = seen["mean_confidence"], seen["low_confidence_share"]
    said = []
    if minutes is not None and minutes < DISTINCT_MINUTES_MIN * count:
        said.append(f"at {minutes:.0f} minutes of the day only")
    if mean is not None and mean < facts.limits[row].biometric_confidence_min:
        said.append(f"a match of {mean:.2f} on average")
    if share is not None and share > LOW_CONFIDENCE_MAX:
        said.append(f"{share:.0%} of them hardly a match")
    reason = f"{count:.0f} verifications within 30 days: {', '.join(said)}."
    return Detection(Detector.BIOMETRIC_PATTERN_ANOMALY, Severity.MEDIUM, 0.75, seen, reason)


def _shared_device(facts: Facts) -> Mask:
    return facts.number("device_people") >= 1


def _say_shared_device(facts: Facts, row: int) -> Detection:
    """Phones are lent, and some sites have one for all: one other says little, and several are still no proof. Both
    confidences are ours."""
    seen = facts.seen(row, "device_id", "device_people")
    others = int(seen["device_people"])
    severity, confidence = (Severity.MEDIUM, 0.50) if others < 2 else (Severity.HIGH, 0.75)
    reason = f"{_people(others)} used the same device within 7 days."
    return Detection(Detector.SHARED_DEVICE, severity, confidence, seen, reason)


def _shared_face(facts: Facts) -> Mask:
    return facts.number("template_people") >= 1


def _say_shared_face(facts: Facts, row: int) -> Detection:
    """A terminal takes somebody for another 3 times in 1,000, so that one other says little; that it does so of two
    by chance is rare. Both confidences are ours."""
    seen = facts.seen(row, "template_id", "template_people")
    others = int(seen["template_people"])
    severity, confidence = (Severity.MEDIUM, 0.60) if others < 2 else (Severity.CRITICAL, 0.90)
    reason = f"{_people(others)} matched the same face within 30 days."
    return Detection(Detector.SHARED_FACE, severity, confidence, seen, reason)


def _people(others: int) -> str:
    return "One other person" if others == 1 else f"{others} other people"


def _length(meters: float) -> str:
    return f"{meters:.0f} m" if meters < 1000 else f"{meters / 1000:.3g} km"


def _duration(seconds: float) -> str:
    if abs(seconds) < LEAST_SECONDS:
        return f"{seconds:.0f} seconds"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{minutes // 60} h {minutes % 60:02d} min"


RULES = (
    Rule(Detector.WRONG_PERSON, _wrong_person, _say_wrong_person),
    Rule(Detector.UNAUTHORIZED_SITE, _unauthorized, _say_unauthorized),
    Rule(Detector.IMPOSSIBLE_SHIFTS, _impossible, _say_impossible),
    Rule(Detector.OVERTIME_VIOLATION, _overtime, _say_overtime),
    Rule(Detector.BUDDY_PUNCHING, _in_two_places, _say_in_two_places),
    Rule(Detector.GPS_SPOOFING, _too_fast, _say_too_fast),
    Rule(Detector.MOCK_LOCATION, _mocked, _say_mocked),
    Rule(Detector.GEOFENCE_VIOLATION, _outside, _say_outside),
    Rule(Detector.GPS_LOW_ACCURACY, _inaccurate, _say_inaccurate),
    Rule(Detector.LOW_BIOMETRIC_QUALITY, _poor_biometrics, _say_poor_biometrics),
    Rule(Detector.BIOMETRIC_PATTERN_ANOMALY, _odd_pattern, _say_odd_pattern),
    Rule(Detector.SHARED_DEVICE, _shared_device, _say_shared_device),
    Rule(Detector.SHARED_FACE, _shared_face, _say_shared_face),
)
