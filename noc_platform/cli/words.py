"""Words of the command line: those people give, and those of others that are shown to them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from noc_platform.errors import BadInput

if TYPE_CHECKING:
    from noc_platform.journal.ledger import Said


def one_of(word: str, known: Iterable[str], what: str) -> str:
    """The word as it is known, however it is written. Raises `BadInput` naming those there are."""
    names = [str(name) for name in known]
    meant = word.upper().replace("-", "_")
    if meant not in names:
        raise BadInput(f"No {what} is called {word}; there are {', '.join(names)}.")
    return meant


def said_by(by: str, why: str, at: str | None) -> "Said":
    """Who says something, why, and when: now unless said. Raises `BadInput` for what is yet to come."""
    from noc_platform.journal.ledger import Said
    from noc_platform.streams.forms import instant_called

    now = datetime.now(UTC)
    moment = now if at is None else instant_called(at)
    if moment > now:
        raise BadInput(f"{at} is yet to come; say it as of now, or of a moment before.")
    return Said(by, why, moment)


def printable(told: str) -> str:
    """What others wrote, as one line that cannot move the cursor or colour the screen."""
    return " ".join("".join(each if each.isprintable() else " " for each in told).split())
