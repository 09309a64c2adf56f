"""What arrives late or twice makes the incidents it would have made in order. More: test_incidents."""

from typing import Any
from uuid import UUID

from noc_platform_tests.builders import put_operation
from noc_platform_tests.correlation.operation import Operation, raised
from noc_platform_tests.correlation.stories_told import HOUR, MINUTE, NOON, unheard, window


def event(number: int) -> str:
    return str(UUID(int=number))


def test_of_a_minutes_repeats_the_worst_belongs_whichever_came_first(operation: Operation) -> None:
    at = NOON - 30 * MINUTE
    repeats = [
        raised("p0", at + second * MINUTE / 60, severity=severity, event_id=event(second))
        for second, severity in ((40, "HIGH"), (20, "CRITICAL"), (10, "LOW"), (30, "CRITICAL"))
    ]
    operation.hears([unheard("p0")])
    for each in repeats:
        operation.is_told([each])
        operation.correlates()
    together = Operation(operation.connection, f"{operation.tenant}-2")
    put_operation(operation.connection, together.tenant)
    together.hears([unheard("p0")])
    together.is_told(repeats)
    together.correlates()
    (row,) = operation.incidents()
    assert row["combined_severity"] == "CRITICAL"
    assert operation.told() == together.told()


def test_what_comes_between_two_windows_late_does_not_part_them(operation: Operation) -> None:
    told: dict[str, Any] = {"tasks_due": 2, "tasks_completed_count": 0}
    ends = [unheard("p0", NOON, **told), window("p0", NOON + 2 * HOUR, **told)]
    between = unheard("p0", NOON + HOUR, since=NOON + 50 * MINUTE, **told)
    alert = raised("p0", NOON - 30 * MINUTE, event_id=event(1))
    operation.hears(ends)
    operation.is_told([alert])
    operation.correlates()
    operation.hears([between])
    operation.correlates()
    together = Operation(operation.connection, f"{operation.tenant}-2")
    put_operation(operation.connection, together.tenant)
    together.hears([*ends, between])
    together.is_told([alert])
    together.correlates()
    assert operation.told() == together.told()
    assert [each["ended_at"] for each in together.incidents()] == [NOON + 2 * HOUR]
