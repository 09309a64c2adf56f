"""Which examples can be learned from, and what is said of those that cannot."""

from dataclasses import replace

import numpy as np
import pytest

from noc_platform.errors import BadInput
from noc_platform.fraud.learning.examples import TooFewLabels, Unfit, enough, without_idle_columns
from noc_platform_tests.fraud.learning.drawn import drawn


def test_499_labels_are_too_few_and_500_are_not() -> None:
    with pytest.raises(TooFewLabels, match=r"499 labelled events, and 500 are needed"):
        enough(drawn(499), 500, 50)
    enough(drawn(500), 500, 50)


def test_fifty_of_each_kind_are_needed() -> None:
    examples = drawn(1000, frauds=0.02)
    with pytest.raises(TooFewLabels, match=rf"{examples.positives} of 1,000 labelled events are fraud"):
        enough(examples, 500, 50)


@pytest.mark.parametrize("label", [True, False])
def test_one_class_alone_cannot_teach(label: bool) -> None:
    examples = replace(drawn(600), labels=np.full(600, label))
    with pytest.raises(Unfit, match="All 600 labelled events are labelled"):
        enough(examples, 500, 50)


def test_required_features_that_say_nothing_are_named() -> None:
    examples = drawn(600)
    examples.values[:, 2], examples.values[:, 5] = np.nan, 7.0
    with pytest.raises(Unfit) as refused:
        without_idle_columns(examples, examples.names)
    assert "geofence_distance_meters (known of no event)" in str(refused.value)
    assert "velocity_kmh (the same everywhere)" in str(refused.value)
    with pytest.raises(Unfit, match="missing from the examples: face_margin"):
        without_idle_columns(examples, ("face_margin",))


def test_other_features_that_say_nothing_are_left_out_and_said() -> None:
    examples = drawn(600)
    examples.values[:, 2] = np.nan
    kept, left_out = without_idle_columns(examples, ("gps_accuracy",))
    assert left_out == {"geofence_distance_meters": "known of no event"}
    assert kept.names == tuple(name for name in examples.names if name != "geofence_distance_meters")
    np.testing.assert_array_equal(kept.values, np.delete(examples.values, 2, axis=1))


def test_nothing_left_to_learn_from_is_refused() -> None:
    examples = replace(drawn(600), values=np.full((600, 12), np.nan))
    with pytest.raises(Unfit, match="No feature is left"):
        without_idle_columns(examples, ())


def test_parts_of_another_length_are_refused() -> None:
    with pytest.raises(BadInput, match="labels"):
        replace(drawn(600), labels=np.zeros(5, bool))


def test_unknown_people_are_each_their_own() -> None:
    groups = np.array(["a", None, "a", "", None, "b"], object)
    people = replace(drawn(6), groups=groups).people
    assert people[0] == people[2]
    assert len(set(people.tolist())) == 5
