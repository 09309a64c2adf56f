"""All streams, declared once (domain.md §1). Nothing here computes."""

from noc_platform.errors import UnknownStream
from noc_platform.streams.declaration import Column, Form, Kind, Span, Stream

T, N, R, I, D, F = Kind.TEXT, Kind.INTEGER, Kind.REAL, Kind.INSTANT, Kind.DAY, Kind.FLAG  # noqa: E741 - one letter a type keeps each declaration on its line

SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
TOUR_IDENTIFIERS = ("INTERNALTOUR", "EXTERNALTOUR")
COMPLETED = "COMPLETED"
AUTOCLOSED = "AUTOCLOSED"
CONFIRMED, FALSE_POSITIVE, UNDECIDED = "CONFIRMED", "FALSE_POSITIVE", "UNDECIDED"
MAINTENANCE, HOLIDAY, CLOSURE = "MAINTENANCE", "HOLIDAY", "CLOSURE"
FLAGGED, RANDOM, REPORTED = "FLAGGED", "RANDOM", "REPORTED"

PERSON = Column("person_id", T, "The guard it is about.", longest=64, refers_to="people", also_known_as=("people",))
REQUIRED_PERSON = Column(
    "person_id", T, "The guard it is about.", required=True, longest=64, refers_to="people", also_known_as=("people",)
)
SITE = Column(
    "site_id",
    T,
    "The site it happened at, where the source says.",
    longest=64,
    refers_to="sites",
    also_known_as=("site", "bu"),
)
REQUIRED_SITE = Column(
    "site_id", T, "The site.", required=True, longest=64, refers_to="sites", also_known_as=("site", "bu")
)
DEVICE = Column("device_id", T, "The phone or device that reported it.", longest=100, also_known_as=("deviceid",))
LATITUDE = Column("latitude", R, "Latitude, WGS-84.", unit="degrees", minimum=-90, maximum=90, also_known_as=("lat",))
LONGITUDE = Column(
    "longitude",
    R,
    "Longitude, WGS-84.",
    unit="degrees",
    minimum=-180,
    maximum=180,
    also_known_as=("lon", "long", "lng"),
)
ACCURACY = Column(
    "accuracy_meters",
    R,
    "Radius the true position lies in; null when the phone did not say.",
    unit="metres",
    minimum=0,
    maximum=1_000_000,
    also_known_as=("accuracy",),
)

DEVICE_EVENTS = Stream(
    name="device_events",
    meaning="What phones report of themselves: activity, logins, battery, signal.",
    table="noc_device_event",
    own_columns=(
        REQUIRED_PERSON,
        SITE,
        DEVICE,
        Column("event_kind", T, "What happened on the phone.", required=True, also_known_as=("eventvalue",),
               allowed=("stepcount", "locationalert", "devicelogs", "login", "logout", "call_incoming", "call_outgoing")),
        Column("duration_seconds", R, "How long it lasted, for calls.", unit="seconds", minimum=0, maximum=604_800),
        Column("other_party", T, "Hash of the other side of a call.", longest=64),
        LATITUDE,
        LONGITUDE,
        ACCURACY,
        Column("altitude_meters", R, "Height above the ellipsoid.", unit="metres", minimum=-500, maximum=12_000, also_known_as=("altitude",)),
        Column("is_location_mocked", F, "The phone says its position is made up by an app.", also_known_as=("islocationmocked",)),
        Column("is_location_enabled", F, "Location services are on.", also_known_as=("locationserviceenabled",)),
        Column("location_permission", T, "What the app may see of the position.", allowed=("always", "only-while-using", "none"), also_known_as=("locationpermission",)),
        Column("battery_level", R, "Charge left.", unit="percent", minimum=0, maximum=100, also_known_as=("batterylevel",)),
        Column("signal_strength", R, "Received signal strength.", unit="dBm", minimum=-150, maximum=0, also_known_as=("signalstrength",)),
        Column("signal_bandwidth", R, "Bandwidth the network offers.", unit="kbit/s", minimum=0, maximum=100_000_000, also_known_as=("signalbandwidth",)),
        Column("network_provider", T, "Kind of network in use.", allowed=("bluetooth", "wifi", "ethernet", "mobile", "none"), also_known_as=("networkprovidername",)),
        Column("step_count", N, "Steps since the last report.", unit="steps", minimum=0, maximum=1_000_000, also_known_as=("stepcount",)),
        Column("platform_version", T, "Operating system of the phone.", longest=100, also_known_as=("platformversion",)),
        Column("app_version", T, "Version of the guard app.", longest=100, also_known_as=("applicationversion",)),
    ),
    indexes=(("tenant_id", "person_id", "occurred_at"),),
)  # fmt: skip

