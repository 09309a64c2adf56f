"""Habits, verdicts and clocks, rule by rule (domain.md §5.3, and §10, 69, 70 and 73)."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from noc_platform.fraud.moments import zone_offsets
from noc_platform.fraud.vocabulary import MODEL_FEATURES
from noc_platform.store.sessions import Server
from noc_platform_tests.engines import opened
from noc_platform_tests.fraud.facts.stories import EIGHT, Tale, Teller, Told, all_told, told

HOUR, MINUTE, SECOND, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1)

# Clocks do not change in the three months before.
WINTER = EIGHT - 20 * DAY


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def evidence(request: pytest.FixtureRequest, server: Server) -> Iterator[dict[str, Told]]:
    with opened(request.param, server) as engine:
        yield all_told(engine)


@told
def test_what_is_not_known_is_null_and_never_zero(story: Teller) -> Tale:
    story.punch("bare", EIGHT, site_id=None)
    story.punch("unheard of", EIGHT, site_id="s9", person_id="p9", distance_in_meters=5_000.0, face_threshold=0.0)
    story.site("no fence", geofence_radius_meters=None)
    story.punch("no fence", EIGHT, site_id="no fence", person_id="p8", latitude_in=38.0, longitude_in=23.7)
    rows = yield
    for row in rows.values():
        # That somebody is still on duty is known.
        assert {name: row[name] for name in MODEL_FEATURES if row[name] is not None} == {"has_punched_out": 0.0}


@told
def test_a_dead_feed_is_not_a_phone_that_never_reported(story: Teller) -> Tale:
    story.punch("unfed", EIGHT)
    story.feed(EIGHT + HOUR)
    story.punch("fed", EIGHT + HOUR)
    rows = yield
    assert rows["unfed"]["location_update_frequency"] is None
    assert rows["fed"]["location_update_frequency"] == 0.0


@told
def test_an_event_never_finds_itself(story: Teller) -> Tale:
    wrong = {"attendance_id": "a", "is_location_mocked": True, "confidence_score": 0.9}
    story.punch("in", EIGHT, **wrong)
    story.punch("moved", EIGHT - MINUTE, received_at=EIGHT + MINUTE, **wrong)
    story.punch("out", EIGHT, EIGHT + 8 * HOUR, **wrong)
    story.verdict("a", "CONFIRMED", EIGHT + HOUR)
    rows = yield
    for name in ("consecutive_violations", "historical_fraud_rate", "verifications", "elsewhere_seconds"):
        assert rows["out"][name] is None
    assert rows["out"]["worked_seconds"] == 8 * 3_600.0


@told
def test_only_what_people_had_said_by_then_counts(story: Teller) -> Tale:
    story.punch("first", EIGHT - 10 * DAY)
    story.verdict("first", "CONFIRMED", EIGHT - 5 * DAY)
    story.verdict("first", "UNDECIDED", EIGHT - 3 * DAY)
    story.verdict("first", "FALSE_POSITIVE", EIGHT - DAY)
    story.verdict("first", "CONFIRMED", EIGHT + DAY)
    for days in (6, 4, 2, 0):
        story.punch(f"{days}", EIGHT - days * DAY, received_at=EIGHT + 2 * DAY, attendance_id="asked")
    rows = yield
    rates = {name: row["historical_fraud_rate"] for name, row in rows.items() if name != "first"}
    assert rates == {"6": None, "4": pytest.approx(2 / 11), "2": None, "0": pytest.approx(1 / 11)}
    assert [rows[name]["consecutive_violations"] for name in ("6", "4", "2")] == [0.0, 1.0, 0.0]


@told
def test_a_run_ends_at_the_last_attendance_with_nothing_wrong_and_at_ten(story: Teller) -> Tale:
    for number in range(14):
        story.punch(f"{number}", EIGHT - (20 - number) * DAY, accuracy_meters=5.0 if number == 1 else 150.0)
    story.verdict("5", "FALSE_POSITIVE", EIGHT - DAY)
    story.punch("before", EIGHT - 2 * DAY)
    story.punch("after", EIGHT)
    rows = yield
    assert (rows["1"]["consecutive_violations"], rows["2"]["consecutive_violations"]) == (1.0, 0.0)
    assert rows["before"]["consecutive_violations"] == 10.0
    assert rows["after"]["consecutive_violations"] == 0.0


@told
def test_ten_punches_make_a_habit(story: Teller) -> Tale:
    for days in range(1, 12):
        story.punch(f"{days}", WINTER - 7 * days * DAY)
    story.punch("usual", WINTER)
    story.punch("an hour later", WINTER + HOUR, attendance_id="usual")
    story.punch("in the night", WINTER - 11 * HOUR, attendance_id="usual")
    rows = yield
    assert rows["2"]["time_of_day_anomaly_score"] is None
    assert (rows["1"]["time_of_day_anomaly_score"], rows["usual"]["time_of_day_anomaly_score"]) == (0.0, 0.0)
    assert rows["in the night"]["time_of_day_anomaly_score"] == 1.0
    assert (rows["usual"]["day_of_week_pattern_score"], rows["in the night"]["day_of_week_pattern_score"]) == (0.0, 1.0)


@told
def test_whoever_is_rostered_is_expected_that_day(story: Teller) -> Tale:
    for days in range(1, 12):
        story.punch(f"{days}", WINTER - (7 * days - 1) * DAY)
    story.shift("p0", WINTER + HOUR)
    story.shift("p1", WINTER + HOUR)
    story.punch("rostered", WINTER)
    story.punch("new", WINTER, person_id="p1")
    story.punch("unknown", WINTER, person_id="p2")
    story.punch("free", WINTER + 2 * DAY)
    rows = yield
    told_of = {name: rows[name]["day_of_week_pattern_score"] for name in ("rostered", "new", "unknown", "free")}
    assert told_of == {"rostered": 0.0, "new": 0.0, "unknown": None, "free": 1.0}


@told
def test_the_hour_is_that_of_the_site_before_and_after_clocks_change(story: Teller) -> Tale:
    """Ten in the morning in Athens is eight by UTC in winter, and seven in summer."""
    for days in range(12):
        winter = days >= 5
        story.punch(f"{days}", EIGHT + (4 - days) * DAY - (timedelta(0) if winter else HOUR), confidence_score=0.9)
    rows = yield
    assert rows["0"]["time_of_day_anomaly_score"] == 0.0
    assert rows["0"]["distinct_minutes"] == 1.0


@told
def test_minutes_nobody_knows_by_the_clock_are_not_few(story: Teller) -> Tale:
    for days in range(3):
        story.punch(f"{days}", EIGHT - days * DAY, site_id=None, confidence_score=0.9)
    rows = yield
    assert rows["0"]["verifications"] == 2.0
    assert rows["0"]["distinct_minutes"] is None


@told
def test_the_share_of_ones_own_phone(story: Teller) -> Tale:
    for days, device in ((1, "a"), (2, "a"), (3, "b"), (4, None), (31, "b")):
        story.punch(f"{days}", EIGHT - days * DAY, device_id=device)
    story.punch("asked", EIGHT, device_id="a")
    rows = yield
    assert rows["asked"]["own_device_share"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("zone", ["Europe/Athens", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "UTC"])
@pytest.mark.parametrize("start", [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, 22, 17, 5, 400, tzinfo=UTC)])
def test_clocks_change_to_the_second_wherever_one_begins_to_look(zone: str, start: datetime) -> None:
    end = datetime(2027, 1, 1, tzinfo=UTC)
    rows = zone_offsets([zone], start, end).to_pylist()
    assert rows[0]["since"] == start
    assert rows[-1]["until"] >= end
    assert all(before["until"] == after["since"] for before, after in itertools.pairwise(rows))
    for row in rows:
        for moment in (row["since"], row["until"] - SECOND):
            ahead = moment.astimezone(ZoneInfo(zone)).utcoffset()
            assert ahead == row["offset_minutes"] * MINUTE
    assert len(rows) == (1 if zone in ("Asia/Kolkata", "UTC") else 3)


def test_a_zone_nobody_knows_has_no_clock() -> None:
    assert zone_offsets(["Nowhere/At_All"], EIGHT, EIGHT + DAY).num_rows == 0
