"""What is planted shows: each cause leaves its trace in the streams, and its twin world without causes has none."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from geographiclib.geodesic import Geodesic

from noc_platform.simulator.manifest import Manifest
from noc_platform.simulator.planted.causes import Cause
from noc_platform.simulator.population import build_world
from noc_platform.simulator.world import WorldPlan
from noc_platform.simulator.writer import write_world

PLAN = WorldPlan(guards=70, sites=8, days=16, seed=5, planted=6.0)
Planted = Any


class Streams:
    """A written world as frames, with its truth."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.tables: dict[str, Any] = {}
        for name in {file.stream for file in (*manifest.files, *manifest.truth)}:
            paths = [folder / file.path for file in (*manifest.files, *manifest.truth) if file.stream == name]
            self.tables[name] = pd.concat([pq.read_table(path).to_pandas() for path in paths], ignore_index=True)
        world = build_world(manifest.plan)
        tenants = [world.tenant_ids[tenant] for tenant in world.people.tenant]
        names = enumerate(zip(tenants, world.person_ids, strict=True))
        self.phones = {who: f"phone-{place:05d}" for place, who in names}
        self.sites = self.tables["sites"].set_index(["tenant_id", "site_id"])

    def of(self, stream: str, planted: Planted, person: str | None = None) -> Any:
        """Rows of a person (the first of the cause unless said) between the cause's beginning and end."""
        rows = self.rows_of(stream, planted.tenant_id, person or planted.people[0])
        return rows[(rows.occurred_at >= planted.starts_at) & (rows.occurred_at < planted.ends_at)]

    def rows_of(self, stream: str, tenant: str, person: str) -> Any:
        rows = self.tables[stream]
        return rows[(rows.tenant_id == tenant) & (rows.person_id == person)]

    def heard(self, planted: Planted, person: str | None = None) -> int:
        return len(self.of("device_events", planted, person)) + len(self.of("location_updates", planted, person))

    def done(self, planted: Planted, person: str | None = None) -> Any:
        """Scans and tasks that were really done then: supervisors' later entries are no trace of the phone."""
        rows = self.of("jobneeds", planted, person)
        return rows[rows.status.isin(["COMPLETED", "PARTIALLYCOMPLETED"]) & rows.performed_by.isna()]

    def attendances(self, planted: Planted) -> Any:
        rows = self.tables["attendance_events"]
        return rows[(rows.tenant_id == planted.tenant_id) & rows.attendance_id.isin(list(planted.attendance_ids))]

    def radius(self, planted: Planted) -> float:
        return float(self.sites.loc[(planted.tenant_id, planted.sites[0])].geofence_radius_meters)


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Streams:
    folder = tmp_path_factory.mktemp("planted")
    return Streams(folder, write_world(PLAN, folder))


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Streams:
    folder = tmp_path_factory.mktemp("twin")
    return Streams(folder, write_world(replace(PLAN, planted=0.0), folder))


@pytest.fixture(scope="module")
def causes(streams: Streams) -> Any:
    return streams.tables["causes"]


def silent_site(streams: Streams, planted: Planted) -> bool:
    return not any(streams.heard(planted, person) or len(streams.done(planted, person)) for person in planted.people)


def sleeping_guard(streams: Streams, planted: Planted) -> bool:
    hours = (planted.ends_at - planted.starts_at) / timedelta(hours=1)
    steps = streams.of("device_events", planted).step_count.sum()
    return bool(streams.heard(planted) > 5 * hours and steps < 60 * hours and streams.done(planted).empty)


def abandoned_tour(streams: Streams, planted: Planted) -> bool:
    site = streams.sites.loc[(planted.tenant_id, planted.sites[0])]
    fixes = streams.of("location_updates", planted)
    fixes = fixes[fixes.accuracy_meters < 60]
    return bool(fixes.empty or _meters(fixes, site).max() > site.geofence_radius_meters + 200)


def _meters(rows: Any, site: Any, where: str = "") -> Any:
    def apart(row: Any) -> float:
        found = Geodesic.WGS84.Inverse(row[f"latitude{where}"], row[f"longitude{where}"], site.latitude, site.longitude)
        return float(found["s12"])

    return rows.apply(apart, axis=1)


def scan_gaps(streams: Streams, planted: Planted) -> Any:
    scans = streams.of("jobneeds", planted)
    scans = scans[scans.parent_id.notna() & (scans.status == "COMPLETED")].sort_values("ended_at")
    return scans.groupby("parent_id").ended_at.apply(lambda times: times.diff().dt.total_seconds().median())


def ghost_scans(streams: Streams, planted: Planted) -> bool:
    """Tags scanned faster than anybody walks from one to the next, most of them, where the guard sits."""
    gaps = scan_gaps(streams, planted)
    return len(gaps) > 0 and bool(gaps.median() < 16)


def device_dead(streams: Streams, planted: Planted) -> bool:
    before = streams.rows_of("device_events", planted.tenant_id, planted.people[0])
    before = before[(before.occurred_at < planted.starts_at) & before.battery_level.notna()].sort_values("occurred_at")
    return streams.heard(planted) == 0 and before.battery_level.iloc[-1] <= 12


def feed_outage(streams: Streams, planted: Planted) -> bool:
    for stream in planted.streams:
        rows = streams.tables[stream]
        rows = rows[rows.tenant_id == planted.tenant_id]
        if ((rows.received_at >= planted.starts_at) & (rows.received_at < planted.ends_at)).any():
            return False
    return True


def site_surge(streams: Streams, planted: Planted) -> bool:
    during = events_an_hour(streams, planted, planted.starts_at, planted.ends_at)
    before = events_an_hour(streams, planted, planted.starts_at - timedelta(days=30), planted.starts_at)
    return during > 1.4 * before


def events_an_hour(streams: Streams, planted: Planted, since: Any, until: Any) -> float:
    """Device events of those concerned an hour that they were there."""
    there, events = streams.tables["presence"], streams.tables["device_events"]
    there, events = (
        rows[(rows.tenant_id == planted.tenant_id) & rows.person_id.isin(list(planted.people))]
        for rows in (there, events)
    )
    length = there.leaves_at.clip(upper=until) - there.comes_at.clip(lower=since)
    count = ((events.occurred_at >= since) & (events.occurred_at < until)).sum()
    return float(count / (length.clip(lower=timedelta(0)).sum() / timedelta(hours=1)))


def slow_fade(streams: Streams, planted: Planted) -> bool:
    """Half-way, less than eight tenths of what it was at first; what lies beyond the world is not asked for."""
    length = planted.ends_at - planted.starts_at
    usual = liveliness(streams, planted, planted.starts_at - timedelta(days=30), planted.starts_at + 0.15 * length)
    faded = liveliness(streams, planted, planted.starts_at + 0.4 * length, planted.ends_at)
    return faded < 0.8 * usual


def liveliness(streams: Streams, planted: Planted, since: Any, until: Any) -> float:
    """Reports of steps for each of the phone's logs, by what the tenant's others report at the same hours."""
    events = streams.tables["device_events"]
    events = events[(events.tenant_id == planted.tenant_id) & events.event_kind.isin(["stepcount", "devicelogs"])]
    hour, is_step = events.occurred_at.dt.hour, events.event_kind == "stepcount"
    is_own = events.person_id == planted.people[0]
    others = (is_step & ~is_own).groupby(hour).sum() / (~is_step & ~is_own).groupby(hour).sum()
    is_own &= (events.occurred_at >= since) & (events.occurred_at < until)
    expected = others.reindex(hour[is_own & ~is_step]).sum()
    return float((is_own & is_step).sum() / expected)


def clock_error(streams: Streams, planted: Planted) -> bool:
    rows = streams.tables["location_updates"]
    rows = rows[(rows.tenant_id == planted.tenant_id) & (rows.person_id == planted.people[0])]
    rows = rows[(rows.received_at >= planted.starts_at) & (rows.received_at < planted.ends_at)]
    lag = (rows.received_at - rows.occurred_at).dt.total_seconds()
    match planted.variant:
        case "CLOCK_AHEAD":
            return bool((lag < -60).any())
        case "CLOCK_BEHIND":
            return bool(lag.median() > 90)
        case _:
            return bool((rows.occurred_at.dt.year == 1970).all())


def buddy_punching(streams: Streams, planted: Planted) -> bool:
    punched = streams.attendances(planted)
    punched_with = punched.device_id.iloc[0] == streams.phones[planted.tenant_id, planted.people[1]]
    return bool(punched_with) and streams.heard(planted) == 0


