"""B16: `make run` in a fresh copy of the checkout, to the first page: without a virtual environment, and again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from tests.bench.figure import Asked, Figure, at_most
from tests.stack import free_port

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".venv", "var", ".git", "__pycache__", ".*_cache", ".hypothesis", "node_modules")
COLD, WARM = 60, 5
LONGEST = 300


def bench(asked: Asked) -> list[Figure]:
    """Cold once, warm three times; the packages come from wherever this machine gets its packages."""
    with tempfile.TemporaryDirectory(prefix="lintas-start-") as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        cold = start(copy)
        warm = sorted(start(copy) for _ in range(3))
    middle = warm[len(warm) // 2]
    return [
        Figure("B16a", "make run, cold", cold, "s", None, f"<= {COLD} s", at_most(cold, COLD)),
        Figure("B16b", "make run, warm", middle, "s", None, f"<= {WARM} s", at_most(middle, WARM), {"all": warm}),
    ]


def start(copy: Path) -> float:
    """Seconds from `make run` to the first page.  Ends what was started."""
    port, sandbox_port, mail_port = free_port(), free_port(), free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "VIRTUAL_ENV"))}
    ports = {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port), "MAIL_PORT": str(mail_port)}
    with (copy.parent / "start.log").open("wb") as log:
        began = time.perf_counter()
        running = subprocess.Popen(
            ["make", "run", *(f"{name}={number}" for name, number in ports.items())],
            cwd=copy,
            env={**clean, **ports, "PORTAL_VAR": str(copy / "var")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _first_page(port, running, copy.parent / "start.log")
            took = time.perf_counter() - began
            _settle(copy.parent / "start.log")
            return took
        finally:
            _end(running)


def _first_page(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + LONGEST
    while time.monotonic() < ends:
        assert running.poll() is None, f"make run ended: {log.read_text()[-800:]}"
        try:
            if httpx.get(f"http://127.0.0.1:{port}/login", timeout=20, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"no page within {LONGEST} s: {log.read_text()[-800:]}")


def _settle(log: Path) -> None:
    """Let the start come to its end: one that is broken off leaves its rest to the next."""
    ends = time.monotonic() + LONGEST
    while b"Lintas is running" not in log.read_bytes() and time.monotonic() < ends:
        time.sleep(0.1)


def _end(running: subprocess.Popen[bytes]) -> None:
    """Ctrl-C to the supervisor, which ends its children in their order."""
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGINT)
    try:
        running.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
