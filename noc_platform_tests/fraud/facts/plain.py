"""The evidence again, as obvious loops over rows: slow, and sharing no code with the expressions it judges.

Written from domain.md §5.3 and what the columns are said to be. Times are compared in whole seconds.
"""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from noc_platform_tests.fraud.facts.measures import (
    DAY,
    HOUR,
    MINUTE,
    at_least,
    at_most,
    last_of,
    metres,
    nearness,
    number,
    second,
    spread_of,
)
from noc_platform_tests.fraud.facts.worlds import CLOCKS_FROM, CLOCKS_UNTIL, Row, World

TOURS = ("INTERNALTOUR", "EXTERNALTOUR")


def plain_evidence(world: World) -> dict[str, Row]:
    """What `features.evidence` should give, by event."""
    return {row["event_id"]: _Asked(world, row).evidence() for row in world.attendance_events}


class _Asked:
    """One event, and what was known of its tenant's world when it was received."""

    def __init__(self, world: World, event: Row) -> None:
        tenant = event["tenant_id"]
        self.known: datetime = event["received_at"]
        told = {
            name: [
                row for row in rows if row["tenant_id"] == tenant and row.get("received_at", self.known) <= self.known
            ]
            for name, rows in vars(world).items()
        }
        self.world, self.told, self.event = world, told, event
        self.person, self.site_id, self.attendance = event["person_id"], event["site_id"], event["attendance_id"]
        # Sites and people are what they are: of them it is not kept when what was known.
        self.sites = {row["site_id"]: row for row in world.sites if row["tenant_id"] == tenant}
        self.site: Row = self.sites.get(self.site_id, {})
        homes = [r["site_id"] for r in world.people if (r["tenant_id"], r["person_id"]) == (tenant, self.person)]
        self.home = homes[0] if homes else None
        self.is_out = event.get("punched_out_at") is not None
        self.happened: datetime = event["punched_out_at"] if self.is_out else event["punched_in_at"]
        self.came, self.at = second(event["punched_in_at"]), second(self.happened)

    def evidence(self) -> Row:
        row = self.event
        place = (row.get("latitude_in"), row.get("longitude_in"))
        excess = self._beyond(place, row.get("distance_in_meters"))
        threshold, distance = row.get("face_threshold"), row.get("face_distance")
        margin = 1 - distance / threshold if threshold and distance is not None else None
        quality = row.get("quality_score")
        return {
            "tenant_id": row["tenant_id"], "event_id": row["event_id"], "attendance_id": self.attendance,
            "person_id": self.person, "site_id": self.site_id, "stage": "OUT" if self.is_out else "IN",
            "client_id": row.get("client_id") or self.site.get("client_id"),
            "happened_at": self.happened, "known_at": self.known,
            "biometric_quality_score": at_least(margin, 0.0) if quality is None else quality,
            "gps_accuracy": at_most(row.get("accuracy_meters"), 1_000.0),
            "geofence_distance_meters": at_most(excess, 10_000.0),
            "geofence_excess_meters": excess, "accuracy_meters": row.get("accuracy_meters"),
            "has_punched_out": float(self.is_out),
            "is_location_mocked": number(row.get("is_location_mocked")),
            "face_margin": margin, "liveness_score": row.get("liveness_score"),
            "confidence_score": row.get("confidence_score"),
            "verification_attempts": number(row.get("verification_attempts")),
            "out_distance_meters": self._left_from(),
            "duty_hours": (self.at - self.came) / HOUR if self.is_out else None,
            "device_id": row.get("device_id"), "template_id": row.get("template_id"),
            "device_people": self._sharing("device_id", 7), "template_people": self._sharing("template_id", 30),
            "tour_completion_rate": self._tours(),
            **self._habits(), **self._readings(), **self._fixes(), **self._roster(), **self._elsewhere(),
            **self._travel(), **self._worked(),
        }  # fmt: skip

    def _beyond(self, point: tuple[float | None, float | None], said: float | None = None) -> float | None:
        """Metres beyond the geofence; by what the source says where there are no positions."""
        apart = metres(self.site.get("latitude"), self.site.get("longitude"), *point)
        apart = said if apart is None or self.site.get("geofence_radius_meters") is None else apart
        radius: float | None = self.site.get("geofence_radius_meters")
        return None if apart is None or radius is None else max(0.0, apart - radius)

    def _left_from(self) -> float | None:
        point = (self.event.get("latitude_out"), self.event.get("longitude_out"))
        left = self._beyond(point, self.event.get("distance_out_meters")) if self.is_out else None
        return at_most(left, 10_000.0)

    # What came before

    def _habits(self) -> Row:
        earlier = self._earlier()
        judged = [first for first in earlier if first["word"] and first["word"]["verdict"] != "UNDECIDED"]
        judged = [f for f in judged if second(f["word"]["received_at"]) >= second(self._as_of()) - 90 * DAY]
        frauds = [first for first in judged if first["word"]["verdict"] == "CONFIRMED"]
        recent = [first for first in earlier if second(first["punched_in_at"]) >= self.came - 30 * DAY]
        phones = [first["device_id"] for first in recent if first.get("device_id") is not None]
        device = self.event.get("device_id")
        scores = [first["confidence_score"] for first in recent if first.get("confidence_score") is not None]
        clocks = [self._clock(first) for first in recent if first.get("confidence_score") is not None]
        minutes = None if None in clocks else float(len({clock[0] // 60 for clock in clocks if clock}))
        return {
            "historical_fraud_rate": (len(frauds) + 1) / (len(judged) + 10) if judged else None,
            "consecutive_violations": self._run(earlier),
            "own_device_share": phones.count(device) / len(phones) if phones and device is not None else None,
            "verifications": float(len(scores)) if earlier else None,
            "distinct_minutes": minutes if earlier else None,
            "mean_confidence": sum(scores) / len(scores) if scores else None,
            "low_confidence_share": sum(score < 0.5 for score in scores) / len(scores) if scores else None,
            **self._usual([self._clock(first) for first in earlier]),
        }  # fmt: skip

    def _as_of(self) -> datetime:
        return min(self.happened, self.known)

    def _earlier(self) -> list[Row]:
        """The person's other attendances of ninety days, as first told of, with the last word on each before this."""
        firsts: dict[str, Row] = {}
        for row in sorted(self.told["attendance_events"], key=lambda row: (row["received_at"], row["event_id"])):
            if row["person_id"] == self.person and row["attendance_id"] != self.attendance:
                firsts.setdefault(row["attendance_id"], row)
        words: dict[str, Row] = {}
        for row in sorted(self.told["verdicts"], key=lambda row: (row["received_at"], row["event_id"])):
            if row["subject_kind"] == "ATTENDANCE" and row["received_at"] <= self._as_of():
                words[row["subject_id"]] = row
        return [
            {**first, "word": words.get(name)}
            for name, first in firsts.items()
            if self.came - 90 * DAY <= second(first["punched_in_at"]) < self.came
        ]

    def _run(self, earlier: list[Row]) -> float | None:
        clean = [second(first["punched_in_at"]) for first in earlier if not is_violation(first)]
        wrong = [second(first["punched_in_at"]) for first in earlier if is_violation(first)]
        return float(min(10, sum(moment > max(clean, default=-1) for moment in wrong))) if earlier else None

    def _clock(self, row: Row) -> tuple[float, int] | None:
        """Seconds of the day and day of the week of a punch by its site's clock."""
        zone = self.sites.get(row["site_id"], {}).get("time_zone")
        if zone in (None, "Nowhere/At_All") or not CLOCKS_FROM <= row["punched_in_at"] < CLOCKS_UNTIL:
            return None
        local = row["punched_in_at"].astimezone(ZoneInfo(zone))
        return local.hour * HOUR + local.minute * MINUTE + local.second, local.weekday()

    def _usual(self, clocks: list[tuple[float, int] | None]) -> Row:
        known = [clock for clock in clocks if clock is not None]
        now = self._clock(self.event)
        unusual_hour = unusual_day = None
        if now is not None and len(known) >= 10:
            level = [sum(nearness(hour, int(clock[0] // HOUR)) for clock in known) for hour in range(24)]
            unusual_hour = 1 - level[int(now[0] // HOUR)] / max(level)
            days = [sum(clock[1] == day for clock in known) for day in range(7)]
            unusual_day = 1 - days[now[1]] / max(days)
        near = [
            abs(second(s["starts_at"]) - self.came) <= 12 * HOUR or self._is_now(s) for s in self._shifts(self.person)
        ]
        return {
            "time_of_day_anomaly_score": unusual_hour,
            "day_of_week_pattern_score": 0.0 if any(near) else unusual_day,
        }

    def _sharing(self, name: str, days: int) -> float | None:
        if self.event.get(name) is None:
            return None
        others = {
            row["person_id"] for row in self.told["attendance_events"] if row.get(name) == self.event[name]
            and self.at - days * DAY <= second(row["punched_out_at"] or row["punched_in_at"]) <= self.at
        }  # fmt: skip
        return float(len(others - {self.person}))

    # What the phone told

    def _heard(self, stream: str, seconds: int) -> list[Row]:
        rows = [row for row in self.told[stream] if row["person_id"] == self.person]
        return [row for row in rows if self.at - seconds <= second(row["occurred_at"]) < self.at]

    def _readings(self) -> Row:
        heard = self._heard("device_events", 2 * HOUR)
        last = {}
        for name in ("battery_level", "signal_strength"):
            told = [(second(row["occurred_at"]), row[name]) for row in heard if row.get(name) is not None]
            last[name] = math.floor(max(told)[1] * 1000 + 0.5) / 1000 if told else None
        return {"battery_level": last["battery_level"], "phone_signal_strength": last["signal_strength"]}

    def _fixes(self) -> Row:
        far = [
            fix for fix in self._heard("location_updates", 6 * HOUR) if None not in (fix["latitude"], fix["longitude"])
        ]
        near = [fix for fix in far if second(fix["occurred_at"]) >= self.at - 2 * HOUR]
        aged = [fix for fix in far if second(fix["occurred_at"]) <= self.at - MINUTE]
        marks = [fix["is_location_mocked"] for fix in near if fix.get("is_location_mocked") is not None]
        accuracies = [fix["accuracy_meters"] for fix in near if fix.get("accuracy_meters") is not None]
        before = last_of(aged)
        place = last_of(near)
        feeds = [row for row in self.world.feeds if row["tenant_id"] == self.event["tenant_id"]]
        is_fed = any(f["stream"] == "location_updates" and f["first_received_at"] <= self.known for f in feeds)
        speed = self._speed(before)
        where = self._beyond((place["latitude"], place["longitude"])) if place else None
        spread = max(accuracies) - min(accuracies) if accuracies else None
        return {
            "fix_speed_kmh": speed, "velocity_kmh": at_most(speed, 1_000.0),
            "fix_accuracy_meters": before and before.get("accuracy_meters"),
            "location_update_frequency": len(near) / 2 if is_fed else None,
            "phone_distance_meters": at_most(where, 10_000.0),
            "fix_spread_meters": spread_of(near) if len(near) >= 3 else None,
            "accuracy_spread_meters": spread if len(near) >= 3 else None,
            "mocked_fix_share": sum(marks) / len(marks) if marks else None,
            "is_mocked": bool(self.event.get("is_location_mocked") or (before and before.get("is_location_mocked"))),
        }  # fmt: skip

    def _speed(self, before: Row | None) -> float | None:
        if before is None:
            return None
        way = "out" if self.is_out else "in"
        punch = self.event.get(f"latitude_{way}"), self.event.get(f"longitude_{way}")
        apart = metres(before["latitude"], before["longitude"], *punch)
        doubt = (before.get("accuracy_meters") or 0) + (self.event.get("accuracy_meters") or 0)
        elapsed = self.at - second(before["occurred_at"])
        return None if apart is None else max(0.0, apart - doubt) / elapsed * 3.6

    # What there was to do

    def _tours(self) -> float | None:
        due = scanned = 0
        for tour in self.told["tours_due"]:
            began = second(tour["due_at"])
            over = second(tour["due_until"]) + (tour["grace_minutes"] or 0) * MINUTE + 2 * HOUR
            is_lately = self.at - 7 * DAY < over <= self.at and began >= self.at - 9 * DAY
            if tour["person_id"] != self.person or not is_lately or over > second(self.known):
                continue
            scans = {
                scan["jobneed_id"] for scan in self.told["jobneeds"]
                if scan["parent_id"] == tour["tour_id"] and scan["person_id"] == self.person
                and scan["identifier"] in TOURS and scan["status"] != "AUTOCLOSED" and scan["scan_type"] != "SKIP"
                and scan["ended_at"] is not None and began - 2 * DAY <= second(scan["ended_at"]) <= over
                and second(scan["received_at"]) <= over
            }  # fmt: skip
            due += tour["total_checkpoints"]
            scanned += min(len(scans), tour["total_checkpoints"])
        return scanned / due if due else None

    def _shifts(self, person: str | None = None, site: str | None = None) -> list[Row]:
        return [
            row for row in self.told["shifts"]
            if not row["is_cancelled"] and person in (None, row["person_id"]) and site in (None, row["site_id"])
        ]  # fmt: skip

    def _is_now(self, shift: Row) -> bool:
        begins = second(shift["starts_at"])
        return begins - 2 * HOUR <= self.came < second(shift["ends_at"]) and begins >= self.came - 2 * DAY

    def _roster(self) -> Row:
        keeps = bool(self.told["shifts"])
        own = self._shifts(self.person)
        here = [shift for shift in own if shift["site_id"] == self.site_id]
        is_here = any(self._is_now(shift) for shift in here)
        is_planned = any(abs(second(shift["starts_at"]) - self.came) <= 30 * DAY for shift in here)
        knows_home = self.site_id is not None and (self.home is not None or keeps)
        apart = [(self.came - second(shift["starts_at"])) / MINUTE for shift in own]
        around = [
            minutes for shift, minutes in zip(own, apart, strict=True) if abs(minutes) <= 720 or self._is_now(shift)
        ]
        return {
            "is_rostered_here": is_here if keeps and self.site_id is not None else None,
            "expected_person_id": None if is_here else self._expected(),
            "is_assigned_here": (self.home == self.site_id or is_planned) if knows_home else None,
            "minutes_from_roster": min(around, key=lambda minutes: (abs(minutes), -minutes), default=None),
        }

    def _expected(self) -> str | None:
        if self.site_id is None:
            return None
        due = [s for s in self._shifts(site=self.site_id) if self._is_now(s) and s["person_id"] != self.person]
        replaced = {shift.get("original_person_id") for shift in due}
        absent = {shift["person_id"] for shift in due} - replaced
        for shift in due:
            if self._has_come(shift):
                absent.discard(shift["person_id"])
        return min(absent, default=None)

    def _has_come(self, shift: Row) -> bool:
        begins, ends = second(shift["starts_at"]) - 2 * HOUR, second(shift["ends_at"])
        return any(
            row["person_id"] == shift["person_id"] and row["site_id"] == self.site_id
            and begins <= second(row["punched_in_at"]) < ends and second(row["punched_in_at"]) <= self.at
            for row in self.told["attendance_events"]
        )  # fmt: skip

    # Other attendances

    def _others(self) -> list[Row]:
        """The person's other attendances, each from all of its states that are known; left is what lies before this."""
        states: dict[str, list[Row]] = {}
        for row in self.told["attendance_events"]:
            came = second(row["punched_in_at"])
            is_near = self.came - 48 * HOUR <= came and (came <= self.came + 30 * MINUTE or came < self.at)
            if row["person_id"] == self.person and row["attendance_id"] != self.attendance and is_near:
                states.setdefault(row["attendance_id"], []).append(row)
        others = []
        for name, rows in states.items():
            outs = [second(row["punched_out_at"]) for row in rows if row["punched_out_at"] is not None]
            sites = [row["site_id"] for row in rows if row["site_id"] is not None]
            left = max((out for out in outs if out <= self.at), default=None)
            came = min(second(row["punched_in_at"]) for row in rows)
            others.append({"name": name, "came": came, "left": left, "site": max(sites, default=None)})
        return others

    def _others_elsewhere(self) -> list[Row]:
        return [
            one for one in self._others() if None not in (one["site"], self.site_id) and one["site"] != self.site_id
        ]

    def _elsewhere(self) -> Row:
        near = [o for o in self._others_elsewhere() if abs(o["came"] - self.came) <= 30 * MINUTE]
        found = min(near, key=lambda other: (abs(other["came"] - self.came), other["name"]), default=None)
        return {
            "elsewhere_attendance_id": found and found["name"], "elsewhere_site_id": found and found["site"],
            "elsewhere_seconds": found and float(abs(found["came"] - self.came)),
        }  # fmt: skip

    def _travel(self) -> Row:
        before = [o for o in self._others_elsewhere() if o["came"] <= self.came or o["came"] < self.at]
        found = min(before, key=lambda other: (-other["came"], other["name"]), default=None)
        there: Row = self.sites.get(found["site"], {}) if found else {}
        points = (self.site.get("latitude"), self.site.get("longitude"), there.get("latitude"), there.get("longitude"))
        left = None if found is None else found["came"] if found["left"] is None else found["left"]
        return {
            "previous_attendance_id": found and found["name"], "previous_site_id": found and found["site"],
            "travel_distance_meters": metres(*points),
            "travel_seconds": None if left is None else float(self.came - left),
        }  # fmt: skip

    def _worked(self) -> Row:
        """The seconds in which the person was at work, as a union of stretches."""
        spans = [(self.came, self.at)]
        for other in self._others():
            longest = other["came"] + 16 * HOUR
            left = longest if other["left"] is None else min(other["left"], longest)
            spans.append((other["came"], min(left, self.at)))
        merged: list[list[int]] = []
        for begins, ends in sorted(span for span in spans if span[0] < span[1]):
            if merged and begins <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], ends)
            else:
                merged.append([begins, ends])
        day = sum(max(0, ends - max(begins, self.at - DAY)) for begins, ends in merged)
        unbroken, reached = 0, self.at
        for begins, ends in reversed(merged):
            if reached - ends > 30 * MINUTE:
                break
            unbroken, reached = merged[-1][1] - begins, begins
        return {"worked_seconds": float(day), "continuous_seconds": float(unbroken)}


def is_violation(first: Row) -> bool:
    """People's word, or else what the row says itself."""
    said = first["word"]["verdict"] if first["word"] else "UNDECIDED"
    if said != "UNDECIDED":
        return bool(said == "CONFIRMED")
    return bool(
        first.get("is_location_mocked")
        or first.get("biometric_result") in ("FAILED", "SUSPICIOUS", "FRAUD_DETECTED")
        or first.get("is_in_geofence_in") is False
        or (first.get("accuracy_meters") or 0) > 100
    )
