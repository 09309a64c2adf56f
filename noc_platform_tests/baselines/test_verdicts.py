"""Rates of false alarms: of what people judged alone, unsure while they judged little, and expiring."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc_platform.baselines.verdicts import COUNTED_SCHEMA, false_positive_rates
from noc_platform.settings import VerdictPolicy
from noc_platform_tests.baselines.judgements import SUNDAY, Row, said, several, table, verdicts

POLICY = VerdictPolicy()


def counted(rows: list[Row], before: pa.Table | None = None, as_of: datetime = SUNDAY, **policy: Any) -> list[Row]:
    rates = false_positive_rates(table(rows), as_of, VerdictPolicy(**policy), before)
    assert rates.schema == COUNTED_SCHEMA
    told: list[Row] = rates.to_pylist()
    return told


def of_metric(rows: list[Row], site: str = "s0", metric: str = "phone_events", **more: Any) -> Row:
    (row,) = [
        row
        for row in counted(rows, **more)
        if (row["site_id"], row["metric_type"], row["hour_of_week"]) == (site, metric, None)
    ]
    return row


def test_false_positive_rate_calculation() -> None:
    row = of_metric(several(false=7, confirmed=13))
    assert (row["adjudicated"], row["false_positives"]) == (20, 7)
    assert row["false_positive_rate"] == pytest.approx(0.35)
    assert row["is_guarded"]


def test_what_nobody_judged_counts_neither_way() -> None:
    """Defect 32: unreviewed and undecided findings in the denominator make every rate small."""
    unknown = [said(100 + number, None) for number in range(50)]
    assert counted(several(7, 13) + unknown) == counted(several(7, 13))


def test_one_of_one_moves_nothing() -> None:
    """Defect 32: a single false alarm out of one is no rate of 100 %."""
    row = of_metric(several(1, 0))
    assert (row["adjudicated"], row["false_positive_rate"], row["is_guarded"]) == (1, None, False)
    assert of_metric(several(9, 0))["false_positive_rate"] is None
    assert of_metric(several(10, 0))["is_guarded"]


def test_exactly_at_the_edge_nothing_is_guarded() -> None:
    assert not of_metric(several(6, 14))["is_guarded"]
    assert of_metric(several(6, 14))["false_positive_rate"] == pytest.approx(0.30)


def test_what_is_guarded_stays_so_until_false_alarms_are_few() -> None:
    was = false_positive_rates(table(several(7, 13)), SUNDAY, POLICY)
    assert of_metric(several(5, 15), before=was)["is_guarded"]
    assert not of_metric(several(5, 15))["is_guarded"]
    assert not of_metric(several(3, 17), before=was)["is_guarded"]


def test_evidence_expires() -> None:
    """Defect 32: without a new alarm a limit would stay raised for good."""
    rows = several(7, 13)
    was = false_positive_rates(table(rows), SUNDAY, POLICY)
    assert counted(rows, as_of=SUNDAY + timedelta(days=29), before=was)[0]["is_guarded"]
    assert counted(rows, as_of=SUNDAY + timedelta(days=30), before=was) == []


def test_a_verdict_of_tomorrow_is_not_known_today() -> None:
    assert counted([said(1, True, decided_at=SUNDAY)]) == []


def test_the_last_verdict_on_a_finding_is_the_one() -> None:
    first = several(10, 0, decided_at=SUNDAY - timedelta(days=3))
    changed = several(0, 10)
    assert of_metric(first + changed)["false_positives"] == 0
    assert of_metric(changed + first)["adjudicated"] == 10


def test_few_verdicts_are_drawn_towards_the_tenants() -> None:
    """A site that was judged little is nearer to the others than its own share is; one judged much hardly is."""
    rows = [row for site in range(4) for row in several(2, 38, 100 * site, site_id=f"s{site}")]
    rows += several(30, 10, 900, site_id="noisy") + several(3, 1, 1000, site_id="young")
    young, noisy = of_metric(rows, "young"), of_metric(rows, "noisy")
    assert noisy["estimated_rate"] == pytest.approx(0.75, abs=0.05)
    assert 0.2 < young["estimated_rate"] < 0.72
    assert of_metric(rows, "s0")["estimated_rate"] < 0.1


def test_tenants_learn_from_themselves_alone() -> None:
    own, others = several(1, 3), several(40, 0, 500, tenant_id="u")
    alone = of_metric(own)
    assert alone in counted(own + others)


def test_a_cell_is_rated_and_guarded_by_its_own_verdicts_alone() -> None:
    rows = several(11, 0, hour_of_week=50) + several(0, 40, 100, hour_of_week=51)
    cells = {row["hour_of_week"]: row for row in counted(rows)}
    assert cells[50]["is_guarded"]
    assert cells[50]["estimated_rate"] > 0.9
    assert not cells[51]["is_guarded"]
    assert not cells[None]["is_guarded"]


def test_many_false_alarms_in_proportion_are_none_while_the_budget_is_kept() -> None:
    """At a generous budget with little to be found most alarms are false, and as few as they were asked to be."""
    rows = several(8, 4)
    assert of_metric(rows)["is_guarded"]
    generous = of_metric(rows, false_alarms_per_site_week=10.0)
    assert (generous["is_guarded"], generous["false_positive_rate"]) == (False, None)
    assert generous["estimated_rate"] == pytest.approx(2 / 3)
    assert of_metric(several(9, 4), false_alarms_per_site_week=10.0)["is_guarded"]


def test_what_was_guarded_for_being_over_the_budget_stays_so_until_it_is_well_within() -> None:
    """Two a week are the share of one metric; somebody guarded at nine in thirty days is not let go at seven."""
    generous: Row = {"false_alarms_per_site_week": 10.0}
    was = false_positive_rates(table(several(9, 4)), SUNDAY, VerdictPolicy(**generous))
    assert of_metric(several(7, 5), before=was, **generous)["is_guarded"]
    assert not of_metric(several(7, 5), **generous)["is_guarded"]
    assert not of_metric(several(5, 5), before=was, **generous)["is_guarded"]


def test_within_the_budget_a_good_rate_is_told() -> None:
    assert of_metric(several(2, 18), false_alarms_per_site_week=10.0)["false_positive_rate"] == pytest.approx(0.1)


def test_nothing_said_is_no_rate() -> None:
    assert counted([]) == []
    assert counted([said(1, site_id=None), said(2, metric_type=None), said(3, decided_at=None)]) == []


@given(rows=verdicts(), seed=st.integers(0, 99))
def test_rates_are_rates_and_the_order_of_rows_does_not_matter(rows: list[Row], seed: int) -> None:
    rates = counted(rows, least_adjudicated=3)
    for row in rates:
        assert 0 <= row["false_positives"] <= row["adjudicated"]
        assert 0 <= row["estimated_rate"] <= 1
        assert row["false_positive_rate"] in (None, row["estimated_rate"])
        assert row["adjudicated"] >= 3 or not row["is_guarded"]
    Random(seed).shuffle(rows)
    assert counted(rows, least_adjudicated=3) == rates


@given(rows=verdicts())
def test_doing_it_again_says_the_same(rows: list[Row]) -> None:
    first = false_positive_rates(table(rows), SUNDAY, POLICY)
    assert false_positive_rates(table(rows), SUNDAY, POLICY, first).to_pylist() == first.to_pylist()
