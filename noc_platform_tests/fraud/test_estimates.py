"""Precision and recall of all events, from labels of some: what counts, for how much, and how sure that is."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from noc_platform.errors import BadInput
from noc_platform.fraud.estimates import Reviewing, Scored, Way, corrected, naive, scored, usable_weights
from noc_platform.fraud.labels import HISTORY_SCHEMA, LABELS_SCHEMA
from noc_platform.fraud.mistakes import Errors, errors_of, judged_twice
from noc_platform.streams.catalogue import FLAGGED, RANDOM, REPORTED
from noc_platform_tests.fraud.selective import Care, Flagging, Setting, measured, simulated

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
NAN = float("nan")
# Called fraud, what people said, why they looked, with which chance, the model's probability, flagged.
Told = tuple[bool, float, str, float, float, bool]


def of(rows: list[Told], *, is_flag_known: bool = True, has_model: bool = True) -> Scored:
    called, label, selection, chance, probability, flagged = (list(each) for each in zip(*rows, strict=True))
    return Scored(
        np.array(called, bool),
        np.array([f"p{place % 7}" for place in range(len(rows))]),
        np.array(label, float),
        np.array(selection, str),
        np.array(chance, float),
        np.array(probability, float) if has_model else None,
        np.array(flagged, bool) if is_flag_known else None,
    )


LABELS = [(NAN, "", NAN), *((label, RANDOM, chance) for label in (0.0, 1.0) for chance in (0.05, 0.4, 1.0))]
OTHERS = [(label, selection, NAN) for label in (0.0, 1.0) for selection in (FLAGGED, REPORTED)]
# At least one usable label in each cell, so that there is something to say.
LEAST: list[Told] = [
    (called, label, RANDOM, 0.5, 0.3, flagged) for called in (True, False) for flagged in (True, False)
    for label in (0.0, 1.0)
]  # fmt: skip


@st.composite
def events(draw: st.DrawFn) -> list[Told]:
    rows = [
        (draw(st.booleans()), *draw(st.sampled_from(LABELS + OTHERS)), draw(st.floats(0, 1)), draw(st.booleans()))
        for _ in range(draw(st.integers(0, 40)))
    ]
    return LEAST + rows


def slow_but_obvious(rows: list[Told]) -> tuple[float, float]:
    """Precision and recall, cell by cell, in plain loops."""
    frauds = {True: 0.0, False: 0.0}
    for is_called in (True, False):
        for is_flagged in (True, False):
            cell = [row for row in rows if (row[0], row[5]) == (is_called, is_flagged)]
            weights, differences = 0.0, 0.0
            for _, label, selection, chance, probability, _ in cell:
                counts = selection == RANDOM or (is_flagged and selection == FLAGGED)
                if label == label and counts:
                    weight = 1.0 if is_flagged else 1 / chance
                    weights += weight
                    differences += weight * (label - probability)
            total = sum(row[4] for row in cell) + len(cell) * differences / weights
            frauds[is_called] += min(max(total, 0.0), len(cell))
    called = sum(row[0] for row in rows)
    return frauds[True] / called, frauds[True] / max(frauds[True] + frauds[False], 1e-300)


@given(rows=events())
@examples(max_examples=50, deadline=None)
def test_the_estimate_is_what_a_plain_loop_says(rows: list[Told]) -> None:
    found = corrected(of(rows))
    precision, recall = slow_but_obvious(rows)
    assert found.precision is not None
    assert found.precision.value == pytest.approx(precision, abs=1e-9)
    if found.recall is not None:
        assert found.recall.value == pytest.approx(recall, abs=1e-9)
    for share in (found.precision, found.recall):
        assert share is None or 0 <= share.low <= share.value <= share.high <= 1


@given(rows=events(), place=st.integers(0, 100))
@examples(max_examples=50, deadline=None)
def test_what_was_reported_never_counts(rows: list[Told], place: int) -> None:
    """Defect 72: it was looked at because it was fraud."""
    told = list(rows)
    place %= len(told) + 1
    reported: list[Told] = [(called, 1.0, REPORTED, NAN, 0.2, False) for called in (True, False)]
    unlabelled: list[Told] = [(*row[:1], NAN, "", NAN, *row[4:]) for row in reported]
    with_them, without = (corrected(of(told[:place] + some + told[place:])) for some in (reported, unlabelled))
    assert (with_them.precision, with_them.recall) == (without.precision, without.recall)
    assert "2 reported" in with_them.explain or REPORTED in {row[2] for row in rows}


def test_what_was_flagged_counts_where_it_is_known_what_was() -> None:
    rows: list[Told] = [(True, 1.0, FLAGGED, NAN, 0.5, True), (False, 0.0, FLAGGED, NAN, 0.5, False)]
    assert usable_weights(of(rows)).tolist() == [1, 0]
    assert usable_weights(of(rows, is_flag_known=False)).tolist() == [0, 0]
    for_certain = of([(True, 1.0, FLAGGED, 1.0, 0.5, True), (False, 0.0, RANDOM, 0.02, 0.5, False)])
    assert usable_weights(for_certain).tolist() == [1, 50]
    assert usable_weights(replace(for_certain, is_flagged=None)).tolist() == [1, 50]


@given(rows=events(), by=st.floats(-0.2, 0.2))
@examples(max_examples=50, deadline=None)
def test_a_model_that_is_wrong_by_as_much_everywhere_changes_nothing(rows: list[Told], by: float) -> None:
    plain = of(rows)
    none, shifted = (replace(plain, probability=np.full(len(plain), level)) for level in (0.0, 0.3 + by))
    first, second = corrected(none), corrected(shifted)
    assert first.precision is not None
    assert second.precision is not None
    assert first.precision.value == pytest.approx(second.precision.value, abs=1e-9)
    assert first.precision == corrected(replace(plain, probability=None)).precision


def test_once_everything_is_known_there_is_nothing_left_to_guess() -> None:
    rng = np.random.default_rng(1)
    rows: list[Told] = [
        (bool(rng.random() < 0.3), float(rng.random() < 0.2), RANDOM, 1.0, 0.5, False) for _ in range(200)
    ]
    found = corrected(of(rows))
    hits = sum(row[1] for row in rows if row[0])
    precision, recall = hits / sum(row[0] for row in rows), hits / sum(row[1] for row in rows)
    for share, truth in ((found.precision, precision), (found.recall, recall)):
        assert share is not None
        assert (share.value, share.low, share.high) == pytest.approx((truth,) * 3)


def test_naive_counts_labels_as_they_are() -> None:
    rows: list[Told] = [
        *[(True, 1.0, FLAGGED, NAN, 0.9, True)] * 6, *[(True, 0.0, RANDOM, 0.1, 0.9, True)] * 2,
        *[(False, 1.0, REPORTED, NAN, 0.1, False)] * 3, *[(False, 0.0, RANDOM, 0.1, 0.1, False)] * 9,
        *[(False, NAN, "", NAN, 0.1, False)] * 80,
    ]  # fmt: skip
    found = naive(of(rows))
    assert found.precision is not None
    assert found.recall is not None
    assert (found.precision.value, found.recall.value) == pytest.approx((6 / 8, 6 / 9))
    assert (found.labels, found.method) == (20, Way.NAIVE)
    assert found.precision.low < 6 / 8 < found.precision.high


def test_no_fraud_among_few_is_not_no_fraud() -> None:
    """None missed in 100 of 10,000 leaves about three in a hundred that nobody can rule out."""
    rows: list[Told] = [
        *[(True, 1.0, FLAGGED, 1.0, 0.0, True)] * 100,
        *[(False, 0.0, RANDOM, 0.01, 0.0, False)] * 100,
        *[(False, NAN, "", NAN, 0.0, False)] * 9900,
    ]
    found = corrected(of(rows))
    assert found.recall is not None
    assert found.recall.value == 1
    # The exact upper limit is 3.7 times 100, against 100 that were found.
    assert found.recall.low == pytest.approx(100 / (100 + 369), abs=0.03)


def test_where_nobody_looked_nobody_can_tell() -> None:
    rows: list[Told] = [(True, 1.0, FLAGGED, NAN, 0.9, True), (False, NAN, "", NAN, 0.1, False)]
    found = corrected(of(rows))
    assert found.precision is not None
    assert found.recall is None
    assert "1 events not called fraud, not flagged, none has a usable label" in found.explain
    unseen = corrected(of([(True, NAN, "", NAN, 0.9, True)]))
    assert (unseen.precision, unseen.recall) == (None, None)


def test_a_few_that_nobody_looked_at_are_guessed_at_and_widen_the_interval() -> None:
    rows: list[Told] = [
        *[(True, 1.0, FLAGGED, NAN, 0.9, True)] * 80, *[(True, 0.0, FLAGGED, NAN, 0.9, True)] * 20,
        *[(False, 0.0, RANDOM, 0.5, 0.1, False)] * 50,
    ]  # fmt: skip
    unseen: list[Told] = [(True, NAN, "", NAN, 0.6, False)] * 10
    sure = corrected(of(rows)).precision
    for estimate, expected in ((corrected(of(rows + unseen)), 6), (corrected(of(rows + unseen, has_model=False)), 8)):
        assert sure is not None
        assert estimate.precision is not None
        assert estimate.precision.value == pytest.approx((80 + expected) / 110)
        assert estimate.precision.low < sure.low
        assert "guessed at" in estimate.explain
    assert corrected(of(rows + unseen * 3)).precision is None


def test_nothing_called_has_no_precision_and_finds_nothing() -> None:
    rows: list[Told] = [(False, float(number < 2), RANDOM, 0.5, 0.1, False) for number in range(20)]
    found = corrected(of(rows))
    assert found.precision is None
    assert "Nothing was called fraud" in found.explain
    assert found.recall is not None
    assert found.recall.value == 0
    for estimate in (naive(of(rows[:0] or [(False, NAN, "", NAN, 0.1, False)])), corrected(of(rows[2:]))):
        assert estimate.recall is None


def test_the_same_labels_give_the_same_estimate() -> None:
    month = next(simulated(Setting(events=5000, people=100), 1, 3))
    assert corrected(month.scored) == corrected(month.scored)


def test_events_are_joined_to_the_labels_of_their_attendances() -> None:
    names = ("tenant_id", "attendance_id", "person_id")
    told = [("t", "b", "p1", 0.9, 0.8), ("t", "a", "p2", 0.5, 0.4), ("u", "a", "p3", 0.1, 0.2)]
    given_events = pa.Table.from_pylist(
        [dict(zip((*names, "score", "probability"), each, strict=True)) for each in told]
    )
    label = {"tenant_id": "t", "attendance_id": "a", "is_fraud": True, "selection": RANDOM,
             "selection_probability": 0.02}  # fmt: skip
    labelled = pa.Table.from_pylist([{name: label.get(name) for name in LABELS_SCHEMA.names}], schema=LABELS_SCHEMA)
    found = scored(given_events, labelled, threshold=0.5)
    assert found.is_called.tolist() == [True, True, False]
    assert found.person.tolist() == ["p1", "p2", "p3"]
    np.testing.assert_array_equal(found.label, [NAN, 1, NAN])
    assert found.selection.tolist() == ["", RANDOM, ""]
    np.testing.assert_array_equal(found.chance, [NAN, 0.02, NAN])
    assert found.probability is not None
    assert found.probability.tolist() == [0.8, 0.4, 0.2]
    assert found.is_flagged is None


# --- reviewers err


def test_what_reviewers_err_in_is_taken_out() -> None:
    """400 called, of which 300 are fraud: reviewers miss 30 of these and accuse 4 of the 100."""
    rows: list[Told] = [
        *[(True, 1.0, FLAGGED, 1.0, 0.5, True)] * 274, *[(True, 0.0, FLAGGED, 1.0, 0.5, True)] * 126,
        *[(False, 1.0, RANDOM, 0.5, 0.1, False)] * 92, *[(False, 0.0, RANDOM, 0.5, 0.1, False)] * 908,
        *[(False, NAN, "", NAN, 0.1, False)] * 1000,
    ]  # fmt: skip
    errors = Errors(missed=0.1, accused=0.04)
    found = corrected(of(rows), Reviewing(errors, errors))
    assert found.precision is not None
    assert found.recall is not None
    assert found.precision.value == pytest.approx((274 / 400 - 0.04) / 0.86)
    missed = 2000 * (0.092 - 0.04) / 0.86
    assert found.recall.value == pytest.approx(300 / (300 + missed))
    unsure = Errors(0.1, 0.04, 0.02, 0.02)
    wider = corrected(of(rows), Reviewing(errors, unsure)).recall
    assert wider is not None
    assert wider.high - wider.low > found.recall.high - found.recall.low


@pytest.mark.parametrize(("missed", "accused"), [(0.5, 0.5), (-0.1, 0), (0, -0.1), (0.9, 0.3)])
def test_reviewers_who_tell_nothing_are_refused(missed: float, accused: float) -> None:
    with pytest.raises(BadInput, match="tell nothing"):
        Errors(missed, accused)


def test_a_second_opinion_accuses_fewer_and_misses_more() -> None:
    twice = Errors(0.1, 0.04).on_second_opinion()
    assert (twice.missed, twice.accused) == pytest.approx((0.19, 0.0016))


@pytest.mark.parametrize(("missed", "accused"), [(0.10, 0.04), (0.25, 0.01), (0.02, 0.15)])
def test_errors_are_learned_from_what_two_judged(missed: float, accused: float) -> None:
    rng = np.random.default_rng(3)
    group = np.repeat(["flagged", "rest"], [4000, 8000])
    is_fraud = rng.random(12_000) < np.where(group == "flagged", 0.6, 0.03)
    first, second = (np.where(is_fraud, rng.random(12_000) >= missed, rng.random(12_000) < accused) for _ in range(2))
    found = errors_of(first, second, group)
    assert abs(found.missed - missed) < 4 * found.missed_error < 0.1
    assert abs(found.accused - accused) < 4 * found.accused_error < 0.05
    assert errors_of(first, second, group) == found


def test_errors_of_one_group_cannot_be_told() -> None:
    said = np.array([True, False])
    with pytest.raises(BadInput, match="two groups"):
        errors_of(said, said, np.array(["all", "all"]))


def test_two_judged_it_if_they_are_two_and_decided() -> None:
    said: list[tuple[str, str, bool | None]] = [
        ("two", "r1", True), ("two", "r1", False), ("two", "r2", False), ("two", "r3", True),
        ("same", "r1", True), ("same", "r1", False),
        ("unsure", "r1", True), ("unsure", "r2", None),
    ]  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"tenant_id": "t", "attendance_id": each, "reviewer": reviewer, "is_fraud": is_fraud}
        for each, reviewer, is_fraud in said
    ]
    whole = [{name: row.get(name) for name in HISTORY_SCHEMA.names} for row in rows]
    found = judged_twice(pa.Table.from_pylist(whole, schema=HISTORY_SCHEMA))
    assert found.to_pylist() == [{"tenant_id": "t", "attendance_id": "two", "first": True, "second": False}]


# --- months whose truth is known


def test_corrected_is_near_where_naive_is_far() -> None:
    """Defect 72, in the platform's own review: alerts, and a slice by chance that rises with the score."""
    setting = Setting(share=0.05, doubling=0.01, flagging=Flagging.ALERTS, events=30_000, people=600)
    found = measured(setting, months=12).distances
    assert found["naive"]["recall"].mean > 10
    assert found["assisted"]["recall"].mean < 6
    assert abs(found["assisted"]["recall"].bias) < 4
    assert found["assisted"]["precision"].mean < 2
    assert found["assisted"]["recall"].coverage > 0.8


def test_labels_of_unknown_chance_alone_never_bend_the_estimate() -> None:
    setting = Setting(share=0.1, doubling=0.01, events=30_000, people=600)
    found = measured(setting, months=12).distances
    assert found["naive"]["recall"].bias > 10
    assert found["naive"]["precision"].bias > 3 * abs(found["assisted"]["precision"].bias)
    assert abs(found["weighted"]["recall"].bias) < 4
    assert abs(found["assisted"]["recall"].bias) < 4


def test_mistakes_of_reviewers_do_not_hide_what_is_missed() -> None:
    """Called fraud by mistake, one in 25 of the innocent would look like many more missed than there are."""
    setting = Setting(share=0.1, doubling=0.01, flagging=Flagging.ALERTS, events=30_000, people=600, care=Care.TWO)
    found = measured(setting, months=12).distances
    assert found["naive"]["precision"].bias < -10
    assert abs(found["assisted"]["recall"].bias) < 5
    assert abs(found["assisted"]["precision"].bias) < 2
