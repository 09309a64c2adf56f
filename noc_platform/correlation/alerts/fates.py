"""What becomes of what is raised: a new alert, more of one there is, the same come back, or the end of it.

Pure: `live` goes through what was raised about one thing, in order of time, and says how its alerts stand thereafter.
An alert goes on until it is over, so each raising belongs to the first alert of its key that ended at or after it, else
to the active one; what comes late is put where it belongs. Only where an end arrives after what followed it does the
order of arrival tell: what followed has kept the alert active, and it goes on.
Elsewhere: reading and writing (`intake`), causes that explain other alerts (`muting`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from noc_platform.correlation.alerts.keys import caused_by
from noc_platform.correlation.alerts.standing import KEPT_BACK, SOURCE, Raising, Standing, alert_id
from noc_platform.correlation.vocabulary import Severity, Status
from noc_platform.journal.ledger import PLATFORM, Action
from noc_platform.settings import AlertPolicy

# How far an alert has come. A source moves it on, never back; ESCALATED comes before somebody has looked.
STEPS = (Status.NEW, Status.ESCALATED, Status.ACKNOWLEDGED, Status.ASSIGNED)
STEP_ACTIONS = {
    Status.ESCALATED: Action.ESCALATED,
    Status.ACKNOWLEDGED: Action.ACKNOWLEDGED,
    Status.ASSIGNED: Action.ASSIGNED,
}


@dataclass(frozen=True, slots=True)
class Turn:
    """What a raising did to an alert that a decision is due for. `before` is the severity that was raised."""

    action: Action
    alert: Standing
    raising: Raising
    before: Severity | None = None


@dataclass
class Life:
    """What became of what was raised about one thing: which alert each belongs to, and the turns that took."""

    belongs: list[tuple[Raising, Standing]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    @property
    def changed(self) -> list[Standing]:
        """The alerts that something was added to, each once."""
        return list({id(alert): alert for _, alert in self.belongs}.values())


class _Alerts:
    """The alerts of one key. What is raised is asked for in order of time, so what ended before is passed once."""

    def __init__(self, known: Sequence[Standing]) -> None:
        self.active = next((each for each in known if each.status.is_active), None)
        self.kept = {each.muted_by: each for each in known if each.is_in_maintenance}
        over = (each for each in known if not each.status.is_active and not each.is_in_maintenance)
        self.ended = sorted(over, key=lambda each: (each.ended_at, each.alert_id))
        self._passed = 0

    def ended_after(self, moment: datetime) -> Standing | None:
        """The first alert that ended then or later."""
        while self._passed < len(self.ended) and self.ended[self._passed].ended_at < moment:
            self._passed += 1
        return self.ended[self._passed] if self._passed < len(self.ended) else None

    def put(self, alert: Standing) -> None:
        """Note an alert that was opened, or whose state has changed, where it now belongs."""
        if self.active is alert:
            self.active = None
        if self.ended and self.ended[-1] is alert:
            self.ended.pop()
            self._passed = min(self._passed, len(self.ended))
        if alert.status.is_active:
            self.active = alert
        elif alert.is_in_maintenance:
            self.kept[alert.muted_by] = alert
        else:
            self.ended.append(alert)


def live(key: str, known: Sequence[Standing], raised: Iterable[Raising], policy: AlertPolicy) -> Life:
    """What becomes of the alerts of one key (`known`, at most one of them active) once more was raised about it.

    The alerts are changed in place.
    """
    life, alerts = Life(), _Alerts(known)
    before = {id(alert): (alert.severity, alert.first_seen_at) for alert in known}
    for raising in sorted(raised, key=lambda each: (each.occurred_at, each.event_id)):
        alert = _home_of(alerts, raising, policy)
        if alert is None:
            alert = _opened(key, raising)
            action: Action | None = Action.MUTED if alert.status is Status.SUPPRESSED else Action.RAISED
        else:
            action = _add(alert, raising, policy)
        if action is not None:
            alerts.put(alert)
            life.turns.append(Turn(action, alert, raising))
        life.belongs.append((raising, alert))
    latest = {id(alert): raising for raising, alert in life.belongs}
    for alert in life.changed:
        severity, first_seen_at = before.get(id(alert), (None, None))
        if severity is not None and alert.severity.rank > severity.rank:
            life.turns.append(Turn(Action.SEVERITY_RAISED, alert, latest[id(alert)], severity))
        if (severity, first_seen_at) != (alert.severity, alert.first_seen_at):
            _set_escalation(alert, policy)
    return life


def escalates_at(since: datetime, severity: Severity, policy: AlertPolicy) -> datetime | None:
    """When an alert that nobody looks at since then is passed on, UTC; None for a severity that never is."""
    minutes = dict(policy.escalate_minutes).get(severity)
    return None if minutes is None else since + timedelta(minutes=minutes)


def flapping(times: int, policy: AlertPolicy) -> str:
    """What mutes an alert that comes and goes."""
    hours = policy.flap_window.total_seconds() / 3600
    return f"flapping: came back {times} times in {hours:g} hours"


def _home_of(alerts: _Alerts, raising: Raising, policy: AlertPolicy) -> Standing | None:
    """The alert a raising belongs to; None for one of its own."""
    if raising.is_raised and raising.maintenance is not None:
        return alerts.kept.get(raising.maintenance)
    ended = alerts.ended_after(raising.occurred_at)
    if ended is not None or alerts.active is not None or not alerts.ended:
        return ended or alerts.active
    last = alerts.ended[-1]
    return last if _goes_on(last, raising, policy) else None


def _goes_on(last: Standing, raising: Raising, policy: AlertPolicy) -> bool:
    """Whether what was over is the same as what is raised after it. Where a person ended it, it is not: they knew."""
    if last.status is Status.SUPPRESSED or last.resolved_at is None:
        # Its source keeps it back, until it raises it in earnest.
        return raising.status in (Status.SUPPRESSED, Status.RESOLVED)
    is_soon = raising.occurred_at - last.ended_at <= policy.reopen_within
    if not raising.is_raised:
        return is_soon
    if raising.muted_by is not None or last.resolved_by not in (SOURCE, PLATFORM):
        return False
    return raising.occurred_at - last.resolved_at <= policy.reopen_within


def _opened(key: str, raising: Raising) -> Standing:
    at = raising.occurred_at
    alert = Standing(
        alert_id=alert_id(key, raising), about=raising.about, dedup_key=key, severity=raising.severity,
        status=Status.NEW, message=raising.message, occurrence_count=1, first_seen_at=at, last_seen_at=at,
        caused_by=caused_by(raising.about),
    )  # fmt: skip
    if raising.muted_by is not None:
        _keep_back(alert, raising.muted_by)
    elif raising.is_raised:
        _move_on(alert, raising)
    else:
        _resolve(alert, raising)
    return alert


def _add(alert: Standing, raising: Raising, policy: AlertPolicy) -> Action | None:
    """One more of an alert. Its state changes only where it is active, or comes back; gives what then happened."""
    action = None
    is_last = raising.occurred_at >= alert.last_seen_at
    if alert.status.is_active:
        action = _change(alert, raising, is_last=is_last)
    elif alert.status is Status.RESOLVED and raising.is_raised and raising.occurred_at > alert.ended_at:
        _reopen(alert, raising, policy)
        action = Action.REOPENED
    _count(alert, raising)
    return action


def _change(alert: Standing, raising: Raising, *, is_last: bool) -> Action | None:
    """What the source's state does to an active alert. The end of it counts if nothing was raised since."""
    if is_last and not raising.is_raised:
        _resolve(alert, raising)
        return Action.RESOLVED
    if is_last and raising.status is Status.SUPPRESSED:
        _keep_back(alert, KEPT_BACK)
        return Action.MUTED
    if is_last or not alert.reopened_count:
        return _move_on(alert, raising)
    # Before it came back, the source's word was about what was over then.
    return None


