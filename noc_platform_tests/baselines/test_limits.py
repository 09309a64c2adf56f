"""Limits where they are kept: changed, looked up as of any moment, rolled back, and stated in the profiles."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from noc_platform.baselines.changes import Change, Kind, Scope
from noc_platform.baselines.limits import apply_proposals, reset, roll_back, set_manual, site_scope
from noc_platform.baselines.profiles import learn_profiles
from noc_platform.baselines.standing import (
    hold,
    limits_of,
    replace_rates,
    restate,
    stated,
)
from noc_platform.baselines.tables import baseline_profile
from noc_platform.errors import BadInput, Conflict, NotFound
from noc_platform.journal.ledger import Said, Subject, trail
from noc_platform.settings import BaselinePolicy
from noc_platform.store.copying import copy_in
from noc_platform.store.sessions import Database, Server
from noc_platform.streams.catalogue import SITES, TENANTS
from noc_platform_tests.baselines.changes import (
    HOUR,
    METRIC,
    NOW,
    POLICY,
    SITE,
    after,
    held,
    proposed,
    put_profiles,
    put_sites,
    rated,
    said,
    scope,
    told,
)
from noc_platform_tests.baselines.operation import SUNDAY, history, sites
from noc_platform_tests.builders import put

EVER = datetime.max.replace(tzinfo=UTC)
Key = tuple[str, int | None]


def test_a_limit_somebody_sets_is_in_force_from_then_on_and_says_who_and_why(database: Database, profiled: str) -> None:
    with database.transaction() as connection:
        change = set_manual(connection, scope(profiled), 4.2, said(), POLICY)
        assert held(connection, profiled, after(-1)) == {}
        assert held(connection, profiled, after(0)) == {(SITE, HOUR): (4.2, None)}
        (entry,) = trail(connection, Subject.THRESHOLD, f"{SITE}/{METRIC}/{HOUR}", profiled)
        profile = told(connection, profiled)
        other = told(connection, profiled, HOUR + 1)
    assert (change.value, change.before, change.made_by, change.kind) == (4.2, None, "ana", Kind.MANUAL)
    assert (entry.action, entry.made_by, entry.reason) == ("THRESHOLD_CHANGED", "ana", "too many at night")
    assert (entry.threshold, entry.threshold_source) == (4.2, "MANUAL")
    assert (profile["dynamic_threshold"], profile["last_threshold_update"]) == (4.2, NOW)
    assert (other["dynamic_threshold"], other["last_threshold_update"]) == (3.0, None)


def test_defect_27_a_limit_somebody_sets_counts_however_old_or_noisy_the_baseline(
    database: Database, tenant: str
) -> None:
    """In the origin the limit of a mature or noisy baseline was a constant, whatever was set or rolled back."""
    with database.transaction() as connection:
        put_sites(connection, tenant)
        put_profiles(connection, tenant, sample_count=150, is_stable=True)
        restate(connection, POLICY, NOW)
        assert told(connection, tenant)["dynamic_threshold"] == 2.5
        replace_rates(connection, rated(tenant, (None, 0.6, True)), NOW)
        change = set_manual(connection, scope(tenant), 3.7, said(1), POLICY)
        assert told(connection, tenant)["dynamic_threshold"] == 3.7
        roll_back(connection, change.change_id, said(2), POLICY)
        assert told(connection, tenant)["dynamic_threshold"] == 4.0
        connection.rollback()


def test_defect_26_a_noisy_mature_baseline_is_stated_at_the_conservative_limit(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        put_sites(connection, tenant)
        put_profiles(connection, tenant, sample_count=150, is_stable=True)
        replace_rates(connection, rated(tenant, (HOUR, 0.6, True)), NOW)
        assert restate(connection, POLICY, NOW) > 0
        noisy, quiet = told(connection, tenant), told(connection, tenant, HOUR + 1)
        assert restate(connection, POLICY, after(5)) == 0
        connection.rollback()
    assert (noisy["dynamic_threshold"], noisy["false_positive_rate"], noisy["last_threshold_update"]) == (4.0, 0.6, NOW)
    assert (quiet["dynamic_threshold"], quiet["false_positive_rate"]) == (2.5, 0.0)


def test_a_cell_that_is_learning_states_the_default_whatever_is_set(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        put_sites(connection, tenant)
        put_profiles(connection, tenant, is_stable=False, state="LEARNING")
        set_manual(connection, scope(tenant), 2.0, said(), POLICY)
        assert told(connection, tenant)["dynamic_threshold"] == 3.0
        connection.rollback()


def test_rolling_back_restores_what_was_and_can_be_rolled_back(database: Database, profiled: str) -> None:
    with database.transaction() as connection:
        first = set_manual(connection, scope(profiled), 4.0, said(0), POLICY)
        second = set_manual(connection, scope(profiled), 2.0, said(1), POLICY)
        undone = roll_back(connection, second.change_id, said(2, "ben", "that was too much"), POLICY)
        assert (undone.value, undone.before, undone.undoes) == (4.0, 2.0, second.change_id)
        assert held(connection, profiled, after(2)) == {(SITE, HOUR): (4.0, None)}
        assert told(connection, profiled)["dynamic_threshold"] == 4.0
        with pytest.raises(Conflict, match=f"rolled back already, by {undone.change_id}"):
            roll_back(connection, second.change_id, said(3), POLICY)
        with pytest.raises(Conflict, match=f"{undone.change_id} came after it.*Roll that one back first, or set"):
            roll_back(connection, first.change_id, said(3), POLICY)
        again = roll_back(connection, str(undone.change_id), said(4), POLICY)
        assert (again.value, again.before) == (2.0, 4.0)
        entries = trail(connection, Subject.THRESHOLD, scope(profiled).name, profiled)
    rolled = "THRESHOLD_ROLLED_BACK"
    assert [entry.action for entry in entries] == ["THRESHOLD_CHANGED", "THRESHOLD_CHANGED", rolled, rolled]


def test_back_to_automatic_gives_up_what_a_person_set_and_if_asked_what_was_learned(
    database: Database, profiled: str
) -> None:
    everywhere = scope(profiled, None)
    with database.transaction() as connection:
        apply_proposals(connection, proposed(profiled, (None, 3.6)), SUNDAY.date(), after(-60), POLICY)
        set_manual(connection, everywhere, 2.0, said(0), POLICY)
        with pytest.raises(Conflict, match=f"it is for {SITE}/{METRIC}"):
            reset(connection, scope(profiled), said(1), POLICY)
        (given_up,) = reset(connection, everywhere, said(1), POLICY)
        assert (given_up.kind, given_up.value, given_up.before) == (Kind.MANUAL, None, 2.0)
        assert held(connection, profiled, after(1)) == {(SITE, None): (None, 3.6)}
        assert told(connection, profiled)["dynamic_threshold"] == 3.6
        with pytest.raises(Conflict, match="Nothing is manual"):
            reset(connection, everywhere, said(2), POLICY)
        (forgotten,) = reset(connection, everywhere, said(2), POLICY, is_learned_too=True)
        assert (forgotten.kind, forgotten.before) == (Kind.LEARNED, 3.6)
        assert held(connection, profiled, after(2)) == {}
        assert told(connection, profiled)["dynamic_threshold"] == 3.0


def test_a_tuning_changes_a_cell_once_a_week_and_never_what_a_person_set(database: Database, profiled: str) -> None:
    week, sunday = SUNDAY.date(), SUNDAY + timedelta(hours=3)

    def applied(changes: list[tuple[int | None, float | None]], weeks: int = 0, minutes: float = 0) -> int:
        moment = sunday + timedelta(weeks=weeks, minutes=minutes)
        return apply_proposals(connection, proposed(profiled, *changes), week + timedelta(weeks=weeks), moment, POLICY)

    with database.transaction() as connection:
        set_manual(connection, scope(profiled), 2.0, Said("ana", "watch", SUNDAY), POLICY)
        assert applied([(HOUR, 3.4), (None, 3.2), (HOUR, 3.5)]) == 2, "a cell that is asked for twice"
        assert applied([(HOUR, 3.4), (None, 3.2)]) == 0
        assert applied([(HOUR, 3.9), (None, 3.9), (7, 3.9)], minutes=30) == 1, "the week has had its change"
        assert applied([(HOUR, 3.4), (None, 3.3)], weeks=1) == 1, "what is held already is no change"
        assert applied([(None, 4.4)], weeks=-1) == 0, "an older week comes too late"
        assert held(connection, profiled, sunday + timedelta(weeks=1)) == {
            (SITE, HOUR): (2.0, 3.4), (SITE, None): (None, 3.3), (SITE, 7): (None, 3.9),
        }  # fmt: skip
        assert told(connection, profiled)["dynamic_threshold"] == 2.0
        assert told(connection, profiled, 8)["dynamic_threshold"] == 3.3
        (_, entry) = trail(connection, Subject.THRESHOLD, scope(profiled).name, profiled)
        assert (entry.made_by, entry.rule, entry.threshold_source) == ("platform", "tuning", "LEARNED")
        assert entry.inputs["alarms"] == 3
        assert applied([(HOUR, None)], weeks=2) == 1
        assert held(connection, profiled, sunday + timedelta(weeks=2))[SITE, HOUR] == (2.0, None)


def test_what_a_person_rolled_back_the_same_week_does_not_come_again(database: Database, profiled: str) -> None:
    sunday = SUNDAY + timedelta(hours=3)
    with database.transaction() as connection:
        assert apply_proposals(connection, proposed(profiled, (HOUR, 4.4)), SUNDAY.date(), sunday, POLICY) == 1
        question = text("select change_id from noc_threshold_change where tenant_id = :tenant")
        (change,) = connection.execute(question, {"tenant": profiled}).scalars()
        roll_back(connection, change, said(0), POLICY)
        assert apply_proposals(connection, proposed(profiled, (HOUR, 4.4)), SUNDAY.date(), after(9), POLICY) == 0
        assert held(connection, profiled, after(9)) == {}


class Plain:
    """The same as a dictionary: what each kind of each scope holds, and a list of all that was done."""

    def __init__(self) -> None:
        self.done: list[tuple[datetime, tuple[int | None, Kind], float | None, float | None]] = []

    def change(self, at: datetime, hour: int | None, kind: Kind, value: float | None) -> None:
        self.done.append((at, (hour, kind), self.holds(hour, kind), value))

    def holds(self, hour: int | None, kind: Kind, as_of: datetime = EVER) -> float | None:
        value = None
        for at, key, _, after_it in self.done:
            if key == (hour, kind) and at <= as_of:
                value = after_it
        return value


LIMIT = st.sampled_from([1.5, 2.25, 3.0, 4.125, 5.0])
STEP = st.tuples(
    st.sampled_from(["set", "reset", "tune", "forget", "roll back"]),
    st.sampled_from([None, 5, 6]),
    LIMIT,
    # No time at all between two changes is what happens when a script makes them.
    st.sampled_from([0, 0, 1, 60 * 24 * 7]),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(STEP, max_size=12))
def test_what_is_in_force_at_any_moment_is_what_a_plain_list_says(server: Server, steps: list[Any]) -> None:
    tenant, plain, at = f"tenant-{uuid4().hex[:12]}", Plain(), NOW
    with server.pipeline.transaction() as connection:
        put_sites(connection, tenant)
        weeks: set[tuple[int | None, date]] = set()
        changes: list[Change] = []
        for action, hour, value, minutes in steps:
            at += timedelta(minutes=minutes)
            _do(connection, plain, changes, weeks, Scope(tenant, SITE, METRIC, hour), action, value, at)
        for moment in {NOW - timedelta(minutes=1), at, *(done[0] for done in plain.done)}:
            expected = {
                (SITE, hour): pair
                for hour in (None, 5, 6)
                if any(pair := tuple(plain.holds(hour, kind, moment) for kind in Kind))
            }
            assert held(connection, tenant, moment) == expected
        question = text("select before, value from noc_threshold_change where tenant_id = :tenant order by number")
        rows = connection.execute(question, {"tenant": tenant})
        assert [tuple(row) for row in rows] == [(before, value) for _, _, before, value in plain.done]
        connection.rollback()


def _do(
    connection: Connection,
    plain: Plain,
    changes: list[Change],
    weeks: set[tuple[int | None, date]],
    scope: Scope,
    action: str,
    value: float,
    at: datetime,
) -> None:
    words, hour = Said("ana", "x", at), scope.hour_of_week
    if action == "set":
        changes.append(set_manual(connection, scope, value, words, POLICY))
        plain.change(at, hour, Kind.MANUAL, value)
    elif action == "reset":
        if plain.holds(hour, Kind.MANUAL) is None:
            with pytest.raises(Conflict):
                reset(connection, scope, words, POLICY)
            return
        changes.extend(reset(connection, scope, words, POLICY))
        plain.change(at, hour, Kind.MANUAL, None)
    elif action == "roll back" and changes:
        change = changes[-1]
        changes.append(roll_back(connection, change.change_id, words, POLICY))
        plain.change(at, change.hour_of_week, change.kind, change.before)
    elif action in ("tune", "forget"):
        week = at.date() - timedelta(days=(at.weekday() + 1) % 7)
        asked = value if action == "tune" else None
        table = proposed(scope.tenant_id, (hour, asked))
        is_news = (hour, week) not in weeks and plain.holds(hour, Kind.LEARNED) != asked
        assert apply_proposals(connection, table, week, at, POLICY) == is_news
        assert apply_proposals(connection, table, week, at, POLICY) == 0
        if is_news:
            weeks.add((hour, week))
            plain.change(at, hour, Kind.LEARNED, asked)


def test_changes_of_one_moment_count_in_the_order_they_were_made(database: Database, profiled: str) -> None:
    with database.transaction() as connection:
        for value in (4.0, 2.0, 4.0, 2.0, 4.5):
            set_manual(connection, scope(profiled), value, said(), POLICY)
        assert held(connection, profiled, NOW) == {(SITE, HOUR): (4.5, None)}


def test_a_change_before_the_last_one_is_refused(database: Database, profiled: str) -> None:
    with database.transaction() as connection:
        set_manual(connection, scope(profiled), 4.0, said(10), POLICY)
        with pytest.raises(Conflict, match="the latest counts"):
            set_manual(connection, scope(profiled), 2.0, said(9), POLICY)


def test_changes_at_the_same_time_wait_for_each_other_and_none_is_lost(database: Database, profiled: str) -> None:
    problems: list[Exception] = []
    ready = threading.Barrier(4)

    def change(number: int) -> None:
        try:
            with database.transaction() as connection:
                ready.wait(30)
                set_manual(connection, scope(profiled), 2.0 + number / 10, said(5), POLICY)
        except (DBAPIError, Conflict) as error:
            problems.append(error)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    with database.transaction() as connection:
        question = text("select before, value from noc_threshold_change where tenant_id = :tenant order by number")
        rows = list(connection.execute(question, {"tenant": profiled}))
        assert [row.before for row in rows] == [None, *(row.value for row in rows[:-1])]
        assert {row.value for row in rows} == {2.0, 2.1, 2.2, 2.3}
        assert told(connection, profiled)["dynamic_threshold"] == rows[-1].value


def test_a_person_waits_while_the_platform_replaces_profiles_and_what_was_set_is_stated(
    database: Database, profiled: str
) -> None:
    problems: list[Exception] = []

    def change() -> None:
        try:
            with database.transaction() as connection:
                set_manual(connection, scope(profiled), 4.4, said(5), POLICY)
        except (DBAPIError, Conflict) as error:
            problems.append(error)

    person = threading.Thread(target=change)
    with database.transaction() as connection:
        hold(connection)
        fresh = learn_profiles(history(3, 2, profiled), sites(2, profiled), SUNDAY, BaselinePolicy())
        rows = stated(connection, fresh, POLICY, NOW)
        person.start()
        waits = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
        while person.is_alive() and not connection.execute(waits).scalar():
            pass
        connection.execute(baseline_profile.delete())
        copy_in(connection, baseline_profile.name, rows)
        assert told(connection, profiled)["dynamic_threshold"] == 3.0
    person.join()
    assert not problems
    with database.transaction() as connection:
        assert told(connection, profiled)["dynamic_threshold"] == 4.4


@pytest.mark.parametrize("value", [1.49, 5.01, -3.0, float("nan"), float("inf")])
def test_a_limit_out_of_bounds_is_refused(database: Database, profiled: str, value: float) -> None:
    with database.transaction() as connection:
        with pytest.raises(BadInput, match=r"1\.5 to 5\.0"):
            set_manual(connection, scope(profiled), value, said(), POLICY)
        with pytest.raises(BadInput, match=r"1\.5 to 5\.0"):
            apply_proposals(connection, proposed(profiled, (1, value)), SUNDAY.date(), SUNDAY, POLICY)


def test_what_there_is_not_is_said_with_what_there_is(database: Database, profiled: str) -> None:
    with database.transaction() as connection:
        with pytest.raises(NotFound, match="No site is called s9; there are s0, s1"):
            site_scope(connection, "s9", METRIC, tenant_id=profiled)
        with pytest.raises(NotFound, match="No site"):
            set_manual(connection, scope(profiled, site="s9"), 3.0, said(), POLICY)
        with pytest.raises(NotFound, match="there are none"):
            site_scope(connection, SITE, METRIC, tenant_id="nobody")
        with pytest.raises(BadInput, match="there are phone_events, location_updates"):
            site_scope(connection, SITE, "steps", tenant_id=profiled)
        for hour in (-1, 168):
            with pytest.raises(BadInput, match=r"0 \(Monday 00:00\) to 167"):
                site_scope(connection, SITE, METRIC, hour, profiled)
        for change in ("x", str(uuid4())):
            with pytest.raises(NotFound, match="noc threshold history"):
                roll_back(connection, change, said(), POLICY)


def test_a_site_that_two_tenants_have_needs_its_tenant_named(database: Database, profiled: str) -> None:
    other = f"{profiled}-other"
    with database.transaction() as connection:
        put(connection, TENANTS, [{"tenant_id": other, "name": other}])
        for tenant, site in ((other, f"only-{other}"), (other, f"both-{other}"), (profiled, f"both-{other}")):
            put(connection, SITES, [{"site_id": site, "name": "x", "time_zone": "UTC"}], tenant)
        assert site_scope(connection, f"only-{other}", METRIC).tenant_id == other
        with pytest.raises(BadInput, match=f"say which: {profiled}, {other}"):
            site_scope(connection, f"both-{other}", METRIC)
        assert site_scope(connection, f"both-{other}", METRIC, tenant_id=profiled).tenant_id == profiled


@pytest.mark.parametrize(
    ("by", "why", "at"),
    [(" ", "x", NOW), ("ana", "", NOW), ("Platform", "x", NOW), ("ana", "x", NOW.replace(tzinfo=None))],
)
def test_nobody_changes_a_limit_without_saying_who_why_and_when(by: str, why: str, at: datetime) -> None:
    with pytest.raises(BadInput):
        Said(by, why, at)


def test_tenants_do_not_see_or_change_each_others_limits(server: Server, profiled: str) -> None:
    other = f"{profiled}-other"
    with server.pipeline.transaction() as connection:
        put_sites(connection, other)
        put_profiles(connection, other)
        for tenant in (profiled, other):
            set_manual(connection, scope(tenant, 7), 4.0, said(), POLICY)
            replace_rates(connection, rated(tenant, (HOUR, 0.6, True)), SUNDAY)
    with server.api.transaction(profiled) as connection:
        assert set(limits_of(connection, after(9))["tenant_id"].to_pylist()) == {profiled}
        change = set_manual(connection, scope(profiled), 2.5, said(1), POLICY)
        assert told(connection, profiled)["dynamic_threshold"] == 2.5
        roll_back(connection, change.change_id, said(2), POLICY)
        with pytest.raises(NotFound):
            set_manual(connection, scope(other), 2.0, said(1), POLICY)
    with server.api.transaction(other) as connection:
        with pytest.raises(NotFound):
            roll_back(connection, change.change_id, said(3), POLICY)
        assert held(connection, other, after(9)) == {(SITE, 7): (4.0, None)}
    with server.api.transaction() as connection:
        assert limits_of(connection, after(9)).num_rows == 0


@pytest.mark.parametrize(
    "statement",
    [
        "update noc_threshold_change set value = 2",
        "delete from noc_threshold_change",
        "truncate noc_threshold_change",
        "delete from noc_false_positive_rate",
        "update noc_false_positive_rate set is_guarded = true",
        "insert into noc_false_positive_rate (tenant_id) values ('x')",
        "update noc_baseline_profile set rate = 1",
    ],
)
def test_nobody_rewrites_what_was_changed(server: Server, tenant: str, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), server.api.transaction(tenant) as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "told",
    [
        {"value": 1.2}, {"reason": " "}, {"kind": "FORCED"}, {"hour_of_week": 168}, {"week": "2026-03-01"},
        {"kind": "LEARNED", "week": "2026-03-02"},
    ],
)  # fmt: skip
def test_the_database_holds_to_the_rules_whoever_writes(
    database: Database, tenant: str, told: dict[str, object]
) -> None:
    row = {
        "change_id": uuid4(), "tenant_id": tenant, "site_id": SITE, "metric_type": METRIC, "hour_of_week": None,
        "kind": "MANUAL", "value": 3.0, "made_at": NOW, "made_by": "ana", "reason": "x", "week": None, **told,
    }  # fmt: skip
    names = ", ".join(row)
    statement = f"insert into noc_threshold_change ({names}, inputs) values (:{', :'.join(row)}, '{{}}')"
    with pytest.raises(DBAPIError, match="violates check"), database.transaction() as connection:
        connection.execute(text(statement), row)
