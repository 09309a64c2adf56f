"""The story of an incident as an operator reads it: what it is, who did what, one timeline with why each belongs.

Elsewhere: what belongs and why (`correlation.timeline`); the trail of decisions (`explain`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.table import Table
from rich.text import Text

from noc_platform.cli import incidents
from noc_platform.cli.words import printable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from noc_platform.correlation.queries import Incident, Tie
    from noc_platform.correlation.timeline import Moment
    from noc_platform.findings.queries import Finding

# How a story begins and how it ends say more than what lies between.
MOST_FIRST, MOST_LAST = 40, 20
MOST_FINDINGS = 10
SAME = {0.5: "same person and site", 0.4: "same person", 0.25: "same site"}
# A tie read from the one it is kept with, and from the other.
TIES = {
    "MERGED_FROM": ("merged from", "merged into"),
    "SPLIT_FROM": ("split from", "split into"),
    "FOLLOWS": ("follows", "followed by"),
    "REPEATS": ("repeats", "repeated by"),
    "RELATED": ("related to", "related to"),
}


@dataclass(frozen=True)
class Story:
    """An incident with what belongs to it, what it has to do with others, and what was found of the same at the time.
    `zone` is the clock of its site, None where nobody knows."""

    incident: "Incident"
    timeline: "list[Moment]"
    ties: "list[Tie]"
    findings: "list[Finding]"
    zone: ZoneInfo | None


def read(connection: "Connection", incident_id: str) -> Story:
    """The story of an incident. Raises `NotFound`."""
    from noc_platform.correlation.members import Members, members_of
    from noc_platform.correlation.queries import clock_of, incident_called, ties_of
    from noc_platform.correlation.timeline import timeline
    from noc_platform.findings.queries import beside

    found = incident_called(connection, incident_id)
    members = members_of(connection, [found.incident_id]).get(found.incident_id, Members())
    people = {each.person_id for each in members.signals} | ({found.person_id} - {None})
    sites = {each.site_id for each in members.signals} | {found.site_id}
    span = (found.started_at, found.ended_at)
    return Story(
        found,
        timeline(members.signals, members.alarms, timedelta(minutes=found.correlation_window_minutes)),
        ties_of(connection, found.incident_id),
        beside(connection, found.tenant_id, sorted(filter(None, people)), sorted(filter(None, sites)), span,
               MOST_FINDINGS),
        _zone(clock_of(connection, found.tenant_id, found.site_id)),
    )  # fmt: skip


def as_document(story: Story) -> dict[str, Any]:
    """A story as JSON has it, all of it."""
    from noc_platform.journal.documents import plain

    document: dict[str, Any] = {
        "incident": incidents.as_document(story.incident),
        **plain({name: [asdict(each) for each in getattr(story, name)] for name in ("timeline", "ties", "findings")}),
    }
    return document


def show(story: Story, console: Console) -> None:
    """Print a story, in 80 columns if there are no more."""
    _say_what(story, console)
    if story.ties:
        _head(console, "What it has to do with others")
        for tie in story.ties:
            _say_tie(story.incident, tie, console)
    if story.timeline:
        clock = f", and at the site ({story.zone.key})" if story.zone else ""
        _head(console, f"Signals and alerts in order of time, UTC{clock}")
        _say_timeline(story, console)
    if story.findings:
        _head(console, "Findings of the same people or site at the time")
        console.print(_findings(story.findings))


def _say_what(story: Story, console: Console) -> None:
    found = story.incident
    console.print(Text(printable(found.title), style="bold"))
    facts = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    facts.add_column(no_wrap=True, style="dim")
    facts.add_column(overflow="fold")
    for name, value in _facts(story):
        facts.add_row(name, Text(printable(value)))
    console.print(facts)


def _facts(story: Story) -> list[tuple[str, str]]:
    found = story.incident
    parts = found.score_parts
    entity = parts.get("entity", 0.0)
    score = f"{entity:g} {SAME.get(entity, 'the same')}, {parts.get('proximity', 0.0):g} near in time"
    if parts.get("consistency"):
        score += f", {parts['consistency']:g} both say the same"
    facts = [
        ("what", f"{found.correlation_type}, {found.combined_severity}, incident {found.incident_id}"),
        ("score", f"{found.correlation_score:.2f} by its best match: {score}"),
        ("who", found.person_id or f"{found.people_count} people"),
        ("where", f"{found.site_id or 'not at one site'}, tenant {found.tenant_id}"),
        ("when", f"{found.started_at:%Y-%m-%d %H:%M} to {_until(found)} UTC; detected {_minute(found.detected_at)}"),
        ("acknowledged", _done(found.acknowledged_by, found.acknowledged_at) or "by nobody yet"),
        ("investigated", _investigated(found)),
    ]
    if found.root_cause_identified:
        facts.append(("root cause", found.root_cause_description))
    if found.merged_into is not None:
        facts.append(("part of", f"{found.merged_into}: noc explain incident {found.merged_into}"))
    return facts


def _investigated(found: "Incident") -> str:
    done = _done(found.investigated_by, found.investigated_at)
    if done is None:
        return "by nobody yet"
    verdict = {True: "a false positive", False: "it was so", None: "nobody could tell"}[found.is_false_positive]
    return f"{done}: {verdict}" + (f"; {found.investigation_notes}" if found.investigation_notes else "")


def _done(by: str | None, at: datetime | None) -> str | None:
    return None if at is None else f"by {by}, {_minute(at)} UTC"


def _say_tie(found: "Incident", tie: "Tie", console: Console) -> None:
    is_ours = tie.incident_id == found.incident_id
    other = tie.other_id if is_ours else tie.incident_id
    line = Text("  ").append(f"{TIES[tie.kind][0 if is_ours else 1]} {other}", style="bold")
    console.print(line)
    console.print(Text(f"    {printable(tie.reason)} ({tie.made_by}, {_minute(tie.made_at)} UTC)"))


def _say_timeline(story: Story, console: Console) -> None:
    lines = story.timeline
    if len(lines) <= MOST_FIRST + MOST_LAST:
        console.print(_lines(lines, story.zone))
        return
    console.print(_lines(lines[:MOST_FIRST], story.zone))
    left = len(lines) - MOST_FIRST - MOST_LAST
    console.print(Text(f"  ... {left} more in between; --json has all of them ...", style="dim"))
    console.print(_lines(lines[-MOST_LAST:], story.zone))


def _lines(lines: "Sequence[Moment]", zone: ZoneInfo | None) -> Table:
    """Moments under the day they begin on (UTC)."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    if zone:
        table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    blank = [""] if zone else []
    day = None
    for line in lines:
        if line.at.date() != day:
            day = line.at.date()
            table.add_row(Text(f"{day:%a %d %b}", style="bold"), *blank, "")
        told = Text(f"{printable(line.who)}: {printable(line.what)}").append(f"\n{printable(line.why)}", style="dim")
        local = [_clock(line, zone)] if zone else []
        table.add_row(f"  {_clock(line)}", *local, told)
    return table


def _clock(line: "Moment", zone: ZoneInfo | None = None) -> str:
    """From when to when by a clock; +1 is the day after the one (UTC) the line stands under."""

    def told(at: datetime) -> str:
        there = at.astimezone(zone) if zone else at
        days = (there.date() - line.at.date()).days
        return f"{there:%H:%M}" + (f"{days:+d}" if days else "")

    return told(line.at) if line.until is None else f"{told(line.at)}-{told(line.until)}"


def _findings(found: "Sequence[Finding]") -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in found:
        who = " at ".join(part for part in (each.person_id, each.site_id) if part)
        seen = f"{_minute(each.first_seen_at)} to {_minute(each.last_seen_at)} UTC"
        said = Text(f"{each.finding_type}, {printable(who)}: {printable(each.evidence_summary)}")
        table.add_row(f"  {each.severity}", said.append(f"\n{seen}, {each.finding_id}", style="dim"))
    return table


def _head(console: Console, words: str) -> None:
    console.print()
    console.print(Text(words, style="bold underline"))


def _until(found: "Incident") -> str:
    is_same_day = found.started_at.date() == found.ended_at.date()
    return f"{found.ended_at:%H:%M}" if is_same_day else _minute(found.ended_at)


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
