"""The commands of the house in this process, on the databases of the tests, as somebody types them in a terminal."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from portal.cli import main
from portal.config import Settings
from portal.kit import log
from tests import servers

Command = Callable[..., Result]


def environment(settings: Settings, started: servers.Servers) -> dict[str, str]:
    """The variables of an installation like that of the tests."""
    return {
        "PORTAL_ENV": "embedded",
        "PORTAL_URL": "http://127.0.0.1:8000",
        "PORTAL_SECRET_KEY": settings.secret_key,
        "PORTAL_SEALING_KEYS": " ".join(settings.sealing_keys),
        "PORTAL_DATABASE_URL": started.application_url,
        "PORTAL_OWNER_DATABASE_URL": started.owner_url,
        "PORTAL_REDIS_URL": started.redis_url,
        "PORTAL_LOG_LEVEL": "error",
    }


@pytest.fixture
def command(
    settings: Settings, database: servers.Servers, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """`command("work", "--replay", PORTAL_ENV=...)`; a variable that is None is not set."""
    known = environment(settings, database)

    def run(*words: str, typed: str = "", **changed: str | None) -> Result:
        for name, value in {**known, **changed}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        result = CliRunner().invoke(main, list(words), input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield run
    log.set_up("INFO")  # A command writes its log to its own terminal, which is gone now.


def another_key() -> str:
    """A sealing key that sealed nothing."""
    return base64.b64encode(b"another-key-of-32-bytes-for-test").decode()
