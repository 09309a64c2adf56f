"""The seed's fifth end-to-end case, by real commands: little phone activity and an alert that the device is offline
become one incident, which is investigated and tells its story; and the sample's incidents read true."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from noc_platform_tests.end_to_end.commands import Noc

AS_OF = datetime(2026, 3, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TENANT = "acme"


@pytest.fixture(scope="module")
def noc(tmp_path_factory: pytest.TempPathFactory) -> Noc:
    """An installation with one tenant, four guards on duty at two sites, one of whose phones says little and stops."""
    here = Noc(tmp_path_factory.mktemp("noc") / "home")
    here.run("setup")
    folder = tmp_path_factory.mktemp("rows")
    rows: dict[str, list[dict[str, Any]]] = {
        "tenants": [{"tenant_id": TENANT, "name": "Acme"}],
        "sites": [{"site_id": f"s{n}", "name": f"Site {n}", "time_zone": "Europe/Athens"} for n in range(2)],
        "people": [{"person_id": f"p{n}", "name": f"Guard {n}", "site_id": f"s{n % 2}"} for n in range(4)],
        "shifts": [
            {"person_id": f"p{n}", "site_id": f"s{n % 2}", "starts_at": AS_OF - 4 * 60 * MINUTE,
             "ends_at": AS_OF + 4 * 60 * MINUTE}
            for n in range(4)
        ],
        "device_events": [
            {"person_id": f"p{n}", "event_kind": "stepcount", "step_count": 40, "occurred_at": AS_OF - back * MINUTE}
            for n in range(4)
            # The phone of p0 speaks three times and stops.
            for back in ((118, 80, 61) if n == 0 else range(1, 240, 4))
        ],
        "location_updates": [
            {"person_id": f"p{n}", "latitude": 37.9 + back / 1e5, "longitude": 23.7, "accuracy_meters": 8,
             "occurred_at": AS_OF - back * MINUTE}
            for n in range(1, 4)
            for back in range(1, 240, 4)
        ],
        "alerts": [
            {"alert_type": "DEVICE_OFFLINE", "severity": "HIGH", "status": "NEW", "person_id": "p0", "site_id": "s0",
             "device_id": "phone-0", "occurred_at": AS_OF - 41 * MINUTE, "message": "not heard for 20 minutes"},
            {"alert_type": "SENSOR_THRESHOLD", "severity": "LOW", "site_id": "s1", "occurred_at": AS_OF - 40 * MINUTE},
        ],
    }  # fmt: skip
    for stream, told in rows.items():
        ingest(here, folder / f"{stream}.ndjson", stream, told)
    return here


def ingest(noc: Noc, file: Path, stream: str, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Rows by file, received a minute after they happened."""
    written = []
    for row in rows:
        received = {"received_at": row["occurred_at"] + MINUTE} if "occurred_at" in row else {}
        known = {"received_at": AS_OF - 24 * 60 * MINUTE} if stream == "shifts" else {}
        whole = {**({"tenant_id": TENANT} if stream != "tenants" else {}), **row, **received, **known}
        written.append(json.dumps({name: str(v) if isinstance(v, datetime) else v for name, v in whole.items()}))
    file.write_text("\n".join(written) + "\n")
    done: dict[str, int] = noc.json("ingest", stream, file)
    return done


def test_signal_collection_to_correlation(noc: Noc) -> None:
    """Little from a phone, and DEVICE_OFFLINE: one incident, investigated, and closed with its cause."""
    audited = noc.json("audit", "--as-of", AS_OF.isoformat(), "--depth", "comprehensive")["audits"][0]
    assert audited["windows"] >= 1
    assert audited["incidents"]["opened"] == 1
    (found,) = noc.json("incidents", "--tenant", TENANT)
    assert (found["person_id"], found["site_id"], found["combined_severity"]) == ("p0", "s0", "HIGH")
    assert (found["correlation_type"], found["correlation_score"]) == ("TIME_ENTITY", 1.0)
    incident = found["incident_id"]
    told = noc.json("explain", "incident", incident)
    assert [line["who"] for line in told["timeline"]] == ["p0 at s0", "p0 at s0"]
    said, raised = told["timeline"]
    assert "nothing comes from the phone" in said["what"]
    assert "matches DEVICE_OFFLINE" in said["why"]
    assert raised["why"].startswith("score 1: same person and site 0.5, near in time 0.3")
    again = noc.json("audit", "--as-of", AS_OF.isoformat(), "--depth", "comprehensive")["audits"][0]["incidents"]
    assert (again["opened"], again["attached"], again["merged"]) == (0, 0, 0)
    at = ("--at", (AS_OF + 5 * MINUTE).isoformat())
    noc.run("incident", "acknowledge", incident, "--by", "ana", "--why", "calling the site", *at)
    noc.run("incident", "investigate", incident, "--by", "ana", "--why", "battery", "--root-cause", "an old phone", *at)
    shown = noc.json("incident", "show", incident)
    assert (shown["investigated"], shown["investigated_by"], shown["root_cause_identified"]) == (True, "ana", True)
    assert shown["root_cause_description"] == "an old phone"
    assert noc.json("incidents", "--tenant", TENANT) == []
    read = noc.run("explain", "incident", incident).stdout
    for word in ("DEVICE_OFFLINE", "an old phone", "INVESTIGATED", "CORRELATED", "Europe/Athens"):
        assert word in read


def test_alerts_that_do_not_fit_are_told_of_and_stop_nothing(noc: Noc, tmp_path: Path) -> None:
    usual = {"alert_type": "DEVICE_OFFLINE", "severity": "HIGH", "person_id": "p0", "site_id": "s0"}
    at = AS_OF + 10 * MINUTE
    rows = [
        {**usual, "severity": "APOCALYPTIC", "occurred_at": at}, {**usual, "alert_type": "RUMOUR", "occurred_at": at},
        {**usual, "occurred_at": at + timedelta(days=3650)}, {**usual, "person_id": "stranger", "occurred_at": at},
        {"alert_type": "SLA_BREACH", "severity": "HIGH", "occurred_at": at},
    ]  # fmt: skip
    done = ingest(noc, tmp_path / "alerts.ndjson", "alerts", rows)
    assert (done["accepted"], done["quarantined"]) == (1, 4)
    later = (AS_OF + 15 * MINUTE).isoformat()
    audited = noc.json("audit", "--as-of", later, "--depth", "heartbeat")["audits"][0]
    assert audited["alerts"]["taken"]["events"] == 1
    assert audited["incidents"]["opened"] == 0
