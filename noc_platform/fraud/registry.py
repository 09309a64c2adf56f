"""What was tried, what is registered and which version scores: the platform's one way to MLflow.

A tenant has one experiment and one registered model, both called `fraud-<tenant>`. Every training is a run; a model it
made is a version, whose number MLflow gives and never gives twice. The alias `champion` is the truth about what scores;
tags only tell people what they see. No model is ever read through MLflow: `models` does that, by hash.
Importing MLflow takes seconds, so every import of it is inside a function. Elsewhere: what a report or a version is
(`registered`), figures and words (`learning`).
"""

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noc_platform.errors import NocError, NotFound, Unavailable
from noc_platform.fraud import models
from noc_platform.fraud.models import Artefact, Manifest
from noc_platform.fraud.registered import (
    Data,
    Report,
    Run,
    Standing,
    Version,
    asked_with,
    flattened,
    name_of,
    shortened,
    tags_of,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CHALLENGER = "champion", "challenger"
KEPT_VERSIONS = 3
REMEMBERED_CHAMPIONS = 40
ANSWER_SECONDS, STATEMENT_SECONDS = 5, 60
LONGEST_PARAMETER = 6000
# Without it the UI takes the experiment for one about conversations and opens on pages that stay empty.
EXPERIMENT_KIND = {"mlflow.experimentKind": "custom_model_development"}


class Registry:
    """The registry of every tenant. `tracking_uri` is MLflow's database (or server), `artifacts` a folder or URL.

    Nothing is asked until the first call. Every method raises `Unavailable`, which is transient, when MLflow, its
    database or its store of artefacts does not do what it was asked.
    """

    def __init__(self, tracking_uri: str, artifacts: str) -> None:
        self.tracking_uri = tracking_uri
        # MLflow's server may run in another folder, and has to find what is logged here.
        self.artifacts = artifacts.rstrip("/") if "://" in artifacts else str(Path(artifacts).absolute())

    def log(self, report: Report) -> Run:
        """Log a training as a run of its tenant's experiment. One that cannot be finished shows as failed."""
        with _asking("log the training"):
            experiment = self._experiment(report.tenant_id)
            run_id: str = self._client.create_run(experiment, run_name=report.name, tags=tags_of(report)).info.run_id
            try:
                self._fill(run_id, report)
            except BaseException:
                with suppress(Exception):
                    self._client.set_terminated(run_id, "FAILED")
                raise
            self._client.set_terminated(run_id, "FAILED" if report.status == "FAILED" else "FINISHED")
        return Run(run_id, experiment)

    def register(
        self, run: Run, model: Any, manifest: Manifest, standing: Standing, reason: str, card: str = ""
    ) -> Version:
        """Save a model, prove that it loads, and register it as the tenant's next version.

        `reason` is shown on the version's page, `card`, in Markdown, among its artefacts. No alias is moved. Raises
        `Unloadable` for a model that could not be loaded again, and then nothing is registered.
        """
        tenant = manifest.tenant_id
        with _asking("register the model"):
            logged = self._client.create_logged_model(
                run.experiment_id, name=manifest.family, source_run_id=run.run_id, model_type=manifest.model_type
            )
            try:
                artefact = models.save(logged.artifact_location, model, manifest)
                loaded = models.load(artefact, manifest.names, manifest.features_version)
                self._describe(logged.model_id, run.run_id, loaded, card)
            except BaseException:
                with suppress(Exception):
                    _remove(logged.artifact_location)
                    self._client.finalize_logged_model(logged.model_id, "FAILED")
                raise
            self._client.finalize_logged_model(logged.model_id, "READY")
            self._log_output(run.run_id, logged.model_id)
            self._ensure_model(tenant)
            made = self._client.create_model_version(
                name_of(tenant), source=logged.artifact_location, run_id=run.run_id, model_id=logged.model_id,
                description=f"{reason}\n\n{asked_with(loaded.manifest)}",
                tags={
                    "status": standing, "reason": shortened(reason), "sha256": artefact.sha256,
                    "size_bytes": str(artefact.size), "manifest_sha256": loaded.manifest.sha256,
                    "mlflow_model_id": logged.model_id, "artefact": artefact.uri,
                },
            )  # fmt: skip
            shown = json.dumps([{"name": name_of(tenant), "version": int(made.version)}])
            self._client.set_logged_model_tags(logged.model_id, {"mlflow.modelVersions": shown})
            return _version(tenant, made)

    def champion(self, tenant_id: str) -> Version | None:
        """The version that scores; None when rules alone do."""
        return self._aliased(tenant_id, CHAMPION)

    def challenger(self, tenant_id: str) -> Version | None:
        """The version that scores in shadow, if there is one."""
        return self._aliased(tenant_id, CHALLENGER)

    def version(self, tenant_id: str, number: int) -> Version:
        """One version. Raises `NotFound`, also for one that was pruned."""
        with _asking("read a version"):
            found = _absent_is_none(lambda: self._client.get_model_version(name_of(tenant_id), str(number)))
        if found is None:
            raise NotFound(f"There is no version {number} of {name_of(tenant_id)}, or it is no longer kept.")
        return _version(tenant_id, found)

    def versions(self, tenant_id: str) -> list[Version]:
        """Every version that is kept, newest first."""
        with _asking("list the versions"):
            found = self._client.search_model_versions(f"name = '{name_of(tenant_id)}'", max_results=1000)
        return sorted((_version(tenant_id, each) for each in found), key=lambda each: -each.number)

    def promote(
        self, tenant_id: str, number: int, at: datetime, by: str, reason: str, last: Standing = Standing.RETIRED
    ) -> Version | None:
        """Make a version the champion; gives the champion until now, whose status becomes `last`.

        Raises `NotFound` for a version there is not, and then nothing has changed.
        """
        version, before = self.version(tenant_id, number), self.champion(tenant_id)
        with _asking("promote a version"):
            name = name_of(tenant_id)
            # First: if all that follows fails, it is still true what scores, and only tags lag behind.
            self._client.set_registered_model_alias(name, CHAMPION, str(version.number))
            self._unalias_challenger(tenant_id, version.number)
            if before is not None and before.number != number:
                self._tag(name, before.number, {"status": last, "champion_until": at.isoformat()})
            told = {"champion_from": at.isoformat(), "promoted_by": by, "reason": shortened(reason)}
            self._tag(name, number, {"status": Standing.CHAMPION, **told})
            entry = {"version": number, "from": at.isoformat(), "by": by}
            remembered = json.dumps([entry, *self._champions(name)][:REMEMBERED_CHAMPIONS])
            self._client.set_registered_model_tag(name, "champions", remembered)
        return before

    def previous_champion(self, tenant_id: str) -> Version | None:
        """What a rollback goes to: the last champion that is kept and was not itself rolled back."""
        current = self.champion(tenant_id)
        with _asking("read former champions"):
            remembered = [int(each["version"]) for each in self._champions(name_of(tenant_id))]
        kept = {each.number: each for each in self.versions(tenant_id) if each.standing is not Standing.ROLLED_BACK}
        return next((kept[each] for each in remembered if each in kept and kept[each] != current), None)

    def withdraw(self, tenant_id: str, at: datetime, last: Standing = Standing.ROLLED_BACK) -> Version | None:
        """Leave the tenant without a champion: rules score. Gives the champion until now."""
        before = self.champion(tenant_id)
        if before is not None:
            with _asking("withdraw the champion"):
                self._client.delete_registered_model_alias(name_of(tenant_id), CHAMPION)
                self._tag(name_of(tenant_id), before.number, {"status": last, "champion_until": at.isoformat()})
        return before

    def challenge(self, tenant_id: str, number: int | None) -> None:
        """Make a version the challenger, or leave none."""
        with _asking("set the challenger"):
            if number is None:
                self._unalias_challenger(tenant_id)
            else:
                self._client.set_registered_model_alias(name_of(tenant_id), CHALLENGER, str(number))

    def prune(self, tenant_id: str, keep: int = KEPT_VERSIONS) -> list[int]:
        """Remove versions and their files, all but the newest `keep`, the champion, the challenger and what a rollback
        goes to. Gives their numbers, which are never given again; their runs, with all measures, stay."""
        needed = (self.champion(tenant_id), self.challenger(tenant_id), self.previous_champion(tenant_id))
        every = self.versions(tenant_id)
        kept = {each.number for each in [*every[:keep], *needed] if each is not None}
        gone = [each for each in every if each.number not in kept]
        with _asking("remove old versions"):
            for each in gone:
                self._client.delete_model_version(name_of(tenant_id), str(each.number))
                if model_id := each.tags.get("mlflow_model_id"):
                    location = self._client.get_logged_model(model_id).artifact_location
                    self._client.delete_logged_model(model_id)
                    _remove(location)
        return [each.number for each in gone]

    def judge(self, version: Version, standing: Standing, reason: str) -> None:
        """Say of a version, and of the run that made it, what became of it and why."""
        with _asking("note a verdict"):
            self._tag(name_of(version.tenant_id), version.number, {"status": standing, "reason": shortened(reason)})
            self._client.set_tag(version.run_id, "reason", shortened(reason))

    @cached_property
    def _client(self) -> "MlflowClient":
        # Read by MLflow when it is first imported: nobody outside is told what is trained here.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # It tells of every table it makes, in the middle of what a command shows.
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        uri = _impatient(self.tracking_uri)
        from mlflow import MlflowClient

        return MlflowClient(uri, uri)

    def _experiment(self, tenant_id: str) -> str:
        name = name_of(tenant_id)
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        # A location of its own, which needs no server to write to, and which any server can show.
        location = f"{self.artifacts}/{name}"
        return str(self._client.create_experiment(name, artifact_location=location, tags=EXPERIMENT_KIND))

    def _ensure_model(self, tenant_id: str) -> None:
        name = name_of(tenant_id)
        if _absent_is_none(lambda: self._client.get_registered_model(name)) is None:
            self._client.create_registered_model(
                name, description=f"Fraud in attendance of {tenant_id}: the alias `champion` scores."
            )

    def _fill(self, run_id: str, report: Report) -> None:
        from mlflow.entities import Metric, Param

        now = int(report.as_of.timestamp() * 1000)
        numbers = [Metric(name, value, now, 0) for name, value in flattened(report.measures).items()]
        settings = [Param(name, str(value)[:LONGEST_PARAMETER]) for name, value in report.parameters.items()]
        self._client.log_batch(run_id, metrics=numbers, params=settings)
        if report.data is not None:
            self._log_data(run_id, report.tenant_id, report.data)
        for path, text in report.documents.items():
            self._client.log_text(run_id, text, path)
        for path, figure in report.figures.items():
            self._client.log_figure(run_id, figure, path, save_kwargs={"dpi": 110})

    def _log_data(self, run_id: str, tenant_id: str, data: Data) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        span = f"{data.begins.isoformat()} .. {data.ends.isoformat()}"
        dataset = Dataset(
            f"labelled events of {tenant_id}"[:500], data.sha256[:36], "code", json.dumps({"events": span}),
            profile=json.dumps({"num_rows": data.rows, "positives": data.positives, "sha256": data.sha256}),
        )  # fmt: skip
        self._client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
        told = {"data_begins": data.begins, "data_ends": data.ends, "data_rows": data.rows, "data_sha256": data.sha256}
        for name, value in told.items():
            self._client.log_param(run_id, name, value.isoformat() if isinstance(value, datetime) else value)

    def _log_output(self, run_id: str, model_id: str) -> None:
        from mlflow.entities import LoggedModelOutput

        self._client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])

    def _describe(self, model_id: str, run_id: str, loaded: models.Loaded, card: str) -> None:
        """Beside the model's file what MLflow shows of a model: signature, input example, requirements, card."""
        import mlflow.sklearn
        from mlflow.models import Model, infer_signature
        from pandas import DataFrame

        manifest, file = loaded.manifest, Path(loaded.artefact.uri).name
        example = DataFrame([manifest.example], columns=list(manifest.names), dtype="float64")
        with tempfile.TemporaryDirectory() as folder:
            described = Path(folder, "model")
            mlflow.sklearn.save_model(
                loaded.model, described, serialization_format="skops", skops_trusted_types=list(models.TRUSTED_TYPES),
                signature=infer_signature(example, loaded.model.predict_proba(example.to_numpy())),
                input_example=example, pyfunc_predict_fn="predict_proba",
                pip_requirements=[f"{name}=={version}" for name, version in manifest.libraries.items()],
            )  # fmt: skip
            # MLflow wrote a file of its own; the one that was hashed and proved takes its place.
            (described / "model.skops").unlink()
            shown = Model.load(described)
            shown.flavors["sklearn"]["pickled_model"] = shown.flavors["python_function"]["model_path"] = file
            shown.run_id, shown.model_id, shown.model_uuid = run_id, model_id, model_id
            shown.save(described / "MLmodel")
            (described / "manifest.json").write_bytes(manifest.content)
            (described / "model_card.md").write_text(card)
            self._client.log_model_artifacts(model_id, str(described))

    def _aliased(self, tenant_id: str, alias: str) -> Version | None:
        with _asking(f"say which version is {alias}"):
            found = _absent_is_none(lambda: self._client.get_model_version_by_alias(name_of(tenant_id), alias))
        return None if found is None else _version(tenant_id, found)

    def _unalias_challenger(self, tenant_id: str, only: int | None = None) -> None:
        challenger = self.challenger(tenant_id)
        if challenger is not None and only in (None, challenger.number):
            self._client.delete_registered_model_alias(name_of(tenant_id), CHALLENGER)

    def _champions(self, name: str) -> list[dict[str, Any]]:
        found = _absent_is_none(lambda: self._client.get_registered_model(name))
        remembered: list[dict[str, Any]] = json.loads(found.tags.get("champions", "[]")) if found is not None else []
        return remembered

    def _tag(self, name: str, number: int, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self._client.set_model_version_tag(name, str(number), key, value)


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Whatever MLflow and what it stands on raise, said in one sentence."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except NocError:
        raise
    except (MlflowException, SQLAlchemyError, OSError) as error:
        said = str(error).strip().split("\n")[0].rstrip(".")
        raise Unavailable(f"MLflow could not {what}: {said}. Is the database `mlflow` up?") from error


def _impatient(tracking_uri: str) -> str:
    """The URI with limits on how long a database may keep us waiting; raises at once when it does not answer.

    Asked first, because MLflow itself tries a silent database fifteen times, each time waiting twice as long: an hour.
    """
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.pool import NullPool

    if not tracking_uri.startswith("postgresql"):
        return tracking_uri
    url = make_url(tracking_uri)
    options = f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={STATEMENT_SECONDS}s"
    url = url.update_query_dict({"connect_timeout": str(ANSWER_SECONDS), "options": options})
    create_engine(url, poolclass=NullPool).connect().close()
    return url.render_as_string(hide_password=False)


def _absent_is_none(ask: Any) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _version(tenant_id: str, found: "ModelVersion") -> Version:
    tags = dict(found.tags)
    artefact = Artefact(tags.get("artefact", ""), int(tags.get("size_bytes", 0)), tags.get("sha256", ""))
    # A version somebody registered by hand has none of our tags: it is shown, and refused when it is loaded.
    standing = Standing(tags.get("status", Standing.CANDIDATE))
    if CHAMPION in found.aliases:
        standing = Standing.CHAMPION
    return Version(
        tenant_id, int(found.version), found.run_id or "", artefact, tags.get("manifest_sha256", ""), standing, tags
    )


def _remove(location: str) -> None:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(location)
    if filesystem.exists(path):
        filesystem.rm(path, recursive=True)
