"""Every type of finding has a runbook, and every finding leads to its own."""

import re
from pathlib import Path

import pytest

from noc_platform.findings.lifecycle import runbook
from noc_platform.findings.vocabulary import KINDS

CHECKOUT = Path(__file__).parents[2]
SECTIONS = dict(
    re.findall(
        r"^### (\S+)\n(.*?)(?=^##|\Z)", (CHECKOUT / "docs" / "runbooks.md").read_text(), re.MULTILINE | re.DOTALL
    )
)


@pytest.mark.parametrize("finding_type", KINDS)
def test_every_type_of_finding_says_what_it_means_what_to_check_and_why_it_happens(finding_type: str) -> None:
    page, _, anchor = runbook(finding_type).partition("#")
    assert (CHECKOUT / page).is_file()
    # The anchor a heading gets is its text in small letters.
    assert anchor in {heading.lower() for heading in SECTIONS}, f"docs/runbooks.md has no section {finding_type}"
    section = SECTIONS[finding_type]
    assert len(section.split("**Check**")[0].split()) >= 5
    assert "**Check**" in section
    assert "**Usually**" in section


def test_no_runbook_is_about_what_cannot_be_found() -> None:
    assert set(SECTIONS) == set(KINDS)
