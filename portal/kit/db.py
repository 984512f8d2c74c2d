"""The database: one declarative base, one session, and whose rows the moment may see."""

import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection as Wire
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, SessionTransaction, mapped_column

from portal.kit.ids import new_id

# The SQLSTATE of a server that takes no more connections.
TOO_MANY_CONNECTIONS = "53300"
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = sa.MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        uuid.UUID: sa.Uuid(),
        datetime: sa.DateTime(timezone=True),
        str: sa.Text(),
        dict[str, Any]: JSONB(),
    }


db = SQLAlchemy(metadata=Base.metadata)


class Tenant:
    """Mixin of every table that belongs to a merchant: the key is led by the merchant."""

    merchant_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("merchant.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)


def words(kind: type[StrEnum]) -> sa.Enum:
    """A column that holds one word of an enumeration, kept as text and checked by the database."""
    name = "known_" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
    return sa.Enum(kind, native_enum=False, length=20, values_callable=_values, create_constraint=True, name=name)


def _values(kind: type[StrEnum]) -> list[str]:
    return [each.value for each in kind]


def begins(column: Any, text: str) -> sa.ColumnElement[bool]:
    """Rows whose column begins with a text that is not empty.

    The walls between merchants let an index serve only what can tell nothing of a row that it does not show: this
    operator, and not LIKE.
    """
    found: sa.ColumnElement[bool] = column.op("^@", is_comparison=True)(text)
    return found if text else sa.false()


def is_away(why: BaseException) -> bool:
    """Whether the database could not be reached or has left, so that the same may go well a moment later."""
    if isinstance(why, PoolTimeout):
        return True
    if not isinstance(why, OperationalError | InterfaceError):
        return False
    state = getattr(why.orig, "sqlstate", None)
    return state is None or state.startswith(("08", "57P")) or state == TOO_MANY_CONNECTIONS


def same_word(column: Any, text: str) -> sa.ColumnElement[bool]:
    """Rows whose column is this text but for capitals.

    Both sides are made small by the database: another one's rules for the letters beyond ASCII would miss rows.
    """
    found: sa.ColumnElement[bool] = sa.func.lower(column) == sa.func.lower(text)
    return found


def array(values: Iterable[Any]) -> str:
    """Values of one column as PostgreSQL writes an array, to be cast; the driver's own way takes five times as long.

    Takes texts, bytes, numbers, truths, moments, identifiers and None.
    """
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return f'"{value}"'


def belongs_to(table: str, column: str, *, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    """A composite foreign key to another table of the same merchant.

    With `ondelete="SET NULL"` only the reference itself is emptied, never the merchant.
    """
    rule = f"SET NULL ({column})" if ondelete == "SET NULL" else ondelete
    return sa.ForeignKeyConstraint(["merchant_id", column], [f"{table}.merchant_id", f"{table}.id"], ondelete=rule)


_merchant: ContextVar[uuid.UUID | None] = ContextVar("merchant", default=None)
_person: ContextVar[uuid.UUID | None] = ContextVar("person", default=None)
TELL = sa.text("select set_config('app.merchant', :merchant, true), set_config('app.person', :person, true)")


def _tell(wire: Wire) -> None:
    wire.execute(TELL, {"merchant": str(_merchant.get() or ""), "person": str(_person.get() or "")})


@event.listens_for(Session, "after_begin")
def _tell_who_asks(session: Session, transaction: SessionTransaction, wire: Wire) -> None:
    # Row level security reads these settings; they end with the transaction, so a pooled connection carries nothing on.
    _tell(wire)


@contextmanager
def beside_for(merchant: uuid.UUID) -> Iterator[Wire]:
    """A connection beside the session, in a transaction of its own that sees the rows of this merchant."""
    with db.engine.begin() as wire:
        wire.execute(TELL, {"merchant": str(merchant), "person": ""})
        yield wire


@contextmanager
def looking_as(hat: str) -> Iterator[Session]:
    """A session beside that of the request, which only reads, under a hat of `portal.kit.roles`.

    A hat sees every merchant.  What it finds belongs to no session when the block ends, so that a column which the hat
    may not see cannot be loaded later.
    """
    with db.engine.connect() as wire, Session(wire, autoflush=False) as session:
        session.execute(sa.text("set transaction read only"))
        session.execute(sa.text("select set_config('role', :hat, true)"), {"hat": hat})
        yield session


def whose() -> uuid.UUID:
    """The merchant of the moment.  Raises LookupError where none was set: nothing may guess one."""
    merchant = _merchant.get()
    if merchant is None:
        raise LookupError("no merchant was set for this work")
    return merchant


def whose_or_none() -> uuid.UUID | None:
    """The merchant of the moment, None before one is known."""
    return _merchant.get()


@contextmanager
def acting_for(merchant: uuid.UUID | None, person: uuid.UUID | None = None) -> Iterator[None]:
    """Within the block the database shows the rows of this merchant, and of this person where no merchant is known."""
    tokens = _merchant.set(merchant), _person.set(person)
    try:
        _tell_if_open()
        yield
    finally:
        _merchant.reset(tokens[0])
        _person.reset(tokens[1])
        _tell_if_open()


def act_for(merchant: uuid.UUID | None, person: uuid.UUID | None = None) -> None:
    """The same until the surrounding context (a request, a test) ends."""
    _merchant.set(merchant)
    _person.set(person)
    _tell_if_open()


def _tell_if_open() -> None:
    if not db.session.registry.has():
        return  # Whoever asks first is told at the beginning of the transaction.
    session = db.session()
    if session.in_transaction() and session.is_active:
        _tell(session.connection())
