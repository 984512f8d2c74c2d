"""What Alembic runs: one connection as the owner of the tables, everything in one transaction."""

import sqlalchemy as sa
from alembic import context

import portal.models  # noqa: F401 - the tables register themselves.
from portal.kit.db import Base

LOCK = 4_711_201  # Two starts at the same moment: the second waits and finds nothing left to do.


def run() -> None:
    """Run the wanted migrations."""
    engine = sa.create_engine(context.config.attributes["url"], poolclass=sa.NullPool)
    with engine.connect() as wire:
        context.configure(connection=wire, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            wire.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": LOCK})
            context.run_migrations()
        wire.commit()
    engine.dispose()


run()
