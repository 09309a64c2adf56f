"""Every training and what it came to, and telling the ML team when trainings keep failing, once, and when they recover.

A training that failed before it made a model is a row here like any other: a rule that only looks at models never sees
a failure (domain.md §10, defect 67). Elsewhere: why a model is refused (`gate`), what MLflow shows (`registry`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from threading import Thread
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert

from noc_platform.fraud.learning.examples import TooFewLabels, Unfit
from noc_platform.fraud.tables import notice, training_run
from noc_platform.fraud.vocabulary import MODEL_TYPE, RunStatus
from noc_platform.journal.identities import identity_at

BAD = (RunStatus.FAILED, RunStatus.REJECTED)
# Two: a single bad week happens, and the champion goes on scoring.
STREAK = 2
SHOWN_RUNS = 5
SEND_SECONDS = 15.0


class NoticeKind(StrEnum):
    """What the ML team is told."""

    FAILING = "FAILING"
    RECOVERED = "RECOVERED"


@dataclass(frozen=True)
class TrainingRun:
    """One training of a tenant's model. `as_of` is what it learned up to, and names it: one row for each."""

    tenant_id: str
    as_of: datetime
    started_at: datetime
    ended_at: datetime
    status: RunStatus
    reason: str
    labelled: int = 0
    positives: int = 0
    mlflow_run_id: str | None = None
    dagster_run_id: str | None = None
    model_id: UUID | None = None
    measures: Mapping[str, Any] = field(default_factory=dict)
    model_type: str = MODEL_TYPE

    @property
    def run_id(self) -> UUID:
        """The same for the same training, however often it is run."""
        return identity_at(self.as_of, ["training", self.tenant_id, self.model_type, self.as_of])


@dataclass(frozen=True)
class Notice:
    """What the ML team is to be told of a streak, which is named by the first of its runs."""

    kind: NoticeKind
    streak_began: datetime
    title: str
    text: str


@dataclass(frozen=True)
class Told:
    """A notice and whether it reached anybody; `unreached` are the addresses that did not take it, secrets masked."""

    notice: Notice
    delivered: bool
    unreached: tuple[str, ...] = ()


def status_of(error: Exception) -> RunStatus:
    """What a training that ended in an error came to: too little to learn from is no failure, and examples that cannot
    teach are refused like a model that learned nothing; all else failed."""
    if isinstance(error, TooFewLabels):
        return RunStatus.SKIPPED
    return RunStatus.REJECTED if isinstance(error, Unfit) else RunStatus.FAILED


def record(connection: Connection, run: TrainingRun) -> RunStatus:
    """Write down what a training came to; gives what stands then.

    Trained again for the same moment, the later outcome stands, save that a success stays one: the model it made is
    there, and training it again finds only that it is no better than itself.
    """
    row = {**asdict(run), "run_id": run.run_id, "measures": dict(run.measures)}
    new = insert(training_run).values(row)
    keys = ("tenant_id", "model_type", "as_of")
    changed = {name: new.excluded[name] for name in row if name not in (*keys, "run_id")}
    may = (training_run.c.status != RunStatus.SUCCEEDED) | (new.excluded.status == RunStatus.SUCCEEDED)
    connection.execute(new.on_conflict_do_update(index_elements=list(keys), set_=changed, where=may))
    stands = select(training_run.c.status).where(training_run.c.run_id == run.run_id)
    return RunStatus(connection.execute(stands).scalar_one())


def history(connection: Connection, tenant_id: str, model_type: str = MODEL_TYPE) -> list[TrainingRun]:
    """Every training of a tenant's model, oldest first."""
    mine = (training_run.c.tenant_id == tenant_id) & (training_run.c.model_type == model_type)
    rows = connection.execute(select(training_run).where(mine).order_by(training_run.c.as_of)).mappings()
    return [
        TrainingRun(
            **{**{name: value for name, value in row.items() if name != "run_id"}, "status": RunStatus(row.status)}
        )
        for row in rows
    ]


def due_notice(runs: Sequence[TrainingRun], told: Collection[tuple[NoticeKind, datetime]] = ()) -> Notice | None:
    """What the ML team is to be told after these trainings (any order), given what it has been told of which streak.

    Failed or refused twice in a row: once for each streak. The first success after a streak it was told of: once.
    Skipped trainings neither count nor break a streak.
    """
    counted = [run for run in sorted(runs, key=lambda run: run.as_of) if run.status is not RunStatus.SKIPPED]
    streak, ending = _last_streak(counted)
    if len(streak) < STREAK:
        return None
    began = streak[0].as_of
    was_told = (NoticeKind.FAILING, began) in told
    if ending is None:
        return None if was_told else _failing(streak)
    return _recovered(streak, ending) if was_told and (NoticeKind.RECOVERED, began) not in told else None


