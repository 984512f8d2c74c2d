"""What every test may ask for: settings, the portal, its databases, and a count of its SQL.

A test that names none of these starts no server.  The servers start once for each process of pytest, and
what a test wrote is gone before the next one.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from portal.config import Settings
from tests import servers, template
from tests.cast import Cast, make
from tests.emptying import Emptying
from tests.noted import Listener

LISTENER = Listener()
BROWSER = "tests/browser/"
DATABASE_FIXTURES = {"app", "cast", "client", "owner_engine", "database"}


@pytest.fixture(scope="session")
def started_servers(request: pytest.FixtureRequest) -> Iterator[servers.Servers]:
    """One PostgreSQL and one Valkey for this process of pytest."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    with servers.started(worker) as running:
        yield running


@pytest.fixture(scope="session")
def database(started_servers: servers.Servers) -> servers.Servers:
    """The servers with all tables made."""
    engine = sa.create_engine(started_servers.owner_url)
    with engine.begin() as connection:
        # A server that outlives the run may have the tables of an older checkout.
        connection.execute(sa.text("DROP TABLE IF EXISTS alembic_version"))
        for (name,) in connection.execute(sa.text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all():
            connection.execute(sa.text(f'DROP TABLE IF EXISTS "{name}" CASCADE'))
    engine.dispose()

    from portal.migrate import upgrade

    upgrade(started_servers.owner_url)
    return started_servers


@pytest.fixture(scope="session")
def settings(started_servers: servers.Servers) -> Settings:
    return Settings(
        env="test",
        portal_url="http://127.0.0.1",
        secret_key="a-secret-that-only-tests-know-0123456789",
        sealing_keys=(base64.b64encode(b"tests-only-key-of-32-bytes-0123.").decode(),),
        database_url=started_servers.application_url,
        owner_database_url=started_servers.owner_url,
        redis_url=started_servers.redis_url,
        quick_hashing=True,
    )


@pytest.fixture(scope="session")
def session_app(settings: Settings, database: servers.Servers) -> Iterator[Flask]:
    """The portal, built once: building it for each test would take longer than most tests."""
    # Imported here, so that tests of a lower floor neither wait for the upper ones nor fail with them.
    from portal.factory import create_app

    app = create_app(settings)
    app.testing = True
    LISTENER.attend(app)
    with LISTENER.listening():
        yield app
    with app.app_context():
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()


@pytest.fixture(autouse=True)
def nothing_is_changed_in_silence() -> Iterator[None]:
    """Every change that a request of the test made stands in the audit trail."""
    LISTENER.silent.clear()
    yield
    assert not LISTENER.silent, "these requests changed something and noted nothing"


@pytest.fixture
def app(session_app: Flask) -> Flask:
    """The portal.  Use `with app.app_context():` around flows; the client brings its own."""
    return session_app


@pytest.fixture
def cast(app: Flask) -> Cast:
    """mei owns Blue Lantern; tom and vera work for her; rex owns another business; sam is support staff."""
    return make(app)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def session_owner_engine(database: servers.Servers) -> Iterator[sa.Engine]:
    engine = sa.create_engine(database.owner_url)
    yield engine
    engine.dispose()


@pytest.fixture
def owner_engine(session_owner_engine: sa.Engine) -> sa.Engine:
    """An engine of the role that owns the tables.  Forced row level security binds it too."""
    return session_owner_engine


@pytest.fixture
def redis_url(started_servers: servers.Servers) -> Iterator[str]:
    """The address of an empty Valkey; what the test leaves in it is thrown away."""
    yield started_servers.redis_url
    with redis.Redis.from_url(started_servers.redis_url) as bells:
        bells.flushdb()


@pytest.fixture(scope="session")
def emptying(database: servers.Servers) -> Iterator[Emptying]:
    """What empties the tables of this process."""
    made = Emptying(database.superuser_url, database.owner_url)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def db_clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """Empty every table after a test that could have written to one."""
    if not DATABASE_FIXTURES & set(request.fixturenames):
        yield
        return
    tables: Emptying = request.getfixturevalue("emptying")
    yield
    tables.empty()


@pytest.fixture
def statements() -> Callable[[], AbstractContextManager[list[str]]]:
    """Collect the SQL that a block sends: `with statements() as sent: ...; assert len(sent) == 2`."""

    @contextmanager
    def collect() -> Iterator[list[str]]:
        sent: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            sent.append(statement)

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            yield sent
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)

    return collect


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser.  Without one the test is skipped, and in CI it fails: there it must be installed."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    reason = "There is no Chromium on PATH (Debian: apt install chromium)."
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _is_local(address: object) -> bool:
    """Whether a socket's address stays on this machine: a path, a loopback number, or its usual name."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0]).partition("%")[0]
    if host in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches beyond this machine: it would fail elsewhere, and tell others what we test."""
    real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}
    look_up = socket.getaddrinfo

    def guarded(name: str) -> Callable[[socket.socket, Any], Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if not _is_local(address):
                raise AssertionError(f"A test tried to reach {address[0]}.")
            return real[name](self, address)

        return connect

    def guarded_look_up(host: Any, *args: Any, **options: Any) -> Any:
        text = host.decode() if isinstance(host, bytes) else host
        if text is not None and not _is_local((text, 0)):
            raise AssertionError(f"A test tried to look up {text}.")
        return look_up(host, *args, **options)

    for name in real:
        monkeypatch.setattr(socket.socket, name, guarded(name))
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


class OneHouse(LoadScopeScheduling):
    """Every test goes to whichever process is free; those in a browser go to one, for they share a house.

    Two houses would only fight for the same cores.
    """

    def _split_scope(self, nodeid: str) -> str:
        return BROWSER if nodeid.startswith(BROWSER) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneHouse:
    # The groups of xdist 3.8 do nothing under pytest 9.2, whose nodes no longer keep their id where xdist writes it.
    return OneHouse(config, log)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        template.keep()
    # The machine's own settings must not decide what a test sees.
    for name in [name for name in os.environ if name.startswith("PORTAL_")]:
        del os.environ[name]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        template.forget()
