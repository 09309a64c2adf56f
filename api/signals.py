"""Questions about signals put to the database, and the answers as people and dashboards read them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.auth import Capability, Principal
from api.backend import Ready
from api.problems import Gone
from noc_platform.errors import NotFound
from noc_platform.telemetry.states import duty_of, site_states_of, states_of
from noc_platform.telemetry.vocabulary import Signal, Window

PERSON = """
    select p.name, p.site_id, s.name as site_name from noc_person p
    left join noc_site s on s.tenant_id = p.tenant_id and s.site_id = p.site_id
    where p.tenant_id = %(tenant)s and p.person_id = %(subject)s"""
# Where the person was due or punched in, which may open them to a viewer of those sites alone.
WHEREABOUTS = """
    select s.site_id, s.name from noc_site s where s.tenant_id = %(tenant)s and s.site_id in (
        select site_id from noc_shift
        where tenant_id = %(tenant)s and person_id = %(subject)s and starts_at < %(end)s and ends_at > %(start)s
          and is_cancelled is not true and received_at <= %(known_at)s
        union
        select site_id from noc_attendance_event
        where tenant_id = %(tenant)s and person_id = %(subject)s and received_at <= %(known_at)s
          and occurred_at >= %(start)s::timestamptz - interval '16 hours' and punched_in_at < %(end)s
          and coalesce(punched_out_at, punched_in_at + interval '16 hours') > %(start)s)"""
SITE = "select name from noc_site where tenant_id = %(tenant)s and site_id = %(subject)s"
LEFT = """
    select max(day) as last_day from noc_telemetry_day
    where tenant_id = %(tenant)s and dropped_at is not null
      and day between %(start)s::timestamptz::date and (%(end)s::timestamptz - interval '1 microsecond')::date"""
NOBODY_THERE = {
    "people_on_duty": 0,
    "people_reporting": 0,
    "tasks_due": 0,
    "checkpoints_due": 0,
    **dict.fromkeys(signal.value for signal in Signal),
}


@dataclass(frozen=True)
class Asked:
    """What is asked about a person or a site: the window, its length, what was known when, and when it is asked."""

    window: Window
    minutes: int
    known_at: datetime
    now: datetime


async def read_person(ready: Ready, viewer: Principal, person: str, asked: Asked) -> str:
    """Signals of a person as JSON. Raises `NotFound` for whoever the viewer may not see, known or not."""
    values = _values(viewer, person, asked)
    known, signals, whereabouts, left = await ready.reads.ask(
        viewer.tenant, [(question, values) for question in (PERSON, ready.person.sql, WHEREABOUTS, LEFT)]
    )
    sites = {row["site_id"]: row["name"] for row in whereabouts}
    if not known or not signals or not viewer.sees(known[0]["site_id"], *sites):
        raise NotFound(f"There is no person {person!r} here.")
    _refuse_what_left(left)
    row = signals[0]
    sites[known[0]["site_id"]] = known[0]["site_name"]
    site = row["site_id"] or known[0]["site_id"]
    data = {
        "person_id": person,
        "person_name": shown_name(known[0]["name"], viewer),
        "site_id": site,
        "site_name": sites.get(site),
        **_window(asked),
        "duty": duty_of(row),
        "signals": {signal.value: _number(row[signal]) for signal in Signal},
        "states": states_of(row),
    }
    return json.dumps(data, separators=(",", ":"))


async def read_site(ready: Ready, viewer: Principal, site: str, asked: Asked) -> str:
    """Signals of a site as JSON. Raises `NotFound` for a site the viewer may not see, known or not."""
    unknown = NotFound(f"There is no site {site!r} here.")
    if not viewer.sees(site):
        raise unknown
    values = _values(viewer, site, asked)
    known, who, left = await ready.reads.ask(
        viewer.tenant, [(question, values) for question in (SITE, ready.site.who.sql, LEFT)]
    )
    if not known:
        raise unknown
    _refuse_what_left(left)
    values["people"] = [row["person_id"] for row in who]
    signals = (await ready.reads.ask(viewer.tenant, [(ready.site.what.sql, values)]))[0]
    row = signals[0] if signals else NOBODY_THERE
    data = {
        "site_id": site,
        "site_name": known[0]["name"],
        "active_people_count": _number(row["people_on_duty"]),
        "reporting_people_count": _number(row["people_reporting"]),
        **_window(asked),
        "aggregated_signals": {signal.value: _number(row[signal]) for signal in Signal},
        "states": site_states_of(row),
    }
    return json.dumps(data, separators=(",", ":"))


def shown_name(name: str, viewer: Principal) -> str:
    """A name in full to those who may see it, else its initials."""
    return name if viewer.may(Capability.VIEW_PII) else " ".join(f"{word[0]}." for word in name.split())


def _values(viewer: Principal, subject: str, asked: Asked) -> dict[str, Any]:
    return {
        "tenant": viewer.tenant,
        "subject": subject,
        "start": asked.window.start,
        "end": asked.window.end,
        "known_at": asked.known_at,
    }


def _window(asked: Asked) -> dict[str, Any]:
    return {
        "window_minutes": asked.minutes,
        "window_start": asked.window.start.isoformat(),
        "window_end": asked.window.end.isoformat(),
        "known_at": asked.known_at.isoformat(),
        "collected_at": asked.now.isoformat(),
    }


def _refuse_what_left(left: list[dict[str, Any]]) -> None:
    if left[0]["last_day"] is not None:
        raise Gone(
            f"Raw telemetry up to {left[0]['last_day']} has left for the lake; activity_signals has it by the hour."
        )


def _number(value: Any) -> int | float | None:
    # PostgreSQL sums whole numbers to a numeric.
    if value is None or isinstance(value, float):
        return None if value is None else round(value, 3)
    return int(value)
