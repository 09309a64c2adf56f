"""What is judged, and as which kind of quantity: one line a metric. Every other name of a signal is in telemetry."""

from dataclasses import dataclass
from enum import StrEnum

from noc_platform.baselines.distributions import Family
from noc_platform.telemetry.vocabulary import Signal


class Direction(StrEnum):
    """On which side of the usual a value lies."""

    BELOW = "BELOW"
    ABOVE = "ABOVE"


@dataclass(frozen=True)
class Metric:
    """A signal as it is judged. `exposure` is the column of site signals that says how much there was to hear: seconds
    of guards whose phones were heard, or of guards on duty. More activity than usual is no security problem by
    default, so `directions` says which side matters (defect 34)."""

    signal: Signal
    family: Family
    exposure: str
    directions: tuple[Direction, ...]

    @property
    def name(self) -> str:
        """Name in baselines and findings."""
        return self.signal.metric


HEARD, ON_DUTY = "heard_seconds", "duty_seconds"
METRICS = tuple(
    Metric(signal, family, exposure, directions)
    for signal, family, exposure, directions in (
        (Signal.PHONE_EVENTS, Family.COUNT, HEARD, (Direction.BELOW, Direction.ABOVE)),
        (Signal.LOCATION_UPDATES, Family.COUNT, HEARD, (Direction.BELOW,)),
        (Signal.MOVEMENT, Family.DISTANCE, HEARD, (Direction.BELOW,)),
        (Signal.TASKS, Family.COUNT, ON_DUTY, (Direction.BELOW,)),
        (Signal.CHECKPOINTS, Family.COUNT, ON_DUTY, (Direction.BELOW,)),
    )
)
BY_NAME = {metric.name: metric for metric in METRICS}
