"""How alerts come to be. Numbers in names are those of domain.md §10."""

from noc_platform.correlation.alerts.intake import Taken
from noc_platform.store.sessions import Database
from noc_platform_tests.correlation.alerts.raised import after, decided, event, only, taken


def test_what_is_raised_again_is_one_alert_that_counts(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        assert taken(connection, tenant, event(0, message="a"), event(10, message="c"), event(5, message="b")) == Taken(
            events=3, opened=1
        )
        found = only(connection, tenant)
        assert (found.status, found.occurrence_count, found.message) == ("NEW", 3, "c")
        assert (found.first_seen_at, found.last_seen_at) == (after(0), after(10))
        assert found.escalates_at == after(30)
        assert decided(connection, found) == ["RAISED"]
        assert taken(connection, tenant) == Taken()
        assert only(connection, tenant) == found
        assert taken(connection, tenant, event(-5, severity="CRITICAL"), event(7)) == Taken(events=2)
        found = only(connection, tenant)
        assert (found.occurrence_count, found.severity, found.message) == (5, "CRITICAL", "c")
        assert (found.first_seen_at, found.last_seen_at, found.escalates_at) == (after(-5), after(10), after(10))
        assert decided(connection, found) == ["RAISED", "SEVERITY_RAISED"]
