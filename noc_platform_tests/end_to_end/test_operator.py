"""An operator's week: audits find, people say it was nothing, Sunday's learning moves the limit, one call undoes it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from noc_platform_tests.end_to_end.commands import Noc

# The sample's last night is that of the last of March; it is talked of on Saturday, and learned from on Sunday.
SATURDAY, SUNDAY = (datetime(2026, 4, day, 3, tzinfo=UTC) for day in (4, 5))


@pytest.fixture(scope="module")
def noc(tmp_path_factory: pytest.TempPathFactory) -> Noc:
    """An installation that has seen the sample, and audited the last day of it."""
    here = Noc(tmp_path_factory.mktemp("noc") / "home")
    for command in ("setup", "sample", "run"):
        here.run(command)
    return here


def anomalies(noc: Noc) -> list[dict[str, Any]]:
    return [each for each in noc.json("findings", "--status", "all", "--limit", 500) if each["metric_type"]]


def limits(noc: Noc, finding: dict[str, Any]) -> dict[int, tuple[float, str]]:
    """Limit and source of each hour of the week of a finding's site and metric."""
    scope = ("--tenant", finding["tenant_id"], "--site", finding["site_id"], "--metric", finding["metric_type"])
    found = noc.json("thresholds", *scope, "--limit", 500)
    return {each["hour_of_week"]: (each["threshold"], each["source"]) for each in found if each["threshold"]}


def test_what_was_nothing_moves_the_limit_and_one_call_moves_it_back(noc: Noc) -> None:
    found = anomalies(noc)
    one = found[0]
    scope = ("--tenant", one["tenant_id"], "--site", one["site_id"], "--metric", one["metric_type"])
    before = limits(noc, one)
    assert set(before.values()) == {(3.0, "DEFAULT")}
    for each in found:
        if each["site_id"] == one["site_id"] and each["tenant_id"] == one["tenant_id"]:
            said = ("--by", "ana", "--why", "the guard was on a break", "--at", SATURDAY.isoformat())
            noc.run("finding", "false-positive", each["finding_id"], *said)
    tuned = noc.json("tune", "--as-of", SUNDAY.isoformat())
    assert tuned["runs"][0]["failed_checks"] == []
    assert tuned["runs"][0]["rows"]["dynamic_thresholds"] > 0
    after = limits(noc, one)
    assert {source for _, source in after.values()} == {"LEARNED"}
    assert all(3.0 < limit <= 3.5 for limit, _ in after.values())
    changed = next(each for each in noc.json("threshold", "history", *scope) if each["hour_of_week"] is None)
    assert (changed["made_by"], changed["kind"], changed["before"]) == ("platform", "LEARNED", None)
    assert "false" in changed["reason"]
    noc.run("threshold", "rollback", changed["change_id"], "--by", "ben", "--why", "the phone was at fault")
    back = limits(noc, one)
    assert (3.0, "DEFAULT") in back.values()
    newest = noc.json("threshold", "history", *scope)[0]
    assert (newest["made_by"], newest["undoes"]) == ("ben", changed["change_id"])
    explained = noc.run("explain", "threshold", f"{one['site_id']}/{one['metric_type']}").stdout
    assert "THRESHOLD_CHANGED" in explained
    assert "THRESHOLD_ROLLED_BACK" in explained


def test_tuning_twice_in_a_week_changes_nothing_more(noc: Noc) -> None:
    again = noc.json("tune", "--as-of", (SUNDAY + timedelta(days=1)).isoformat())
    assert again["runs"][0]["rows"]["dynamic_thresholds"] == 0


def test_an_audit_of_no_moment_is_refused_in_a_line(noc: Noc, tmp_path: Path) -> None:
    for moment in ("yesterday", "2026-03-30T06:00:00", "2026-13-01T00:00:00Z"):
        done = noc.run("audit", "--as-of", moment, wanted=1)
        assert done.stderr.startswith("noc: ")
        assert "write it as 2026-03-24T12:00:00+00:00" in done.stderr
    empty = Noc(tmp_path / "home")
    empty.run("setup")
    assert empty.json("audit")["audits"][0]["sites"] == 0
    assert empty.json("tune")["runs"][0]["success"]
