"""Secrets of connections: sealed when they come, opened only to call the remote."""

import uuid
from contextlib import suppress

import sqlalchemy as sa

from portal.flows.house import house
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.ids import new_id
from portal.kit.sealing import NotOurs
from portal.models import Connection, Secret

SHOWN = 4
SHORTEST_TO_SHOW = 12


def place(connection_id: uuid.UUID, field: str, row: uuid.UUID) -> tuple[str, ...]:
    """Where a secret lies, and so where alone it opens."""
    return (str(whose()), str(connection_id), field, str(row))


def keep(connection: Connection, field: str, text: str, by: str) -> None:
    """Seal a value in the open transaction, in place of an older one of the same field."""
    row = db.session.scalars(
        sa.select(Secret).where(
            Secret.merchant_id == whose(), Secret.connection_id == connection.id, Secret.field == field
        )
    ).one_or_none()
    row_id = row.id if row else new_id()
    sealed = house().keyring.seal(text, place(connection.id, field, row_id))
    ending = text[-SHOWN:] if len(text) >= SHORTEST_TO_SHOW else ""
    if row is None:
        row = Secret(merchant_id=whose(), id=row_id, connection_id=connection.id, field=field)
        db.session.add(row)
    row.sealed, row.ending, row.set_at, row.set_by = sealed, ending, now(), by


def read(connection: Connection) -> dict[str, str]:
    """Every secret of a connection, opened.  Only for the moment of a call; never log, never render."""
    return {
        row.field: house().keyring.open(row.sealed, place(connection.id, row.field, row.id))
        for row in saved(connection)
    }


def readable(connection: Connection) -> dict[str, str]:
    """What `read` gives, without the values that no key opens: what a lost key sealed reads as if it was never saved.

    The same holds: only for the moment of a call.
    """
    found = {}
    for row in saved(connection):
        with suppress(NotOurs):
            found[row.field] = house().keyring.open(row.sealed, place(connection.id, row.field, row.id))
    return found


def saved(connection: Connection) -> list[Secret]:
    """What is saved: when, by whom, how it ends; not what it is."""
    query = sa.select(Secret).where(Secret.merchant_id == whose(), Secret.connection_id == connection.id)
    return list(db.session.scalars(query))


def forget(connection: Connection, *fields: str) -> None:
    """Destroy sealed values in the open transaction: these fields, or all where none is named."""
    wanted = [Secret.merchant_id == whose(), Secret.connection_id == connection.id]
    if fields:
        wanted.append(Secret.field.in_(fields))
    db.session.execute(sa.delete(Secret).where(*wanted))
