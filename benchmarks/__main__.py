"""python -m benchmarks [NAME…]: measure the claims, print a table, keep the numbers in benchmarks/results/."""

import importlib
import sys

from rich.console import Console
from rich.table import Table

from benchmarks.race import Result, keep

ALL = ("signals", "ingest", "service", "backtest", "audit", "learning", "correlation", "fraud")


def main(names: list[str]) -> int:
    """Measure what is named, or everything; the exit code says whether every claim held."""
    results: list[Result] = []
    for name in names or ALL:
        found: list[Result] = importlib.import_module(f"benchmarks.{name}").claims()
        keep(name, found)
        results += found
    table = Table("claim", "ours", "peer", "ratio", "wanted", "holds")
    for result in results:
        table.add_row(
            result.claim,
            result.ours,
            result.peer,
            f"{result.ratio:.2f}",
            result.wanted,
            "yes" if result.holds else "NO",
        )
    Console(width=180).print(table)
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
