"""Everything that `make run` starts, in one terminal.

PostgreSQL and Valkey first; then the tables; then web, sandbox, relay and workers as children.  A child that
falls over is started again; Ctrl-C ends them in an order in which nobody loses what they need to finish.
"""

from __future__ import annotations

import fcntl
import http.client
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import NoReturn

from portal.kit import embedded, postgres, roles, servers, valkey

HOST = "127.0.0.1"
DATABASE = "lintas"
QUICK_DEATH_SECONDS = 10
QUICK_DEATHS_ALLOWED = 5
LONGEST_PAUSE_SECONDS = 30
FIRST_PAGE_SECONDS = 120
COLOURS = {"web": 36, "sandbox": 35, "relay": 33, "worker-1": 32, "worker-2": 32, "demo": 34}

SIGN_INS = """\
  Sign in as                 with               and be
  owner@northwick.example    demo-owner-pass    owner of Northwick Trading Co. (English, GBP)
  viewer@northwick.example   demo-viewer-pass   viewer there
  owner@samudra.example      demo-owner-pass    owner of Toko Samudra (Indonesian, IDR)
  staff@lintas.example       demo-staff-pass    support staff
"""


class Stopped(BaseException):
    """Somebody asked for the end: Ctrl-C, a SIGTERM, or a closed terminal."""


class Fallen(Exception):
    """A process that the rest cannot do without has ended; the message names it."""


@dataclass
class Child:
    """One process of ours: how to start it, and what became of it."""

    name: str
    command: list[str]
    revive: bool = True
    once: bool = False
    patience: float = 10
    process: subprocess.Popen[bytes] | None = None
    started: float = 0
    quick_deaths: int = 0
    start_again_at: float | None = None
    unfinished_line: bytes = field(default=b"", repr=False)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Family:
    """The children, what they say, and the rules for when they fall."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.children: list[Child] = []
        self.selector = selectors.DefaultSelector()

    def start(self, child: Child) -> Child:
        """Start a child.  Only the main thread may: the kernel ties a child's life to the thread that forks."""
        if child not in self.children:
            self.children.append(child)
        child.started, child.start_again_at = time.monotonic(), None
        child.process = subprocess.Popen(
            child.command,
            cwd=embedded.ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own: Ctrl-C in the terminal must reach only us, who know the order.
            start_new_session=True,
            preexec_fn=servers.dying_with_parent(signal.SIGTERM),
        )
        if (pipe := child.process.stdout) is not None:
            os.set_blocking(pipe.fileno(), False)
            self.selector.register(pipe, selectors.EVENT_READ, child)
        return child

    def look_after(self, seconds: float) -> None:
        """Pass on what the children say for a moment, then see who has fallen."""
        self._listen(seconds)
        for child in self.children:
            if child.start_again_at is not None:
                if time.monotonic() >= child.start_again_at:
                    self.start(child)
            elif child.process is not None and child.process.poll() is not None and not child.once:
                self._mourn(child, child.process.returncode)

    def stop(self, *names: str) -> None:
        """End the named children together: asked once, asked again, and then not asked."""
        leaving = [child for child in self.children if child.name in names and child.process is not None]
        for sent in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            for child in leaving:
                if child.alive and child.process is not None:
                    child.process.send_signal(sent)
            deadline = time.monotonic() + max((child.patience for child in leaving), default=0)
            while any(child.alive for child in leaving) and time.monotonic() < deadline:
                self._listen(0.05)
        self._listen(0)
        self.children = [child for child in self.children if child not in leaving]

    def _mourn(self, child: Child, code: int) -> None:
        """Decide what a death means: it was expected, the child comes back later, or everything ends."""
        self._listen(0)
        cause = f"signal {-code}" if code < 0 else f"exit code {code}"
        if not child.revive:
            raise Fallen(f"{child.name} ended with {cause}.")
        quick = time.monotonic() - child.started < QUICK_DEATH_SECONDS
        child.quick_deaths = child.quick_deaths + 1 if quick else 0
        if child.quick_deaths >= QUICK_DEATHS_ALLOWED:
            raise Fallen(f"{child.name} ended {child.quick_deaths} times right after its start, last with {cause}.")
        pause = min(2**child.quick_deaths - 1, LONGEST_PAUSE_SECONDS)
        child.start_again_at = time.monotonic() + pause
        say(f"{child.name} ended with {cause} and starts again in {pause} s.")

    def _listen(self, seconds: float) -> None:
        if not self.selector.get_map():
            time.sleep(seconds)
            return
        for key, _ in self.selector.select(seconds):
            child: Child = key.data
            heard = os.read(key.fd, 65_536)
            if not heard:
                self.selector.unregister(key.fileobj)
                heard = b"\n" if child.unfinished_line else b""
            *lines, child.unfinished_line = (child.unfinished_line + heard).split(b"\n")
            for line in lines:
                print_line(child.name, line.decode(errors="replace"))


