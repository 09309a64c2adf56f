"""Small operations in which everything happens that evidence has to withstand, made from a number.

Two tenants use the same names for everything, so that whatever is mixed up between them shows.
"""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa

from noc_platform.fraud.moments import OFFSETS_TABLE, zone_offsets
from noc_platform.lake.engines import FEEDS_SCHEMA, FEEDS_TABLE
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import (
    ATTENDANCE_EVENTS,
    DEVICE_EVENTS,
    JOBNEEDS,
    LOCATION_UPDATES,
    PEOPLE,
    SHIFTS,
    SITES,
    TOURS_DUE,
    VERDICTS,
)
from noc_platform.streams.declaration import Stream

Row = dict[str, Any]
# The clocks of Athens go forward at one o'clock UTC, those of Lord Howe by half an hour a week later.
DAWN = datetime(2026, 3, 29, tzinfo=UTC)
CLOCKS_FROM, CLOCKS_UNTIL = DAWN - timedelta(days=100), DAWN + timedelta(days=12)
ZONES = ("Europe/Athens", "Asia/Kolkata", "Australia/Lord_Howe", "America/New_York", "Nowhere/At_All")
STREAMS: tuple[Stream, ...] = (
    ATTENDANCE_EVENTS, DEVICE_EVENTS, LOCATION_UPDATES, JOBNEEDS, TOURS_DUE, SHIFTS, PEOPLE, SITES, VERDICTS,
)  # fmt: skip
TENANTS, GUARDS, PLACES = ("t0", "t1"), ("p0", "p1", "p2"), ("s0", "s1", "s2")
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass
class World:
    """Rows by stream, in the columns of the streams; `feeds`, the days on which fixes were first received."""

    attendance_events: list[Row] = field(default_factory=list)
    device_events: list[Row] = field(default_factory=list)
    location_updates: list[Row] = field(default_factory=list)
    jobneeds: list[Row] = field(default_factory=list)
    tours_due: list[Row] = field(default_factory=list)
    shifts: list[Row] = field(default_factory=list)
    people: list[Row] = field(default_factory=list)
    sites: list[Row] = field(default_factory=list)
    verdicts: list[Row] = field(default_factory=list)
    feeds: list[Row] = field(default_factory=list)

    def tables(self) -> dict[str, pa.Table]:
        """What an engine has to hold, by the names of the tables."""
        held = {stream.table: table_of_rows(stream, getattr(self, stream.name)) for stream in STREAMS}
        held[FEEDS_TABLE] = pa.Table.from_pylist(self.feeds, schema=FEEDS_SCHEMA)
        held[OFFSETS_TABLE] = zone_offsets(list(ZONES), CLOCKS_FROM, CLOCKS_UNTIL)
        return held


def table_of_rows(stream: Stream, rows: list[Row]) -> pa.Table:
    """Rows as a table of the stream's columns, null where a row does not say."""
    schema = pa.schema([column.with_nullable(True) for column in arrow_schema(stream)])
    return pa.Table.from_pylist([{name: row.get(name) for name in stream.names} for row in rows], schema=schema)


def made(seed: int) -> World:
    """The world of that number: the same number gives the same world."""
    chance = Random(seed)
    world = World()
    for tenant in TENANTS:
        _Maker(chance, world, tenant).fill()
    return world


