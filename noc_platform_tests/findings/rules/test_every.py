"""What all rules have in common: depths, moments with a zone, one say of one thing, evidence that can be stored."""

import json
from typing import Any

import pytest

from noc_platform.findings.facts.moment import Facts, Guard
from noc_platform.findings.rules.every import RULES
from noc_platform.findings.rules.look import Look
from noc_platform.findings.vocabulary import KINDS, Depth
from noc_platform.journal.documents import document
from noc_platform_tests.findings.rules.moments import (
    NIGHT,
    POLICY,
    TENANT,
    ago,
    elsewhere,
    facts,
    feeds,
    found,
    guard,
    silent,
    still,
    tour,
    types,
)

GHOSTLY: dict[str, Any] = {"scanned": 4, "median_gap_seconds": 5.0, "last_scan_at": ago(30), "is_ended": True}
EVERYTHING = facts(
    still("p0"), guard("p1", site_id="s1", median_lag_seconds=400.0, least_lag_seconds=400.0),
    guard("p2", site_id="s2", phone_events_count=9, location_updates_count=0), silent("p3", site_id="s3"),
    silent("p4", site_id="s3"), silent("p5", site_id="s2", battery_level=1.0), guard("p6", site_id="s6"), elsewhere(),
    tours=[tour("late", person_id="p6"), tour("ghostly", person_id="p6", **GHOSTLY)],
)  # fmt: skip


def test_each_deeper_audit_finds_what_the_shallower_does_and_more() -> None:
    found_at = [set(types(EVERYTHING, depth=depth)) for depth in Depth]
    assert found_at[0] == {"GUARD_INACTIVITY", "DEVICE_OFFLINE", "CORRELATION_SILENT_SITE"}
    assert found_at[0] < found_at[1] <= found_at[2]
    assert set(RULES.values()) <= set(Depth)


def test_a_moment_needs_a_zone() -> None:
    """A naive moment compared with an aware one raises somewhere inside; here it is refused, and said."""
    with pytest.raises(ValueError, match="zone"):
        Look(EVERYTHING, POLICY, NIGHT.replace(tzinfo=None))


def test_the_same_facts_find_the_same() -> None:
    """A rule that asks the wall clock finds something else each time."""
    assert found(EVERYTHING) == found(EVERYTHING)


def test_what_is_found_is_in_the_table_with_a_summary_and_evidence_that_can_be_stored() -> None:
    """A summary that is empty breaks whoever sends it; evidence with instants in it breaks whoever stores it."""
    for draft in found(EVERYTHING):
        assert draft.finding_type in KINDS
        assert "\n" not in draft.summary
        assert json.loads(document(draft.evidence))["window"]["end"]


def test_of_one_guard_asleep_it_is_not_said_as_well_that_no_work_gets_done() -> None:
    assert types(facts(still(tasks_waiting=2))) == ["GUARD_INACTIVITY"]


def test_nothing_known_finds_nothing() -> None:
    assert found(Facts()) == []
    bare = Guard(tenant_id=TENANT, person_id="p0")
    assert found(Facts(guards=(bare,))) == []


def test_what_is_wrong_with_one_site_leaves_the_others_audited() -> None:
    """A site without a zone, a guard without a site, a row of nothing: the audit of everybody would end at it."""
    odd = [
        still("nowhere", site_id=None, time_zone=None),
        still("marsian", site_id="m", time_zone="Mars/Olympus"),
        Guard(tenant_id=TENANT, person_id="blank"),
    ]
    # Whose night it is is not known of the first two; that they do not move is.
    assert types(facts(*odd, still("p0"))) == ["GUARD_INACTIVITY", "LOW_MOVEMENT", "LOW_MOVEMENT"]


def test_a_guard_without_a_site_is_found_all_the_same() -> None:
    (draft,) = found(facts(silent(site_id=None), elsewhere()))
    assert (draft.finding_type, draft.site_id) == ("DEVICE_OFFLINE", None)
    assert draft.summary.startswith("p0 without a site")


def test_what_is_not_a_number_is_not_known_and_nobody_is_found_for_it() -> None:
    row = {
        **_row(guard()),
        "duty_seconds": float("nan"),
        "battery_level": float("nan"),
        "median_lag_seconds": float("nan"),
    }
    assert found(Facts.of([row], [], [], [_row(feed) for feed in feeds()])) == []


def _row(of: Any) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__dataclass_fields__}


def test_tenants_do_not_meet() -> None:
    others = [
        Guard(**{**_row(each), "tenant_id": "other"})
        for each in (silent("p0", 60), silent("p1", 60), guard("p9", site_id="s9"))
    ]
    ours = [guard("p0"), guard("p1")]
    sites = {(draft.tenant_id, draft.site_id) for draft in found(facts(*ours, *others))}
    assert sites == {("other", "s0")}
