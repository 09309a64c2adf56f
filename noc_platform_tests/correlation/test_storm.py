"""A storm: tens of thousands of alerts at one site within a minute cost what one batch costs, and match within bounds.

A million of them, timed: benchmarks/incidents.py.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from noc_platform.correlation.alerts.intake import take_in
from noc_platform.correlation.incidents import correlate, match
from noc_platform.settings import AlertPolicy
from noc_platform.telemetry.windows import keep, windows_table
from noc_platform_tests.builders import put_operation
from noc_platform_tests.correlation.operation import AFTER, NO_MAINTENANCE
from noc_platform_tests.correlation.stories_told import NOON, POLICY, Occurrence, occurrences, unheard

STORM = 50_000
GUARDS = 50
_RAISE = """
    insert into noc_alert_event (tenant_id, event_id, occurred_at, alert_type, severity, site_id, entity_type,
        entity_id, received_at)
    select :tenant, gen_random_uuid(), cast(:at as timestamptz) + number * interval '1 millisecond', 'DEVICE_OFFLINE',
           'HIGH', 's0', 'device', case when :different then 'd' || number else 'd' end, :at
    from generate_series(1, :storm) number
"""
_HELD = """select people_count, related_alerts_count from noc_correlated_incident
           where tenant_id = :tenant and merged_into is null"""


@pytest.mark.parametrize(("different", "alerts"), [(True, STORM), (False, 1)])
def test_a_storm_loses_nothing_and_stays_bounded(
    connection: Connection, tenant: str, different: bool, alerts: int
) -> None:
    put_operation(connection, tenant, people=GUARDS, sites=1)
    at = NOON - timedelta(minutes=30)
    connection.execute(text(_RAISE), {"tenant": tenant, "at": at, "different": different, "storm": STORM})

    taken = take_in(connection, AlertPolicy(), NO_MAINTENANCE, AFTER)

    assert (taken.events, taken.opened) == (STORM, alerts)
    counted = "select count(*), sum(occurrence_count) from noc_alert where tenant_id = :tenant"
    assert tuple(connection.execute(text(counted), {"tenant": tenant}).one()) == (alerts, STORM)

    keep(connection, [replace(unheard(f"p{number}"), tenant_id=tenant, site_id="s0") for number in range(GUARDS)])
    correlate(connection, POLICY, AFTER)

    kept = min(alerts, POLICY.most_a_minute)
    (held,) = connection.execute(text(_HELD), {"tenant": tenant}).all()
    assert tuple(held) == (GUARDS, kept)


@pytest.mark.parametrize(("different", "looked_at"), [(True, POLICY.most_a_minute), (False, 1)])
def test_a_storm_is_matched_with_each_window_so_many_times_a_minute(different: bool, looked_at: int) -> None:
    told = [unheard(f"p{number}", site_id="s0") for number in range(GUARDS)]
    at = NOON - timedelta(minutes=30)
    storm = [Occurrence(number, at, person=None, alert=None if different else 0) for number in range(STORM)]

    found = match(windows_table(told), occurrences(storm), POLICY)

    assert found.pairs.num_rows == GUARDS * looked_at
