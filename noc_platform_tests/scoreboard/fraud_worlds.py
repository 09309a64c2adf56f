"""A world whose attendances people judged in part, a model that learned from that as the platform's do, and what it,
the rules and simpler ways say of later events of people it has not met. What was really so is known of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from noc_platform.fraud.cycle import REQUIRED, examples_of
from noc_platform.fraud.history import LABELLED, TrainingSet
from noc_platform.fraud.labels import SHOWN_AT_THE_END, label_of_stage, labels
from noc_platform.fraud.learning.candidates import BOOSTING, candidates, fit, probability
from noc_platform.fraud.learning.examples import Examples
from noc_platform.fraud.learning.measures import Judged
from noc_platform.fraud.learning.splitting import split
from noc_platform.fraud.limits import DEFAULTS
from noc_platform.fraud.models import save
from noc_platform.fraud.reports import manifest_of
from noc_platform.fraud.rules import rule_score
from noc_platform.fraud.scoring import LiveModel, Models, Ready, matrix, score
from noc_platform.fraud.training import SEED, Trained, TrainingPolicy, train
from noc_platform.fraud.vocabulary import Stage
from noc_platform.simulator.world import WorldPlan
from noc_platform.streams.catalogue import VERDICTS
from noc_platform.telemetry.queries import table_of
from noc_platform_tests.fraud.leakage import EVERYTHING, evidence_of, evidence_statement, opened_world
from noc_platform_tests.scoreboard.claims import Numbers
from noc_platform_tests.scoreboard.worlds import Written

# One tenant whose people look at what plain rules flag and at one attendance in twenty by chance.
FRAUD = WorldPlan(guards=400, sites=40, days=75, seed=2026, tenants=1, planted=1.5, random_review=0.05)
# A model learned from one tenant is one draw: of another, other kinds are weak.
FRAUDS = (FRAUD, replace(FRAUD, guards=300, sites=30, seed=601))
EVERYTHING_KNOWN = datetime(2027, 1, 1, tzinfo=UTC)
# What is said by whom: the platform's final score, its model alone, its final score while it has no model, the two
# parts of that, one plain rule; and the same learner told the truth, which says what can be known at all.
BOTH, MODEL, RULES = "both", "model alone", "rules alone"
FALLBACK, DETECTORS, FOREIGN = "rules-v1", "detectors", "every foreign phone is fraud"
TOLD_THE_TRUTH = "told the truth of everybody else"
FOREIGN_SHARE = 0.5
ORDER = [("happened_at", "ascending"), ("event_id", "ascending")]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Later:
    """Later events of people no model met, `(n,)` each: whose, whether and which frauds they are, whether they were
    punched with the person's own phone, what people said (1, 0, NaN for nothing), the scores (0 to 1) of each way,
    whether the model calls it fraud by its own threshold, and which tenant's it is, each of which has its own model.

    A punch-in is no case of a fraud of leaving, neither for nor against.
    """

    people: Numbers
    is_fraud: Flags
    kinds: tuple[frozenset[str], ...]
    is_own: Flags
    label: Numbers
    scores: Mapping[str, Numbers]
    is_called: Flags
    tenants: Numbers
    learned: Mapping[str, float] = field(default_factory=dict)

    def judged(self, way: str, rows: Flags | None = None) -> Judged:
        """What one way says, beside what was so; of all or of some."""
        kept = np.ones(len(self.people), bool) if rows is None else rows
        _, people = np.unique(self.people[kept], return_inverse=True)
        return Judged(self.is_fraud[kept], self.scores[way][kept], np.ones(int(kept.sum())), people.astype(np.uint64))

    def of_kind(self, kind: str) -> Flags:
        """Which events are such a fraud."""
        return np.array([kind in each for each in self.kinds], bool)


@dataclass(frozen=True)
class Judgement:
    """A world, and what the platform makes of it; each part is made once, when it is needed."""

    world: Written

    @cached_property
    def evidence(self) -> pa.Table:
        """Evidence of all events in order, with `was_fraud` and `kinds`; without punch-ins of frauds of leaving."""
        rows = evidence_of(self._opened, EVERYTHING, evidence_statement()).sort_by(
            [("happened_at", "ascending"), ("event_id", "ascending")]
        )
        truth = self.world.truth("attendances").set_index("attendance_id")
        kinds = truth["frauds"].reindex(rows["attendance_id"].to_pylist()).map(tuple).tolist()
        rows = rows.append_column("kinds", pa.array([list(each) for each in kinds], pa.list_(pa.string())))
        rows = rows.append_column("was_fraud", pa.array([bool(each) for each in kinds], pa.bool_()))
        is_in = pc.equal(rows["stage"], Stage.IN.value).to_numpy()
        says_nothing = np.array([len(each) > 0 and {*each} <= {*SHOWN_AT_THE_END} for each in kinds], bool)
        return rows.filter(pa.array(~(is_in & says_nothing)))

    @cached_property
    def training_set(self) -> TrainingSet:
        """What people said, with the evidence of those events, as `history.training_set` puts it together."""
        asked = labels(table_of(VERDICTS), ibis.literal(EVERYTHING_KNOWN))
        said = self._opened.sql(str(ibis.to_sql(asked, dialect="duckdb"))).to_arrow_table()
        parts = []
        for stage in Stage:
            rows = self.evidence.filter(pc.equal(self.evidence["stage"], stage.value)).drop_columns(["kinds"])
            told = label_of_stage(said, stage).select(["attendance_id", *LABELLED])
            parts.append(rows.join(told, "attendance_id", join_type="inner"))
        rows = pa.concat_tables(parts).sort_by(ORDER)
        return TrainingSet("northgate", EVERYTHING_KNOWN, EVERYTHING_KNOWN - timedelta(days=365), rows)

    @cached_property
    def examples(self) -> Examples:
        """Those, as a model learns from them."""
        return examples_of(self.training_set)

    @cached_property
    def trained(self) -> Trained:
        """The model, as the weekly training makes it."""
        return train(self.examples, TrainingPolicy(required=REQUIRED))

    @cached_property
    def ready(self) -> Ready:
        """The model as it scores: saved, and loaded again."""
        artefact = save(str(self.world.folder / "models"), self.trained.model, self._manifest)
        return Models(1).ready(LiveModel("northgate", UUID(int=1), 1, artefact))

    @cached_property
    def later(self) -> Later:
        """Events after all that was learned from, of people of whom nothing was learned, as each way has them."""
        parts = split(self.examples, SEED)
        learned = self.examples.rows(np.concatenate([parts.train, parts.validation]))
        if learned.groups is None or learned.moments is None:
            raise TypeError("the examples tell of nobody")
        moments = self.evidence["happened_at"].to_numpy().astype("datetime64[us]")
        people = np.array(self.evidence["person_id"].to_pylist(), object)
        is_met = np.isin(people, np.unique(learned.groups.astype(str)))
        is_judge = (moments > learned.moments.max()) & ~is_met
        rows = self.evidence.filter(pa.array(is_judge))
        others = self.evidence.filter(pa.array(~np.isin(people, people[is_judge])))
        kinds = tuple(frozenset(each) for each in rows["kinds"].to_pylist())
        told, was = (np.array(self.training_set.rows[name].to_pylist(), bool) for name in ("is_fraud", "was_fraud"))
        counts = {
            "events": len(learned), "frauds": learned.positives, "others": others.num_rows,
            "labelled": self.training_set.labelled, "missed": float(np.mean(~told[was])),
            "accused": float(np.mean(told[~was])),
        }  # fmt: skip
        scores = {**_said(rows, self.ready), TOLD_THE_TRUTH: told_the_truth(others, rows)}
        return Later(
            people[is_judge], np.array(rows["was_fraud"].to_pylist(), bool), kinds, _is_own(rows, self._own),
            self._labels(rows), scores, scores[MODEL] >= self.trained.threshold, np.zeros(rows.num_rows, int), counts,
        )  # fmt: skip

    def _labels(self, rows: pa.Table) -> Numbers:
        told = self.training_set.rows
        known = dict(zip(told["event_id"].to_pylist(), told["is_fraud"].to_pylist(), strict=True))
        return np.array([float(known.get(event, np.nan)) for event in rows["event_id"].to_pylist()])

    @cached_property
    def _manifest(self) -> Any:
        return manifest_of(self.trained, self.examples, "northgate")

    @cached_property
    def _own(self) -> dict[str, str]:
        """The phone each person carries: that of most of their punches, as few are frauds."""
        rows = self.evidence.select(["person_id", "device_id"]).to_pandas()
        return dict(rows.groupby("person_id")["device_id"].agg(lambda each: each.mode()[0]))

    @cached_property
    def _opened(self) -> Any:
        connection = opened_world(self.world.folder)
        connection.execute(f"set search_path = '{EVERYTHING},main'")
        return connection


def together(parts: Sequence[Later]) -> Later:
    """Events of several tenants, none of whose people is another's."""
    tenants = np.repeat(np.arange(len(parts)), [len(each.people) for each in parts])
    people = np.concatenate([[f"{place}/{person}" for person in each.people] for place, each in enumerate(parts)])

    def joined(name: str) -> Numbers:
        return np.concatenate([getattr(each, name) for each in parts])

    sums = {name: sum(each.learned[name] for each in parts) for name in parts[0].learned}
    return Later(
        people, joined("is_fraud"), tuple(kinds for each in parts for kinds in each.kinds), joined("is_own"),
        joined("label"), {way: np.concatenate([each.scores[way] for each in parts]) for way in parts[0].scores},
        joined("is_called"), tenants, {**sums, **{name: sums[name] / len(parts) for name in ("missed", "accused")}},
    )  # fmt: skip


