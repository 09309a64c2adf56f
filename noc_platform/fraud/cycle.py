"""One training of one tenant's model, from what people said to what is live; promoting and rolling back by hand.

The alias in the registry is the truth about what scores; `noc_ml_model_metrics` follows it in one transaction, and
follows it again (`mirror`) where a process was killed between the two, or somebody moved the alias by hand.
Elsewhere: the learning (`training`), the verdict (`gate`), MLflow (`registry`), when it runs (`jobs`).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, text

from noc_platform.errors import Conflict, NocError
from noc_platform.fraud import live, runs
from noc_platform.fraud.drift import references
from noc_platform.fraud.history import TrainingSet, kept_training_set
from noc_platform.fraud.learning.examples import TooFewLabels
from noc_platform.fraud.live import Registered
from noc_platform.fraud.models import Manifest, Unloadable
from noc_platform.fraud.registered import Report, Run, Standing, Version
from noc_platform.fraud.scoring import LiveModel, Models, Ready, matrix
from noc_platform.fraud.vocabulary import MODEL_FEATURES, MODEL_TYPE, RunStatus
from noc_platform.fraud.watch import Request, Watched
from noc_platform.journal.identities import identity_at
from noc_platform.journal.ledger import PLATFORM, Said
from noc_platform.lake.layout import Lake
from noc_platform.settings import FraudPolicy
from noc_platform.store.sessions import Database
from noc_platform.streams.forms import zone_called
from noc_platform.telemetry.local_time import NIGHT_BEGINS, NIGHT_ENDS

if TYPE_CHECKING:
    from noc_platform.fraud.gate import GatePolicy, Verdict
    from noc_platform.fraud.learning.comparing import Comparison
    from noc_platform.fraud.learning.examples import Examples
    from noc_platform.fraud.registry import Registry
    from noc_platform.fraud.training import Champion, Trained

# Without these an attendance says nothing of itself; of all others a tenant may have no source.
REQUIRED = ("biometric_quality_score", "gps_accuracy", "geofence_distance_meters")
# Who promotes when no person does.
GATE, WATCH = "gate", "watch"


@dataclass(frozen=True)
class Workshop:
    """What a training works with. `clock` tells the moment now (UTC), `page` where its Dagster run is shown."""

    database: Database
    lake: Lake
    registry: "Registry"
    policy: FraudPolicy
    clock: Callable[[], datetime]
    dagster_run_id: str | None = None
    page: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a training came to; what it learned from and made, where it got as far; its page in the MLflow UI."""

    run: runs.TrainingRun
    examples: TrainingSet | None = None
    trained: "Trained | None" = None
    verdict: "Verdict | None" = None
    version: Version | None = None
    page: str | None = None


def train(workshop: Workshop, tenant: str, as_of: datetime, started_at: datetime) -> Outcome:
    """Train a tenant's model on the training set of `as_of` (UTC), and let it go live if the gate opens.

    Whatever goes wrong is recorded as what the training came to, and leaves the champion as it is; so one tenant's
    failure stops no other. Only a database that cannot be written to raises.
    """
    made: TrainingSet | None = None
    try:
        made = kept_training_set(workshop.lake, tenant, as_of, workshop.policy.history)
        with workshop.database.transaction() as connection:
            clocks = _night(connection, made)
        outcome = _learned(workshop, made, clocks, started_at)
    except Exception as error:  # noqa: BLE001 - recorded with its words, and told to people after two in a row
        outcome = _failed(workshop, tenant, as_of, started_at, made, error)
    with workshop.database.transaction() as connection:
        runs.record(connection, outcome.run)
    with workshop.database.transaction() as connection:
        runs.tell(connection, tenant, workshop.policy.told, outcome.run.ended_at)
    return outcome


def promote(workshop: Workshop, tenant: str, number: int, said: Said) -> LiveModel:
    """Let a registered version score from now on. Raises `NotFound`, and `Unloadable` for one that must not be used."""
    with workshop.database.transaction() as connection:
        model = live.registered(connection, tenant, number)
        Models(1).ready(model)
        live.set_live(connection, tenant, model.model_id, said.at, said.by, said.why)
        # Last: if it fails nothing has changed, and if the commit after it does, `mirror` makes up for it.
        workshop.registry.promote(tenant, number, said.at, said.by, said.why)
    return model


def roll_back(workshop: Workshop, tenant: str, said: Said) -> LiveModel | None:
    """Let what scored before score again, or rules where nothing did; gives the model, None for rules.

    Raises `Conflict` where rules score already.
    """
    registry = workshop.registry
    if registry.champion(tenant) is None:
        raise Conflict(f"Rules score the events of {tenant} already; there is no model to roll back.")
    before = registry.previous_champion(tenant)
    with workshop.database.transaction() as connection:
        model = live.registered(connection, tenant, before.number) if before is not None else None
        live.set_live(connection, tenant, model.model_id if model else None, said.at, said.by, said.why)
        if before is None:
            registry.withdraw(tenant, said.at)
        else:
            registry.promote(tenant, before.number, said.at, said.by, said.why, last=Standing.ROLLED_BACK)
    return model


