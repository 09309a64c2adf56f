"""Short stories of one person or two, each in a tenant of its own, so that an engine is asked for all of them at once.

A story is a generator: it tells what happened, yields, and is given the evidence of its punches by their names.
"""

from collections.abc import Callable, Generator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from noc_platform_tests.engines import Engine
from noc_platform_tests.fraud.facts.running import found
from noc_platform_tests.fraud.facts.worlds import DAWN, Row, World

EIGHT = DAWN + timedelta(hours=8)
LONG_AGO = DAWN - timedelta(days=300)
Told = dict[str, Row]
Tale = Generator[None, Told, None]
Story = Callable[["Teller"], Tale]
STORIES: list[Story] = []


class Teller:
    """Tells a story: site s0 with home p0, a site s1 a quarter of a degree north, and whatever else is said."""

    def __init__(self, tenant: str) -> None:
        self.tenant, self.world = tenant, World()
        for number in range(2):
            self.site(f"s{number}", latitude=38.0 + number / 4)
        self._add("people", person_id="p0", name="p0", site_id="s0", received_at=LONG_AGO)

    def site(self, name: str, **said: Any) -> None:
        place = {"latitude": 38.0, "longitude": 23.7, "geofence_radius_meters": 150.0, "time_zone": "Europe/Athens"}
        self._add("sites", site_id=name, name=name, **{"received_at": LONG_AGO, **place, **said})

    def punch(self, name: str, at: datetime, out: datetime | None = None, /, **said: Any) -> None:
        """A reported state; received at once, of p0, at s0, of an attendance of its own where nothing else is said."""
        usual = {"person_id": "p0", "site_id": "s0", "attendance_id": name, "received_at": out or at}
        self._add(
            "attendance_events", event_id=f"{self.tenant}:{name}", occurred_at=at, punched_in_at=at, punched_out_at=out,
            **{**usual, **said},
        )  # fmt: skip

    def fix(self, at: datetime, latitude: float = 38.0, **said: Any) -> None:
        usual = {"person_id": "p0", "received_at": at, "longitude": 23.7}
        self._add("location_updates", occurred_at=at, latitude=latitude, **{**usual, **said})

    def shift(self, person: str, begins: datetime, hours: float = 8, **said: Any) -> None:
        usual = {"site_id": "s0", "ends_at": begins + timedelta(hours=hours), "received_at": begins - timedelta(days=2)}
        self._add("shifts", person_id=person, starts_at=begins, **{**usual, **said})

    def verdict(self, attendance: str, verdict: str, at: datetime) -> None:
        self._add(
            "verdicts", event_id=f"{self.tenant}:{len(self.world.verdicts)}", subject_kind="ATTENDANCE",
            subject_id=attendance, verdict=verdict, occurred_at=at, received_at=at,
        )  # fmt: skip

    def feed(self, since: datetime) -> None:
        """Fixes of the tenant are received since then."""
        self._add("feeds", stream="location_updates", day=since.date(), first_received_at=since)

    def _add(self, stream: str, /, **row: Any) -> None:
        getattr(self.world, stream).append({"tenant_id": self.tenant, **row})


def told(story: Story) -> Callable[[dict[str, Told]], None]:
    """The story as a test: it is told with all the others, and then judges what it is given."""
    STORIES.append(story)

    def judged(evidence: dict[str, Told]) -> None:
        run = story(Teller(story.__name__))
        next(run)
        with suppress(StopIteration):
            run.send(evidence[story.__name__])

    judged.__name__, judged.__doc__ = story.__name__, story.__doc__
    return judged


def all_told(engine: Engine) -> dict[str, Told]:
    """The evidence of every story, by its name and that of the punch."""
    tellers = []
    for story in STORIES:
        teller = Teller(story.__name__)
        next(story(teller))
        tellers.append(teller)
    whole = World(**{name: [r for t in tellers for r in getattr(t.world, name)] for name in vars(World())})
    evidence: dict[str, Told] = {story.__name__: {} for story in STORIES}
    for event, row in found(engine, whole).items():
        tenant, _, name = event.partition(":")
        evidence[tenant][name] = row
    return evidence
