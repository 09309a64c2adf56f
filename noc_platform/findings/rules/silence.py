"""Why nothing, or little, is heard of somebody: off duty, phone, feed, site and guard are told apart. Pure.

Innocent causes come first: a phone that died and a feed that is late never accuse a person. What is found of it is
made in `devices`, `patterns` and `inactivity`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from noc_platform.findings.facts.moment import Facts, Feed, Guard, Key
from noc_platform.findings.policy import FactsPolicy, RulesPolicy, SilencePolicy
from noc_platform.findings.vocabulary import Silence
from noc_platform.streams.catalogue import DEVICE_EVENTS, JOBNEEDS, LOCATION_UPDATES

STREAMS = (DEVICE_EVENTS.name, LOCATION_UPDATES.name)
SLOT_MINUTES = 10


@dataclass(frozen=True, slots=True)
class Told:
    """Why somebody is silent, in words too; `cause` is None for who is not, or of whom it cannot be said."""

    cause: Silence | None
    reason: str
    since: datetime | None = None


@dataclass(frozen=True)
class Feeds:
    """Which phone streams of a tenant are late. One is `suspected` when nothing comes and too few guards are on duty to
    be sure that it is not them.

    `worked` is when anything about work was last received from anybody; `can_tell_work` says whether so many guards
    were on duty since that it would be odd if none of them had reported any.
    """

    late: frozenset[str] = frozenset()
    suspected: frozenset[str] = frozenset()
    since: Mapping[str, datetime] = field(default_factory=dict)
    worked: datetime | None = None
    can_tell_work: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether every phone stream is late."""
        return self.late >= frozenset(STREAMS)

    def is_work_told(self, since: datetime) -> bool:
        """Whether work done since would be known: a tenant's whole work going quiet is a feed, not its guards."""
        return not self.can_tell_work or (self.worked is not None and self.worked >= since)


@dataclass(frozen=True, slots=True)
class Place:
    """The guards on duty at a site: those of whom something should be heard, those of them who are unheard, since when
    the site is, and how many minutes apart those fell silent who had been heard. `is_tenant_heard` says whether anybody
    of the tenant is heard elsewhere."""

    should_be_heard: int = 0
    unheard: int = 0
    since: datetime | None = None
    apart: timedelta = timedelta(0)
    is_tenant_heard: bool = False


@dataclass(frozen=True)
class Silences:
    """Why each guard is silent, and what that was concluded from."""

    told: Mapping[Key, Told]
    feeds: Mapping[str, Feeds]
    places: Mapping[Key, Place]

    def of(self, guard: Guard) -> Told:
        """Why that guard is silent."""
        return self.told[guard.key]


def silences(facts: Facts, policy: RulesPolicy, as_of: datetime) -> Silences:
    """Why each guard is silent at `as_of`, UTC."""
    feeds = feeds_of(facts.feeds, policy.silence, as_of)
    places = places_of(facts.guards, policy.silence, as_of)
    told = {
        guard.key: silence_of(
            guard,
            places.get((guard.tenant_id, guard.site_id or ""), Place()),
            feeds.get(guard.tenant_id, Feeds()),
            policy,
            as_of,
        )
        for guard in facts.guards
    }
    return Silences(told, feeds, places)


def feeds_of(feeds: Iterable[Feed], policy: SilencePolicy, as_of: datetime) -> dict[str, Feeds]:
    """Which streams of each tenant are late at `as_of`."""
    by_tenant: dict[str, dict[str, Feed]] = defaultdict(dict)
    for feed in feeds:
        by_tenant[feed.tenant_id][feed.stream] = feed
    return {tenant: _feeds(streams, policy, as_of) for tenant, streams in by_tenant.items()}


def _feeds(streams: Mapping[str, Feed], policy: SilencePolicy, as_of: datetime) -> Feeds:
    quiet = [
        feed
        for name, feed in streams.items()
        if name in STREAMS and (feed.last_received_at is None or as_of - feed.last_received_at >= policy.feed_late)
    ]
    late = frozenset(feed.stream for feed in quiet if _has_enough(feed, policy))
    work = streams.get(JOBNEEDS.name)
    return Feeds(
        late,
        frozenset(feed.stream for feed in quiet if feed.guards_due) - late,
        {feed.stream: feed.last_received_at for feed in quiet if feed.last_received_at is not None},
        worked=work.last_received_at if work is not None else None,
        can_tell_work=work is not None and _has_enough(work, policy),
    )


def _has_enough(feed: Feed, policy: SilencePolicy) -> bool:
    """Whether so many should have been heard since that it is the feed which failed, and not they."""
    return feed.guards_due >= policy.feed_guards and feed.sites_due >= policy.feed_sites


def places_of(guards: Iterable[Guard], policy: SilencePolicy, as_of: datetime) -> dict[Key, Place]:
    """Who is heard at each site, by tenant and site; guards without a site count for their tenant alone."""
    at_site: dict[Key, list[Guard]] = defaultdict(list)
    heard: dict[str, set[str | None]] = defaultdict(set)
    for guard in guards:
        if duty_of(guard, policy, as_of).cause is None and has_been_due(guard, policy, as_of):
            at_site[guard.tenant_id, guard.site_id or ""].append(guard)
            if not is_unheard(guard, policy, as_of):
                heard[guard.tenant_id].add(guard.site_id)
    places = {}
    for (tenant, site), there in at_site.items():
        silent = [guard for guard in there if is_unheard(guard, policy, as_of)]
        fell = [moment for guard in silent if (moment := _fell_silent(guard)) is not None]
        since = min((moment for guard in silent if (moment := silent_since(guard)) is not None), default=None)
        apart = max(fell) - min(fell) if fell else timedelta(0)
        is_heard_elsewhere = bool(heard[tenant] - {site or None})
        places[tenant, site] = Place(len(there), len(silent), since, apart, is_heard_elsewhere)
    return places


def silence_of(guard: Guard, place: Place, feeds: Feeds, policy: RulesPolicy, as_of: datetime) -> Told:
    """Why one guard is silent, given who is heard around them and which feeds are late. First that applies."""
    off = duty_of(guard, policy.silence, as_of)
    if off.cause is not None:
        return off
    if feeds.is_silent:
        return Told(Silence.FEED_LATE, "nothing comes in from any phone of the tenant", _since(feeds))
    if not is_unheard(guard, policy.silence, as_of):
        if feeds.late:
            streams = ", ".join(sorted(feeds.late))
            return Told(Silence.FEED_LATE, f"nothing comes in on {streams}", _since(feeds))
        return _of_heard(guard, policy, as_of)
    return _of_unheard(guard, place, feeds, policy.silence, as_of)


def duty_of(guard: Guard, policy: SilencePolicy, as_of: datetime) -> Told:
    """Whether somebody is on duty at `as_of`; if not, why nothing is to be expected of them."""
    if guard.is_on_duty is None:
        return Told(None, "the tenant keeps no roster")
    if guard.is_punched_in:
        return _of_punched_in(guard, policy, as_of)
    if guard.shift_starts_at is None:
        return Told(Silence.OFF_DUTY, "no shift goes on", guard.punched_out_at or guard.shift_ended_at)
    if guard.punched_out_at is not None and guard.punched_out_at > guard.shift_starts_at:
        return Told(Silence.OFF_DUTY, "punched out", guard.punched_out_at)
    heard_at = guard.last_heard_at
    if guard.has_attendance_feed and (heard_at is None or heard_at < guard.shift_starts_at):
        return Told(Silence.NOT_ARRIVED, "rostered, never punched in and not heard", guard.shift_starts_at)
    return Told(None, "on duty")


def _of_punched_in(guard: Guard, policy: SilencePolicy, as_of: datetime) -> Told:
    heard_at, ended_at, begun_at = guard.last_heard_at, guard.shift_ended_at, guard.punched_in_at
    is_rostered_on = guard.shift_starts_at is not None
    out = guard.last_logged_out_at
    if (
        out is not None
        and begun_at is not None
        and begun_at < out
        and out == heard_at
        and as_of - out >= policy.unheard
    ):
        return Told(Silence.OFF_DUTY, "the phone was logged out", out)
    if is_rostered_on or ended_at is None or begun_at is None or ended_at <= begun_at:
        return Told(None, "on duty")
    is_gone = heard_at is None or heard_at <= ended_at + policy.forgotten
    if is_gone and as_of - ended_at >= policy.forgotten and is_unheard(guard, policy, as_of):
        return Told(Silence.OFF_DUTY, "the shift is over; the punch-out seems forgotten", ended_at)
    return Told(None, "on duty")


def is_unheard(guard: Guard, policy: SilencePolicy, as_of: datetime) -> bool:
    """Whether nothing was received from the phone of late."""
    return not guard.is_heard(policy.unheard, as_of)


def has_been_due(guard: Guard, policy: SilencePolicy, as_of: datetime) -> bool:
    """Whether somebody has been on duty long enough to be missed."""
    return guard.begins_at is None or as_of - guard.begins_at >= policy.unheard


