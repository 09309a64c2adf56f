"""The ledger's table: one row for each decision the platform or its people made, never changed."""

from sqlalchemy import BigInteger, Column, DateTime, Double, Identity, Index, String, Table, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from noc_platform.store.metadata import metadata

decision = Table(
    "noc_decision",
    metadata,
    Column("decision_id", Uuid, primary_key=True, comment="The same for a decision that is made again."),
    Column("number", BigInteger, Identity(), nullable=False, comment="In the order they were written."),
    Column("tenant_id", String, nullable=False),
    Column("subject_kind", String, nullable=False, comment="What kind of thing was decided about."),
    Column("subject_id", String, nullable=False, comment="Which one."),
    Column("action", String, nullable=False, comment="What was decided."),
    Column("rule", String, nullable=False, comment="By which rule."),
    Column("reason", String, nullable=False, comment="Why, in a sentence."),
    Column("inputs", JSONB, nullable=False, comment="What was seen."),
    Column("threshold", Double, comment="The limit that applied."),
    Column("threshold_source", String, comment="Where that limit came from."),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("made_by", String, nullable=False, comment="A person, or platform."),
    Index(None, "tenant_id", "subject_kind", "subject_id", "made_at"),
    comment="Every decision and why, so that it can be asked later.",
)
