"""Site-hours against what is usual: each with a verdict, or with why there is none."""

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from noc_platform.baselines.profiles import SPECIAL_SCHEMA, learn_profiles
from noc_platform.baselines.scoring import LIMITS_SCHEMA, RATES_SCHEMA, Verdict, judge, with_limits
from noc_platform.settings import BaselinePolicy, ThresholdPolicy
from noc_platform_tests.baselines.operation import SUNDAY, changed, history, rows_where, sites

POLICY, LIMITS = BaselinePolicy(), ThresholdPolicy()
NOON = SUNDAY + timedelta(days=1, hours=12)
Row = dict[str, Any]


def limited(weeks: int = 8, limits: list[Row] | None = None, rates: list[Row] | None = None) -> pa.Table:
    profiles = learn_profiles(history(weeks), sites(4), SUNDAY, POLICY)
    return with_limits(
        profiles,
        pa.Table.from_pylist(limits or [], schema=LIMITS_SCHEMA),
        pa.Table.from_pylist(rates or [], schema=RATES_SCHEMA),
        LIMITS,
    )


@pytest.fixture(scope="module")
def usual() -> pa.Table:
    return limited()


@pytest.fixture(scope="module")
def week() -> pa.Table:
    return history(1, until=SUNDAY + timedelta(weeks=1), seed=7)


def at_noon(hours: pa.Table, site: str = "s1", **values: Any) -> pa.Table:
    """The rows, with other values at noon of the Monday at a site."""
    row = [
        place
        for place, (name, bucket) in enumerate(
            zip(hours["site_id"].to_pylist(), hours["bucket"].to_pylist(), strict=True)
        )
        if (name, bucket) == (site, NOON)
    ]
    for column, value in values.items():
        told = hours[column].to_pylist()
        told[row[0]] = value
        hours = changed(hours, column, told)
    return hours


def said(hours: pa.Table, profiles: pa.Table, metric: str = "phone_events", site: str = "s1", **more: Any) -> Row:
    """What is said of noon at a site."""
    (row,) = rows_where(judge(hours, profiles, POLICY, **more), site_id=site, bucket=NOON, metric_type=metric)
    return row


def test_an_ordinary_week_is_ordinary(usual: pa.Table, week: pa.Table) -> None:
    judged = judge(week, usual, POLICY)
    assert judged.num_rows == week.num_rows * 5
    counts = {each["values"]: each["counts"] for each in pc.value_counts(judged["verdict"]).to_pylist()}
    assert set(counts) <= {Verdict.USUAL, Verdict.ANOMALOUS}
    assert counts.get(Verdict.ANOMALOUS, 0) < 0.01 * judged.num_rows


def test_an_hour_with_next_to_nothing_is_anomalous_and_says_all_about_it(usual: pa.Table, week: pa.Table) -> None:
    row = said(at_noon(week, phone_events_count=1), usual)
    assert row["verdict"] == Verdict.ANOMALOUS
    assert (row["direction"], row["threshold"], row["threshold_source"]) == ("BELOW", 3.0, "DEFAULT")
    assert row["evidence_z"] < -3
    assert row["tail_probability"] < 0.00135
    assert row["expected"] == pytest.approx(32, rel=0.2)
    assert 0 <= row["borrowed_share"] <= 1


def test_half_of_the_guards_away_is_no_anomaly_but_half_as_much_from_all_is(usual: pa.Table, week: pa.Table) -> None:
    """Defect 8: expected is what the guards heard would do."""
    half: Row = {"phone_events_count": 14, "people_on_duty": 1, "people_reporting": 1, "heard_seconds": 3600.0}
    assert said(at_noon(week, **half), usual)["verdict"] == Verdict.USUAL
    assert said(at_noon(week, phone_events_count=8), usual)["verdict"] == Verdict.ANOMALOUS


def test_more_than_usual_is_told_of_phones_alone(usual: pa.Table, week: pa.Table) -> None:
    """Defect 34: a guard who walks or does more than usual is no security problem."""
    busy = at_noon(week, phone_events_count=200, movement_distance_meters=9e4, tasks_completed_count=30)
    phones, walked, done = (
        said(busy, usual, metric) for metric in ("phone_events", "movement_distance", "tasks_completed")
    )
    assert (phones["verdict"], phones["direction"]) == (Verdict.ANOMALOUS, "ABOVE")
    for row in (walked, done):
        assert row["evidence_z"] > 3
        assert row["verdict"] == Verdict.USUAL


def test_what_always_was_four_and_is_none_is_found(usual: pa.Table, week: pa.Table) -> None:
    """Defects 23 and 24: no deviation at all so far, and a mean too small for a plain z."""
    row = said(at_noon(week, tour_checkpoints_scanned=0), usual, "tour_checkpoints")
    assert row["verdict"] == Verdict.ANOMALOUS


def test_what_lasts_counts_for_more_than_a_fluke(usual: pa.Table, week: pa.Table) -> None:
    """Defect 35: three hours somewhat below are evidence, one of them is not."""
    counted = np.array(week["phone_events_count"])
    is_site = np.array(week["site_id"]) == "s1"
    hours_before = np.array([(NOON - bucket) / timedelta(hours=1) for bucket in week["bucket"].to_pylist()])
    expected = said(week, usual)["expected"]
    low = round(expected - 2.1 * np.sqrt(expected))
    once = changed(week, "phone_events_count", np.where(is_site & (hours_before == 0), low, counted))
    lasting = is_site & (hours_before >= 0) & (hours_before < 3)
    thrice = changed(week, "phone_events_count", np.where(lasting, np.minimum(low, counted * 0.6).astype(int), counted))
    assert said(once, usual)["verdict"] == Verdict.USUAL
    row = said(thrice, usual)
    assert row["verdict"] == Verdict.ANOMALOUS
    assert row["evidence_hours"] > 1


