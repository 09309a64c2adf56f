"""What is in force and what is known of false alarms: kept by the moment, restated, never brought back."""

from datetime import UTC, datetime, timedelta

from noc_platform.baselines.limits import set_manual
from noc_platform.baselines.profiles import learn_profiles
from noc_platform.baselines.standing import (
    STATED,
    rates_of,
    replace_rates,
    restate,
    stated,
)
from noc_platform.baselines.tables import baseline_profile
from noc_platform.journal.ledger import Subject, trail
from noc_platform.settings import BaselinePolicy
from noc_platform.store.copying import copy_in
from noc_platform.store.sessions import Database
from noc_platform_tests.baselines.changes import (
    HOUR,
    NOW,
    POLICY,
    after,
    rated,
    said,
    scope,
    told,
)
from noc_platform_tests.baselines.operation import SUNDAY, history, sites

EVER = datetime.max.replace(tzinfo=UTC)
Key = tuple[str, int | None]


def test_defect_32_rates_are_replaced_together_and_expire(database: Database, profiled: str) -> None:
    """In the origin a baseline without alarms kept its last rate for ever."""
    weeks = [SUNDAY + timedelta(weeks=number) for number in range(4)]

    def known(as_of: datetime) -> dict[int | None, tuple[float, bool]]:
        return {
            row["hour_of_week"]: (row["false_positive_rate"], row["is_guarded"])
            for row in rates_of(connection, as_of).to_pylist()
            if row["tenant_id"] == profiled
        }

    with database.transaction() as connection:
        replace_rates(connection, rated(profiled, (HOUR, 0.9, True), (3, 0.1, False)), weeks[0])
        replace_rates(connection, rated(profiled, (HOUR, 0.6, True), (None, 0.2, False)), weeks[0])
        assert known(weeks[0] - timedelta(seconds=1)) == {}
        assert known(weeks[1]) == {HOUR: (0.6, True), None: (0.2, False)}
        restate(connection, POLICY, weeks[0])
        assert told(connection, profiled)["dynamic_threshold"] == 4.0
        for _ in range(2):
            replace_rates(connection, rated(profiled), weeks[1])
            assert known(weeks[1]) == known(weeks[2]) == {}
        assert known(weeks[0]) == {HOUR: (0.6, True), None: (0.2, False)}
        restate(connection, POLICY, weeks[1])
        assert told(connection, profiled)["dynamic_threshold"] == 3.0
        entries = trail(connection, Subject.THRESHOLD, scope(profiled).name, profiled)
        assert [(entry.rule, entry.threshold_source) for entry in entries] == [
            ("false alarms", "FP_GUARD"), ("false alarms", None),
        ]  # fmt: skip


def test_profiles_learned_anew_state_what_is_in_force(database: Database, profiled: str) -> None:
    with database.transaction() as connection:
        set_manual(connection, scope(profiled), 4.2, said(), POLICY)
        fresh = learn_profiles(history(3, 2, profiled), sites(2, profiled), SUNDAY, BaselinePolicy())
        rows = stated(connection, fresh, POLICY, after(60))
        connection.execute(baseline_profile.delete())
        copy_in(connection, baseline_profile.name, rows)
        assert rows.column_names[-len(STATED) :] == STATED
        profile = told(connection, profiled)
        assert (profile["dynamic_threshold"], profile["last_threshold_update"]) == (4.2, NOW)
        assert restate(connection, POLICY, after(61)) == 0


def test_what_is_counted_late_does_not_bring_back_how_things_were(database: Database, profiled: str) -> None:
    with database.transaction() as connection:
        set_manual(connection, scope(profiled), 4.2, said(), POLICY)
        replace_rates(connection, rated(profiled, (HOUR, 0.1, False)), SUNDAY)
        restate(connection, POLICY, SUNDAY)
        profile = told(connection, profiled)
    assert (profile["dynamic_threshold"], profile["last_threshold_update"]) == (4.2, NOW)
    assert profile["false_positive_rate"] == 0.1