LOCATION_UPDATES = Stream(
    name="location_updates",
    meaning="GPS fixes of guards.",
    table="noc_location_update",
    own_columns=(
        REQUIRED_PERSON,
        SITE,
        DEVICE,
        LATITUDE,
        LONGITUDE,
        ACCURACY,
        Column("is_location_mocked", F, "The phone says its position is made up by an app.", also_known_as=("islocationmocked",)),
        Column("indoor_x", R, "Position on the floor plan of the site, eastwards; never mixed with WGS-84.", unit="plan units", minimum=-100_000, maximum=100_000),
        Column("indoor_y", R, "Position on the floor plan of the site, northwards; never mixed with WGS-84.", unit="plan units", minimum=-100_000, maximum=100_000),
        Column("floor", N, "Floor of the site.", minimum=-20, maximum=200),
    ),
    indexes=(("tenant_id", "person_id", "occurred_at"),),
)  # fmt: skip

JOBNEEDS = Stream(
    name="jobneeds",
    meaning="Units of work and what became of them: tasks, tours and their checkpoints. One row per reported state.",
    table="noc_jobneed",
    own_columns=(
        Column("jobneed_id", T, "The unit of work; its states share it.", required=True, longest=64),
        PERSON,
        Column("performed_by", T, "Who did it, where that is not the assignee.", longest=64, refers_to="people", also_known_as=("performedby",)),
        SITE,
        Column("parent_id", T, "The tour this is a checkpoint of; null for work of its own.", longest=64, also_known_as=("parent",)),
        Column("identifier", T, "What kind of work; a checkpoint carries its tour's.", required=True, allowed=(
            "TASK", "TICKET", *TOUR_IDENTIFIERS, "PPM", "OTHER", "SITEREPORT", "INCIDENTREPORT", "ASSETLOG", "ASSETAUDIT",
            "ASSETMAINTENANCE", "POSTING_ORDER", "SITESURVEY")),
        Column("status", T, "State of the work.", required=True, also_known_as=("jobstatus",), allowed=(
            "ASSIGNED", "INPROGRESS", COMPLETED, "PARTIALLYCOMPLETED", AUTOCLOSED, "MAINTENANCE", "STANDBY", "WORKING")),
        Column("description", T, "What is to be done.", also_known_as=("jobdesc",)),
        Column("planned_at", I, "When it is due to begin.", unit="UTC", also_known_as=("plandatetime",)),
        Column("expires_at", I, "When it is due to be done.", unit="UTC", also_known_as=("expirydatetime",)),
        Column("grace_minutes", R, "Time allowed past the due time.", unit="minutes", minimum=0, maximum=10_080, also_known_as=("gracetime",)),
        Column("started_at", I, "When work began.", unit="UTC", also_known_as=("starttime",)),
        Column("ended_at", I, "When it was done; a checkpoint is scanned when this is set.", unit="UTC", also_known_as=("endtime",)),
        Column("job_type", T, "Planned or ad hoc.", allowed=("SCHEDULE", "ADHOC"), also_known_as=("jobtype",)),
        Column("priority", T, "How urgent.", allowed=("LOW", "MEDIUM", "HIGH")),
        Column("scan_type", T, "How presence is proved.", allowed=("NONE", "QR", "NFC", "SKIP", "ENTERED"), also_known_as=("scantype",)),
        Column("sequence_number", N, "Place in the tour.", minimum=0, maximum=100_000, also_known_as=("seqno",)),
        Column("asset", T, "What it is done to, or the checkpoint's name.", longest=100),
        Column("price", R, "Value of the work, where the source gives one.", unit="currency of the source", minimum=0),
        Column("is_inferred", F, "Derived from other records; no plan exists."),
        LATITUDE,
        LONGITUDE,
    ),
    occurred_from=("ended_at", "started_at", "planned_at"),
    indexes=(("tenant_id", "person_id", "occurred_at"), ("tenant_id", "performed_by", "occurred_at")),
)  # fmt: skip

