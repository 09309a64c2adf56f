"""A claim, measured: ours against a peer in the same run, as a ratio. Medians of several rounds, taken in turn."""

import json
import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass
class Result:
    """One line of the table. `ratio` is ours over the peer's, or the other way round where more is better."""

    claim: str
    ours: str
    peer: str
    ratio: float
    wanted: str
    holds: bool
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def at_most(
        cls,
        claim: str,
        ours: str,
        peer: str,
        ratio: float,
        most: float,
        also: dict[str, bool] | None = None,
        details: dict[str, Any] | None = None,
    ) -> "Result":
        """Ours over the peer's, the less the better; `also` says what else must hold."""
        also = also or {}
        wanted = ", ".join([f"<= {most:g}", *also])
        return cls(claim, ours, peer, ratio, wanted, ratio <= most and all(also.values()), details or {})

    @classmethod
    def at_least(
        cls, claim: str, ours: str, peer: str, ratio: float, least: float, details: dict[str, Any] | None = None
    ) -> "Result":
        """How many times ours is as good as the peer's, the more the better."""
        return cls(claim, ours, peer, ratio, f">= {least:g}", ratio >= least, details or {})


@dataclass(frozen=True)
class Run:
    """What one run of a contender took: wall seconds, and the peak memory of its process in GiB."""

    seconds: float
    peak_gib: float


def in_own_process(prepare: Callable[..., Callable[[], None]], *arguments: Any) -> Run:
    """Run in a fresh process what `prepare` gives back; imports and connecting belong to it and are not timed."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_timed, args=(sender, prepare, arguments))
    process.start()
    sender.close()
    try:
        seconds, peak = receiver.recv()
    except EOFError as error:
        raise RuntimeError(f"{prepare.__name__} died") from error
    process.join()
    return Run(seconds, peak)


def _timed(sender: Any, prepare: Callable[..., Callable[[], None]], arguments: tuple[Any, ...]) -> None:
    work = prepare(*arguments)
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    sender.send((seconds, peak_gib()))


def peak_gib() -> float:
    """The most memory this process has held, in GiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would give the parent's peak where that is the larger: exec hands it down.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def in_turn(contenders: dict[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """Each contender once per round, so that a slow minute of the machine falls on all of them."""
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            runs[name].append(contender())
    return runs


def median_seconds(runs: list[Run]) -> float:
    """Median wall time."""
    return statistics.median(run.seconds for run in runs)


def p95(values: list[float]) -> float:
    """95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def keep(name: str, results: list[Result]) -> None:
    """Write results/<name>.json."""
    RESULTS.mkdir(exist_ok=True)
    document = {
        "machine": {"cores": multiprocessing.cpu_count(), "python": platform.python_version()},
        "results": [asdict(r) for r in results],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
