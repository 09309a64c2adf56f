"""What lasts of people and sites beyond who and where they are: drawn once, and seen in all their days."""

from dataclasses import dataclass

import numpy as np

from noc_platform.simulator.frames import Flags, Reals

PUNCTUALITY_MINUTES = 3.0
FACE_OFFSET = 0.03
TARDINESS_SPREAD = 0.8
SEARCHING_SHARE = 0.3


@dataclass(frozen=True)
class Traits:
    """By person: `punctuality` in minutes the usual coming is later than others', `tardiness` how many times as often
    they are really late, `face_offset` what their pictures are farther from their template than others'. By site:
    `is_searching` says that its terminal looks for whom it sees among all templates, where the others compare the
    picture with the template of the person who is named."""

    punctuality: Reals
    tardiness: Reals
    face_offset: Reals
    is_searching: Flags


def traits_of(people: int, sites: int, rng: np.random.Generator) -> Traits:
    """Traits of so many people and sites."""
    return Traits(
        punctuality=rng.normal(0, PUNCTUALITY_MINUTES, people),
        tardiness=rng.lognormal(-(TARDINESS_SPREAD**2) / 2, TARDINESS_SPREAD, people),
        face_offset=rng.normal(0, FACE_OFFSET, people),
        is_searching=rng.random(sites) < SEARCHING_SHARE,
    )
