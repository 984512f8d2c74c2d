"""Empties the tables between two tests.

TRUNCATE gives every table and every index new files, and every such file a new row in PostgreSQL's own tables, which
nobody clears away in a server of tests: it takes longer than most tests, and more with each of them.  To delete the few
rows that a test wrote takes a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

# What was deleted still lies in the tables.  Before it could slow a query down or change its plan, all is truncated.
MOST_DEAD = 2000
TABLES = """
    SELECT quote_ident(tablename) FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"""


class Emptying:
    """The tables of one database, emptied by a superuser, whom no wall hides a row from."""

    def __init__(self, superuser_url: str, database_url: str) -> None:
        url = sa.make_url(superuser_url)
        database = sa.make_url(database_url).database
        self._engine = sa.create_engine(url.set(drivername="postgresql+psycopg", database=database))
        self._dead = 0

    def empty(self) -> None:
        """Every table is empty afterwards.  Raises OperationalError where a transaction was left open on one."""
        with self._engine.begin() as wire:
            tables = wire.scalars(sa.text(TABLES)).all()
            if not tables:
                return
            # A test that left a transaction open would hold this for ever; better it fails with a name.
            wire.execute(sa.text("SET LOCAL lock_timeout = '10s'"))
            wire.execute(sa.text(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE"))
            self._delete(wire, tables)
            if self._dead > MOST_DEAD:
                wire.execute(sa.text(f"TRUNCATE {', '.join(tables)}"))
                self._dead = 0

    def _delete(self, wire: sa.Connection, tables: Sequence[str]) -> None:
        asked = " UNION ALL ".join(f"SELECT '{each}' WHERE EXISTS (SELECT FROM {each})" for each in tables)
        # Without triggers, those of foreign keys among them: the order does not matter, and nothing is noted.
        wire.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for table in wire.scalars(sa.text(asked)).all():
            self._dead += wire.execute(sa.text(f"DELETE FROM {table}")).rowcount

    def close(self) -> None:
        self._engine.dispose()
