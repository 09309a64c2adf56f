"""What each type of finding is filed under: said by a table, not guessed from words in a name."""

import pytest

from noc_platform.findings.vocabulary import KINDS, Category, Severity

DEVICE, OPERATIONAL, SECURITY = Category.DEVICE_HEALTH, Category.OPERATIONAL, Category.SECURITY
# domain.md §2.3.
TABLE = {
    "LOW_ACTIVITY": (DEVICE, Severity.HIGH),
    "LOW_LOCATION_UPDATES": (DEVICE, Severity.HIGH),
    "LOW_MOVEMENT": (OPERATIONAL, Severity.MEDIUM),
    "LOW_TASK_COMPLETION": (OPERATIONAL, Severity.MEDIUM),
    "LOW_TOUR_COVERAGE": (SECURITY, Severity.HIGH),
    "TOUR_OVERDUE": (SECURITY, Severity.HIGH),
    "CORRELATION_SILENT_SITE": (OPERATIONAL, Severity.CRITICAL),
    "CORRELATION_TOUR_ABANDONMENT": (SECURITY, Severity.HIGH),
    "CORRELATION_SLA_STORM": (OPERATIONAL, Severity.CRITICAL),
    "CORRELATION_PHANTOM_GUARD": (SECURITY, Severity.MEDIUM),
    "CORRELATION_DEVICE_GPS_FAILURE": (DEVICE, Severity.HIGH),
    "CORRELATION_DEVICE_PHONE_FAILURE": (DEVICE, Severity.HIGH),
    **{
        f"ANOMALY_{metric}_{direction}": (category, Severity.MEDIUM)
        for metric, category in (
            ("PHONE_EVENTS", DEVICE), ("LOCATION_UPDATES", DEVICE), ("MOVEMENT_DISTANCE", OPERATIONAL),
            ("TASKS_COMPLETED", OPERATIONAL), ("TOUR_CHECKPOINTS", SECURITY),
        )
        for direction in ("ABOVE", "BELOW")
    },
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_type_is_filed_as_the_table_says(name: str) -> None:
    """Looking for "SLA" or "PF" in a name files a slack or a PDF under a breach."""
    assert (KINDS[name].category, KINDS[name].severity) == TABLE[name]


def test_every_signal_that_is_low_has_a_type_of_its_own() -> None:
    """One type for all: a second low signal of a site would hide behind the first for as long as its ticket is open."""
    assert len([name for name in KINDS if name.startswith("LOW_")]) == 5
