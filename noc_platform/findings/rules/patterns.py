"""Rules over several signals (domain.md §2.3): silent site, storm of lapses, phantom guard. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from noc_platform.findings.facts.moment import Guard, Key, Site
from noc_platform.findings.rules.clock import minutes
from noc_platform.findings.rules.look import Look, status_of
from noc_platform.findings.rules.tours import is_overdue
from noc_platform.findings.vocabulary import Draft, Severity, Silence


def silent_sites(look: Look) -> Iterator[Draft]:
    """CORRELATION_SILENT_SITE: no phone, no position and no work from anybody at a site, while others are heard."""
    there: dict[Key, list[Guard]] = defaultdict(list)
    for guard in look.facts.guards:
        if look.told(guard).cause is Silence.SITE_SILENT:
            there[guard.tenant_id, guard.site_id or ""].append(guard)
    rules = look.policy.patterns
    for (tenant, site), guards in there.items():
        since = look.silences.places[tenant, site].since
        if since is None or look.as_of - since < rules.silent_site_after:
            continue
        is_long = look.as_of - since >= rules.silent_site_critical_after
        names = ", ".join(sorted(guard.person_id for guard in guards)[:5])
        summary = f"nothing heard for {minutes(since, look.as_of)} min from {len(guards)} on duty ({names})."
        evidence = {"silent_since": since, "guard_status": [status_of(guard, look.told(guard)) for guard in guards]}
        severity = Severity.CRITICAL if is_long else Severity.HIGH
        yield look.of_site(
            "CORRELATION_SILENT_SITE", tenant, site, guards[0].time_zone, summary, evidence, severity,
            Silence.SITE_SILENT,
        )  # fmt: skip


def storms(look: Look) -> Iterator[Draft]:
    """CORRELATION_SLA_STORM: overdue tasks, delayed tours and alerts, each of a site of its own, all at once."""
    delayed = Counter((tour.tenant_id, tour.site_id) for tour in look.facts.tours if is_overdue(tour, look))
    for site in look.facts.sites:
        tours = delayed[site.tenant_id, site.site_id]
        if _is_storm(site, tours, look):
            summary = f"{site.tasks_overdue} tasks overdue, {tours} tours late and {site.alerts_raised} alerts raised."
            evidence = {
                "tasks_overdue": site.tasks_overdue, "tours_late": tours, "alerts_raised": site.alerts_raised,
                "alerts_open": site.alerts_open,
            }  # fmt: skip
            yield look.of_site("CORRELATION_SLA_STORM", site.tenant_id, site.site_id, site.time_zone, summary, evidence)


def _is_storm(site: Site, tours: int, look: Look) -> bool:
    rules = look.policy.patterns
    return (
        site.tasks_overdue >= rules.storm_tasks
        and tours >= rules.storm_tours
        and site.alerts_raised >= rules.storm_alerts
    )


def phantoms(look: Look) -> Iterator[Draft]:
    """CORRELATION_PHANTOM_GUARD: a phone sends positions for a whole window, and of the work that was due none is done.

    Where no work was due there is nothing to miss (defect 9).
    """
    for guard in look.facts.guards:
        start = look.as_of - look.policy.facts.window
        if look.is_heard(guard) and look.feeds(guard.tenant_id).is_work_told(start) and is_phantom(guard, look):
            summary = (
                f"{guard.location_updates_count} positions and no work done in "
                f"{int((guard.duty_seconds or 0) // 60)} min; waiting: {guard.tasks_waiting} tasks, "
                f"{guard.tours_waiting} tours."
            )
            yield look.of_guard("CORRELATION_PHANTOM_GUARD", guard, summary, {})


def is_phantom(guard: Guard, look: Look) -> bool:
    """Whether a phone is there and no work gets done. What is not known is not zero: no rule then."""
    rules = look.policy.patterns
    if guard.location_updates_count is None or guard.tasks_completed_count is None or guard.duty_seconds is None:
        return False
    is_there = guard.location_updates_count >= rules.phantom_locations
    is_long = guard.duty_seconds >= rules.phantom_minutes * 60 and guard.heard_slots >= rules.phantom_heard_slots
    has_worked = guard.tasks_completed_count > 0 or bool(guard.tour_checkpoints_scanned)
    return is_there and is_long and not has_worked and guard.tasks_waiting >= rules.phantom_tasks
