"""The `noc` command: its subcommands, each imported only when it is asked for, and errors as one clear line."""

import sys
from importlib import import_module

import typer

from noc_platform.errors import NocError

# Each command, and the module beside this one it lives in under its own name.
COMMANDS = {
    "setup": "setup",
    "sample": "setup",
    "simulate": "simulate",
    "ingest": "ingest",
    "run": "run",
    "audit": "audit",
    "tune": "tune",
    "status": "status",
    "findings": "findings",
    "finding": "finding",
    "alerts": "alerts",
    "alert": "alert",
    "incidents": "incidents",
    "incident": "incident",
    "thresholds": "thresholds",
    "threshold": "threshold",
    "fraud": "fraud",
    "explain": "explain",
    "backtest": "backtest",
    "token": "token",
    "serve": "serve",
    "up": "up",
}


def application(*names: str) -> typer.Typer:
    """The command line with these commands. Importing all of them takes longer than starting the API."""
    app = typer.Typer(
        name="noc",
        help="The NOC Intelligence Platform: telemetry of guards at sites, turned into answers.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    # With a callback, typer keeps a single command a subcommand.
    app.callback()(lambda: None)
    for name in names:
        member = getattr(import_module(f"noc_platform.cli.{COMMANDS[name]}"), name)
        if isinstance(member, typer.Typer):
            app.add_typer(member, name=name)
        else:
            app.command(name)(member)
    return app


def main() -> None:
    """Run `noc`; an error the platform raises on purpose is one line on stderr and exit code 1."""
    asked = sys.argv[1:2]
    try:
        application(*(asked if asked and asked[0] in COMMANDS else COMMANDS))()
    except NocError as error:
        typer.secho(f"noc: {error}", fg=typer.colors.RED, err=True)
        sys.exit(1)
