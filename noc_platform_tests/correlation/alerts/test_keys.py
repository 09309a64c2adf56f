"""What an alert is about, and how bad. Numbers in names are those of domain.md §10."""

from dataclasses import replace

import pytest

from noc_platform.correlation.alerts.keys import USUAL, About, caused_by, dedup_key, severity_of
from noc_platform.correlation.vocabulary import Severity
from noc_platform.streams.catalogue import ALERTS

PHONE = About("t", "DEVICE_OFFLINE", "s0", "c0", "p0", "d0")
CAMERA = About("t", "SENSOR_THRESHOLD", "s0", "c0", entity_type="camera", entity_id="7")


@pytest.mark.parametrize("kind", ["finding", "Anomaly", "ALERT", "event", "incident", "ticket", " prediction "])
def test_defect_47_the_id_of_a_fresh_row_does_not_tell_alerts_apart(kind: str) -> None:
    one, other = (replace(CAMERA, entity_type=kind, entity_id=each) for each in ("1", "2"))
    assert dedup_key(one) == dedup_key(other)
    assert dedup_key(one) != dedup_key(replace(one, site_id="s1"))
    assert dedup_key(one) != dedup_key(replace(one, alert_type="ANOMALY_DETECTED"))
    assert dedup_key(one) != dedup_key(replace(one, client_id="c1"))


def test_defect_47_a_person_and_a_device_stay_whatever_row_was_made_of_them() -> None:
    found = replace(PHONE, entity_type="finding", entity_id="1")
    assert dedup_key(found) == dedup_key(PHONE) == dedup_key(replace(PHONE, client_id=None))
    assert dedup_key(found) != dedup_key(replace(found, person_id="p1"))
    assert dedup_key(found) != dedup_key(replace(found, device_id="d1"))
    assert dedup_key(replace(PHONE, device_id=None)) != dedup_key(replace(PHONE, person_id=None))


def test_a_stable_entity_tells_alerts_apart_however_its_kind_is_written() -> None:
    assert dedup_key(CAMERA) == dedup_key(replace(CAMERA, entity_type=" Camera", client_id="c1"))
    assert dedup_key(CAMERA) != dedup_key(replace(CAMERA, entity_id="8"))
    assert dedup_key(CAMERA) != dedup_key(replace(CAMERA, entity_type="door"))


def test_a_key_is_the_same_in_every_process() -> None:
    assert dedup_key(PHONE) == "b1650787b20dbb28b94684ea33c08091"


def test_defect_44_what_was_made_of_the_platforms_own_rows_says_so() -> None:
    assert caused_by(replace(CAMERA, entity_type="Finding")) == "FINDING:7"
    assert caused_by(replace(CAMERA, entity_type="anomaly")) == "ANOMALY:7"
    assert caused_by(replace(CAMERA, entity_type="incident")) == "INCIDENT:7"
    assert caused_by(replace(CAMERA, entity_type="ticket")) is None
    assert caused_by(CAMERA) is None
    assert caused_by(PHONE) is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [("CRITICAL", "CRITICAL"), ("MINIMAL", "INFO"), ("UNKNOWN", "INFO"), (" high ", "HIGH"), ("warning", "MEDIUM")],
)
def test_defect_52_levels_of_risk_and_words_of_others_are_severities(said: str, meant: str) -> None:
    assert severity_of(said, "DEVICE_SPOOF") == meant


def test_defect_46_a_word_nobody_knows_is_what_is_usual_of_the_type_and_raises_nothing() -> None:
    assert severity_of("purple", "DEVICE_SPOOF") is Severity.CRITICAL
    assert severity_of(None, "attendance_missing") is Severity.LOW
    assert severity_of("", "WHO_KNOWS") is Severity.MEDIUM


def test_every_type_of_the_stream_has_a_usual_severity() -> None:
    assert set(USUAL) == set(ALERTS.column("alert_type").allowed)
