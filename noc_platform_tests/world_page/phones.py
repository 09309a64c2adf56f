"""Numbers of the phones: how sure their fixes are, how late their rows come, one guard's night, one phone's shift."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from noc_platform.simulator.world import METERS_PER_DEGREE
from noc_platform_tests.world_page.scene import PERSON, Rows, wall_clock

# Under an instant a row came before it happened: the phone's clock is ahead, not the network fast.
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 3.2 * 86_400
SMALLEST_METERS, LARGEST_METERS = 1.0, 1000.0
Numbers = NDArray[np.float64]


def accuracies(fixes: Rows, sites: Rows) -> dict[str, Numbers]:
    """Accuracy of fixes in metres, by kind of site; without those whose phone did not say."""
    rows = fixes.merge(sites[["tenant_id", "site_id", "kind"]], on=["tenant_id", "site_id"])
    rows = rows[rows.accuracy_meters.notna()]
    return {str(kind): own.accuracy_meters.to_numpy(float) for kind, own in rows.groupby("kind")}


def lateness(rows: pa.Table) -> Numbers:
    """Seconds from when each row happened, by the clock of its source, to when it was received."""
    happened, received = (rows[name].to_numpy() for name in ("occurred_at", "received_at"))
    return np.asarray((received - happened) / np.timedelta64(1, "s"), np.float64)


def identical_rows(rows: pa.Table) -> int:
    """Rows that say the same as an earlier one in every column."""
    # Of a million rows over all columns the whole of a machine's memory would be asked for, of these three little.
    is_likely = rows.select(["tenant_id", "occurred_at", "received_at"]).to_pandas().duplicated(keep=False)
    rows = rows.filter(pa.array(is_likely))
    return int(rows.num_rows - rows.group_by(rows.column_names).aggregate([]).num_rows)


def shares(values: Numbers, edges: Numbers) -> Numbers:
    """Share of the values in each bin; what lies outside counts into the whole, but into no bin."""
    return np.histogram(values, edges)[0] / max(len(values), 1)


@dataclass(frozen=True)
class Night:
    """One guard's night. Places in metres east and north of the site; `hours` since the shift's midnight, site-local.

    `tours` are the checkpoints of each tour in the order they were scanned, `(scan, 2)`; `scan_hours` when each was.
    """

    person_id: str
    site_name: str
    time_zone: str
    day: str
    begins: float
    ends: float
    radius_meters: float
    fixes: Numbers
    hours: Numbers
    accuracy_meters: Numbers
    tours: list[Numbers]
    scan_hours: list[Numbers]

    @property
    def scans(self) -> Numbers:
        """Every scan of the night, `(scan, 2)`."""
        return np.concatenate([np.zeros((0, 2)), *self.tours])


def quiet_night(shifts: Rows, jobneeds: Rows, causes: Rows) -> Rows:
    """The shift over midnight with the most checkpoints scanned on which nothing was planted, as one row; a shift by
    day where nobody works at night."""
    begins, ends = wall_clock(shifts, "starts_at"), wall_clock(shifts, "ends_at")
    nights = shifts[(begins.dt.date != ends.dt.date) & shifts.comes_at.notna()]
    nights = nights if len(nights) else shifts[shifts.comes_at.notna()]
    nights = nights.assign(is_planted=_is_planted(nights, causes), is_cut_off=nights.cut_off_at.notna())
    scans = jobneeds[jobneeds.parent_id.notna() & jobneeds.latitude.notna()]
    pairs = nights.reset_index(names="row").merge(scans[[*PERSON, "ended_at"]], on=PERSON)
    during = pairs[(pairs.ended_at >= pairs.comes_at) & (pairs.ended_at <= pairs.leaves_at)]
    nights["scans"] = during.groupby("row").size().reindex(nights.index, fill_value=0)
    return nights.sort_values(["is_planted", "is_cut_off", "scans"], ascending=[True, True, False], kind="stable").iloc[
        0
    ]


def telling_shift(shifts: Rows, causes: Rows) -> Rows:
    """The longest shift on which the phone was without network for about half an hour and nothing was planted."""
    rows = shifts[shifts.comes_at.notna()]
    gap = (rows.reachable_at - rows.cut_off_at).dt.total_seconds() / 60
    length = (rows.leaves_at - rows.comes_at).dt.total_seconds()
    rows = rows.assign(is_planted=_is_planted(rows, causes), is_other=~gap.between(25, 75), length=length)
    return rows.sort_values(["is_planted", "is_other", "length"], ascending=[True, True, False], kind="stable").iloc[0]


def _is_planted(shifts: Rows, causes: Rows) -> Rows:
    """Whether anything was planted on its guard, or on the feeds of its tenant, during each shift."""
    rows = shifts.reset_index(names="row")
    people = causes.explode("people").rename(columns={"people": "person_id"})
    found: set[int] = set()
    for named, key in ((people, PERSON), (causes[causes.people.str.len() == 0], ["tenant_id"])):
        pairs = rows.merge(named[[*key, "starts_at", "ends_at"]], on=key, suffixes=("", "_cause"))
        found |= set(pairs.row[(pairs.starts_at_cause < pairs.ends_at) & (pairs.ends_at_cause > pairs.starts_at)])
    return shifts.index.isin(list(found))


def night_of(shift: Rows, site: Rows, fixes: Rows, jobneeds: Rows) -> Night:
    """What was heard of one shift: its fixes and its scans; `shift` and `site` are one row each."""
    own = _during(fixes, shift, "occurred_at")
    scans = _during(jobneeds[jobneeds.parent_id.notna() & jobneeds.latitude.notna()], shift, "ended_at")
    scans = scans.drop_duplicates("jobneed_id", keep="last").sort_values("ended_at")
    begins = _clock(shift.starts_at, shift.time_zone)
    midnight = begins.normalize()
    tours = [tour for _, tour in scans.groupby("parent_id", sort=False)]
    return Night(
        str(shift.person_id), str(shift.site_name), str(shift.time_zone), f"{midnight:%Y-%m-%d}",
        _hours(begins, midnight), _hours(_clock(shift.ends_at, shift.time_zone), midnight),
        float(site.geofence_radius_meters), _meters(own, site), _local_hours(own.occurred_at, shift, midnight),
        own.accuracy_meters.to_numpy(float), [_meters(tour, site) for tour in tours],
        [_local_hours(tour.ended_at, shift, midnight) for tour in tours],
    )  # fmt: skip


@dataclass(frozen=True)
class Phone:
    """What one phone said of itself over a shift; `hours` since the shift's midnight, site-local. Between `lost_at` and
    `back_at` it had no network; NaN where it always had."""

    person_id: str
    site_name: str
    time_zone: str
    day: str
    battery_hours: Numbers
    battery_percent: Numbers
    signal_hours: Numbers
    signal_dbm: Numbers
    lost_at: float
    back_at: float


def phone_of(shift: Rows, events: Rows) -> Phone:
    """The curves of one shift, one row of `shifts`."""
    own = _during(events, shift, "occurred_at").sort_values("occurred_at")
    midnight = _clock(shift.starts_at, shift.time_zone).normalize()
    battery, signal = own[own.battery_level.notna()], own[own.signal_strength.notna()]
    lost, back = (
        float("nan") if pd.isna(instant) else _hours(_clock(instant, shift.time_zone), midnight)
        for instant in (shift.cut_off_at, shift.reachable_at)
    )
    return Phone(
        str(shift.person_id), str(shift.site_name), str(shift.time_zone), f"{midnight:%Y-%m-%d}",
        _local_hours(battery.occurred_at, shift, midnight), battery.battery_level.to_numpy(float),
        _local_hours(signal.occurred_at, shift, midnight), signal.signal_strength.to_numpy(float), lost, back,
    )  # fmt: skip


def _during(rows: Rows, shift: Rows, column: str) -> Rows:
    is_own = (rows.tenant_id == shift.tenant_id) & (rows.person_id == shift.person_id)
    return rows[is_own & (rows[column] >= shift.comes_at) & (rows[column] <= shift.leaves_at)]


def _clock(instant: pd.Timestamp, zone: str) -> pd.Timestamp:
    return instant.tz_convert(zone).tz_localize(None)


def _hours(clock: pd.Timestamp, midnight: pd.Timestamp) -> float:
    return (clock - midnight).total_seconds() / 3600


def _local_hours(instants: Rows, shift: Rows, midnight: pd.Timestamp) -> Numbers:
    clock = instants.dt.tz_convert(shift.time_zone).dt.tz_localize(None)
    return np.asarray((clock - midnight).dt.total_seconds() / 3600, np.float64)


def _meters(rows: Rows, site: Rows) -> Numbers:
    """Places in metres east and north of a site, `(row, 2)`; a flat earth is right to a millimetre at such a size."""
    north = (rows.latitude.to_numpy(float) - site.latitude) * METERS_PER_DEGREE
    east = (rows.longitude.to_numpy(float) - site.longitude) * METERS_PER_DEGREE * np.cos(np.radians(site.latitude))
    return np.stack([east, north], axis=-1)
