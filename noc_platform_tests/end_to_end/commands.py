"""The `noc` command as people run it: a process of its own, in an installation of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOC = str(Path(sys.executable).parent / "noc")


@dataclass(frozen=True)
class Noc:
    """An installation under `home`; the checkout's own is never touched."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NOC_", "DAGSTER_"))}
        ours = {"NOC_HOME": str(self.home), "NOC_MLFLOW_ARTIFACTS": str(self.home / "mlruns")}
        return {**kept, **ours, **self.settings}

    def run(self, *arguments: object, wanted: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [NOC, *map(str, arguments)], env=self.environment, capture_output=True, text=True, timeout=240, check=False
        )
        if wanted is not None:
            assert done.returncode == wanted, done.stdout + done.stderr
        return done

    def json(self, *arguments: object) -> Any:
        lines = self.run(*arguments, "--json").stdout.strip().splitlines()
        documents = [json.loads(line) for line in lines]
        return documents[0] if len(documents) == 1 else documents

    def start(self, *arguments: object) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [NOC, *map(str, arguments)],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def rows(self, stream: str) -> int:
        return int(self.json("status")["streams"][stream]["rows"])

    def token(self, tenant: str) -> str:
        return self.run("token", "--tenant", tenant, "--capability", "noc:view").stdout.strip()

    @contextmanager
    def served(self) -> Iterator[str]:
        """The API of this installation while the block lasts; gives its URL."""
        url = f"http://127.0.0.1:{free_port()}"
        process = self.start("serve", "--port", url.rpartition(":")[2])
        try:
            wait_for(f"{url}/readyz")
            yield url
        finally:
            process.terminate()
            process.wait(20)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(url: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} never answered")


def ask(url: str, token: str) -> tuple[int, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def kill(process: "subprocess.Popen[bytes]", after: float) -> bool:
    """kill -9 after so many seconds; whether it was still at work."""
    time.sleep(after)
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return was_running
