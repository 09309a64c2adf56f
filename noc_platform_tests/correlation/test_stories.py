"""Which items are one story, and to which incident it goes: pure."""

from datetime import timedelta
from uuid import UUID

from noc_platform.correlation.stories import Item, Place, Raised, Standing, Told, placed, together
from noc_platform_tests.correlation.stories_told import MINUTE, NOON, TENANT

X, Y, Z = (UUID(int=number) for number in (1, 2, 3))
BEGAN = {X: NOON, Y: NOON + MINUTE, Z: NOON + 2 * MINUTE}


def told(number: int) -> Told:
    return Told(TENANT, "p0", NOON + timedelta(minutes=number))


def group(*items: Item) -> frozenset[Item]:
    return frozenset(items)


def test_what_is_connected_by_whatever_is_between_is_together() -> None:
    pairs = [(told(0), told(1)), (told(3), told(4)), (told(2), told(1))]
    assert set(together(pairs)) == {group(told(0), told(1), told(2)), group(told(3), told(4))}
    assert together([]) == []


def test_what_is_neither_heard_nor_raised_is_no_story_unless_a_part_is_one_already() -> None:
    alone = group(told(0), told(1))
    assert placed([alone], Standing()) == []
    assert placed([group(Raised(TENANT, X), Raised(TENANT, Y))], Standing()) == []
    assert placed([alone], Standing(BEGAN, {told(0): X})) == [Place(TENANT, group(told(1)), X)]


def test_an_incident_that_is_merged_takes_nothing_on_by_another_of_its_parts() -> None:
    """Y holds what nothing connects any more: one part proves to be one with X, while another goes on."""
    holder: dict[Item, UUID] = {told(0): X, told(1): Y, told(5): Y}
    for groups in (
        [group(told(0), told(1)), group(told(5), told(6))],
        [group(told(5), told(6)), group(told(0), told(1))],
    ):
        places = placed(groups, Standing(BEGAN, holder))
        assert {place.incident_id for place in places} == {X}
        assert [each for place in places for each in place.absorbed] == [Y]
        assert {item for place in places for item in place.items} == {told(6)}


def test_incidents_that_prove_to_be_one_by_a_third_are_merged_into_the_first_each_once() -> None:
    holder: dict[Item, UUID] = {told(0): X, told(1): Y, told(5): Y, told(7): Z}
    places = placed([group(told(5), told(7)), group(told(0), told(1))], Standing(BEGAN, holder))
    assert {place.incident_id for place in places} == {X}
    assert sorted(each for place in places for each in place.absorbed) == [Y, Z]


def test_what_people_took_apart_is_not_merged_by_way_of_a_third_either() -> None:
    holder: dict[Item, UUID] = {told(0): X, told(1): Y, told(5): Y, told(7): Z}
    standing = Standing(BEGAN, holder, {(X, Z), (Z, X)})
    places = placed([group(told(0), told(1), told(2)), group(told(5), told(7))], standing)
    assert places == [Place(TENANT, group(told(2)), Y)]