def shared_device(streams: Streams, planted: Planted) -> bool:
    phone = streams.phones[planted.tenant_id, planted.people[0]]
    used = [
        rows.device_id.eq(phone).mean()
        for person in planted.people[1:]
        for rows in [streams.of("device_events", planted, person)]
        if len(rows)
    ]
    # Whoever has a cause of their own that day carries their own phone.
    return all(share > 0.5 for share in used)


def gps_spoofing(streams: Streams, planted: Planted) -> bool:
    fixes = streams.of("location_updates", planted)
    is_one_place = fixes.latitude.nunique() == 1 and len(fixes) > 10
    return is_one_place and bool((fixes.is_location_mocked == (planted.variant == "MOCK_FLAG_ON")).all())


def geofence_cheating(streams: Streams, planted: Planted) -> bool:
    punched = streams.attendances(planted)
    return bool((punched.distance_in_meters > streams.radius(planted)).all()) and streams.heard(planted) == 0


def impossible_travel(streams: Streams, planted: Planted) -> bool:
    here, there = (streams.sites.loc[(planted.tenant_id, site)] for site in planted.sites)
    apart = Geodesic.WGS84.Inverse(here.latitude, here.longitude, there.latitude, there.longitude)["s12"]
    elsewhere = streams.attendances(planted)
    hours = (planted.ends_at - planted.starts_at) / timedelta(hours=1)
    return len(elsewhere) == 1 and bool((elsewhere.site_id == planted.sites[1]).all()) and apart / 1000 / hours > 150


def credential_sharing(streams: Streams, planted: Planted) -> bool:
    punched = streams.attendances(planted)
    return bool((punched.device_id == streams.phones[planted.tenant_id, planted.people[1]]).all())


def time_theft(streams: Streams, planted: Planted) -> bool:
    punched = streams.attendances(planted)
    out = punched[punched.distance_out_meters.notna()]
    return streams.heard(planted) == 0 and bool((out.distance_out_meters > streams.radius(planted)).all())


TRACES: dict[Cause, Callable[[Streams, Planted], bool]] = {
    Cause.SILENT_SITE: silent_site,
    Cause.SLEEPING_GUARD: sleeping_guard,
    Cause.ABANDONED_TOUR: abandoned_tour,
    Cause.GHOST_SCANS: ghost_scans,
    Cause.DEVICE_DEAD: device_dead,
    Cause.FEED_OUTAGE: feed_outage,
    Cause.SITE_SURGE: site_surge,
    Cause.SLOW_FADE: slow_fade,
    Cause.CLOCK_ERROR: clock_error,
    Cause.BUDDY_PUNCHING: buddy_punching,
    Cause.SHARED_DEVICE: shared_device,
    Cause.GPS_SPOOFING: gps_spoofing,
    Cause.GEOFENCE_CHEATING: geofence_cheating,
    Cause.IMPOSSIBLE_TRAVEL: impossible_travel,
    Cause.CREDENTIAL_SHARING: credential_sharing,
    Cause.TIME_THEFT: time_theft,
}


def planted_of(causes: Any, cause: Cause) -> list[Planted]:
    rows = causes[causes.cause == cause.value]
    if cause is Cause.SLOW_FADE:
        # Of a fade that begins late, the world does not hold enough to see it.
        rows = rows[rows.starts_at < rows.starts_at.min() + timedelta(days=PLAN.days / 3)]
    return list(rows.itertuples())


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause.leaves_a_trace], ids=str)
def test_every_planted_cause_leaves_its_trace(streams: Streams, causes: Any, cause: Cause) -> None:
    planted = planted_of(causes, cause)
    assert planted, "the world holds none to look at"
    assert [each.cause_id for each in planted if not TRACES[cause](streams, each)] == []


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause.leaves_a_trace], ids=str)
def test_the_same_moment_of_a_world_without_causes_has_no_trace(twin: Streams, causes: Any, cause: Cause) -> None:
    """The twin has the same people on the same shifts, so that a trace found there would be no trace of anything."""
    planted = planted_of(causes, cause)
    assert sum(TRACES[cause](twin, each) for each in planted) <= 0.1 * len(planted)


