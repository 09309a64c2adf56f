"""What must hold of the open findings, as asset checks."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from noc_platform.findings.vocabulary import KINDS, Category, Severity
from noc_platform.streams.expectations import validate
from noc_platform.telemetry.portrait import checked

if TYPE_CHECKING:
    import pyarrow as pa

SOUND = "open_findings_are_sound"
# Kinds of failures of phones and feeds, which no finding that blames a person may rest on.
EXCUSED = ("DEVICE_DEAD", "NO_COVERAGE", "FEED_LATE", "SITE_SILENT", "CLOCK_WRONG")
BLAMING = ("GUARD_INACTIVITY", "CORRELATION_PHANTOM_GUARD")
EXCUSES = "no_failure_accuses_a_person"


def finding_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of findings."""
    return [
        dg.AssetCheckSpec(
            SOUND,
            asset=asset,
            description="Each has a known type, a summary, a runbook and a severity; one open for each thing.",
        ),
        dg.AssetCheckSpec(
            EXCUSES,
            asset=asset,
            description="Nobody is called inactive whose phone, coverage, site or feed has failed.",
        ),
    ]


def finding_checks(rows: "pa.Table") -> list[dg.AssetCheckResult]:
    """Hold open findings (`queries.OPEN_SCHEMA`) against what a finding is."""
    import pyarrow.compute as pc
    from great_expectations import expectations as gxe

    key = ["tenant_id", "site_id", "finding_type", "person_id"]
    expected: list[Any] = [
        gxe.ExpectColumnValuesToBeInSet(column="finding_type", value_set=list(KINDS)),
        gxe.ExpectColumnValuesToBeInSet(column="severity", value_set=[each.value for each in Severity]),
        gxe.ExpectColumnValuesToBeInSet(column="category", value_set=[each.value for each in Category]),
        gxe.ExpectColumnValueLengthsToBeBetween(column="evidence_summary", min_value=1, max_value=300),
        gxe.ExpectColumnValuesToMatchRegex(column="runbook", regex=r"\S"),
        gxe.ExpectColumnValuesToBeBetween(column="occurrence_count", min_value=1),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=key, ignore_row_if="never"),
    ]
    failures = list(validate(rows, expected, "audit_findings").failures) if rows.num_rows else []
    blamed = rows.filter(pc.is_in(rows["finding_type"], _any_of(BLAMING)))
    wrongly = blamed.filter(pc.is_in(blamed["silence"], _any_of(EXCUSED)))
    accused = [f"{row['person_id']}: {row['evidence_summary']}" for row in wrongly.to_pylist()]
    return [
        checked("audit_findings", SOUND, rows.num_rows, failures),
        checked("audit_findings", EXCUSES, blamed.num_rows, accused),
    ]


def _any_of(values: tuple[str, ...]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(values)
