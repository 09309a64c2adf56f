"""The page: every picture with what to look for in it, and the numbers, as Markdown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from textwrap import fill

from noc_platform.settings import Settings
from noc_platform.simulator.world import WorldPlan
from noc_platform.streams.catalogue import EVENT_STREAMS
from noc_platform_tests.scoreboard.worlds import written
from noc_platform_tests.world_page import (
    operation,
    operation_figures,
    phone_figures,
    phones,
    wrong_figures,
    wrongs,
)
from noc_platform_tests.world_page.facts import StreamFacts, stream_facts, world_facts
from noc_platform_tests.world_page.look import Figure
from noc_platform_tests.world_page.operation import Numbers
from noc_platform_tests.world_page.scene import Rows, Scene

LINE = 120
COMMAND = "make world"
HEADER = f"""# A simulated world

Does it look like a guarding operation? Every picture says what to look for. World, pictures and numbers are made again
by `{COMMAND}`; the same plan gives the same numbers.
"""


@dataclass(frozen=True)
class Picture:
    """One picture of the page. `look_for` says in a sentence or two what a real operation would show."""

    name: str
    title: str
    look_for: str
    draw: Callable[[], Figure]

    @property
    def file(self) -> str:
        """Where it lies, from the page."""
        return f"images/world-{self.name}.png"


def build(plan: WorldPlan, docs: Path) -> str:
    """Make the world of a plan, write its pictures and its page into `docs`, and return the page."""
    (docs / "images").mkdir(parents=True, exist_ok=True)
    with written(plan) as world:
        scene = Scene(world)
        late_by = {stream.name: phones.lateness(scene.sent(stream.name)) for stream in EVENT_STREAMS}
        streams = [stream_facts(name, scene.sent(name), late_by.get(name)) for name in world.manifest.rows]
        pictures = [*_of_operation(scene), *_of_phones(scene, late_by), *_of_wrongs(scene)]
        for picture in pictures:
            # Software would name the version of matplotlib, and the same plan would give other bytes with the next.
            picture.draw().savefig(docs / picture.file, metadata={"Software": None})
        kinds = operation.coverage(scene.shifts, scene.days)
        page = _page(plan, pictures, streams, kinds, world_facts(scene))
    (docs / "world.md").write_text(page)
    return page


def _of_operation(scene: Scene) -> Iterator[Picture]:
    week = operation.usual_week(scene.device_events, scene.sites, scene.special_days, scene.days)
    yield Picture(
        "week", "The usual week",
        "Each kind of site has a rhythm of its own: an office works in the daytime of working days, a mall from noon "
        "to late and most at the weekend, a plant round the clock, a hospital round the clock and more by day, and a "
        "night-only site sleeps by day. Working days of an office should be much alike.",
        partial(operation_figures.usual_week, week),
    )  # fmt: skip
    monday, site = operation.monday_within(scene.days), operation.most_varied_site(scene.shifts)
    watch = operation.watch_of(scene.shifts, site, monday)
    yield Picture(
        "duty", "Who is on duty",
        "Nobody works twice at once or without rest, nights run over midnight, split shifts have a gap, rotating "
        "guards move on after their days off, somebody stands in for who is cancelled, and the site is not left empty "
        "at an hour at which it should be guarded.",
        partial(operation_figures.watch, watch),
    )  # fmt: skip
    days = operation.daily_levels(scene.device_events, scene.sites, scene.special_days, scene.causes, scene.days)
    yield Picture(
        "days", "Holidays and closed days",
        "Offices go quiet at weekends, on holidays and when closed; hospitals and night-only sites hardly notice. "
        "Pale days of a whole tenant are a feed that was lost.",
        partial(operation_figures.calendar, days),
    )  # fmt: skip
    minutes = operation.punctuality(scene.shifts)
    yield Picture(
        "punctuality", "When guards come",
        "Most come some minutes early, a few are late, fewer very late. Who was punched in by somebody else and came "
        "hours later lies outside of the picture.",
        partial(operation_figures.punctuality, minutes),
    )  # fmt: skip


def _of_phones(scene: Scene, late_by: dict[str, Numbers]) -> Iterator[Picture]:
    shift = phones.quiet_night(scene.shifts, scene.jobneeds, scene.causes)
    night = phones.night_of(shift, _site(scene, shift.site_name), scene.fixes, scene.jobneeds)
    yield Picture(
        "night", "One guard's night",
        f"{len(night.tours)} tours over the checkpoints and back, at walking pace and inside of the geofence; between "
        f"them the phone lies at the post, and its {len(night.hours)} fixes scatter as far as their accuracy says.",
        partial(phone_figures.night, night),
    )  # fmt: skip
    worst = float(Settings.model_fields["movement_worst_accuracy_meters"].default)
    yield Picture(
        "accuracy", "How sure fixes are",
        "Mostly some 5 to 15 m, a tail of tens of metres where guards are under a roof (offices and malls more than "
        "plants and night-only sites), and a few that are useless.",
        partial(phone_figures.accuracy, phones.accuracies(scene.fixes, scene.sites), worst),
    )  # fmt: skip
    yield Picture(
        "lateness", "How late rows come",
        "Nearly everything comes within seconds. A second hump are phones that had no network for minutes or hours, a "
        "third what was synced or entered days later, up to three days.",
        partial(phone_figures.lateness, late_by),
    )  # fmt: skip
    phone = phones.phone_of(phones.telling_shift(scene.shifts, scene.causes), scene.device_events)
    yield Picture(
        "phone", "One phone over a shift",
        "The charge is one curve that falls and rises only on the charger. The signal swells, is weaker for a while "
        "under a roof, and is silent where there is no network.",
        partial(phone_figures.phone, phone),
    )  # fmt: skip


def _of_wrongs(scene: Scene) -> Iterator[Picture]:
    yield Picture(
        "scans", "From checkpoint to checkpoint",
        "Walking takes a minute or two. Ghost scans are seconds apart, too fast to have been walked. Where no gap at "
        "all lies between the two humps, telling them apart is easier than in real life.",
        partial(wrong_figures.scan_gaps, wrongs.scan_gaps(scene.jobneeds, scene.causes)),
    )  # fmt: skip
    others = ", ".join(_spoken(cause.value) for cause in wrongs.ANOTHERS_FACE)
    yield Picture(
        "faces", "Before the camera",
        f"Where somebody else stands there ({others}) the face is further from the enrolled one, but some are accepted "
        "and some honest guards are refused: no threshold is right for all.",
        partial(wrong_figures.faces, wrongs.faces(scene.attendances)),
    )  # fmt: skip
    by_day, in_all = wrongs.causes_by_day(scene.causes, scene.days), wrongs.causes_in_all(scene.causes)
    yield Picture(
        "causes", "What was planted",
        "Most is over within a shift; slow fades, shared devices and rings go on for days or weeks. Rare kinds stay "
        "rare, and no day has everything.",
        partial(wrong_figures.causes, by_day, in_all),
    )  # fmt: skip
    yield Picture(
        "alerts", "What raised an alert",
        "Most alerts have nothing of interest behind them, as in any operations centre; the telling kinds are rare.",
        partial(wrong_figures.alerts, wrongs.alerts_by_type(scene.alerts)),
    )  # fmt: skip


def _site(scene: Scene, name: str) -> Rows:
    return scene.sites[scene.sites.name == name].iloc[0]


def _spoken(name: str) -> str:
    return name.replace("_", " ").lower()


def _page(
    plan: WorldPlan, pictures: list[Picture], streams: list[StreamFacts], kinds: Rows, facts: dict[str, str]
) -> str:
    told = (
        f"The world: {plan.guards} guards at {plan.sites} sites for {plan.days} days from {plan.first_day}, seed "
        f"{plan.seed}, {plan.planted:g} times what usually goes wrong."
    )
    lines = [HEADER, fill(told, LINE), ""]
    for picture in pictures:
        lines += [
            f"## {picture.title}",
            "",
            fill(picture.look_for, LINE),
            "",
            f"![{picture.title}]({picture.file})",
            "",
        ]
    lines += ["## In numbers", "", *_table(("what", "how much"), list(facts.items()))]
    lines += ["", *_table(KIND_COLUMNS, [_kind_cells(row) for row in kinds.reset_index().to_dict("records")])]
    lines += ["", *_table(STREAM_COLUMNS, [_stream_cells(stream) for stream in streams]), ""]
    return "\n".join(lines)


KIND_COLUMNS = ("kind of site", "sites", "guards seen there", "there at a time, mean", "hours nobody was there")
STREAM_COLUMNS = ("stream", "rows", "repeated to the letter", "received before it happened", "more than a minute late",
                  "more than six hours late")  # fmt: skip


def _kind_cells(row: Rows) -> tuple[str, ...]:
    there, nobody = f"{row['mean_there']:.1f}", f"{row['share_nobody']:.1%}"
    return str(row["kind"]), str(row["sites"]), str(row["guards"]), there, nobody


def _stream_cells(stream: StreamFacts) -> tuple[str, ...]:
    shares = (stream.early, stream.late, stream.very_late)
    told = ("" if share is None else f"{share:.2%}" for share in shares)
    return stream.name, f"{stream.rows:,}", "" if stream.repeated is None else f"{stream.repeated:,}", *told


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