def mirror(workshop: Workshop, tenant: str, at: datetime) -> bool:
    """Let what is live here be what the registry's alias says; whether that was a change.

    A version that is not ours or cannot be loaded raises `NotFound` or `Unloadable`, and the champion stays.
    """
    champion = workshop.registry.champion(tenant)
    with workshop.database.transaction() as connection:
        model = None if champion is None else live.registered(connection, tenant, champion.number)
        held = live.live_models(connection, tenant).get(tenant)
        if (held and held.model_id) == (model and model.model_id):
            return False
        if model is not None:
            Models(1).ready(model)
        why = "The alias champion was moved in the registry."
        return live.set_live(connection, tenant, model.model_id if model else None, at, PLATFORM, why)


def act_on(workshop: Workshop, tenant: str, seen: Watched) -> str:
    """Do what a look at the live model asks for, and say what that was. A rollback is done here; a training is asked
    for by the row that was kept, and starts by itself."""
    if seen.action is not Request.ROLLBACK:
        return "a training starts by itself" if seen.action is Request.RETRAIN else "nothing"
    back = roll_back(workshop, tenant, Said(WATCH, seen.reason, workshop.clock()))
    return "rules score now" if back is None else f"version {back.version} scores again"


def examples_of(made: TrainingSet, is_night: "pa.Array | None" = None) -> "Examples":
    """A training set as a model learns from it; slices are sites, and the night by the site's clock."""
    from noc_platform.fraud.learning.examples import Examples

    rows = made.rows
    slices = {"site": np.array(rows["site_id"].to_pylist(), object)}
    if is_night is not None:
        slices["night"] = np.array(["" if each is None else str(each).lower() for each in is_night.to_pylist()], object)
    return Examples(
        matrix(rows), MODEL_FEATURES, np.array(rows["is_fraud"].to_pylist(), bool),
        rows["happened_at"].to_numpy().astype("datetime64[us]"), np.array(rows["person_id"].to_pylist(), object),
        slices=slices,
    )  # fmt: skip


def _learned(workshop: Workshop, made: TrainingSet, is_night: pa.Array, started_at: datetime) -> Outcome:
    from noc_platform.fraud.gate import judge
    from noc_platform.fraud.reports import Circumstances, report_of
    from noc_platform.fraud.training import TrainingPolicy, compare
    from noc_platform.fraud.training import train as fit

    policy = workshop.policy
    _demand_labels(made, policy)
    examples = examples_of(made, is_night)
    trained = fit(examples, TrainingPolicy(policy.least_labels, precision=policy.precision, required=REQUIRED))
    champion = _champion(workshop, made.tenant_id)
    comparison = compare(trained, _predicting(champion) if champion else None, examples)
    verdict = judge(trained, comparison, _gate_policy(policy))
    where = Circumstances(
        made.tenant_id, made.as_of, champion.live.version if champion else None, workshop.dagster_run_id, workshop.page
    )
    run = workshop.registry.log(report_of(trained, verdict, comparison, examples, where))
    lesson = _Lesson(made, examples, trained, verdict, comparison)
    version, model = _released(workshop, lesson, run)
    return Outcome(_training_run(workshop, lesson, started_at, run, model), made, trained, verdict, version, run.page)


@dataclass(frozen=True)
class _Lesson:
    """What was learned from, what came of it, and what was said of that."""

    made: TrainingSet
    examples: "Examples"
    trained: "Trained"
    verdict: "Verdict"
    comparison: "Comparison | None"


def _released(workshop: Workshop, lesson: _Lesson, run: Run) -> tuple[Version | None, LiveModel | None]:
    """Register a model that reaches the limits: it is live if the gate opened, else in shadow beside the champion."""
    from noc_platform.fraud.gate import Code
    from noc_platform.fraud.learning.card import card
    from noc_platform.fraud.reports import manifest_of

    made, trained, verdict, registry = lesson.made, lesson.trained, lesson.verdict, workshop.registry
    tenant, at = made.tenant_id, made.as_of
    if any(reason.code is not Code.NOT_BETTER for reason in verdict.reasons):
        return None, None
    manifest = manifest_of(trained, lesson.examples, tenant)
    text = card(trained, verdict, lesson.comparison, tenant, at)
    standing = Standing.CANDIDATE if verdict.passed else Standing.REJECTED
    version = registry.register(run, trained.model, manifest, standing, verdict.says, text)
    model = LiveModel(tenant, identity_at(at, [MODEL_TYPE, tenant, version.number]), version.number, version.artefact)
    with workshop.database.transaction() as connection:
        live.note(connection, _registered(workshop, lesson, model, manifest, run))
    if verdict.passed:
        promote(workshop, tenant, version.number, Said(GATE, verdict.says, workshop.clock()))
    else:
        with workshop.database.transaction() as connection:
            live.set_challenger(connection, tenant, model.model_id)
            registry.challenge(tenant, version.number)
    registry.prune(tenant)
    with workshop.database.transaction() as connection:
        live.forget_artefacts(connection, tenant, {each.number for each in registry.versions(tenant)}, at)
    return version, model