def _count(alert: Standing, raising: Raising) -> None:
    at = raising.occurred_at
    # At one instant the words decide, so that it does not depend on which arrived first.
    if (at, raising.message or "") >= (alert.last_seen_at, alert.message or ""):
        alert.message = raising.message
    if alert.caused_by is not None:
        # What somebody else saw too is no echo.
        cause = caused_by(raising.about)
        alert.caused_by = cause if cause is None or at >= alert.last_seen_at else alert.caused_by
    alert.occurrence_count += 1
    alert.first_seen_at = min(alert.first_seen_at, at)
    alert.last_seen_at = max(alert.last_seen_at, at)
    alert.severity = _worse(alert.severity, raising.severity)
    if alert.severity is Severity.CRITICAL and alert.flapping_since is not None and alert.status.is_active:
        # What is critical is told, however often it comes back.
        alert.muted_by = None


def _move_on(alert: Standing, raising: Raising) -> Action | None:
    """The source says how far it has come; its first word of each step counts."""
    status, at = raising.status, raising.occurred_at
    if status is Status.ACKNOWLEDGED and _is_first(alert.acknowledged_at, alert.acknowledged_by, at):
        alert.acknowledged_at, alert.acknowledged_by = at, SOURCE
    elif status is Status.ASSIGNED and _is_first(alert.assigned_at, alert.assigned_by, at):
        alert.assigned_at, alert.assigned_by = at, SOURCE
    elif status is Status.ESCALATED and _is_first(alert.escalated_at, SOURCE, at):
        alert.escalated_at = at
    if status not in STEPS or STEPS.index(status) <= STEPS.index(alert.status):
        return None
    alert.status, alert.escalates_at = status, None
    return STEP_ACTIONS[status]


