"""`noc up` as a newcomer meets it: every page opens in a real browser, and Ctrl-C leaves nothing behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from noc_platform_tests.end_to_end.commands import Noc, free_port, wait_for

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CHECKOUT = Path(__file__).parents[2]
EVENTS = ("device_events", "location_updates", "jobneeds", "attendance_events", "alerts", "verdicts")
# A page shows what fits on it, so each group is opened by itself, as a list.
GROUPS = {
    "sources": (*EVENTS, "tenants", "clients", "sites", "people", "shifts", "tours_due", "calendar"),
    "telemetry": (*EVENTS, "telemetry_retention"),
    "signals": ("activity_signals", "site_activity_signals"),
    "baselines": ("baseline_profiles", "false_positive_rates", "dynamic_thresholds", "site_verdicts"),
    "findings": ("audit_findings",),
    "correlation": ("alerts", "correlated_incidents"),
}


@dataclass(frozen=True)
class Served:
    """A running `noc up`."""

    process: "subprocess.Popen[bytes]"
    dagster: str
    mlflow: str
    api: str
    home: Path
    files_before: list[Path]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    names = ("NOC_DAGSTER_PORT", "NOC_MLFLOW_PORT", "NOC_API_PORT")
    ports = {name: str(free_port()) for name in names}
    noc = Noc(tmp_path_factory.mktemp("up") / "home", ports)
    before = files_of_checkout()
    process = noc.start("up")
    dagster, mlflow, api = (f"http://127.0.0.1:{ports[name]}" for name in names)
    try:
        for page in (f"{dagster}/server_info", f"{mlflow}/health", f"{api}/readyz"):
            wait_for(page, 120)
        yield Served(process, dagster, mlflow, api, noc.home, before)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def files_of_checkout() -> list[Path]:
    made_by_tools = {"__pycache__", ".git", ".venv", ".noc", ".hypothesis", ".ruff_cache", ".mypy_cache"}
    found = []
    for folder, folders, names in os.walk(CHECKOUT):
        folders[:] = [name for name in folders if name not in made_by_tools]
        found += [Path(folder) / name for name in names]
    return sorted(found)


@pytest.fixture(scope="module")
def browser() -> Iterator["Chrome"]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if not driver or not chromium:
        pytest.skip("no Chromium: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1700,2100"):
        options.add_argument(argument)
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield chrome
    chrome.quit()


def shows(browser: "Chrome", page: str, *words: str) -> None:
    """Open a page and wait until it shows all these words."""
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

    def missing() -> set[str]:
        lines = browser.find_element(By.TAG_NAME, "body").text.split()
        return {word for word in words if word not in lines}

    browser.get(page)
    wait = WebDriverWait(browser, 60, ignored_exceptions=[StaleElementReferenceException])
    wait.until(lambda _: not missing(), f"{page} does not show all of {words}")


@pytest.mark.browser
@pytest.mark.parametrize("group", GROUPS)
def test_the_assets_of_every_group_are_loaded(browser: "Chrome", served: Served, group: str) -> None:
    shows(browser, f"{served.dagster}/locations/__repository__@noc_platform/asset-groups/{group}/list", *GROUPS[group])


@pytest.mark.browser
def test_mlflow_opens(browser: "Chrome", served: Served) -> None:
    shows(browser, f"{served.mlflow}/#/experiments", "MLflow", "Experiments")


def test_dagster_knows_what_runs_by_itself(served: Served) -> None:
    question = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
        schedules { name scheduleState { status } } sensors { name sensorState { status } } jobs { name } } } } }"""
    request = urllib.request.Request(
        f"{served.dagster}/graphql",
        json.dumps({"query": question}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        (repository,) = json.load(answer)["data"]["repositoriesOrError"]["nodes"]
    schedules = {item["name"]: item["scheduleState"]["status"] for item in repository["schedules"]}
    audits = {f"{depth}_audit_schedule" for depth in ("heartbeat", "comprehensive", "deep")}
    of_fraud = {"nightly_evidence", "weekly_training", "daily_watch", "daily_rings"}
    assert schedules == dict.fromkeys({"nightly_retention", "weekly_baselines", *audits, *of_fraud}, "RUNNING")
    sensors = {item["name"]: item["sensorState"]["status"] for item in repository["sensors"]}
    assert sensors["days_with_new_telemetry"] == "RUNNING"
    assert {"telemetry_pipeline", "retention"} <= {item["name"] for item in repository["jobs"]}


def test_everything_listens_on_loopback_alone(served: Served) -> None:
    outside = next((str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)), "")
    if not outside or outside.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    for page in (served.dagster, served.mlflow, served.api):
        with (
            pytest.raises(OSError, match="refused"),
            socket.create_connection((outside, int(page.rpartition(":")[2])), 2),
        ):
            pass


def test_ctrl_c_stops_everything_and_nothing_is_left_in_the_checkout(served: Served) -> None:
    os.kill(served.process.pid, signal.SIGINT)
    assert served.process.wait(30) == 0
    for page in (served.dagster, served.mlflow, served.api):
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(page, timeout=2)
    assert not (served.home / "postgres" / "postmaster.pid").exists()
    assert files_of_checkout() == served.files_before
