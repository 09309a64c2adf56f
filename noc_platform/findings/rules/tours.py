"""Rules about tours: overdue, left halfway, scanned without being walked. Pure.

A tour that could not be recorded for a phone's or a feed's failing is held against nobody.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from noc_platform.findings.facts.moment import Guard, Tour
from noc_platform.findings.facts.phones import SLOT_SECONDS
from noc_platform.findings.policy import TourPolicy
from noc_platform.findings.rules.clock import minutes
from noc_platform.findings.rules.look import Look, tour_log
from noc_platform.findings.vocabulary import Draft, Severity, Silence


def overdue(look: Look) -> Iterator[Draft]:
    """TOUR_OVERDUE: a mandatory tour nobody ended within its time and grace, one finding a guard and site.

    Only of tours that fell due within `tour_memory`: what is older and was never closed has been found long since.
    """
    late: dict[tuple[str, str, str], list[Tour]] = defaultdict(list)
    for tour in look.facts.tours:
        if tour.person_id is not None and is_overdue(tour, look):
            late[tour.tenant_id, tour.site_id, tour.person_id].append(tour)
    for (tenant, site, person), tours in late.items():
        guard = look.facts.guard_of.get((tenant, person))
        told = [tour for tour in tours if guard is not None and _would_be_known(tour, guard, look)]
        if guard is not None and told:
            yield _overdue(guard, site, told, look)


def is_overdue(tour: Tour, look: Look) -> bool:
    """Whether a mandatory tour is past its time and grace, and neither ended nor scanned to the end."""
    return tour.is_mandatory and tour.is_late(look.as_of)


def severity_of_delay(delay: timedelta, policy: TourPolicy) -> Severity:
    """How bad it is that a tour is that long past its time."""
    if delay >= policy.critical_after:
        return Severity.CRITICAL
    if delay >= policy.high_after:
        return Severity.HIGH
    return Severity.MEDIUM if delay >= policy.medium_after else Severity.LOW


def _would_be_known(tour: Tour, guard: Guard, look: Look) -> bool:
    """Whether the walk would have been heard of: the guard's phone was heard while it was due, and work is since.

    Of who never came it is known without a phone that nobody walked.
    """
    if look.told(guard).cause is Silence.NOT_ARRIVED:
        return guard.shift_starts_at is not None and tour.due_at >= guard.shift_starts_at
    slots = (tour.lapses_at - tour.due_at).total_seconds() / SLOT_SECONDS
    if tour.heard_slots is None or tour.heard_slots < look.policy.tours.least_heard * slots:
        return False
    return look.feeds(guard.tenant_id).is_work_told(tour.due_until)


def _overdue(guard: Guard, site: str, tours: list[Tour], look: Look) -> Draft:
    worst = min(tours, key=lambda tour: tour.due_until)
    delay = look.as_of - worst.due_until
    more = f", and {len(tours) - 1} more" if len(tours) > 1 else ""
    place = look.facts.site_of.get((guard.tenant_id, site))
    due = look.clock.said(place.time_zone if place else guard.time_zone, worst.due_until)
    summary = (
        f"tour {worst.tour_id} was due by {due} and is {minutes(worst.due_until, look.as_of)} min late, "
        f"{worst.scanned} of {worst.total_checkpoints} checkpoints scanned{more}."
    )
    severity = severity_of_delay(delay, look.policy.tours)
    return look.of_guard("TOUR_OVERDUE", guard, summary, {"tour_log": tour_log(tours)}, severity, site_id=site)


def abandoned(look: Look) -> Iterator[Draft]:
    """CORRELATION_TOUR_ABANDONMENT: begun, not finished, and its guard beyond the geofence since the last scan."""
    for tour in look.facts.tours:
        if tour.walker is None or tour.is_ended or not 0 < tour.scanned < tour.total_checkpoints:
            continue
        guard = look.facts.guard_of.get((tour.tenant_id, tour.walker))
        if guard is not None and _is_away(tour, guard, look):
            since = minutes(tour.last_scan_at or look.as_of, look.as_of)
            summary = (
                f"left tour {tour.tour_id} after {tour.scanned} of {tour.total_checkpoints} checkpoints, last scan "
                f"{since} min ago, and is {guard.distance_meters:.0f} m from the site's centre."
            )
            yield look.of_guard(
                "CORRELATION_TOUR_ABANDONMENT", guard, summary, {"tour_log": tour_log([tour])}, site_id=tour.site_id
            )


def _is_away(tour: Tour, guard: Guard, look: Look) -> bool:
    """Whether a good fix after the last scan lies beyond the geofence, its inaccuracy allowed for."""
    policy = look.policy.tours
    if tour.last_scan_at is None or look.as_of - tour.last_scan_at < policy.abandoned_after:
        return False
    if guard.distance_meters is None or guard.geofence_radius_meters is None or guard.site_id != tour.site_id:
        return False
    if guard.position_at is None or guard.position_at <= tour.last_scan_at or not look.is_heard(guard):
        return False
    nearest = guard.distance_meters - (guard.position_accuracy_meters or 0.0)
    return nearest > guard.geofence_radius_meters + policy.abandoned_meters


def ghost_scans(look: Look) -> Iterator[Draft]:
    """GHOST_SCANS: checkpoints scanned faster than anybody walks, or one after the other at one place. One a guard."""
    found: dict[tuple[str, str], list[Tour]] = defaultdict(list)
    start = look.as_of - look.policy.facts.window
    for tour in look.facts.tours:
        is_new = tour.last_scan_at is not None and tour.last_scan_at >= start
        if tour.walker is not None and is_new and why_ghostly(tour, look.policy.tours):
            found[tour.tenant_id, tour.walker].append(tour)
    for key, tours in found.items():
        guard = look.facts.guard_of.get(key)
        if guard is not None:
            last = max(tours, key=lambda tour: tour.last_scan_at or tour.due_at)
            summary = f"tour {last.tour_id}, {last.scanned} scans: {why_ghostly(last, look.policy.tours)}."
            yield look.of_guard("GHOST_SCANS", guard, summary, {"tour_log": tour_log(tours)}, site_id=last.site_id)


def why_ghostly(tour: Tour, policy: TourPolicy) -> str | None:
    """What no walk explains about a tour's scans; None where a walk does, or too little is known."""
    gap, step = tour.median_gap_seconds, tour.median_step_meters
    if tour.scanned < policy.ghost_scans or gap is None:
        return None
    if step is not None and step < policy.ghost_meters:
        return f"half of them within {step:.0f} m of the one before"
    if gap <= policy.ghost_seconds:
        return f"half of them within {gap:.0f} s of the one before"
    if step is not None and step / gap > policy.fastest_walk:
        return f"half of the ways faster than {step / gap:.0f} m/s"
    return None
