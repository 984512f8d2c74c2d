"""What is forgotten goes in bounded steps with a commit each: nothing else waits for the whole of it."""

import sqlalchemy as sa

from portal.kit.db import db

STEP = 1_000
MOST_STEPS = 100


def in_steps(change: sa.Delete | sa.Update) -> None:
    """Do a change again and again, until it finds fewer than `STEP` rows; it must take no more than that at a time.

    What is left after the last step is left for the next time.
    """
    for _ in range(MOST_STEPS):
        done = db.session.execute(change, execution_options={"synchronize_session": False})
        db.session.commit()
        if done.rowcount < STEP:  # type: ignore[attr-defined]  # A change gives a cursor result, which the stubs hide.
            return


def forget(kind: type, *wanted: sa.ColumnElement[bool]) -> None:
    """Remove the rows of a merchant's table for which all of this holds, one of the conditions being whose they are."""
    some = sa.select(kind.id).where(*wanted).limit(STEP)  # type: ignore[attr-defined]  # Every tenant table has one.
    in_steps(sa.delete(kind).where(*wanted, kind.id.in_(some)))  # type: ignore[attr-defined]