ATTENDANCE_EVENTS = Stream(
    name="attendance_events",
    meaning="Guards punching in and out, with the biometric and GPS evidence. One row per reported state.",
    table="noc_attendance_event",
    own_columns=(
        Column("attendance_id", T, "The attendance; its states share it.", required=True, longest=64),
        REQUIRED_PERSON,
        SITE,
        Column("client_id", T, "The client.", longest=64, refers_to="clients", also_known_as=("client",)),
        DEVICE,
        Column("credential_id", T, "Badge or card used.", longest=100),
        Column("shift_id", T, "The shift it belongs to.", longest=64, also_known_as=("shift",)),
        Column("roster_date", D, "Day of the roster it belongs to, site-local.", also_known_as=("datefor",)),
        Column("punched_in_at", I, "When the guard came on duty.", unit="UTC", required=True, also_known_as=("punchintime",)),
        Column("punched_out_at", I, "When the guard went off duty; null while on duty.", unit="UTC", also_known_as=("punchouttime",)),
        Column("latitude_in", R, "Latitude at punch-in, WGS-84.", unit="degrees", minimum=-90, maximum=90),
        Column("longitude_in", R, "Longitude at punch-in, WGS-84.", unit="degrees", minimum=-180, maximum=180),
        Column("latitude_out", R, "Latitude at punch-out, WGS-84.", unit="degrees", minimum=-90, maximum=90),
        Column("longitude_out", R, "Longitude at punch-out, WGS-84.", unit="degrees", minimum=-180, maximum=180),
        ACCURACY,
        Column("is_location_mocked", F, "The phone says its position is made up by an app.", also_known_as=("islocationmocked",)),
        Column("is_in_geofence_in", F, "Punch-in lies inside the site's geofence."),
        Column("is_in_geofence_out", F, "Punch-out lies inside the site's geofence."),
        Column("distance_in_meters", R, "Distance of punch-in from the site, as the source says.", unit="metres", minimum=0, also_known_as=("distance_in",)),
        Column("distance_out_meters", R, "Distance of punch-out from the site, as the source says.", unit="metres", minimum=0, also_known_as=("distance_out",)),
        Column("biometric_type", T, "Kind of verification.", allowed=("FACE", "FINGERPRINT", "IRIS", "MULTI")),
        Column("biometric_result", T, "What the verification said.", allowed=("SUCCESS", "FAILED", "LOW_QUALITY", "SUSPICIOUS", "FRAUD_DETECTED")),
        Column("is_verified_in", F, "Identity verified at punch-in.", also_known_as=("verified_in",)),
        Column("is_verified_out", F, "Identity verified at punch-out.", also_known_as=("verified_out",)),
        Column("confidence_score", R, "Confidence of the match.", unit="0 to 1", minimum=0, maximum=1),
        Column("quality_score", R, "Quality of the sample.", unit="0 to 1", minimum=0, maximum=1),
        Column("liveness_score", R, "That a living person stood there.", unit="0 to 1", minimum=0, maximum=1),
        Column("face_distance", R, "Cosine distance of the face to the enrolled one.", unit="0 to 2", minimum=0, maximum=2),
        Column("face_threshold", R, "Distance up to which a face matches, as configured then.", unit="0 to 2", minimum=0, maximum=2, also_known_as=("threshold",)),
        Column("template_id", T, "Hash of the biometric template that matched.", longest=64),
        Column("verification_attempts", N, "Tries until it matched.", minimum=0, maximum=1_000),
        Column("transport_mode", T, "How the guard came.", longest=40, also_known_as=("transportmodes",)),
    ),
    occurred_from=("punched_in_at",),
    indexes=(
        ("tenant_id", "person_id", "occurred_at"),
        ("tenant_id", "site_id", "occurred_at"),
        ("tenant_id", "device_id", "occurred_at"),
        ("tenant_id", "template_id", "occurred_at"),
    ),
    # Ninety days of somebody's habits are asked about each event that is scored.
    kept_days=95,
)  # fmt: skip

