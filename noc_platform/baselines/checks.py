"""What must hold of baselines and of what they say, as asset checks."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from noc_platform.streams.expectations import Verdict as Found
from noc_platform.streams.expectations import validate

if TYPE_CHECKING:
    import pyarrow as pa

SOUND = "profiles_are_sound"
EXPLAINED = "every_verdict_says_why"


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
    return [_result(SOUND, "baseline_profiles", found.checked_rows, failures)]


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
    return [_result(EXPLAINED, "site_verdicts", rows.num_rows, failures)]


def _result(name: str, asset: str, rows: int, failures: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not failures,
        check_name=name,
        asset_key=dg.AssetKey(asset),
        metadata={
            "checked_rows": rows,
            "failures": dg.MetadataValue.md("\n".join(f"- {each}" for each in failures) or "none"),
        },
    )