class _Maker:
    def __init__(self, chance: Random, world: World, tenant: str) -> None:
        self.chance, self.world, self.tenant = chance, world, tenant

    def fill(self) -> None:
        self._places()
        for person in GUARDS:
            usual = self.chance.randrange(24)
            for _ in range(self.chance.choice((0, 4, 14, 22))):
                day = self.chance.choice((1, 3, 8, 15, 29, 30, 31, 60, 89, 90, 91))
                hour = usual + self.chance.choice((0, 0, 0, 1, -1, 6))
                self._attendance(person, DAWN - timedelta(days=day, hours=-hour, minutes=-self.chance.randrange(60)))
            for _ in range(self.chance.choice((1, 3, 5))):
                self._attendance(person, self._moment())
        # Somebody's clock was never set.
        if self.chance.random() < 0.2:
            self._attendance("p0", datetime(1970, 1, 1, 3, tzinfo=UTC))
        states = [row for row in self.world.attendance_events if row["tenant_id"] == self.tenant]
        near = [row for row in states if row["punched_in_at"] > DAWN - timedelta(days=4)]
        self._phones(near)
        self._plans(near)
        self._opinions(states)
        if self.chance.random() < 0.7:
            since = self.chance.choice((DAWN - timedelta(days=50), DAWN + timedelta(hours=9)))
            told = {"tenant_id": self.tenant, "stream": "location_updates", "day": since.date()}
            self.world.feeds += [{**told, "first_received_at": since}, {**told, "stream": "jobneeds"}]

    def _moment(self) -> datetime:
        """Most are on a quarter of an hour, so that many fall together; some have a fraction of a second."""
        second = self.chance.choice((self.chance.randrange(-96, 144) * 15 * MINUTE, self.chance.randrange(-DAY, DAY)))
        return DAWN + timedelta(seconds=second, microseconds=self.chance.choice((0, 0, 400_000, 700_000)))

    def _later(self, moment: datetime) -> datetime:
        """When a row was received: mostly at once, sometimes days later, and before it happened by a wrong clock."""
        late = self.chance.choice((0, 0, 2, 2, 10 * MINUTE, 3 * HOUR, 2 * DAY, -5, -3 * HOUR))
        return moment + timedelta(seconds=late)

    def _name(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128)))

    def _maybe(self, *values: Any) -> Any:
        return self.chance.choice((None, *values))

    def _places(self) -> None:
        chance = self.chance
        where = [
            (38.0, 23.7),
            (38.0 + chance.choice((0.002, 0.3)), 23.7),
            chance.choice(((-31.5, 159.08), (None, None))),
        ]
        for site, (latitude, longitude) in zip(PLACES, where, strict=True):
            self.world.sites.append(
                {
                    "tenant_id": self.tenant, "site_id": site, "name": site, "time_zone": chance.choice(ZONES),
                    "latitude": latitude, "longitude": longitude, "client_id": self._maybe("c0"),
                    "geofence_radius_meters": chance.choice((None, 50.0, 150.0)),
                    "received_at": DAWN - timedelta(days=200),
                }
            )  # fmt: skip
        for person in GUARDS[: chance.choice((2, 3, 3))]:
            row = {"tenant_id": self.tenant, "person_id": person, "name": person, "site_id": self._maybe("s0", "s1")}
            self.world.people.append({**row, "received_at": DAWN - timedelta(days=200)})

    def _point(self, site: str | None) -> tuple[float | None, float | None]:
        """Somewhere around the site, or far from it, or unknown."""
        known = [row for row in self.world.sites if row["tenant_id"] == self.tenant and row["site_id"] == site]
        if not known or known[0]["latitude"] is None or self.chance.random() < 0.15:
            return self._maybe((38.001, 23.7003), (-17.0, 179.999)) or (None, None)
        away = self.chance.choice((0.0, 0.0005, 0.004, 0.05, 2.0))
        return known[0]["latitude"] + away, known[0]["longitude"] - away * self.chance.random()

    def _attendance(self, person: str, came: datetime) -> None:
        chance = self.chance
        site = chance.choice((*PLACES, *PLACES, None, "unheard of"))
        latitude, longitude = self._point(site)
        row: Row = {
            "tenant_id": self.tenant, "event_id": self._name(), "person_id": person, "site_id": site,
            "attendance_id": f"a{sum(row['tenant_id'] == self.tenant for row in self.world.attendance_events)}",
            "client_id": self._maybe("c1"), "occurred_at": came, "received_at": self._later(came),
            "punched_in_at": came, "punched_out_at": None, "latitude_in": latitude, "longitude_in": longitude,
            "is_in_geofence_in": self._maybe(True, True, False), **self._proof(),
        }  # fmt: skip
        states = [row]
        if chance.random() < 0.6:
            left = came + timedelta(seconds=chance.choice((-60, 0, 900, 4 * HOUR, 8 * HOUR, 14 * HOUR, 40 * HOUR)))
            latitude, longitude = self._point(site)
            out = {"punched_out_at": left, "latitude_out": latitude, "longitude_out": longitude}
            states.append({**row, **out, "event_id": self._name(), "received_at": self._later(left), **self._proof()})
        if chance.random() < 0.3:
            moved = came + timedelta(minutes=chance.choice((0, -20, 45)))
            other = {"person_id": chance.choice((person, *GUARDS)), "site_id": chance.choice((site, "s0"))}
            put_right = {**states[-1], "punched_in_at": moved, "occurred_at": moved, **other}
            states.append(
                {**put_right, "event_id": self._name(), "received_at": self._later(came) + timedelta(hours=1)}
            )
        if chance.random() < 0.1:
            del states[0]
        self.world.attendance_events += states

    def _proof(self) -> Row:
        return {
            "device_id": self._maybe("d0", "d1", "d2"), "template_id": self._maybe("f0", "f1"),
            "is_location_mocked": self._maybe(True, False, False),
            "accuracy_meters": self._maybe(5.0, 99.5, 100.5, 3e3),
            "distance_in_meters": self._maybe(10.0, 700.0), "distance_out_meters": self._maybe(10.0, 700.0),
            "biometric_result": self._maybe("SUCCESS", "SUCCESS", "LOW_QUALITY", "FAILED", "SUSPICIOUS"),
            "quality_score": self._maybe(0.0, 0.8), "confidence_score": self._maybe(0.3, 0.5, 0.9),
            "liveness_score": self._maybe(0.9), "face_distance": self._maybe(0.0, 0.1, 0.9),
            "face_threshold": self._maybe(0.0, 0.3, 0.4), "verification_attempts": self._maybe(0, 1, 5),
        }  # fmt: skip

    def _phones(self, near: list[Row]) -> None:
        """Reports around the events: at every edge of what is looked at, and several in a second."""
        gaps = (-600, 0, 1, 30, 59, 60, 61, 600, 900, 7_199, 7_200, 7_201, 21_600, 21_601)
        for state in near:
            happened = state["punched_out_at"] or state["punched_in_at"]
            for _ in range(self.chance.choice((0, 2, 5))):
                second = happened - timedelta(seconds=self.chance.choice(gaps))
                row: Row = {
                    "tenant_id": self.tenant, "event_id": self._name(), "person_id": state["person_id"],
                    "occurred_at": second, "received_at": self._later(second),
                }  # fmt: skip
                latitude, longitude = self._point(state["site_id"])
                fix = {
                    "latitude": latitude, "longitude": longitude, "accuracy_meters": self._maybe(4.0, 80.0, 3e3),
                    "is_location_mocked": self._maybe(True, False, False),
                }  # fmt: skip
                self.world.location_updates.append({**row, **fix})
                report = {"battery_level": self._maybe(0.0, 33.3335, 100.0), "signal_strength": self._maybe(-95.5, 0.0)}
                self.world.device_events.append({**row, "event_kind": "devicelogs", **report})

    def _plans(self, near: list[Row]) -> None:
        chance = self.chance
        hours = (-30.0, -20.0, -13.0, -12.0, -8.0, -0.5, 0.0, 0.2, 2.0, 2.01, 11.0, 12.0, 24.0 * 30, -24.0 * 30 - 0.1)
        keyed: dict[Any, Row] = {}
        for state in near if chance.random() < 0.8 else []:
            begins = state["punched_in_at"] + timedelta(hours=chance.choice(hours))
            row: Row = {
                "tenant_id": self.tenant, "person_id": chance.choice((state["person_id"], *GUARDS)),
                "site_id": chance.choice((state["site_id"] or "s1", "s0")), "starts_at": begins,
                "ends_at": begins + timedelta(hours=chance.choice((4, 8, 12, 24, 60))),
                "is_cancelled": self._maybe(False, False, True), "received_at": self._told(begins),
            }  # fmt: skip
            if chance.random() < 0.3:
                row |= {"is_substitute": True, "original_person_id": chance.choice(GUARDS)}
            keyed[row["person_id"], row["site_id"], begins] = row
        self.world.shifts += keyed.values()
        for state in near:
            self._tour(state)

    def _told(self, begins: datetime) -> datetime:
        return begins - timedelta(hours=self.chance.choice((48, 48, 48, 24 * 40, -1, -30)))

    def _tour(self, state: Row) -> None:
        chance = self.chance
        due = state["punched_in_at"] - timedelta(hours=chance.choice((1, 5, 24, 24 * 7 + 3, 24 * 7 + 4, 24 * 9)))
        tour = f"tour-{sum(row['tenant_id'] == self.tenant for row in self.world.tours_due)}"
        until = due + timedelta(hours=chance.choice((0, 1, 30)))
        self.world.tours_due.append(
            {
                "tenant_id": self.tenant, "tour_id": tour, "person_id": self._maybe(*GUARDS, state["person_id"]),
                "site_id": "s0", "due_at": due, "due_until": until, "received_at": self._told(due),
                "total_checkpoints": chance.choice((0, 1, 3)), "grace_minutes": self._maybe(30.0, 10_080.0),
            }
        )  # fmt: skip
        for number in range(chance.choice((0, 1, 4))):
            ended = self._maybe(until, until, due - timedelta(days=1), due - timedelta(days=3))
            happened = ended or due
            scan: Row = {
                "tenant_id": self.tenant, "event_id": self._name(), "jobneed_id": f"{tour}-{number % 3}",
                "parent_id": self._maybe(tour, tour, tour), "person_id": chance.choice((state["person_id"], "p0")),
                "identifier": chance.choice(("INTERNALTOUR", "EXTERNALTOUR", "TASK")), "ended_at": ended,
                "status": chance.choice(("COMPLETED", "COMPLETED", "AUTOCLOSED")),
                "scan_type": self._maybe("QR", "SKIP"),
                "occurred_at": happened, "received_at": self._later(happened),
            }  # fmt: skip
            self.world.jobneeds.append(scan)

    def _opinions(self, states: list[Row]) -> None:
        for state in states:
            for _ in range(self.chance.choice((0, 0, 0, 1, 1, 2, 3))):
                days = self.chance.choice((-1, 0, 0.02, 1, 3, 20, 85))
                heard = min(state["punched_in_at"] + timedelta(days=days), DAWN + timedelta(days=3))
                row: Row = {
                    "tenant_id": self.tenant, "event_id": self._name(), "subject_id": state["attendance_id"],
                    "subject_kind": self.chance.choice(("ATTENDANCE", "ATTENDANCE", "ATTENDANCE", "TICKET")),
                    "verdict": self.chance.choice(("CONFIRMED", "CONFIRMED", "FALSE_POSITIVE", "UNDECIDED")),
                    "reviewer_id": "r0", "occurred_at": heard, "received_at": heard,
                }  # fmt: skip
                self.world.verdicts.append(row)
