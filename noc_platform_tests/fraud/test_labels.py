"""Labels: people's alone, one an attendance, as known at a moment, on every engine."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from noc_platform.fraud.labels import (
    HISTORY_SCHEMA,
    LABELS_SCHEMA,
    history,
    history_of,
    label_of_stage,
    labels,
    labels_as_of,
    mark_predictions,
)
from noc_platform.fraud.vocabulary import Stage
from noc_platform.journal.ledger import PLATFORM
from noc_platform.store.sessions import Database, Server
from noc_platform.streams.arrow import arrow_schema
from noc_platform.streams.catalogue import CONFIRMED, FALSE_POSITIVE, FLAGGED, RANDOM, REPORTED, UNDECIDED, VERDICTS
from noc_platform.telemetry.queries import table_of
from noc_platform_tests.builders import put, put_operation
from noc_platform_tests.engines import Engine, opened

Row = dict[str, Any]
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATE = NOON + timedelta(days=30)


def said(hour: int, verdict: str = CONFIRMED, attendance: str = "a1", **told: Any) -> Row:
    """A verdict of that hour after noon, received a minute later."""
    at = NOON + timedelta(hours=hour)
    return {
        "event_id": str(uuid4()),
        "occurred_at": at,
        "received_at": at + timedelta(minutes=1),
        "subject_kind": "ATTENDANCE",
        "subject_id": attendance,
        "verdict": verdict,
        "reviewer_id": "somebody",
        "selection": FLAGGED,
        **told,
    }


def put_said(connection: Connection, tenant: str, rows: list[Row]) -> None:
    put_operation(connection, tenant)
    receipt = put(connection, VERDICTS, rows, tenant, received_at=LATE)
    assert receipt.quarantined == 0


def known(database: Database, tenant: str, rows: list[Row], as_of: datetime = LATE) -> list[Row]:
    with database.transaction() as connection:
        put_said(connection, tenant, rows)
        found = labels_as_of(connection, tenant, as_of)
    assert found.schema == LABELS_SCHEMA
    return [dict(row) for row in found.to_pylist()]


def test_a_label_says_who_said_what_why_and_when(database: Database, tenant: str) -> None:
    row = said(1, fraud_kind="GPS_SPOOFING", selection=RANDOM, selection_probability=0.02)
    assert known(database, tenant, [row]) == [
        {
            "tenant_id": tenant,
            "attendance_id": "a1",
            "is_fraud": True,
            "fraud_kind": "GPS_SPOOFING",
            "selection": RANDOM,
            "selection_probability": 0.02,
            "reviewer": "somebody",
            "labelled_at": row["occurred_at"],
            "known_at": row["received_at"],
            "subject_kind": "ATTENDANCE",
            "subject_id": "a1",
            "event_id": row["event_id"],
        }
    ]


def test_nothing_is_known_before_it_was_received(database: Database, tenant: str) -> None:
    row = said(1, received_at=NOON + timedelta(days=3))
    with database.transaction() as connection:
        put_said(connection, tenant, [row])
        before = labels_as_of(connection, tenant, row["received_at"] - timedelta(microseconds=1))
        then = labels_as_of(connection, tenant, row["received_at"])
    assert (before.num_rows, then.num_rows) == (0, 1)


def test_undecided_is_no_label_not_even_no_fraud(database: Database, tenant: str) -> None:
    assert known(database, tenant, [said(1, UNDECIDED)]) == []


def test_a_label_can_be_taken_back(database: Database, tenant: str) -> None:
    assert known(database, tenant, [said(1), said(2, UNDECIDED)]) == []


def test_what_is_received_later_counts_even_if_it_was_said_before(database: Database, tenant: str) -> None:
    rows = [said(5, CONFIRMED), said(1, FALSE_POSITIVE, received_at=NOON + timedelta(hours=9))]
    assert [row["is_fraud"] for row in known(database, tenant, rows)] == [False]


def test_the_kind_of_a_fraud_that_was_none_is_not_told(database: Database, tenant: str) -> None:
    rows = [said(1, FALSE_POSITIVE, fraud_kind="BUDDY_PUNCHING")]
    assert [row["fraud_kind"] for row in known(database, tenant, rows)] == [None]


def test_label_history_kept(database: Database, tenant: str) -> None:
    """Defect 74: what was said before stays readable, with how long it held."""
    rows = [said(1), said(2, FALSE_POSITIVE), said(3, UNDECIDED)]
    with database.transaction() as connection:
        put_said(connection, tenant, rows)
        told = history_of(connection, tenant, LATE)
        earlier = history_of(connection, tenant, rows[1]["received_at"])
    assert told.schema == HISTORY_SCHEMA
    assert told["is_fraud"].to_pylist() == [True, False, None]
    assert told["replaced_at"].to_pylist() == [rows[1]["received_at"], rows[2]["received_at"], None]
    assert earlier["replaced_at"].to_pylist() == [rows[1]["received_at"], None]


def test_that_chance_chose_it_stays_true_whatever_brought_the_later_verdicts(database: Database, tenant: str) -> None:
    """Defect 72: a fraud of the random slice that is reported as well must not leave the slice."""
    rows = [said(1, UNDECIDED, selection=RANDOM, selection_probability=0.05), said(2, selection=REPORTED)]
    label = known(database, tenant, rows)[0]
    assert (label["selection"], label["selection_probability"], label["is_fraud"]) == (RANDOM, 0.05, True)


def test_nothing_of_another_tenant_is_read(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        put_said(connection, f"{tenant}-x", [said(1)])
        assert labels_as_of(connection, tenant, LATE).num_rows == 0


def test_only_people_give_labels(database: Database, tenant: str) -> None:
    """Defect 74: verdicts are all that is read; one the platform gave under its own name is none."""
    read = history(table_of(VERDICTS)).op().find(ibis.expr.operations.UnboundTable)
    assert {table.name for table in read} == {VERDICTS.table}
    rows = [said(1, reviewer_id=PLATFORM), *(said(2, subject_kind=kind) for kind in ("ALERT", "FINDING", "TICKET"))]
    assert known(database, tenant, rows) == []


def test_scores_and_detections_are_never_labels(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        put_operation(connection, tenant)
        predict(connection, tenant, "a1", Stage.OUT, fraud_score=100)
        assert labels_as_of(connection, tenant, LATE).num_rows == 0
        assert mark_predictions(connection, LATE) == 0


def test_a_fraud_of_leaving_says_nothing_of_coming(database: Database, tenant: str) -> None:
    rows = [
        said(1, attendance="late", fraud_kind="TIME_THEFT"),
        said(1, attendance="far", fraud_kind="GPS_SPOOFING"),
        said(1, attendance="some"),
        said(1, FALSE_POSITIVE, attendance="fine"),
    ]
    found = pa.Table.from_pylist(known(database, tenant, rows), schema=LABELS_SCHEMA)
    assert set(label_of_stage(found, Stage.IN)["attendance_id"].to_pylist()) == {"far", "some", "fine"}
    assert label_of_stage(found, Stage.OUT).num_rows == 4


# --- marking predictions


def predict(connection: Connection, tenant: str, attendance: str, stage: Stage, **told: Any) -> UUID:
    """A prediction by the rules, of an event of its own."""
    row = {
        "tenant_id": tenant, "event_id": uuid4(), "is_shadow": False, "prediction_id": uuid4(),
        "attendance_id": attendance, "person_id": "p0", "stage": stage, "happened_at": NOON, "known_at": NOON,
        "predicted_at": NOON, "method": "RULES", "model_version": "rules-v1", "fraud_probability": 0.5,
        "rule_score": 0, "rule_floor": 0, "fraud_score": 50, "risk_level": "MEDIUM", "is_flagged": True,
        "model_confidence": 1, "base_rate": 0, "features": "{}", "reasons": "[]", "detections": "[]", "latency_ms": 1,
        **told,
    }  # fmt: skip
    names = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    connection.execute(text(f"insert into noc_fraud_prediction ({names}) values ({marks})"), row)
    event = row["event_id"]
    assert isinstance(event, UUID)
    return event


def marked(connection: Connection, tenant: str) -> dict[UUID, tuple[bool | None, datetime | None]]:
    found = connection.execute(
        text("select event_id, actual_fraud, labelled_at from noc_fraud_prediction where tenant_id = :tenant"),
        {"tenant": tenant},
    )
    return {row.event_id: (row.actual_fraud, row.labelled_at) for row in found}


def test_predictions_are_told_what_people_say(database: Database, tenant: str) -> None:
    """Defect 74: labels reach every prediction of the attendance, once."""
    row = said(1)
    with database.transaction() as connection:
        put_said(connection, tenant, [row])
        judged = [predict(connection, tenant, "a1", stage) for stage in Stage]
        shadow = predict(connection, tenant, "a1", Stage.OUT, is_shadow=True)
        other = predict(connection, tenant, "a2", Stage.OUT)
        assert mark_predictions(connection, LATE) == 3
        assert mark_predictions(connection, LATE) == 0
        found = marked(connection, tenant)
    assert {found[event] for event in (*judged, shadow)} == {(True, row["occurred_at"])}
    assert found[other] == (None, None)


def test_a_later_verdict_marks_again_and_one_taken_back_marks_no_more(database: Database, tenant: str) -> None:
    rows = [said(1), said(2, FALSE_POSITIVE), said(3, UNDECIDED)]
    with database.transaction() as connection:
        put_said(connection, tenant, rows)
        event = predict(connection, tenant, "a1", Stage.OUT)
        seen = []
        for row in rows:
            assert mark_predictions(connection, row["received_at"]) == 1
            seen.append(marked(connection, tenant)[event])
    assert seen == [(True, rows[0]["occurred_at"]), (False, rows[1]["occurred_at"]), (None, None)]


def test_time_theft_marks_the_end_alone(database: Database, tenant: str) -> None:
    with database.transaction() as connection:
        put_said(connection, tenant, [said(1, fraud_kind="TIME_THEFT")])
        first, last = (predict(connection, tenant, "a1", stage) for stage in Stage)
        mark_predictions(connection, LATE)
        found = marked(connection, tenant)
    assert (found[first][0], found[last][0]) == (None, True)


# --- the same on every engine


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def engine(request: pytest.FixtureRequest, server: Server) -> Iterator[Engine]:
    with opened(request.param, server) as engine:
        yield engine


@st.composite
def verdicts(draw: st.DrawFn) -> list[Row]:
    """What was said of three attendances, by people and the platform, at few moments, so that some are the same."""
    rows = []
    for number in range(draw(st.integers(0, 12))):
        selection = draw(st.sampled_from([FLAGGED, RANDOM, REPORTED, None]))
        rows.append(
            {
                "tenant_id": draw(st.sampled_from(["t", "u"])),
                "event_id": str(UUID(int=number)),
                "occurred_at": NOON + timedelta(hours=draw(st.integers(0, 2))),
                "subject_kind": draw(st.sampled_from(["ATTENDANCE", "ATTENDANCE", "TICKET", "ALERT"])),
                "subject_id": draw(st.sampled_from(["a", "b", "c"])),
                "verdict": draw(st.sampled_from([CONFIRMED, FALSE_POSITIVE, UNDECIDED])),
                "fraud_kind": draw(st.sampled_from([None, "TIME_THEFT"])),
                "reviewer_id": draw(st.sampled_from(["r1", "r2", PLATFORM])),
                "selection": selection,
                "selection_probability": 0.1 if selection == RANDOM else None,
                "received_at": NOON + timedelta(hours=draw(st.integers(0, 4))),
            }
        )
    return rows


SUBJECTS = [("t", "TICKET", "a", "b"), ("u", "TICKET", "c", "z")]


def slow_but_obvious(rows: list[Row], as_of: datetime) -> set[tuple[Any, ...]]:
    about = {(tenant, kind, subject): attendance for tenant, kind, subject, attendance in SUBJECTS}
    last: dict[tuple[str, str], Row] = {}
    by_chance: dict[tuple[str, str], float] = {}
    for row in sorted(rows, key=lambda row: (row["received_at"], row["occurred_at"], row["event_id"])):
        place = (row["tenant_id"], row["subject_kind"], row["subject_id"])
        attendance = row["subject_id"] if row["subject_kind"] == "ATTENDANCE" else about.get(place)
        if attendance is None or row["reviewer_id"] == PLATFORM or row["received_at"] > as_of:
            continue
        subject = (row["tenant_id"], attendance)
        last[subject] = row
        if row["selection"] == RANDOM:
            by_chance[subject] = row["selection_probability"]
    return {
        (
            *subject,
            row["verdict"] == CONFIRMED,
            row["fraud_kind"] if row["verdict"] == CONFIRMED else None,
            RANDOM if subject in by_chance else row["selection"],
            by_chance.get(subject),
            row["event_id"],
        )
        for subject, row in last.items()
        if row["verdict"] != UNDECIDED
    }


@given(rows=verdicts(), hour=st.integers(0, 4))
@examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_labels_agree_with_a_plain_loop(engine: Engine, rows: list[Row], hour: int) -> None:
    schema = pa.schema([field.with_nullable(True) for field in arrow_schema(VERDICTS)])
    named = ("tenant_id", "subject_kind", "subject_id", "attendance_id")
    subjects = pa.Table.from_pylist(
        [dict(zip(named, each, strict=True)) for each in SUBJECTS], pa.schema([(name, pa.string()) for name in named])
    )
    whole = [{name: row.get(name) for name in schema.names} for row in rows]
    engine.hold({VERDICTS.table: pa.Table.from_pylist(whole, schema), "subjects": subjects})
    as_of = NOON + timedelta(hours=hour)
    moment = ibis.literal(as_of.isoformat()).cast("timestamp('UTC', 6)")
    asked = labels(table_of(VERDICTS), moment, ibis.table(dict.fromkeys(named, "string"), name="subjects"))
    columns = ("tenant_id", "attendance_id", "is_fraud", "fraud_kind", "selection", "selection_probability", "event_id")
    found = engine.rows(asked)
    assert {tuple(row[name] for name in columns) for row in found} == slow_but_obvious(rows, as_of)
    assert len(found) == len({(row["tenant_id"], row["attendance_id"]) for row in found})
