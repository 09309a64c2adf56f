"""Trainings that were recorded, and what the ML team is told of them: once for each streak, and once when it ends."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc_platform.errors import Unavailable
from noc_platform.fraud import runs
from noc_platform.fraud.learning.examples import TooFewLabels, Unfit
from noc_platform.fraud.runs import NoticeKind, TrainingRun, due_notice
from noc_platform.fraud.vocabulary import RunStatus
from noc_platform.store.sessions import Database

SUNDAY = datetime(2026, 9, 6, 2, tzinfo=UTC)
WEEK = timedelta(weeks=1)
LETTERS = {"S": RunStatus.SUCCEEDED, "R": RunStatus.REJECTED, "F": RunStatus.FAILED, "-": RunStatus.SKIPPED}
Said = tuple[NoticeKind, datetime]


def training(status: RunStatus, week: int = 0, tenant: str = "acme") -> TrainingRun:
    at = SUNDAY + week * WEEK
    return TrainingRun(tenant, at, at, at + timedelta(minutes=1), status, f"Reason of week {week}.")


def weeks(letters: str, tenant: str = "acme") -> list[TrainingRun]:
    return [training(LETTERS[letter], week, tenant) for week, letter in enumerate(letters)]


def said_week_by_week(letters: str) -> list[tuple[int, NoticeKind]]:
    """What is said after each week's run, asking twice each time, as a repeated run would."""
    told: set[Said] = set()
    said = []
    for week in range(len(letters)):
        for _ in range(2):
            notice = due_notice(weeks(letters[: week + 1]), told)
            if notice is not None:
                told.add((notice.kind, notice.streak_began))
                said.append((week, notice.kind))
    return said


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("", []),
        ("F", []),
        ("R", []),
        ("S", []),
        ("SSSS", []),
        ("----", []),
        ("FF", [(1, "FAILING")]),
        ("RR", [(1, "FAILING")]),
        ("FR", [(1, "FAILING")]),
        ("SFSF", []),
        ("F-F", [(2, "FAILING")]),
        ("F---R", [(4, "FAILING")]),
        ("FFFFFF", [(1, "FAILING")]),
        ("FF-F", [(1, "FAILING")]),
        ("FS", []),
        ("FFS", [(1, "FAILING"), (2, "RECOVERED")]),
        ("FF-S", [(1, "FAILING"), (3, "RECOVERED")]),
        ("FFSSS", [(1, "FAILING"), (2, "RECOVERED")]),
        ("FFSF", [(1, "FAILING"), (2, "RECOVERED")]),
        ("FFSFSFF", [(1, "FAILING"), (2, "RECOVERED"), (6, "FAILING")]),
    ],
)
def test_once_for_each_streak_and_once_when_it_ends(letters: str, expected: list[tuple[int, str]]) -> None:
    assert said_week_by_week(letters) == expected


@given(letters=st.text("SRF-", max_size=14))
def test_notices_agree_with_an_obvious_count(letters: str) -> None:
    bad, expected = 0, []
    for week, letter in enumerate(letters):
        if letter in "RF":
            bad += 1
            if bad == 2:
                expected.append((week, NoticeKind.FAILING))
        elif letter == "S":
            if bad >= 2:
                expected.append((week, NoticeKind.RECOVERED))
            bad = 0
    assert said_week_by_week(letters) == expected


@given(letters=st.text("SRF-", max_size=14), order=st.randoms())
def test_the_order_of_rows_is_irrelevant(letters: str, order: Any) -> None:
    shuffled = weeks(letters)
    order.shuffle(shuffled)
    assert due_notice(shuffled) == due_notice(weeks(letters))


def test_a_streak_nobody_was_told_of_ends_without_a_word() -> None:
    assert due_notice(weeks("FFS")) is None


def test_a_notice_says_what_happened_each_time() -> None:
    notice = due_notice(weeks("FR"))
    assert notice is not None
    assert notice.title == "Fraud model of acme: 2 trainings in a row gave no new model"
    assert "2026-09-06 02:00 UTC FAILED: Reason of week 0." in notice.text
    assert "REJECTED: Reason of week 1." in notice.text


def test_too_few_labels_are_no_failure() -> None:
    assert runs.status_of(TooFewLabels("499 labelled events")) is RunStatus.SKIPPED
    assert runs.status_of(Unfit("One class.")) is RunStatus.REJECTED
    assert runs.status_of(Unavailable("MLflow is gone.")) is RunStatus.FAILED
    assert runs.status_of(ZeroDivisionError()) is RunStatus.FAILED


