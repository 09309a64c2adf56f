"""The `noc` command as people run it: a process of its own, in an installation of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOC = str(Path(sys.executable).parent / "noc")


@dataclass(frozen=True)
class Noc:
    """An installation under `home`; the checkout's own is never touched."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NOC_", "DAGSTER_"))}
        return {**kept, "NOC_HOME": str(self.home), "NOC_MLFLOW_ARTIFACTS": str(self.home / "mlruns")}

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


def kill(process: "subprocess.Popen[bytes]", after: float) -> bool:
    """kill -9 after so many seconds; whether it was still at work."""
    time.sleep(after)
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return was_running
