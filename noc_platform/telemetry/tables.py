"""The table of signals as audits collected them: one row for each person and window in which they say something."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, Double, Index, String, Table

from noc_platform.store.metadata import metadata

signal_window = Table(
    "noc_signal_window",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("person_id", String, primary_key=True),
    Column("window_end", DateTime(timezone=True), primary_key=True, comment="The audit's moment; not in the window."),
    Column("window_start", DateTime(timezone=True), nullable=False),
    Column("site_id", String, comment="Where they were on duty; null where that is not known."),
    Column("since", DateTime(timezone=True), nullable=False, comment="From when on it has been so, as far as known."),
    Column("phone_events_count", BigInteger, comment="This and the next four are the signals; null is not known."),
    Column("location_updates_count", BigInteger),
    Column("movement_distance_meters", Double),
    Column("tasks_completed_count", BigInteger),
    Column("tour_checkpoints_scanned", BigInteger),
    Column("tasks_due", BigInteger, nullable=False),
    Column("checkpoints_due", BigInteger, nullable=False),
    Column("last_heard_at", DateTime(timezone=True), comment="By the phone's clock."),
    Column("is_unheard", Boolean, comment="On duty, and nothing comes from the phone; null is not known, as below."),
    Column("is_quiet", Boolean, comment="Fewer than 5 phone events and fewer than 3 positions."),
    Column("is_idle", Boolean, comment="No phone event and no task done."),
    Column("is_still", Boolean, comment="Less than 10 m of movement."),
    Column("is_without_position", Boolean, comment="Phone events, and no position."),
    Column("is_outside", Boolean, comment="The newest good position lies outside the site's fence."),
    Column("misses_checkpoints", Boolean, comment="Checkpoints were due and none was scanned."),
    Column("misses_tasks", Boolean, comment="Tasks were due and none was done."),
    Column("silence", String, comment="Why little was heard, as the audit concluded."),
    Column("silence_reason", String, comment="The same in words."),
    CheckConstraint("window_start < window_end", name="window"),
    CheckConstraint("since <= window_end", name="since"),
    Index(None, "window_end"),
    Index(None, "tenant_id", "site_id", "window_end"),
    comment="Signals as audits collected them, of who was on duty and whose signals say something.",
)
