"""What a person was there to do, and did: the roster, tours, other attendances. Ibis expressions, a row an event."""

import ibis
import ibis.expr.types as ir

from noc_platform.fraud.moments import DAY_SECONDS, Sources, one_if, second_of, where
from noc_platform.streams.catalogue import AUTOCLOSED, TOUR_IDENTIFIERS
from noc_platform.telemetry.movement import metres_between

HOUR = 3600.0
TOUR_DAYS = 7
# A phone without a network may tell of scans so much later; what comes after that does not count for the tour.
SCANS_WITHIN_SECONDS = 2 * HOUR
# Nothing that was planned is over, or done, so much later or earlier than it began: what is read has to end somewhere.
MARGIN_DAYS = 2
MARGIN_SECONDS = MARGIN_DAYS * DAY_SECONDS
ROSTER_REACH_SECONDS, EARLY_SECONDS = 12 * HOUR, 2 * HOUR
ASSIGNED_DAYS = 30
LOOKED_BACK_SECONDS = 48 * HOUR
LONGEST_SHIFT_SECONDS = 16 * HOUR
CONCURRENT_SECONDS = 1_800.0
LONGEST_BREAK_SECONDS = 1_800.0
PERSON = ("tenant_id", "person_id")


def tours(asked: ir.Table, sources: Sources) -> ir.Table:
    """`nth` and tour_completion_rate: checkpoints scanned of those due on tours that ended in the seven days before."""
    jobs = sources.jobneeds
    scans = jobs.filter(
        jobs.identifier.isin(TOUR_IDENTIFIERS), jobs.parent_id.notnull(), jobs.ended_at.notnull(),
        jobs.status != AUTOCLOSED, jobs.scan_type.fill_null("") != "SKIP",
    )  # fmt: skip
    due = sources.tours_due.filter(sources.tours_due.person_id.notnull())
    over = due.select(
        *PERSON, "tour_id", "total_checkpoints", "received_at", due_second=second_of(due.due_at),
        over=second_of(due.due_until) + due.grace_minutes.fill_null(0.0) * 60.0 + SCANS_WITHIN_SECONDS,
    )  # fmt: skip
    walked = over.join(
        scans,
        [over.tenant_id == scans.tenant_id, over.tour_id == scans.parent_id, over.person_id == scans.person_id],
    )
    ended = second_of(walked.ended_at)
    # Only what was told by then: so the number is the same whenever it is asked for.
    walked = walked.filter(
        second_of(walked.received_at_right) <= walked.over,
        ended <= walked.over, ended >= walked.due_second - MARGIN_SECONDS,
    )  # fmt: skip
    counted = walked.group_by("tenant_id", "tour_id").agg(scanned=walked.jobneed_id.nunique())
    done = over.left_join(counted, ["tenant_id", "tour_id"]).drop("tenant_id_right", "tour_id_right")
    own = asked.select("nth", *PERSON, "known_at", as_of=second_of(asked.happened_at))
    pairs = own.join(done, PERSON)
    pairs = pairs.filter(
        pairs.over <= pairs.as_of, pairs.over > pairs.as_of - TOUR_DAYS * DAY_SECONDS,
        pairs.due_second >= pairs.as_of - TOUR_DAYS * DAY_SECONDS - MARGIN_SECONDS,
        pairs.received_at <= pairs.known_at, pairs.over <= second_of(pairs.known_at),
    )  # fmt: skip
    summed = pairs.group_by("nth").agg(
        scanned=ibis.least(pairs.scanned.fill_null(0), pairs.total_checkpoints).sum(), due=pairs.total_checkpoints.sum()
    )
    return summed.select(
        "nth", tour_completion_rate=where(summed.due > 0, summed.scanned.cast("float64") / summed.due.cast("float64"))
    )


def roster(asked: ir.Table, sources: Sources) -> ir.Table:
    """`nth`, minutes_from_roster (of the nearest start of the person's shifts, after it positive), `covered` 1 where
    the person is rostered at this site now, `rostered_day` 1 where they have a shift around now anywhere."""
    shifts = sources.shifts.filter(~sources.shifts.is_cancelled.fill_null(False))
    planned = shifts.select(
        *PERSON, shift_site_id="site_id", known_since="received_at",
        begins=second_of(shifts.starts_at), ends=second_of(shifts.ends_at),
    )  # fmt: skip
    own = asked.select("nth", *PERSON, "site_id", "known_at", came=second_of(asked.punched_in_at))
    pairs = own.join(planned, PERSON)
    pairs = pairs.filter(
        ((pairs.begins - pairs.came).abs() <= ROSTER_REACH_SECONDS) | _is_now(pairs),
        pairs.known_since <= pairs.known_at,
    )
    pairs = pairs.mutate(
        apart=(pairs.came - pairs.begins) / 60.0, here=one_if(_is_now(pairs) & (pairs.shift_site_id == pairs.site_id))
    )
    found = pairs.group_by("nth").agg(
        late=pairs.apart.min(where=pairs.apart >= 0.0), early=pairs.apart.max(where=pairs.apart < 0.0),
        covered=pairs.here.max(), rostered_day=ibis.least(pairs.count(), 1),
    )  # fmt: skip
    is_late = found.early.isnull() | (found.late <= found.early.abs())
    return found.select(
        "nth", "covered", "rostered_day",
        minutes_from_roster=ibis.cases((is_late & found.late.notnull(), found.late), else_=found.early),
    )  # fmt: skip


