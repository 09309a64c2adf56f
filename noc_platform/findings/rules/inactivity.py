"""GUARD_INACTIVITY: on duty by night, the phone is heard, and no sign of life (domain.md §2.4). Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from noc_platform.findings.facts.moment import Guard
from noc_platform.findings.policy import InactivityPolicy, RulesPolicy
from noc_platform.findings.rules.clock import minutes
from noc_platform.findings.rules.look import Look
from noc_platform.findings.rules.silence import duty_of, is_clock_wrong, is_unheard, still_since
from noc_platform.findings.vocabulary import Draft, Severity
from noc_platform.streams.catalogue import DEVICE_EVENTS

COMPONENTS = ("phone", "movement", "tasks", "checkpoints")


@dataclass(frozen=True)
class Inactivity:
    """How inactive somebody is, 0 to 1 of what is known, and which share of the evidence that is.

    `missing` are components that were to be expected and are not there, `known` all that could be told.
    """

    score: float
    coverage: float
    missing: tuple[str, ...]
    known: tuple[str, ...]


def inactive(look: Look) -> Iterator[Draft]:
    """GUARD_INACTIVITY for every open shift that overlaps the moment by night; when it began does not matter."""
    for guard in look.facts.guards:
        since = _stillness(guard, look)
        if since is None or not look.clock.is_night(guard.time_zone):
            continue
        policy = look.policy.inactivity
        is_deep = look.clock.is_deep_night(guard.time_zone, policy.deep_night)
        found = inactivity_of(guard, is_deep, look.policy, look.as_of)
        if found is not None and found.score >= policy.inactive_from:
            yield _draft(guard, found, since, look)


def _stillness(guard: Guard, look: Look) -> datetime | None:
    """Since when nobody walks, for those on duty whose phone is heard, on whom an innocent cause has no bearing."""
    policy = look.policy.silence
    if DEVICE_EVENTS.name in look.feeds(guard.tenant_id).late or is_clock_wrong(guard, policy):
        return None
    if duty_of(guard, policy, look.as_of).cause is not None or is_unheard(guard, policy, look.as_of):
        return None
    since = still_since(guard, look.policy.facts, look.as_of)
    if since is None or look.as_of - since < look.policy.inactivity.after:
        return None
    return since if look.feeds(guard.tenant_id).is_work_told(since) else None


def inactivity_of(guard: Guard, is_deep_night: bool, policy: RulesPolicy, as_of: datetime) -> Inactivity | None:
    """How inactive somebody is; None where less is known than it takes to say so.

    A component counts only where it is known, and work only where it was due: unknown is never zero. Weights are those
    of what is known, so that they make 1, in the deep of the night too (defect 16).
    """
    rules = policy.inactivity
    weights = dict(zip(COMPONENTS, rules.deep_weights if is_deep_night else rules.weights, strict=True))
    signs = signs_of(guard, policy, as_of)
    known = tuple(name for name in COMPONENTS if signs[name] is not None)
    missing = tuple(name for name in known if not signs[name])
    weighed = sum(weights[name] for name in known)
    coverage = weighed / sum(weights.values())
    if coverage < rules.least_coverage:
        return None
    return Inactivity(sum(weights[name] for name in missing) / weighed, coverage, missing, known)


def signs_of(guard: Guard, policy: RulesPolicy, as_of: datetime) -> dict[str, bool | None]:
    """Whether each component shows a sign of life within `idle`; None where that is not known, or nothing was due.

    Of the phone, what a person does with it: what it reports by itself goes on while its owner sleeps.
    """
    since = as_of - policy.facts.idle
    has_done = guard.last_done_at is not None and guard.last_done_at >= since
    return {
        "phone": None if guard.phone_events_count is None else _is_after(guard.last_used_at, since),
        "movement": _has_moved(guard, policy.inactivity, since),
        "tasks": True if has_done else (False if guard.tasks_waiting else None),
        "checkpoints": True if has_done else (False if guard.tours_waiting else None),
    }


def _has_moved(guard: Guard, policy: InactivityPolicy, since: datetime) -> bool | None:
    """By steps where the phone counts them, as positions of a phone that lies still wander; else by metres."""
    if guard.steps is not None:
        return _is_after(guard.last_walked_at, since)
    return None if guard.movement_distance_meters is None else guard.movement_distance_meters >= policy.still_meters


def _is_after(moment: datetime | None, since: datetime) -> bool:
    return moment is not None and moment >= since


def _span(since: datetime, look: Look) -> str:
    or_more = " or more" if look.as_of - since >= look.policy.facts.window else ""
    return f"{minutes(since, look.as_of)} min{or_more}"


def _draft(guard: Guard, found: Inactivity, since: datetime, look: Look) -> Draft:
    is_critical = found.score >= look.policy.inactivity.critical_from
    waiting = [
        f"{count} {name}{'s' if count > 1 else ''}"
        for count, name in ((guard.tasks_waiting, "task"), (guard.tours_waiting, "tour"))
        if count
    ]
    summary = (
        f"no steps and nothing done for {_span(since, look)} while the phone is heard; "
        f"waiting: {', '.join(waiting) or 'nothing'} (inactivity {found.score:.2f})."
    )
    evidence = {"score": found.score, "coverage": found.coverage, "missing": found.missing, "known": found.known}
    severity = Severity.CRITICAL if is_critical else Severity.HIGH
    return look.of_guard("GUARD_INACTIVITY", guard, summary, {"inactivity": evidence, "still_since": since}, severity)
