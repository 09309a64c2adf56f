"""What a sighting changes, without a database."""

from itertools import permutations
from uuid import uuid4

import pytest

from noc_platform.findings.sightings import Fate, Known, fate_of, sightings_of
from noc_platform.findings.vocabulary import Severity
from noc_platform_tests.findings.drafts import POLICY, after, draft

LOW, MEDIUM, HIGH = Severity.LOW, Severity.MEDIUM, Severity.HIGH
ONE = draft("t", 10, severity=MEDIUM)


def test_drafts_of_one_thing_are_one_sighting_in_any_order() -> None:
    drafts = [
        draft("t", 5, severity=HIGH, summary="worst"),
        draft("t", 9, severity=LOW, summary="last"),
        draft("t", 9, severity=LOW, summary="and last"),
        draft("t", 9, severity=LOW, summary="last", evidence={"more": 1}),
        draft("t", 1, site_id="s1"),
    ]
    found = [sightings_of(order) for order in permutations(drafts)]
    assert all(each == found[0] for each in found)
    sighting = found[0][0]
    assert (sighting.first_seen_at, sighting.last_seen_at, sighting.severity) == (after(5), after(9), HIGH)
    assert sighting.latest.summary == "last"
    assert {each.finding_id for each in found[0]} == {each.finding_id for each in found[-1]}


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        (Known(), Fate.OPENED),
        (Known(open_id=uuid4(), open_severity=MEDIUM, open_until=after(9)), Fate.REPEATED),
        (Known(open_id=uuid4(), open_severity=MEDIUM, open_until=after(10)), Fate.UNCHANGED),
        (Known(open_id=uuid4(), open_severity=MEDIUM, open_until=after(11)), Fate.UNCHANGED),
        (Known(open_id=uuid4(), open_severity=LOW, open_until=after(9)), Fate.RAISED),
        (Known(open_id=uuid4(), open_severity=LOW, open_until=after(10)), Fate.RAISED),
        (Known(open_id=uuid4(), open_severity=LOW, open_until=after(11)), Fate.UNCHANGED),
        (Known(told_until=after(9)), Fate.OPENED),
        (Known(told_until=after(10)), Fate.UNCHANGED),
        (Known(cleared_id=uuid4(), cleared_at=after(10 - 239)), Fate.QUIET),
        (Known(cleared_id=uuid4(), cleared_at=after(10 - 240)), Fate.OPENED),
        (Known(cleared_id=uuid4(), cleared_at=after(20)), Fate.QUIET),
        # History of long before the verdict is audited for what it was.
        (Known(cleared_id=uuid4(), cleared_at=after(10 + 240)), Fate.OPENED),
        (Known(settled_at=after(9)), Fate.OPENED),
        (Known(settled_at=after(10)), Fate.UNCHANGED),
        (Known(settled_at=after(10 + 239)), Fate.UNCHANGED),
        (Known(settled_at=after(10 + 240)), Fate.OPENED),
    ],
)
def test_what_is_known_decides(known: Known, wanted: Fate) -> None:
    (sighting,) = sightings_of([ONE])
    assert fate_of(sighting, known, POLICY) is wanted
