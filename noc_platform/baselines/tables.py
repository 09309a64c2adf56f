"""Tables of the baselines: what is usual at every hour of every site's week, and how its limits came to be."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    Identity,
    Index,
    SmallInteger,
    String,
    Table,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from noc_platform.baselines.profiles import SHARES
from noc_platform.baselines.thresholds import HIGHEST, LOWEST
from noc_platform.store.metadata import metadata

BOUNDS = f"{LOWEST} and {HIGHEST}"
HOURS = "hour_of_week between 0 and 167"
# No hour is a value here as well: all hours of a site's metric.
SCOPE = ("tenant_id", "site_id", "metric_type", text("coalesce(hour_of_week, -1)"))

baseline_profile = Table(
    "noc_baseline_profile",
    metadata,
    Column("tenant_id", String, primary_key=True),
    Column("site_id", String, primary_key=True),
    Column("metric_type", String, primary_key=True),
    Column("hour_of_week", SmallInteger, primary_key=True, comment="Site-local, Monday 00:00 is 0."),
    Column("rate", Double, comment="Of one guard in an hour; null while nothing is known of the site."),
    Column("unit", Double, nullable=False, comment="What variance grows with beside the square of the mean."),
    Column("dispersion", Double, comment="Relative variance beyond that."),
    Column("stretch_below", Double, nullable=False, comment="What z below the usual is divided by."),
    Column("stretch_above", Double, nullable=False, comment="What z above the usual is divided by."),
    Column("guard_hours", Double, comment="Hours of guards there usually."),
    Column("mean", Double, comment="Of the site with as many guards as usual."),
    Column("std_dev", Double, comment="Around that mean, after its floor."),
    Column("is_floored", Boolean, nullable=False, comment="The deviation is the least that is believed."),
    *(Column(f"p{round(share * 100)}", Double) for share in SHARES),
    Column("sample_count", BigInteger, nullable=False, comment="Hours of its own."),
    Column("effective_samples", Double, nullable=False, comment="Hours behind it, its own and borrowed."),
    Column("borrowed_share", Double, nullable=False, comment="Share of the rate that is not its own."),
    Column("zero_share", Double, nullable=False, comment="How often there was nothing at that hour of day."),
    Column("zero_samples", Double, nullable=False),
    Column("is_stable", Boolean, nullable=False),
    Column("state", String, nullable=False, comment="STABLE, LEARNING or STALE; only the first judges."),
    Column("learning_start_date", DateTime(timezone=True)),
    Column("newest_sample_at", DateTime(timezone=True)),
    Column("last_updated", DateTime(timezone=True), nullable=False, comment="What lies before this was learned from."),
    Column("false_positive_rate", Double, nullable=False, server_default=text("0")),
    Column("dynamic_threshold", Double, nullable=False, server_default=text("3.0")),
    Column("last_threshold_update", DateTime(timezone=True)),
    CheckConstraint(HOURS, name="hour_of_week"),
    CheckConstraint(f"dynamic_threshold between {BOUNDS}", name="dynamic_threshold"),
    CheckConstraint("false_positive_rate between 0 and 1", name="false_positive_rate"),
    comment="What is usual at every hour of every site's week, and how far from it is too far.",
)

threshold_change = Table(
    "noc_threshold_change",
    metadata,
    Column("change_id", Uuid, primary_key=True, comment="Made from the change before it: no two follow the same one."),
    Column("number", BigInteger, Identity(), nullable=False, comment="In the order they were written."),
    Column("tenant_id", String, nullable=False),
    Column("site_id", String, nullable=False),
    Column("metric_type", String, nullable=False),
    Column("hour_of_week", SmallInteger, comment="Site-local, Monday 00:00 is 0; null for all hours."),
    Column("kind", String, nullable=False, comment="MANUAL: a person set it. LEARNED: from verdicts."),
    Column("value", Double, comment="Limit on |z| from made_at on; null for none of this kind any more."),
    Column("before", Double, comment="What this kind held until then."),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("made_by", String, nullable=False, comment="A person, or platform."),
    Column("reason", String, nullable=False),
    Column("week", Date, comment="The Sunday whose tuning made it."),
    Column("undoes", Uuid, unique=True, comment="The change that this one rolled back."),
    Column("inputs", JSONB, nullable=False, comment="What was seen."),
    CheckConstraint(HOURS, name="hour_of_week"),
    CheckConstraint("kind in ('LEARNED', 'MANUAL')", name="kind"),
    CheckConstraint(f"value between {BOUNDS}", name="value"),
    CheckConstraint("btrim(reason) <> '' and btrim(made_by) <> ''", name="reason"),
    CheckConstraint("week is null or (kind = 'LEARNED' and extract(isodow from week) = 7)", name="week"),
    Index("uq_noc_threshold_change_week", *SCOPE, "week", unique=True, postgresql_where=text("week is not null")),
    Index("ix_noc_threshold_change_scope", *SCOPE, "kind", "made_at", "number"),
    Index(None, "tenant_id", "made_at", "number"),
    comment="Every change of a limit, never changed itself: what is in force is the latest of each kind.",
)

false_positive_rate = Table(
    "noc_false_positive_rate",
    metadata,
    Column("tenant_id", String, nullable=False),
    Column("site_id", String, nullable=False),
    Column("metric_type", String, nullable=False),
    Column("hour_of_week", SmallInteger, comment="Site-local, Monday 00:00 is 0; null for all hours."),
    Column("as_of", DateTime(timezone=True), nullable=False, comment="Verdicts before it were counted."),
    Column("false_positive_rate", Double, comment="Of alarms people judged, where it may move a limit."),
    Column("estimated_rate", Double, comment="The same wherever anything was judged; null once it has expired."),
    Column("is_guarded", Boolean, nullable=False, comment="False alarms hold the limit at the conservative one."),
    Column("adjudicated", BigInteger, nullable=False, comment="Alarms people judged."),
    Column("false_positives", BigInteger, nullable=False, comment="Those of them that were nothing."),
    CheckConstraint(HOURS, name="hour_of_week"),
    CheckConstraint("false_positive_rate between 0 and 1", name="false_positive_rate"),
    CheckConstraint("estimated_rate between 0 and 1", name="estimated_rate"),
    CheckConstraint("0 <= false_positives and false_positives <= adjudicated", name="counts"),
    Index("uq_noc_false_positive_rate_scope", "as_of", *SCOPE, unique=True),
    comment="How often alarms were nothing, as people said; each week's rates together.",
)
