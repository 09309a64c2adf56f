"""Tables of the baselines: one row for every site, metric and hour of the site's week."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, Double, SmallInteger, String, Table, text

from noc_platform.baselines.profiles import SHARES
from noc_platform.baselines.thresholds import HIGHEST, LOWEST
from noc_platform.store.metadata import metadata

BOUNDS = f"{LOWEST} and {HIGHEST}"

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
    CheckConstraint("hour_of_week between 0 and 167", name="hour_of_week"),
    CheckConstraint(f"dynamic_threshold between {BOUNDS}", name="dynamic_threshold"),
    CheckConstraint("false_positive_rate between 0 and 1", name="false_positive_rate"),
    comment="What is usual at every hour of every site's week, and how far from it is too far.",
)
