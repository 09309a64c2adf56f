"""What people said of attendances: one label each, as it was known at a moment; and predictions told by it.

Labels come from the stream `verdicts` alone, which people fill: there is no other source for one here, so that no
score of a model or a rule can ever be taken for the truth. Elsewhere: which attendances people are asked to look at
(`review`), and what can be said of those nobody looked at (`estimates`).

A verdict holds from when it was received until the next about the same attendance was: the later replaces the
earlier, and UNDECIDED takes a label back. All of them stay readable in `history`.
"""

from datetime import datetime
from functools import cache

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from noc_platform.fraud.vocabulary import Stage
from noc_platform.journal.ledger import PLATFORM
from noc_platform.store.copying import copy_out
from noc_platform.streams.catalogue import CONFIRMED, RANDOM, UNDECIDED, VERDICTS
from noc_platform.telemetry.queries import table_of

ATTENDANCE = "ATTENDANCE"
# Frauds that happen when somebody leaves: what is known at the punch-in cannot show them.
SHOWN_AT_THE_END = ("TIME_THEFT",)
INSTANT = pa.timestamp("us", tz="UTC")
SUBJECT = ("tenant_id", "subject_kind", "subject_id")
LABELS_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("tenant_id", "attendance_id")),
        ("is_fraud", pa.bool_()),
        *((name, pa.string()) for name in ("fraud_kind", "selection")),
        ("selection_probability", pa.float64()),
        ("reviewer", pa.string()),
        ("labelled_at", INSTANT),
        ("known_at", INSTANT),
        *((name, pa.string()) for name in ("subject_kind", "subject_id", "event_id")),
    ]
)
HISTORY_SCHEMA = pa.schema([*LABELS_SCHEMA, ("replaced_at", INSTANT)])


def history(verdicts: ir.Table, subjects: ir.Table | None = None) -> ir.Table:
    """Every verdict about an attendance as `HISTORY_SCHEMA`, over the stream's table or a view of it.

    `is_fraud` is null where they were undecided. A row held from `known_at` until before `replaced_at`, null for the
    one that holds still, by order of receipt, then of when it was said: join on that to know the label of a moment.
    `selection` says RANDOM from the first verdict on that chance asked for, with its probability, whatever brought
    the later ones: that chance chose it stays true.

    `subjects` (`SUBJECT` and attendance_id, each subject once) says which attendance a verdict on something else is
    about; without it, verdicts on attendances alone are read.
    """
    said = _about_attendances(verdicts, subjects)
    order = [said.received_at, said.occurred_at, said.event_id]
    held = ibis.window(group_by=[said.tenant_id, said.attendance_id], order_by=order)
    so_far = ibis.window(group_by=[said.tenant_id, said.attendance_id], order_by=order, following=0)
    is_random = said.selection == RANDOM
    chance = ibis.ifelse(is_random, said.selection_probability, ibis.null("float64")).max().over(so_far)
    was_random = ibis.ifelse(is_random, 1, 0).max().over(so_far) == 1
    told = said.select(
        "tenant_id",
        "attendance_id",
        is_fraud=ibis.ifelse(said.verdict == UNDECIDED, ibis.null("boolean"), said.verdict == CONFIRMED),
        fraud_kind=ibis.ifelse(said.verdict == CONFIRMED, said.fraud_kind, ibis.null("string")),
        selection=ibis.ifelse(was_random, RANDOM, said.selection),
        selection_probability=ibis.ifelse(was_random, chance, said.selection_probability),
        reviewer=said.reviewer_id,
        labelled_at=said.occurred_at,
        known_at=said.received_at,
        subject_kind=said.subject_kind,
        subject_id=said.subject_id,
        event_id=said.event_id,
        replaced_at=said.received_at.lead().over(held),
    )
    return told.select(*HISTORY_SCHEMA.names)


def labels(verdicts: ir.Table, as_of: ir.TimestampValue, subjects: ir.Table | None = None) -> ir.Table:
    """The label of each attendance as known at a moment (UTC), as `LABELS_SCHEMA`; none where it was undecided."""
    said = history(verdicts, subjects)
    holds = (said.known_at <= as_of) & (said.replaced_at.isnull() | (said.replaced_at > as_of))
    return said.filter(holds, said.is_fraud.notnull()).select(*LABELS_SCHEMA.names)


