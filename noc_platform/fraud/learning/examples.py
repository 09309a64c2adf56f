"""Labelled events as a matrix, and whether a model can be learned from them at all.

Elsewhere: which rows learn and which judge (`splitting`), the learning itself (`training`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noc_platform.errors import BadInput

Numbers = NDArray[Any]


class TooFewLabels(BadInput):
    """Not enough has been judged to learn from, or to judge by; a training is skipped, and that is no failure."""


class Unfit(BadInput):
    """These examples cannot teach: one class only, or columns that are missing, unknown or constant."""


@dataclass(frozen=True)
class Examples:
    """Labelled events, one row each, in any order.

    `values` is `(n, k)` float64 with NaN for what is not known, its columns called `names`. A column in `categories`
    holds places in that column's words instead of a measure. `labels` says which events were fraud. `moments`
    (datetime64[us], UTC) and `groups` (the person) are None where they are not known. `weights` are positive.
    `slices` are other facts models are judged by, `(n,)` each; None or "" belongs to no slice.
    """

    values: Numbers
    names: tuple[str, ...]
    labels: Numbers
    moments: Numbers | None = None
    groups: Numbers | None = None
    weights: Numbers | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    slices: Mapping[str, Numbers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = {"labels": self.labels, "moments": self.moments, "groups": self.groups, "weights": self.weights}
        wrong = [name for name, part in {**parts, **self.slices}.items() if part is not None and len(part) != len(self)]
        if wrong or self.values.shape[1] != len(self.names):
            raise BadInput(f"{len(self)} examples of {len(self.names)} features do not fit: {wrong or 'values'}.")

    def __len__(self) -> int:
        return len(self.values)

    @property
    def positives(self) -> int:
        """How many were fraud."""
        return int(self.labels.sum())

    @property
    def weight(self) -> Numbers:
        """The weight of each row: 1 unless said."""
        return np.ones(len(self)) if self.weights is None else self.weights

    @cached_property
    def people(self) -> Numbers:
        """The person of each row as a number that stays the same from training to training; a row whose person is not
        known is a person of its own."""
        people = np.arange(len(self), dtype=np.uint64)
        if self.groups is None:
            return people
        known = np.array([group is not None and group == group and group != "" for group in self.groups], bool)
        names, codes = np.unique(self.groups[known].astype(str), return_inverse=True)
        hashes = [int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") for name in names]
        people[known] = np.array(hashes, np.uint64)[codes]
        return people

    def rows(self, places: Numbers) -> "Examples":
        """The examples at these places, in that order."""

        def taken(part: Numbers | None) -> Numbers | None:
            return None if part is None else part[places]

        return replace(
            self, values=self.values[places], labels=self.labels[places], moments=taken(self.moments),
            groups=taken(self.groups), weights=taken(self.weights),
            slices={name: part[places] for name, part in self.slices.items()},
        )  # fmt: skip

    def columns(self, names: Iterable[str]) -> "Examples":
        """The same rows with these columns, in this order. Raises `Unfit` naming those that are missing."""
        wanted = tuple(names)
        if absent := [name for name in wanted if name not in self.names]:
            raise Unfit(f"Features missing from the examples: {', '.join(absent)}.")
        places = [self.names.index(name) for name in wanted]
        words = {name: self.categories[name] for name in wanted if name in self.categories}
        return replace(self, values=self.values[:, places], names=wanted, categories=words)


def without_idle_columns(examples: Examples, required: Iterable[str]) -> tuple[Examples, dict[str, str]]:
    """The examples without columns that say nothing, and why each was left out.

    Raises `Unfit` where such a column is required, or nothing is left: a model that has learned nothing of a feature
    does not get better by being asked with it.
    """
    idle = idle_columns(examples)
    names = tuple(required)
    if absent := [name for name in names if name not in examples.names]:
        raise Unfit(f"Features missing from the examples: {', '.join(absent)}.")
    if refused := [f"{name} ({idle[name]})" for name in names if name in idle]:
        raise Unfit(f"Nothing can be learned from these features: {', '.join(refused)}. Are they being collected?")
    kept = [name for name in examples.names if name not in idle]
    if not kept:
        raise Unfit("No feature is left to learn from: every column is unknown or constant.")
    return examples.columns(kept), idle


def idle_columns(examples: Examples) -> dict[str, str]:
    """Columns in which nothing is known, or the same everywhere, and which of the two."""
    unknown = np.isnan(examples.values)
    lowest = np.where(unknown, np.inf, examples.values).min(axis=0, initial=np.inf)
    highest = np.where(unknown, -np.inf, examples.values).max(axis=0, initial=-np.inf)
    idle = {}
    for place, name in enumerate(examples.names):
        if unknown[:, place].all():
            idle[name] = "known of no event"
        elif lowest[place] == highest[place]:
            idle[name] = "the same everywhere"
    return idle


def enough(examples: Examples, least: int, least_of_a_kind: int, what: str = "labelled events") -> None:
    """Raises `TooFewLabels` below either number, and `Unfit` where all labels are alike."""
    rows, positives = len(examples), examples.positives
    if rows < least:
        raise TooFewLabels(f"{rows:,} {what}, and {least:,} are needed: judge more events.")
    if positives in (0, rows):
        raise Unfit(f"All {rows:,} {what} are labelled {'fraud' if positives else 'no fraud'}: both kinds are needed.")
    if min(positives, rows - positives) < least_of_a_kind:
        kind, count = ("fraud", positives) if positives <= rows - positives else ("no fraud", rows - positives)
        raise TooFewLabels(f"{count:,} of {rows:,} {what} are {kind}, and {least_of_a_kind:,} are needed.")
