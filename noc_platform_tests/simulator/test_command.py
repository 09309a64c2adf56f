"""`noc simulate`, as a person or a script calls it."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from noc_platform.cli.simulate import simulate
from noc_platform.errors import BadInput
from noc_platform.simulator.manifest import read_manifest

app = typer.Typer()
app.command()(simulate)
SIZES = ["--guards", "2", "--sites", "1", "--days", "1", "--seed", "5"]


def test_a_script_gets_the_rows_as_json(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*SIZES, "--out", str(tmp_path / "w"), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["rows"] == read_manifest(tmp_path / "w").rows


def test_a_person_gets_a_table_and_may_choose_day_and_format(tmp_path: Path) -> None:
    more = ["--first-day", "2026-10-25", "--format", "csv", "--tenants", "1"]
    result = CliRunner().invoke(app, [*SIZES, "--out", str(tmp_path / "w"), *more])
    assert result.exit_code == 0, result.output
    assert "location_updates" in result.stdout
    assert (tmp_path / "w" / "shifts" / "shifts-2026-10-25.csv").is_file()


def test_a_folder_in_use_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    result = CliRunner().invoke(app, [*SIZES, "--out", str(tmp_path)])
    assert isinstance(result.exception, BadInput)
    assert "not empty" in str(result.exception)
