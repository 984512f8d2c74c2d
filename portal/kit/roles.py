"""Who may do what in the database: an owner for migrations, and an application that owns nothing.

Row level security holds only for roles that cannot switch it off, so the portal must never work as a
superuser or as the owner of its tables.  `lintas_relay` and `lintas_support` are hats that the application puts on with
`SET LOCAL ROLE` for the few statements that look across merchants: for the work that is due, and for the pages of the
support staff.  Their rights are given by migrations.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

OWNER = "lintas_owner"
APPLICATION = "lintas_app"
RELAY = "lintas_relay"
SUPPORT = "lintas_support"

# Spelled out and applied at every start: a role that somebody has made mightier by hand is put right again.
ATTRIBUTES = {
    OWNER: "LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    APPLICATION: "LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    RELAY: "NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    SUPPORT: "NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
}
HATS = (RELAY, SUPPORT)
# Roles belong to a whole server; tests that share one must not make them at the same moment.
LOCK = 0x6C696E746173


@dataclass(frozen=True)
class Addresses:
    """Where migrations and where the application connect."""

    owner: str
    application: str


def prepare(superuser_url: str, database: str) -> Addresses:
    """Make the roles, the database and its extension where they are missing; safe to repeat.

    Where the superuser's address carries a password, the two roles that sign in get the same one.
    """
    url = make_url(superuser_url)
    with psycopg.connect(dsn(url), autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        _make_roles(server, url.password)
        _make_database(server, database)
    with psycopg.connect(dsn(url.set(database=database)), autocommit=True) as inside:
        # A database by itself needs no lock: each caller prepares its own.
        _furnish(inside, database)
    ours = url.set(database=database)
    return Addresses(owner=_text(ours.set(username=OWNER)), application=_text(ours.set(username=APPLICATION)))


def dsn(url: URL | str) -> str:
    """The address as the driver takes it, without SQLAlchemy's note of which driver to use."""
    return _text(make_url(url).set(drivername="postgresql"))


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _make_roles(server: psycopg.Connection, password: str | None) -> None:
    known = {name for (name,) in server.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'lintas%'")}
    for name, attributes in ATTRIBUTES.items():
        verb = sql.SQL("ALTER ROLE" if name in known else "CREATE ROLE")
        server.execute(sql.SQL("{} {} {}").format(verb, sql.Identifier(name), sql.SQL(attributes)))
        if password is not None and name not in HATS:
            server.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(password)))
    for hat in HATS:
        server.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(hat), sql.Identifier(APPLICATION)))


def _make_database(server: psycopg.Connection, database: str) -> None:
    name, owner = sql.Identifier(database), sql.Identifier(OWNER)
    if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
        server.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    server.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, owner))
    server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    server.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(APPLICATION)))


def _furnish(inside: psycopg.Connection, database: str) -> None:
    """Make the extension, and let the application use whatever tables the owner will make."""
    inside.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    # Behind row level security an index serves only what cannot tell of rows that are not shown.  ILIKE is not declared
    # so because it complains of a broken pattern; that names the pattern and never a row.
    inside.execute("ALTER FUNCTION pg_catalog.texticlike(text, text) LEAKPROOF")
    inside.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for rights in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE, SELECT ON SEQUENCES"):
        inside.execute(
            sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public GRANT {} TO {}").format(
                sql.Identifier(OWNER), sql.SQL(rights), sql.Identifier(APPLICATION)
            )
        )
