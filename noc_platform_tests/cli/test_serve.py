"""`noc serve` and `noc token` as people run them: processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from noc_platform.settings import Settings
from noc_platform.store.sessions import Server
from noc_platform_tests.end_to_end.commands import free_port

NOC = [sys.executable, "-c", "from noc_platform.cli.main import main; main()"]


@pytest.fixture
def environment(settings: Settings, server: Server) -> dict[str, str]:
    return {**os.environ, "NOC_HOME": str(settings.home)}


@pytest.fixture
def served(environment: dict[str, str]) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    port = free_port()
    process = subprocess.Popen([*NOC, "serve", "--port", str(port)], env=environment)
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


def answering(url: str, within: float) -> httpx.Response:
    end = time.monotonic() + within
    while True:
        try:
            return httpx.get(url, timeout=within)
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def test_it_serves_until_told_to_stop(
    served: tuple[str, "subprocess.Popen[bytes]"], environment: dict[str, str]
) -> None:
    url, process = served
    assert answering(f"{url}/healthz", 20).status_code == 200
    assert answering(f"{url}/readyz", 60).status_code == 200
    token = noc("token", "--tenant", "nowhere", "--capability", "noc:view", environment=environment).stdout.strip()
    signals = f"{url}/api/v2/noc/telemetry/signals/p0/"
    assert httpx.get(signals, headers={"Authorization": f"Bearer {token}"}).status_code == 404
    assert httpx.get(signals).status_code == 401
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=10)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/healthz")


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--workers", "2"),
        ("token", "--tenant", "t", "--capability", "noc:everything"),
        ("token", "--tenant", "t", "--capability", "noc:view", "--ttl", "0"),
    ],
)
def test_what_cannot_work_is_one_clear_line(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = noc(*arguments, environment=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("noc: ")
    assert done.stderr.count("\n") == 1


def noc(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*NOC, *arguments], env=environment, capture_output=True, text=True, check=False)
