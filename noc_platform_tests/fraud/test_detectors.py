"""What sets each fraud rule off, what does not, and what is said of it."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noc_platform.fraud.detectors import Detection, detect
from noc_platform.fraud.limits import DEFAULTS, DetectorLimits, Severity
from noc_platform.fraud.vocabulary import Detector
from noc_platform.journal.documents import document
from noc_platform_tests.fraud.rule_evidence import BAD, NUMBERS, SCHEMA, TEXTS, TRUTHS, events, facts


def found(limits: DetectorLimits = DEFAULTS, **told: Any) -> dict[Detector, Detection]:
    """What is detected in one event, by detector."""
    (one,) = detect(events(told), [limits])
    return {each.detector: each for each in one}


@pytest.mark.parametrize("detector", Detector)
def test_each_detector_is_set_off_by_its_own_evidence_and_none_other(detector: Detector) -> None:
    assert list(found(**BAD[detector])) == [detector]


def test_null_facts_never_fire() -> None:
    assert detect(events({}, {}), [DEFAULTS] * 2) == [[], []]
    strict = DetectorLimits(8, 240, 50, 3, 0.99, 10, 0, 30)
    assert detect(events({}), [strict]) == [[]]
    nothing = pa.table({field.name: pa.nulls(2, field.type) for field in SCHEMA}, schema=SCHEMA)
    assert detect(nothing, [strict] * 2) == [[], []]
    assert detect(SCHEMA.empty_table(), []) == []


@pytest.mark.parametrize(
    ("detector", "missing"), [(detector, name) for detector, told in BAD.items() for name in told]
)  # fmt: skip
def test_what_a_rule_asks_and_is_not_known_sets_nothing_off(detector: Detector, missing: str) -> None:
    if missing in ("previous_site_id", "elsewhere_site_id", "device_id", "template_id"):
        assert list(found(**{**BAD[detector], missing: None})) == [detector], "a name is not asked for"
    else:
        assert found(**{**BAD[detector], missing: None}) == {}


@pytest.mark.parametrize(
    ("detector", "severity", "confidence"),
    [
        ("WRONG_PERSON", "HIGH", 0.95),
        ("UNAUTHORIZED_SITE", "CRITICAL", 0.90),
        ("IMPOSSIBLE_SHIFTS", "CRITICAL", 0.85),
        ("OVERTIME_VIOLATION", "HIGH", 0.98),
        ("BUDDY_PUNCHING", "CRITICAL", 0.95),
        ("GPS_SPOOFING", "CRITICAL", 0.99),
        ("MOCK_LOCATION", "CRITICAL", 0.99),
        ("GEOFENCE_VIOLATION", "HIGH", 0.90),
        ("GPS_LOW_ACCURACY", "MEDIUM", 0.70),
        ("BIOMETRIC_PATTERN_ANOMALY", "MEDIUM", 0.75),
    ],
)
def test_severity_and_confidence_are_those_of_the_domain(detector: str, severity: str, confidence: float) -> None:
    one = found(**BAD[Detector(detector)])[Detector(detector)]
    assert (one.severity, one.confidence) == (severity, confidence)


@pytest.mark.parametrize(
    ("detector", "told", "reason"),
    [
        ("WRONG_PERSON", {}, "Not rostered here now; q is, and has not punched in."),
        ("UNAUTHORIZED_SITE", {},
         "s1 is not the home site, and no roster of 30 days before or after says to be there."),
        ("IMPOSSIBLE_SHIFTS", {}, "Left s2, 12 km away, 3 minutes earlier; that takes 5 minutes at least."),
        ("IMPOSSIBLE_SHIFTS", {"travel_seconds": -5400.0}, "Punched in here 90 minutes before leaving s2, 12 km away."),
        ("IMPOSSIBLE_SHIFTS", {"travel_seconds": -7500.0, "travel_distance_meters": None},
         "Punched in here 2 h 05 min before leaving s2."),
        ("OVERTIME_VIOLATION", {}, "Worked 16 h 00 min of the last 24 hours; 16 h is the most."),
        ("OVERTIME_VIOLATION", {"worked_seconds": None, "continuous_seconds": 61_200.0},
         "Worked 17 h 00 min without a longer break; 16 h is the most."),
        ("BUDDY_PUNCHING", {}, "Verified at s2 as well, 3 minutes apart."),
        ("BUDDY_PUNCHING", {"elsewhere_seconds": 12.0}, "Verified at s2 as well, 12 seconds apart."),
        ("BUDDY_PUNCHING", {"previous_site_id": "s2", "travel_distance_meters": 12_000.0},
         "Verified at s2 as well, 12 km away, 3 minutes apart."),
        ("BUDDY_PUNCHING", {"previous_site_id": "s3", "travel_distance_meters": 12_000.0},
         "Verified at s2 as well, 3 minutes apart."),
        ("GPS_SPOOFING", {}, "151 km/h from the last position to this one; 150 km/h is the most."),
        ("MOCK_LOCATION", {}, "The phone says that its position is made up by an app."),
        ("GEOFENCE_VIOLATION", {"geofence_excess_meters": 1234.0},
         "Punched 1.23 km beyond the geofence; 200 m is the most."),
        ("GPS_LOW_ACCURACY", {}, "Position good to 101 m only; 100 m is the most."),
        ("LOW_BIOMETRIC_QUALITY", {"liveness_score": 0.4},
         "Verified poorly: match 0.69 where 0.7 is the least, liveness 0.40 where 0.5 is the least."),
        ("BIOMETRIC_PATTERN_ANOMALY", {"mean_confidence": 0.5, "low_confidence_share": 0.4},
         "10 verifications within 30 days: at 2 minutes of the day only, a match of 0.50 on average, "
         "40% of them hardly a match."),
        ("SHARED_DEVICE", {}, "One other person used the same device within 7 days."),
        ("SHARED_FACE", {"template_people": 3.0}, "3 other people matched the same face within 30 days."),
    ],
)  # fmt: skip
def test_an_operator_reads_why(detector: str, told: dict[str, Any], reason: str) -> None:
    assert found(**{**BAD[Detector(detector)], **told})[Detector(detector)].reason == reason


def test_defect_53_somebody_extra_takes_nobodys_place() -> None:
    assert found(is_rostered_here=False) == {}
    assert found(is_rostered_here=True, expected_person_id="q") == {}
    assert found(expected_person_id="q") == {}, "a tenant without a roster"


def test_defect_54_whoever_is_rostered_is_authorised() -> None:
    assert found(is_assigned_here=False, is_rostered_here=True) == {}
    assert found(is_assigned_here=True, is_rostered_here=False) == {}
    assert list(found(is_assigned_here=False, is_rostered_here=False)) == [Detector.UNAUTHORIZED_SITE]


def test_how_bad_an_unauthorised_site_is_can_be_said() -> None:
    limits = DetectorLimits(unauthorized_access_severity=0)
    assert found(limits, is_assigned_here=False)[Detector.UNAUTHORIZED_SITE].severity == Severity.LOW


@pytest.mark.parametrize(
    ("seconds", "distance", "is_impossible"),
    [
        (-3600.0, None, True), (-60.0, 0.0, True), (-59.0, 0.0, False), (-59.0, 2_500.0, False), (0.0, 2_501.0, True),
        (0.001, 2_499.0, False), (287.0, 12_000.0, True), (289.0, 12_000.0, False), (3600.0, None, False),
        (None, 12_000.0, False), (None, None, False),
    ],
)  # fmt: skip
def test_defect_55_and_59_overlaps_are_anomalies_and_moments_do_not_explode(
    seconds: float | None, distance: float | None, is_impossible: bool
) -> None:
    assert bool(found(travel_seconds=seconds, travel_distance_meters=distance)) == is_impossible


def test_how_long_the_way_to_a_site_takes_can_be_said() -> None:
    told: dict[str, Any] = {"travel_seconds": 1200.0, "travel_distance_meters": 500.0, "previous_site_id": "s2"}
    assert found(**told) == {}
    (one,) = found(DetectorLimits(min_travel_minutes=30), **told).values()
    assert one.reason == "Left s2, 500 m away, 20 minutes earlier; that takes 30 minutes at least."
    assert (one.evidence["min_travel_minutes"], one.evidence["needed_seconds"]) == (30, 1800)


def test_what_somebody_said_of_the_way_holds_where_its_length_is_not_known() -> None:
    limits = DetectorLimits(min_travel_minutes=30)
    assert list(found(limits, travel_seconds=1799.0)) == [Detector.IMPOSSIBLE_SHIFTS]
    assert found(limits, travel_seconds=1800.0) == {}
    assert found(limits, travel_distance_meters=900.0) == {}


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [
        ("elsewhere_seconds", 301.0, 300.0), ("elsewhere_seconds", 1800.0, 0.0), ("confidence_score", 0.7, 0.699),
        ("biometric_quality_score", 0.3, 0.299), ("liveness_score", 0.5, 0.499), ("accuracy_meters", 100.0, 100.1),
        ("geofence_excess_meters", 200.0, 200.1), ("worked_seconds", 57_600.0, 57_601.0),
        ("continuous_seconds", 57_600.0, 57_601.0), ("device_people", 0.0, 1.0), ("template_people", 0.0, 1.0),
    ],
)  # fmt: skip
def test_a_limit_itself_is_still_within(name: str, within: float, beyond: float) -> None:
    assert found(DEFAULTS, **{name: within}) == {}
    assert len(found(DEFAULTS, **{name: beyond})) == 1


def test_defect_56_unbroken_work_counts_as_well() -> None:
    assert list(found(worked_seconds=3600.0, continuous_seconds=57_601.0)) == [Detector.OVERTIME_VIOLATION]
    assert found(worked_seconds=57_600.0, continuous_seconds=57_600.0) == {}


def test_defect_57_a_device_and_a_face_of_several_people() -> None:
    one = found(device_people=1.0, template_people=1.0)
    assert {each.severity for each in one.values()} == {"MEDIUM"}
    several = found(device_people=2.0, template_people=2.0)
    assert several[Detector.SHARED_DEVICE].severity == "HIGH"
    assert several[Detector.SHARED_FACE].severity == "CRITICAL"
    assert all(several[each].confidence > one[each].confidence for each in several)
    assert found(device_people=0.0, template_people=0.0) == {}


@pytest.mark.parametrize("name", ["accuracy_meters", "fix_accuracy_meters"])
def test_defect_59_speed_between_poor_positions_says_nothing(name: str) -> None:
    told = {**BAD[Detector.GPS_SPOOFING], "fix_speed_kmh": 900.0, name: 101.0}
    assert Detector.GPS_SPOOFING not in found(**told)


@pytest.mark.parametrize(
    ("told", "severity", "confidence"),
    [
        ({"confidence_score": 0.69}, "MEDIUM", 0.60), ({"liveness_score": 0.49}, "HIGH", 0.80),
        ({"biometric_quality_score": 0.29}, "MEDIUM", 0.60),
        ({"confidence_score": 0.1, "liveness_score": 0.1, "biometric_quality_score": 0.1}, "HIGH", 0.80),
    ],
)  # fmt: skip
def test_a_poor_verification_is_as_sure_as_its_log_says(told: dict[str, Any], severity: str, confidence: float) -> None:
    (one,) = found(**told).values()
    assert (one.severity, one.confidence) == (severity, confidence)


@pytest.mark.parametrize(
    ("told", "is_odd"),
    [
        ({"verifications": 9.0, "distinct_minutes": 1.0}, False),
        ({"verifications": 10.0, "distinct_minutes": 3.0}, False),
        ({"verifications": 11.0, "distinct_minutes": 3.0}, True),
        ({"verifications": 10.0, "mean_confidence": 0.69}, True),
        ({"verifications": 10.0, "low_confidence_share": 0.30}, False),
        ({"verifications": 10.0, "low_confidence_share": 0.31}, True),
        ({"mean_confidence": 0.1}, False),
    ],
)
def test_a_pattern_needs_ten_verifications(told: dict[str, Any], is_odd: bool) -> None:
    assert bool(found(**told)) == is_odd


def test_each_row_has_limits_of_its_own_and_the_evidence_says_which() -> None:
    same = [{"fix_speed_kmh": 120.0, "accuracy_meters": 20.0, "fix_accuracy_meters": 20.0}] * 3
    slow = DetectorLimits(max_travel_speed_kmh=100)
    nothing, (one,), still = detect(events(*same), [DEFAULTS, slow, DetectorLimits()])
    assert nothing == still == []
    assert one.evidence == {
        "fix_speed_kmh": 120.0, "accuracy_meters": 20.0, "fix_accuracy_meters": 20.0, "max_travel_speed_kmh": 100,
        "gps_accuracy_max_meters": 100,
    }  # fmt: skip
    with pytest.raises(ValueError, match="3 events"):
        detect(events(*same), [DEFAULTS])


@settings(deadline=None, max_examples=60)
@given(st.lists(facts(), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_an_event_is_judged_alike_alone_and_among_others(told: list[dict[str, Any]], order: Any) -> None:
    places = list(range(len(told)))
    order.shuffle(places)
    together = detect(events(*(told[place] for place in places)), [DEFAULTS] * len(told))
    for place, detections in zip(places, together, strict=True):
        assert detect(events(told[place]), [DEFAULTS]) == [detections]


@settings(deadline=None, max_examples=60)
@given(facts())
def test_defect_63_whatever_is_found_says_what_was_measured(told: dict[str, Any]) -> None:
    (detections,) = detect(events(told), [DEFAULTS])
    assert len({each.detector for each in detections}) == len(detections)
    for each in detections:
        assert isinstance(each.detector, Detector)
        assert 0 < each.confidence <= 1
        assert each.severity in tuple(Severity)
        assert each.reason.endswith(".")
        assert "nan" not in each.reason
        assert "None" not in each.reason
        assert document(each.evidence)
        assert any(value is not None for value in each.evidence.values())


@settings(deadline=None, max_examples=60)
@given(facts(), st.sets(st.sampled_from([*NUMBERS, *TEXTS, *TRUTHS])))
def test_what_is_not_known_any_more_sets_off_nothing_new(told: dict[str, Any], forgotten: set[str]) -> None:
    less = {**told, **dict.fromkeys(forgotten)}
    now, before = found(**less), found(**told)
    # Two rules ask that something is not so: to be rostered excuses.
    excused = {Detector.UNAUTHORIZED_SITE} if told["is_rostered_here"] else set()
    assert set(now) - excused <= set(before)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_is_not_known(name: str, value: float) -> None:
    bad = {key: told for each in BAD.values() for key, told in each.items()}
    assert detect(events({**bad, name: value}), [DEFAULTS]) == detect(events({**bad, name: None}), [DEFAULTS])
