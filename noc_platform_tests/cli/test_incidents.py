"""Incidents on the command line, as an operator uses them: processes."""

import json
import os
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from noc_platform.findings.vocabulary import Severity
from noc_platform.settings import Settings
from noc_platform.store.sessions import Database, Server
from noc_platform_tests.builders import put_operation
from noc_platform_tests.cli.test_serve import noc
from noc_platform_tests.correlation.operation import Operation, raised
from noc_platform_tests.correlation.stories_told import HOUR, MINUTE, NOON, unheard
from noc_platform_tests.findings.drafts import draft, recorded

MESSAGE = "no beat [/bold] for an hour\x1b[2J"


@pytest.fixture
def environment(settings: Settings, server: Server) -> dict[str, str]:
    return {**os.environ, "NOC_HOME": str(settings.home), "COLUMNS": "80"}


@pytest.fixture
def ids(database: Database, tenant: str) -> dict[str, str]:
    """Open incidents of a tenant by person: two at s0, one of which goes on past midnight in Athens; one at s1."""
    with database.transaction() as connection:
        put_operation(connection, tenant, people=5)
        operation = Operation(connection, tenant)
        late = NOON + 10 * HOUR
        operation.hears([unheard("p0"), unheard("p1"), unheard("p2", late), unheard("p3", site_id="s1")])
        operation.hears([unheard("p0", NOON + HOUR, silence_reason="the battery was at 3 %", silence="BATTERY_DEAD")])
        operation.is_told(
            [
                raised("p0", NOON - 30 * MINUTE, message=MESSAGE, severity="CRITICAL"),
                raised("p1", NOON - 20 * MINUTE),
                raised("p2", late - 5 * MINUTE, alert_type="GEOFENCE_BREACH", severity="MEDIUM"),
                raised("p3", NOON, site="s1"),
            ],
            late + HOUR,
        )
        operation.correlates(late + HOUR)
        recorded(
            connection,
            draft(
                tenant, site_id="s0", person_id="p0", severity=Severity.HIGH, seen_at=NOON, summary="Battery died at 11"
            ),
            draft(tenant, site_id="s0", person_id="p4", severity=Severity.HIGH, seen_at=NOON, summary="Somebody else"),
            draft(tenant, site_id="s0", person_id="p1", seen_at=NOON - 9 * HOUR, summary="Of the night before"),
        )
        return {each["person_id"]: str(each["incident_id"]) for each in operation.incidents()}


