"""`noc backtest`: any series through the anomaly detector, as if it came in now."""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from noc_platform.errors import BadInput
from noc_platform.settings import load_settings

if TYPE_CHECKING:
    from noc_platform.baselines.online.detector import Judged
    from noc_platform.baselines.online.series import Series

COLUMNS = ("timestamp", "value", "anomaly_score", "is_anomaly", "expected", "threshold")
MOST_UNUSUAL = 10
# Nine tell 8 standard deviations from 8.1; more only makes files larger.
SCORE_DIGITS = 9


@dataclass(frozen=True)
class Summary:
    """What became of a series. `judged` points have a verdict; `learning` ones were only learned from, `absent` ones
    have no value. `sigmas` is the limit, in standard deviations; `most_unusual` the points with the highest scores."""

    points: int
    judged: int
    learning: int
    absent: int
    out_of_order: int
    anomalies: int
    sigmas: float
    most_unusual: list[dict[str, Any]]


def backtest(
    file: Annotated[
        Path, typer.Argument(help="CSV with the columns timestamp,value; also as .gz. UTC unless it says.")
    ],
    out: Annotated[Path | None, typer.Option(help="Where to write; standard output if not said.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The summary as one JSON object on standard output; rows only with --out.")
    ] = False,
) -> None:
    """Replay a series through the anomaly detector: each point is scored by those before it, and only then learned.

    Writes timestamp,value,anomaly_score,is_anomaly,expected,threshold for every row of the file, in its order. The
    score lies in [0, 1] and is 0.5 at three standard deviations; is_anomaly says whether it is above the threshold.
    Without a threshold there is no verdict: the detector is learning, or there is no value. A summary goes to standard
    error.
    """
    from noc_platform.baselines.online.detector import replay
    from noc_platform.baselines.online.series import read_series

    if out and out.exists() and out.samefile(file):
        raise BadInput(f"{out} is the file to read; write to another.")
    series = read_series(file)
    order = np.argsort(series.seconds, kind="stable")
    judged = replay(series.seconds[order], series.values[order], load_settings().threshold_policy)
    summary = _summary(series, judged, order)
    if out:
        _write(out, series, judged, order)
    elif not as_json:
        _print(series, judged, order)
    if as_json:
        typer.echo(json.dumps(asdict(summary)))
    else:
        _report(summary, file)


def _rows(series: "Series", judged: "Judged", order: Any) -> Any:
    """The table to write, in the order of the file."""
    import pyarrow as pa

    def in_place(column: Any) -> Any:
        placed = np.empty_like(column)
        placed[order] = column
        return placed

    numbers = (
        np.round(in_place(judged.score), SCORE_DIGITS),
        in_place(judged.is_anomaly),
        pa.array(in_place(judged.expected), from_pandas=True),
        pa.array(in_place(judged.threshold), from_pandas=True),
    )
    return pa.table([series.timestamp, series.value, *numbers], names=list(COLUMNS))


def _csv(rows: Any, sink: Any) -> None:
    from pyarrow import csv

    # Arrow puts the names of columns in quotes.
    sink.write((",".join(COLUMNS) + "\n").encode())
    csv.write_csv(rows, sink, csv.WriteOptions(include_header=False, quoting_style="none"))


def _write(out: Path, series: "Series", judged: "Judged", order: Any) -> None:
    half = out.with_name(f".{out.name}.part")
    try:
        with half.open("wb") as sink:
            _csv(_rows(series, judged, order), sink)
        half.replace(out)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise BadInput(f"{out} cannot be written: {error.strerror or error}") from error


def _print(series: "Series", judged: "Judged", order: Any) -> None:
    try:
        _csv(_rows(series, judged, order), sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Who reads has seen enough; the interpreter's own flush at the end must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _summary(series: "Series", judged: "Judged", order: Any) -> Summary:
    has_verdict = ~np.isnan(judged.threshold)
    absent = int(np.isnan(series.values).sum())
    highest = np.argsort(-judged.score, kind="stable")[:MOST_UNUSUAL]
    return Summary(
        points=len(order),
        judged=int(has_verdict.sum()),
        learning=judged.learning,
        absent=absent,
        out_of_order=int((np.diff(series.seconds) < 0).sum()),
        anomalies=int(judged.is_anomaly.sum()),
        sigmas=judged.sigmas,
        most_unusual=[
            {
                "timestamp": series.timestamp[int(order[place])].as_py(),
                "value": float(series.values[order[place]]),
                "expected": float(judged.expected[place]),
                "anomaly_score": round(float(judged.score[place]), SCORE_DIGITS),
            }
            for place in highest
            if has_verdict[place]
        ],
    )


def _report(summary: Summary, file: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True)
    said = [f"{summary.points:,} points", f"{summary.learning:,} to learn from", f"{summary.anomalies:,} anomalies"]
    if summary.absent:
        said.append(f"{summary.absent:,} without a value")
    if summary.out_of_order:
        said.append(f"{summary.out_of_order:,} steps back in time, put in order")
    limit = f"{summary.sigmas:g} standard deviations"
    console.print(f"{file}: {', '.join(said)}; the limit is {limit}", soft_wrap=True)
    if not summary.most_unusual:
        console.print("Too few values for a verdict on any.")
        return
    table = Table("most unusual", "value", "expected", "score")
    for point in summary.most_unusual:
        table.add_row(
            point["timestamp"], f"{point['value']:g}", f"{point['expected']:g}", f"{point['anomaly_score']:.4f}"
        )
    console.print(table)