def silent_since(guard: Guard) -> datetime | None:
    """When the phone was last heard of on this duty, or else when duty began."""
    received_at, begins_at = guard.last_received_at, guard.begins_at
    if received_at is None or begins_at is None:
        return received_at or begins_at
    return max(received_at, begins_at)


def _fell_silent(guard: Guard) -> datetime | None:
    """When somebody fell silent who had been heard on this duty; who never was may have come to a silent site."""
    received_at, begins_at = guard.last_received_at, guard.begins_at
    return None if received_at is None or begins_at is None or received_at < begins_at else received_at


def _since(feeds: Feeds) -> datetime | None:
    return min((feeds.since[stream] for stream in feeds.late if stream in feeds.since), default=None)


def _of_unheard(guard: Guard, place: Place, feeds: Feeds, policy: SilencePolicy, as_of: datetime) -> Told:
    since = silent_since(guard)
    if guard.is_on_duty is None:
        return Told(None, "unheard, and nobody knows whether on duty")
    if not has_been_due(guard, policy, as_of):
        return Told(None, "duty has just begun")
    if guard.battery_level is not None and guard.battery_level <= policy.empty_percent:
        return Told(Silence.DEVICE_DEAD, f"the phone last said {guard.battery_level:.0f} % charge", since)
    if feeds.late | feeds.suspected >= frozenset(STREAMS):
        return Told(Silence.FEED_LATE, "nothing comes in from any phone on duty", _since(feeds))
    done_at = guard.last_work_received_at
    if done_at is not None and as_of - done_at < policy.unheard:
        return Told(None, "the phone is not heard, work done with it is", since)
    if guard.site_id is not None and _is_site_silent(guard, place, policy, as_of):
        return Told(Silence.SITE_SILENT, f"none of {place.unheard} at the site is heard", place.since)
    return Told(Silence.NO_COVERAGE, "the phone fell silent while others are heard", since)


def _is_site_silent(guard: Guard, place: Place, policy: SilencePolicy, as_of: datetime) -> bool:
    """Whether it is the site that is silent and not the guard's phone alone.

    Of one who is alone there only time tells, and only where the phone is known to have had charge.
    """
    if not place.unheard or place.unheard < place.should_be_heard or not place.is_tenant_heard:
        return False
    if place.unheard > 1:
        return place.apart <= policy.together
    return guard.battery_level is not None and place.since is not None and as_of - place.since >= policy.lone_site


def _of_heard(guard: Guard, policy: RulesPolicy, as_of: datetime) -> Told:
    if is_clock_wrong(guard, policy.silence):
        return Told(Silence.CLOCK_WRONG, f"the phone's clock is off by {guard.median_lag_seconds or 0:.0f} s")
    since = still_since(guard, policy.facts, as_of)
    if since is None:
        return Told(None, "heard")
    if has_work_waiting(guard):
        return Told(Silence.GUARD_IDLE, "heard, nobody walks, and work waits", since)
    return Told(Silence.NOTHING_DUE, "heard, nobody walks, and nothing is due", since)


def is_clock_wrong(guard: Guard, policy: SilencePolicy) -> bool:
    """Whether all that was received of late claims a time that is off by the same. What a phone held back is off, too,
    but by as much as it was held back: each row by another."""
    median, least = guard.median_lag_seconds, guard.least_lag_seconds
    if median is None or least is None or guard.recent_rows < policy.clock_rows:
        return False
    off = policy.clock_off.total_seconds()
    return median <= -off or (least >= off and median - least <= off)


def still_since(guard: Guard, policy: FactsPolicy, as_of: datetime) -> datetime | None:
    """Since when somebody whose phone was heard throughout neither walked nor got anything done, if for `idle`."""
    begins_at = guard.begins_at
    if begins_at is None or as_of - begins_at < policy.idle:
        return None
    # Without steps it cannot be told whether somebody walks.
    if guard.steps is None or guard.idle_slots_heard < int(policy.idle.total_seconds()) // (SLOT_MINUTES * 60):
        return None
    # Nobody has looked farther back: of who has been still for longer it is said that it was at least this.
    signs = [begins_at, as_of - policy.window]
    signs += [at for at in (guard.last_walked_at, guard.last_done_at) if at is not None]
    since = max(signs)
    return since if as_of - since >= policy.idle else None


def has_work_waiting(guard: Guard) -> bool:
    """Whether work was due in the window, and should have been done or begun by now."""
    return guard.tasks_waiting + guard.tours_waiting > 0