def assignments(asked: ir.Table, sources: Sources) -> ir.Table:
    """`nth`, `site_shifts` (the person's at this site in the month before and after) and expected_person_id: who is
    rostered there now and has not come, where the person is not rostered; nobody for whom another stands in."""
    shifts = sources.shifts.filter(~sources.shifts.is_cancelled.fill_null(False))
    planned = shifts.select(
        "tenant_id", "site_id", "original_person_id", rostered_id="person_id", known_since="received_at",
        begins=second_of(shifts.starts_at), ends=second_of(shifts.ends_at),
    )  # fmt: skip
    strangers = asked.filter(asked.covered.isnull() | (asked.covered == 0))
    own = strangers.select(
        "nth", *PERSON, "site_id", "known_at", came=second_of(strangers.punched_in_at),
        as_of=second_of(strangers.happened_at),
    )  # fmt: skip
    pairs = own.join(planned, ["tenant_id", "site_id"])
    month = ASSIGNED_DAYS * DAY_SECONDS
    pairs = pairs.filter(
        pairs.begins >= pairs.came - month, pairs.begins <= pairs.came + month, pairs.known_since <= pairs.known_at
    )
    is_own = pairs.rostered_id == pairs.person_id
    # Who works at the site every other day is missed only on the days they are rostered.
    missed = pairs.filter(_is_now(pairs) & ~is_own)
    replaced = missed.filter(missed.original_person_id.notnull()).select("nth", rostered_id="original_person_id")
    here = _present(missed, sources.attendance_events).union(replaced).distinct()
    absent = missed.anti_join(here, ["nth", "rostered_id"])
    expected = absent.group_by("nth").agg(expected_person_id=absent.rostered_id.min())
    counted = pairs.group_by("nth").agg(site_shifts=one_if(is_own).sum())
    joined = counted.left_join(expected, "nth").drop("nth_right")
    return joined.select("nth", "site_shifts", "expected_person_id")


def _is_now(pairs: ir.Table) -> ir.BooleanValue:
    """Whether somebody who `came` then came for the shift: a little before it, or while it lasts."""
    return (
        (pairs.came >= pairs.begins - EARLY_SECONDS)
        & (pairs.came < pairs.ends)
        & (pairs.begins >= pairs.came - MARGIN_SECONDS)
    )


def _present(missed: ir.Table, events: ir.Table) -> ir.Table:
    """Who of those rostered has come to the site for the shift before the event, as known then: `nth`, rostered_id."""
    came = events.select(
        "tenant_id", "site_id", "received_at", rostered_id="person_id", second=second_of(events.punched_in_at)
    )
    met = missed.join(came, ["tenant_id", "site_id", "rostered_id"])
    there = met.filter(
        met.second >= met.begins - EARLY_SECONDS, met.second < met.ends, met.second <= met.as_of,
        met.received_at <= met.known_at,
    )  # fmt: skip
    return there.select("nth", "rostered_id")


def attended(asked: ir.Table, sources: Sources) -> ir.Table:
    """The person's other attendances of the two days before each event and until it, as known then: one row each.

    Columns: what travel and concurrency are told by; `came` and `left` in seconds, `left` null where they had not left
    by then, or nobody knows. Punches of the half hour after the event are there as well: of two that came at the same
    time, the one that is told of last has to see the other.
    """
    events = sources.attendance_events.select(
        *PERSON, "received_at", other_id="attendance_id", other_site_id="site_id", arrived_at="punched_in_at",
        departed_at="punched_out_at",
    )  # fmt: skip
    own = asked.select(
        "nth", *PERSON, "attendance_id", "site_id", "known_at", "site_latitude", "site_longitude",
        here=second_of(asked.punched_in_at), as_of=second_of(asked.happened_at),
    )  # fmt: skip
    timed = events.mutate(came=second_of(events.arrived_at))
    pairs = own.join(timed, PERSON)
    pairs = pairs.filter(
        pairs.came >= pairs.here - LOOKED_BACK_SECONDS,
        (pairs.came <= pairs.here + CONCURRENT_SECONDS) | (pairs.came < pairs.as_of),
        pairs.received_at <= pairs.known_at, pairs.other_id != pairs.attendance_id,
    )  # fmt: skip
    departed = second_of(pairs.departed_at)
    told = pairs.group_by("nth", "other_id").agg(
        came=pairs.came.min(), left=departed.max(where=departed <= pairs.as_of),
        other_site_id=pairs.other_site_id.max(), tenant_id=pairs.tenant_id.max(), site_id=pairs.site_id.max(),
        here=pairs.here.max(), as_of=pairs.as_of.max(), site_latitude=pairs.site_latitude.max(),
        site_longitude=pairs.site_longitude.max(),
    )  # fmt: skip
    places = sources.sites.select(
        "tenant_id", other_site_id="site_id", other_latitude="latitude", other_longitude="longitude"
    )
    placed = told.left_join(places, ["tenant_id", "other_site_id"]).drop("tenant_id_right", "other_site_id_right")
    return placed.mutate(
        apart_meters=metres_between(
            placed.site_latitude, placed.site_longitude, placed.other_latitude, placed.other_longitude
        ),
        is_elsewhere=placed.other_site_id != placed.site_id,
    )


