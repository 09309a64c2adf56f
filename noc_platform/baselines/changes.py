"""What a limit is for, and what a change of it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from noc_platform.baselines.metrics import BY_NAME
from noc_platform.errors import BadInput

LAST_HOUR = 167


@dataclass(frozen=True)
class Where:
    """Which rows: our own SQL, with :names, and their values. All of them unless said."""

    sql: str = "true"
    values: Mapping[str, Any] = field(default_factory=dict)


EVERYWHERE = Where()


class Kind(StrEnum):
    """Who a limit comes from. What a person sets comes before what verdicts have taught."""

    MANUAL = "MANUAL"
    LEARNED = "LEARNED"


@dataclass(frozen=True)
class Scope:
    """What a limit is for: an hour of a site's week (site-local, Monday 00:00 is 0), or all hours of its metric.

    Raises `BadInput` for a metric or an hour there is not.
    """

    tenant_id: str
    site_id: str
    metric_type: str
    hour_of_week: int | None = None

    def __post_init__(self) -> None:
        if self.metric_type not in BY_NAME:
            raise BadInput(f"No metric is called {self.metric_type}; there are {', '.join(BY_NAME)}.")
        if self.hour_of_week is not None and not 0 <= self.hour_of_week <= LAST_HOUR:
            raise BadInput(f"A week has the hours 0 (Monday 00:00) to {LAST_HOUR}, not {self.hour_of_week}.")

    @property
    def name(self) -> str:
        """As the ledger calls it: site/metric, or site/metric/hour."""
        hour = "" if self.hour_of_week is None else f"/{self.hour_of_week}"
        return f"{self.site_id}/{self.metric_type}{hour}"

    @property
    def where(self) -> Where:
        """All rows of the site's metric, whichever hour they are of."""
        values = {"tenant": self.tenant_id, "site": self.site_id, "metric": self.metric_type}
        return Where("tenant_id = :tenant and site_id = :site and metric_type = :metric", values)


@dataclass(frozen=True)
class Change:
    """A change of one kind of limit. `value` is None where that kind holds none from then on, `before` where it held
    none until then; `week` is the Sunday whose tuning made it, `undoes` the change that it rolled back."""

    change_id: UUID
    tenant_id: str
    site_id: str
    metric_type: str
    hour_of_week: int | None
    kind: Kind
    value: float | None
    before: float | None
    made_at: datetime
    made_by: str
    reason: str
    week: date | None = None
    undoes: UUID | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scope(self) -> Scope:
        """What it is for."""
        return Scope(self.tenant_id, self.site_id, self.metric_type, self.hour_of_week)