def asked(environment: dict[str, str], *arguments: str) -> Any:
    done = noc(*arguments, "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def told(environment: dict[str, str], *arguments: str) -> str:
    done = noc(*arguments, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_incidents_are_listed_worst_first_and_as_narrowly_as_asked(
    environment: dict[str, str], tenant: str, ids: dict[str, str]
) -> None:
    def listed(*narrowed: str) -> list[str]:
        return [each["person_id"] for each in asked(environment, "incidents", "--tenant", tenant, *narrowed)]

    assert listed()[0] == "p0"
    assert listed()[-1] == "p2"
    assert set(listed()) == {"p0", "p1", "p2", "p3"}
    assert listed("--at-least", "critical") == ["p0"]
    assert listed("--site", "s1") == listed("--person", "p3") == ["p3"]
    assert listed("--type", "pattern") == []
    assert listed("--limit", "1") == ["p0"]
    # All were detected months ago.
    assert listed("--hours", "1") == []
    shown = told(environment, "incidents", "--tenant", tenant)
    for word in ("Open: 4 TIME_ENTITY.", "CRITICAL", "2026-03-24 11:00-13:00 UTC", ids["p0"], "p0 at s0"):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "Open incidents: " in told(environment, "status")
    assert asked(environment, "status")["incidents"]["by_severity"]["CRITICAL"] >= 1


def test_an_incident_tells_its_story(environment: dict[str, str], tenant: str, ids: dict[str, str]) -> None:
    shown = told(environment, "explain", "incident", ids["p0"])
    assert max(map(len, shown.splitlines())) <= 80
    # What other systems write neither colours the screen nor moves the cursor.
    assert "\x1b" not in shown
    words = " ".join(shown.split())
    for word in (
        "p0 at s0: nothing comes from the phone; DEVICE_OFFLINE",
        "0.5 same person and site, 0.3 near in time, 0.2 both say the same",
        "by nobody yet",
        "11:30 13:30 p0 at s0: DEVICE_OFFLINE CRITICAL: no beat [/bold] for an hour [2J",
        "nothing comes from the phone (the battery was at 3 %)",
        "matches DEVICE_OFFLINE 11:30",
        "Battery died at 11",
        "What was decided",
        "CORRELATED by platform",
    ):
        assert word in words
    assert "Somebody else" not in shown
    late = told(environment, "explain", "incident", ids["p2"])
    assert "23:00-00:00+1" in late, "the clock of the site is a day ahead"
    assert "Battery died" not in late
    document = asked(environment, "explain", "incident", ids["p0"])
    assert set(document) == {"incident", "timeline", "ties", "findings", "decisions"}
    moments = [each["at"] for each in document["timeline"]]
    assert moments == sorted(moments)
    assert [each["evidence_summary"] for each in document["findings"]] == ["Battery died at 11"]
    assert "no beat [/bold] for an hour" in told(environment, "alerts", "--tenant", tenant)
    (alert,) = [each for each in asked(environment, "alerts", "--tenant", tenant) if each["person_id"] == "p0"]
    assert f"It belongs to incident {ids['p0']}" in told(environment, "explain", "alert", alert["alert_id"])


def test_an_operator_says_what_came_of_it(environment: dict[str, str], tenant: str, ids: dict[str, str]) -> None:
    at = (NOON + timedelta(days=1)).isoformat()

    def say(what: str, *arguments: str) -> str:
        said = told(environment, "incident", what, *arguments, "--by", "ana", "--why", "called them", "--at", at)
        assert "noc explain incident " in said
        return said

    say("acknowledge", ids["p1"])
    say("merge", ids["p1"], ids["p2"])
    new = say("split", ids["p1"], "--person", "p2").split("incident ")[1].split(".")[0]
    say("relate", ids["p1"], ids["p3"])
    say("investigate", ids["p1"], "--verdict", "false-positive", "--root-cause", "a drill")
    say("root-cause", ids["p3"], "the mast was down")
    shown = asked(environment, "incident", "show", ids["p1"])
    assert (shown["investigated"], shown["is_false_positive"]) == (True, True)
    assert shown["root_cause_description"] == "a drill"
    story = " ".join(told(environment, "explain", "incident", ids["p1"]).split())
    for word in (
        f"merged from {ids['p2']}", f"split into {new}", f"related to {ids['p3']}", "a false positive; called them",
        "root cause a drill", "acknowledged by ana",
    ):  # fmt: skip
        assert word in story
    assert f"part of {ids['p1']}" in " ".join(told(environment, "explain", "incident", ids["p2"]).split())
    assert "the mast was down" in told(environment, "incident", "show", ids["p3"])
    left = {each["incident_id"] for each in asked(environment, "incidents", "--tenant", tenant)}
    assert left == {ids["p0"], ids["p3"], new}
    every = {each["incident_id"] for each in asked(environment, "incidents", "--tenant", tenant, "--all")}
    assert every == {*left, ids["p1"]}


@pytest.mark.parametrize(
    "arguments",
    [
        ("incident", "show", str(uuid4())),
        ("incident", "acknowledge", "nothing", "--by", "ana", "--why", "x"),
        ("incident", "acknowledge", str(uuid4()), "--by", " ", "--why", "x"),
        ("incident", "investigate", str(uuid4()), "--by", "ana", "--why", "x", "--verdict", "maybe"),
        ("incident", "split", str(uuid4()), "--by", "ana", "--why", "x", "--after", "noon"),
        ("incident", "acknowledge", str(uuid4()), "--by", "ana", "--why", "x", "--at", "2999-01-01T00:00:00Z"),
        ("incidents", "--at-least", "awful"),
        ("incidents", "--type", "SOMETHING"),
        ("explain", "incident", str(uuid4())),
    ],
)
def test_what_cannot_be_is_one_clear_line(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = noc(*arguments, environment=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("noc: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("finding", "acknowledge"), ("finding", "false-positive"), ("alert", "resolve"), ("alert", "acknowledge"),
        ("incident", "investigate"),
    ],
)  # fmt: skip
def test_nothing_is_said_of_the_future(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    """It could not be taken back, and times to act would be made of it."""
    said = ("--by", "ana", "--why", "x", "--at", "2999-01-01T00:00:00Z")
    done = noc(*arguments, str(uuid4()), *said, environment=environment)
    assert done.returncode == 1
    assert "yet to come" in done.stderr