def test_a_ring_shows_only_in_what_its_members_do_for_one_another(streams: Streams, causes: Any) -> None:
    rings = planted_of(causes, Cause.COLLUSION_RING)
    assert rings
    deeds = causes[causes.ring_id.notna()]
    assert not deeds.empty
    truth = streams.tables["attendances"]
    for ring in rings:
        assert 3 <= len(ring.people) <= 6
        assert list(ring.attendance_ids) == []
        own = deeds[deeds.ring_id == ring.cause_id]
        assert (own.cause == Cause.BUDDY_PUNCHING).all()
        assert all(set(people) <= set(ring.people) for people in own.people)
        members = truth[(truth.tenant_id == ring.tenant_id) & truth.person_id.isin(list(ring.people)) & ~truth.is_fraud]
        punched = streams.tables["attendance_events"]
        punched = punched[(punched.tenant_id == ring.tenant_id) & punched.attendance_id.isin(members.attendance_id)]
        assert all(row.device_id == streams.phones[row.tenant_id, row.person_id] for row in punched.itertuples())


def test_the_truth_of_attendances_names_the_causes(streams: Streams, causes: Any) -> None:
    truth = streams.tables["attendances"]
    assert set(truth.attendance_id) == set(streams.tables["attendance_events"].attendance_id)
    by_id = truth.set_index(["tenant_id", "attendance_id"])
    frauds = causes[causes.is_fraud & (causes.attendance_ids.str.len() > 0)]
    assert not frauds.empty
    for fraud in frauds.itertuples():
        for attendance in fraud.attendance_ids:
            row = by_id.loc[(fraud.tenant_id, attendance)]
            assert row.is_fraud
            assert fraud.cause in list(row.frauds)
            assert fraud.cause_id in list(row.cause_ids)


def test_alerts_with_a_cause_are_about_those_it_befell(streams: Streams, causes: Any) -> None:
    caused, by_id = streams.tables["alert_causes"], causes.set_index("cause_id")
    assert len(caused) > 10
    for alert in caused.itertuples():
        cause = by_id.loc[alert.cause_id]
        assert alert.tenant_id == cause.tenant_id
        assert alert.person_id in list(cause.people) or alert.site_id in list(cause.sites)
        assert alert.occurred_at >= cause.starts_at
    assert len(caused) < 0.8 * len(streams.tables["alerts"])


def test_without_causes_nothing_looks_planted(twin: Streams) -> None:
    assert twin.tables["causes"].empty
    assert twin.tables["alert_causes"].empty
    assert not twin.tables["attendances"].is_fraud.any()
    fixes, events, punches = (twin.tables[name] for name in ("location_updates", "device_events", "attendance_events"))
    assert not fixes.is_location_mocked.any()
    assert (fixes.received_at >= fixes.occurred_at).all()
    assert (events.groupby(["tenant_id", "device_id"]).person_id.nunique() == 1).all()
    assert fixes.groupby(["tenant_id", "person_id", "latitude", "longitude"]).size().max() < 10
    assert (punches.distance_in_meters < 120).all()
    assert (punches.groupby(["tenant_id", "template_id"]).person_id.nunique() == 1).all()


def test_the_truth_adds_up_to_what_is_in_the_streams(streams: Streams) -> None:
    activity = streams.tables["activity"]
    events = streams.tables["device_events"].drop_duplicates("event_id")
    events = events[events.occurred_at.dt.year > 2000]
    assert activity.phone_events.sum() == len(events)
    per_hour = activity.groupby(["tenant_id", "person_id", "hour"]).phone_events.sum()
    counted = events.groupby(["tenant_id", "person_id", events.occurred_at.dt.floor("h")]).size()
    assert (per_hour[per_hour > 0].sort_index() == counted.sort_index().to_numpy()).all()


def test_the_truth_has_people_present_as_long_as_they_were_there(streams: Streams) -> None:
    present, there = (streams.tables[name] for name in ("activity", "presence"))
    length = (there.leaves_at - there.comes_at).dt.total_seconds()
    assert length.isna().any(), "the world holds nobody who never came"
    by_person = length.groupby([there.tenant_id, there.person_id]).sum()
    told = present.groupby(["tenant_id", "person_id"]).present_seconds.sum()
    assert told[by_person.index].to_numpy() == pytest.approx(by_person.to_numpy(), abs=1)