def tell(
    connection: Connection, tenant_id: str, urls: Sequence[str], at: datetime, model_type: str = MODEL_TYPE,
    seconds: float = SEND_SECONDS,
) -> Told | None:  # fmt: skip
    """Tell the ML team what is due, if anything, and write down that it was told.

    In a transaction of its own, after the one that recorded the training: sending takes up to `seconds` for each
    address, and whoever else would tell the same meanwhile waits and then finds it told. A notice that reached nobody
    is tried again the next time, while it is still true. Never raises because something could not be sent.
    """
    _hold(connection, tenant_id, model_type)
    told = _told(connection, tenant_id, model_type)
    due = due_notice(history(connection, tenant_id, model_type), told)
    if due is None:
        return None
    unreached = send(urls, due.title, due.text, seconds)
    outcome = Told(due, delivered=len(unreached) < len(urls), unreached=unreached)
    row = {
        "notice_id": identity_at(due.streak_began, ["notice", tenant_id, model_type, due.kind, due.streak_began]),
        "tenant_id": tenant_id, "model_type": model_type, "kind": due.kind, "streak_began": due.streak_began,
        "told_at": at, "delivered": outcome.delivered, "text": due.text,
    }  # fmt: skip
    new = insert(notice).values(row)
    changed = {name: new.excluded[name] for name in ("told_at", "delivered", "text")}
    connection.execute(new.on_conflict_do_update(index_elements=["notice_id"], set_=changed))
    return outcome


def send(urls: Sequence[str], title: str, body: str, seconds: float = SEND_SECONDS) -> tuple[str, ...]:
    """Send to every address apprise knows how to reach; gives those that did not take it, with secrets masked."""
    return tuple(_masked(url) for url in urls if not _sent(url, title, body, seconds))


def _last_streak(counted: Sequence[TrainingRun]) -> tuple[list[TrainingRun], TrainingRun | None]:
    """The last streak worth telling of, oldest run first, and the success that ended it, if one did."""
    streak: list[TrainingRun] = []
    last: tuple[list[TrainingRun], TrainingRun | None] = ([], None)
    for run in counted:
        if run.status in BAD:
            streak.append(run)
            continue
        if len(streak) >= STREAK:
            last = (streak, run)
        streak = []
    return (streak, None) if len(streak) >= STREAK else last


def _failing(streak: Sequence[TrainingRun]) -> Notice:
    tenant = streak[0].tenant_id
    lines = [f"{run.as_of:%Y-%m-%d %H:%M %Z} {run.status}: {run.reason}" for run in streak[-SHOWN_RUNS:]]
    return Notice(
        NoticeKind.FAILING, streak[0].as_of,
        f"Fraud model of {tenant}: {len(streak)} trainings in a row gave no new model",
        "\n".join([*lines, "What scored before goes on scoring. MLflow shows each of these trainings."]),
    )  # fmt: skip


def _recovered(streak: Sequence[TrainingRun], ending: TrainingRun) -> Notice:
    return Notice(
        NoticeKind.RECOVERED, streak[0].as_of,
        f"Fraud model of {ending.tenant_id}: training succeeds again",
        f"{ending.as_of:%Y-%m-%d %H:%M %Z} {ending.status}: {ending.reason}\n"
        f"Before it, {len(streak)} trainings in a row had given no new model.",
    )  # fmt: skip


def _hold(connection: Connection, tenant_id: str, model_type: str) -> None:
    """One at a time tells of a tenant's model, until the transaction ends."""
    key = f"notice {tenant_id} {model_type}"
    connection.execute(text("select pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})


def _told(connection: Connection, tenant_id: str, model_type: str) -> set[tuple[NoticeKind, datetime]]:
    mine = (notice.c.tenant_id == tenant_id) & (notice.c.model_type == model_type) & notice.c.delivered
    rows = connection.execute(select(notice.c.kind, notice.c.streak_began).where(mine))
    return {(NoticeKind(row.kind), row.streak_began) for row in rows}


def _sent(url: str, title: str, body: str, seconds: float) -> bool:
    """Whether an address took it in time. In a thread, because a server that answers a byte at a time outlives every
    timeout of a socket; the thread ends with the process."""
    taken: list[bool] = []
    thread = Thread(target=lambda: taken.append(_notify(url, title, body)), daemon=True)
    thread.start()
    thread.join(seconds)
    return taken == [True]


def _notify(url: str, title: str, body: str) -> bool:
    import apprise

    notifier = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, app_id="NOC"))
    return bool(notifier.add(url)) and bool(notifier.notify(body=body, title=title))


def _masked(url: str) -> str:
    import apprise

    known = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    return str(known.url(privacy=True)) if known else f"{url.split('://')[0]}://… (not an address apprise knows)"
