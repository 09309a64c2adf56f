"""Words of the command line: those people give, and those of others that are shown to them."""

from collections.abc import Iterable

from noc_platform.errors import BadInput


def one_of(word: str, known: Iterable[str], what: str) -> str:
    """The word as it is known, however it is written. Raises `BadInput` naming those there are."""
    names = [str(name) for name in known]
    meant = word.upper().replace("-", "_")
    if meant not in names:
        raise BadInput(f"No {what} is called {word}; there are {', '.join(names)}.")
    return meant


def printable(told: str) -> str:
    """What others wrote, as one line that cannot move the cursor or colour the screen."""
    return " ".join("".join(each if each.isprintable() else " " for each in told).split())
