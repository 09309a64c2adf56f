"""What is written down of trainings and models: a report, the run it became, a version and its standing.

Plain values, so that whoever asks the registry needs no MLflow. Elsewhere: MLflow itself (`registry`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from noc_platform.fraud.models import Artefact, Manifest

LONGEST_TAG = 5000
NOTE = "mlflow.note.content"


class Standing(StrEnum):
    """What became of a version, as its tag `status` says."""

    CANDIDATE = "CANDIDATE"
    REJECTED = "REJECTED"
    CHAMPION = "CHAMPION"
    RETIRED = "RETIRED"
    ROLLED_BACK = "ROLLED_BACK"


@dataclass(frozen=True)
class Data:
    """The examples a training read: half-open span of their moments, how many, and the hash of what was read."""

    begins: datetime
    ends: datetime
    rows: int
    positives: int
    sha256: str


@dataclass(frozen=True)
class Report:
    """One training as people will look at it.

    `measures` are numbers by name, each with the ends of its interval where it has one: (value, low, high). `figures`
    are matplotlib figures and `documents` texts, by the path they get. `reason` says why it came to `status`.
    `dagster_url` opens the Dagster run.
    """

    tenant_id: str
    name: str
    status: str
    reason: str
    as_of: datetime
    data: Data | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    measures: Mapping[str, tuple[float, float | None, float | None]] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    dagster_run_id: str | None = None
    dagster_url: str | None = None


@dataclass(frozen=True)
class Run:
    """A run that was logged. `page` is where the MLflow UI shows it, beneath the UI's own address."""

    run_id: str
    experiment_id: str

    @property
    def page(self) -> str:
        """Path in the MLflow UI; without the last part it opens among pages about conversations."""
        return f"#/experiments/{self.experiment_id}/runs/{self.run_id}?workflowType=machine_learning"


@dataclass(frozen=True)
class Version:
    """A registered model: its number in the tenant's registry, the run that made it, and its file."""

    tenant_id: str
    number: int
    run_id: str
    artefact: Artefact
    manifest_sha256: str
    standing: Standing
    tags: Mapping[str, str]

    @property
    def page(self) -> str:
        """Path in the MLflow UI."""
        return f"#/models/{name_of(self.tenant_id)}/versions/{self.number}"


def name_of(tenant_id: str) -> str:
    """The name of a tenant's experiment and registered model; MLflow takes neither slashes nor colons."""
    return f"fraud-{quote(tenant_id, safe='')}"


def tags_of(report: Report) -> dict[str, str]:
    """What is said of a run beside its numbers: MLflow shows the note on top, as Markdown."""
    link = f"\n\n[Dagster run]({report.dagster_url})" if report.dagster_url else ""
    told = {
        "tenant": report.tenant_id,
        "status": report.status,
        "reason": shortened(report.reason),
        "as_of": report.as_of.isoformat(),
        "dagster_run_id": report.dagster_run_id,
        "dagster_run_url": report.dagster_url,
        "mlflow.source.type": "JOB",
        "mlflow.source.name": "fraud_model",
        NOTE: f"**{report.status}**: {report.reason}{link}",
        **report.tags,
    }
    return {name: value for name, value in told.items() if value}


def asked_with(manifest: Manifest) -> str:
    """The input example and what the model said of it: the UI's page of a version shows its columns, but no values."""
    told = (
        f"{name} {'not known' if value is None else f'{value:.4g}'}"
        for name, value in zip(manifest.names, manifest.example, strict=True)
    )
    return f"Input example: {', '.join(told)}. It gives this {manifest.example_probability:.4f}."


def shortened(text: str) -> str:
    """As much of a text as a tag holds."""
    return text if len(text) <= LONGEST_TAG else f"{text[: LONGEST_TAG - 1]}…"


def flattened(measures: Mapping[str, tuple[float, float | None, float | None]]) -> dict[str, float]:
    """Each number and the ends of its interval, without what is not defined: a missing number is not a zero."""
    named = {
        f"{name}{end}": value
        for name, ends in measures.items()
        for end, value in zip(("", "_low", "_high"), ends, strict=True)
    }
    return {name: float(value) for name, value in named.items() if value is not None and value == value}
