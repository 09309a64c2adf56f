"""Site-hours against their baselines: how unusual each is, whether that is too far, and why there is no verdict.

Pure: tables in, a table out. A value is judged together with up to two hours before it, so that what lasts counts for
more than a fluke (defect 35); it is never part of what it is judged by, as profiles are learned from earlier hours
(defect 29).
"""

from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import ndtr

from noc_platform.baselines.clock_changes import by_the_clock_before
from noc_platform.baselines.distributions import Family, Spread, equivalent_z, zero_z
from noc_platform.baselines.metrics import METRICS, Direction, Metric
from noc_platform.baselines.profiles import INSTANT, SECONDS_AN_HOUR, SPECIAL_SCHEMA
from noc_platform.baselines.thresholds import SOURCES, Cells, thresholds_for
from noc_platform.settings import BaselinePolicy, ThresholdPolicy

Numbers = NDArray[Any]
CELL = ["tenant_id", "site_id", "metric_type", "hour_of_week"]
HOUR = ["tenant_id", "site_id", "bucket"]
HOUR_MICROSECONDS = 3_600_000_000
LASTING_HOURS = 3
# How far limits are moved, cell by cell or (hour_of_week null) for all hours of a site's metric.
LIMITS_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("site_id", pa.string()),
        ("metric_type", pa.string()),
        ("hour_of_week", pa.int64()),
        ("manual", pa.float64()),
        ("learned", pa.float64()),
    ]
)
RATES_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("site_id", pa.string()),
        ("metric_type", pa.string()),
        ("hour_of_week", pa.int64()),
        ("false_positive_rate", pa.float64()),
        ("is_guarded", pa.bool_()),
    ]
)
# Changes asked for from verdicts (`after` null: forget what was learned; `inputs` is JSON of what was seen).
PROPOSALS_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("site_id", pa.string()),
        ("metric_type", pa.string()),
        ("hour_of_week", pa.int64()),
        ("before", pa.float64()),
        ("after", pa.float64()),
        ("reason", pa.string()),
        ("inputs", pa.string()),
    ]
)


class Verdict(StrEnum):
    """What a baseline says of an hour. Only the first two are judgements; the others say why there is none."""

    ANOMALOUS = "ANOMALOUS"
    USUAL = "USUAL"
    LEARNING = "LEARNING"
    SPECIAL = "SPECIAL"
    NOTHING_DUE = "NOTHING_DUE"
    OFF_DUTY = "OFF_DUTY"
    UNHEARD = "UNHEARD"
    TOO_LITTLE = "TOO_LITTLE"
    UNKNOWN = "UNKNOWN"


VERDICTS = tuple(Verdict)
JUDGED_SCHEMA = pa.schema(
    [
        ("tenant_id", pa.string()),
        ("site_id", pa.string()),
        ("metric_type", pa.string()),
        ("bucket", INSTANT),
        ("hour_of_week", pa.int64()),
        ("value", pa.float64()),
        ("expected", pa.float64()),
        ("std_dev", pa.float64()),
        ("guard_hours", pa.float64()),
        ("z", pa.float64()),
        ("evidence_z", pa.float64()),
        ("evidence_hours", pa.int64()),
        ("tail_probability", pa.float64()),
        ("direction", pa.string()),
        ("threshold", pa.float64()),
        ("threshold_source", pa.string()),
        ("verdict", pa.string()),
        ("borrowed_share", pa.float64()),
    ]
)


def with_limits(profiles: pa.Table, limits: pa.Table, rates: pa.Table, policy: ThresholdPolicy) -> pa.Table:
    """Profiles with `threshold` and `threshold_source`: what is set, learned or known for a cell comes before what is
    for all hours of its site's metric."""
    held, known = told_of(profiles, limits), told_of(profiles, rates)
    cells = Cells(
        is_stable=_flags(profiles["is_stable"]),
        samples=_reals(profiles["sample_count"]),
        false_positive_rate=_reals(known["false_positive_rate"]),
        is_guarded=_flags(known["is_guarded"]),
        manual=_reals(held["manual"]),
        learned=_reals(held["learned"]),
    )
    sigmas, source = thresholds_for(cells, policy)
    named = pc.take(pa.array([each.value for each in SOURCES]), pa.array(source))
    return profiles.append_column("threshold", pa.array(sigmas, from_pandas=True)).append_column(
        "threshold_source", named
    )


def told_of(cells: pa.Table, told: pa.Table) -> pa.Table:
    """The columns of `told` beside `CELL`, one row for each of `cells` in their order: what is told of the cell itself,
    else of all hours of its site's metric (hour_of_week null)."""
    is_own = pc.is_valid(told["hour_of_week"])
    own, of_all = told.filter(is_own), told.filter(pc.invert(is_own)).drop(["hour_of_week"])
    places = cells.select(CELL).append_column("place", pa.array(np.arange(cells.num_rows)))
    found = [_joined(places, rows, key) for rows, key in ((own, CELL), (of_all, CELL[:3]))]
    columns = {name: pc.coalesce(*(each[name] for each in found)) for name in told.column_names if name not in CELL}
    return pa.table(columns)


def judge(hours: pa.Table, profiles: pa.Table, policy: BaselinePolicy, special: pa.Table | None = None) -> pa.Table:
    """What the baselines say of every site-hour and metric, as `JUDGED_SCHEMA`, in order of site, metric and hour.

    `hours` are rows of site signals with `LOCAL_TIME`; `profiles` have their limits (`with_limits`). A row whose hour
    of the week is not known, for want of a zone, is UNKNOWN.
    """
    days = SPECIAL_SCHEMA.empty_table() if special is None else special.select(HOUR)
    earlier = by_the_clock_before(hours)
    parts = [_of_metric(hours, earlier, profiles, metric, policy, days) for metric in METRICS]
    return pa.concat_tables(parts).sort_by([(name, "ascending") for name in ("tenant_id", "site_id", "metric_type",
                                                                             "bucket")])  # fmt: skip


def _of_metric(
    hours: pa.Table, earlier: pa.Table, profiles: pa.Table, metric: Metric, policy: BaselinePolicy, special: pa.Table
) -> pa.Table:
    joined = _beside(hours, profiles, metric, special)
    value, guards = _reals(joined[metric.signal.value]), _reals(joined[metric.exposure]) / SECONDS_AN_HOUR
    value = np.where(np.isfinite(value) & (value >= 0), value, np.nan)
    expected = _reals(joined["rate"]) * guards
    spread = Spread(metric.family, _reals(joined["dispersion"]), _reals(joined["unit"]))
    is_heard = guards >= policy.least_guard_hours
    is_judged = (_reals(joined["is_stable"]) == 1) & ~np.isnan(value) & is_heard
    is_judged &= np.isnan(_reals(joined["is_special"]))
    z = np.where(is_judged, _z(joined, value, expected, spread), np.nan)
    z = _by_either_clock(joined, z, _beside(earlier, profiles, metric, special), metric)
    evidence, lasting = _lasting(joined, z)
    threshold = _reals(joined["threshold"])
    is_anomalous = is_judged & too_far(evidence, threshold, metric)
    verdict = np.where(is_judged, np.where(is_anomalous, _place(Verdict.ANOMALOUS), _place(Verdict.USUAL)),
                       _why_not(joined, value, is_heard, metric))  # fmt: skip
    known = {
        "value": value, "expected": expected, "std_dev": np.sqrt(spread.variance(expected)), "guard_hours": guards,
        "z": z, "evidence_z": evidence, "evidence_hours": np.where(is_judged, lasting, 0),
        "tail_probability": rarity(evidence), "threshold": threshold,
        "borrowed_share": _reals(joined["borrowed_share"]),
    }  # fmt: skip
    columns: dict[str, Any] = {name: pa.array(values, from_pandas=True) for name, values in known.items()}
    columns |= {name: joined[name] for name in (*HOUR, "hour_of_week", "threshold_source")}
    columns["metric_type"] = pa.repeat(metric.name, joined.num_rows)
    sides = pc.if_else(pa.array(evidence < 0), Direction.BELOW.value, Direction.ABOVE.value)
    columns["direction"] = pc.if_else(pa.array(np.isnan(evidence)), pa.scalar(None, pa.string()), sides)
    columns["verdict"] = pc.take(pa.array([each.value for each in VERDICTS]), pa.array(verdict))
    return pa.table({field.name: columns[field.name] for field in JUDGED_SCHEMA}).cast(JUDGED_SCHEMA)


def _beside(hours: pa.Table, profiles: pa.Table, metric: Metric, special: pa.Table) -> pa.Table:
    """Each hour beside its cell of the metric, in order of site and hour; `is_special` where the day is."""
    told = hours.select([*HOUR, "hour_of_week", metric.signal.value, "people_on_duty", "people_reporting", "tasks_due",
                         "checkpoints_due", metric.exposure])  # fmt: skip
    own = profiles.filter(pc.equal(profiles["metric_type"], metric.name))
    days = special.append_column("is_special", pa.repeat(True, special.num_rows))
    joined = told.join(own, ["tenant_id", "site_id", "hour_of_week"]).join(days, HOUR)
    return joined.sort_by([(name, "ascending") for name in HOUR])


def too_far(evidence: Numbers, limit: Numbers | float, metric: Metric) -> Numbers:
    """Whether evidence lies beyond its limit, on a side that matters. No evidence (NaN) is never too far."""
    matters = np.where(evidence < 0, Direction.BELOW in metric.directions, Direction.ABOVE in metric.directions)
    return np.asarray(matters & (np.abs(evidence) > limit))