ALERTS = Stream(
    name="alerts",
    meaning="Alerts other systems raised about people, sites and devices.",
    table="noc_alert_event",
    own_columns=(
        Column("alert_type", T, "What is wrong.", required=True, allowed=(
            "SLA_BREACH", "TICKET_ESCALATED", "DEVICE_OFFLINE", "DEVICE_SPOOF", "GEOFENCE_BREACH", "ATTENDANCE_MISSING",
            "SYNC_DEGRADED", "SECURITY_ANOMALY", "WORK_ORDER_OVERDUE", "ATTENDANCE_ANOMALY", "WRONG_PERSON_AT_SITE",
            "UNAUTHORIZED_SITE_ACCESS", "IMPOSSIBLE_SHIFTS", "OVERTIME_VIOLATION", "BUDDY_PUNCHING", "GPS_SPOOFING",
            "BIOMETRIC_PATTERN_ANOMALY", "SCHEDULE_MISMATCH", "GUARD_INACTIVITY", "GPS_LOW_ACCURACY", "TOUR_OVERDUE",
            "TOUR_INCOMPLETE", "ML_FRAUD_PREDICTION", "ANOMALY_DETECTED", "SENSOR_THRESHOLD")),
        Column("severity", T, "How bad.", required=True, allowed=SEVERITIES),
        Column("status", T, "State of the alert at its source.", allowed=("NEW", "ACKNOWLEDGED", "ASSIGNED", "ESCALATED", "RESOLVED", "SUPPRESSED")),
        PERSON,
        SITE,
        Column("client_id", T, "The client.", longest=64, refers_to="clients", also_known_as=("client",)),
        DEVICE,
        Column("entity_type", T, "Kind of thing it is about.", longest=50),
        Column("entity_id", T, "The thing it is about.", longest=100),
        Column("message", T, "What the source says.", longest=500),
        Column("measured_value", R, "The reading that raised it."),
        Column("correlation_id", T, "Groups alerts of one cause, where the source knows.", longest=64),
    ),
    indexes=(("tenant_id", "site_id", "occurred_at"), ("tenant_id", "person_id", "occurred_at")),
)  # fmt: skip

VERDICTS = Stream(
    name="verdicts",
    meaning="What people said once they had looked: labels, each with why it was looked at. A later one replaces none.",
    table="noc_verdict",
    own_columns=(
        Column("subject_kind", T, "Kind of thing that was judged.", required=True, allowed=("ATTENDANCE", "ALERT", "FINDING", "INCIDENT", "TICKET")),
        Column("subject_id", T, "Which one.", required=True, longest=100),
        Column("verdict", T, "What was said of it.", required=True, allowed=(CONFIRMED, FALSE_POSITIVE, UNDECIDED)),
        Column("fraud_kind", T, "Which fraud was seen, where one was.", allowed=(
            "BUDDY_PUNCHING", "SHARED_DEVICE", "GPS_SPOOFING", "GEOFENCE_CHEATING", "IMPOSSIBLE_TRAVEL",
            "CREDENTIAL_SHARING", "TIME_THEFT", "COLLUSION_RING")),
        PERSON,
        SITE,
        Column("reviewer_id", T, "Who said it.", required=True, longest=64, also_known_as=("labelled_by", "reviewed_by")),
        Column("selection", T, "Why it was looked at: something flagged it, chance chose it, or somebody told.", allowed=(FLAGGED, RANDOM, REPORTED)),
        Column("selection_probability", R, "Chance with which it came to be looked at, where that is known.", unit="0 to 1", minimum=0, maximum=1),
        Column("note", T, "In the reviewer's words.", longest=500),
    ),
    indexes=(("tenant_id", "subject_kind", "subject_id"), ("tenant_id", "person_id", "occurred_at")),
    # There are few, and what people said stays true.
    kept_days=3_660,
)  # fmt: skip

