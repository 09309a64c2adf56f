"""How likely an alarm is false, by its score: learned of verdicts, and never learned the wrong way round."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noc_platform.baselines.tuning.falsity import LIMITS, Said, offsets_of_metrics, places, shares

SITES, METRICS = 3, 2
WRONG = 0.05
Row = tuple[int, int, float, bool]
ROWS = st.tuples(
    st.integers(0, SITES - 1), st.integers(0, METRICS - 1), st.floats(1.5, 7), st.booleans()
)  # fmt: skip


def said(rows: list[Row]) -> Said:
    site, metric, score, is_false = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Said(np.array(site, int), np.array(metric, int), np.array(score, float), np.array(is_false, bool))


def share(rows: list[Row], wrong: float = WRONG) -> Any:
    return shares(said(rows), SITES, METRICS, wrong)


def drawn(count: int, seed: int = 1, site: int | None = None, shift: float = 0.0) -> list[Row]:
    """Verdicts as they are where half of the alarms at 3.5 (and `shift`) are false, nearly all below and few above."""
    rng = np.random.default_rng(seed)
    scores = 2.5 + 3 * rng.random(count)
    false = rng.random(count) < 1 / (1 + np.exp(3 * (scores - 3.5 - shift)))
    return [(number % SITES if site is None else site, number % METRICS, float(score), bool(is_false))
            for number, (score, is_false) in enumerate(zip(scores, false, strict=True))]  # fmt: skip


def at(limit: float) -> int:
    return int(places(np.array([limit]))[0])


def test_a_score_belongs_to_the_last_limit_it_is_not_below() -> None:
    assert LIMITS[places(np.array([1.5, 3.0, 3.04, 3.05, 9.0]))].tolist() == [1.5, 3.0, 3.0, 3.05, 5.0]


def test_what_people_say_is_learned_and_told_of_every_site() -> None:
    found = share(drawn(600))
    assert (np.diff(found, axis=-1) <= 1e-9).all()
    assert (found[..., at(2.6)] > 0.85).all()
    assert (np.abs(found[..., at(3.5)] - 0.5) < 0.25).all()
    assert (found[..., at(4.8)] < 0.1).all()


def test_nothing_said_is_believed_false() -> None:
    assert (share([]) == 1).all()
    assert (share([(0, 0, 4.0, True)] * 20) > 0.97).all()


def test_what_is_weaker_than_anything_confirmed_is_believed_false() -> None:
    rows = [(number % SITES, 0, 4.0, False) for number in range(40)]
    assert (share(rows)[..., : at(4.0)] == 1).all()
    assert (share(rows)[..., at(4.0) :] < 0.2).all()


def test_a_noisy_site_is_known_by_its_own_verdicts() -> None:
    rows = drawn(300, site=0) + drawn(300, 2, site=1) + [(2, 0, 3.6 + number / 60, True) for number in range(60)]
    found = share(rows)
    assert found[2, 0, at(4.2)] > 0.8
    assert found[0, 0, at(4.2)] < 0.4
    # What is said of one metric counts for the other, but less.
    assert found[0, 1, at(4.2)] < found[2, 1, at(4.2)] < found[2, 0, at(4.2)]


def test_one_wrong_verdict_in_ten_changes_little() -> None:
    rng = np.random.default_rng(5)
    right = drawn(600)
    wrong = [(*row[:3], row[3] ^ bool(rng.random() < 0.1)) for row in right]
    told = share(wrong, 0.1)
    assert np.abs(told - share(right, 0.0)).mean() < 0.06
    # Taken at its word, a mistake in ten keeps the strongest alarms in doubt.
    assert told[0, 0, at(4.8)] < share(wrong, 0.0)[0, 0, at(4.8)]


def test_metrics_are_told_apart_by_their_own_verdicts() -> None:
    rows = drawn(60, shift=0.0) + [(0, 0, 4.2, True)] * 10
    offsets = offsets_of_metrics(said(rows), SITES, METRICS)
    assert offsets[0, 0] > 1
    assert offsets[0, 1] == pytest.approx(offsets_of_metrics(said(drawn(60)), SITES, METRICS)[0, 1], abs=1e-6)


@settings(deadline=None)
@given(rows=st.lists(ROWS, max_size=25), more=ROWS)
def test_one_more_verdict_never_teaches_its_site_the_opposite(rows: list[Row], more: Row) -> None:
    site, _, _, is_false = more
    before, after = share(rows)[site], share([*rows, more])[site]
    assert (after >= before - 1e-6).all() if is_false else (after <= before + 1e-6).all()


@settings(deadline=None)
@given(rows=st.lists(ROWS, max_size=25), seed=st.integers(0, 99))
def test_shares_are_shares_fall_with_the_score_and_know_no_order(rows: list[Row], seed: int) -> None:
    found = share(rows)
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found, axis=-1) <= 1e-9).all()
    mixed = [rows[place] for place in np.random.default_rng(seed).permutation(len(rows))]
    assert share(mixed) == pytest.approx(found, abs=1e-9)