def test_a_training_is_recorded_once_for_each_moment(database: Database, tenant: str) -> None:
    failed = training(RunStatus.FAILED, tenant=tenant)
    full = replace(
        failed, status=RunStatus.SUCCEEDED, labelled=700, positives=80, mlflow_run_id="m", dagster_run_id="d",
        model_id=uuid4(), measures={"pr_auc": 0.8},
    )  # fmt: skip
    with database.transaction() as connection:
        assert runs.record(connection, failed) is RunStatus.FAILED
        assert runs.record(connection, full) is RunStatus.SUCCEEDED
        assert runs.history(connection, tenant) == [full]
        rejected = replace(full, status=RunStatus.REJECTED, model_id=None)
        assert runs.record(connection, rejected) is RunStatus.SUCCEEDED
        assert runs.history(connection, tenant) == [full]
        assert runs.history(connection, f"{tenant}-other") == []


@dataclass
class Inbox:
    """A web hook of the ML team: what it was sent, and whether it is out of order or asleep."""

    url: str = ""
    letters: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    asleep: Event = field(default_factory=Event)

    @property
    def titles(self) -> list[str]:
        return [letter["title"] for letter in self.letters]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if inbox.asleep.is_set():
                return
            if inbox.status == 200:
                inbox.letters.append(body)
            self.send_response(inbox.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server gives it
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    inbox.url = f"json://127.0.0.1:{server.server_port}/"
    yield inbox
    server.shutdown()
    server.server_close()


def trained(database: Database, run: TrainingRun, urls: Sequence[str], seconds: float = 5) -> runs.Told | None:
    """What a weekly job does."""
    with database.transaction() as connection:
        runs.record(connection, run)
    with database.transaction() as connection:
        return runs.tell(connection, run.tenant_id, urls, run.ended_at, seconds=seconds)


def test_ml_training_task_failure_alert(database: Database, tenant: str, inbox: Inbox) -> None:
    """The first failure sends nothing, the second one notice, the third nothing more; then one note on recovery.
    In the report's rule failures left no rows: it never fired, and without any model it fired at once (defect 67)."""
    counts = []
    for run in weeks("FRF-FSS", tenant):
        for _ in range(2):
            trained(database, run, [inbox.url])
        counts.append(len(inbox.letters))
    assert counts == [0, 1, 1, 1, 1, 2, 2]
    assert inbox.titles[0] == f"Fraud model of {tenant}: 2 trainings in a row gave no new model"
    assert "Reason of week 1." in inbox.letters[0]["message"]
    assert inbox.titles[1] == f"Fraud model of {tenant}: training succeeds again"


def test_a_notice_that_reached_nobody_is_tried_again(database: Database, tenant: str, inbox: Inbox) -> None:
    inbox.status = 500
    first, second, third = weeks("FFF", tenant)
    trained(database, first, [inbox.url])
    told = trained(database, second, [inbox.url])
    assert told is not None
    assert not told.delivered
    assert len(told.unreached) == 1
    inbox.status = 200
    again = trained(database, third, [inbox.url])
    assert again is not None
    assert again.delivered
    assert trained(database, third, [inbox.url]) is None
    assert len(inbox.letters) == 1


def test_without_addresses_it_is_due_until_there_is_one(database: Database, tenant: str, inbox: Inbox) -> None:
    for run in weeks("FF", tenant):
        told = trained(database, run, [])
    assert told is not None
    assert not told.delivered
    assert trained(database, training(RunStatus.FAILED, 2, tenant), [inbox.url]) is not None
    assert len(inbox.letters) == 1


def test_who_can_be_reached_is_told_once_whoever_cannot(database: Database, tenant: str, inbox: Inbox) -> None:
    addresses = ["json://user:secret@127.0.0.1:1/", "nonsense", inbox.url]
    _, told, nothing = (trained(database, run, addresses) for run in weeks("FFF", tenant))
    assert nothing is None
    assert told is not None
    assert told.delivered
    assert len(told.unreached) == 2
    assert "secret" not in " ".join(told.unreached)
    assert len(inbox.letters) == 1


def test_a_silent_address_holds_nobody_up_for_long(database: Database, tenant: str, inbox: Inbox) -> None:
    inbox.asleep.set()
    trained(database, training(RunStatus.FAILED, 0, tenant), [])
    told = trained(database, training(RunStatus.FAILED, 1, tenant), [inbox.url], seconds=0.2)
    assert told is not None
    assert not told.delivered


def test_workers_that_race_tell_it_once(database: Database, tenant: str, inbox: Inbox) -> None:
    with database.transaction() as connection:
        for run in weeks("FF", tenant):
            runs.record(connection, run)

    def tell(_: int) -> runs.Told | None:
        with database.transaction() as connection:
            return runs.tell(connection, tenant, [inbox.url], SUNDAY)

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(tell, range(4)))
    assert sum(each is not None for each in told) == 1
    assert len(inbox.letters) == 1


def test_tenants_are_told_of_apart(database: Database, tenant: str, inbox: Inbox) -> None:
    other = f"{tenant}-other"
    for ours, theirs in zip(weeks("FF", tenant), weeks("FS", other), strict=True):
        trained(database, ours, [inbox.url])
        trained(database, theirs, [inbox.url])
    assert inbox.titles == [f"Fraud model of {tenant}: 2 trainings in a row gave no new model"]
