"""Every `NOC_*` setting, typed and bounded, and the frozen policies made of them.

The only module that reads the environment. Logic receives a policy, never these settings.
"""

import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from noc_platform.errors import Misconfigured

SECRET_BYTES = 32
# A limit raised for false alarms comes down again when the rate is this share of what raised it.
FP_HYSTERESIS = 2 / 3


@dataclass(frozen=True)
class DoorPolicy:
    """What the door lets through. Instants are UTC."""

    earliest: datetime
    future_tolerance: timedelta
    batch_rows: int
    longest_line_bytes: int


@dataclass(frozen=True)
class MovementPolicy:
    """Guards on the distance between two fixes (domain.md §10.3)."""

    worst_accuracy_meters: float
    top_speed_kmh: float


@dataclass(frozen=True)
class BaselinePolicy:
    """How baselines are learned. `stable_samples` are effective ones, own and borrowed; a site that has said nothing
    for `stale_after` is no longer judged; a site-hour with less than `least_guard_hours` tells nothing."""

    history: timedelta = timedelta(days=182)
    half_life: timedelta = timedelta(days=42)
    stable_samples: float = 30.0
    stale_after: timedelta = timedelta(days=21)
    least_guard_hours: float = 0.15


@dataclass(frozen=True)
class ThresholdPolicy:
    """Limits on |z|, and when each applies (domain.md §3.3). `guard_above` and `guard_below` are false-alarm rates, 0
    to 1: a cell is guarded from above the one until below the other, so that it does not flicker between two weeks."""

    default: float = 3.0
    mature: float = 2.5
    conservative: float = 4.0
    mature_samples: int = 100
    guard_above: float = 0.30
    guard_below: float = 0.20


@dataclass(frozen=True)
class VerdictPolicy:
    """How people's verdicts become rates of false alarms. Fewer than `least_adjudicated` in the `window` move nothing,
    nor do false alarms within the budget; `guard_above` and `guard_below` as in `ThresholdPolicy`."""

    window: timedelta = timedelta(days=30)
    least_adjudicated: int = 10
    false_alarms_per_site_week: float = 1.0
    guard_above: float = 0.30
    guard_below: float = 0.20


@dataclass(frozen=True)
class TuningPolicy:
    """How learned limits move with verdicts: towards `false_alarms_per_site_week`, of all metrics together, by at most
    `step` at a time and not at all for less than `deadband`, never above where more than `most_missed` of what people
    confirmed would be missed (once there are `least_confirmed` of a metric). A single hour of the week moves from
    `least_repeated` false alarms on. `wrong_verdicts` is the share of verdicts taken for mistakes; what is older than
    `window` counts no more; `default` is the limit nobody has moved."""

    false_alarms_per_site_week: float = 1.0
    most_missed: float = 0.25
    least_confirmed: int = 10
    least_repeated: int = 3
    wrong_verdicts: float = 0.05
    step: float = 0.5
    deadband: float = 0.1
    window: timedelta = timedelta(weeks=8)
    default: float = 3.0


@dataclass(frozen=True)
class FindingPolicy:
    """What becomes of findings in time: none opens again for `quiet_after_false_positive` after people called it a
    false alarm, and one nobody has looked at is closed when it was not seen for `close_after`."""

    quiet_after_false_positive: timedelta = timedelta(hours=4)
    close_after: timedelta = timedelta(hours=24)


@dataclass(frozen=True)
class AlertPolicy:
    """What becomes of alerts in time.

    An active one that was not seen for `close_after` and that nobody has looked at is over; one that comes back within
    `reopen_within` of being over is the same again. Having done so `flap_count` times within `flap_window` it flaps,
    and is not told again before it has been steady for `reopen_within`. One that is still NEW is passed on after the
    `escalate_minutes` of its severity.
    """

    close_after: timedelta = timedelta(hours=24)
    reopen_within: timedelta = timedelta(minutes=60)
    flap_count: int = 3
    flap_window: timedelta = timedelta(hours=6)
    escalate_minutes: tuple[tuple[str, int], ...] = (("CRITICAL", 15), ("HIGH", 30), ("MEDIUM", 60), ("LOW", 120))