TENANTS = Stream(
    name="tenants",
    meaning="Organisations whose data must never meet.",
    table="noc_tenant",
    own_columns=(
        Column("tenant_id", T, "The tenant.", required=True, longest=64),
        Column("name", T, "What people call it.", required=True),
        Column("is_active", F, "Still served."),
    ),
    key=("tenant_id",),
    is_reference=True,
)  # fmt: skip

CLIENTS = Stream(
    name="clients",
    meaning="Whom sites are guarded for.",
    table="noc_client",
    own_columns=(
        Column("client_id", T, "The client.", required=True, longest=64),
        Column("name", T, "What people call it.", required=True, also_known_as=("buname",)),
        Column("tier", T, "How much it may ask.", longest=40),
    ),
    key=("tenant_id", "client_id"),
    is_reference=True,
)  # fmt: skip

SITES = Stream(
    name="sites",
    meaning="Places that are guarded: zone, geofence, who answers for them.",
    table="noc_site",
    own_columns=(
        Column("site_id", T, "The site.", required=True, longest=64),
        Column("client_id", T, "The client it is guarded for.", longest=64, refers_to="clients", also_known_as=("client",)),
        Column("name", T, "What people call it.", required=True, also_known_as=("buname",)),
        Column("kind", T, "What is there: office, mall, plant, hospital, …", longest=40),
        Column("time_zone", T, "IANA zone of its clock.", required=True, longest=64),
        LATITUDE,
        LONGITUDE,
        Column("geofence_radius_meters", R, "Radius of its geofence around the position.", unit="metres", minimum=0, maximum=100_000),
        Column("noc_supervisor_id", T, "Whom the operations centre tells first.", longest=64),
        Column("security_manager_id", T, "Whom fraud is told to.", longest=64),
        Column("site_manager_id", T, "Who answers when nobody above does.", longest=64),
    ),
    key=("tenant_id", "site_id"),
    is_reference=True,
)  # fmt: skip

PEOPLE = Stream(
    name="people",
    meaning="Guards and those who lead them.",
    table="noc_person",
    own_columns=(
        Column("person_id", T, "The person.", required=True, longest=64),
        Column("name", T, "What people call them.", required=True, also_known_as=("peoplename",)),
        Column("site_id", T, "Home site; null for those who have none.", longest=64, refers_to="sites", also_known_as=("site",)),
        Column("is_active", F, "Still employed.", also_known_as=("isactive",)),
        Column("role", T, "What they do.", longest=80),
    ),
    key=("tenant_id", "person_id"),
    is_reference=True,
)  # fmt: skip

SHIFTS = Stream(
    name="shifts",
    meaning="The roster: who is due where, and when. Keyed by start, so that split shifts are two.",
    table="noc_shift",
    own_columns=(
        REQUIRED_PERSON,
        REQUIRED_SITE,
        Column("starts_at", I, "When the shift is due to begin.", unit="UTC", required=True, also_known_as=("scheduled_start",)),
        Column("ends_at", I, "When it is due to end.", unit="UTC", required=True, also_known_as=("scheduled_end",)),
        Column("shift_date", D, "Day of the roster, site-local."),
        Column("shift_type", T, "Kind of shift.", allowed=("DAY", "NIGHT", "SWING", "ROTATING")),
        Column("is_critical", F, "Must not be left empty."),
        Column("is_substitute", F, "Stands in for another."),
        Column("original_person_id", T, "Whom a substitute stands in for.", longest=64),
        Column("is_cancelled", F, "No longer due."),
    ),
    key=("tenant_id", "person_id", "site_id", "starts_at"),
    is_reference=True,
    indexes=(("tenant_id", "site_id", "starts_at"),),
)  # fmt: skip

