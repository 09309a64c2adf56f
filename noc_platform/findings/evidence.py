"""What a finding shows: trails and logs cut to their newest rows, the newest first (defect 19), and a summary line.

Every rule's evidence comes through here on its way into a finding; collecting it is the rule's own.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any

from noc_platform.journal.documents import plain

# Rows of each that are kept (domain.md §2.5); each row says under `AT` when it was.
LONGEST = {"location_trail": 50, "task_log": 20, "tour_log": 10, "alerts": 10, "guard_status": 10}
AT = "at"
LONGEST_SUMMARY = 300


def tidied(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence with the newest rows of each trail and log, the newest first."""
    return {name: newest(value, LONGEST[name]) if name in LONGEST else value for name, value in evidence.items()}


def newest(rows: Iterable[Mapping[str, Any]], limit: int) -> list[Mapping[str, Any]]:
    """The last `limit` of rows that say when they were, the newest first; those that do not say come last."""
    kept = list(rows)
    if all(isinstance(row.get(AT), datetime) for row in kept):
        return sorted(kept, key=itemgetter(AT), reverse=True)[:limit]
    return sorted(kept, key=_moment, reverse=True)[:limit]


def _moment(row: Mapping[str, Any]) -> str:
    # Rules may have written it as text already: an instant of UTC with a fraction of a second is after its whole.
    said = row.get(AT)
    return str(plain(said)).replace("+00:00", "") if said is not None else ""


def one_line(summary: str) -> str:
    """A summary as one line of bounded length, for lists and messages (defect 18)."""
    line = str(plain(" ".join(summary.split())))
    return line if len(line) <= LONGEST_SUMMARY else f"{line[: LONGEST_SUMMARY - 1]}…"