def labels_as_of(connection: Connection, tenant: str, as_of: datetime) -> pa.Table:
    """The labels of a tenant's attendances as known at a moment (UTC), as `LABELS_SCHEMA`, in order of attendance."""
    where = f"tenant_id = :tenant and {_HELD} and is_fraud is not null"
    found = copy_out(connection, f"({_history_sql()}) as said", LABELS_SCHEMA, where, tenant=tenant, as_of=as_of)
    return found.sort_by("attendance_id")


def history_of(connection: Connection, tenant: str, as_of: datetime) -> pa.Table:
    """Every verdict on a tenant's attendances received by a moment (UTC), as `HISTORY_SCHEMA`, the earliest first."""
    where = "tenant_id = :tenant and known_at <= :as_of"
    found = copy_out(connection, f"({_history_sql()}) as said", HISTORY_SCHEMA, where, tenant=tenant, as_of=as_of)
    is_replaced = pc.less_equal(found["replaced_at"], pa.scalar(as_of, INSTANT))
    replaced = pc.if_else(is_replaced, found["replaced_at"], pa.scalar(None, INSTANT))
    found = found.set_column(found.schema.get_field_index("replaced_at"), "replaced_at", replaced)
    order = ("known_at", "labelled_at", "event_id")
    return found.sort_by([(name, "ascending") for name in order])


def label_of_stage(labelled: pa.Table, stage: Stage) -> pa.Table:
    """The labels that say something of that stage: a fraud of leaving says nothing of coming, neither yes nor no."""
    if stage is not Stage.IN:
        return labelled
    is_late = pc.is_in(labelled["fraud_kind"], value_set=pa.array(SHOWN_AT_THE_END))
    return labelled.filter(pc.invert(is_late))


def mark_predictions(connection: Connection, as_of: datetime) -> int:
    """Tell each prediction what people say of its attendance, as known at a moment (UTC); gives how many changed.

    One that nobody judges any more is told so. Doing it again changes nothing. In the caller's transaction.
    """
    marked = connection.execute(text(_MARK.format(history=_history_sql())), {"as_of": as_of})
    return marked.rowcount


def _about_attendances(verdicts: ir.Table, subjects: ir.Table | None) -> ir.Table:
    # What the platform decides by itself is told under its own name, and is nobody's judgement.
    people = verdicts.filter(verdicts.reviewer_id != PLATFORM)
    direct = people.filter(people.subject_kind == ATTENDANCE).mutate(attendance_id=people.subject_id)
    if subjects is None:
        return direct
    others = people.filter(people.subject_kind != ATTENDANCE).join(subjects.select(*SUBJECT, "attendance_id"), SUBJECT)
    return direct.union(others.select(*direct.columns))


@cache
def _history_sql() -> str:
    said = history(table_of(VERDICTS))
    return str(ibis.to_sql(said, dialect="postgres", pretty=False))


_HELD = "known_at <= :as_of and (replaced_at is null or replaced_at > :as_of)"
_SILENT = ", ".join(f"'{kind}'" for kind in SHOWN_AT_THE_END)
_MARK = f"""
    with said as (
        select tenant_id, attendance_id, is_fraud, fraud_kind, labelled_at from ({{history}}) as every
        where {_HELD} and is_fraud is not null
    ), told as (
        select p.tenant_id, p.event_id, p.is_shadow, said.is_fraud, said.labelled_at
        from noc_fraud_prediction p
        left join said on said.tenant_id = p.tenant_id and said.attendance_id = p.attendance_id
            and not (p.stage = '{Stage.IN}' and coalesce(said.fraud_kind, '') in ({_SILENT}))
        where said.is_fraud is not null or p.actual_fraud is not null or p.labelled_at is not null
    )
    update noc_fraud_prediction p set actual_fraud = told.is_fraud, labelled_at = told.labelled_at
    from told
    where (p.tenant_id, p.event_id, p.is_shadow) = (told.tenant_id, told.event_id, told.is_shadow)
      and (p.actual_fraud, p.labelled_at) is distinct from (told.is_fraud, told.labelled_at)
"""