def _demand_labels(made: TrainingSet, policy: FraudPolicy) -> None:
    """Raises `TooFewLabels`; counted by attendance, as one has an event on coming and one on leaving."""
    if made.labelled < policy.least_labels:
        raise TooFewLabels(
            f"{made.labelled:,} attendances of {made.tenant_id} have a label, and {policy.least_labels:,} are needed: "
            "judge more of what noc fraud reviews lists."
        )


def _champion(workshop: Workshop, tenant: str) -> Ready | None:
    """What scores now; None for rules, and for a model that cannot be used any more, which any other is better than."""
    with workshop.database.transaction() as connection:
        held = live.live_models(connection, tenant).get(tenant)
    if held is None:
        return None
    try:
        return Models(1).ready(held)
    except Unloadable:
        return None


def _predicting(ready: Ready) -> "Champion":
    from noc_platform.fraud.training import Champion

    return Champion(lambda examples: ready.loaded.probabilities(examples.values), ready.loaded.manifest.threshold)


def _gate_policy(policy: FraudPolicy) -> "GatePolicy":
    from noc_platform.fraud.gate import GatePolicy

    return GatePolicy(precision=policy.precision, recall=policy.recall, f1=policy.f1)


def _registered(workshop: Workshop, lesson: _Lesson, model: LiveModel, manifest: Manifest, run: Run) -> Registered:
    made, trained = lesson.made, lesson.trained
    numbers = {name: asdict(number) for name, number in trained.test.numbers.items()}
    chosen = lesson.examples.columns(trained.names)
    return Registered(
        model=model, measures={**numbers, "slices": [asdict(part) for part in trained.slices]},
        threshold=trained.threshold,
        samples={
            "training": trained.rows["train"], "validation": trained.rows["validation"], "test": trained.rows["test"],
            "fraud": lesson.examples.positives, "normal": len(lesson.examples) - lesson.examples.positives,
        },
        training_date=made.as_of, algorithm=trained.name, hyperparameters=dict(manifest.parameters),
        feature_names=trained.names,
        reference={
            name: asdict(each) for name, each in references(chosen.values, chosen.names, lesson.examples.groups).items()
        },
        library_versions=dict(manifest.libraries), mlflow_run_id=run.run_id, dagster_run_id=workshop.dagster_run_id,
        created_at=made.as_of,
    )  # fmt: skip


def _training_run(
    workshop: Workshop, lesson: _Lesson, started_at: datetime, run: Run, model: LiveModel | None
) -> runs.TrainingRun:
    made, verdict = lesson.made, lesson.verdict
    return runs.TrainingRun(
        made.tenant_id, made.as_of, started_at, workshop.clock(),
        RunStatus.SUCCEEDED if verdict.passed else RunStatus.REJECTED, verdict.says, made.labelled, made.positives,
        run.run_id, workshop.dagster_run_id, model.model_id if model else None,
        {name: asdict(number) for name, number in lesson.trained.test.numbers.items()},
    )  # fmt: skip


def _failed(
    workshop: Workshop, tenant: str, as_of: datetime, started_at: datetime, made: TrainingSet | None, error: Exception
) -> Outcome:
    """What a training that ended in an error came to; MLflow is told too, where it can be reached."""
    status = runs.status_of(error)
    reason = str(error) if isinstance(error, NocError) else f"{type(error).__name__}: {error}"
    report = Report(
        tenant, f"{as_of:%Y-%m-%d %H:%M} {status.lower()}", status, reason, as_of,
        dagster_run_id=workshop.dagster_run_id, dagster_url=workshop.page,
    )  # fmt: skip
    logged = None
    try:
        logged = workshop.registry.log(report).run_id
    except NocError as unreachable:
        reason = f"{reason} (Nor could MLflow be told: {unreachable})"
    labelled, positives = (made.labelled, made.positives) if made is not None else (0, 0)
    run = runs.TrainingRun(
        tenant, as_of, started_at, workshop.clock(), status, reason, labelled, positives, logged,
        workshop.dagster_run_id,
    )  # fmt: skip
    return Outcome(run, made)


def _night(connection: Connection, made: TrainingSet) -> pa.Array:
    """Whether each event happened by night on its site's clock; null where that is not known."""
    asked = text("select site_id, time_zone from noc_site where tenant_id = :tenant")
    clocks = {row.site_id: zone_called(row.time_zone) for row in connection.execute(asked, {"tenant": made.tenant_id})}
    sites, moments = (made.rows[name].to_pylist() for name in ("site_id", "happened_at"))
    hours = [
        moment.astimezone(clock).hour if (clock := clocks.get(site)) is not None else None
        for site, moment in zip(sites, moments, strict=True)
    ]
    return pa.array([None if hour is None else hour >= NIGHT_BEGINS or hour < NIGHT_ENDS for hour in hours], pa.bool_())