def say(text: str) -> None:
    print(text, flush=True)


def print_line(name: str, line: str) -> None:
    prefix = f"{name:<9}|"
    if sys.stdout.isatty():
        prefix = f"\033[{COLOURS.get(name, 37)}m{prefix}\033[0m"
    say(f"{prefix} {line}")


@contextmanager
def alone(var: Path, address: str) -> Iterator[None]:
    """Hold the checkout's lock, so that two starts never share one data directory."""
    var.mkdir(parents=True, exist_ok=True)
    # Opened without truncating: the text in it is the other one's.
    with (var / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid, _, where = lock.read().strip().partition(" ")
            raise servers.CannotStart(
                f"Another instance is running from this folder: {where} (process {pid}).\n"
                f"Stop it with Ctrl-C in its terminal, or with: kill {pid}"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()} {address}")
        lock.flush()
        yield


def refuse_taken_port(port: int, variable: str) -> None:
    """Say before anything is started that a port is taken, and what to do."""

    def is_free() -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                return False
            return True

    # After a kill the children of the last run need a moment to notice and to let go of their ports.
    patience = 15 if embedded.NOTE.exists() else 0
    another = port + 1000 if port < 64_000 else port - 1000
    if not servers.wait_until(is_free, patience):
        raise servers.CannotStart(
            f"Port {port} is in use by another program. Choose another one: make run {variable}={another}"
        )


def start_databases(stack: ExitStack, guarded: list[Guarded]) -> dict[str, str]:
    """Start the servers that the environment does not name; what was entered last ends first."""
    given = {name: os.environ[name] for name in URLS if os.environ.get(name)}
    if len(given.keys() & DATABASE_URLS) == 1:
        raise servers.CannotStart(f"Set both of {' and '.join(sorted(DATABASE_URLS))}, or neither.")
    if not given.keys() & DATABASE_URLS:
        database = Guarded("PostgreSQL", lambda: postgres.start(embedded.VAR / "postgres", durable=True))
        stack.callback(database.stop)
        guarded.append(database)
        addresses = roles.prepare(database.server.url, DATABASE)
        given |= {"PORTAL_DATABASE_URL": addresses.application, "PORTAL_OWNER_DATABASE_URL": addresses.owner}
    if "PORTAL_REDIS_URL" not in given:
        bells = Guarded("Valkey", lambda: valkey.start(embedded.VAR / "valkey", durable=True))
        stack.callback(bells.stop)
        guarded.append(bells)
        given["PORTAL_REDIS_URL"] = bells.server.url
    return given


DATABASE_URLS = {"PORTAL_DATABASE_URL", "PORTAL_OWNER_DATABASE_URL"}
URLS = [*DATABASE_URLS, "PORTAL_REDIS_URL"]


class Guarded:
    """A server that is started again, at the same address, when it falls."""

    def __init__(self, name: str, start: Callable[[], postgres.Postgres | valkey.Valkey]) -> None:
        self.name = name
        self._start = start
        self._falls: list[float] = []
        self.server = start()

    def look_after(self) -> None:
        if self.server.process.poll() is None:
            return
        now = time.monotonic()
        self._falls = [*(fall for fall in self._falls if now - fall < QUICK_DEATHS_ALLOWED * QUICK_DEATH_SECONDS), now]
        if len(self._falls) >= QUICK_DEATHS_ALLOWED:
            raise Fallen(f"{self.name} fell {len(self._falls)} times within a minute.")
        say(f"{self.name} ended with code {self.server.process.returncode} and is started again.")
        self.server = self._start()

    def stop(self) -> None:
        self.server.stop()


def environment_for_children(port: int, sandbox_port: int, mail_port: int, addresses: dict[str, str]) -> dict[str, str]:
    """What the children are told: the contract's variables, filled in where the environment leaves them open."""
    ours = {
        "PORTAL_ENV": "embedded",
        "PORTAL_URL": f"http://{HOST}:{port}",
        "PORTAL_SANDBOX_URL": f"http://{HOST}:{sandbox_port}",
        "PORT": str(port),
        "SANDBOX_PORT": str(sandbox_port),
        "MAIL_PORT": str(mail_port),
        "PORTAL_MAIL_URL": f"smtp://{HOST}:{mail_port}",
        "PORTAL_LOG_LEVEL": "info" if os.environ.get("VERBOSE") else "warning",
        "PORTAL_AUDIT_HEADS": str(embedded.VAR / "audit-heads"),
        **embedded.keys(),
        **addresses,
    }
    set_by_hand = {name: value for name, value in os.environ.items() if name.startswith("PORTAL_") and value}
    return ours | set_by_hand


def web(port: int, level: str) -> Child:
    options = {
        "bind": f"{HOST}:{port}",
        "worker-class": "gthread",
        "workers": "2",
        "threads": "4",
        "graceful-timeout": "8",
        # At its most talkative the server writes down every address, and some addresses are secrets: links in letters.
        "log-level": "info" if level == "debug" else level,
    }
    shared_memory = Path("/dev/shm")  # noqa: S108 -- the heartbeat file must not wait for a disk
    if shared_memory.is_dir():
        options["worker-tmp-dir"] = str(shared_memory)
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "gunicorn", *words, "--preload", "--no-control-socket", "app:app"]
    return Child("web", command, revive=False)


