"""Alerts on the command line, as an operator uses them: processes."""

import json
import os
from typing import Any

import pytest

from noc_platform.settings import Settings
from noc_platform.store.sessions import Database, Server
from noc_platform_tests.cli.test_serve import noc
from noc_platform_tests.correlation.alerts.raised import after, event, of, taken
from noc_platform_tests.correlation.alerts.test_muting import silent


@pytest.fixture
def environment(settings: Settings, server: Server) -> dict[str, str]:
    return {**os.environ, "NOC_HOME": str(settings.home), "COLUMNS": "160"}


def asked(environment: dict[str, str], *arguments: str) -> Any:
    done = noc(*arguments, "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_operator_looks_acts_and_asks_why(environment: dict[str, str], database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        taken(
            connection, tenant, event(0, message="No word for an hour"),
            event(1, alert_type="DEVICE_SPOOF", severity="CRITICAL", person_id="p1", site_id="s1"),
            event(2, alert_type="ATTENDANCE_MISSING", severity="LOW"),
            causes=(silent(tenant, children=frozenset({"ATTENDANCE_MISSING"})),),
        )  # fmt: skip
        ids = {row.alert_type: str(row.alert_id) for row in of(connection, tenant)}
    listed = asked(environment, "alerts", "--tenant", tenant)
    assert [each["alert_type"] for each in listed] == ["DEVICE_SPOOF", "DEVICE_OFFLINE"]
    assert len(asked(environment, "alerts", "--tenant", tenant, "--muted")) == 3
    assert len(asked(environment, "alerts", "--tenant", tenant, "--severity", "critical", "--person", "p1")) == 1
    assert len(asked(environment, "alerts", "--tenant", tenant, "--site", "s0", "--status", "new")) == 1
    offline = ids["DEVICE_OFFLINE"]
    for minute, what in enumerate(("acknowledge", "assign --to bo", "escalate --to cy", "resolve"), start=3):
        verb, *more = what.split()
        done = noc(
            "alert", verb, offline, *more, "--by", "ana", "--why", "called the site", "--at", after(minute).isoformat(),
            environment=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    shown = asked(environment, "alert", "show", offline)
    assert (shown["status"], shown["assigned_to"], shown["time_to_resolve"]) == ("RESOLVED", "bo", 360)
    actions = [entry["action"] for entry in asked(environment, "explain", "alert", offline)]
    assert actions == ["RAISED", "ACKNOWLEDGED", "ASSIGNED", "ESCALATED", "RESOLVED"]
    told = noc("alerts", "--tenant", tenant, "--status", "all", environment=environment).stdout
    assert "No word for an hour" in told
    again = noc("alert", "resolve", offline, "--by", "ana", "--why", "again", environment=environment)
    assert again.returncode == 1
    assert "What can be done" in again.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("alerts", "--severity", "worst"),
        ("alerts", "--status", "gone"),
        ("alert", "show", "nonsense"),
        ("explain", "alert", "nonsense"),
    ],
)
def test_what_does_not_exist_is_said_in_one_line(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = noc(*arguments, environment=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("noc: ")
