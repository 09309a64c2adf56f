"""Rosters, other attendances, and shared phones and faces, rule by rule (domain.md §10, 53 to 57)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from noc_platform.store.sessions import Server
from noc_platform_tests.engines import opened
from noc_platform_tests.fraud.facts.stories import EIGHT, STORIES, Tale, Teller, Told, all_told, told

HOUR, MINUTE, SECOND, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1)


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def evidence(request: pytest.FixtureRequest, server: Server) -> Iterator[dict[str, Told]]:
    with opened(request.param, server) as engine:
        yield all_told(engine)


@told
def test_whoever_of_many_is_rostered_is_no_wrong_person(story: Teller) -> Tale:
    for person in ("p1", "p0", "p2"):
        story.shift(person, EIGHT)
    story.punch("second of three", EIGHT)
    rows = yield
    assert rows["second of three"]["is_rostered_here"] is True
    assert rows["second of three"]["expected_person_id"] is None


@told
def test_a_substitute_is_rostered_and_whom_they_stand_in_for_is_not_missed(story: Teller) -> Tale:
    story.shift("p1", EIGHT)
    story.shift("p0", EIGHT, is_substitute=True, original_person_id="p1")
    story.punch("substitute", EIGHT)
    story.punch("third", EIGHT + MINUTE, person_id="p2")
    rows = yield
    assert rows["substitute"]["is_rostered_here"] is True
    assert rows["third"]["is_rostered_here"] is False
    assert rows["third"]["expected_person_id"] is None


@told
def test_a_shift_covers_from_two_hours_before_it_until_its_end(story: Teller) -> Tale:
    story.shift("p0", EIGHT, hours=24)
    moments = {
        "too early": EIGHT - 2 * HOUR - SECOND,
        "early": EIGHT - 2 * HOUR,
        "late": EIGHT + 13 * HOUR,
        "last": EIGHT + 24 * HOUR - SECOND,
        "over": EIGHT + 24 * HOUR,
    }
    for name, moment in moments.items():
        story.punch(name, moment)
    rows = yield
    covered = {name: row["is_rostered_here"] for name, row in rows.items()}
    assert covered == {"too early": False, "early": True, "late": True, "last": True, "over": False}
    assert rows["early"]["minutes_from_roster"] == -120.0


@told
def test_split_shifts_are_two_and_the_nearer_start_counts(story: Teller) -> Tale:
    story.shift("p0", EIGHT, hours=4)
    story.shift("p0", EIGHT + 8 * HOUR, hours=4)
    story.punch("between", EIGHT + 5 * HOUR)
    story.punch("second", EIGHT + 8 * HOUR + 7 * MINUTE)
    rows = yield
    assert rows["between"]["is_rostered_here"] is False
    assert (rows["second"]["is_rostered_here"], rows["second"]["minutes_from_roster"]) == (True, 7.0)


@told
def test_a_cancelled_shift_and_one_not_yet_told_of_do_not_count(story: Teller) -> Tale:
    story.shift("p0", EIGHT, is_cancelled=True)
    story.shift("p0", EIGHT + MINUTE, received_at=EIGHT + HOUR)
    story.shift("p9", EIGHT - 9 * DAY)
    story.punch("in", EIGHT + 2 * MINUTE)
    rows = yield
    assert rows["in"]["is_rostered_here"] is False
    assert rows["in"]["minutes_from_roster"] is None


@told
def test_without_a_roster_nobody_is_out_of_place(story: Teller) -> Tale:
    story.punch("in", EIGHT, person_id="p1")
    story.shift("p1", EIGHT + DAY, received_at=EIGHT + SECOND)
    rows = yield
    assert rows["in"]["is_rostered_here"] is None
    assert rows["in"]["is_assigned_here"] is None


@told
def test_expected_is_who_has_not_come_yet(story: Teller) -> Tale:
    story.shift("p1", EIGHT)
    story.punch("before", EIGHT, person_id="p9")
    story.punch("expected", EIGHT + MINUTE, person_id="p1")
    story.punch("told late", EIGHT, person_id="p8", received_at=EIGHT + HOUR)
    story.punch("after", EIGHT + 2 * MINUTE, person_id="p7")
    rows = yield
    assert rows["before"]["expected_person_id"] == "p1"
    assert rows["told late"]["expected_person_id"] == "p1"
    assert rows["after"]["expected_person_id"] is None


@told
def test_who_came_to_another_site_is_still_missed_here(story: Teller) -> Tale:
    story.shift("p1", EIGHT)
    story.punch("elsewhere", EIGHT - MINUTE, person_id="p1", site_id="s1")
    story.punch("stranger", EIGHT, person_id="p9")
    rows = yield
    assert rows["stranger"]["expected_person_id"] == "p1"


@told
def test_a_site_is_ones_own_by_home_or_by_any_shift_of_the_month(story: Teller) -> Tale:
    story.shift("p1", EIGHT + 29 * DAY, received_at=EIGHT - DAY)
    story.shift("p2", EIGHT + 31 * DAY, received_at=EIGHT - DAY)
    story.punch("home", EIGHT)
    story.punch("away", EIGHT, site_id="s1")
    story.punch("planned", EIGHT, person_id="p1")
    story.punch("beyond", EIGHT, person_id="p2")
    rows = yield
    assigned = {name: row["is_assigned_here"] for name, row in rows.items()}
    assert assigned == {"home": True, "away": False, "planned": True, "beyond": False}


@told
def test_travel_of_one_day_is_from_the_last_punch_out(story: Teller) -> Tale:
    story.punch("morning", EIGHT, EIGHT + 2 * HOUR)
    story.punch("noon", EIGHT + 150 * MINUTE, site_id="s1")
    rows = yield
    assert rows["noon"]["previous_attendance_id"] == "morning"
    assert rows["noon"]["travel_seconds"] == 1_800.0
    assert rows["noon"]["travel_distance_meters"] == pytest.approx(27_750, abs=10)


@told
def test_two_places_at_once_is_an_overlap_whoever_is_told_of_first(story: Teller) -> Tale:
    story.punch("outer", EIGHT, EIGHT + 8 * HOUR)
    story.punch("inner", EIGHT + 2 * HOUR, EIGHT + 3 * HOUR, site_id="s1", person_id="p0")
    story.punch("second", EIGHT, EIGHT + 3 * HOUR, person_id="p1")
    story.punch("third", EIGHT + 2 * HOUR, EIGHT + 4 * HOUR, site_id="s1", person_id="p1")
    rows = yield
    # The inner one ends first, and nobody knows of it then how long the outer one lasts.
    assert rows["outer"]["travel_seconds"] == -3 * 3_600.0
    assert rows["third"]["travel_seconds"] == -3_600.0


@told
def test_the_same_site_is_no_travel(story: Teller) -> Tale:
    story.punch("morning", EIGHT, EIGHT + HOUR)
    story.punch("again", EIGHT + 61 * MINUTE)
    rows = yield
    assert rows["again"]["previous_attendance_id"] is None
    assert rows["again"]["travel_seconds"] is None


@told
def test_hours_that_overlap_are_worked_once_and_only_those_of_a_day(story: Teller) -> Tale:
    story.punch("yesterday", EIGHT - 30 * HOUR, EIGHT - 20 * HOUR)
    story.punch("one", EIGHT - 6 * HOUR, EIGHT - 2 * HOUR)
    story.punch("two", EIGHT - 4 * HOUR, EIGHT - HOUR, site_id="s1")
    story.punch("asked", EIGHT - HOUR, EIGHT)
    rows = yield
    # Four hours of yesterday's lie within the day.
    assert rows["asked"]["worked_seconds"] == 10 * 3_600.0
    assert rows["asked"]["continuous_seconds"] == 6 * 3_600.0


@told
def test_work_is_unbroken_by_half_an_hour_and_broken_by_more(story: Teller) -> Tale:
    for person, gap in (("p0", 30 * MINUTE), ("p1", 30 * MINUTE + SECOND)):
        story.punch(f"first {person}", EIGHT - 5 * HOUR - gap, EIGHT - 2 * HOUR - gap, person_id=person)
        story.punch(f"second {person}", EIGHT - 2 * HOUR, EIGHT, person_id=person)
    rows = yield
    assert rows["second p0"]["continuous_seconds"] == 5.5 * 3_600
    assert rows["second p1"]["continuous_seconds"] == 2.0 * 3_600
    assert rows["second p1"]["worked_seconds"] == 5.0 * 3_600


@told
def test_of_two_verifications_the_one_told_of_last_sees_the_other(story: Teller) -> Tale:
    story.punch("on time", EIGHT + 3 * MINUTE, site_id="s1", received_at=EIGHT + 3 * MINUTE)
    story.punch("late", EIGHT, received_at=EIGHT + 2 * HOUR)
    rows = yield
    assert rows["on time"]["elsewhere_seconds"] is None
    assert rows["late"]["elsewhere_attendance_id"] == "on time"
    assert rows["late"]["elsewhere_seconds"] == 180.0


@told
def test_the_nearest_verification_of_half_an_hour_elsewhere_counts(story: Teller) -> Tale:
    story.punch("far", EIGHT - 31 * MINUTE, site_id="s1", person_id="p1")
    story.punch("p1", EIGHT, person_id="p1")
    story.punch("near", EIGHT - 30 * MINUTE, site_id="s1")
    story.punch("nearer", EIGHT - 5 * MINUTE, site_id="s1")
    story.punch("here", EIGHT - MINUTE)
    story.punch("p0", EIGHT)
    rows = yield
    assert rows["p1"]["elsewhere_seconds"] is None
    assert (rows["p0"]["elsewhere_attendance_id"], rows["p0"]["elsewhere_seconds"]) == ("nearer", 300.0)


@told
def test_others_on_the_same_phone_and_face_are_counted(story: Teller) -> Tale:
    for number, days in enumerate((0, 6, 8, 29, 31)):
        story.punch(f"{days}", EIGHT - days * DAY - MINUTE, person_id=f"q{number}", device_id="d", template_id="f")
    story.punch("mine", EIGHT - DAY, device_id="d", template_id="f")
    story.punch("asked", EIGHT, device_id="d", template_id="f")
    story.punch("own phone", EIGHT, device_id="e")
    rows = yield
    assert (rows["asked"]["device_people"], rows["asked"]["template_people"]) == (2.0, 4.0)
    assert (rows["own phone"]["device_people"], rows["own phone"]["template_people"]) == (0.0, None)


@told
def test_a_phone_that_is_lent_for_leaving_is_shared(story: Teller) -> Tale:
    story.punch("in", EIGHT - 8 * HOUR, person_id="p1", attendance_id="a", device_id="own")
    story.punch("out", EIGHT - 8 * HOUR, EIGHT, person_id="p1", attendance_id="a", device_id="lent")
    story.punch("before", EIGHT - MINUTE, device_id="lent")
    story.punch("after", EIGHT + MINUTE, device_id="lent")
    rows = yield
    assert (rows["before"]["device_people"], rows["after"]["device_people"]) == (0.0, 1.0)


def test_every_story_is_told(evidence: dict[str, Told]) -> None:
    assert len(evidence) == len(STORIES)
