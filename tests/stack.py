"""The whole house as real processes, for proofs and benchmarks: databases, sandbox, relay, workers, web.

Each process is its own session with its own log file, below a directory that is gone at the end.  What is killed is
started again by `look_after`, which every wait calls, as the supervisor would.  Whoever uses a stack stays in the
thread that opened it: the kernel ties the life of a child to the thread that made it, so that nothing outlives even a
killed harness.
"""

from __future__ import annotations

import base64
import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Self

import httpx
import psycopg
import redis
from flask import Flask

from portal import supervisor
from portal.config import Settings
from portal.kit import embedded, postgres, roles, servers, valkey
from tests import template
from tests.sandbox_server import Running

POSTGRES, VALKEY, SANDBOX, RELAY, WEB, WORKER = "postgres", "valkey", "sandbox", "relay", "web", "worker"
LOOK_EVERY = 0.02
PROCESSES = Path("/proc")
PORTS = range(16_000, 32_000)
NOT_YET = (psycopg.OperationalError, redis.RedisError, httpx.TransportError)


@dataclass
class Child:
    """One process of ours."""

    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was never started"
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Stack:
    """The processes of one house.  `with Stack(workers=2) as stack: ...`

    `settings` are variables of the contract that replace ours (`PORTAL_PACES`, for instance).  `instead` are commands
    by the kind of a process, for proofs that need other verbs or a process that dies in the midst of something.  A
    stack that is not `durable` forgets commits when its database is killed, and starts faster.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        relay: bool = True,
        sandbox: bool = True,
        web: bool = False,
        durable: bool = True,
        mail: bool = False,
        settings: Mapping[str, str] | None = None,
        instead: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.home = postgres.temporary_home()
        self.durable = durable
        self.port, self.sandbox_port, self.mail_port = free_port(), free_port(), free_port()
        self._settings, self._mail = dict(settings or {}), mail
        self._workers = [f"{WORKER}-{number}" for number in range(1, workers + 1)]
        self._wanted = [
            *([SANDBOX] if sandbox else []),
            *([WEB] if web else []),
            *([RELAY] if relay else []),
            *self._workers,
        ]
        self._instead = dict(instead or {})
        self.children: dict[str, Child] = {}
        self.env: dict[str, str] = {}
        self._postgres: postgres.Postgres | None = None
        self._valkey: valkey.Valkey | None = None
        self._app: Flask | None = None
        self._superuser: psycopg.Connection[Any] | None = None
        self.sandbox = Running(f"http://127.0.0.1:{self.sandbox_port}", {})

    # --- from start to end --------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        # The default would end this process without its last words, and leave the directory behind.
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _leave)
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        template.lay(self.home / "pg")
        self._start_postgres()
        self._start_valkey()
        assert self._postgres is not None
        assert self._valkey is not None
        addresses = roles.prepare(self._postgres.url, template.DATABASE)
        self.superuser_url = self._postgres.url.replace("/postgres?", f"/{template.DATABASE}?")
        self.env = {
            "PORTAL_ENV": "embedded",
            "PORTAL_URL": f"http://127.0.0.1:{self.port}",
            "PORTAL_SANDBOX_URL": self.sandbox.url,
            "PORTAL_SECRET_KEY": secrets.token_urlsafe(48),
            "PORTAL_SEALING_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
            "PORTAL_DATABASE_URL": addresses.application,
            "PORTAL_OWNER_DATABASE_URL": addresses.owner,
            "PORTAL_REDIS_URL": self._valkey.url,
            "PORTAL_LOG_LEVEL": "warning",
            "PORTAL_VAR": str(self.home / "var"),
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "MAIL_PORT": str(self.mail_port),
            **({"PORTAL_MAIL_URL": f"smtp://127.0.0.1:{self.mail_port}"} if self._mail else {}),
            **self._settings,
        }

        from portal.migrate import upgrade

        upgrade(addresses.owner)
        for name in self._wanted:
            self.start(name)
        for name, path in ((SANDBOX, "/control/faults"), (WEB, "/login")):
            if name in self._wanted and not self.until(partial(self._answers, name, path), 60):
                raise servers.CannotStart(f"{name} did not answer. Its last words:\n{self.last_words(name)}")

    def close(self) -> None:
        """End everything and remove every trace.  An impatient second Ctrl-C does not break the order."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        try:
            self._let_go()
            for name in list(self.children):
                self.kill(name)
            for server in (self._valkey, self._postgres):
                if server is not None:
                    server.stop()
            shutil.rmtree(self.home, ignore_errors=True)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _let_go(self) -> None:
        self.sandbox.http.close()
        if self._superuser is not None:
            self._superuser.close()
        if self._app is not None:
            with self._app.app_context():
                for engine in self._app.extensions["sqlalchemy"].engines.values():
                    engine.dispose()
            self._app.extensions["lintas"].redis.close()

    # --- processes ----------------------------------------------------------------------------------------------------

    def _command(self, name: str) -> Sequence[str]:
        kind = name.partition("-")[0]
        if kind in self._instead:
            return self._instead[kind]
        if kind == SANDBOX:
            return [sys.executable, "-m", "portal.cli", "sandbox", "--state", str(self.home / "sandbox")]
        if kind == WEB:
            return supervisor.web(self.port, self.env["PORTAL_LOG_LEVEL"]).command
        return [sys.executable, "-m", {RELAY: "workers.relay", WORKER: "workers.run"}[kind]]

    def start(self, name: str) -> None:
        """Start one process; its log goes on where it stopped."""
        child = self.children.setdefault(name, Child(name, self._command(name), self.home / f"{name}.log"))
        with child.log.open("ab") as out:
            child.process = subprocess.Popen(
                list(child.command),
                cwd=embedded.ROOT,
                env={**_without_settings(os.environ), **self.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # It must ask the kernel to end it with its parent before it becomes another program.
                preexec_fn=servers.dying_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )
        child.starts += 1

    def _start_postgres(self) -> None:
        self._postgres = postgres.start(self.home / "pg", durable=self.durable)

    def _start_valkey(self) -> None:
        # Never with a log of writes: a Redis that forgets everything is the case that has to be survived.
        self._valkey = valkey.start(self.home / "vk", durable=False)

    def kill(self, name: str, how: str = "group") -> bool:
        """SIGKILL a process: the `parent` alone, its `child`ren alone, or the whole `group`.

        PostgreSQL gets the immediate shutdown instead, which is a crash with clean memory.  False where nothing was
        there to be killed.
        """
        if name == POSTGRES:
            assert self._postgres is not None
            self._postgres.process.send_signal(signal.SIGQUIT)
            self._postgres.process.wait()
            return True
        if name == VALKEY:
            assert self._valkey is not None
            self._valkey.process.kill()
            self._valkey.process.wait()
            return True
        child = self.children[name]
        everyone = session_of(child.pid) if PROCESSES.exists() else [child.pid] * child.alive
        aims = {"parent": [child.pid], "child": [pid for pid in everyone if pid != child.pid], "group": everyone}[how]
        for pid in aims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if how != "child" and child.process is not None:
            child.process.wait()
        return bool(aims)

    def look_after(self) -> None:
        """Start again what has fallen, the databases first."""
        if self._postgres is not None and self._postgres.process.poll() is not None:
            self._start_postgres()
        if self._valkey is not None and self._valkey.process.poll() is not None:
            self._start_valkey()
        for child in self.children.values():
            if not child.alive:
                self.start(child.name)

    def until(self, ready: Callable[[], Any], seconds: float, *, looking_after: bool = True) -> bool:
        """Wait until `ready` says yes; a server that is away for the moment says no."""
        ends = time.monotonic() + seconds
        while True:
            with contextlib.suppress(*NOT_YET):
                if ready():
                    return True
            if time.monotonic() > ends:
                return False
            if looking_after:
                self.look_after()
            time.sleep(LOOK_EVERY)

    def pass_time(self, seconds: float) -> None:
        """Look after the processes for a while."""
        self.until(lambda: False, seconds)

    # --- looking in ---------------------------------------------------------------------------------------------------

    @property
    def app(self) -> Flask:
        """The portal in this process, on the databases of the stack; passwords are hashed quickly."""
        if self._app is None:
            from portal.factory import create_app

            self._app = create_app(replace(Settings.from_env(self.env), quick_hashing=True))
        return self._app

    @property
    def bells(self) -> redis.Redis:
        """The Valkey of the stack."""
        client: redis.Redis = self.app.extensions["lintas"].redis
        return client

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query gives to the superuser, who stands above all walls.  Raises psycopg.OperationalError."""
        return self._asked(query, values)

    def named(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """The same with values by name."""
        return self._asked(query, values)

    def _asked(self, query: str, values: Any) -> list[tuple[Any, ...]]:
        if self._superuser is None or self._superuser.closed:
            self._superuser = psycopg.connect(roles.dsn(self.superuser_url), autocommit=True)
        try:
            cursor = self._superuser.execute(query, values)
            return cursor.fetchall() if cursor.description else []
        except psycopg.OperationalError:
            self._superuser.close()
            raise

    def one(self, query: str, *values: Any) -> Any:
        """The single value that a query gives."""
        return self.rows(query, *values)[0][0]

    def last_words(self, name: str, lines: int = 12) -> str:
        """The end of a process's log."""
        return servers.last_words(self.children[name].log, lines)

    def logs(self) -> list[Path]:
        """Every log file of the stack, those of the databases too."""
        return [*(child.log for child in self.children.values()), self.home / "pg" / "log", self.home / "vk" / "log"]

    def _answers(self, name: str, path: str) -> bool:
        if not self.children[name].alive:
            raise servers.CannotStart(f"{name} ended at its start. Its last words:\n{self.last_words(name)}")
        port = {SANDBOX: self.sandbox_port, WEB: self.port}[name]
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10, trust_env=False).status_code < 500


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise SystemExit(128 + number)


def free_port() -> int:
    """A port that nobody listens on at this moment.

    It lies below those that the kernel gives to outgoing connections: while a server is away, one of these could take
    its port, and even be connected to itself.
    """
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def session_of(leader: int) -> list[int]:
    """Every process of a session that is alive, whatever group it put itself into."""
    found = []
    for entry in PROCESSES.glob("[0-9]*/stat"):
        try:
            state, _, _, session = entry.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(session) == leader and state != "Z":
            found.append(int(entry.parent.name))
    return found


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("PORTAL_")}
