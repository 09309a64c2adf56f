"""`noc up`: the Dagster UI and daemon, the MLflow UI and the API, until Ctrl-C."""

import signal
import sys
from pathlib import Path

import typer

from noc_platform.cli.installation import CHECKOUT, Installation
from noc_platform.settings import inherited_environment

# What serves its assistants: seven processes that nothing here asks for, and that outlive Ctrl-C.
QUIET_MLFLOW = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
STOPPED_BY_HAND = 128 + signal.SIGINT


def up() -> None:
    """Serve everything on loopback until Ctrl-C, which stops everything cleanly."""
    from honcho.manager import Manager

    here = Installation.open()
    settings, server = here.settings, here.server
    environment = {**inherited_environment(), **here.dagster_environment(), **QUIET_MLFLOW}
    manager = Manager()
    scripts = Path(sys.executable).parent
    workspace = f"-w {CHECKOUT / 'workspace.yaml'}"
    commands = {
        "dagster": f"{scripts / 'dagster-webserver'} -h 127.0.0.1 -p {settings.dagster_port} {workspace}",
        "daemon": f"{scripts / 'dagster-daemon'} run {workspace}",
        "mlflow": (
            f"{scripts / 'mlflow'} server --host 127.0.0.1 --port {settings.mlflow_port} --workers 1"
            f" --backend-store-uri '{server.url_of('mlflow', 'postgresql+psycopg2')}'"
            f" --artifacts-destination '{settings.mlflow_artifacts}'"
        ),
        "api": f"{scripts / 'noc'} serve",
    }
    for name, command in commands.items():
        manager.add_process(name, command, env=environment, cwd=str(CHECKOUT))
    typer.echo(
        f"Dagster http://127.0.0.1:{settings.dagster_port}   MLflow http://127.0.0.1:{settings.mlflow_port}"
        f"   API http://127.0.0.1:{settings.api_port}/docs   Ctrl-C stops everything."
    )
    manager.loop()
    raise typer.Exit(0 if manager.returncode == STOPPED_BY_HAND else manager.returncode or 0)
