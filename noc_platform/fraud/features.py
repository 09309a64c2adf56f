"""The twelve features of domain.md §5.3, those that follow them, and the facts detectors look at: the one definition.

One Ibis expression for training (history, DuckDB and Spark) and for scoring (now, PostgreSQL). Everything about an
event is of what happened before it and was received by the time the event was: a score made again later is the same.
What is not known is null, and never 0.
"""

import ibis
import ibis.expr.types as ir

from noc_platform.fraud.facts import habits, phones, work
from noc_platform.fraud.moments import Sources, at_least, beyond_geofence, capped, one_if, second_of, where
from noc_platform.fraud.vocabulary import KEYS, MODEL_FEATURES, Stage

DEVICE_DAYS, TEMPLATE_DAYS = 7, 30
WORST_ACCURACY_METERS, FARTHEST_METERS, FASTEST_KMH = 1_000.0, 10_000.0, 1_000.0
RECENT_HOURS = phones.RECENT_SECONDS / 3600.0
# What detectors are told beside the features.
FACTS = (
    "geofence_excess_meters", "accuracy_meters", "fix_speed_kmh", "fix_accuracy_meters", "is_mocked",
    "is_rostered_here", "expected_person_id", "is_assigned_here", "previous_attendance_id", "previous_site_id",
    "travel_distance_meters", "travel_seconds", "worked_seconds", "continuous_seconds", "elsewhere_attendance_id",
    "elsewhere_site_id", "elsewhere_seconds", "verifications", "distinct_minutes", "mean_confidence",
    "low_confidence_share", "device_id", "template_id",
)  # fmt: skip
EVIDENCE = (*KEYS, *MODEL_FEATURES, *FACTS)
REALS = frozenset(MODEL_FEATURES) | {
    "geofence_excess_meters", "accuracy_meters", "fix_speed_kmh", "fix_accuracy_meters", "travel_distance_meters",
    "travel_seconds", "worked_seconds", "continuous_seconds", "elsewhere_seconds", "verifications", "distinct_minutes",
    "mean_confidence", "low_confidence_share",
}  # fmt: skip


def evidence(sources: Sources, asked: ir.Table) -> ir.Table:
    """The evidence of each event asked about: `KEYS`, `MODEL_FEATURES` and `FACTS`, one row each.

    `asked` is `moments.numbered(moments.moments(…))`, or those of its rows that are wanted, put into a table.
    """
    punched = habits.punches(sources)
    held = habits.beliefs(punched, sources.verdicts)
    usual = habits.habits(asked, held)
    seen = phones.whereabouts(asked, sources.location_updates)
    due = work.roster(asked, sources)
    others = work.attended(asked, sources)
    rostered = joined(asked, due)
    parts = (
        due,
        usual,
        habits.runs(asked, held, usual),
        phones.readings(asked, sources.device_events),
        seen,
        phones.last_fixes(asked, seen, sources.location_updates),
        work.tours(asked, sources),
        work.assignments(rostered, sources),
        work.travel(others),
        work.elsewhere(others),
        work.worked(asked, others),
        work.shared(asked, sources, "device_id", DEVICE_DAYS).rename(device_people="others"),
        work.shared(asked, sources, "template_id", TEMPLATE_DAYS).rename(template_people="others"),
    )
    return _told(_fed(joined(asked, *parts), sources))


def joined(asked: ir.Table, *parts: ir.Table) -> ir.Table:
    """Events with what each part knows of them, null where a part has no row; in one join of them all."""
    chain, names = asked, list(asked.columns)
    for place, part in enumerate(parts):
        own = f"nth_{place}"
        told = part.rename({own: "nth"})
        chain = chain.left_join(told, [("nth", own)])
        names += [name for name in part.columns if name not in names]
    return chain.select(*names)