def rarity(z: Numbers) -> Numbers:
    """Probability of something as unusual as this z, on its side."""
    return np.asarray(ndtr(-np.abs(z)))


def _z(joined: pa.Table, value: Numbers, expected: Numbers, spread: Spread) -> Numbers:
    z = equivalent_z(value, expected, spread)
    if spread.family is Family.COUNT:
        of_zero = zero_z(expected, spread.dispersion, _reals(joined["zero_share"]), _reals(joined["zero_samples"]))
        z = np.where((value == 0) & ~np.isnan(of_zero), np.fmin(z, of_zero), z)
    return np.asarray(np.where(z < 0, z / _reals(joined["stretch_below"]), z / _reals(joined["stretch_above"])))


def _by_either_clock(joined: pa.Table, z: Numbers, earlier: pa.Table, metric: Metric) -> Numbers:
    """The z of each hour; right after a change of clocks the less unusual of that by the new clock and by the old."""
    if not earlier.num_rows:
        return z
    value, guards = _reals(earlier[metric.signal.value]), _reals(earlier[metric.exposure]) / SECONDS_AN_HOUR
    spread = Spread(metric.family, _reals(earlier["dispersion"]), _reals(earlier["unit"]))
    of_old = np.where(
        _reals(earlier["is_stable"]) == 1, _z(earlier, value, _reals(earlier["rate"]) * guards, spread), np.nan
    )
    told = earlier.select(HOUR).append_column("old", pa.array(of_old))
    places = joined.select(HOUR).append_column("place", pa.array(np.arange(joined.num_rows)))
    old = _reals(places.join(told, HOUR).sort_by("place")["old"])
    return np.asarray(np.where(np.abs(old) < np.abs(z), old, z))


def _lasting(joined: pa.Table, z: Numbers) -> tuple[Numbers, Numbers]:
    """Evidence of each hour with those right before it: the sum of z over so many hours, over their number's root;
    whichever number, up to `LASTING_HOURS`, says most. Rows are in order of site and hour."""
    site = pc.binary_join_element_wise(joined["tenant_id"], joined["site_id"], "/")
    place = np.asarray(site.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False))
    instant = pc.cast(joined["bucket"], pa.int64()).to_numpy()
    best, hours, total = z.copy(), np.ones(len(z), np.int64), z.copy()
    for back in range(1, min(LASTING_HOURS, len(z))):
        follows = np.zeros(len(z), bool)
        follows[back:] = (place[back:] == place[:-back]) & (
            instant[back:] - instant[:-back] == back * HOUR_MICROSECONDS
        )
        total = np.where(follows, total + np.roll(z, back), np.nan)
        joint = total / np.sqrt(back + 1)
        is_more = np.abs(joint) > np.abs(best)
        best, hours = np.where(is_more, joint, best), np.where(is_more, back + 1, hours)
    return best, hours


def _why_not(joined: pa.Table, value: Numbers, is_heard: Numbers, metric: Metric) -> Numbers:
    """Why there is no judgement, as a place in `VERDICTS`; the first that applies."""
    due = {"tasks_completed": "tasks_due", "tour_checkpoints": "checkpoints_due"}.get(metric.name)
    nothing_due = _reals(joined[due]) == 0 if due else np.zeros(len(value), bool)
    is_unknown = np.isnan(value)
    asked = (
        (np.isnan(_reals(joined["hour_of_week"])), Verdict.UNKNOWN),
        (_reals(joined["people_on_duty"]) == 0, Verdict.OFF_DUTY),
        (is_unknown & nothing_due, Verdict.NOTHING_DUE),
        (is_unknown & (_reals(joined["people_reporting"]) == 0), Verdict.UNHEARD),
        (is_unknown, Verdict.UNKNOWN),
        (~np.isnan(_reals(joined["is_special"])), Verdict.SPECIAL),
        (~is_heard, Verdict.TOO_LITTLE),
    )
    return np.select([applies for applies, _ in asked], [_place(why) for _, why in asked], _place(Verdict.LEARNING))


def _place(verdict: Verdict) -> int:
    return VERDICTS.index(verdict)


def _joined(places: pa.Table, rows: pa.Table, key: list[str]) -> pa.Table:
    if rows.num_rows:
        return places.join(rows, key).sort_by("place")
    # Joining nothing to every cell of every site takes as long as joining something.
    kinds = {field.name: field.type for field in rows.schema if field.name not in key}
    return pa.table({name: pa.nulls(places.num_rows, kind) for name, kind in kinds.items()})


def _flags(column: Any) -> Numbers:
    return np.asarray(_reals(column) == 1)


def _reals(column: Any) -> Numbers:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), float)
