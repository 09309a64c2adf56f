"""A live model is judged by what people have said of its predictions, and asks once for another (defects 76, 77)."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc_platform.fraud.drift import Drift, DriftPolicy, drift, references
from noc_platform.fraud.performance import Estimate, Performance, PerformancePolicy, performance
from noc_platform.fraud.watch import AtTraining, Request, Verdict, Watched, WatchPolicy, action_of, watched

AS_OF = datetime(2026, 5, 1, tzinfo=UTC)
LOOK, POLICY = PerformancePolicy(), WatchPolicy()
SURE, CERTAIN = Estimate(0.9, 0.9, 0.9), Estimate(1.0, 1.0, 1.0)
GOOD, BAD, UNKNOWN = Verdict.GOOD, Verdict.BAD, Verdict.UNKNOWN
SCHEMA = pa.schema(
    [
        ("probability", pa.float64()), ("is_flagged", pa.bool_()), ("actual_fraud", pa.bool_()),
        ("happened_at", pa.timestamp("us", tz="UTC")), ("person_id", pa.string()),
    ]
)  # fmt: skip


def predictions(rows: int = 2_000, seed: int = 0, gain: float = 1.0, labelled: float = 1.0, **more: Any) -> pa.Table:
    """Predictions whose probabilities are right; with another `gain` they are too extreme, or too timid."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-3, 3, rows)
    actual = rng.random(rows) < 1 / (1 + np.exp(-logit))
    probability = 1 / (1 + np.exp(-logit * gain))
    columns = {
        "probability": probability,
        "is_flagged": probability >= 0.5,
        "actual_fraud": pa.array(actual, mask=rng.random(rows) >= labelled),
        "happened_at": pa.array([AS_OF - timedelta(minutes=int(each)) for each in rng.integers(0, 43_200, rows)]),
        "person_id": [f"p{each}" for each in rng.integers(0, 60, rows)],
    }
    table = pa.table({name: pa.array(columns[name], SCHEMA.field(name).type) for name in SCHEMA.names})
    for name, values in more.items():
        table = table.append_column(name, pa.array(values, pa.float64()))
    return table


def seen(table: pa.Table | None = None, **told: Any) -> Performance:
    return performance(predictions(**told) if table is None else table, AS_OF, LOOK, 1)


def test_accuracy_is_as_the_log_of_predictions_has_it() -> None:
    """1 - min(|p - actual|, 1); 30 days; the share at 0.8 and above (domain.md §5.7)."""
    table = pa.table(
        {
            "probability": [0.2, 0.9, 0.5, 0.0], "is_flagged": [False, True, True, False],
            "actual_fraud": [False, True, False, True],
            "happened_at": [AS_OF, AS_OF - timedelta(days=29), AS_OF, AS_OF - timedelta(days=31)],
            "person_id": ["a", "b", "c", "d"],
        },
        schema=SCHEMA,
    )  # fmt: skip
    policy = PerformancePolicy(least_labelled=1, least_positives=1)
    measured = performance(table, AS_OF, policy, 0)
    assert (measured.rows, measured.labelled, measured.positives) == (3, 3, 1)
    assert measured.accuracy == pytest.approx((0.8 + 0.9 + 0.5) / 3)
    assert measured.accurate_share == pytest.approx(2 / 3)
    assert measured.precision is not None
    assert measured.precision.value == 0.5


def test_what_too_little_is_known_of_is_unknown_and_not_zero() -> None:
    measured = seen(rows=90)
    assert (measured.accuracy, measured.precision, measured.recall, measured.calibration_error) == (None,) * 4
    few = seen(labelled=0.02)
    assert few.accuracy is None
    assert few.rows == 2_000
    entry = watched("t", "m", few, [], AtTraining(SURE, SURE, 0.9), [], POLICY)
    assert (entry.verdict, entry.action) == (UNKNOWN, None)
    nobody = seen(predictions().slice(0, 0))
    assert (nobody.rows, nobody.accuracy) == (0, None)


@pytest.mark.parametrize("rows", [150, 500, 4_000])
def test_probabilities_that_are_right_are_not_blamed_for_few_rows(rows: int) -> None:
    """The expected calibration error of a few rows is well above 0.03 by chance alone."""
    errors = [seen(rows=rows, seed=seed) for seed in range(30)]
    blamed = [(each.calibration_error or 0) > (each.calibration_limit or 0) for each in errors]
    assert sum(blamed) <= 2