def told_the_truth(others: pa.Table, rows: pa.Table) -> Numbers:
    """What boosting says of some events that was told the truth of all events, at all times, of other people."""
    made = TrainingSet("northgate", EVERYTHING_KNOWN, EVERYTHING_KNOWN, others)
    renamed = replace(made, rows=others.append_column("is_fraud", others["was_fraud"]))
    examples = examples_of(renamed)
    # As `training.train` does: threads that wait for one another by spinning take ten times as long.
    with threadpool_limits(1):
        return probability(fit(candidates(examples, SEED)[BOOSTING], examples), matrix(rows))


def _said(rows: pa.Table, ready: Ready) -> dict[str, Numbers]:
    limits = [DEFAULTS] * rows.num_rows
    by_model, by_rules = score(rows, ready, limits), score(rows, None, limits)
    share = pc.fill_null(rows["own_device_share"], 1.0).to_numpy()
    return {
        BOTH: by_model.hundredths / 100,
        MODEL: by_model.probabilities,
        RULES: by_rules.hundredths / 100,
        FALLBACK: by_rules.probabilities,
        DETECTORS: np.array([rule_score(found) for found in by_rules.detections]) / 100,
        FOREIGN: (share < FOREIGN_SHARE).astype(float),
    }


def _is_own(rows: pa.Table, own: Mapping[str, str]) -> Flags:
    pairs = zip(rows["person_id"].to_pylist(), rows["device_id"].to_pylist(), strict=True)
    return np.array([own[person] == device for person, device in pairs], bool)
