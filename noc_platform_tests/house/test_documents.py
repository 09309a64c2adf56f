"""Documents cannot rot: what they name exists, and what exists is named."""

import json
import re
from pathlib import Path

import pytest

from noc_platform.cli.main import COMMANDS
from noc_platform.settings import Settings
from noc_platform.streams.dictionary import dictionary

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`noc {name}`" in README


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_readme_and_says_what_it_is(name: str) -> None:
    assert f"`NOC_{name.upper()}`" in README
    assert Settings.model_fields[name].description or name == "home"


def test_the_readme_names_no_setting_that_is_not_there() -> None:
    named = set(re.findall(r"NOC_[A-Z_0-9]+[A-Z0-9]", README))
    assert named <= {f"NOC_{name.upper()}" for name in Settings.model_fields}


def test_every_target_the_readme_names_exists() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    for target in set(
        re.findall(r"^make ([a-z-]+)", README + (CHECKOUT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    ):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_data_dictionary_is_what_the_declarations_say() -> None:
    assert (CHECKOUT / "docs" / "data-dictionary.md").read_text() == dictionary(), "run make docs"


@pytest.mark.parametrize(
    "page", sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")]), ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_no_lock_file_records_an_address() -> None:
    for lock in CHECKOUT.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert "index-url" not in text


def test_every_decision_says_what_was_decided() -> None:
    for page in (CHECKOUT / "docs" / "decisions").glob("*.md"):
        text = page.read_text()
        assert text.startswith("# "), page.name
        assert "**Decision.**" in text or "| why |" in text, page.name


SCOREBOARD = json.loads((CHECKOUT / "docs" / "scoreboard.json").read_text())["claims"]
SHOWN = re.findall(r"^\| ([^`|]+?) \| ([\d.]+ \S+) \| (.+?) \|$", README, re.MULTILINE)


def test_the_readme_shows_rows_of_the_scoreboard_as_they_were_measured() -> None:
    measured = {claim["name"]: f"{claim['value']:.4g} {claim['unit']}" for claim in SCOREBOARD}
    shown = {name: value for name, value, _ in SHOWN}
    assert len(shown) >= 5
    assert shown.items() <= measured.items()


def test_the_simpler_ways_beside_them_are_too() -> None:
    simpler = {f"{name}: {value:.3f}" for claim in SCOREBOARD for name, value in claim["baselines"].items()}
    assert {way for _, _, way in SHOWN} - {"\u2013"} <= simpler