def test_probabilities_that_are_too_sure_are_found_out() -> None:
    for gain in (3.0, 0.3):
        measured = seen(gain=gain)
        assert measured.calibration_error is not None
        assert measured.calibration_limit is not None
        assert measured.calibration_error > measured.calibration_limit
        entry = watched("t", "m", measured, [], AtTraining(), [], POLICY)
        assert entry.verdict is BAD
        assert "robabilities are off" in entry.reason


def test_intervals_hold_the_truth_and_are_wider_for_people_than_for_rows() -> None:
    everything = seen(rows=40_000, seed=99)
    assert everything.precision is not None
    assert everything.recall is not None
    small = [seen(rows=600, seed=seed) for seed in range(40)]
    for name in ("precision", "recall"):
        truth = getattr(everything, name).value
        held = [getattr(each, name).low <= truth <= getattr(each, name).high for each in small]
        assert sum(held) >= 35
    table = predictions(rows=1_000)
    alone = table.set_column(4, "person_id", pa.array([f"p{place}" for place in range(1_000)]))
    one_row = performance(alone, AS_OF, LOOK, 1).precision
    many = pa.concat_tables([alone] * 4)
    rows_repeated = performance(many, AS_OF, LOOK, 1).precision
    assert one_row is not None
    assert rows_repeated is not None
    assert rows_repeated.high - rows_repeated.low == pytest.approx(one_row.high - one_row.low, rel=0.3)


def test_a_reviewed_row_stands_for_those_it_was_drawn_from() -> None:
    table = predictions(rows=3_000, seed=4)
    missed = np.array(table["actual_fraud"]) & ~np.array(table["is_flagged"])
    weight = np.where(np.array(table["is_flagged"]), 1.0, 10.0)
    weighted = performance(table.append_column("weight", pa.array(weight)), AS_OF, LOOK, 1)
    caught = (np.array(table["actual_fraud"]) & np.array(table["is_flagged"])).sum()
    assert weighted.recall is not None
    assert weighted.recall.value == pytest.approx(caught / (caught + 10 * missed.sum()))


def test_the_model_before_is_compared_on_the_same_labelled_rows() -> None:
    table = predictions(gain=3.0)
    better = predictions()["probability"]
    worse = performance(table.append_column("predecessor_probability", better), AS_OF, LOOK, 1)
    assert worse.worse_than_predecessor is not None
    assert worse.worse_than_predecessor.low > 0
    same = performance(table.append_column("predecessor_probability", table["probability"]), AS_OF, LOOK, 1)
    assert same.worse_than_predecessor is not None
    assert same.worse_than_predecessor.low <= 0 <= same.worse_than_predecessor.high
    assert seen(table).worse_than_predecessor is None
    days = _days([BAD, BAD])
    assert watched("t", "m", worse, [], AtTraining(), days, POLICY).action is Request.ROLLBACK
    alone = performance(table, AS_OF, LOOK, 1)
    assert watched("t", "m", alone, [], AtTraining(), days, POLICY).action is Request.RETRAIN


def test_a_model_as_good_as_at_training_is_good_and_one_that_fell_is_bad() -> None:
    measured = seen(rows=4_000)
    assert measured.precision is not None
    assert measured.recall is not None
    assert measured.accuracy is not None
    was = AtTraining(measured.precision, measured.recall, measured.accuracy)
    assert watched("t", "m", measured, [], was, [], POLICY).verdict is GOOD
    for better in (AtTraining(precision=CERTAIN), AtTraining(recall=CERTAIN), AtTraining(accuracy=1.0)):
        entry = watched("t", "m", measured, [], better, [], POLICY)
        assert entry.verdict is BAD
        assert "at training" in entry.reason
    unsure = Estimate(1.0, 0.6, 1.0)
    assert watched("t", "m", measured, [], AtTraining(unsure, unsure), [], POLICY).verdict is GOOD


def test_features_that_changed_are_a_bad_day_even_without_labels() -> None:
    rng = np.random.default_rng(1)
    names = [f"f{number}" for number in range(5)]
    before = references(rng.normal(size=(1_000, 5)), names)
    drifts = drift(before, rng.normal((2, 2, 2, 0, 0), 1, (500, 5)), names, DriftPolicy(), 0)
    entry = watched("t", "m", seen(rows=10), drifts, AtTraining(), [], POLICY)
    assert entry.verdict is BAD
    assert [each["feature"] for each in entry.drifted] == names[:3]
    assert watched("t", "m", seen(rows=10), drifts[2:], AtTraining(), [], POLICY).verdict is GOOD