def _is_first(known: datetime | None, by: str | None, at: datetime) -> bool:
    return known is None or (by == SOURCE and at < known)


def _resolve(alert: Standing, raising: Raising) -> None:
    # When it was to be passed on is kept: one that comes and goes must not put that off forever.
    alert.status = Status.RESOLVED
    alert.resolved_at, alert.resolved_by, alert.resolution_notes = raising.occurred_at, SOURCE, raising.message


def _keep_back(alert: Standing, why: str) -> None:
    alert.status, alert.muted_by, alert.escalates_at, alert.flapping_since = Status.SUPPRESSED, why, None, None


def _reopen(alert: Standing, raising: Raising, policy: AlertPolicy) -> None:
    """It came back: as new, but known to flap once it has done so too often."""
    at, due = raising.occurred_at, alert.escalates_at
    if alert.reopened and at - max(alert.reopened) > policy.reopen_within:
        alert.flapping_since = None
    alert.reopened.append(at)
    alert.reopened_count += 1
    alert.status, alert.muted_by = Status.NEW, None
    alert.resolved_at = alert.resolved_by = alert.resolution_notes = None
    alert.acknowledged_at = alert.acknowledged_by = None
    alert.assigned_at = alert.assigned_by = alert.assigned_to = None
    alert.escalated_at = alert.escalated_to = None
    alert.severity = _worse(alert.severity, raising.severity)
    alert.escalates_at = escalates_at(at, alert.severity, policy)
    times = sum(at - policy.flap_window < each for each in alert.reopened)
    if times >= policy.flap_count:
        alert.flapping_since = alert.flapping_since or at
    if alert.flapping_since is not None:
        alert.muted_by = flapping(times, policy)
        alert.escalates_at = due or alert.escalates_at
    _move_on(alert, raising)


def _worse(one: Severity, other: Severity) -> Severity:
    return max(one, other, key=lambda severity: severity.rank)


def _set_escalation(alert: Standing, policy: AlertPolicy) -> None:
    """When it is passed on, once it is new, worse, or known to have begun before. What is muted is not."""
    if alert.status is not Status.NEW or alert.muted_by is not None:
        return
    since = alert.last_seen_at if alert.reopened_count else alert.first_seen_at
    due = escalates_at(since, alert.severity, policy)
    if due is not None:
        alert.escalates_at = min(due, alert.escalates_at or due)