def module(name: str, *words: str, patience: float = 5) -> Child:
    return Child(name, [sys.executable, "-m", *words], patience=patience)


def answers(port: int) -> bool:
    """Whether the sign-in page is there, which needs the database, the templates and the session."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/login")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def open_the_house(family: Family, port: int) -> None:
    """Start what a first page needs, wait for the page, and only then start the rest: there are few cores."""
    family.start(web(port, family.environment["PORTAL_LOG_LEVEL"]))
    family.start(module("sandbox", "portal.cli", "sandbox"))
    demo = module("demo", "portal.cli", "demo")
    demo.once = True  # It is meant to end, so its end is no fall.
    family.start(demo)
    deadline = time.monotonic() + FIRST_PAGE_SECONDS
    while demo.alive or not answers(port):
        family.look_after(0.05)
        if time.monotonic() > deadline:
            raise Fallen(f"web did not answer within {FIRST_PAGE_SECONDS} seconds.")
    family.look_after(0)
    if demo.process is not None and demo.process.returncode:
        raise Fallen(f"demo ended with exit code {demo.process.returncode}.")
    family.start(module("relay", "workers.relay"))
    for number in (1, 2):
        family.start(module(f"worker-{number}", "workers.run", patience=8))


def greet(environment: dict[str, str]) -> None:
    say("\n  Lintas is running.\n")
    say(f"  Portal    {environment['PORTAL_URL']}")
    say(f"  Sandbox   {environment['PORTAL_SANDBOX_URL']}/control")
    say(f"  Letters   {environment['PORTAL_SANDBOX_URL']}/control/mail\n")
    say(SIGN_INS)
    say("  Ctrl-C stops everything. The data stays in var/ for the next start.\n")


def run(port: int, sandbox_port: int, mail_port: int) -> NoReturn:
    """Start everything, then look after it until somebody asks for the end or something vital falls."""
    with alone(embedded.VAR, f"http://{HOST}:{port}"), ExitStack() as stack:
        refuse_taken_port(port, "PORT")
        refuse_taken_port(sandbox_port, "SANDBOX_PORT")
        refuse_taken_port(mail_port, "MAIL_PORT")
        say("Starting Lintas ...")
        guarded: list[Guarded] = []
        stack.callback(embedded.take_away)
        addresses = start_databases(stack, guarded)
        environment = environment_for_children(port, sandbox_port, mail_port, addresses)
        embedded.leave(environment)

        from portal.migrate import upgrade

        upgrade(environment["PORTAL_OWNER_DATABASE_URL"])
        family = Family({**os.environ, **environment})
        for names in (["sandbox", "demo"], ["worker-1", "worker-2"], ["relay"], ["web"]):  # Entered last, ended first.
            stack.callback(family.stop, *names)
        stack.callback(ignore_further_signals)
        open_the_house(family, port)
        greet(environment)
        while True:
            family.look_after(0.25)
            for server in guarded:
                server.look_after()


def raise_stopped(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise Stopped(signal.Signals(number).name)


def ignore_further_signals() -> None:
    """Once the end has begun, an impatient second Ctrl-C must not break the order of it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def port_of(variable: str, otherwise: int) -> int:
    """The port that a variable names.  Raises CannotStart."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return otherwise
    if text.isdecimal() and len(text) <= 5 and 0 < int(text) < 2**16:
        return int(text)
    raise servers.CannotStart(f"{variable} is {text!r}, which is no port. Set a number from 1 to 65535.")


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, raise_stopped)
    try:
        port, sandbox_port = port_of("PORT", 8000), port_of("SANDBOX_PORT", 8090)
        run(port, sandbox_port, port_of("MAIL_PORT", sandbox_port + 1))
    except Stopped:
        say("Lintas has stopped.")
        return 0
    except (servers.CannotStart, Fallen) as reason:
        print(f"Lintas stopped: {reason}", file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
