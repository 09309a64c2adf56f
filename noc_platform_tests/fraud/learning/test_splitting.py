"""No person in two parts, the judging part latest in time, and the same split for the same examples."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from noc_platform.fraud.learning.examples import Examples
from noc_platform.fraud.learning.splitting import Split, split
from noc_platform_tests.fraud.learning.drawn import by_chance, drawn


def parts(examples: Examples, division: Split) -> list[Examples]:
    return [examples.rows(part) for part in (division.train, division.validation, division.test)]


@given(rows=st.integers(60, 700), people=st.integers(6, 300), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_no_person_is_in_two_parts_and_the_judged_come_last(rows: int, people: int, seed: int) -> None:
    examples = drawn(rows, people=people, seed=seed)
    train, validation, test = parts(examples, split(examples, seed))
    persons = [set(part.people.tolist()) for part in (train, validation, test)]
    assert not persons[0] & persons[1]
    assert not (persons[0] | persons[1]) & persons[2]
    for part in (train, validation):
        assert part.moments is not None
        assert test.moments is not None
        assert not len(part) or not len(test) or part.moments.max() < test.moments.min()


def test_people_seen_all_the_time_leave_a_third_to_learn_and_a_seventh_to_judge() -> None:
    examples = drawn(20_000)
    division = split(examples, 42)
    assert len(division.train) + len(division.validation) > 0.33 * len(examples)
    assert len(division.test) > 0.13 * len(examples)
    assert "rows are in no part" in division.manner
    for part in parts(examples, division):
        assert abs(part.labels.mean() - examples.labels.mean()) < 0.05


def test_people_who_come_and_go_cost_little() -> None:
    examples = drawn(6000)
    assert examples.moments is not None
    order = np.argsort(examples.moments)
    groups = np.empty(6000, "U8")
    groups[order] = [f"p{place // 4}" for place in range(6000)]
    division = split(replace(examples, groups=groups), 42)
    assert sum(division.sizes.values()) > 5900
    assert len(division.test) >= 1200


def test_without_people_time_alone_parts_and_instants_stay_together() -> None:
    examples = replace(drawn(1000), groups=None)
    assert examples.moments is not None
    examples = replace(examples, moments=examples.moments.astype("datetime64[D]").astype("datetime64[us]"))
    train, validation, test = parts(examples, split(examples, 42))
    assert len(train) + len(validation) + len(test) == 1000
    for before, after in ((train, validation), (validation, test)):
        assert before.moments is not None
        assert after.moments is not None
        assert before.moments.max() < after.moments.min()


def test_without_time_chance_parts_with_the_same_share_of_fraud() -> None:
    for examples in (by_chance(drawn(5000)), replace(drawn(5000), moments=None)):
        division = split(examples, 42)
        assert sum(division.sizes.values()) == 5000
        persons = [set(examples.people[part].tolist()) for part in (division.train, division.validation, division.test)]
        assert not persons[0] & persons[1]
        assert not (persons[0] | persons[1]) & persons[2]
        for part, share in zip(parts(examples, division), (0.6, 0.2, 0.2), strict=True):
            assert abs(len(part) / 5000 - share) < 0.05
            assert abs(part.labels.mean() - examples.labels.mean()) < 0.03


def test_the_order_of_the_rows_changes_nothing() -> None:
    examples = drawn(2000)
    order = np.random.default_rng(3).permutation(2000)
    for part, again in zip(
        parts(examples, split(examples, 42)), parts(examples.rows(order), split(examples.rows(order), 42)), strict=True
    ):
        assert part.moments is not None
        assert again.moments is not None
        assert sorted(zip(part.moments, part.people, strict=True)) == sorted(
            zip(again.moments, again.people, strict=True)
        )


def test_from_week_to_week_nearly_the_same_people_judge() -> None:
    examples = drawn(8000, people=400)
    assert examples.moments is not None
    before = examples.rows(np.argsort(examples.moments)[:7700])
    judged, judging = (set(parts(each, split(each, 42))[2].people.tolist()) for each in (before, examples))
    assert len(judged & judging) > 0.8 * len(judging)
