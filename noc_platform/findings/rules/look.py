"""What every rule looks at: the facts of one moment with the causes of silence already known, and how a rule puts what
it found. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from noc_platform.findings.evidence import one_line, tidied
from noc_platform.findings.facts.moment import Facts, Guard, Tour
from noc_platform.findings.policy import RulesPolicy
from noc_platform.findings.rules.clock import SiteClock
from noc_platform.findings.rules.silence import Feeds, Silences, Told, is_unheard, silences
from noc_platform.findings.vocabulary import KINDS, Draft, Severity, Silence

# While one of these holds, what a guard does is not known.
UNKNOWABLE = frozenset(
    {
        Silence.DEVICE_DEAD,
        Silence.NO_COVERAGE,
        Silence.SITE_SILENT,
        Silence.OFF_DUTY,
        Silence.NOT_ARRIVED,
        Silence.FEED_LATE,
        Silence.CLOCK_WRONG,
    }
)


@dataclass(frozen=True)
class Look:
    """One moment, `as_of` (UTC), as rules look at it. Raises ValueError for a moment without a zone."""

    facts: Facts
    policy: RulesPolicy
    as_of: datetime

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is None:
            raise ValueError(f"an audit needs an instant with a zone, not {self.as_of}")

    @cached_property
    def silences(self) -> Silences:
        """Why each guard is silent."""
        return silences(self.facts, self.policy, self.as_of)

    @cached_property
    def clock(self) -> SiteClock:
        """The time at each site."""
        return SiteClock(self.as_of)

    def told(self, guard: Guard) -> Told:
        """Why the guard is silent."""
        return self.silences.of(guard)

    def feeds(self, tenant: str) -> Feeds:
        """Which phone streams of the tenant are late."""
        return self.silences.feeds.get(tenant, Feeds())

    def is_heard(self, guard: Guard) -> bool:
        """Whether the phone is heard, and nothing innocent explains what it does not say."""
        cause = self.told(guard).cause
        return cause not in UNKNOWABLE and not is_unheard(guard, self.policy.silence, self.as_of)

    def of_guard(
        self,
        finding_type: str,
        guard: Guard,
        summary: str,
        evidence: Mapping[str, Any],
        severity: Severity | None = None,
        site_id: str | None = None,
    ) -> Draft:
        """A finding about a guard: the summary says who and where, and when on the site's clock."""
        site = site_id or guard.site_id
        where = "without a site" if site is None else f"at {site}"
        text = f"{guard.person_id} {where}, {self.clock.said(guard.time_zone)}: {summary}"
        status = {"guard_status": [status_of(guard, self.told(guard))]}
        return Draft(
            guard.tenant_id, finding_type, site, guard.person_id, severity or KINDS[finding_type].severity,
            one_line(text), self.as_of, tidied({**self._window(), **evidence, **status}),
            silence=self.told(guard).cause,
        )  # fmt: skip

    def of_site(
        self, finding_type: str, tenant: str, site: str | None, zone: str | None, summary: str,
        evidence: Mapping[str, Any], severity: Severity | None = None, silence: Silence | None = None,
    ) -> Draft:  # fmt: skip
        """A finding about a site, or about a tenant's feed where no site is given."""
        text = f"{site or tenant}, {self.clock.said(zone)}: {summary}"
        return Draft(
            tenant, finding_type, site, None, severity or KINDS[finding_type].severity, one_line(text), self.as_of,
            tidied({**self._window(), **evidence}), silence=silence,
        )  # fmt: skip

    def _window(self) -> dict[str, Any]:
        return {"window": {"start": self.as_of - self.policy.facts.window, "end": self.as_of}}


def status_of(guard: Guard, told: Told) -> dict[str, Any]:
    """A guard as evidence: the signals, and what was last heard."""
    return {
        "at": guard.last_heard_at, "person_id": guard.person_id, "silence": told.cause, "reason": told.reason,
        "last_received_at": guard.last_received_at, "phone_events_count": guard.phone_events_count,
        "location_updates_count": guard.location_updates_count, "steps": guard.steps,
        "movement_distance_meters": guard.movement_distance_meters,
        "tasks_completed_count": guard.tasks_completed_count, "tasks_waiting": guard.tasks_waiting,
        "tour_checkpoints_scanned": guard.tour_checkpoints_scanned, "tours_waiting": guard.tours_waiting,
        "battery_level": guard.battery_level, "punched_in_at": guard.punched_in_at,
        "last_walked_at": guard.last_walked_at, "last_done_at": guard.last_done_at,
    }  # fmt: skip


def tour_log(tours: Iterable[Tour]) -> list[dict[str, Any]]:
    """Tours as evidence."""
    return [
        {
            "at": tour.last_scan_at or tour.due_at, "tour_id": tour.tour_id, "due_at": tour.due_at,
            "due_until": tour.due_until, "scanned": tour.scanned, "total_checkpoints": tour.total_checkpoints,
            "median_gap_seconds": tour.median_gap_seconds, "median_step_meters": tour.median_step_meters,
        }
        for tour in tours
    ]  # fmt: skip
