"""`noc serve`: the API alone."""

import signal
import sys
from typing import Annotated

import typer

from noc_platform.errors import Misconfigured
from noc_platform.settings import load_settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; NOC_API_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; NOC_API_PORT.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; NOC_WORKERS. More than one needs NOC_CACHE_URL.")
    ] = None,
) -> None:
    """Serve the API until Ctrl-C."""
    import uvicorn

    settings = load_settings()
    count = workers or settings.workers
    if count > 1 and settings.cache_url is None:
        raise Misconfigured("More than one worker needs a shared cache: set NOC_CACHE_URL=redis://…")
    # Uvicorn ends by the signal it was sent; ours lets the exit run, and with it the end of PostgreSQL.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=host or settings.api_host,
        port=port or settings.api_port,
        workers=count,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )
