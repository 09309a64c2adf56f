"""Streams and the door's books, each tenant's rows behind row-level security."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from noc_platform.store.tenancy import isolate

revision = "2026_11_23_1130"
down_revision = None
branch_labels = None
depends_on = None

READ_ONLY = ("noc_tenant", "noc_client", "noc_site", "noc_person", "noc_shift", "noc_tour_due")
APPEND_ONLY = (
    "noc_device_event",
    "noc_location_update",
    "noc_jobneed",
    "noc_attendance_event",
    "noc_alert_event",
)


def upgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    op.create_table(
        "noc_alert_event",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column(
            "event_id",
            sa.Uuid(),
            nullable=False,
            comment="Identity of the event; a stable hash of the row where the source has none.",
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, comment="When it happened, UTC."),
        sa.Column("alert_type", sa.String(), nullable=False, comment="What is wrong."),
        sa.Column("severity", sa.String(), nullable=False, comment="How bad."),
        sa.Column("status", sa.String(), nullable=True, comment="State of the alert at its source."),
        sa.Column("person_id", sa.String(), nullable=True, comment="The guard it is about."),
        sa.Column("site_id", sa.String(), nullable=True, comment="The site it happened at, where the source says."),
        sa.Column("client_id", sa.String(), nullable=True, comment="The client."),
        sa.Column("device_id", sa.String(), nullable=True, comment="The phone or device that reported it."),
        sa.Column("entity_type", sa.String(), nullable=True, comment="Kind of thing it is about."),
        sa.Column("entity_id", sa.String(), nullable=True, comment="The thing it is about."),
        sa.Column("message", sa.String(), nullable=True, comment="What the source says."),
        sa.Column("measured_value", sa.Double(), nullable=True, comment="The reading that raised it."),
        sa.Column(
            "correlation_id", sa.String(), nullable=True, comment="Groups alerts of one cause, where the source knows."
        ),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("event_id", "tenant_id", name=op.f("pk_noc_alert_event")),
        comment="Alerts other systems raised about people, sites and devices.",
    )
    op.create_index("ix_noc_alert_event_day", "noc_alert_event", ["occurred_at"], unique=False, postgresql_using="brin")
    op.create_index(
        op.f("ix_noc_alert_event_tenant_id_person_id_occurred_at"),
        "noc_alert_event",
        ["tenant_id", "person_id", "occurred_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_noc_alert_event_tenant_id_site_id_occurred_at"),
        "noc_alert_event",
        ["tenant_id", "site_id", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "noc_attendance_event",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column(
            "event_id",
            sa.Uuid(),
            nullable=False,
            comment="Identity of the event; a stable hash of the row where the source has none.",
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, comment="When it happened, UTC."),
        sa.Column("attendance_id", sa.String(), nullable=False, comment="The attendance; its states share it."),
        sa.Column("person_id", sa.String(), nullable=False, comment="The guard it is about."),
        sa.Column("site_id", sa.String(), nullable=True, comment="The site it happened at, where the source says."),
        sa.Column("client_id", sa.String(), nullable=True, comment="The client."),
        sa.Column("device_id", sa.String(), nullable=True, comment="The phone or device that reported it."),
        sa.Column("credential_id", sa.String(), nullable=True, comment="Badge or card used."),
        sa.Column("shift_id", sa.String(), nullable=True, comment="The shift it belongs to."),
        sa.Column("roster_date", sa.Date(), nullable=True, comment="Day of the roster it belongs to, site-local."),
        sa.Column("punched_in_at", sa.DateTime(timezone=True), nullable=False, comment="When the guard came on duty."),
        sa.Column(
            "punched_out_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the guard went off duty; null while on duty.",
        ),
        sa.Column("latitude_in", sa.Double(), nullable=True, comment="Latitude at punch-in, WGS-84."),
        sa.Column("longitude_in", sa.Double(), nullable=True, comment="Longitude at punch-in, WGS-84."),
        sa.Column("latitude_out", sa.Double(), nullable=True, comment="Latitude at punch-out, WGS-84."),
        sa.Column("longitude_out", sa.Double(), nullable=True, comment="Longitude at punch-out, WGS-84."),
        sa.Column(
            "accuracy_meters",
            sa.Double(),
            nullable=True,
            comment="Radius the true position lies in; null when the phone did not say.",
        ),
        sa.Column(
            "is_location_mocked",
            sa.Boolean(),
            nullable=True,
            comment="The phone says its position is made up by an app.",
        ),
        sa.Column(
            "is_in_geofence_in", sa.Boolean(), nullable=True, comment="Punch-in lies inside the site's geofence."
        ),
        sa.Column(
            "is_in_geofence_out", sa.Boolean(), nullable=True, comment="Punch-out lies inside the site's geofence."
        ),
        sa.Column(
            "distance_in_meters",
            sa.Double(),
            nullable=True,
            comment="Distance of punch-in from the site, as the source says.",
        ),
        sa.Column(
            "distance_out_meters",
            sa.Double(),
            nullable=True,
            comment="Distance of punch-out from the site, as the source says.",
        ),
        sa.Column("biometric_type", sa.String(), nullable=True, comment="Kind of verification."),
        sa.Column("biometric_result", sa.String(), nullable=True, comment="What the verification said."),
        sa.Column("is_verified_in", sa.Boolean(), nullable=True, comment="Identity verified at punch-in."),
        sa.Column("is_verified_out", sa.Boolean(), nullable=True, comment="Identity verified at punch-out."),
        sa.Column("confidence_score", sa.Double(), nullable=True, comment="Confidence of the match."),
        sa.Column("quality_score", sa.Double(), nullable=True, comment="Quality of the sample."),
        sa.Column("liveness_score", sa.Double(), nullable=True, comment="That a living person stood there."),
        sa.Column(
            "face_distance", sa.Double(), nullable=True, comment="Cosine distance of the face to the enrolled one."
        ),
        sa.Column(
            "face_threshold",
            sa.Double(),
            nullable=True,
            comment="Distance up to which a face matches, as configured then.",
        ),
        sa.Column("template_id", sa.String(), nullable=True, comment="Hash of the biometric template that matched."),
        sa.Column("verification_attempts", sa.BigInteger(), nullable=True, comment="Tries until it matched."),
        sa.Column("transport_mode", sa.String(), nullable=True, comment="How the guard came."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("event_id", "tenant_id", name=op.f("pk_noc_attendance_event")),
        comment="Guards punching in and out, with the biometric and GPS evidence. One row per reported state.",
    )
    op.create_index(
        "ix_noc_attendance_event_day", "noc_attendance_event", ["occurred_at"], unique=False, postgresql_using="brin"
    )
    op.create_index(
        op.f("ix_noc_attendance_event_tenant_id_person_id_occurred_at"),
        "noc_attendance_event",
        ["tenant_id", "person_id", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "noc_client",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column("client_id", sa.String(), nullable=False, comment="The client."),
        sa.Column("name", sa.String(), nullable=False, comment="What people call it."),
        sa.Column("tier", sa.String(), nullable=True, comment="How much it may ask."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "client_id", name=op.f("pk_noc_client")),
        comment="Whom sites are guarded for.",
    )
    op.create_table(
        "noc_device_event",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column(
            "event_id",
            sa.Uuid(),
            nullable=False,
            comment="Identity of the event; a stable hash of the row where the source has none.",
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, comment="When it happened, UTC."),
        sa.Column("person_id", sa.String(), nullable=False, comment="The guard it is about."),
        sa.Column("site_id", sa.String(), nullable=True, comment="The site it happened at, where the source says."),
        sa.Column("device_id", sa.String(), nullable=True, comment="The phone or device that reported it."),
        sa.Column("event_kind", sa.String(), nullable=False, comment="What happened on the phone."),
        sa.Column("duration_seconds", sa.Double(), nullable=True, comment="How long it lasted, for calls."),
        sa.Column("other_party", sa.String(), nullable=True, comment="Hash of the other side of a call."),
        sa.Column("latitude", sa.Double(), nullable=True, comment="Latitude, WGS-84."),
        sa.Column("longitude", sa.Double(), nullable=True, comment="Longitude, WGS-84."),
        sa.Column(
            "accuracy_meters",
            sa.Double(),
            nullable=True,
            comment="Radius the true position lies in; null when the phone did not say.",
        ),
        sa.Column("altitude_meters", sa.Double(), nullable=True, comment="Height above the ellipsoid."),
        sa.Column(
            "is_location_mocked",
            sa.Boolean(),
            nullable=True,
            comment="The phone says its position is made up by an app.",
        ),
        sa.Column("is_location_enabled", sa.Boolean(), nullable=True, comment="Location services are on."),
        sa.Column("location_permission", sa.String(), nullable=True, comment="What the app may see of the position."),
        sa.Column("battery_level", sa.Double(), nullable=True, comment="Charge left."),
        sa.Column("signal_strength", sa.Double(), nullable=True, comment="Received signal strength."),
        sa.Column("signal_bandwidth", sa.Double(), nullable=True, comment="Bandwidth the network offers."),
        sa.Column("network_provider", sa.String(), nullable=True, comment="Kind of network in use."),
        sa.Column("step_count", sa.BigInteger(), nullable=True, comment="Steps since the last report."),
        sa.Column("platform_version", sa.String(), nullable=True, comment="Operating system of the phone."),
        sa.Column("app_version", sa.String(), nullable=True, comment="Version of the guard app."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("event_id", "tenant_id", name=op.f("pk_noc_device_event")),
        comment="What phones report of themselves: activity, logins, battery, signal.",
    )
    op.create_index(
        "ix_noc_device_event_day", "noc_device_event", ["occurred_at"], unique=False, postgresql_using="brin"
    )
    op.create_index(
        op.f("ix_noc_device_event_tenant_id_person_id_occurred_at"),
        "noc_device_event",
        ["tenant_id", "person_id", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "noc_jobneed",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column(
            "event_id",
            sa.Uuid(),
            nullable=False,
            comment="Identity of the event; a stable hash of the row where the source has none.",
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, comment="When it happened, UTC."),
        sa.Column("jobneed_id", sa.String(), nullable=False, comment="The unit of work; its states share it."),
        sa.Column("person_id", sa.String(), nullable=True, comment="The guard it is about."),
        sa.Column("performed_by", sa.String(), nullable=True, comment="Who did it, where that is not the assignee."),
        sa.Column("site_id", sa.String(), nullable=True, comment="The site it happened at, where the source says."),
        sa.Column(
            "parent_id",
            sa.String(),
            nullable=True,
            comment="The tour this is a checkpoint of; null for work of its own.",
        ),
        sa.Column(
            "identifier", sa.String(), nullable=False, comment="What kind of work; a checkpoint carries its tour's."
        ),
        sa.Column("status", sa.String(), nullable=False, comment="State of the work."),
        sa.Column("description", sa.String(), nullable=True, comment="What is to be done."),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True, comment="When it is due to begin."),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True, comment="When it is due to be done."),
        sa.Column("grace_minutes", sa.Double(), nullable=True, comment="Time allowed past the due time."),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True, comment="When work began."),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was done; a checkpoint is scanned when this is set.",
        ),
        sa.Column("job_type", sa.String(), nullable=True, comment="Planned or ad hoc."),
        sa.Column("priority", sa.String(), nullable=True, comment="How urgent."),
        sa.Column("scan_type", sa.String(), nullable=True, comment="How presence is proved."),
        sa.Column("sequence_number", sa.BigInteger(), nullable=True, comment="Place in the tour."),
        sa.Column("asset", sa.String(), nullable=True, comment="What it is done to, or the checkpoint's name."),
        sa.Column("price", sa.Double(), nullable=True, comment="Value of the work, where the source gives one."),
        sa.Column("is_inferred", sa.Boolean(), nullable=True, comment="Derived from other records; no plan exists."),
        sa.Column("latitude", sa.Double(), nullable=True, comment="Latitude, WGS-84."),
        sa.Column("longitude", sa.Double(), nullable=True, comment="Longitude, WGS-84."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("event_id", "tenant_id", name=op.f("pk_noc_jobneed")),
        comment="Units of work and what became of them: tasks, tours and their checkpoints. One row per reported state.",
    )
    op.create_index("ix_noc_jobneed_day", "noc_jobneed", ["occurred_at"], unique=False, postgresql_using="brin")
    op.create_index(
        op.f("ix_noc_jobneed_tenant_id_performed_by_occurred_at"),
        "noc_jobneed",
        ["tenant_id", "performed_by", "occurred_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_noc_jobneed_tenant_id_person_id_occurred_at"),
        "noc_jobneed",
        ["tenant_id", "person_id", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "noc_location_update",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column(
            "event_id",
            sa.Uuid(),
            nullable=False,
            comment="Identity of the event; a stable hash of the row where the source has none.",
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False, comment="When it happened, UTC."),
        sa.Column("person_id", sa.String(), nullable=False, comment="The guard it is about."),
        sa.Column("site_id", sa.String(), nullable=True, comment="The site it happened at, where the source says."),
        sa.Column("device_id", sa.String(), nullable=True, comment="The phone or device that reported it."),
        sa.Column("latitude", sa.Double(), nullable=True, comment="Latitude, WGS-84."),
        sa.Column("longitude", sa.Double(), nullable=True, comment="Longitude, WGS-84."),
        sa.Column(
            "accuracy_meters",
            sa.Double(),
            nullable=True,
            comment="Radius the true position lies in; null when the phone did not say.",
        ),
        sa.Column(
            "is_location_mocked",
            sa.Boolean(),
            nullable=True,
            comment="The phone says its position is made up by an app.",
        ),
        sa.Column(
            "indoor_x",
            sa.Double(),
            nullable=True,
            comment="Position on the floor plan of the site, eastwards; never mixed with WGS-84.",
        ),
        sa.Column(
            "indoor_y",
            sa.Double(),
            nullable=True,
            comment="Position on the floor plan of the site, northwards; never mixed with WGS-84.",
        ),
        sa.Column("floor", sa.BigInteger(), nullable=True, comment="Floor of the site."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("event_id", "tenant_id", name=op.f("pk_noc_location_update")),
        comment="GPS fixes of guards.",
    )
    op.create_index(
        "ix_noc_location_update_day", "noc_location_update", ["occurred_at"], unique=False, postgresql_using="brin"
    )
    op.create_index(
        op.f("ix_noc_location_update_tenant_id_person_id_occurred_at"),
        "noc_location_update",
        ["tenant_id", "person_id", "occurred_at"],
        unique=False,
    )
    op.create_table(
        "noc_person",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column("person_id", sa.String(), nullable=False, comment="The person."),
        sa.Column("name", sa.String(), nullable=False, comment="What people call them."),
        sa.Column("site_id", sa.String(), nullable=True, comment="Home site; null for those who have none."),
        sa.Column("is_active", sa.Boolean(), nullable=True, comment="Still employed."),
        sa.Column("role", sa.String(), nullable=True, comment="What they do."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", name=op.f("pk_noc_person")),
        comment="Guards and those who lead them.",
    )
    op.create_table(
        "noc_quarantine",
        sa.Column("quarantine_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("tenant_id", sa.String(), nullable=True, comment="Null where the row does not say a known tenant."),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False, comment="File name, or api."),
        sa.Column(
            "source_hash",
            sa.String(),
            nullable=False,
            comment="SHA-256 of the file or body; a second run finds its rows.",
        ),
        sa.Column("row_number", sa.BigInteger(), nullable=False, comment="1 is the first row of data."),
        sa.Column("column_name", sa.String(), nullable=True, comment="Null where the whole row is at fault."),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column(
            "raw",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="The row as it came, cut to a bounded length.",
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_noc_quarantine")),
        sa.UniqueConstraint(
            "source_hash", "stream", "row_number", name=op.f("uq_noc_quarantine_source_hash_stream_row_number")
        ),
        comment="Rows that did not fit, and why.",
    )
    op.create_index(
        op.f("ix_noc_quarantine_tenant_id_stream_received_at"),
        "noc_quarantine",
        ["tenant_id", "stream", "received_at"],
        unique=False,
    )
    op.create_table(
        "noc_shift",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column("person_id", sa.String(), nullable=False, comment="The guard it is about."),
        sa.Column("site_id", sa.String(), nullable=False, comment="The site."),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False, comment="When the shift is due to begin."),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False, comment="When it is due to end."),
        sa.Column("shift_date", sa.Date(), nullable=True, comment="Day of the roster, site-local."),
        sa.Column("shift_type", sa.String(), nullable=True, comment="Kind of shift."),
        sa.Column("is_critical", sa.Boolean(), nullable=True, comment="Must not be left empty."),
        sa.Column("is_substitute", sa.Boolean(), nullable=True, comment="Stands in for another."),
        sa.Column("original_person_id", sa.String(), nullable=True, comment="Whom a substitute stands in for."),
        sa.Column("is_cancelled", sa.Boolean(), nullable=True, comment="No longer due."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "person_id", "site_id", "starts_at", name=op.f("pk_noc_shift")),
        comment="The roster: who is due where, and when. Keyed by start, so that split shifts are two.",
    )
    op.create_index(
        op.f("ix_noc_shift_tenant_id_site_id_starts_at"),
        "noc_shift",
        ["tenant_id", "site_id", "starts_at"],
        unique=False,
    )
    op.create_table(
        "noc_site",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column("site_id", sa.String(), nullable=False, comment="The site."),
        sa.Column("client_id", sa.String(), nullable=True, comment="The client it is guarded for."),
        sa.Column("name", sa.String(), nullable=False, comment="What people call it."),
        sa.Column("kind", sa.String(), nullable=True, comment="What is there: office, mall, plant, hospital, …"),
        sa.Column("time_zone", sa.String(), nullable=False, comment="IANA zone of its clock."),
        sa.Column("latitude", sa.Double(), nullable=True, comment="Latitude, WGS-84."),
        sa.Column("longitude", sa.Double(), nullable=True, comment="Longitude, WGS-84."),
        sa.Column(
            "geofence_radius_meters", sa.Double(), nullable=True, comment="Radius of its geofence around the position."
        ),
        sa.Column("noc_supervisor_id", sa.String(), nullable=True, comment="Whom the operations centre tells first."),
        sa.Column("security_manager_id", sa.String(), nullable=True, comment="Whom fraud is told to."),
        sa.Column("site_manager_id", sa.String(), nullable=True, comment="Who answers when nobody above does."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "site_id", name=op.f("pk_noc_site")),
        comment="Places that are guarded: zone, geofence, who answers for them.",
    )
    op.create_table(
        "noc_telemetry_day",
        sa.Column("tenant_id", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="UTC day of occurred_at."),
        sa.Column("rows", sa.BigInteger(), nullable=False, comment="Accepted so far."),
        sa.Column("generation", sa.BigInteger(), nullable=False, comment="Rises with every load that added rows."),
        sa.Column("first_received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "last_loaded_at", sa.DateTime(timezone=True), nullable=False, comment="When rows last came in by the door."
        ),
        sa.Column("archived_generation", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("archived_rows", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("signals_generation", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "dropped_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the day left PostgreSQL for the lake.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "stream", "day", name=op.f("pk_noc_telemetry_day")),
        comment="What each day of each stream received, and how far it has come.",
    )
    op.create_index(op.f("ix_noc_telemetry_day_stream_day"), "noc_telemetry_day", ["stream", "day"], unique=False)
    op.create_table(
        "noc_tenant",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant."),
        sa.Column("name", sa.String(), nullable=False, comment="What people call it."),
        sa.Column("is_active", sa.Boolean(), nullable=True, comment="Still served."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_noc_tenant")),
        comment="Organisations whose data must never meet.",
    )
    op.create_table(
        "noc_tour_due",
        sa.Column("tenant_id", sa.String(), nullable=False, comment="The tenant the row belongs to."),
        sa.Column("tour_id", sa.String(), nullable=False, comment="The tour; jobneeds name it as parent."),
        sa.Column("person_id", sa.String(), nullable=True, comment="The guard it is about."),
        sa.Column("site_id", sa.String(), nullable=False, comment="The site."),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, comment="When it is due to begin."),
        sa.Column("due_until", sa.DateTime(timezone=True), nullable=False, comment="When it is due to be done."),
        sa.Column("grace_minutes", sa.Double(), nullable=True, comment="Time allowed past that."),
        sa.Column("tour_type", sa.String(), nullable=True, comment="Kind of tour."),
        sa.Column("is_mandatory", sa.Boolean(), nullable=True, comment="Must be walked."),
        sa.Column("total_checkpoints", sa.BigInteger(), nullable=False, comment="Checkpoints on it."),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When the platform knew, UTC; stamped at the door where the source does not say.",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "tour_id", name=op.f("pk_noc_tour_due")),
        comment="Tours somebody has to walk: when, by whom, how many checkpoints.",
    )
    op.create_index(
        op.f("ix_noc_tour_due_tenant_id_person_id_due_at"),
        "noc_tour_due",
        ["tenant_id", "person_id", "due_at"],
        unique=False,
    )

    for table in READ_ONLY:
        for statement in isolate(table):
            op.execute(statement)
    for table in APPEND_ONLY:
        for statement in isolate(table, "select, insert"):
            op.execute(statement)
    for statement in isolate("noc_quarantine", "select, insert, delete"):
        op.execute(statement)
    for statement in isolate("noc_telemetry_day", "select, insert, update"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("set lock_timeout = '5s'")
    op.drop_index(op.f("ix_noc_tour_due_tenant_id_person_id_due_at"), table_name="noc_tour_due")
    op.drop_table("noc_tour_due")
    op.drop_table("noc_tenant")
    op.drop_index(op.f("ix_noc_telemetry_day_stream_day"), table_name="noc_telemetry_day")
    op.drop_table("noc_telemetry_day")
    op.drop_table("noc_site")
    op.drop_index(op.f("ix_noc_shift_tenant_id_site_id_starts_at"), table_name="noc_shift")
    op.drop_table("noc_shift")
    op.drop_index(op.f("ix_noc_quarantine_tenant_id_stream_received_at"), table_name="noc_quarantine")
    op.drop_table("noc_quarantine")
    op.drop_table("noc_person")
    op.drop_index(op.f("ix_noc_location_update_tenant_id_person_id_occurred_at"), table_name="noc_location_update")
    op.drop_index("ix_noc_location_update_day", table_name="noc_location_update", postgresql_using="brin")
    op.drop_table("noc_location_update")
    op.drop_index(op.f("ix_noc_jobneed_tenant_id_person_id_occurred_at"), table_name="noc_jobneed")
    op.drop_index(op.f("ix_noc_jobneed_tenant_id_performed_by_occurred_at"), table_name="noc_jobneed")
    op.drop_index("ix_noc_jobneed_day", table_name="noc_jobneed", postgresql_using="brin")
    op.drop_table("noc_jobneed")
    op.drop_index(op.f("ix_noc_device_event_tenant_id_person_id_occurred_at"), table_name="noc_device_event")
    op.drop_index("ix_noc_device_event_day", table_name="noc_device_event", postgresql_using="brin")
    op.drop_table("noc_device_event")
    op.drop_table("noc_client")
    op.drop_index(op.f("ix_noc_attendance_event_tenant_id_person_id_occurred_at"), table_name="noc_attendance_event")
    op.drop_index("ix_noc_attendance_event_day", table_name="noc_attendance_event", postgresql_using="brin")
    op.drop_table("noc_attendance_event")
    op.drop_index(op.f("ix_noc_alert_event_tenant_id_site_id_occurred_at"), table_name="noc_alert_event")
    op.drop_index(op.f("ix_noc_alert_event_tenant_id_person_id_occurred_at"), table_name="noc_alert_event")
    op.drop_index("ix_noc_alert_event_day", table_name="noc_alert_event", postgresql_using="brin")
    op.drop_table("noc_alert_event")
