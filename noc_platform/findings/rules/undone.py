"""Rules about work that was due and is not done, or done in part, by somebody who is there and heard. Pure.

Where nothing was due nothing is missing, and what cannot be known of is held against nobody. A stronger word for the
same (nobody moves, no work at all, a mandatory tour overdue) takes the place of these.
"""

from collections.abc import Iterator

from noc_platform.findings.facts.moment import Guard, Tour
from noc_platform.findings.rules.look import Look, tour_log
from noc_platform.findings.rules.silence import duty_of
from noc_platform.findings.vocabulary import Draft


def low_tasks(look: Look) -> Iterator[Draft]:
    """LOW_TASK_COMPLETION: of the tasks that were due, more wait than were done."""
    rules = look.policy.undone
    for guard in look.facts.guards:
        done, waiting = guard.tasks_completed_count, guard.tasks_waiting
        if done is not None and waiting >= rules.low_tasks and waiting > done and _could_work(guard, look):
            summary = f"{waiting} tasks wait that were due, and {done} were done."
            yield look.of_guard("LOW_TASK_COMPLETION", guard, summary, {"tasks_done": done, "tasks_waiting": waiting})


def low_tours(look: Look) -> Iterator[Draft]:
    """LOW_TOUR_COVERAGE: tours that were ended, or need not be and lapsed, with too few checkpoints scanned."""
    rules = look.policy.undone
    for guard in look.facts.guards:
        tours = [tour for tour in look.facts.tours_of.get(guard.key, []) if _is_over(tour, look)]
        total, scanned = sum(tour.total_checkpoints for tour in tours), sum(tour.scanned for tour in tours)
        if total and scanned < rules.low_share * total and _could_work(guard, look):
            last = max(tours, key=lambda tour: tour.due_until)
            summary = f"{scanned} of {total} checkpoints scanned in {len(tours)} tours that are over."
            evidence = {"tour_log": tour_log(tours)}
            yield look.of_guard("LOW_TOUR_COVERAGE", guard, summary, evidence, site_id=last.site_id)


def low_movement(look: Look) -> Iterator[Draft]:
    """LOW_MOVEMENT: positions come in, a tour waits, and in a whole window nobody has gone anywhere."""
    rules = look.policy.undone
    for guard in look.facts.guards:
        metres = guard.movement_distance_meters
        if metres is None or guard.usable_fixes < rules.least_fixes or not guard.tours_waiting:
            continue
        has_walked = guard.steps is not None and guard.steps >= rules.few_steps
        if metres < look.policy.inactivity.still_meters and not has_walked and _could_work(guard, look):
            summary = f"{metres:.0f} m in {guard.usable_fixes} positions, and {guard.tours_waiting} tours wait."
            yield look.of_guard("LOW_MOVEMENT", guard, summary, {"movement_distance_meters": metres})


def _could_work(guard: Guard, look: Look) -> bool:
    """Whether somebody was there and heard for a whole window, and their work would be known of."""
    rules = look.policy.patterns
    is_long = guard.duty_seconds is not None and guard.duty_seconds >= rules.phantom_minutes * 60
    if not is_long or guard.heard_slots < rules.phantom_heard_slots or not look.is_heard(guard):
        return False
    is_there = duty_of(guard, look.policy.silence, look.as_of).cause is None
    return is_there and look.feeds(guard.tenant_id).is_work_told(look.as_of - look.policy.facts.window)


def _is_over(tour: Tour, look: Look) -> bool:
    """Whether a tour came to its end within the window; one that is overdue has a finding of its own."""
    start = look.as_of - look.policy.facts.window
    if tour.is_ended:
        return tour.ended_at is not None and tour.ended_at >= start
    return not tour.is_mandatory and tour.is_late(look.as_of) and tour.lapses_at >= start
