"""What detections come to: one score in hundredths that decides everything, and "rules-v1" where there is no model.

Scores of detections are domain.md §5.2, rules-v1 is §5.4. Pure; whole hundredths throughout, for 0.35 + 0.30 + 0.15 is
less than 0.80 in binary fractions (defect 61). Elsewhere: what is detected (`detectors`), models (`training`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from noc_platform.errors import BadInput
from noc_platform.fraud.detectors import Detection, Facts, Numbers, is_spoofed
from noc_platform.fraud.limits import DEFAULTS, DetectorLimits, Severity
from noc_platform.fraud.vocabulary import FEATURES, Detector, RiskLevel

ALERT_AT, ACTION_AT, TICKET_AT = 50, 70, 80
LEVELS = ((80, RiskLevel.CRITICAL), (60, RiskLevel.HIGH), (40, RiskLevel.MEDIUM), (20, RiskLevel.LOW))
HIGHEST = 100
# One fraud that is certain must alert, whatever else there is not (defect 62).
FLOOR, FLOOR_CONFIDENCE = 60, 0.85


class Weight(NamedTuple):
    """What a detection counts, in hundredths, and with which others it says the same: of those the most counts."""

    group: str
    hundredths: int
    # Where it is of MEDIUM severity: one other person on a device or a face is weak evidence.
    weak: int


# The groups of §5.2 are BUDDY_PUNCHING, GPS, GEOFENCE, BIOMETRIC_QUALITY and PATTERN with their weights. Ours is what
# the origin never wired in: being in two places by punches weighs what it weighs by faces, and is the same thing;
# somebody at a site that is not theirs may stand in for another, which the roster would say late; overtime is a breach
# of rules rather than a lie; and of a poor position nobody is guilty.
WEIGHTS: Mapping[Detector, Weight] = {
    Detector.BUDDY_PUNCHING: Weight("BUDDY_PUNCHING", 35, 35),
    Detector.SHARED_FACE: Weight("BUDDY_PUNCHING", 35, 15),
    Detector.SHARED_DEVICE: Weight("BUDDY_PUNCHING", 20, 10),
    Detector.IMPOSSIBLE_SHIFTS: Weight("BUDDY_PUNCHING", 35, 35),
    Detector.GPS_SPOOFING: Weight("GPS", 30, 30),
    Detector.MOCK_LOCATION: Weight("GPS", 30, 30),
    Detector.GEOFENCE_VIOLATION: Weight("GEOFENCE", 15, 15),
    Detector.LOW_BIOMETRIC_QUALITY: Weight("BIOMETRIC_QUALITY", 10, 10),
    Detector.BIOMETRIC_PATTERN_ANOMALY: Weight("PATTERN", 10, 10),
    Detector.WRONG_PERSON: Weight("ROSTER", 20, 20),
    Detector.UNAUTHORIZED_SITE: Weight("ROSTER", 20, 20),
    Detector.OVERTIME_VIOLATION: Weight("OVERTIME", 10, 10),
    Detector.GPS_LOW_ACCURACY: Weight("ACCURACY", 5, 5),
}


@dataclass(frozen=True)
class FraudScore:
    """The one number that decides level, alert, action and ticket, with what it is the highest of; all in hundredths.

    `model` is None where no model was asked: that is not a probability of 0 (defect 73).
    """

    hundredths: int
    rule: int
    model: int | None
    floor: int

    @property
    def level(self) -> RiskLevel:
        """How high that is."""
        return level(self.hundredths)

    @property
    def is_alert(self) -> bool:
        """Whether somebody must look."""
        return self.hundredths >= ALERT_AT

    @property
    def is_action(self) -> bool:
        """Whether something must be done."""
        return self.hundredths >= ACTION_AT

    @property
    def is_ticket(self) -> bool:
        """Whether a ticket is opened."""
        return self.hundredths >= TICKET_AT


def level(hundredths: int) -> RiskLevel:
    """How high a score of so many hundredths is."""
    return next((risk for least, risk in LEVELS if hundredths >= least), RiskLevel.MINIMAL)


def weighted_score(detections: Iterable[Detection]) -> int:
    """The weights of what was detected, summed, in hundredths, 100 at most; of a group that says one thing the most."""
    most: dict[str, int] = {}
    for each in detections:
        weight = WEIGHTS[each.detector]
        hundredths = weight.weak if each.severity == Severity.MEDIUM else weight.hundredths
        most[weight.group] = max(most.get(weight.group, 0), hundredths)
    return min(sum(most.values()), HIGHEST)


def rule_floor(detections: Iterable[Detection]) -> int:
    """What one certain and CRITICAL detection warrants by itself, in hundredths; 0 where there is none."""
    is_certain = any(each.severity == Severity.CRITICAL and each.confidence >= FLOOR_CONFIDENCE for each in detections)
    return FLOOR if is_certain else 0


def rule_score(detections: Sequence[Detection]) -> int:
    """The score of what was detected, in hundredths: the weighted one, or the floor where that is higher."""
    return max(weighted_score(detections), rule_floor(detections))


def final_score(rule_hundredths: int, model_probability: float | None, floor_hundredths: int) -> FraudScore:
    """The highest of the rules' score, the model's probability rounded half up, and the floor.

    Raises `BadInput` for what is no probability or out of 0 to 100: a score that is not known must not become 0.
    """
    for told in (rule_hundredths, floor_hundredths):
        if not 0 <= told <= HIGHEST:
            raise BadInput(f"A score is 0 to {HIGHEST} hundredths, not {told}.")
    model = None if model_probability is None else hundredths_of(model_probability)
    highest = max(rule_hundredths, floor_hundredths, model or 0)
    return FraudScore(highest, rule_hundredths, model, floor_hundredths)


def hundredths_of(probability: float) -> int:
    """A probability in hundredths, rounded half up as it is written: 0.285 is 29. Raises `BadInput` for no such."""
    # Written so that what is not a number is refused as well.
    if not 0 <= probability <= 1:
        raise BadInput(f"A probability is 0 to 1, not {probability}.")
    return int((Decimal(repr(float(probability))) * HIGHEST).to_integral_value(ROUND_HALF_UP))


class Risk(NamedTuple):
    """How bad one feature is, 0 to 1, and what that weighs, in ten-thousandths."""

    weight: int
    of: Callable[[Numbers], Numbers]


def _beyond(least: float, span: float) -> Callable[[Numbers], Numbers]:
    """0 up to `least`, rising to 1 over `span`, which is negative for what is worse the lower it is."""
    return lambda values: np.clip((values - least) / span, 0.0, 1.0)


def _below(limit: float) -> Callable[[Numbers], Numbers]:
    return lambda values: np.where(np.isnan(values), np.nan, values < limit)


# §5.4, with its means taken apart into their members, so that each feature has a reason of its own.
RISKS: Mapping[str, Risk] = {
    "biometric_quality_score": Risk(2000, _beyond(0.7, -0.7)),
    "gps_accuracy": Risk(500, _beyond(100, 400)),
    "geofence_distance_meters": Risk(1500, _beyond(200, 1800)),
    "time_of_day_anomaly_score": Risk(500, _beyond(0, 1)),
    "day_of_week_pattern_score": Risk(500, _beyond(0, 1)),
    "velocity_kmh": Risk(2000, _beyond(150, 150)),
    "historical_fraud_rate": Risk(1500, _beyond(0, 0.5)),
    "consecutive_violations": Risk(1000, _beyond(0, 3)),
    "tour_completion_rate": Risk(125, _beyond(1, -1)),
    # In dBm; that is where calls begin to break off. The origin does not say what is weak.
    "phone_signal_strength": Risk(125, _below(-110)),
    "battery_level": Risk(125, _below(15)),
    "location_update_frequency": Risk(125, _below(2)),
}
WHOLE = sum(risk.weight for risk in RISKS.values())
# What is known weighs as the whole from half of it on: a single bad reading of 1 % of the weight is no proof.
LEAST_KNOWN = WHOLE // 2
# How bad what is not known is taken to be. Of somebody of whom nothing is known nobody can say 0 (defect 79).
NOT_KNOWN, NOT_KNOWN_RISK = "not_known", 0.05
PARTS = (*FEATURES, NOT_KNOWN)
# Multiples of it below 1 add up to the same in any order.
GRAIN = 2.0**40


@dataclass(frozen=True)
class Fallback:
    """rules-v1 of many events: `scores` (n,) 0 to 1; `contributions` (n, parts) by `parts`, which add up exactly to
    the score before its floor; `coverage` (n,), the weight of what was known, which is how far to trust it; and
    `floors` (n,), 0.6 where the position is surely false, else 0."""

    scores: Numbers
    contributions: Numbers
    parts: tuple[str, ...]
    coverage: Numbers
    floors: Numbers


def fallback(evidence: pa.Table, limits: Sequence[DetectorLimits] | None = None) -> Fallback:
    """rules-v1 (domain.md §5.4) for events of which no model can be asked.

    Each feature that is known weighs by how bad it is; those that are not known drop out and the rest weigh more, up
    to twice. `limits` of each row say what is too fast and what is accurate for the floor; the defaults unless given.
    """
    facts = Facts(evidence, [DEFAULTS] * evidence.num_rows if limits is None else limits)
    weighed = np.zeros((evidence.num_rows, len(PARTS)))
    known = np.zeros(evidence.num_rows)
    for place, name in enumerate(FEATURES):
        values = facts.number(name)
        weight, risk_of = RISKS[name]
        known += np.where(np.isnan(values), 0, weight)
        weighed[:, place] = weight * np.nan_to_num(risk_of(values), nan=0.0)
    unknown = (WHOLE - known) / WHOLE * NOT_KNOWN_RISK
    weighed *= ((1 - unknown) / np.maximum(known, LEAST_KNOWN))[:, np.newaxis]
    weighed[:, -1] = unknown
    contributions = np.floor(weighed * GRAIN) / GRAIN
    floors = np.where(is_spoofed(facts), FLOOR / HIGHEST, 0.0)
    scores = np.maximum(contributions.sum(axis=1), floors)
    return Fallback(scores, contributions, PARTS, known / WHOLE, floors)
