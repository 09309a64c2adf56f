"""Half a million points of a series through the anomaly detector, file to file.

Claims: `noc backtest`, a whole process from its start to its end, judges at least 50,000 points a second; and takes at
most five times as long as a rolling z-score in pandas, which is what one would write by hand, in a process as well.
Run: make bench only=backtest
"""

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.race import Result, Run, in_turn, median_seconds

POINTS = 500_000
ROUNDS = 5
LEAST_PER_SECOND = 50_000
NOC = [sys.executable, "-c", "from noc_platform.cli.main import main; main()"]
BY_HAND = """
import sys, pandas as pd
series = pd.read_csv(sys.argv[1], parse_dates=["timestamp"])
before = series["value"].shift().rolling(2016, min_periods=30)
z = (series["value"] - before.mean()).abs() / before.std()
series["anomaly_score"], series["is_anomaly"], series["expected"], series["threshold"] = z, z > 3, before.mean(), 3.0
series.to_csv(sys.argv[2], index=False)
"""
STEPS = {"five minutes": 300, "an hour": 3600}


def write_series(path: Path, step: int) -> None:
    """A daily season with noise that remembers, a row each `step` seconds."""
    rng = np.random.default_rng(1)
    seconds = 1_396_310_400 + step * np.arange(POINTS)
    values = 50 + 20 * np.sin(2 * np.pi * seconds / 86400) + np.cumsum(rng.normal(0, 0.05, POINTS))
    values = np.round(values + rng.normal(0, 2, POINTS), 4)
    times = np.datetime_as_string(seconds.astype("datetime64[s]"))
    with path.open("w") as file:
        file.write("timestamp,value\n")
        file.writelines(f"{time},{value}\n" for time, value in zip(times.tolist(), values.tolist(), strict=True))


def process(*command: str) -> Run:
    """A process from its start to its end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return Run(time.perf_counter() - started, 0.0)


def claims() -> list[Result]:
    """Measure."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for name, step in STEPS.items():
            file, out = str(Path(folder) / f"{step}.csv"), str(Path(folder) / "out.csv")
            write_series(Path(file), step)
            runs = in_turn(
                {
                    "ours": partial(process, *NOC, "backtest", file, "--out", out),
                    "by hand": partial(process, sys.executable, "-c", BY_HAND, file, out),
                },
                ROUNDS,
            )
            seconds = {contender: median_seconds(those) for contender, those in runs.items()}
            per_second = POINTS / seconds["ours"]
            results.append(
                Result.at_most(
                    f"backtest of {POINTS:,} points, one each {name}",
                    f"{seconds['ours']:.2f} s, {per_second:,.0f} points/s",
                    f"rolling z-score in pandas {seconds['by hand']:.2f} s",
                    seconds["ours"] / seconds["by hand"],
                    5,
                    also={f"{LEAST_PER_SECOND:,} points/s": per_second >= LEAST_PER_SECOND},
                    details={"points": POINTS, "median_seconds": seconds, "rounds": ROUNDS},
                )
            )
    return results
