"""What a finding shows: trails and logs cut to their newest rows, all of it in JSON's own types (defect 19).

Every rule's evidence comes through here on its way into a finding; collecting it is the rule's own.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from noc_platform.journal.documents import plain

# Rows of each that are kept (domain.md §2.5); each row says under `AT` when it was.
LONGEST = {"location_trail": 50, "task_log": 20, "tour_log": 10, "alerts": 10, "guard_status": 10}
AT = "at"
LONGEST_SUMMARY = 300


def tidied(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence as JSON has it; of each trail and log the newest rows, the newest first."""
    return {name: newest(value, LONGEST[name]) if name in LONGEST else plain(value) for name, value in evidence.items()}


def newest(rows: Iterable[Mapping[str, Any]], limit: int) -> list[dict[str, Any]]:
    """The last `limit` of rows that say when they were, the newest first; those that do not say come last."""
    # As text, instants in UTC are in order where they have as many digits; a fraction of a second is after its whole.
    written = [plain(row) for row in rows]
    return sorted(written, key=lambda row: str(row.get(AT) or "").replace("+00:00", ""), reverse=True)[:limit]


def one_line(summary: str) -> str:
    """A summary as one line of bounded length, for lists and messages (defect 18)."""
    line = str(plain(" ".join(summary.split())))
    return line if len(line) <= LONGEST_SUMMARY else f"{line[: LONGEST_SUMMARY - 1]}…"
