"""docs/operations.md, carried out: its roles, its first commands, its backup, on a server of its own."""

from __future__ import annotations

import base64
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy.engine import make_url

from portal import keeping
from portal.integrations import all_integrations
from portal.kit import postgres, roles
from tests import servers
from tests.stack import free_port
from tests.web.test_plain import CONNECTION, KEYS

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs/operations.md").read_text()
SQL = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
PASSWORD = "a-password-for-ana"


@pytest.fixture(scope="module")
def superuser() -> Iterator[str]:
    """An empty PostgreSQL, without any of our roles."""
    home = postgres.temporary_home()
    server = postgres.start(home / "pg", durable=False)
    try:
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def as_superuser(url: str, block: str, database: str = "") -> None:
    """Run a block of the document, statement by statement."""
    address = make_url(url).set(database=database) if database else make_url(url)
    with psycopg.connect(roles.dsn(address), autocommit=True) as server:
        for statement in filter(str.strip, block.split(";")):
            server.execute(statement)  # type: ignore[arg-type]  # The document's own words.


@pytest.fixture(scope="module")
def installed(
    superuser: str, started_servers: servers.Servers, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The environment of a production whose database was made as the document says."""
    as_superuser(superuser, SQL[0])
    as_superuser(superuser, SQL[1], "lintas")
    ours = make_url(superuser).set(database="lintas", drivername="postgresql")

    def address(role: str, password: str) -> str:
        return ours.set(username=role, password=password).render_as_string(hide_password=False)

    return {
        "PATH": os.environ["PATH"],
        "PORTAL_URL": "https://lintas.example",
        "PORTAL_SECRET_KEY": secrets.token_urlsafe(48),
        "PORTAL_SEALING_KEYS": base64.b64encode(os.urandom(32)).decode(),
        "PORTAL_DATABASE_URL": address("lintas_app", "app-password"),
        "PORTAL_OWNER_DATABASE_URL": address("lintas_owner", "owner-password"),
        "PORTAL_REDIS_URL": started_servers.redis_url,
        "PORTAL_LOG_LEVEL": "warning",
        "PORTAL_NEW_PASSWORD": PASSWORD,
        "PORTAL_PROXIES": "1",
        "PORTAL_AUDIT_HEADS": str(tmp_path_factory.mktemp("heads") / "audit-heads"),
    }


def portal(installed: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "portal.cli", *words],
        cwd=ROOT,
        env=installed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_database_made_by_the_document_is_migrated_and_well(installed: dict[str, str]) -> None:
    assert portal(installed, "migrate").returncode == 0
    owner = ["--merchant", "Toko Ana", "--email", "ana@example.com", "--name", "Ana Putri"]
    made = portal(installed, "create-owner", *owner, "--currency", "IDR", "--zone", "Asia/Jakarta")
    assert made.returncode == 0, made.stderr
    said = portal(installed, "doctor").stdout
    to_mend = [line for line in said.splitlines() if line.startswith("MEND")]
    assert "each of them is walled by merchant" in said
    assert "a role that owns nothing" in said
    assert "texticlike" not in said, "searches are fast"
    # Only what belongs to the Redis of the tests, and to servers and processes that this test does not start.
    assert all(re.search(r"relay|worker|maxmemory|MAIL_URL|audit-heads", line) for line in to_mend), said


def test_the_processes_of_the_document_start_and_tell_that_they_are_well(installed: dict[str, str]) -> None:
    assert portal(installed, "migrate").returncode == 0
    port = free_port()
    words = {
        name: command.replace("127.0.0.1:8000", f"127.0.0.1:{port}").split()
        for name, command in re.findall(r"^\| (web|relay|worker) \|[^|]*\| `([^`]+)` \|$", TEXT, re.MULTILINE)
    }
    assert words.keys() == {"web", "relay", "worker"}
    running = [
        subprocess.Popen(
            [str(Path(sys.executable).parent / Path(command[0]).name), *command[1:]],
            cwd=ROOT,
            env=installed,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in words.values()
    ]
    forwarded = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "lintas.example"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=forwarded, trust_env=False) as proxy:
            ready = _until_ready(proxy)
            assert ready == {"database": True, "redis": True, "relay": True, "workers": True}
            assert proxy.get("/healthz").json() == {"status": "ok"}
            assert proxy.get("/login").headers["Strict-Transport-Security"]
            assert "__Host-" in proxy.get("/login").headers["Set-Cookie"]
            assert proxy.get("/metrics").status_code == 404
    finally:
        for process in running:
            process.terminate()
        codes = [process.wait(30) for process in running]
    assert codes == [0, 0, 0]


def _until_ready(proxy: httpx.Client) -> dict[str, bool]:
    found: dict[str, bool] = {}
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            answer = proxy.get("/readyz")
            found = answer.json()
            if answer.status_code == 200:
                break
        except (httpx.TransportError, ValueError):
            pass
        time.sleep(0.3)
    return found


def test_a_backup_is_restored_with_its_walls(superuser: str, installed: dict[str, str], tmp_path: Path) -> None:
    programs = postgres.find()
    assert portal(installed, "migrate").returncode == 0
    owner = ["--merchant", "Toko Budi", "--email", "budi@example.com", "--name", "Budi"]
    assert portal(installed, "create-owner", *owner).returncode == 0
    dump, url = tmp_path / "lintas.dump", roles.dsn(make_url(superuser).set(database="lintas"))
    owner_url = installed["PORTAL_OWNER_DATABASE_URL"]
    refused = subprocess.run(
        [programs / "pg_dump", "-Fc", "-d", owner_url, "-f", dump], capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "row-level security" in refused.stderr
    subprocess.run([programs / "pg_dump", "-Fc", "-d", url, "-f", dump], check=True)
    with psycopg.connect(roles.dsn(superuser), autocommit=True) as server:
        server.execute("drop database lintas with (force)")
    of_database = ";".join(each for each in SQL[0].split(";") if "DATABASE" in each)
    as_superuser(superuser, of_database)
    subprocess.run([programs / "pg_restore", "--exit-on-error", "-d", url, dump], check=True)
    (line,) = (each for each in SQL[1].split(";") if "ALTER FUNCTION" in each)
    as_superuser(superuser, line, "lintas")
    said = portal(installed, "doctor").stdout
    assert "each of them is walled by merchant" in said
    assert "a role that owns nothing" in said
    assert "texticlike" not in said, "searches are fast"
    assert "already" in portal(installed, "create-owner", *owner).stderr


def test_the_document_names_every_variable_that_is_read_and_no_other() -> None:
    source = (ROOT / "portal/config.py").read_text()
    read = set(re.findall(r'said\.get\("(PORTAL_\w+)"', source))
    read |= {
        f"PORTAL_{one.key}_{value.key}".upper() for one in all_integrations().values() for value in one.house_values
    }
    read |= set(keeping.VARIABLES.values())
    named = set(re.findall(r"PORTAL_\w+", TEXT))
    assert read == named


def test_the_document_names_every_key_of_the_json() -> None:
    words = set(re.findall(r"[a-z_]+", TEXT[TEXT.index("## JSON") :]))
    for address, keys in KEYS.items():
        assert keys <= words, f"{address}: {keys - words}"
    assert words >= CONNECTION
