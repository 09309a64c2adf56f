"""What must hold of telemetry in the lake and of the signals, as asset checks made from declarations and definitions.

A check that cannot read raises; it does not "fail".
"""

from typing import TYPE_CHECKING, Any

import dagster as dg

from noc_platform.streams.declaration import Stream
from noc_platform.streams.expectations import MOST_CHECKED_ROWS, Verdict, expectations_of, validate
from noc_platform.telemetry.vocabulary import Signal

if TYPE_CHECKING:
    import pyarrow as pa

    from noc_platform.lake.archive import Archived
    from noc_platform.lake.layout import Lake

DECLARED = "matches_its_declaration"
COUNTED = "rows_were_counted"
RULES = "keeps_the_rules_of_signals"
SUMS = "sums_to_its_people"
COULD_LEAVE = "quiet_days_could_leave"


def archive_specs(stream: Stream) -> list[dg.AssetCheckSpec]:
    """Checks of a stream's history; a wrong type or range would make every later step wrong, so it blocks."""
    asset = dg.AssetKey(["lake", stream.name])
    return [
        dg.AssetCheckSpec(
            DECLARED,
            asset=asset,
            blocking=True,
            description="Types, presence, ranges, vocabulary and identity, by Great Expectations.",
        ),
        dg.AssetCheckSpec(
            COUNTED, asset=asset, blocking=True, description="The files hold as many rows as were written."
        ),
    ]


def archive_checks(lake: "Lake", stream: Stream, done: "list[Archived]") -> list[dg.AssetCheckResult]:
    """Look at what was just written, newest first, up to a bounded number of rows."""
    import pyarrow as pa

    from noc_platform.lake.archive import dataset_of

    asset = dg.AssetKey(["lake", stream.name])
    partitions = [lake.partition(dataset_of(stream), item.tenant, item.day) for item in done]
    short = [p.path for p, item in zip(partitions, done, strict=True) if lake.count(p) != item.rows]
    tables, rows = [], 0
    for partition in sorted(partitions, key=lambda item: item.day, reverse=True):
        if rows >= MOST_CHECKED_ROWS:
            break
        tables.append(lake.read(partition))
        rows += tables[-1].num_rows
    verdict = validate(pa.concat_tables(tables), expectations_of(stream), stream.name) if rows else Verdict(0, 0, ())
    return [
        _result(verdict, DECLARED, asset),
        dg.AssetCheckResult(passed=not short, check_name=COUNTED, asset_key=asset, metadata={"short": len(short)}),
    ]


def person_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of the signals of people."""
    return [
        dg.AssetCheckSpec(
            RULES,
            asset=asset,
            blocking=True,
            description="One row per person and hour; nothing negative; no movement from fewer than two fixes.",
        )
    ]


def person_checks(rows: "pa.Table") -> list[dg.AssetCheckResult]:
    """Hold the signals of people against their definition."""
    import pyarrow.compute as pc
    from great_expectations import expectations as gxe

    expected: list[Any] = [gxe.ExpectColumnValuesToBeBetween(column=signal.value, min_value=0) for signal in Signal]
    expected += [
        gxe.ExpectColumnValuesToNotBeNull(column=name) for name in ("tenant_id", "person_id", "bucket", "is_reporting")
    ]
    expected.append(gxe.ExpectCompoundColumnsToBeUnique(column_list=["tenant_id", "person_id", "bucket"]))
    verdict = validate(rows, expected, "activity_signals") if rows.num_rows else Verdict(0, 0, ())
    moved = pc.and_(pc.is_valid(rows[Signal.MOVEMENT]), pc.less(rows["usable_fixes"], 2))
    if rows.num_rows and pc.any(moved).as_py():
        verdict = Verdict(
            verdict.checked_rows,
            verdict.expectations + 1,
            (*verdict.failures, "movement from fewer than two usable fixes"),
        )
    return [_result(verdict, RULES, dg.AssetKey("activity_signals"))]


def site_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of the signals of sites."""
    return [
        dg.AssetCheckSpec(
            SUMS,
            asset=asset,
            blocking=True,
            description="Events and fixes of sites add up to those of the guards on duty there.",
        )
    ]


def site_checks(rows: "pa.Table", people: "pa.Table") -> list[dg.AssetCheckResult]:
    """Sites against the people they are made of."""
    import pyarrow.compute as pc

    wrong = []
    if rows is not None and people is not None:
        on_duty = people.filter(pc.and_(pc.is_valid(people["site_id"]), pc.fill_null(people["is_on_duty"], True)))
        counted = (Signal.PHONE_EVENTS, Signal.LOCATION_UPDATES, Signal.TASKS, Signal.CHECKPOINTS)
        wrong = [signal for signal in counted if pc.sum(rows[signal]).as_py() != pc.sum(on_duty[signal]).as_py()]
    return [
        dg.AssetCheckResult(
            passed=not wrong,
            check_name=SUMS,
            asset_key=dg.AssetKey("site_activity_signals"),
            metadata={"wrong": ", ".join(wrong) or "none"},
        )
    ]


def retention_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of retention."""
    return [dg.AssetCheckSpec(COULD_LEAVE, asset=asset, description="No quiet day is stuck in PostgreSQL.")]


def _result(verdict: Verdict, name: str, asset: dg.AssetKey) -> dg.AssetCheckResult:
    failures = dg.MetadataValue.md("\n".join(f"- {failure}" for failure in verdict.failures) or "none")
    return dg.AssetCheckResult(
        passed=verdict.passed,
        check_name=name,
        asset_key=asset,
        metadata={"checked_rows": verdict.checked_rows, "expectations": verdict.expectations, "failures": failures},
    )
