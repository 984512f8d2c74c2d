"""The files of a PostgreSQL with all tables and no rows: made once for a run of tests, copied for each server in it.

To lay out a server and to bring its tables up to date takes seconds, and a run starts some eighty of them.  Outside of
a run of pytest nothing is kept, and each server is made from nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from portal.kit import postgres, roles

# Names the directory of the run to the processes that it starts.
PLACE = "LINTAS_TESTS_TEMPLATE"
DATABASE = "lintas_stack"


def keep() -> None:
    """From now on, here and in the processes that are started from here, servers are copies."""
    os.environ[PLACE] = str(postgres.temporary_home())


def forget() -> None:
    """Remove the template."""
    shutil.rmtree(os.environ.pop(PLACE), ignore_errors=True)


def lay(home: Path) -> None:
    """Put the files of a server that knows the tables of `DATABASE` where one is going to be started, if any are kept.

    The copy says nothing of who may enter or of how durable it is: that is decided at each start.
    """
    if not (named := os.environ.get(PLACE)):
        return
    place = Path(named)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "made").exists():
            _make(place)
    home.mkdir(mode=0o755)
    # It belongs to whoever runs the server, and must go on belonging to him.
    subprocess.run(["cp", "-a", str(place / "pg" / "data"), str(home / "data")], check=True)


def _make(place: Path) -> None:
    from portal.migrate import upgrade

    server = postgres.start(place / "pg", durable=False)
    try:
        upgrade(roles.prepare(server.url, DATABASE).owner)
    finally:
        server.stop()
    (place / "made").touch()
