"""Limits of the fraud rules: which holds where, within which bounds, and who said so."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from noc_platform.errors import BadInput, Conflict, NotFound
from noc_platform.fraud.limits import (
    DEFAULTS,
    NAMES,
    DetectorLimits,
    LimitsBook,
    Scope,
    Severity,
    change,
    checked,
    limits_book,
)
from noc_platform.journal.ledger import Said, Subject, trail
from noc_platform.store.sessions import Database, Server
from noc_platform.streams.catalogue import CLIENTS, SITES, TENANTS
from noc_platform_tests.builders import put
from noc_platform_tests.fraud.rule_evidence import events

NOW = datetime(2026, 3, 24, 12, tzinfo=UTC)
SPEED = "max_travel_speed_kmh"
BOUNDS = {
    "max_continuous_work_hours": (8, 24), "max_travel_speed_kmh": (50, 300), "concurrent_biometric_minutes": (1, 30),
}  # fmt: skip


def said(minutes: float = 0) -> Said:
    return Said("ana", "the ferry is slow", NOW + timedelta(minutes=minutes))


def place(database: Database, tenant: str) -> str:
    """A tenant with a client and two sites."""
    with database.transaction() as connection:
        put(connection, TENANTS, [{"tenant_id": tenant, "name": tenant}])
        put(connection, CLIENTS, [{"client_id": "c1", "name": "C"}], tenant)
        put(connection, SITES, [{"site_id": f"s{n}", "name": "S", "time_zone": "UTC"} for n in range(2)], tenant)
    return tenant


@pytest.fixture
def placed(database: Database, tenant: str) -> str:
    """A tenant of one test."""
    return place(database, tenant)


@pytest.fixture(scope="module")
def plainly_placed(server: Server) -> str:
    """A tenant of whom nothing is ever kept."""
    return place(server.pipeline, f"tenant-{uuid4().hex[:12]}")


def test_defaults_are_those_of_the_domain() -> None:
    assert DetectorLimits(
        max_continuous_work_hours=16, min_travel_minutes=0, max_travel_speed_kmh=150, unauthorized_access_severity=3,
        biometric_confidence_min=0.7, gps_accuracy_max_meters=100, geofence_violation_meters=200,
        concurrent_biometric_minutes=5,
    ) == DEFAULTS  # fmt: skip
    assert DEFAULTS.unauthorized_severity == Severity.CRITICAL


@pytest.mark.parametrize(("name", "bounds"), BOUNDS.items())
def test_what_is_out_of_its_bounds_is_refused(name: str, bounds: tuple[float, float]) -> None:
    for value in bounds:
        assert getattr(DetectorLimits(**{name: value}), name) == value
    for value in (bounds[0] - 0.01, bounds[1] + 0.01, float("nan"), float("inf")):
        with pytest.raises(BadInput, match=f"{name} must be {bounds[0]} to {bounds[1]}"):
            DetectorLimits(**{name: value})


def test_a_severity_is_kept_as_a_number_and_said_by_name() -> None:
    assert [checked("unauthorized_access_severity", each) for each in Severity] == [0, 1, 2, 3]
    assert DetectorLimits(unauthorized_access_severity=1).unauthorized_severity == Severity.MEDIUM
    for value in ("URGENT", 1.5, 4, float("nan")):
        with pytest.raises(BadInput, match="LOW"):
            checked("unauthorized_access_severity", value)
    with pytest.raises(BadInput, match="must be a number"):
        checked(SPEED, "HIGH")
    with pytest.raises(BadInput, match="there are max_continuous_work_hours"):
        checked("speed", 3)


def test_a_limit_holds_for_a_site_or_a_client() -> None:
    with pytest.raises(BadInput, match="name one of them"):
        Scope("t", "c1", "s1")


_VALUES = st.dictionaries(st.sampled_from(NAMES[:3]), st.sampled_from([50.0, 60.0, 8.0, 24.0, 16.0]), max_size=3)


@given(_VALUES, _VALUES, _VALUES, st.booleans(), st.booleans())
def test_site_before_client_before_tenant_before_default(
    tenant: dict[str, float], client: dict[str, float], site: dict[str, float], has_client: bool, has_site: bool
) -> None:
    def fit(values: dict[str, float]) -> dict[str, float]:
        return {name: value for name, value in values.items() if _fits(name, value)}

    tenant, client, site = fit(tenant), fit(client), fit(site)
    book = LimitsBook(
        {
            Scope("t"): tenant, Scope("t", client_id="c1"): client, Scope("t", site_id="s1"): site,
            Scope("u"): {SPEED: 51.0}, Scope("t", client_id="c2"): {SPEED: 52.0},
            Scope("t", site_id="c1"): {SPEED: 53.0}, Scope("t", client_id="s1"): {SPEED: 54.0},
        }
    )  # fmt: skip
    limits = book.of("t", "c1" if has_client else None, "s1" if has_site else None)
    for name in NAMES:
        expected = getattr(DEFAULTS, name)
        for holds, values in ((True, tenant), (has_client, client), (has_site, site)):
            expected = values.get(name, expected) if holds else expected
        assert getattr(limits, name) == expected


def _fits(name: str, value: float) -> bool:
    try:
        return checked(name, value) == value
    except BadInput:
        return False


def test_rows_get_the_limits_of_their_place_and_those_of_one_place_the_same() -> None:
    book = LimitsBook({Scope("t"): {SPEED: 60.0}, Scope("t", site_id="s1"): {SPEED: 70.0}})
    rows = events({}, {"site_id": None}, {"site_id": None, "client_id": None}, {"tenant_id": "u"}, {})
    limits = book.rows(rows)
    assert [each.max_travel_speed_kmh for each in limits] == [70, 60, 60, 150, 70]
    assert limits[0] is limits[4]
    assert LimitsBook({}).rows(rows) == [DEFAULTS] * 5
    assert book.rows(pa.Table.from_pylist([], schema=rows.schema)) == []


def test_what_somebody_sets_holds_from_then_on_and_the_ledger_says_who_and_why(database: Database, placed: str) -> None:
    with database.transaction() as connection:
        first = change(connection, Scope(placed, site_id="s1"), SPEED, 80, said())
        change(connection, Scope(placed, client_id="c1"), SPEED, 90, said(1))
        change(connection, Scope(placed), "unauthorized_access_severity", "HIGH", said(2))
        second = change(connection, Scope(placed, site_id="s1"), SPEED, 85, said(3))

        def speeds(minutes: float | None = None) -> list[float]:
            book = limits_book(connection, None if minutes is None else NOW + timedelta(minutes=minutes))
            places = ((None, "s1"), ("c1", "s1"), ("c1", "s0"), (None, "s0"))
            return [book.of(placed, *place).max_travel_speed_kmh for place in places]

        assert speeds() == speeds(3) == [85, 85, 90, 150]
        assert speeds(2.9) == [80, 80, 90, 150]
        assert speeds(-1) == [150] * 4
        assert limits_book(connection).of(placed, None, None).unauthorized_severity == Severity.HIGH
        entries = trail(connection, Subject.SITE, "s1", placed)
        of_client, of_tenant = trail(connection, Subject.TENANT, placed, placed)
    assert (first.before, second.before, second.value) == (None, 80, 85)
    assert [(each.action, each.rule, each.threshold, each.threshold_source) for each in entries] == [
        ("THRESHOLD_CHANGED", "fraud_limit", 80, "SITE"), ("THRESHOLD_CHANGED", "fraud_limit", 85, "SITE"),
    ]  # fmt: skip
    assert (entries[1].made_by, entries[1].reason, entries[1].inputs["before"]) == ("ana", "the ferry is slow", 80)
    assert (of_client.threshold_source, of_client.inputs["client_id"]) == ("CLIENT", "c1")
    assert (of_tenant.threshold_source, of_tenant.inputs["name"]) == ("TENANT", "unauthorized_access_severity")


def test_what_is_withdrawn_gives_way_to_what_is_above(database: Database, placed: str) -> None:
    with database.transaction() as connection:
        change(connection, Scope(placed), SPEED, 60, said())
        change(connection, Scope(placed, site_id="s1"), SPEED, 80, said(1))
        made = change(connection, Scope(placed, site_id="s1"), SPEED, None, said(2))
        assert (made.value, made.before) == (None, 80)
        assert limits_book(connection).of(placed, None, "s1").max_travel_speed_kmh == 60
        with pytest.raises(Conflict, match="Site s1 has no max_travel_speed_kmh of its own"):
            change(connection, Scope(placed, site_id="s1"), SPEED, None, said(3))
        with pytest.raises(Conflict, match="Site s0 has no"):
            change(connection, Scope(placed, site_id="s0"), SPEED, None, said(3))


def test_changes_of_one_moment_count_in_the_order_they_were_made(database: Database, placed: str) -> None:
    with database.transaction() as connection:
        for value in (80, 60, 80, 60, 90):
            change(connection, Scope(placed), SPEED, value, said())
        assert limits_book(connection, NOW).of(placed, None, None).max_travel_speed_kmh == 90
        with pytest.raises(Conflict, match="the latest counts"):
            change(connection, Scope(placed), SPEED, 70, said(-1))


@pytest.mark.parametrize(
    ("scope", "name", "value", "error", "match"),
    [
        ({}, SPEED, 301, BadInput, "50 to 300"), ({}, SPEED, float("nan"), BadInput, "50 to 300"),
        ({}, "speed", 100, BadInput, "there are"), ({}, "speed", None, BadInput, "there are"),
        ({"site_id": "s9"}, SPEED, 100, NotFound, "site s9"), ({"client_id": "s1"}, SPEED, 100, NotFound, "client s1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    database: Database, placed: str, scope: dict[str, Any], name: str, value: float | None, error: Any, match: str
) -> None:
    with database.transaction() as connection:
        with pytest.raises(error, match=match):
            change(connection, Scope(placed, **scope), name, value, said())
        assert limits_book(connection).of(placed, scope.get("client_id"), scope.get("site_id")) == DEFAULTS


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([(None, None), ("c1", None), (None, "s0"), (None, "s1")]),
            st.sampled_from(["max_travel_speed_kmh", "max_continuous_work_hours"]),
            st.sampled_from([None, 0.0, 0.5, 1.0]),
            st.sampled_from([0, 0, 1, 1440]),
        ),
        max_size=10,
    )
)
def test_what_is_in_force_is_what_a_plain_dictionary_says(
    server: Server, plainly_placed: str, steps: list[Any]
) -> None:
    tenant, at = plainly_placed, NOW
    plain: dict[tuple[tuple[str | None, str | None], str], float] = {}
    with server.pipeline.transaction() as connection:
        for scope, name, share, minutes in steps:
            at += timedelta(minutes=minutes)
            low, high = BOUNDS[name]
            value = None if share is None else low + share * (high - low)
            if value is None and (scope, name) not in plain:
                with pytest.raises(Conflict):
                    change(connection, Scope(tenant, *scope), name, value, Said("ana", "x", at))
                continue
            change(connection, Scope(tenant, *scope), name, value, Said("ana", "x", at))
            if value is None:
                del plain[scope, name]
            else:
                plain[scope, name] = value
        book = limits_book(connection)
        for client in (None, "c1"):
            for site in (None, "s0", "s1"):
                limits = book.of(tenant, client, site)
                for name in BOUNDS:
                    asked = [(None, site)] * bool(site) + [(client, None)] * bool(client) + [(None, None)]
                    held = [plain[scope, name] for scope in asked if (scope, name) in plain]
                    assert getattr(limits, name) == (held[0] if held else getattr(DEFAULTS, name))
        connection.rollback()


def test_changes_at_the_same_time_wait_for_each_other_and_none_is_lost(database: Database, placed: str) -> None:
    problems: list[Exception] = []
    ready = threading.Barrier(4)

    def set_to(value: float) -> None:
        try:
            with database.transaction() as connection:
                ready.wait(30)
                change(connection, Scope(placed), SPEED, value, said())
        except (DBAPIError, Conflict) as error:
            problems.append(error)

    threads = [threading.Thread(target=set_to, args=(100.0 + number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    with database.transaction() as connection:
        question = text("select value from noc_fraud_limit where tenant_id = :tenant order by number")
        values = list(connection.execute(question, {"tenant": placed}).scalars())
        entries = trail(connection, Subject.TENANT, placed, placed)
        assert limits_book(connection).of(placed, None, None).max_travel_speed_kmh == values[-1]
    assert sorted(values) == [100, 101, 102, 103]
    assert sorted((each.inputs["before"] or 0) for each in entries) == sorted([0, *values[:-1]])


def test_tenants_do_not_see_or_change_each_others_limits(server: Server, placed: str) -> None:
    with server.api.transaction(placed) as connection:
        change(connection, Scope(placed, site_id="s1"), SPEED, 80, said())
        assert limits_book(connection).of(placed, None, "s1").max_travel_speed_kmh == 80
    with server.api.transaction(f"{placed}-other") as connection:
        assert limits_book(connection).of(placed, None, "s1") == DEFAULTS
        with pytest.raises(NotFound):
            change(connection, Scope(placed, site_id="s1"), SPEED, 90, said(1))
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        server.api.transaction(f"{placed}-other") as connection,
    ):
        change(connection, Scope(placed), SPEED, 90, said(1))


@pytest.mark.parametrize(
    "statement", ["update noc_fraud_limit set value = 2", "delete from noc_fraud_limit", "truncate noc_fraud_limit"]
)
def test_nobody_rewrites_what_was_changed(server: Server, placed: str, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), server.api.transaction(placed) as connection:
        connection.execute(text(statement))


def test_what_was_written_by_hand_and_does_not_fit_is_said(database: Database, placed: str) -> None:
    statement = """insert into noc_fraud_limit (change_id, tenant_id, name, value, made_at, made_by, reason)
                   values (gen_random_uuid(), :tenant, :name, 900, now(), 'x', 'x')"""
    with database.transaction() as connection:
        connection.execute(text(statement), {"tenant": placed, "name": "of_a_later_version"})
        assert limits_book(connection).of(placed, None, None) == DEFAULTS
        connection.execute(text(statement), {"tenant": placed, "name": SPEED})
        with pytest.raises(BadInput, match="50 to 300"):
            limits_book(connection).of(placed, None, None)
        connection.rollback()
