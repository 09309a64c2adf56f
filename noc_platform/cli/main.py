"""The `noc` command: groups of subcommands, and errors as one clear line."""

import sys

import typer

from noc_platform.cli.ingest import ingest
from noc_platform.cli.run import run
from noc_platform.cli.serve import serve
from noc_platform.cli.setup import sample, setup
from noc_platform.cli.simulate import simulate
from noc_platform.cli.status import status
from noc_platform.cli.token import token
from noc_platform.cli.up import up
from noc_platform.errors import NocError

app = typer.Typer(
    name="noc",
    help="The NOC Intelligence Platform: telemetry of guards at sites, turned into answers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (setup, sample, simulate, ingest, run, status, token, serve, up):
    app.command()(command)


def main() -> None:
    """Run `noc`; an error the platform raises on purpose is one line on stderr and exit code 1."""
    try:
        app()
    except NocError as error:
        typer.secho(f"noc: {error}", fg=typer.colors.RED, err=True)
        sys.exit(1)