TOURS_DUE = Stream(
    name="tours_due",
    meaning="Tours somebody has to walk: when, by whom, how many checkpoints.",
    table="noc_tour_due",
    own_columns=(
        Column("tour_id", T, "The tour; jobneeds name it as parent.", required=True, longest=64),
        PERSON,
        REQUIRED_SITE,
        Column("due_at", I, "When it is due to begin.", unit="UTC", required=True, also_known_as=("scheduled_datetime",)),
        Column("due_until", I, "When it is due to be done.", unit="UTC", required=True),
        Column("grace_minutes", R, "Time allowed past that.", unit="minutes", minimum=0, maximum=10_080),
        Column("tour_type", T, "Kind of tour.", allowed=("ROUTINE", "CRITICAL", "PERIMETER", "BUILDING")),
        Column("is_mandatory", F, "Must be walked."),
        Column("total_checkpoints", N, "Checkpoints on it.", unit="checkpoints", required=True, minimum=0, maximum=10_000),
    ),
    key=("tenant_id", "tour_id"),
    is_reference=True,
    indexes=(("tenant_id", "person_id", "due_at"),),
)  # fmt: skip

CALENDAR = Stream(
    name="calendar",
    meaning="Stretches of time in which a site, a client or a whole tenant is not as usual.",
    table="noc_calendar_window",
    own_columns=(
        Column("window_id", T, "The stretch of time.", required=True, longest=100, also_known_as=("uid",)),
        Column("kind", T, "What is the matter; maintenance mutes findings and alerts.", required=True, allowed=(MAINTENANCE, HOLIDAY, CLOSURE)),
        Column("site_id", T, "The site; null for every site of the client, or of the tenant.", longest=64, refers_to="sites", also_known_as=("site", "bu")),
        Column("client_id", T, "The client; null, without a site, for the whole tenant.", longest=64, refers_to="clients", also_known_as=("client",)),
        Column("starts_at", I, "When it begins; where it recurs, for the first time.", unit="UTC", required=True, also_known_as=("start_time", "dtstart")),
        Column("ends_at", I, "When it ends, at most 366 days later; where it recurs, for the first time.", unit="UTC", required=True, also_known_as=("end_time", "dtend")),
        Column("recurrence", T, "How it comes again by the clock of its zone: an RRULE (RFC 5545) such as FREQ=WEEKLY;BYDAY=SU, daily or rarer; null for once.", form=Form.RECURRENCE, also_known_as=("rrule",)),
        Column("time_zone", T, "IANA zone by whose clock it recurs; null for the site's.", longest=64, form=Form.TIME_ZONE, also_known_as=("tzid",)),
        Column("finding_types", T, "Types of findings and alerts that maintenance mutes, with commas between; null for all.", longest=1_000, form=Form.NAMES),
        Column("reason", T, "Why, in people's words.", also_known_as=("summary",)),
        Column("is_cancelled", F, "Does not take place, none of its occurrences."),
    ),
    key=("tenant_id", "window_id"),
    is_reference=True,
    indexes=(("tenant_id", "site_id", "starts_at"),),
    spans=(Span("starts_at", "ends_at", longest_days=366),),
)  # fmt: skip

REFERENCE_STREAMS = (TENANTS, CLIENTS, SITES, PEOPLE, SHIFTS, TOURS_DUE, CALENDAR)
EVENT_STREAMS = (DEVICE_EVENTS, LOCATION_UPDATES, JOBNEEDS, ATTENDANCE_EVENTS, ALERTS, VERDICTS)
# In this order a whole folder of files can be ingested: what is referred to comes before what refers.
STREAMS = {stream.name: stream for stream in (*REFERENCE_STREAMS, *EVENT_STREAMS)}


def stream_called(name: str) -> Stream:
    """The stream of that name. Raises `UnknownStream`."""
    try:
        return STREAMS[name]
    except KeyError:
        raise UnknownStream(name, list(STREAMS)) from None
