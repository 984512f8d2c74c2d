"""Writing what a constraint of the database may refuse."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError

from portal.kit.db import db
from portal.kit.errors import Refusal


@contextmanager
def refused_as(constraint: str, refusal: Refusal) -> Iterator[None]:
    """What this constraint refuses inside the block is rolled back and said to a person as this refusal."""
    try:
        yield
    except IntegrityError as why:
        db.session.rollback()
        if constraint in str(why.orig):
            raise refusal from None
        raise
