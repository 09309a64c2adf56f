"""The real-world pack from its files to an answer, against what the files themselves say.

The judge reads the source files with the csv module and counts and measures by hand; it shares nothing with the
platform. What it counts is keyed by person and UTC hour.
"""

import csv
import itertools
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import pytest
from geographiclib.geodesic import Geodesic

from noc_platform_tests.end_to_end.commands import Noc, ask

CHECKOUT = Path(__file__).parents[2]
TENANT = "gastech"
HOUR = timedelta(hours=1)
FASTEST_METERS_A_SECOND = 150 / 3.6
Hour = tuple[str, datetime]
Thing = TypeVar("Thing")


class Fix(NamedTuple):
    """Where a car was."""

    at: datetime
    latitude: float
    longitude: float


@pytest.fixture(scope="module")
def noc(tmp_path_factory: pytest.TempPathFactory, gastech: Path) -> Noc:
    """An installation that took the pack in by the commands of its README, and ran the pipeline over it."""
    noc = Noc(tmp_path_factory.mktemp("gastech") / "home")
    for line in (CHECKOUT / "mappings/gastech/README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("noc ingest "):
            noc.run(*shlex.split(line.replace("$DATA", str(gastech)))[1:])
    for done in noc.json("run")["runs"]:
        assert done["success"], done
        assert not done["failed_checks"], done
    return noc


@pytest.fixture(scope="module")
def service(noc: Noc) -> Iterator[str]:
    with noc.served() as url:
        yield url


@pytest.fixture(scope="module")
def token(noc: Noc) -> str:
    return noc.token(TENANT)


def rows_of(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="latin-1", newline="") as file:
        return [
            {name.strip(): value.strip() for name, value in row.items()}
            for row in csv.DictReader(file, delimiter=delimiter)
        ]


def slug(*names: str) -> str:
    return "-".join(re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for name in names)


def instant(written: str, zone: str, pattern: str | None = None) -> datetime:
    moment = datetime.strptime(written, pattern) if pattern else datetime.fromisoformat(written)  # noqa: DTZ007
    return moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def by_hour(happened: Iterable[tuple[str, datetime, Thing]]) -> dict[Hour, set[Thing]]:
    """Distinct things per person and hour."""
    found: dict[Hour, set[Thing]] = defaultdict(set)
    for person, moment, what in happened:
        found[person, hour_of(moment)].add(what)
    return found


def spread(found: dict[Hour, set[Thing]], wanted: int) -> list[Hour]:
    """From the quietest of these hours to the busiest."""
    ordered = sorted(found, key=lambda hour: (len(found[hour]), hour))
    return [ordered[place * (len(ordered) - 1) // (wanted - 1)] for place in range(wanted)]


def answered(service: str, token: str, hour: Hour, of: str = "") -> dict[str, float | None]:
    who, start = hour
    end = f"{start + HOUR:%Y-%m-%dT%H:%M:%SZ}"
    status, answer = ask(f"{service}/api/v2/noc/telemetry/signals/{of}{who}/?window_minutes=60&as_of={end}", token)
    assert status == 200, answer
    signals: dict[str, float | None] = answer["data"]["aggregated_signals" if of else "signals"]
    return signals


def fixes_of(pack: Path) -> dict[Hour, set[Fix]]:
    week = pack / "vehicles-2014-week1"
    drivers = {
        row["CarID"]: slug(row["FirstName"], row["LastName"])
        for row in rows_of(week / "car-assignments.csv")
        if row["CarID"]
    }
    return by_hour(
        (drivers[row["id"]], at, Fix(at, float(row["lat"]), float(row["long"])))
        for row in rows_of(week / "gps_1min.csv")
        if row["id"] in drivers
        for at in [instant(row["Timestamp"], "Europe/Athens")]
    )


def metres_along(fixes: Iterable[Fix]) -> float:
    total = 0.0
    for here, there in itertools.pairwise(sorted(fixes)):
        leg = Geodesic.WGS84.Inverse(here.latitude, here.longitude, there.latitude, there.longitude)["s12"]
        total += min(leg, FASTEST_METERS_A_SECOND * (there.at - here.at).total_seconds())
    return total


def scans_of(pack: Path) -> dict[Hour, set[tuple[str, ...]]]:
    return by_hour(
        (row["prox-id"][:-3], instant(row["timestamp"], "Europe/Athens"), tuple(row.values()))
        for row in rows_of(pack / "building-2016" / "proxOut-MC2.csv")
    )


def test_calls_of_an_hour(service: str, token: str, gastech: Path) -> None:
    calls = by_hour(
        (f"subject-{row['subjectId']}", instant(row["date"], "America/New_York"), number)
        for number, row in enumerate(rows_of(gastech / "phone-2004" / "reality-mining-calls-even.txt", "\t"))
    )
    for hour in spread(calls, 5):
        assert answered(service, token, hour)["phone_events_count"] == len(calls[hour]), hour


def test_fixes_and_metres_of_an_hour(service: str, token: str, gastech: Path) -> None:
    fixes = fixes_of(gastech)
    several = {hour: those for hour, those in fixes.items() if len(those) > 1}
    for hour in spread(several, 6):
        signals = answered(service, token, hour)
        assert signals["location_updates_count"] == len(fixes[hour]), hour
        assert signals["movement_distance_meters"] == pytest.approx(metres_along(fixes[hour]), rel=0.005), hour


def test_checkpoints_of_an_hour_and_of_the_whole_site(service: str, token: str, gastech: Path) -> None:
    scans = scans_of(gastech)
    for hour in spread(scans, 5):
        assert answered(service, token, hour)["tour_checkpoints_scanned"] == len(scans[hour]), hour
    busiest = spread(scans, 2)[-1][1]
    at_site = sum(len(those) for (_, start), those in scans.items() if start == busiest)
    whole = answered(service, token, ("gastech-hq-2016", busiest), of="site/")
    assert whole["tour_checkpoints_scanned"] == at_site


def test_payments_of_an_hour_are_tasks(service: str, token: str, gastech: Path) -> None:
    payments = by_hour(
        (
            slug(row["FirstName"], row["LastName"]),
            instant(row["timestamp"], "Europe/Athens", "%m/%d/%Y %H:%M"),
            number,
        )
        for number, row in enumerate(rows_of(gastech / "vehicles-2014-week1" / "cc_data.csv"))
    )
    for hour in spread(payments, 5):
        assert answered(service, token, hour)["tasks_completed_count"] == len(payments[hour]), hour


def test_nothing_known_is_null_not_zero(service: str, token: str) -> None:
    """Lucas Alcazar drove in 2014; in 2004 nobody listened to him."""
    signals = answered(service, token, ("lucas-alcazar", datetime(2004, 10, 14, 4, tzinfo=UTC)))
    assert set(signals.values()) == {None}