@dataclass(frozen=True)
class CorrelationPolicy:
    """Which signals and alerts are one story.

    An alert may lie `window` before or after what signals say; a match counts from `least_score` on, 0 to 1. Stories
    are looked for among what happened in the last `memory`; of what is raised at a site within a minute the worst
    `most_a_minute` are looked at. A story told `pattern_times` before in `pattern_memory`, each at least
    `pattern_apart` after the one before it, is a pattern.
    """

    window: timedelta = timedelta(minutes=15)
    least_score: float = 0.6
    memory: timedelta = timedelta(hours=36)
    most_a_minute: int = 100
    pattern_times: int = 2
    pattern_memory: timedelta = timedelta(days=14)
    pattern_apart: timedelta = timedelta(hours=8)

    @property
    def window_minutes(self) -> int:
        """The window in minutes."""
        return int(self.window.total_seconds() // 60)


@dataclass(frozen=True)
class FraudPolicy:
    """How fraud models are trained and judged (domain.md §5.6), and how much is reviewed.

    Events of the `history` before a training are learned from, if at least `least_labels` of them have a label.
    `precision`, `recall` and `f1` are what a model must reach. Of events that are not flagged people are asked to look
    at about `review_share`, chosen with `review_seed`, which is a secret. `told` are addresses of the ML team.
    """

    history: timedelta
    least_labels: int
    precision: float
    recall: float
    f1: float
    review_share: float
    review_seed: str
    told: tuple[str, ...]


class Settings(BaseSettings):
    """Settings of one installation, read from the environment once."""

    model_config = SettingsConfigDict(env_prefix="NOC_", extra="ignore", frozen=True)

    home: Annotated[Path, Field(description="Folder that holds all state of the embedded default.")] = Path(".noc")
    database_url: Annotated[
        str | None,
        Field(description="PostgreSQL URL of the `noc` database, as its owner. Unset: a private PostgreSQL in `home`."),
    ] = None
    lake_url: Annotated[
        str | None, Field(description="Folder or object-store URL of the Parquet history. Unset: `home`/lake.")
    ] = None
    mlflow_artifacts: Annotated[str, Field(description="Folder or object-store URL of MLflow artefacts.")] = "mlruns"

    earliest_event: Annotated[
        datetime, Field(description="Events before this instant are taken for clock errors and quarantined.")
    ] = datetime(2000, 1, 1, tzinfo=UTC)
    future_tolerance_minutes: Annotated[
        int, Field(ge=0, le=1440, description="How far ahead of ours a phone's clock may run, minutes.")
    ] = 10
    ingest_batch_rows: Annotated[
        int, Field(ge=1_000, le=1_000_000, description="Rows the door checks and copies at a time.")
    ] = 200_000
    ingest_longest_line_bytes: Annotated[
        int, Field(ge=1_024, le=64 * 2**20, description="A longer line is quarantined unread, bytes.")
    ] = 2**20
    telemetry_retention_days: Annotated[
        int, Field(ge=1, le=3650, description="A day leaves PostgreSQL when nothing arrived for it this long, days.")
    ] = 30
    movement_worst_accuracy_meters: Annotated[
        float, Field(gt=0, le=5_000, description="Fixes with a worse stated accuracy do not count as movement, metres.")
    ] = 100.0
    movement_top_speed_kmh: Annotated[
        float, Field(gt=0, le=1_500, description="A leg counts at most this speed times its time, km/h.")
    ] = 150.0

    baseline_history_days: Annotated[
        int, Field(ge=7, le=1_096, description="How far back baselines are learned from, days.")
    ] = 182
    baseline_half_life_days: Annotated[
        int, Field(ge=1, le=1_096, description="Age at which an hour counts half in a baseline, days.")
    ] = 42
    baseline_stable_samples: Annotated[
        float, Field(ge=1, le=1_000, description="Effective hours, own and borrowed, before a baseline judges.")
    ] = 30.0
    baseline_stale_days: Annotated[
        int, Field(ge=1, le=365, description="Days without a word after which a site's baselines stop judging.")
    ] = 21
    baseline_fp_threshold: Annotated[
        float, Field(gt=0, lt=1, description="False-alarm rate above which a limit becomes the conservative one.")
    ] = 0.30
    baseline_least_adjudicated: Annotated[
        int,
        Field(ge=1, le=1_000, description="Alarms people judged in 30 days before their false share moves a limit."),
    ] = 10
    false_alarms_per_site_week: Annotated[
        float, Field(gt=0, le=168, description="False alarms a site and week, of all metrics together, limits aim at.")
    ] = 1.0
    most_confirmed_missed: Annotated[
        float,
        Field(ge=0, lt=1, description="No limit rises so far that more of what people confirmed would be missed."),
    ] = 0.25
    stable_sample_count: Annotated[
        int, Field(ge=1, le=10_000, description="Hours of its own above which a baseline is mature.")
    ] = 100
    default_threshold: Annotated[float, Field(ge=1.5, le=5, description="Limit on |z| by default.")] = 3.0
    sensitive_threshold: Annotated[float, Field(ge=1.5, le=5, description="Limit on |z| of a mature baseline.")] = 2.5
    conservative_threshold: Annotated[
        float, Field(ge=1.5, le=5, description="Limit on |z| where false alarms are too many.")
    ] = 4.0

    finding_quiet_hours: Annotated[
        float, Field(ge=0, le=168, description="After a false positive the same is not raised for so long, hours.")
    ] = 4.0
    finding_close_hours: Annotated[
        float, Field(gt=0, le=720, description="A new finding not seen for so long is closed by itself, hours.")
    ] = 24.0

    alert_close_hours: Annotated[
        float, Field(gt=0, le=720, description="A new alert not raised again for so long is over, hours.")
    ] = 24.0
    alert_reopen_minutes: Annotated[
        int,
        Field(ge=0, le=1_440, description="An alert that comes back so soon after it was over is the same, minutes."),
    ] = 60
    alert_flap_count: Annotated[
        int, Field(ge=2, le=100, description="Times an alert comes back in 6 hours before it is told to flap.")
    ] = 3
    correlation_window_minutes: Annotated[
        int, Field(ge=1, le=240, description="How far from what signals say an alert may be, before or after, minutes.")
    ] = 15
    correlation_least_score: Annotated[
        float, Field(ge=0, le=1, description="Score from which an alert and signals are taken for one story, 0 to 1.")
    ] = 0.6
    correlation_memory_hours: Annotated[
        int, Field(ge=3, le=168, description="How late an alert may come and still be put to its story, hours.")
    ] = 36
    correlation_most_a_minute: Annotated[
        int, Field(ge=1, le=10_000, description="Alerts of one site and minute that are correlated, the worst first.")
    ] = 100

    ml_model_min_training_samples: Annotated[
        int, Field(ge=100, le=10_000_000, description="Labelled events a fraud model is trained from at least.")
    ] = 500
    ml_validation_precision: Annotated[
        float, Field(gt=0, le=1, description="Precision a fraud model must reach to go live.")
    ] = 0.85
    ml_validation_recall: Annotated[
        float, Field(gt=0, le=1, description="Recall a fraud model must reach to go live.")
    ] = 0.75
    ml_validation_f1: Annotated[float, Field(gt=0, le=1, description="F1 a fraud model must reach to go live.")] = 0.80
    ml_training_days: Annotated[
        int, Field(ge=28, le=1_096, description="How far back fraud models learn from, days.")
    ] = 180
    ml_training_zone: Annotated[
        str, Field(description="IANA zone by whose clock fraud models are trained, Sundays at 02:00.")
    ] = "UTC"
    ml_team_urls: Annotated[
        str | None,
        Field(description="Where the ML team is told of trainings that fail: Apprise URLs, with commas between."),
    ] = None
    fraud_review_share: Annotated[
        float, Field(gt=0, le=1, description="Share of events nothing flags that people are asked to look at.")
    ] = 0.02

    api_database_url: Annotated[
        str | None,
        Field(description="URL with a login of its own for the API. Unset: `database_url`, taking the role noc_api."),
    ] = None
    api_host: Annotated[str, Field(description="Address the API listens on.")] = "127.0.0.1"
    api_port: Annotated[int, Field(ge=1, le=65535, description="Port of the API.")] = 8000
    dagster_port: Annotated[int, Field(ge=1, le=65535, description="Port of the Dagster UI.")] = 3000
    mlflow_port: Annotated[int, Field(ge=1, le=65535, description="Port of the MLflow UI.")] = 5000
    workers: Annotated[int, Field(ge=1, le=64, description="Processes serving the API.")] = 1
    api_connections: Annotated[int, Field(ge=1, le=200, description="Database connections per API process.")] = 8
    api_longest_body_bytes: Annotated[
        int, Field(ge=1_024, le=256 * 2**20, description="A longer request body is refused with 413, bytes.")
    ] = 8 * 2**20
    telemetry_cache_ttl: Annotated[
        int, Field(ge=0, le=3_600, description="How long an answer about telemetry is reused, seconds. 0: not at all.")
    ] = 60
    cache_url: Annotated[
        str | None, Field(description="redis://… shared by API processes. Unset: memory of the one process.")
    ] = None
    token_secret: Annotated[
        str | None,
        Field(min_length=32, description="Key that signs API tokens. Unset: made once, kept in `home` (mode 0600)."),
    ] = None

    @model_validator(mode="after")
    def _instants_have_a_zone(self) -> Self:
        if self.earliest_event.tzinfo is None:
            raise ValueError("NOC_EARLIEST_EVENT has no zone: write it as 2000-01-01T00:00:00+00:00")
        return self

    @model_validator(mode="after")
    def _zones_are_known(self) -> Self:
        try:
            ZoneInfo(self.ml_training_zone)
        except (ValueError, OSError) as error:
            raise ValueError(
                f"NOC_ML_TRAINING_ZONE: {self.ml_training_zone!r} is no IANA zone, such as Europe/Athens"
            ) from error
        return self

    @model_validator(mode="after")
    def _workers_share_a_cache(self) -> Self:
        if self.workers > 1 and self.cache_url is None:
            raise ValueError("NOC_WORKERS > 1 needs a shared cache: set NOC_CACHE_URL=redis://…")
        return self

    @cached_property
    def absolute_home(self) -> Path:
        """`home`, independent of the folder a process later stands in."""
        return self.home.expanduser().absolute()

    @cached_property
    def lake(self) -> str:
        """Where the Parquet history lies, as a path or URL."""
        return self.lake_url or str(self.absolute_home / "lake")

    @cached_property
    def door_policy(self) -> DoorPolicy:
        """What the door lets through."""
        return DoorPolicy(
            earliest=self.earliest_event.astimezone(UTC),
            future_tolerance=timedelta(minutes=self.future_tolerance_minutes),
            batch_rows=self.ingest_batch_rows,
            longest_line_bytes=self.ingest_longest_line_bytes,
        )

    @cached_property
    def movement_policy(self) -> MovementPolicy:
        """Guards on movement."""
        return MovementPolicy(self.movement_worst_accuracy_meters, self.movement_top_speed_kmh)

    @cached_property
    def baseline_policy(self) -> BaselinePolicy:
        """How baselines are learned."""
        return BaselinePolicy(
            history=timedelta(days=self.baseline_history_days),
            half_life=timedelta(days=self.baseline_half_life_days),
            stable_samples=self.baseline_stable_samples,
            stale_after=timedelta(days=self.baseline_stale_days),
        )

    @cached_property
    def threshold_policy(self) -> ThresholdPolicy:
        """How far from usual is too far."""
        return ThresholdPolicy(
            default=self.default_threshold,
            mature=self.sensitive_threshold,
            conservative=self.conservative_threshold,
            mature_samples=self.stable_sample_count,
            guard_above=self.baseline_fp_threshold,
            guard_below=self.baseline_fp_threshold * FP_HYSTERESIS,
        )

    @cached_property
    def verdict_policy(self) -> VerdictPolicy:
        """How verdicts become rates of false alarms."""
        return VerdictPolicy(
            least_adjudicated=self.baseline_least_adjudicated,
            false_alarms_per_site_week=self.false_alarms_per_site_week,
            guard_above=self.baseline_fp_threshold,
            guard_below=self.baseline_fp_threshold * FP_HYSTERESIS,
        )

    @cached_property
    def tuning_policy(self) -> TuningPolicy:
        """How learned limits move with verdicts."""
        return TuningPolicy(
            false_alarms_per_site_week=self.false_alarms_per_site_week,
            most_missed=self.most_confirmed_missed,
            default=self.default_threshold,
        )

    @cached_property
    def finding_policy(self) -> FindingPolicy:
        """What becomes of findings in time."""
        return FindingPolicy(
            quiet_after_false_positive=timedelta(hours=self.finding_quiet_hours),
            close_after=timedelta(hours=self.finding_close_hours),
        )

    @cached_property
    def alert_policy(self) -> AlertPolicy:
        """What becomes of alerts in time."""
        return AlertPolicy(
            close_after=timedelta(hours=self.alert_close_hours),
            reopen_within=timedelta(minutes=self.alert_reopen_minutes),
            flap_count=self.alert_flap_count,
        )

    @cached_property
    def correlation_policy(self) -> CorrelationPolicy:
        """Which signals and alerts are one story."""
        return CorrelationPolicy(
            window=timedelta(minutes=self.correlation_window_minutes),
            least_score=self.correlation_least_score,
            memory=timedelta(hours=self.correlation_memory_hours),
            most_a_minute=self.correlation_most_a_minute,
        )

    @cached_property
    def fraud_policy(self) -> FraudPolicy:
        """How fraud models are trained, judged and reviewed."""
        return FraudPolicy(
            history=timedelta(days=self.ml_training_days),
            least_labels=self.ml_model_min_training_samples,
            precision=self.ml_validation_precision,
            recall=self.ml_validation_recall,
            f1=self.ml_validation_f1,
            review_share=self.fraud_review_share,
            review_seed=self.signing_key(),
            told=tuple(url.strip() for url in (self.ml_team_urls or "").split(",") if url.strip()),
        )

    @cached_property
    def retention(self) -> timedelta:
        """How long a quiet day stays in PostgreSQL."""
        return timedelta(days=self.telemetry_retention_days)

    def signing_key(self) -> str:
        """The key that signs API tokens; made and kept in `home`, mode 0600, on first use."""
        if self.token_secret is not None:
            return self.token_secret
        path = self.absolute_home / "token-secret"
        if not path.exists():
            _make_secret(path)
        return path.read_text()


def _make_secret(path: Path) -> None:
    """A new secret at `path`, unless another process was faster; nobody ever reads half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp gives mode 0600.
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".token-secret-")
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(SECRET_BYTES))
    with suppress(FileExistsError):
        os.link(unfinished, path)
    Path(unfinished).unlink()


def load_settings() -> Settings:
    """Read the environment. Raises `Misconfigured` naming each setting that does not fit."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"NOC_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            if problem["loc"]
            else problem["msg"].removeprefix("Value error, ")
            for problem in error.errors()
        )
        raise Misconfigured(problems) from error


def inherited_environment() -> Mapping[str, str]:
    """The environment handed to the processes the platform supervises."""
    return dict(os.environ)
