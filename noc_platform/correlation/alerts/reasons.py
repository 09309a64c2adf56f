"""Decisions about alerts, as the ledger has them: why one was raised, came back, was muted, is over. Pure."""

from noc_platform.correlation.alerts.fates import Turn
from noc_platform.correlation.alerts.standing import KEPT_BACK, SOURCE
from noc_platform.journal.ledger import PLATFORM, Action, Decision, Subject

# What a source says of its own alert, it decides.
SAID_BY_SOURCE = frozenset({Action.RESOLVED, Action.ACKNOWLEDGED, Action.ASSIGNED, Action.ESCALATED})


def turning(turn: Turn) -> Decision:
    """What a raising did to an alert."""
    alert, raising = turn.alert, turn.raising
    about = raising.about
    told = {
        "severity": raising.severity, "severity_before": turn.before, "status": raising.status,
        "site_id": about.site_id, "person_id": about.person_id, "device_id": about.device_id,
        "message": raising.message, "event_id": raising.event_id,
    }  # fmt: skip
    kept_back_there = turn.action is Action.MUTED and raising.maintenance is None
    return Decision(
        about.tenant_id,
        Subject.ALERT,
        str(alert.alert_id),
        turn.action,
        rule=about.alert_type,
        reason=_reason(turn),
        made_at=raising.occurred_at,
        made_by=SOURCE if turn.action in SAID_BY_SOURCE or kept_back_there else PLATFORM,
        inputs={name: value for name, value in told.items() if value is not None},
    )


def _reason(turn: Turn) -> str:
    alert, raising = turn.alert, turn.raising
    said = f": {raising.message}" if raising.message else "."
    match turn.action:
        case Action.RAISED:
            return f"{raising.about.alert_type} was raised{said}"
        case Action.SEVERITY_RAISED:
            return f"{turn.before} has become {alert.severity}{said}"
        case Action.REOPENED:
            return f"It came back shortly after it was over{said}"
        case Action.MUTED:
            return f"Not told while muted: {raising.maintenance or KEPT_BACK}"
        case _:
            return f"Its source says {raising.status}{said}"
