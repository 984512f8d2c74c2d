"""The PostgreSQL and the Valkey of a test run: one of each for every pytest-xdist worker."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from portal.kit import postgres, roles, valkey


@dataclass(frozen=True)
class Servers:
    """Addresses of empty servers, with the roles made and no tables yet."""

    superuser_url: str
    owner_url: str
    application_url: str
    redis_url: str


@contextmanager
def started(worker: str) -> Iterator[Servers]:
    """Start both servers, or use those that TEST_DATABASE_URL (a superuser's) and TEST_REDIS_URL name."""
    home = postgres.temporary_home()
    running: list[postgres.Postgres | valkey.Valkey] = []
    try:
        superuser_url = os.environ.get("TEST_DATABASE_URL", "")
        if not superuser_url:
            database = postgres.start(home / "pg", durable=False)
            running.append(database)
            superuser_url = database.url
        redis_url = _numbered(os.environ.get("TEST_REDIS_URL", ""), worker)
        if not redis_url:
            bells = valkey.start(home / "vk", durable=False)
            running.append(bells)
            redis_url = bells.url
        addresses = roles.prepare(superuser_url, f"lintas_test_{worker}")
        yield Servers(superuser_url, addresses.owner, addresses.application, redis_url)
    finally:
        for server in running:
            server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _numbered(url: str, worker: str) -> str:
    """A database of its own for each worker on a shared Redis; its last sixteenth is nobody's."""
    if not url:
        return ""
    number = int("".join(filter(str.isdigit, worker)) or 0) % 15 + 1
    return f"{url}{'&' if '?' in url else '?'}db={number}"


@contextmanager
def scratch_database(running: Servers) -> Iterator[roles.Addresses]:
    """A database beside the others that is gone afterwards."""
    name = f"lintas_scratch_{os.getpid()}"
    yield roles.prepare(running.superuser_url, name)
    with psycopg.connect(roles.dsn(running.superuser_url), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
