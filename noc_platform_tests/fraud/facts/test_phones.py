"""What the phone told, rule by rule (domain.md §5.3, and §10, 59 and 60)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from noc_platform.store.sessions import Server
from noc_platform_tests.engines import opened
from noc_platform_tests.fraud.facts.stories import EIGHT, Tale, Teller, Told, all_told, told

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
HERE = {"latitude_in": 38.0, "longitude_in": 23.7}
# A degree of latitude here is 110.99 km.
KILOMETER = 1 / 110.994


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def evidence(request: pytest.FixtureRequest, server: Server) -> Iterator[dict[str, Told]]:
    with opened(request.param, server) as engine:
        yield all_told(engine)


@told
def test_speed_is_of_fixes_a_minute_to_six_hours_old(story: Teller) -> Tale:
    ages = {"young": 59 * SECOND, "a minute": MINUTE, "six hours": 6 * HOUR, "old": 6 * HOUR + SECOND}
    for name, age in ages.items():
        story.punch(name, EIGHT, person_id=name, **HERE)
        story.fix(EIGHT - age, 38.0 + 10 * KILOMETER, person_id=name)
    rows = yield
    speeds = {name: row["fix_speed_kmh"] for name, row in rows.items()}
    near = pytest.approx
    assert speeds == {"young": None, "a minute": near(600, rel=1e-3), "six hours": near(10 / 6, rel=1e-3), "old": None}
    assert rows["young"]["phone_distance_meters"] == pytest.approx(9_850, abs=5)


@told
def test_what_both_accuracies_explain_is_no_speed(story: Teller) -> Tale:
    for person, accuracy in (("p0", 700.0), ("p1", 100.0), ("p2", None)):
        story.punch(person, EIGHT, person_id=person, accuracy_meters=400.0, **HERE)
        story.fix(EIGHT - MINUTE, 38.0 + KILOMETER, person_id=person, accuracy_meters=accuracy)
    rows = yield
    speeds = [rows[person]["velocity_kmh"] for person in ("p0", "p1", "p2")]
    assert speeds == [0.0, pytest.approx(30, rel=1e-2), pytest.approx(36, rel=1e-2)]
    assert [rows[person]["fix_accuracy_meters"] for person in ("p0", "p1", "p2")] == [700.0, 100.0, None]


@told
def test_velocity_has_a_cap_and_the_fact_has_none(story: Teller) -> Tale:
    story.punch("in", EIGHT, **HERE)
    story.fix(EIGHT - MINUTE, 48.0)
    rows = yield
    assert rows["in"]["velocity_kmh"] == 1_000.0
    assert rows["in"]["fix_speed_kmh"] > 60_000


@told
def test_where_somebody_came_in_is_not_where_they_left(story: Teller) -> Tale:
    story.punch("out", EIGHT, EIGHT + 8 * HOUR, **HERE)
    story.punch("told", EIGHT, EIGHT + 8 * HOUR, person_id="p1", **HERE, latitude_out=38.1, longitude_out=23.7)
    for person in ("p0", "p1"):
        story.fix(EIGHT + 8 * HOUR - MINUTE, 38.1, person_id=person)
    rows = yield
    assert rows["out"]["velocity_kmh"] is None
    assert rows["told"]["velocity_kmh"] == 0.0
    assert rows["told"]["out_distance_meters"] == 10_000.0


@told
def test_of_fixes_of_one_second_one_is_the_last(story: Teller) -> Tale:
    """The least latitude of the one and the least longitude of the other are a place where nobody was."""
    story.punch("in", EIGHT, **HERE)
    story.fix(EIGHT - MINUTE, 38.0, longitude=24.7)
    story.fix(EIGHT - MINUTE, 39.0, longitude=23.7)
    rows = yield
    assert rows["in"]["phone_distance_meters"] == 10_000.0
    assert rows["in"]["fix_speed_kmh"] == pytest.approx(87_800 * 0.06, rel=1e-2)


@told
def test_a_position_is_made_up_where_the_punch_or_the_last_fix_says_so(story: Teller) -> Tale:
    for person, punched, fixed in (("a", True, None), ("b", None, True), ("c", False, False), ("d", None, None)):
        story.punch(person, EIGHT, person_id=person, is_location_mocked=punched)
        story.fix(EIGHT - MINUTE, person_id=person, is_location_mocked=fixed)
    rows = yield
    assert {name: row["is_mocked"] for name, row in rows.items()} == {"a": True, "b": True, "c": False, "d": False}
    assert [rows[name]["is_location_mocked"] for name in "abcd"] == [1.0, None, 0.0, None]
    assert [rows[name]["mocked_fix_share"] for name in "abcd"] == [None, 1.0, 0.0, None]


@told
def test_what_is_heard_late_or_at_the_very_second_was_not_known(story: Teller) -> Tale:
    story.feed(EIGHT - 30 * HOUR)
    story.punch("in", EIGHT)
    story.fix(EIGHT)
    story.fix(EIGHT - HOUR, received_at=EIGHT + SECOND)
    story.fix(EIGHT - 2 * HOUR)
    story.fix(EIGHT - 2 * HOUR - SECOND)
    rows = yield
    assert rows["in"]["location_update_frequency"] == 0.5


@told
def test_neighbours_across_the_antimeridian_are_not_a_world_apart(story: Teller) -> Tale:
    story.punch("in", EIGHT)
    for minute, longitude in enumerate((179.999, -179.999, -179.999)):
        story.fix(EIGHT - (1 + minute) * MINUTE, 0.0, longitude=longitude)
    rows = yield
    assert rows["in"]["fix_spread_meters"] == pytest.approx(222.6, abs=0.1)
