"""The portal as a user starts it: `python -m portal.supervisor`, with everything that it brings, in its own folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

from portal.kit import postgres, servers
from portal.kit.embedded import ROOT
from tests.sandbox_server import Running

PROCESSES = Path("/proc")
FIRST_PAGE_SECONDS = 180
LAST_BREATH_SECONDS = 60


class House:
    """A running portal at `url`, the sandbox beside it at `sandbox.url`."""

    def __init__(self, home: Path, process: subprocess.Popen[bytes], port: int, sandbox_port: int) -> None:
        self.home = home
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.sandbox = Running(f"http://127.0.0.1:{sandbox_port}", {})
        # The path of the connection of each account that was walked.
        self.walked: dict[str, str] = {}
        # The SKUs of products that a test has sold already; each takes another one.
        self.dealt: set[str] = set()
        self._shops = 0

    @property
    def log(self) -> Path:
        return self.home / "house.log"

    def last_words(self) -> str:
        """The end of what the processes said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])

    def wait_for_greeting(self) -> None:
        """Until the supervisor says that everything runs."""
        deadline = time.monotonic() + FIRST_PAGE_SECONDS
        while "Ctrl-C stops everything" not in self.log.read_text(errors="replace"):
            assert self.process.poll() is None, f"the house did not start:\n{self.last_words()}"
            assert time.monotonic() < deadline, f"no greeting within {FIRST_PAGE_SECONDS} s:\n{self.last_words()}"
            time.sleep(0.1)

    def everyone(self) -> dict[int, str]:
        """The supervisor and all its descendants: process number to start time.  Empty where the system cannot say."""
        if not PROCESSES.exists():
            return {}
        born = {pid: stat for pid in map(int, filter(str.isdigit, os.listdir(PROCESSES))) if (stat := _stat(pid))}
        found, grown = {self.process.pid}, True
        while grown:
            children = {pid for pid, (parent, _) in born.items() if parent in found}
            grown = not children <= found
            found |= children
        return {pid: born[pid][1] for pid in found if pid in born}

    def environment(self) -> dict[str, str]:
        """With which the commands of a second terminal find this house."""
        return _environment(self.home, {})

    def new_account(self, integration: str, **told: Any) -> dict[str, Any]:
        """An account at a remote with a catalogue of its own, small unless told otherwise."""
        self._shops += 1
        name = f"shop{self._shops}"
        self.sandbox.control("account", integration=integration, name=name, **{"size": 40, "seed": name, **told})
        return self.sandbox.account(integration, name)


@contextmanager
def running(**settings: str) -> Iterator[House]:
    """Start the house, and end it with Ctrl-C; nothing that it started may be left."""
    home = postgres.temporary_home()
    port, sandbox_port, mail_port = _free_ports(3)
    told = {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port), "MAIL_PORT": str(mail_port), **settings}
    with (home / "house.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.supervisor"],
            cwd=ROOT,
            env=_environment(home, told),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=servers.dying_with_parent(signal.SIGTERM),  # noqa: PLW1509 -- it outlives no killed test
        )
    house = House(home, process, port, sandbox_port)
    try:
        house.wait_for_greeting()
        yield house
    finally:
        everyone = house.everyone()
        house.sandbox.http.close()
        process.send_signal(signal.SIGINT)
        process.wait(LAST_BREATH_SECONDS)
        said, left = house.last_words(), [pid for pid, start in everyone.items() if (_stat(pid) or (0, ""))[1] == start]
        rmtree(home, ignore_errors=True)
        assert process.returncode == 0, f"the house ended with {process.returncode}:\n{said}"
        assert not left, f"processes {left} outlived the house:\n{said}"


def _environment(home: Path, told: dict[str, str]) -> dict[str, str]:
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    return {**theirs, "PORTAL_VAR": str(home / "var"), **told}


def _free_ports(number: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _stat(pid: int) -> tuple[int, str] | None:
    """Parent and start time of a process that lives; None for one that has ended."""
    try:
        # The name in brackets may hold spaces and brackets itself.
        fields = (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else (int(fields[1]), fields[19])
