"""Findings on the command line, as an operator uses them: processes."""

import json
import os
from typing import Any
from uuid import uuid4

import pytest

from noc_platform.findings.vocabulary import Severity
from noc_platform.settings import Settings
from noc_platform.store.sessions import Database, Server
from noc_platform_tests.builders import put_operation
from noc_platform_tests.cli.test_serve import noc
from noc_platform_tests.findings.drafts import CELL, SITE_TYPE, after, draft, of, recorded


@pytest.fixture
def environment(settings: Settings, server: Server) -> dict[str, str]:
    return {**os.environ, "NOC_HOME": str(settings.home), "COLUMNS": "120"}


@pytest.fixture
def ids(database: Database, tenant: str) -> dict[str | None, str]:
    """Open findings of a tenant at two sites, by site."""
    with database.transaction() as connection:
        put_operation(connection, tenant)
        recorded(
            connection,
            draft(tenant, judged=CELL, summary="No checkpoint where 4 are usual"),
            draft(tenant, 1, site_id="s1", severity=Severity.CRITICAL),
        )
        return {found.site_id: str(found.finding_id) for found in of(connection, tenant)}


def asked(environment: dict[str, str], *arguments: str) -> Any:
    done = noc(*arguments, "--json", environment=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_operator_looks_judges_and_asks_why(
    environment: dict[str, str], tenant: str, ids: dict[str | None, str]
) -> None:
    listed = asked(environment, "findings", "--tenant", tenant)
    assert [each["finding_id"] for each in listed] == [ids["s1"], ids["s0"]]
    worst = asked(environment, "findings", "--tenant", tenant, "--severity", "critical", "--type", SITE_TYPE.lower())
    assert [each["site_id"] for each in worst] == ["s1"]
    shown = asked(environment, "finding", "show", ids["s0"])
    assert shown["evidence_summary"] == "No checkpoint where 4 are usual"
    assert shown["threshold_source"] == "mature"

    def say(what: str, finding: str | None, at: float) -> None:
        done = noc(
            "finding", what, str(finding), "--by", "ana", "--why", "called the site", "--at", after(at).isoformat(),
            environment=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    say("acknowledge", ids["s0"], 3)
    say("false-positive", ids["s0"], 5)
    say("resolve", ids["s1"], 6)
    assert asked(environment, "findings", "--tenant", tenant) == []
    closed = asked(environment, "findings", "--tenant", tenant, "--status", "ALL")
    assert {each["site_id"]: each["is_false_positive"] for each in closed} == {"s0": True, "s1": False}
    entries = asked(environment, "explain", "finding", str(ids["s0"]))
    assert [entry["action"] for entry in entries] == ["RAISED", "ACKNOWLEDGED", "FALSE_POSITIVE"]
    told = noc("explain", "finding", str(ids["s0"]), environment=environment).stdout
    for word in ("No checkpoint where 4 are usual", SITE_TYPE, "2.5, mature", "-3.4", "ana", "called the site"):
        assert word in told
    shown_list = noc("findings", "--tenant", tenant, "--status", "all", environment=environment).stdout
    assert "No checkpoint where 4 are usual" in shown_list
    assert ids["s0"] in shown_list
    assert "Open findings:" in noc("status", environment=environment).stdout
    assert asked(environment, "status")["findings"]["by_status"]["FALSE_POSITIVE"] >= 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("finding", "show", str(uuid4())),
        ("finding", "resolve", "nothing", "--by", "ana", "--why", "x"),
        ("finding", "resolve", "nothing", "--by", "ana", "--why", "x", "--at", "yesterday"),
        ("finding", "acknowledge", str(uuid4()), "--by", " ", "--why", "x"),
        ("findings", "--type", "SOMETHING"),
        ("findings", "--status", "GONE"),
        ("explain", "finding", str(uuid4())),
        ("explain", "weather", "today"),
        ("explain", "site", "nowhere"),
    ],
)
def test_what_cannot_be_is_one_clear_line(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = noc(*arguments, environment=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("noc: ")
    assert done.stderr.count("\n") == 1