def travel(others: ir.Table) -> ir.Table:
    """From the last other site to this one: `nth`, previous_attendance_id, previous_site_id, travel_distance_meters,
    travel_seconds; negative where the person had not left, or came there before they left here."""
    before = others.filter(others.is_elsewhere & ((others.came <= others.here) | (others.came < others.as_of)))
    order = ibis.window(group_by="nth", order_by=[before.came.desc(), before.other_id])
    last = before.mutate(place=ibis.row_number().over(order))
    last = last.filter(last.place == 0)
    return last.select(
        "nth", previous_attendance_id="other_id", previous_site_id="other_site_id",
        travel_distance_meters="apart_meters",
        travel_seconds=last.here - last.left.fill_null(last.came),
    )  # fmt: skip


def elsewhere(others: ir.Table) -> ir.Table:
    """The nearest punch at another site within half an hour: `nth`, elsewhere_attendance_id, elsewhere_site_id,
    elsewhere_seconds."""
    near = others.filter(others.is_elsewhere & ((others.came - others.here).abs() <= CONCURRENT_SECONDS))
    order = ibis.window(group_by="nth", order_by=[(near.came - near.here).abs(), near.other_id])
    ranked = near.mutate(place=ibis.row_number().over(order))
    first = ranked.filter(ranked.place == 0)
    return first.select(
        "nth", elsewhere_attendance_id="other_id", elsewhere_site_id="other_site_id",
        elsewhere_seconds=(first.came - first.here).abs(),
    )  # fmt: skip


def worked(asked: ir.Table, others: ir.Table) -> ir.Table:
    """`nth`, worked_seconds in the day before the event and continuous_seconds up to it, each moment counted once.

    The attendance itself is part of it. One that nobody has closed lasts until the event, 16 hours at most.
    """
    own = asked.select(
        "nth", as_of=second_of(asked.happened_at), begins=second_of(asked.punched_in_at),
        ends=second_of(asked.happened_at),
    )  # fmt: skip
    longest = others.came + LONGEST_SHIFT_SECONDS
    rest = others.select("nth", "as_of", begins=others.came, ends=ibis.least(others.left.fill_null(longest), longest))
    spans = own.union(rest)
    spans = spans.mutate(ends=ibis.least(spans.ends, spans.as_of))
    spans = spans.filter(spans.begins < spans.as_of, spans.ends > spans.begins)
    earlier = ibis.window(group_by="nth", order_by=["begins", "ends"], preceding=(None, 1))
    reached = spans.mutate(reach=spans.ends.max().over(earlier))
    reached = reached.mutate(
        # What lies under an earlier span was counted with it.
        fresh=ibis.greatest(reached.begins, reached.reach.fill_null(reached.begins), reached.as_of - DAY_SECONDS),
        is_break=one_if(reached.reach.notnull() & (reached.begins - reached.reach > LONGEST_BREAK_SECONDS)),
    )
    until = ibis.window(group_by="nth", order_by=["begins", "ends"], following=0, preceding=None)
    stretches = reached.mutate(stretch=reached.is_break.sum().over(until))
    summed = stretches.group_by("nth", "stretch").agg(
        worked=ibis.greatest(stretches.ends - stretches.fresh, 0.0).sum(),
        since=stretches.begins.min(), until=stretches.ends.max(), as_of=stretches.as_of.max(),
    )  # fmt: skip
    is_last = summed.as_of - summed.until <= LONGEST_BREAK_SECONDS
    return summed.group_by("nth").agg(
        worked_seconds=summed.worked.sum(), continuous_seconds=(summed.until - summed.since).max(where=is_last)
    )


def shared(asked: ir.Table, sources: Sources, column: str, days: int) -> ir.Table:
    """`nth` and `others`: how many other people used the same device or matched the same template (`column`) in so
    many days before, as known then; coming or leaving, for a phone may be lent for either."""
    mine = asked.filter(asked[column].notnull())
    own = mine.select("nth", *PERSON, column, "known_at", as_of=second_of(mine.happened_at))
    events = sources.attendance_events.filter(sources.attendance_events[column].notnull())
    used = events.select(
        "tenant_id", column, "received_at", user_id="person_id",
        second=second_of(events.punched_out_at.fill_null(events.punched_in_at)),
    )  # fmt: skip
    pairs = own.join(
        used,
        [
            own.tenant_id == used.tenant_id, own[column] == used[column], own.person_id != used.user_id,
            used.second <= own.as_of, used.second >= own.as_of - days * DAY_SECONDS,
            used.received_at <= own.known_at,
        ],
    )  # fmt: skip
    return pairs.group_by("nth").agg(others=pairs.user_id.nunique().cast("float64"))