def test_an_hour_is_judged_alike_alone_and_among_others(usual: pa.Table, week: pa.Table) -> None:
    near = week.filter(pc.equal(week["site_id"], "s1"))
    near = near.filter(pc.is_in(near["bucket"], pa.array([NOON - timedelta(hours=back) for back in range(3)],
                                                         near["bucket"].type)))  # fmt: skip
    shuffled = week.take(pa.array(np.random.default_rng(3).permutation(week.num_rows)))
    assert said(near, usual) == said(week, usual) == said(shuffled, usual)


@pytest.mark.parametrize(
    ("told", "metric", "verdict"),
    [
        ({"phone_events_count": None, "people_on_duty": 0, "heard_seconds": 0.0}, "phone_events", Verdict.OFF_DUTY),
        ({"phone_events_count": None, "people_reporting": 0, "heard_seconds": 0.0}, "phone_events", Verdict.UNHEARD),
        ({"tasks_completed_count": None, "tasks_due": 0}, "tasks_completed", Verdict.NOTHING_DUE),
        ({"movement_distance_meters": None}, "movement_distance", Verdict.UNKNOWN),
        ({"hour_of_week": None}, "phone_events", Verdict.UNKNOWN),
        ({"phone_events_count": -4}, "phone_events", Verdict.UNKNOWN),
        ({"heard_seconds": 120.0, "phone_events_count": 0}, "phone_events", Verdict.TOO_LITTLE),
    ],
)
def test_where_there_is_nothing_to_judge_it_says_why(
    usual: pa.Table, week: pa.Table, told: Row, metric: str, verdict: Verdict
) -> None:
    """Defects 4, 5 and 9: no data, off duty and nothing due are never a zero that accuses."""
    row = said(at_noon(week, **told), usual, metric)
    assert row["verdict"] == verdict
    assert row["evidence_z"] is None
    assert said(at_noon(week, **told), usual, metric, site="s2")["verdict"] in (Verdict.USUAL, Verdict.ANOMALOUS)


def test_an_enormous_value_is_judged_and_hurts_nobody(usual: pa.Table, week: pa.Table) -> None:
    row = said(at_noon(week, phone_events_count=10**15), usual)
    assert (row["verdict"], row["direction"]) == (Verdict.ANOMALOUS, "ABOVE")


def test_a_young_baseline_judges_nothing(week: pa.Table) -> None:
    """Defect 25."""
    young = with_limits(
        learn_profiles(history(1).filter(pc.less(history(1)["hour_of_week"], 12)), sites(4), SUNDAY, POLICY),
        LIMITS_SCHEMA.empty_table(), RATES_SCHEMA.empty_table(), LIMITS,
    )  # fmt: skip
    row = said(at_noon(week, phone_events_count=0), young)
    assert (row["verdict"], row["threshold_source"], row["threshold"]) == (Verdict.LEARNING, "LEARNING", None)


def test_holidays_are_not_judged(usual: pa.Table, week: pa.Table) -> None:
    holiday = pa.Table.from_pylist([{"tenant_id": "t", "site_id": "s1", "bucket": NOON}], schema=SPECIAL_SCHEMA)
    row = said(at_noon(week, phone_events_count=0), usual, special=holiday)
    assert row["verdict"] == Verdict.SPECIAL


def test_the_limit_is_of_the_cell_before_it_is_of_the_site(week: pa.Table) -> None:
    key = {"tenant_id": "t", "site_id": "s1", "metric_type": "phone_events"}
    everywhere = {**key, "hour_of_week": None, "manual": None, "learned": 3.8}
    monday_noon = {**key, "hour_of_week": 12, "manual": 4.6, "learned": None}
    profiles = limited(limits=[everywhere, monday_noon])
    assert (said(week, profiles)["threshold"], said(week, profiles)["threshold_source"]) == (4.6, "MANUAL")
    (other,) = rows_where(profiles, **key, hour_of_week=13)
    assert (other["threshold"], other["threshold_source"]) == (3.8, "LEARNED")


def test_a_cell_that_cries_wolf_is_held_at_the_conservative_limit(week: pa.Table) -> None:
    key = {"tenant_id": "t", "site_id": "s1", "metric_type": "phone_events", "hour_of_week": 12}
    profiles = limited(rates=[{**key, "false_positive_rate": 0.6, "is_guarded": False}])
    assert (said(week, profiles)["threshold"], said(week, profiles)["threshold_source"]) == (4.0, "FP_GUARD")


def test_what_is_known_of_all_hours_holds_where_the_hour_has_nothing_of_its_own() -> None:
    key = {"tenant_id": "t", "site_id": "s1", "metric_type": "phone_events"}
    everywhere = {**key, "hour_of_week": None, "false_positive_rate": 0.6, "is_guarded": True}
    monday_noon = {**key, "hour_of_week": 12, "false_positive_rate": 0.1, "is_guarded": False}
    profiles = limited(rates=[everywhere, monday_noon])
    sources = {row["hour_of_week"]: row["threshold_source"] for row in rows_where(profiles, **key)}
    assert sources.pop(12) == "DEFAULT"
    assert set(sources.values()) == {"FP_GUARD"}
    elsewhere = rows_where(profiles, site_id="s1", metric_type="tasks_completed")
    assert {row["threshold_source"] for row in elsewhere} == {"DEFAULT"}
