"""What must hold of baselines and of what they say, as asset checks."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import dagster as dg

from noc_platform.streams.expectations import Verdict as Found
from noc_platform.streams.expectations import validate
from noc_platform.telemetry.portrait import checked

if TYPE_CHECKING:
    import pyarrow as pa

    from noc_platform.baselines.changes import Change

SOUND = "profiles_are_sound"
EXPLAINED = "every_verdict_says_why"
COUNTED = "rates_are_counted_of_verdicts"
BOUNDED = "limits_are_bounded"
ACCOUNTED = "changes_are_accounted_for"
SCOPE = ("tenant_id", "site_id", "metric_type", "hour_of_week")
# Of a sum of hundredths.
SLACK = 1e-9


def profile_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of baseline profiles; what is wrong with them would be wrong with every verdict, so it blocks."""
    return [
        dg.AssetCheckSpec(
            SOUND,
            asset=asset,
            blocking=True,
            description="One profile per site, metric and hour of the week; what judges has a rate and a deviation.",
        )
    ]


def profile_checks(profiles: "pa.Table") -> list[dg.AssetCheckResult]:
    """Hold profiles against what a baseline is."""
    import pyarrow.compute as pc
    from great_expectations import expectations as gxe

    stable = profiles.filter(profiles["is_stable"])
    expected: list[Any] = [
        gxe.ExpectColumnValuesToBeBetween(column="std_dev", min_value=0, strict_min=True),
        gxe.ExpectColumnValuesToBeBetween(column="rate", min_value=0),
        gxe.ExpectColumnValuesToBeBetween(column="borrowed_share", min_value=0, max_value=1),
        gxe.ExpectColumnValuesToBeBetween(column="hour_of_week", min_value=0, max_value=167),
        *(gxe.ExpectColumnValuesToNotBeNull(column=name) for name in ("rate", "mean", "std_dev", "dispersion")),
    ]
    found = validate(stable, expected, "baseline_profiles") if stable.num_rows else Found(0, 0, ())
    key = ["tenant_id", "site_id", "metric_type"]
    weeks = profiles.group_by(key).aggregate([("hour_of_week", "count_distinct")])
    is_short = pc.not_equal(weeks["hour_of_week_count_distinct"], 168)
    failures = [*found.failures, *(["a week has not 168 hours"] if pc.any(is_short).as_py() else [])]
    return [checked("baseline_profiles", SOUND, found.checked_rows, failures)]


def verdict_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of verdicts."""
    return [
        dg.AssetCheckSpec(
            EXPLAINED,
            asset=asset,
            blocking=True,
            description="An anomaly names its limit, where that comes from, and lies beyond it; nothing else is one.",
        )
    ]


def verdict_checks(rows: "pa.Table") -> list[dg.AssetCheckResult]:
    """Hold verdicts against their own reasons."""
    import pyarrow.compute as pc

    anomalous = rows.filter(pc.equal(rows["verdict"], "ANOMALOUS"))
    failures = []
    if any(anomalous[name].null_count for name in ("threshold", "threshold_source", "evidence_z", "expected")):
        failures.append("an anomaly does not say by what it is one")
    if pc.any(pc.less_equal(pc.abs(anomalous["evidence_z"]), anomalous["threshold"])).as_py():
        failures.append("an anomaly lies within its limit")
    if rows["verdict"].null_count:
        failures.append("an hour has no verdict")
    return [checked("site_verdicts", EXPLAINED, rows.num_rows, failures)]


def rate_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of rates of false alarms."""
    return [
        dg.AssetCheckSpec(
            COUNTED,
            asset=asset,
            description="Rates lie from 0 to 1, one for each scope; nothing is guarded without a rate that says so.",
        )
    ]


def rate_checks(rates: "pa.Table") -> list[dg.AssetCheckResult]:
    """Hold rates (`verdicts.COUNTED_SCHEMA`) against what they are counted of."""
    import pyarrow.compute as pc
    from great_expectations import expectations as gxe

    expected: list[Any] = [
        gxe.ExpectColumnValuesToBeBetween(column="false_positive_rate", min_value=0, max_value=1),
        gxe.ExpectColumnValuesToBeBetween(column="adjudicated", min_value=1),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="adjudicated", column_B="false_positives", or_equal=True
        ),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=list(SCOPE), ignore_row_if="never"),
    ]  # fmt: skip
    failures = list(validate(rates, expected, "false_positive_rates").failures) if rates.num_rows else []
    is_baseless = pc.and_(rates["is_guarded"], pc.is_null(rates["false_positive_rate"]))
    failures += ["a limit is guarded for a rate nobody knows"] if pc.any(is_baseless).as_py() else []
    return [checked("false_positive_rates", COUNTED, rates.num_rows, failures)]


def limit_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """Checks of limits, and of how they were changed."""
    return [
        dg.AssetCheckSpec(
            BOUNDED, asset=asset, description="Every limit in force lies from 1.5 to 5.0 and is stated of 168 hours."
        ),
        dg.AssetCheckSpec(
            ACCOUNTED,
            asset=asset,
            description="Every change says who made it and why; tuning moves a limit once a week, by a step at most.",
        ),
    ]


def limit_checks(limits: "pa.Table", made: "list[Change]", step: float) -> list[dg.AssetCheckResult]:
    """Hold stated limits (`standing.STATED_SCHEMA`) and changes against the rules of tuning."""
    from great_expectations import expectations as gxe

    from noc_platform.baselines.thresholds import HIGHEST, LOWEST

    expected: list[Any] = [
        gxe.ExpectColumnValuesToBeBetween(column="dynamic_threshold", min_value=LOWEST, max_value=HIGHEST),
        gxe.ExpectColumnValuesToNotBeNull(column="dynamic_threshold"),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=list(SCOPE), ignore_row_if="never"),
    ]
    found = validate(limits, expected, "dynamic_thresholds") if limits.num_rows else Found(0, 0, ())
    tuned = [change for change in made if change.week is not None]
    weeks = Counter((change.scope, change.week) for change in tuned)
    unaccounted = [
        *(f"{scope.name}: changed {count} times in a week" for (scope, _), count in weeks.items() if count > 1),
        *(f"{change.scope.name}: nobody says why" for change in made if not change.reason.strip()),
        *(
            f"{change.scope.name}: from {change.before} to {change.value} at once"
            for change in tuned
            if change.before is not None
            if change.value is not None
            if abs(change.value - change.before) > step + SLACK
        ),
    ]  # fmt: skip
    return [
        checked("dynamic_thresholds", BOUNDED, limits.num_rows, list(found.failures)),
        checked("dynamic_thresholds", ACCOUNTED, len(made), unaccounted),
    ]
