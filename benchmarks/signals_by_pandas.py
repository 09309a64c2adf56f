"""The hourly signals by pandas, for the same rows: the peer that most teams would write first."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

KEYS = ["tenant_id", "person_id", "bucket"]
TOURS = ["INTERNALTOUR", "EXTERNALTOUR"]
REACHABLE_METERS_A_SECOND = 150 / 3.6
WORST_ACCURACY_METERS = 100
JITTER = np.log(0.05) / np.log(0.32)


def signals(lake: Path, references: dict[str, pa.Table]) -> pd.DataFrame:
    """One row per person and hour, as `signals_by_hand.sql` gives it."""
    parts = [_phone(lake), _location(lake), *_jobs(lake), _duty(references["noc_shift"].to_pandas())]
    return _judged(pd.concat(parts, axis=1).reset_index(), {name: t.to_pandas() for name, t in references.items()})


def _read(lake: Path, name: str, columns: list[str]) -> Any:
    files = sorted(lake.glob(f"telemetry/{name}/*/*/*.parquet"))
    return pd.concat([pd.read_parquet(file, columns=columns) for file in files], ignore_index=True)


def _phone(lake: Path) -> Any:
    events = _read(lake, "device_events", ["tenant_id", "person_id", "occurred_at"])
    events["bucket"] = events["occurred_at"].dt.floor("h")
    return events.groupby(KEYS).size().rename("phone_events")


def _location(lake: Path) -> Any:
    columns = ["tenant_id", "person_id", "occurred_at", "latitude", "longitude", "accuracy_meters"]
    fixes = _read(lake, "location_updates", columns).dropna(subset=["latitude", "longitude"])
    fixes["bucket"] = fixes["occurred_at"].dt.floor("h")
    fixes["accuracy"] = fixes["accuracy_meters"].fillna(0)
    fixes["usable"] = fixes["accuracy"] <= WORST_ACCURACY_METERS
    fixes["second"] = fixes["occurred_at"].astype("int64") // 1_000_000
    within = [*KEYS, "usable"]
    fixes = fixes.sort_values([*within, "occurred_at", "latitude", "longitude", "accuracy"])
    before = fixes.groupby(within)[["latitude", "longitude", "accuracy", "second"]].shift()
    apart = _apart(before["latitude"], before["longitude"], fixes["latitude"], fixes["longitude"])
    reachable = (fixes["second"] - before["second"]) * REACHABLE_METERS_A_SECOND
    still = apart**2 <= (fixes["accuracy"] ** 2 + before["accuracy"].fillna(0) ** 2) * JITTER
    fixes["meters"] = np.where(still, 0.0, np.where(apart.isna(), np.nan, np.minimum(apart, reachable)))
    fixes["meters"] = fixes["meters"].where(fixes["usable"])
    return fixes.groupby(KEYS).agg(fixes=("usable", "size"), usable_fixes=("usable", "sum"), meters=("meters", "sum"))


def _apart(latitude: Any, longitude: Any, to_latitude: Any, to_longitude: Any) -> Any:
    north = to_latitude - latitude
    apart = (to_longitude - longitude).abs()
    east = np.minimum(apart, 360 - apart)
    middle = np.radians((latitude + to_latitude) / 2)
    bend = 1 - 0.0066943799901413165 * np.sin(middle) ** 2
    along = 6378137.0 * (1 - 0.0066943799901413165) / bend**1.5 * np.radians(north)
    across = 6378137.0 / np.sqrt(bend) * np.cos(middle) * np.radians(east)
    half = np.sin(np.radians(north) / 2) ** 2
    half += np.cos(np.radians(latitude)) * np.cos(np.radians(to_latitude)) * np.sin(np.radians(east) / 2) ** 2
    far = 2 * 6371008.8 * np.arcsin(np.sqrt(np.minimum(half, 1)))
    return pd.Series(np.where((north.abs() <= 1) & (east <= 1), np.hypot(along, across), far), index=north.index)


def _jobs(lake: Path) -> list[Any]:
    columns = ["tenant_id", "person_id", "performed_by", "occurred_at", "planned_at", "ended_at", "identifier"]
    jobs = _read(lake, "jobneeds", [*columns, "parent_id", "status", "scan_type", "jobneed_id"])
    is_tour = jobs["identifier"].isin(TOURS)
    is_stop = is_tour & jobs["parent_id"].notna()
    is_scan = is_stop & (jobs["status"] != "AUTOCLOSED") & (jobs["scan_type"].fillna("") != "SKIP")
    day = pd.Timedelta(days=1)

    def counted(name: str, chosen: Any, moment: str, person: Any) -> Any:
        near = (jobs["occurred_at"] - jobs[moment]).abs() < day
        rows = jobs.assign(person_id=person, bucket=jobs[moment].dt.floor("h"))[chosen & near]
        return rows.groupby(KEYS)["jobneed_id"].nunique().rename(name)

    performer = jobs["performed_by"].fillna(jobs["person_id"])
    return [
        counted("tasks", ~is_tour & (jobs["status"] == "COMPLETED"), "ended_at", performer),
        counted("checkpoints", is_scan, "ended_at", performer),
        counted("tasks_due", ~is_tour, "planned_at", jobs["person_id"]),
        counted("checkpoints_due", is_stop, "planned_at", jobs["person_id"]),
    ]


def _duty(shifts: pd.DataFrame) -> Any:
    shifts = shifts[~shifts["is_cancelled"].fillna(False).astype(bool)].sort_values("starts_at")
    first, hour = shifts["starts_at"].dt.floor("h"), pd.Timedelta(hours=1)
    counts = np.ceil((shifts["ends_at"] - first) / hour).astype(int)
    rows = shifts.loc[shifts.index.repeat(counts), ["tenant_id", "person_id", "site_id", "starts_at", "ends_at"]]
    rows["bucket"] = first.repeat(counts) + pd.to_timedelta(rows.groupby(level=0).cumcount(), unit="h")
    ends, starts = rows["ends_at"].clip(upper=rows["bucket"] + hour), rows["starts_at"].clip(lower=rows["bucket"])
    rows["duty_seconds"] = (ends.dt.floor("s") - starts.dt.floor("s")).dt.total_seconds()
    return rows.groupby(KEYS)[["site_id", "duty_seconds"]].last().rename(columns={"site_id": "duty_site_id"})


def _judged(rows: pd.DataFrame, references: dict[str, pd.DataFrame]) -> pd.DataFrame:
    days = references["noc_telemetry_day"]
    feeds = (
        pd.crosstab([days["tenant_id"], days["day"].astype("datetime64[us, UTC]")], days["stream"])
        .gt(0)
        .reindex(columns=["device_events", "location_updates", "jobneeds"], fill_value=False)
        .reset_index()
    )
    rows["day"] = rows["bucket"].dt.floor("D")
    rows = rows.merge(feeds, on=["tenant_id", "day"], how="left")
    people = references["noc_person"][["tenant_id", "person_id", "site_id"]]
    rows = rows.merge(people, on=["tenant_id", "person_id"], how="left")
    keeps_roster = rows["tenant_id"].isin(references["noc_roster_tenant"]["tenant_id"])
    feed = {name: rows[name].fillna(False).astype(bool) for name in ("device_events", "location_updates", "jobneeds")}
    count = rows.drop(columns=["meters", "duty_site_id"]).select_dtypes("number").fillna(0)
    reporting = count["phone_events"] + count["fixes"] > 0
    worked, scanned = count["tasks"] + count["tasks_due"] > 0, count["checkpoints"] + count["checkpoints_due"] > 0
    return pd.DataFrame(
        {
            **{name: rows[name] for name in KEYS},
            "site_id": rows["duty_site_id"].where(keeps_roster, rows["site_id"]),
            "phone_events_count": count["phone_events"].where(feed["device_events"] & reporting),
            "location_updates_count": count["fixes"].where(feed["location_updates"] & reporting),
            "movement_distance_meters": rows["meters"].fillna(0).where(count["usable_fixes"] >= 2),
            "tasks_completed_count": count["tasks"].where(feed["jobneeds"] & worked),
            "tour_checkpoints_scanned": count["checkpoints"].where(feed["jobneeds"] & scanned),
            **{name: count[name].astype("int64") for name in ("usable_fixes", "tasks_due", "checkpoints_due")},
            "is_on_duty": rows["duty_site_id"].notna().where(keeps_roster),
            "duty_seconds": rows["duty_seconds"].fillna(0).where(keeps_roster),
            "is_rostered": rows["duty_site_id"].notna(),
            "is_reporting": reporting,
            **{
                name: feed[stream]
                for name, stream in zip(("has_device_feed", "has_location_feed", "has_jobneed_feed"), feed, strict=True)
            },
        }
    )
