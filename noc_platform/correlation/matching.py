"""Which signals and which alerts belong together: Ibis expressions over all tenants, people and sites (domain.md §4).

Windows are rows of `telemetry.windows.WINDOWS_SCHEMA`, alerts of `alerts.queries.OCCURRENCES_SCHEMA`. They run on
DuckDB, PostgreSQL and Spark alike. Elsewhere: what becomes one story (`stories`), what is kept of it (`incidents`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from noc_platform.correlation.vocabulary import Severity
from noc_platform.settings import CorrelationPolicy
from noc_platform.telemetry.movement import epoch_second
from noc_platform.telemetry.windows import QUIET_LOCATION_UPDATES, QUIET_PHONE_EVENTS

# What is the same, in hundredths, as engines do not agree on sums of fractions. A match in person or site must not
# count as one in both (domain.md §4, defect 38).
SAME_BOTH, SAME_PERSON, SAME_SITE = 50, 40, 25
CONSISTENT = 20
# How near the nearest moment of what signals say is, in shares of the window, and what that adds.
NEAR = ((1 / 3, 30), (2 / 3, 20), (1.0, 10))
BUCKET_SECONDS = 3600
# What an audit calls it when nobody on duty at a site is heard.
SITE_SILENT = "SITE_SILENT"
SEPARATOR = "\n"


@dataclass(frozen=True)
class Agreement:
    """Types of alerts that say of somebody what signals can say as well."""

    alert_types: tuple[str, ...]
    words: str


# In this order they are bits of what a window says and of what an alert asks.
AGREEMENTS: Mapping[str, Agreement] = {
    "device": Agreement(("DEVICE_OFFLINE", "SYNC_DEGRADED"), "little or nothing came from the phone"),
    "position": Agreement(
        ("GEOFENCE_BREACH", "GPS_SPOOFING", "GPS_LOW_ACCURACY", "DEVICE_SPOOF", "UNAUTHORIZED_SITE_ACCESS"),
        "positions were few or lay outside the site",
    ),
    "tour": Agreement(("TOUR_OVERDUE", "TOUR_INCOMPLETE"), "checkpoints were due and none was scanned"),
    "inactivity": Agreement(("GUARD_INACTIVITY",), "nobody moved"),
    "work": Agreement(("WORK_ORDER_OVERDUE",), "tasks were due and none was done"),
    "attendance": Agreement(("ATTENDANCE_MISSING", "ATTENDANCE_ANOMALY"), "nothing came from the phone"),
}  # fmt: skip
# What signals say by themselves, worst first (domain.md §2.2); nothing of it is INFO.
SIGNAL_SEVERITIES = (
    (("is_idle",), Severity.HIGH),
    (("is_quiet", "is_unheard"), Severity.MEDIUM),
    (("is_outside", "is_without_position", "misses_checkpoints", "misses_tasks"), Severity.LOW),
)
TELLING = tuple(name for names, _ in SIGNAL_SEVERITIES for name in names)


def matches(windows: ir.Table, alerts: ir.Table, policy: CorrelationPolicy) -> ir.Table:
    """Every pair of a window and an alert about the same person or the same site of one tenant, near enough in time.

    What a window says lasts from `since` to `window_end`; an alert may lie `policy.window` before or after.
    Columns: tenant_id, person_id and window_end (the window), event_id, alert_id, occurred_at, alert_person_id,
    apart_seconds (0 within), entity, proximity, consistency, score (their sum, 1 at most), signal_rank and
    alert_rank (severities as numbers), is_telling (whether the signals say something by themselves).
    """
    told, asked = _told(windows, policy.window), _asked(bounded(alerts, policy))
    # Engines compare every window of a site with every alert there unless the time is part of what must be equal.
    buckets = told.mutate(bucket=ibis.range(_bucket(told.earliest), _bucket(told.latest) + 1).unnest())
    found = ibis.union(_of_person(buckets, asked), _of_site(buckets, asked))
    near = found.filter(found.occurred_at >= found.earliest, found.occurred_at <= found.latest)
    return _scored(near, policy.window)


def belonging(pairs: ir.Table, policy: CorrelationPolicy) -> ir.Table:
    """Those of the pairs of `matches` that are one story: a score of `policy.least_score` or more, signals that say
    something, if only what the alert says, and nobody else's alert.

    What befalls several people at a site is one story by what their own signals say (`continuations`).
    """
    is_theirs = (pairs.alert_person_id == pairs.person_id).fill_null(True)
    says_something = pairs.is_telling | (pairs.consistency > 0)
    return pairs.filter(pairs.score >= policy.least_score, is_theirs, says_something)


def continuations(windows: ir.Table, policy: CorrelationPolicy) -> ir.Table:
    """Which window goes on with what another says: the same of the same person, or a whole site that is silent.

    Each is the next one that says so, where that or a later one begins no later than `policy.window` after the other
    ends: so one that comes late never parts those around it. Columns: tenant_id, person_id and window_end of the one,
    next_person_id and next_window_end of the other.
    """
    said = [ibis.cases((windows[name], name + SEPARATOR + windows.person_id)) for name in TELLING]
    is_site = (windows.silence == SITE_SILENT) & windows.site_id.notnull()
    said.append(ibis.cases((is_site, SITE_SILENT + SEPARATOR + windows.site_id)))
    told = windows.select("tenant_id", "person_id", "since", "window_end", what=ibis.array(said).unnest())
    told = told.filter(told.what.notnull())
    backwards = ibis.cumulative_window(
        group_by=["tenant_id", "what"], order_by=[ibis.desc("window_end"), ibis.desc("person_id")]
    )
    told = told.mutate(earliest=told.since.min().over(backwards))
    following = ibis.window(group_by=["tenant_id", "what"], order_by=["window_end", "person_id"])
    told = told.mutate(
        next_person_id=told.person_id.lead().over(following),
        next_window_end=told.window_end.lead().over(following),
        earliest_later=told.earliest.lead().over(following),
    )
    touching = told.filter(told.earliest_later <= told.window_end + _interval(policy.window))
    return touching.select("tenant_id", "person_id", "window_end", "next_person_id", "next_window_end").distinct()


def bounded(alerts: ir.Table, policy: CorrelationPolicy) -> ir.Table:
    """Of each alert the worst of a minute's repeats, and of a site's minute no more than the worst
    `policy.most_a_minute`: a storm costs no more than that (of what has no site: of a person's minute)."""
    minute = (epoch_second(alerts.occurred_at) / 60).floor()
    order = [_rank(alerts.severity).desc(), alerts.occurred_at, alerts.event_id]
    numbered = alerts.mutate(
        minute=minute,
        place=ibis.coalesce(alerts.site_id, alerts.person_id),
        repeat=ibis.row_number().over(
            ibis.window(group_by=[alerts.tenant_id, alerts.alert_id, minute], order_by=order)
        ),
    )
    once = numbered.filter(numbered.repeat == 0, numbered.place.notnull())
    worst = ibis.window(
        group_by=[once.tenant_id, once.place, once.minute],
        order_by=[_rank(once.severity).desc(), once.occurred_at, once.event_id],
    )
    ranked = once.mutate(nth=ibis.row_number().over(worst))
    return ranked.filter(ranked.nth < policy.most_a_minute).drop("minute", "place", "repeat", "nth")


def _told(windows: ir.Table, window: timedelta) -> ir.Table:
    """What each window says, as bits in the order of `AGREEMENTS`, and how bad that is by itself."""
    is_true = {name: windows[name].fill_null(False) for name in (*TELLING, "is_still")}
    is_little_heard = (windows.phone_events_count < QUIET_PHONE_EVENTS).fill_null(False)
    is_little_seen = (windows.location_updates_count < QUIET_LOCATION_UPDATES).fill_null(False)
    says = {
        "device": is_true["is_unheard"] | is_little_heard,
        "position": is_true["is_outside"] | is_true["is_without_position"] | is_little_seen,
        "tour": is_true["misses_checkpoints"],
        "inactivity": is_true["is_still"] | is_true["is_idle"],
        "work": is_true["misses_tasks"],
        "attendance": is_true["is_unheard"],
    }
    bits = sum((ibis.cases((says[name], 1 << place), else_=0) for place, name in enumerate(AGREEMENTS)), start=0)
    rank = ibis.cases(
        *((_any(is_true[name] for name in names), severity.rank) for names, severity in SIGNAL_SEVERITIES), else_=0
    )
    return windows.select(
        "tenant_id",
        "person_id",
        "site_id",
        "since",
        "window_end",
        earliest=windows.since - _interval(window),
        latest=windows.window_end + _interval(window),
        says=bits.cast("int64"),
        signal_rank=rank.cast("int64"),
    )


def _asked(alerts: ir.Table) -> ir.Table:
    bits = ibis.cases(
        *(
            (alerts.alert_type.isin(agreement.alert_types), 1 << place)
            for place, agreement in enumerate(AGREEMENTS.values())
        ),
        else_=0,
    )
    return alerts.select(
        "tenant_id",
        "event_id",
        "alert_id",
        "occurred_at",
        alert_person_id="person_id",
        alert_site_id="site_id",
        bucket=_bucket(alerts.occurred_at),
        asks=bits.cast("int64"),
        alert_rank=_rank(alerts.severity).cast("int64"),
    )


def _of_person(windows: ir.Table, alerts: ir.Table) -> ir.Table:
    named = alerts.filter(alerts.alert_person_id.notnull())
    pairs = windows.join(
        named,
        [
            windows.tenant_id == named.tenant_id,
            windows.person_id == named.alert_person_id,
            windows.bucket == named.bucket,
        ],
    )
    is_there = (pairs.site_id == pairs.alert_site_id).fill_null(False)
    return _paired(pairs, ibis.cases((is_there, SAME_BOTH), else_=SAME_PERSON))


def _of_site(windows: ir.Table, alerts: ir.Table) -> ir.Table:
    placed = alerts.filter(alerts.alert_site_id.notnull())
    pairs = windows.join(
        placed,
        [
            windows.tenant_id == placed.tenant_id,
            windows.site_id == placed.alert_site_id,
            windows.bucket == placed.bucket,
        ],
    )
    others = pairs.filter((pairs.person_id != pairs.alert_person_id).fill_null(True))
    return _paired(others, ibis.literal(SAME_SITE))


def _paired(pairs: ir.Table, entity: ir.IntegerValue) -> ir.Table:
    return pairs.select(
        "tenant_id", "person_id", "since", "window_end", "earliest", "latest", "event_id", "alert_id", "occurred_at",
        "alert_person_id", "says", "asks", "signal_rank", "alert_rank",
        entity=entity,
    )  # fmt: skip


def _scored(pairs: ir.Table, window: timedelta) -> ir.Table:
    reach = window.total_seconds()
    at, since, until = (epoch_second(pairs[name]) for name in ("occurred_at", "since", "window_end"))
    pairs = pairs.mutate(apart_seconds=ibis.greatest(since - at, at - until, 0).cast("float64"))
    near = ibis.cases(*((pairs.apart_seconds <= share * reach, bonus) for share, bonus in NEAR), else_=0)
    agrees = (pairs.says & pairs.asks) != 0
    consistency = ibis.cases((agrees, CONSISTENT), else_=0)
    whole = ibis.least(pairs.entity + near + consistency, 100)
    return pairs.select(
        "tenant_id", "person_id", "window_end", "event_id", "alert_id", "occurred_at", "alert_person_id",
        "apart_seconds", "signal_rank", "alert_rank",
        entity=_share(pairs.entity),
        proximity=_share(near),
        consistency=_share(consistency),
        score=_share(whole),
        is_telling=pairs.signal_rank > Severity.INFO.rank,
    )  # fmt: skip


def _share(hundredths: ir.IntegerValue) -> ir.FloatingValue:
    return hundredths.cast("float64") / 100.0


def _bucket(at: ir.TimestampValue) -> ir.IntegerValue:
    return (epoch_second(at) / BUCKET_SECONDS).floor().cast("int64")


def _interval(span: timedelta) -> ir.IntervalScalar:
    return ibis.interval(seconds=int(span.total_seconds()))


def _rank(severity: ir.StringValue) -> ir.IntegerValue:
    """A severity as a number; one that is not known is taken for the least (defect 46)."""
    return ibis.cases(*((severity == each.value, each.rank) for each in Severity), else_=0)


def _any(conditions: Iterable[ir.BooleanValue]) -> ir.BooleanValue:
    first, *others = conditions
    for other in others:
        first = first | other
    return first
