"""Right after a change of clocks people go on as they began: by the old clock they are as usual."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from noc_platform.baselines.clock_changes import LASTS_HOURS, by_the_clock_before
from noc_platform.baselines.profiles import learn_profiles
from noc_platform.baselines.scoring import LIMITS_SCHEMA, RATES_SCHEMA, Verdict, judge, with_limits
from noc_platform.settings import BaselinePolicy, ThresholdPolicy
from noc_platform_tests.baselines.operation import changed, history, sites

POLICY = BaselinePolicy()
SUNDAY = datetime(2026, 3, 29, tzinfo=UTC)
WEEK = SUNDAY + timedelta(weeks=1)


def by_clock(rows: pa.Table, zone: str) -> pa.Table:
    """The rows with the hour of the week as a clock in that zone shows it."""
    local = [bucket.astimezone(ZoneInfo(zone)) for bucket in rows["bucket"].to_pylist()]
    return changed(rows, "hour_of_week", [at.weekday() * 24 + at.hour for at in local])


@pytest.mark.parametrize(
    ("zone", "at", "ahead"),
    [
        ("Europe/London", datetime(2026, 3, 29, 1, tzinfo=UTC), 1),
        ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC), -1),
        ("Australia/Sydney", datetime(2026, 4, 4, 16, tzinfo=UTC), -1),
    ],
)
def test_the_hours_of_one_shift_have_the_old_clock_as_well(zone: str, at: datetime, ahead: int) -> None:
    rows = by_clock(history(3, count=2, until=at + timedelta(weeks=1)), zone)
    earlier = by_the_clock_before(rows)
    assert set(earlier["bucket"].to_pylist()) == {at + timedelta(hours=hour) for hour in range(LASTS_HOURS)}
    assert earlier.num_rows == 2 * LASTS_HOURS
    now = dict(zip(zip(rows["site_id"].to_pylist(), rows["bucket"].to_pylist(), strict=True),
                   rows["hour_of_week"].to_pylist(), strict=True))  # fmt: skip
    for row in earlier.to_pylist():
        assert row["hour_of_week"] == (now[row["site_id"], row["bucket"]] - ahead) % 168


def test_without_a_change_or_a_clock_there_is_none() -> None:
    rows = by_clock(history(3, count=2, until=WEEK), "Asia/Kolkata")
    assert by_the_clock_before(rows).num_rows == 0
    assert by_the_clock_before(changed(rows, "hour_of_week", [None] * rows.num_rows)).num_rows == 0
    assert by_the_clock_before(rows.slice(0, 0)).num_rows == 0
    assert by_the_clock_before(rows.slice(0, 1)).num_rows == 0


def rounds(until: datetime, weeks: int) -> pa.Table:
    """Metres at a site in London where a round is walked every other hour from the shift's beginning at 19:00."""
    rows = by_clock(history(weeks, count=1, until=until), "Europe/London")
    metres = []
    for number, bucket in enumerate(rows["bucket"].to_pylist()):
        began = bucket.astimezone(ZoneInfo("Europe/London")).replace(hour=19)
        began -= timedelta(days=1) if began > bucket else timedelta(0)
        elapsed = (bucket - began.astimezone(UTC)) // timedelta(hours=1)
        metres.append((500.0 if elapsed % 2 == 0 else 15.0) + 20 * np.sin(number))
    return changed(rows, "movement_distance_meters", metres)


def test_a_night_over_the_change_is_a_night_like_others() -> None:
    """Defect 36: rounds that follow from when the shift began are an hour late by the new clock."""
    profiles = learn_profiles(rounds(SUNDAY, 8), sites(1), SUNDAY, POLICY)
    limited = with_limits(profiles, LIMITS_SCHEMA.empty_table(), RATES_SCHEMA.empty_table(), ThresholdPolicy())
    judged = judge(rounds(SUNDAY + timedelta(days=1), 1), limited, POLICY).to_pylist()
    night = [
        row for row in judged
        if row["metric_type"] == "movement_distance" and SUNDAY <= row["bucket"] < SUNDAY + timedelta(hours=8)
    ]  # fmt: skip
    assert len(night) == 8
    assert {row["verdict"] for row in night} == {Verdict.USUAL}
