"""People who look at what was flagged and say what they think of it: not at all of it, later, and not always rightly.

So verdicts exist for what was looked at alone, which is not what happened. What flags an attendance here are the plain
rules of an operation without this platform.
"""

from dataclasses import dataclass

import numpy as np

from noc_platform.simulator.conduct import Conduct
from noc_platform.simulator.frames import UNKNOWN, Flags, Frame, Reals, Values, Whole, Words, latest, uuids_at
from noc_platform.simulator.planted.causes import Cause
from noc_platform.simulator.world import Draw, World
from noc_platform.streams.catalogue import (
    ATTENDANCE_EVENTS,
    CONFIRMED,
    FALSE_POSITIVE,
    FLAGGED,
    RANDOM,
    REPORTED,
    UNDECIDED,
    VERDICTS,
)

SUBJECTS = VERDICTS.column("subject_kind").allowed
SAID = VERDICTS.column("verdict").allowed
SELECTIONS = VERDICTS.column("selection").allowed
FRAUD_KINDS = VERDICTS.column("fraud_kind").allowed
NOTES = ("Checked with the site.", "Looked at the pictures.", "Called the guard.")
FAILED = ATTENDANCE_EVENTS.column("biometric_result").allowed.index("FAILED")
HOUR = 3600.0
REVIEWERS_A_TENANT = 4
LOW_CONFIDENCE = 0.72


@dataclass(frozen=True)
class Habits:
    """How an operation reviews. All shares 0 to 1; delays in seconds.

    Of what is flagged a share is looked at; of what is true `missed` is called a false alarm, of what is not `accused`
    is confirmed, or `accused_unflagged` where nothing but chance brought it up, and some stays undecided. Each reviewer
    is more or less careless than that.
    """

    looked_at: float = 0.6
    reported: float = 0.05
    missed: float = 0.10
    accused: float = 0.04
    accused_unflagged: float = 0.005
    undecided: float = 0.05
    usual_delay: float = 14 * HOUR
    delay_spread: float = 1.0
    longest_delay: float = 6 * 24 * HOUR

    def said(self, is_true: Flags, is_flagged: Flags, carelessness: Reals, rng: np.random.Generator) -> Whole:
        """What is said of each, as a place in `SAID`; `carelessness` of who says it, 1 is usual."""
        accused = np.where(is_flagged, self.accused, self.accused_unflagged)
        wrong = np.where(is_true, self.missed, accused) * carelessness
        is_wrong = rng.random(len(is_true)) < wrong
        found = np.where(is_true ^ is_wrong, SAID.index(CONFIRMED), SAID.index(FALSE_POSITIVE))
        return np.where(rng.random(len(is_true)) < self.undecided * carelessness, SAID.index(UNDECIDED), found)

    def delays(self, count: int, rng: np.random.Generator) -> Reals:
        """Seconds until each is decided."""
        return np.minimum(rng.lognormal(np.log(self.usual_delay), self.delay_spread, count), self.longest_delay)


USUAL = Habits()


def carelessness(world: World) -> Reals:
    """How careless each reviewer is, `(tenant, reviewer)`; 1 is usual."""
    rng = world.rng(-1, Draw.REVIEWS)
    return rng.uniform(0.3, 1.7, (world.plan.own_tenants, REVIEWERS_A_TENANT))


def verdicts(world: World, conduct: Conduct, attendances: Frame, habits: Habits = USUAL) -> Frame:
    """Rows of `verdicts` about the attendances of a roster day, given the rows that tell of them."""
    rng = world.rng(conduct.roster.number, Draw.REVIEWS)
    known, numbers = latest(attendances, "attendance_id")
    frauds = conduct.episodes.frauds_behind(known.shift, numbers)
    selection, chance = _selected(world, known, np.array([bool(each) for each in frauds], np.bool_), habits, rng)
    rows = np.flatnonzero(selection != UNKNOWN)
    behind = [frauds[row] for row in rows]
    judged = known.take(rows)
    tenant = world.people.tenant[conduct.roster.person[judged.shift]]
    reviewer = rng.integers(0, REVIEWERS_A_TENANT, len(rows))
    is_true = np.array([bool(each) for each in behind], np.bool_)
    said = habits.said(is_true, _flagged(judged), carelessness(world)[tenant, reviewer], rng)
    decided = np.ceil(judged.reals("received_at") + habits.delays(len(rows), rng))
    columns: dict[str, Values] = {
        "tenant_id": judged.columns["tenant_id"],
        "event_id": uuids_at(decided, rng),
        "occurred_at": decided,
        "subject_kind": Words(np.full(len(rows), SUBJECTS.index("ATTENDANCE")), SUBJECTS),
        "subject_id": judged.columns["attendance_id"],
        "verdict": Words(said, SAID),
        "fraud_kind": Words(np.where(said == SAID.index(CONFIRMED), _kinds(behind), UNKNOWN), FRAUD_KINDS),
        "person_id": judged.columns["person_id"],
        "site_id": judged.columns["site_id"],
        "reviewer_id": Words(reviewer, tuple(f"reviewer-{place + 1}" for place in range(REVIEWERS_A_TENANT))),
        "selection": Words(selection[rows], SELECTIONS),
        "selection_probability": chance[rows],
        "note": Words(np.where(rng.random(len(rows)) < 0.3, reviewer % len(NOTES), UNKNOWN), NOTES),
        "received_at": decided + rng.uniform(0.5, 5, len(rows)),
    }
    return Frame(judged.shift, columns)


def _selected(
    world: World, known: Frame, is_fraud: Flags, habits: Habits, rng: np.random.Generator
) -> tuple[Whole, Reals]:
    """Why each attendance is looked at, as a place in `SELECTIONS`, -1 if it is not; and the chance that it was, where
    chance chose it. What chance chose is chosen of all, flagged or not."""
    draws = rng.random((3, len(known)))
    selection = np.full(len(known), UNKNOWN, np.int64)
    selection[is_fraud & (draws[0] < habits.reported)] = SELECTIONS.index(REPORTED)
    selection[_flagged(known) & (draws[1] < habits.looked_at)] = SELECTIONS.index(FLAGGED)
    is_random = draws[2] < world.plan.random_review
    selection[is_random] = SELECTIONS.index(RANDOM)
    return selection, np.where(is_random, world.plan.random_review, np.nan)


def _flagged(known: Frame) -> Flags:
    """What plain rules would flag: a position made up or outside, somebody else's phone, a poor match."""
    carried, persons = known.columns["device_id"], known.columns["person_id"]
    result = known.columns["biometric_result"]
    if not (isinstance(carried, Words) and isinstance(persons, Words) and isinstance(result, Words)):
        raise TypeError("attendances hold no words")
    is_outside = (known.reals("is_in_geofence_in") == 0) | (known.reals("is_in_geofence_out") == 0)
    is_poor = (result.codes == FAILED) | (known.reals("confidence_score") < LOW_CONFIDENCE)
    is_mocked = known.reals("is_location_mocked") > 0
    return np.asarray(is_mocked | is_outside | (carried.codes != persons.codes) | is_poor, np.bool_)


def _kinds(frauds: list[list[tuple[Cause, str]]]) -> Whole:
    """The first kind of each, as a place in `FRAUD_KINDS`; -1 where there is none."""
    return np.array([FRAUD_KINDS.index(each[0][0].value) if each else UNKNOWN for each in frauds], np.int64)
