"""What is not raised because of the calendar: in maintenance what it is for, where a site is closed what is of work."""

from datetime import timedelta

from noc_platform.baselines.calendar import CalendarWindow, Site, calendar_of
from noc_platform.findings.lifecycle import Recorded, muted_by
from noc_platform.findings.vocabulary import Draft
from noc_platform.journal.ledger import Subject, trail
from noc_platform.store.sessions import Database
from noc_platform.streams.catalogue import CLOSURE, MAINTENANCE
from noc_platform.telemetry.vocabulary import Window
from noc_platform_tests.builders import NOW
from noc_platform_tests.findings.drafts import (
    SITE_TYPE,
    draft,
    of,
    recorded,
)


def test_defect_22_maintenance_mutes_its_site_and_types_whatever_rule_drafts(database: Database, tenant: str) -> None:
    window = CalendarWindow(
        tenant, "w1", MAINTENANCE, NOW - timedelta(hours=1), NOW + timedelta(hours=1), "s0",
        finding_types=frozenset({SITE_TYPE}), reason="new cameras",
    )  # fmt: skip
    sites = [Site(tenant, "s0", None, "Asia/Kolkata"), Site(tenant, "s1", None, "Asia/Kolkata")]
    calendar = calendar_of([window], sites, Window(NOW - timedelta(days=1), NOW + timedelta(days=1)))
    drafts = [
        draft(tenant),
        draft(tenant, 5),
        draft(tenant, site_id="s1"),
        draft(tenant, finding_type="CORRELATION_SILENT_SITE"),
        draft(tenant, 90, site_id="s0", summary="after the window"),
    ]
    with database.transaction() as connection:
        outcome = recorded(connection, *drafts[:4], muted=muted_by(calendar))
        assert outcome == Recorded(opened=2, suppressed=1)
        found = {(each.site_id, each.finding_type) for each in of(connection, tenant)}
        assert found == {("s1", SITE_TYPE), ("s0", "CORRELATION_SILENT_SITE")}
        recorded(connection, draft(tenant, 10), muted=muted_by(calendar))
        (entry,) = trail(connection, Subject.SITE, "s0", tenant)
        assert (entry.action, entry.rule) == ("SUPPRESSED", SITE_TYPE)
        assert "w1, new cameras" in entry.reason
        assert recorded(connection, drafts[4], muted=muted_by(calendar)).opened == 1


def test_where_a_site_is_closed_nobody_has_work_to_do(tenant: str) -> None:
    window = CalendarWindow(tenant, "w2", CLOSURE, NOW, NOW + timedelta(hours=8), "s0", reason="stocktaking")
    sites = [Site(tenant, "s0", None, "Asia/Kolkata"), Site(tenant, "s1", None, "Asia/Kolkata")]
    calendar = calendar_of([window], sites, Window(NOW - timedelta(days=1), NOW + timedelta(days=1)))
    why = muted_by(calendar)

    def of_guard(kind: str, minutes: float = 5, site: str = "s0") -> Draft:
        return draft(tenant, minutes, finding_type=kind, site_id=site, person_id="p0")

    assert why(of_guard("TOUR_OVERDUE")) == "closure w2, stocktaking"
    assert why(of_guard("LOW_TASK_COMPLETION")) == "closure w2, stocktaking"
    # A phone that fails there, or a guard who sleeps, is as bad as ever.
    assert why(of_guard("GUARD_INACTIVITY")) is None
    assert why(of_guard("DEVICE_OFFLINE")) is None
    assert why(of_guard("TOUR_OVERDUE", site="s1")) is None
    assert why(of_guard("TOUR_OVERDUE", minutes=60 * 9)) is None
