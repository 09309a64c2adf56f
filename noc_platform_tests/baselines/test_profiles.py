"""What is usual: useful in week two, the same whoever asks again, and nobody else's."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from noc_platform.baselines.profiles import CONFIRMED_SCHEMA, INSTANT, SPECIAL_SCHEMA, State, learn_profiles
from noc_platform.settings import BaselinePolicy
from noc_platform_tests.baselines.operation import SUNDAY, changed, history, rows_where, sites, usual

POLICY = BaselinePolicy()
PHONES = {"metric_type": "phone_events"}


def profiles(hours: pa.Table, count: int = 4, policy: BaselinePolicy = POLICY, **more: Any) -> pa.Table:
    return learn_profiles(hours, sites(count), SUNDAY, policy, **more)


def rates(table: pa.Table, metric: str = "phone_events") -> Any:
    return np.array([row["rate"] for row in rows_where(table, metric_type=metric)]).reshape(-1, 168)


def test_there_is_a_profile_for_every_site_metric_and_hour() -> None:
    found = profiles(history(4))
    assert found.num_rows == 4 * 5 * 168
    assert pc.all(found["is_stable"]).as_py()
    assert pc.min(found["std_dev"]).as_py() > 0


def test_week_two_knows_nearly_as_much_as_all_there_will_ever_be_to_know() -> None:
    """A cell has two samples then; alone it would be off by a sixth."""
    found = profiles(history(2))
    true = np.linspace(0.7, 1.4, 4)[:, None] * usual(np.arange(168))
    assert np.abs(rates(found) / true - 1).mean() < 0.06
    (cell,) = rows_where(found, site_id="s0", hour_of_week=10, **PHONES)
    assert cell["sample_count"] == 2
    assert cell["borrowed_share"] > 0.5
    assert cell["effective_samples"] > 30
    assert cell["state"] == State.STABLE


def test_a_cell_that_differs_relies_on_itself_the_more_it_has_seen() -> None:
    def own_share(weeks: int) -> float:
        hours = history(weeks)
        odd = pc.equal(hours["hour_of_week"], 50)
        busy = np.where(odd, hours["phone_events_count"].to_numpy() * 4, hours["phone_events_count"].to_numpy())
        (cell,) = rows_where(profiles(changed(hours, "phone_events_count", busy)), site_id="s1", hour_of_week=50,
                             **PHONES)  # fmt: skip
        return 1 - float(cell["borrowed_share"])

    assert own_share(2) < own_share(8) < own_share(20)


def test_learning_again_counts_nothing_twice_in_whatever_order_rows_come() -> None:
    """Defect 28: an hourly job that adds the last days again and again makes a baseline sure of nothing."""
    hours = history(3)
    shuffled = hours.take(pa.array(np.random.default_rng(2).permutation(hours.num_rows)))
    first, again = profiles(hours), profiles(shuffled)
    assert first["sample_count"].equals(again["sample_count"])
    assert pc.max(first["sample_count"]).as_py() == 3
    assert np.array(first["rate"]) == pytest.approx(np.array(again["rate"]), rel=1e-9)


def test_a_shift_with_half_of_its_guards_away_is_as_usual() -> None:
    """Defect 8: what is learned is the rate of a guard, not of whoever happened to be there."""
    many, few = history(3, guards=4.0), history(3, seed=2, guards=2.0)
    assert np.abs(rates(profiles(many)) / rates(profiles(few)) - 1).mean() < 0.08


def test_what_lies_after_is_not_known() -> None:
    """Defect 29: nothing is judged by itself."""
    later = history(1, until=SUNDAY + timedelta(weeks=1), seed=9)
    assert profiles(pa.concat_tables([history(3), later])).equals(profiles(history(3)))


def test_one_bad_week_changes_little() -> None:
    good = history(6)
    is_bad = pc.greater_equal(good["bucket"], pa.scalar(SUNDAY - timedelta(weeks=1), INSTANT)).to_numpy()
    counted = np.where(is_bad, 0, good["phone_events_count"].to_numpy())
    bad = profiles(changed(good, "phone_events_count", counted))
    # A plain mean would have lost a fifth, as what is recent counts more.
    assert np.median(rates(bad) / rates(profiles(good))) > 0.97


def test_a_site_that_has_changed_for_good_is_learned_anew() -> None:
    good = history(8)
    is_new = pc.greater_equal(good["bucket"], pa.scalar(SUNDAY - timedelta(weeks=3), INSTANT)).to_numpy()
    counted = good["phone_events_count"].to_numpy() // np.where(is_new, 4, 1)
    ratio = np.median(rates(profiles(changed(good, "phone_events_count", counted))) / rates(profiles(good)))
    assert ratio < 0.8


def test_confirmed_anomalies_and_special_hours_are_not_learned_from() -> None:
    """Defect 29: an anomaly in the mean masks the next one."""
    hours = history(4)
    odd = rows_where(hours.select(["tenant_id", "site_id", "bucket", "hour_of_week"]), site_id="s2", hour_of_week=30)
    keys = {(row["site_id"], row["bucket"]) for row in odd}
    at = zip(hours["site_id"].to_pylist(), hours["bucket"].to_pylist(), strict=True)
    counted = [
        0 if key in keys else value for key, value in zip(at, hours["phone_events_count"].to_pylist(), strict=True)
    ]
    fooled = changed(hours, "phone_events_count", counted)
    special = pa.Table.from_pylist([{**row, "hour_of_week": None} for row in odd], schema=SPECIAL_SCHEMA)
    confirmed = pa.Table.from_pylist([{**row, "metric_type": "phone_events"} for row in odd], schema=CONFIRMED_SCHEMA)

    def rate(**more: Any) -> float:
        return float(rates(profiles(fooled, **more))[2, 30])

    true = rates(profiles(hours))[2, 30]
    assert rate() < 0.95 * true
    assert rate(special=special) == pytest.approx(true, rel=0.03)
    assert rate(confirmed=confirmed) == pytest.approx(true, rel=0.03)
    (movement,) = rows_where(profiles(fooled, confirmed=confirmed), site_id="s2", hour_of_week=30,
                             metric_type="movement_distance")  # fmt: skip
    assert movement["sample_count"] == 4, "only the metric that was confirmed is left out"


def test_tenants_learn_nothing_from_one_another() -> None:
    own, other = history(3, tenant="a"), history(3, tenant="b", seed=5, guards=9.0)
    alone = learn_profiles(own, sites(4, "a"), SUNDAY, POLICY)
    both = learn_profiles(
        pa.concat_tables([own, other]), pa.concat_tables([sites(4, "a"), sites(4, "b")]), SUNDAY, POLICY
    )
    assert both.filter(pc.equal(both["tenant_id"], "a")).equals(alone)


def test_who_has_said_nothing_for_long_is_no_longer_judged() -> None:
    """Defect 30: nothing stays stable for ever."""
    found = profiles(history(5, until=SUNDAY - timedelta(days=30)))
    assert set(found["state"].to_pylist()) == {State.STALE}
    assert not pc.any(found["is_stable"]).as_py()


def test_what_is_older_than_the_history_is_forgotten() -> None:
    short = replace(POLICY, history=timedelta(weeks=2))
    assert pc.max(profiles(history(8), policy=short)["sample_count"]).as_py() == 2


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (history(4).slice(0, 0), "no history"),
        (history(4).slice(0, 1), "one sample"),
        (changed(history(1), "phone_events_count", [None] * (4 * 168)), "nothing but nulls"),
        (changed(history(1), "phone_events_count", [-5] * (4 * 168)), "negative counts"),
        (changed(history(1), "hour_of_week", [None] * (4 * 168)), "sites without a zone"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_where_nothing_can_be_learned_it_says_learning(told: pa.Table, what: str) -> None:
    found = profiles(told)
    phones = rows_where(found, **PHONES)
    assert len(phones) == 4 * 168
    assert {row["state"] for row in phones} == {State.LEARNING}, what


@pytest.mark.parametrize("value", [0, 7, 10**12])
def test_what_never_varies_or_is_enormous_can_still_be_judged_by(value: int) -> None:
    """Defect 23."""
    found = profiles(changed(history(2), "phone_events_count", [value] * (4 * 336)))
    for row in rows_where(found, **PHONES):
        assert np.isfinite(row["mean"])
        assert 0 < row["std_dev"] < np.inf


def test_a_site_nobody_has_heard_of_borrows_nothing_and_says_so() -> None:
    found = profiles(history(4), count=5)
    new = rows_where(found, site_id="s4", **PHONES)
    assert {row["state"] for row in new} == {State.LEARNING}
    assert {row["sample_count"] for row in new} == {0}
