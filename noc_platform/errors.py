"""Every error the platform raises on purpose, and what a face needs to know of it.

    NocError
    ├── BadInput               422  what was sent does not fit, and what would
    │   ├── UnreadableFile     422  the file as a whole cannot be read
    │   └── BadMapping         422  a mapping file asks for what is not there
    ├── NotFound               404  unknown, or another tenant's: never said which
    │   └── UnknownStream      404
    ├── Misconfigured          500  a setting, and how to mend it
    ├── Conflict               409  not in the state it is in
    ├── Busy                   409  transient: somebody else is at it
    └── Unavailable            503  transient: trying again may help

`status` is the HTTP status a route answers with; `transient` says whether a retry can help.
The message tells the person what to do.
"""

from typing import ClassVar


class NocError(Exception):
    """Root of every error raised on purpose."""

    status: ClassVar[int] = 500
    transient: ClassVar[bool] = False


class BadInput(NocError):
    """What was sent does not fit; the message says what would."""

    status = 422


class UnreadableFile(BadInput):
    """A file that cannot be read at all, so nothing of it went in."""


class BadMapping(BadInput):
    """A mapping file that asks for what is not there."""


class NotFound(NocError):
    """Unknown here, or belonging to somebody else; the two are never told apart."""

    status = 404


class UnknownStream(NotFound):
    """No such stream."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"No stream is called {name!r}; there are: {', '.join(sorted(known))}.")


class Misconfigured(NocError):
    """A setting that cannot work, and how to mend it."""


class Conflict(NocError):
    """What was asked cannot be done in the state things are in; the message says which state, and what can be done."""

    status = 409


class Busy(NocError):
    """Somebody else is at it, and only one may be."""

    status = 409
    transient = True


class Unavailable(NocError):
    """Something the platform needs does not answer just now."""

    status = 503
    transient = True