def test_an_entry_can_be_kept_as_json() -> None:
    rng = np.random.default_rng(1)
    drifts: list[Drift] = drift(
        references(rng.normal(size=(500, 1)), ["a"]), rng.normal(size=(500, 1)) + 1, ["a"], DriftPolicy(), 0
    )
    entry = watched("t", "m", seen(), drifts, AtTraining(SURE, SURE, 0.9), [], POLICY)
    assert json.loads(json.dumps(entry.measures, allow_nan=False))["labelled"] == 2_000
    assert json.loads(json.dumps(entry.drifted, allow_nan=False))[0]["feature"] == "a"


def _days(verdicts: Sequence[Verdict], model: str = "m", last: datetime = AS_OF) -> list[Watched]:
    return [
        Watched("t", model, last - timedelta(days=len(verdicts) - nth), {}, [], verdict, None, "")
        for nth, verdict in enumerate(verdicts)
    ]


def test_days_of_another_model_and_of_later_do_not_count() -> None:
    bad = seen(gain=3.0)
    other = [*_days([BAD] * 5, "other"), *_days([BAD] * 3, last=AS_OF + timedelta(days=9))]
    assert watched("t", "m", bad, [], AtTraining(), other, POLICY).action is None
    assert watched("t", "m", bad, [], AtTraining(), [*other, *_days([BAD, BAD])], POLICY).action is Request.RETRAIN


def asked(verdicts: Sequence[Verdict], worse: Sequence[bool] = ()) -> list[Request | None]:
    """What is asked for on each of these days in turn."""
    history: list[tuple[Verdict, Request | None]] = []
    for nth, verdict in enumerate(verdicts):
        is_worse = nth < len(worse) and worse[nth]
        history.append((verdict, action_of(history, verdict, is_worse, POLICY)))
    return [action for _, action in history]


@pytest.mark.parametrize(
    ("verdicts", "days"),
    [
        ([BAD, BAD], []),
        ([BAD, BAD, BAD, BAD, BAD, BAD], [2]),
        ([BAD, GOOD, BAD, GOOD, BAD], [4]),
        ([BAD, GOOD, GOOD, BAD, GOOD, BAD], []),
        ([BAD, UNKNOWN, BAD, UNKNOWN, UNKNOWN, UNKNOWN, BAD], [6]),
        # Two good days do not end a streak, three do.
        ([BAD, BAD, BAD, GOOD, GOOD, BAD, BAD, BAD], [2]),
        ([BAD, BAD, BAD, GOOD, GOOD, GOOD, BAD, BAD, BAD], [2, 8]),
        ([BAD, BAD, GOOD, GOOD, GOOD, BAD], []),
    ],
)
def test_bad_days_ask_once_a_streak(verdicts: list[Verdict], days: list[int]) -> None:
    assert [day for day, action in enumerate(asked(verdicts)) if action] == days


def test_a_streak_asks_again_only_for_something_stronger() -> None:
    retrain, rollback = Request.RETRAIN, Request.ROLLBACK
    assert asked([BAD] * 6, [False] * 4 + [True] * 2) == [None, None, retrain, None, rollback, None]
    assert asked([BAD] * 6, [True] * 3 + [False] * 3) == [None, None, rollback, None, None, None]


@given(verdicts=st.lists(st.sampled_from(list(Verdict)), max_size=40))
def test_nothing_is_asked_but_on_bad_days_nor_twice_before_three_good_ones(verdicts: list[Verdict]) -> None:
    actions = asked(verdicts)
    days = [day for day, action in enumerate(actions) if action]
    known = [each for each in verdicts if each is not UNKNOWN]
    assert all(verdicts[day] is BAD for day in days)
    for first, second in pairwise(days):
        between = [each for each in verdicts[first:second] if each is not UNKNOWN]
        assert any(between[nth : nth + 3] == [GOOD] * 3 for nth in range(len(between)))
    if any(known[nth : nth + 3] == [BAD] * 3 for nth in range(len(known))):
        assert days
