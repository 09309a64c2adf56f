"""Identities: made of what they stand for, so that what is made again is known again; and read as people write them."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from noc_platform.journal.documents import document

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def identity_at(moment: datetime, parts: Sequence[Any]) -> UUID:
    """The identity of what these parts name, the same whenever it is made.

    A UUID (version 8) led by the millisecond of the moment, so that rows of one time lie together in an index.
    """
    milliseconds = max((moment - EPOCH) // MILLISECOND, 0)
    digest = hashlib.blake2b(document(parts).encode(), digest_size=9).hexdigest()
    return UUID(f"{milliseconds:012x}8{digest[:3]}8{digest[3:]}")


def identity_called(text: str | UUID) -> UUID | None:
    """The identity written in a text; None where it is none."""
    try:
        return text if isinstance(text, UUID) else UUID(text)
    except ValueError:
        return None
