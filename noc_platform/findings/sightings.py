"""What an audit saw of a thing, and what that changes: a new finding, more of an open one, or nothing.

Pure. Drafts with one key are one sighting, whatever their order; `fate_of` answers from what is known of the key.
Elsewhere: reading what is known and writing what follows (`lifecycle`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from noc_platform.findings.vocabulary import Draft, Severity
from noc_platform.journal.documents import document
from noc_platform.journal.identities import identity_at
from noc_platform.settings import FindingPolicy

# Tenant, site, type, person: what makes two drafts the same thing.
Key = tuple[str, str | None, str, str | None]


@dataclass(frozen=True)
class Sighting:
    """One thing as one audit saw it: the latest of its drafts, the worst severity, from first to last. UTC."""

    latest: Draft
    severity: Severity
    first_seen_at: datetime

    @property
    def key(self) -> Key:
        """What makes it the same thing as another."""
        return key_of(self.latest)

    @property
    def last_seen_at(self) -> datetime:
        """When it was last seen."""
        return self.latest.seen_at

    @cached_property
    def finding_id(self) -> UUID:
        """Identity of the finding it would open, the same whenever it is recorded."""
        return identity_at(self.last_seen_at, [*self.key, self.last_seen_at])


def key_of(draft: Draft) -> Key:
    """What makes a draft the same thing as another."""
    return (draft.tenant_id, draft.site_id, draft.finding_type, draft.person_id)


def sightings_of(drafts: Iterable[Draft]) -> list[Sighting]:
    """The drafts of one audit, by key; the order they come in makes no difference.

    Raises ValueError for a draft whose moment has no zone (defect 22).
    """
    together: dict[Key, list[Draft]] = {}
    for draft in drafts:
        if draft.seen_at.tzinfo is None:
            raise ValueError(f"{draft.finding_type} was seen at {draft.seen_at}, which has no zone")
        together.setdefault(key_of(draft), []).append(draft)
    ordered = sorted(together, key=lambda key: tuple(part or "" for part in key))
    return [_sighting(together[key]) for key in ordered]


def _sighting(drafts: list[Draft]) -> Sighting:
    latest = drafts[0] if len(drafts) == 1 else max(drafts, key=_lateness)
    worst = max((draft.severity for draft in drafts), key=lambda severity: severity.rank)
    return Sighting(latest, worst, min(draft.seen_at for draft in drafts))


def _lateness(draft: Draft) -> tuple[datetime, int, str, str]:
    return draft.seen_at, draft.severity.rank, draft.summary, document(draft.evidence)


@dataclass(frozen=True)
class Known:
    """What is known of a key before a sighting. UTC.

    `told_until` is when the closed findings of the key were last seen; `settled_at` when a person first resolved one
    after the sighting; `cleared_at` when, nearest to the sighting, one was called a false positive, and `cleared_id`
    which.
    """

    open_id: UUID | None = None
    open_severity: Severity | None = None
    open_until: datetime | None = None
    told_until: datetime | None = None
    settled_at: datetime | None = None
    cleared_id: UUID | None = None
    cleared_at: datetime | None = None


class Fate(StrEnum):
    """What a sighting changes."""

    OPENED = "OPENED"
    REPEATED = "REPEATED"
    RAISED = "RAISED"
    QUIET = "QUIET"
    UNCHANGED = "UNCHANGED"


def fate_of(sighting: Sighting, known: Known, policy: FindingPolicy) -> Fate:
    """What a sighting changes, given what is known of its key. A sighting told before changes nothing."""
    if known.open_id is not None:
        return _fate_of_open(sighting, known)
    seen_at = sighting.last_seen_at
    if known.told_until is not None and seen_at <= known.told_until:
        return Fate.UNCHANGED
    # A person's word holds for what was on its way when it was given; not for old history that is audited later.
    quiet = sighting.latest.kind.memory or policy.quiet_after_false_positive
    if known.cleared_at is not None and abs(seen_at - known.cleared_at) < quiet:
        return Fate.QUIET
    if known.settled_at is not None and seen_at <= known.settled_at < seen_at + quiet:
        return Fate.UNCHANGED
    return Fate.OPENED


def _fate_of_open(sighting: Sighting, known: Known) -> Fate:
    if known.open_until is None or known.open_severity is None:
        raise ValueError("an open finding has a severity, and was seen")
    if sighting.last_seen_at < known.open_until:
        return Fate.UNCHANGED
    if sighting.severity.rank > known.open_severity.rank:
        return Fate.RAISED
    return Fate.REPEATED if sighting.last_seen_at > known.open_until else Fate.UNCHANGED
