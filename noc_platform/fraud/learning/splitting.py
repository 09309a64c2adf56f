"""Which examples a model learns from, which set its threshold, and which judge it.

The judging part is the latest, and no person is in two parts: a random split lets a model recognise the person and
know the future (domain.md §10, defect 71). Where the same people appear all the time, both cannot be had of every row:
rows of judging people before the boundary, and of the others after it, are in no part.
"""

from dataclasses import dataclass

import numpy as np

from noc_platform.fraud.learning.examples import Examples, Numbers

TRAIN, VALIDATION, TEST = 0.6, 0.2, 0.2
# Of the rows that may teach, where rows are dear: a threshold set on two dozen frauds costs more than a smaller forest.
LEARNING = (2 / 3, 1 / 3)
# Where the judging part may begin, as shares of the rows in order of time.
BEGINNINGS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
# What learning is worth beside judging when one row can only do one of them: with people who are there all the time,
# 36 % of the rows learn and 16 % judge.
WORTH_OF_LEARNING = 1.5


@dataclass(frozen=True)
class Split:
    """Places of the rows of each part, and how they were parted, as a sentence."""

    train: Numbers
    validation: Numbers
    test: Numbers
    manner: str

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each part."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


def split(examples: Examples, seed: int) -> Split:
    """Three parts, the same for the same examples and seed whatever the order of the rows' people."""
    if examples.moments is None:
        return _by_chance(examples, seed)
    if examples.groups is None:
        return _by_time(examples.moments.astype(np.int64))
    return _by_time_and_people(examples, examples.moments.astype(np.int64), seed)


def _by_chance(examples: Examples, seed: int) -> Split:
    parts = _dealt(examples.people, examples.labels, (TRAIN, VALIDATION, TEST), seed)
    people = "" if examples.groups is None else ", people kept apart"
    return _split(parts, f"by chance, as no time is known{people}")


def _split(parts: Numbers, manner: str) -> Split:
    train, validation, test = (np.flatnonzero(parts == part) for part in range(3))
    return Split(train, validation, test, manner)


def _by_time(moments: Numbers) -> Split:
    ends = np.quantile(moments, [TRAIN, TRAIN + VALIDATION], method="lower")
    # Rows of one instant stay together.
    return _split(np.searchsorted(ends, moments, side="left"), "by time")


def _by_time_and_people(examples: Examples, moments: Numbers, seed: int) -> Split:
    people = examples.people
    best, parts = -1.0, (np.array([], int),) * 2
    for beginning in BEGINNINGS:
        is_late = moments > np.quantile(moments, beginning, method="lower")
        judging = _judging(people, examples.labels, is_late, 1 - beginning, seed)
        learn, test = np.flatnonzero(~is_late & ~judging), np.flatnonzero(is_late & judging)
        worth = float(len(learn)) ** WORTH_OF_LEARNING * min(len(test), TEST * len(people))
        if worth > best:
            best, parts = worth, (learn, test)
    learn, test = parts
    part = _dealt(people[learn], examples.labels[learn], LEARNING, seed)
    unused = len(people) - len(learn) - len(test)
    manner = f"by time, people kept apart; {unused:,} rows are in no part, as they would put a person or a time in two"
    return Split(learn[part == 0], learn[part == 1], test, manner)


def _judging(people: Numbers, labels: Numbers, is_late: Numbers, share: float, seed: int) -> Numbers:
    """Whether each row's person is among the judges: all who came late, and a share of those who were always there."""
    persons, codes = np.unique(people, return_inverse=True)
    has_early = np.bincount(codes, ~is_late, len(persons)) > 0
    has_late = np.bincount(codes, is_late, len(persons)) > 0
    judging = ~has_early
    both = (has_early & has_late)[codes]
    if both.any():
        dealt = _dealt(people[both], labels[both], (1 - share, share), seed)
        judging[codes[both][dealt == 1]] = True
    return judging[codes]


def _dealt(people: Numbers, labels: Numbers, shares: tuple[float, ...], seed: int) -> Numbers:
    """The part of each row: people dealt by chance, those with fraud apart from those without, in these shares of the
    rows."""
    persons, codes = np.unique(people, return_inverse=True)
    rows = np.bincount(codes, minlength=len(persons))
    frauds = np.bincount(codes, labels, len(persons))
    order = np.argsort(_shuffled(persons, seed), kind="stable")
    part = np.zeros(len(persons), int)
    for kind, amounts in ((frauds > 0, frauds), (frauds == 0, rows)):
        dealt = order[kind[order]]
        # The middle of each person's amount decides, so that the first and the last part get their share alike.
        amount = amounts[dealt]
        middle = (np.cumsum(amount) - amount / 2) / max(amount.sum(), 1)
        part[dealt] = np.searchsorted(np.cumsum(shares)[:-1], middle, side="right")
    return part[codes]


def _shuffled(persons: Numbers, seed: int) -> Numbers:
    """A number for each person that looks like chance (SplitMix64) and does not depend on who else there is: from week
    to week nearly the same people judge, and whoever judges a challenger has not taught the champion either."""
    mixed = persons.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
