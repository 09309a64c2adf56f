"""Questions about signals put to the database, and the answers as people and dashboards read them."""

import json
from datetime import datetime
from typing import Any

from api.auth import Capability, Principal
from api.backend import Ready
from noc_platform.errors import NocError, NotFound
from noc_platform.telemetry.states import UNHEARD, duty_of, states_of
from noc_platform.telemetry.vocabulary import Signal, Window

PERSON = """select p.name, p.site_id, s.name as site_name from noc_person p
            left join noc_site s on s.tenant_id = p.tenant_id and s.site_id = p.site_id
            where p.tenant_id = %(tenant)s and p.person_id = %(subject)s"""
SITE = "select name from noc_site where tenant_id = %(tenant)s and site_id = %(subject)s"
SITE_NAME = "select name from noc_site where tenant_id = %(tenant)s and site_id = %(site)s"
LEFT = """select max(day) as last_day from noc_telemetry_day
          where tenant_id = %(tenant)s and day between %(start)s::date and %(end)s::date and dropped_at is not null"""


class LeftForTheLake(NocError):
    """The raw telemetry asked about is only in the lake by now."""

    status = 410


async def read_person(
    ready: Ready, viewer: Principal, person: str, window: Window, minutes: int, known_at: datetime
) -> bytes:
    """Signals of a person as JSON. Raises `NotFound` for whoever the viewer may not see, known or not."""
    values = ready.person.bind(viewer.tenant, person, window.start, window.end, known_at)
    known, signals, left = await ready.reads.ask(
        viewer.tenant, [(PERSON, values), (ready.person.sql, values), (LEFT, values)]
    )
    row = signals[0] if signals else {**UNHEARD, "is_on_duty": False}
    duty_site = row["site_id"]
    if not known or not viewer.sees(known[0]["site_id"], duty_site):
        raise NotFound(f"There is no person {person!r} here.")
    _refuse_what_left(left)
    home, home_name = known[0]["site_id"], known[0]["site_name"]
    site, site_name = (
        (home, home_name) if duty_site in (None, home) else (duty_site, await _site_name(ready, viewer, duty_site))
    )
    data = {
        "person_id": person,
        "person_name": shown_name(known[0]["name"], viewer),
        "site_id": site,
        "site_name": site_name,
        **_window(window, minutes),
        "duty": duty_of(row),
        "signals": {signal.value: _number(row[signal]) for signal in Signal},
        "states": {signal.value: state for signal, state in states_of(row).items()},
    }
    return json.dumps(data, separators=(",", ":")).encode()


async def read_site(
    ready: Ready, viewer: Principal, site: str, window: Window, minutes: int, known_at: datetime
) -> bytes:
    """Signals of a site as JSON. Raises `NotFound` for a site the viewer may not see, known or not."""
    if not viewer.sees(site):
        raise NotFound(f"There is no site {site!r} here.")
    values = ready.site.bind(viewer.tenant, site, window.start, window.end, known_at)
    known, signals, left = await ready.reads.ask(
        viewer.tenant, [(SITE, values), (ready.site.sql, values), (LEFT, values)]
    )
    if not known:
        raise NotFound(f"There is no site {site!r} here.")
    _refuse_what_left(left)
    row = (
        signals[0]
        if signals
        else {"people_on_duty": 0, "people_reporting": 0, **dict.fromkeys(s.value for s in Signal)}
    )
    data = {
        "site_id": site,
        "site_name": known[0]["name"],
        "active_people_count": _number(row["people_on_duty"]),
        "reporting_people_count": _number(row["people_reporting"]),
        **_window(window, minutes),
        "aggregated_signals": {signal.value: _number(row[signal]) for signal in Signal},
    }
    return json.dumps(data, separators=(",", ":")).encode()


def shown_name(name: str, viewer: Principal) -> str:
    """A name in full to those who may see it, else its initials."""
    return name if viewer.may(Capability.VIEW_PII) else " ".join(f"{word[0]}." for word in name.split())


def _window(window: Window, minutes: int) -> dict[str, Any]:
    return {
        "window_minutes": minutes,
        "window_start": window.start.isoformat(),
        "window_end": window.end.isoformat(),
        "collected_at": window.end.isoformat(),
    }


def _refuse_what_left(left: list[dict[str, Any]]) -> None:
    if left[0]["last_day"] is not None:
        raise LeftForTheLake(
            f"Raw telemetry up to {left[0]['last_day']} has left for the lake; activity_signals has it by the hour."
        )


async def _site_name(ready: Ready, viewer: Principal, site: str) -> str | None:
    rows = (await ready.reads.ask(viewer.tenant, [(SITE_NAME, {"tenant": viewer.tenant, "site": site})]))[0]
    return rows[0]["name"] if rows else None


def _number(value: Any) -> int | float | None:
    # PostgreSQL sums whole numbers to a numeric.
    if value is None or isinstance(value, float):
        return None if value is None else round(value, 3)
    return int(value)