def _fed(gathered: ir.Table, sources: Sources) -> ir.Table:
    """With whether the tenant delivered fixes by then, and keeps a roster: else nothing can be said of either."""
    fed = sources.feeds.rename(fed_tenant_id="tenant_id", fed_since="since")
    kept = sources.rosters.rename(kept_tenant_id="tenant_id", kept_since="since")
    both = gathered.left_join(fed, [("tenant_id", "fed_tenant_id")])
    whole = both.left_join(kept, [("tenant_id", "kept_tenant_id")])
    return whole.select(*gathered.columns, "fed_since", "kept_since")


def _told(row: ir.Table) -> ir.Table:
    is_out = row.stage == Stage.OUT.value
    came_from = beyond_geofence(row, row.latitude_in, row.longitude_in)
    excess = came_from.fill_null(at_least(row.distance_in_meters - row.radius_meters, 0.0))
    left_from = beyond_geofence(row, row.latitude_out, row.longitude_out).fill_null(
        at_least(row.distance_out_meters - row.radius_meters, 0.0)
    )
    # Distances are not negative, so that this is at most 1.
    matched = at_least(1.0 - row.face_distance / row.face_threshold, 0.0)
    keeps_roster = (row.kept_since <= row.known_at).fill_null(False)
    is_covered = row.covered.fill_null(0) == 1
    is_home = (row.home_site_id == row.site_id).fill_null(False)
    has_shifts = (row.site_shifts.fill_null(0) > 0) | is_covered
    is_fed = (row.fed_since <= row.known_at).fill_null(False)
    columns = {
        "biometric_quality_score": row.quality_score.fill_null(where(row.face_threshold > 0.0, matched)),
        "gps_accuracy": capped(row.accuracy_meters, WORST_ACCURACY_METERS),
        "geofence_distance_meters": capped(excess, FARTHEST_METERS),
        # Whoever is rostered is expected, whatever day it is, and however new they are.
        "day_of_week_pattern_score": ibis.cases(
            (row.rostered_day.fill_null(0) == 1, 0.0), else_=row.day_of_week_pattern_score
        ),
        "velocity_kmh": capped(row.fix_speed_kmh, FASTEST_KMH),
        "consecutive_violations": where(row.clean_second.notnull() | row.run.notnull(), row.run.fill_null(0.0)),
        "location_update_frequency": where(is_fed, row.fixes.fill_null(0).cast("float64") / RECENT_HOURS),
        "has_punched_out": one_if(is_out).cast("float64"),
        "is_location_mocked": where(row.is_location_mocked.notnull(), one_if(row.is_location_mocked).cast("float64")),
        "face_margin": where(row.face_threshold > 0.0, 1.0 - row.face_distance / row.face_threshold),
        "verification_attempts": row.verification_attempts.cast("float64"),
        "device_people": where(row.device_id.notnull(), row.device_people.fill_null(0.0)),
        "template_people": where(row.template_id.notnull(), row.template_people.fill_null(0.0)),
        "out_distance_meters": where(is_out, capped(left_from, FARTHEST_METERS)),
        "phone_distance_meters": capped(row.phone_distance_meters, FARTHEST_METERS),
        "duty_hours": where(is_out, (second_of(row.punched_out_at) - second_of(row.punched_in_at)) / 3600.0),
        "geofence_excess_meters": excess,
        "worked_seconds": row.worked_seconds.fill_null(0.0),
        "continuous_seconds": row.continuous_seconds.fill_null(0.0),
        "is_mocked": row.is_location_mocked.fill_null(False) | row.last_fix_mocked.fill_null(False),
        "is_rostered_here": where(keeps_roster & row.site_id.notnull(), is_covered),
        "expected_person_id": where(keeps_roster, row.expected_person_id),
        "is_assigned_here": where(
            row.site_id.notnull() & (row.home_site_id.notnull() | keeps_roster), is_home | has_shifts
        ),
    }
    told = {name: columns[name] if name in columns else row[name] for name in EVIDENCE}
    return row.select(**{name: value.cast("float64") if name in REALS else value for name, value in told.items()})
