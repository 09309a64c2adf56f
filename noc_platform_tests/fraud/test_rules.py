"""What detections come to, and rules-v1: one number, never lower for worse evidence, and why."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from noc_platform.errors import BadInput
from noc_platform.fraud.detectors import Detection, detect
from noc_platform.fraud.limits import DEFAULTS, DetectorLimits, Severity
from noc_platform.fraud.rules import (
    FLOOR,
    LEVELS,
    NOT_KNOWN,
    PARTS,
    RISKS,
    WEIGHTS,
    fallback,
    final_score,
    hundredths_of,
    level,
    rule_floor,
    rule_score,
    weighted_score,
)
from noc_platform.fraud.vocabulary import FEATURES, Detector, RiskLevel
from noc_platform_tests.fraud.rule_evidence import BAD, events, facts

# As bad, and as good, as each feature can be.
WORST = {
    "biometric_quality_score": 0.0, "gps_accuracy": 500.0, "geofence_distance_meters": 2000.0,
    "time_of_day_anomaly_score": 1.0, "day_of_week_pattern_score": 1.0, "velocity_kmh": 300.0,
    "historical_fraud_rate": 0.5, "consecutive_violations": 3.0, "tour_completion_rate": 0.0,
    "phone_signal_strength": -120.0, "battery_level": 3.0, "location_update_frequency": 0.0,
}  # fmt: skip
BEST = {
    "biometric_quality_score": 0.9, "gps_accuracy": 10.0, "geofence_distance_meters": 0.0,
    "time_of_day_anomaly_score": 0.0, "day_of_week_pattern_score": 0.0, "velocity_kmh": 3.0,
    "historical_fraud_rate": 0.0, "consecutive_violations": 0.0, "tour_completion_rate": 1.0,
    "phone_signal_strength": -70.0, "battery_level": 80.0, "location_update_frequency": 12.0,
}  # fmt: skip
# Which way each fact gets worse, where no rule takes it as an excuse: a poor accuracy excuses a speed.
WORSE = {
    "geofence_excess_meters": 1, "fix_speed_kmh": 1, "travel_distance_meters": 1, "travel_seconds": -1,
    "worked_seconds": 1, "continuous_seconds": 1, "elsewhere_seconds": -1, "distinct_minutes": -1,
    "mean_confidence": -1, "low_confidence_share": 1, "verifications": 1, "device_people": 1, "template_people": 1,
    "confidence_score": -1, "liveness_score": -1, "biometric_quality_score": -1,
}  # fmt: skip


def of(*detectors: Detector) -> list[Detection]:
    """What is detected by the evidence of each."""
    return [each for detector in detectors for each in detect(events(BAD[detector]), [DEFAULTS])[0]]


def found(told: dict[str, Any]) -> list[Detection]:
    """What is detected in one event."""
    return detect(events(told), [DEFAULTS])[0]


def test_defect_61_thirty_five_thirty_and_fifteen_are_eighty() -> None:
    detections = of(Detector.BUDDY_PUNCHING, Detector.GPS_SPOOFING, Detector.GEOFENCE_VIOLATION)
    score = final_score(weighted_score(detections), None, rule_floor(detections))
    assert (score.rule, score.hundredths, score.level) == (80, 80, RiskLevel.CRITICAL)
    assert score.is_alert
    assert score.is_action
    assert score.is_ticket


def test_defect_62_one_certain_fraud_alerts_and_every_detector_counts() -> None:
    assert set(WEIGHTS) == set(Detector)
    for detector in Detector:
        assert weighted_score(of(detector)) > 0
    certain = {each for each in Detector if rule_floor(of(each))}
    assert certain == {
        Detector.UNAUTHORIZED_SITE, Detector.IMPOSSIBLE_SHIFTS, Detector.BUDDY_PUNCHING, Detector.GPS_SPOOFING,
        Detector.MOCK_LOCATION,
    }  # fmt: skip
    for detector in certain:
        assert rule_score(of(detector)) == FLOOR
        assert final_score(0, 0.01, rule_floor(of(detector))).is_alert
    assert not final_score(weighted_score(of(Detector.GEOFENCE_VIOLATION)), None, 0).is_alert


@pytest.mark.parametrize(
    ("detectors", "score"),
    [
        ((), 0), ((Detector.BUDDY_PUNCHING,), 35), ((Detector.GPS_SPOOFING, Detector.MOCK_LOCATION), 30),
        ((Detector.GEOFENCE_VIOLATION,), 15), ((Detector.LOW_BIOMETRIC_QUALITY,), 10),
        ((Detector.BIOMETRIC_PATTERN_ANOMALY,), 10), ((Detector.SHARED_FACE,), 15), ((Detector.SHARED_DEVICE,), 10),
        ((Detector.SHARED_FACE, Detector.SHARED_DEVICE, Detector.BUDDY_PUNCHING), 35), (tuple(Detector), 100),
    ],
)  # fmt: skip
def test_what_says_the_same_counts_once_and_all_together_one_hundred(detectors: Any, score: int) -> None:
    assert weighted_score(of(*detectors)) == score


@pytest.mark.parametrize(
    ("hundredths", "risk"),
    [(0, "MINIMAL"), (19, "MINIMAL"), (20, "LOW"), (39, "LOW"), (40, "MEDIUM"), (59, "MEDIUM"), (60, "HIGH"),
     (79, "HIGH"), (80, "CRITICAL"), (100, "CRITICAL")],
)  # fmt: skip
def test_levels_begin_where_the_domain_says(hundredths: int, risk: str) -> None:
    assert level(hundredths) == risk


@pytest.mark.parametrize(
    ("probability", "hundredths"),
    [(0.285, 29), (0.795, 80), (0.7949999, 79), (0.0, 0), (0.004, 0), (0.005, 1), (1, 100)],
)
def test_a_probability_is_rounded_half_up_as_it_is_written(probability: float, hundredths: int) -> None:
    assert hundredths_of(probability) == hundredths


@pytest.mark.parametrize("probability", [-0.01, 1.01, float("nan"), float("inf")])
def test_what_is_no_probability_is_refused_rather_than_taken_for_nothing(probability: float) -> None:
    with pytest.raises(BadInput, match="0 to 1"):
        final_score(80, probability, 0)
    with pytest.raises(BadInput, match="0 to 100"):
        final_score(101, None, 0)


@given(st.integers(0, 100), st.none() | st.floats(0, 1), st.sampled_from([0, 60]))
@example(80, None, 0)
@example(0, 0.795, 0)
def test_one_number_decides_level_alert_action_and_ticket(rule: int, probability: float | None, floor: int) -> None:
    score = final_score(rule, probability, floor)
    assert score.hundredths == max(rule, floor, 0 if probability is None else hundredths_of(probability))
    assert (score.rule, score.floor) == (rule, floor)
    assert (score.model is None) == (probability is None)
    assert score.is_ticket == (score.hundredths >= 80) == (score.level == RiskLevel.CRITICAL)
    assert score.is_action == (score.hundredths >= 70)
    assert score.is_alert == (score.hundredths >= 50)
    assert score.level == next((risk for least, risk in LEVELS if score.hundredths >= least), "MINIMAL")


@settings(deadline=None, max_examples=150)
@given(facts(), st.sampled_from(sorted(WORSE)), st.floats(0, 1e5))
def test_worse_evidence_never_lowers_the_score(told: dict[str, Any], name: str, by: float) -> None:
    if told[name] is not None:
        worse = {**told, name: told[name] + WORSE[name] * by}
        assert rule_score(found(worse)) >= rule_score(found(told))
        assert weighted_score(found(worse)) >= weighted_score(found(told))


@settings(deadline=None, max_examples=60)
@given(facts(), st.sampled_from(list(BAD)))
def test_what_one_detector_finds_in_addition_never_lowers_the_score(told: dict[str, Any], detector: Detector) -> None:
    detections = found(told)
    assert rule_score([*detections, *of(detector)]) >= rule_score(detections)


def test_order_and_repeats_of_detections_do_not_count() -> None:
    some = of(Detector.BUDDY_PUNCHING, Detector.SHARED_DEVICE, Detector.GPS_LOW_ACCURACY)
    assert {rule_score([*order, *order]) for order in itertools.permutations(some)} == {rule_score(some)}


def test_fraud_model_fallback_rule_based() -> None:
    best, worst, nothing = fallback(events(BEST, WORST, {})).scores
    assert best == 0
    assert worst == pytest.approx(1, abs=1e-9)
    assert hundredths_of(float(worst)) == 100
    assert 0 < nothing < 0.1, "of whom nothing is known nobody can say 0"


def test_rules_v1_knows_the_twelve_and_trusts_itself_by_what_it_knew() -> None:
    assert tuple(RISKS) == FEATURES
    assert sum(risk.weight for risk in RISKS.values()) == 10_000
    told = fallback(events(WORST, {}, {"velocity_kmh": 0.0}, {"battery_level": 80.0}))
    assert told.coverage.tolist() == [1, 0, 0.2, 0.0125]
    assert told.parts == PARTS == (*FEATURES, NOT_KNOWN)


@pytest.mark.parametrize(
    ("name", "value", "score"),
    [
        ("biometric_quality_score", 0.35, 0.10),
        ("gps_accuracy", 300.0, 0.025),
        ("geofence_distance_meters", 1100.0, 0.075),
        ("time_of_day_anomaly_score", 0.5, 0.025),
        ("day_of_week_pattern_score", 1.0, 0.05),
        ("velocity_kmh", 225.0, 0.10),
        ("historical_fraud_rate", 0.25, 0.075),
        ("consecutive_violations", 1.0, 1 / 30),
        ("tour_completion_rate", 0.5, 1 / 160),
        ("phone_signal_strength", -111.0, 1 / 80),
        ("battery_level", 14.0, 1 / 80),
        ("location_update_frequency", 1.9, 1 / 80),
    ],
)
def test_each_feature_weighs_what_the_domain_says(name: str, value: float, score: float) -> None:
    told = fallback(events({**BEST, name: value}))
    assert told.scores[0] == pytest.approx(score, abs=1e-9)
    assert told.contributions[0][PARTS.index(name)] == told.scores[0]


def test_what_is_not_known_drops_out_and_the_rest_weighs_more_up_to_twice() -> None:
    known = ("biometric_quality_score", "velocity_kmh", "geofence_distance_meters")
    half = {**{name: BEST[name] for name in known}, "biometric_quality_score": 0.0}
    told = fallback(events(half, {"battery_level": 3.0}))
    assert told.coverage.tolist() == [0.55, 0.0125]
    assert told.scores[0] == pytest.approx(0.2 / 0.55 * (1 - 0.45 * 0.05) + 0.45 * 0.05)
    assert told.scores[1] < 0.1, "a flat battery is no fraud, though it is all that is known"


@settings(deadline=None, max_examples=100)
@given(st.lists(facts(), min_size=1, max_size=5))
def test_contributions_add_up_exactly_to_the_score_before_its_floor(told: list[dict[str, Any]]) -> None:
    result = fallback(events(*told))
    assert result.contributions.shape == (len(told), len(PARTS))
    for parts, score, floor, coverage in zip(
        result.contributions.tolist(), result.scores, result.floors, result.coverage, strict=True
    ):
        assert max(sum(parts), floor) == max(sum(reversed(parts)), floor) == max(math.fsum(parts), floor) == score
        assert min(parts) >= 0
        assert 0 < score <= 1 or coverage == 1
        assert 0 <= coverage <= 1
    again = fallback(events(*reversed(told)))
    assert np.array_equal(again.scores[::-1], result.scores)
    assert np.array_equal(again.contributions[::-1], result.contributions)


@settings(deadline=None, max_examples=150)
@given(facts(), st.sampled_from(FEATURES), st.floats(0, 1))
def test_rules_v1_never_scores_worse_evidence_lower(told: dict[str, Any], name: str, by: float) -> None:
    if told[name] is not None:
        worse = {**told, name: told[name] + (WORST[name] - BEST[name]) * by}
        before, after = fallback(events(told, worse)).scores
        assert after >= before


@pytest.mark.parametrize(
    ("told", "floor"),
    [
        (BAD[Detector.MOCK_LOCATION], 0.6), (BAD[Detector.GPS_SPOOFING], 0.6), ({"is_mocked": False}, 0),
        ({**BAD[Detector.GPS_SPOOFING], "accuracy_meters": 101.0}, 0), ({"fix_speed_kmh": 900.0}, 0), ({}, 0),
    ],
)  # fmt: skip
def test_a_false_position_is_an_alert_with_rules_alone(told: dict[str, Any], floor: float) -> None:
    result = fallback(events({**BEST, **told}, told))
    assert result.floors.tolist() == [floor, floor]
    assert (result.scores >= floor).all()
    assert result.contributions[0].sum() < 0.6, "the floor is told apart from what adds up"


def test_what_is_too_fast_for_the_floor_is_the_sites_to_say() -> None:
    fast = events(BAD[Detector.GPS_SPOOFING])
    assert fallback(fast, [DetectorLimits(max_travel_speed_kmh=300)]).floors.tolist() == [0]


def test_severity_medium_is_what_is_weak() -> None:
    several = detect(events({"device_people": 4.0, "template_people": 4.0}), [DEFAULTS])[0]
    assert {each.severity for each in several} == {Severity.HIGH, Severity.CRITICAL}
    assert weighted_score(several) == 35
