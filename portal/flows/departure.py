"""A merchant leaves: everything of it goes, and nothing of anybody else.

First whatever could go on without us is stopped: the connections, their work, and the sessions.  Then the rows go
table by table, in bounded steps, so that a large merchant holds nobody up; stopped anywhere, the same command goes on
from there.  The last transaction holds the merchant's own row, so that nobody can add to it any more, removes what came
in meanwhile, the people, and with that row the tables to which the application may only add.  At last the end of its
audit trail is written down outside of the database.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from portal import integrations
from portal.flows import audit_heads, connections, webhooks
from portal.flows.audit import By
from portal.kit.db import Base, acting_for, db
from portal.models import (
    RESERVING,
    AuditHead,
    Connection,
    LoginSession,
    Membership,
    Merchant,
    Order,
    OrderStage,
    Secret,
    Shipment,
    ShipmentState,
    User,
)

STEP = 2_000
# What we gave to remotes so that they can push opens nothing there.
OUR_OWN = (webhooks.PASS, webhooks.KEY, webhooks.KEY_BEFORE)
ENDED = (ShipmentState.DONE, ShipmentState.CANCELLED, ShipmentState.REFUSED)
MAY_DELETE = sa.text("select has_table_privilege(current_user, cast(:name as text), 'DELETE')")


@dataclass(frozen=True, slots=True)
class Underway:
    """What speaks against a departure: connections that are on, orders to be shipped, and shipments at warehouses."""

    connections: Sequence[str]
    orders: int
    shipments: int

    @property
    def any(self) -> bool:
        """Whether anything does."""
        return bool(self.connections or self.orders or self.shipments)


@dataclass(frozen=True, slots=True)
class Departed:
    """What was removed, by table; how many people went with it; and the end of its audit trail (number and hash).

    `accesses` are the shops at which the merchant has still to take our access back by itself, with their channel.
    """

    rows: dict[str, int]
    people: int
    accesses: Sequence[str]
    seq: int
    mac: bytes


def underway(merchant_id: uuid.UUID) -> Underway:
    """What goes on at a merchant."""
    with acting_for(merchant_id):
        names = [each.name for each in _connections(merchant_id) if each.is_active]
        of_orders = [Order.merchant_id == merchant_id, Order.status.in_(RESERVING), Order.stage != OrderStage.DONE]
        of_shipments = [Shipment.merchant_id == merchant_id, Shipment.state.not_in(ENDED)]
        found = Underway(names, _number(Order, of_orders), _number(Shipment, of_shipments))
        db.session.rollback()
    return found


def _number(kind: type[Base], wanted: Sequence[sa.ColumnElement[bool]]) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(kind).where(*wanted)) or 0


def delete(merchant_id: uuid.UUID, by: By, told: Callable[[str, int], None]) -> Departed:
    """Remove a merchant; `told(table, number)` hears of every step.  May be repeated after it was broken off.

    Raises OSError, before anything is removed, where the heads of the audit trails cannot be written down.
    """
    audit_heads.append()  # Where nothing can be written down outside, nothing may go.
    rows: dict[str, int] = {}

    def count(table: str, number: int) -> None:
        if number:
            rows[table] = rows.get(table, 0) + number
            told(table, number)

    with acting_for(merchant_id):
        accesses = _accesses(merchant_id)
        for each in _connections(merchant_id):
            connections.turn_off(each, by)
        db.session.execute(sa.delete(LoginSession).where(LoginSession.merchant_id == merchant_id))
        db.session.commit()
        tables = _removable()
        for table in tables:
            while number := _step(table, merchant_id):
                db.session.commit()
                count(table.name, number)
        db.session.execute(sa.select(Merchant.id).where(Merchant.id == merchant_id).with_for_update())
        gone = _people(merchant_id)
        seq, mac = _rest(merchant_id, tables, count)
    audit_heads.write_gone(merchant_id, seq, mac)
    return Departed(rows, gone, accesses, seq, mac)


def _connections(merchant_id: uuid.UUID) -> Sequence[Connection]:
    query = sa.select(Connection).where(Connection.merchant_id == merchant_id)
    return db.session.scalars(query.order_by(Connection.id)).all()


def _accesses(merchant_id: uuid.UUID) -> list[str]:
    """Where tokens or typed keys of the merchant are good: no remote that is known here takes one back when we ask."""
    mine = sa.and_(Connection.merchant_id == merchant_id, Secret.merchant_id == merchant_id)
    query = (
        sa.select(Connection.integration, Connection.shop_name, Connection.name)
        .join(Secret, Secret.connection_id == Connection.id)
        .where(mine, Secret.field.not_in(OUR_OWN))
        .group_by(Connection.merchant_id, Connection.id)
        .order_by(Connection.id)
    )
    known = integrations.all_integrations()
    return [
        f"{known[row.integration].name if row.integration in known else row.integration}: {row.shop_name or row.name}"
        for row in db.session.execute(query)
    ]


def _people(merchant_id: uuid.UUID) -> int:
    """Remove the memberships, and the people who belong to nobody else; gives how many people went.

    Staff and the members of other merchants stay.  With a person go its sessions, and of those who stay the sessions
    here.
    """
    members = list(db.session.scalars(sa.select(Membership.user_id).where(Membership.merchant_id == merchant_id)))
    going = [each for each in members if not _belongs_elsewhere(each, merchant_id)]
    db.session.execute(sa.delete(LoginSession).where(LoginSession.merchant_id == merchant_id))
    db.session.execute(sa.delete(Membership).where(Membership.merchant_id == merchant_id))
    db.session.execute(sa.delete(User).where(User.id.in_(going)))
    return len(going)


def _belongs_elsewhere(person: uuid.UUID, merchant_id: uuid.UUID) -> bool:
    if db.session.scalar(sa.select(User.is_staff).where(User.id == person)):
        return True
    with acting_for(None, person):
        others = sa.select(Membership.id).where(Membership.user_id == person, Membership.merchant_id != merchant_id)
        return db.session.scalar(others.limit(1)) is not None


def _removable() -> list[sa.Table]:
    """The merchant's tables, those first that point at others.

    What the application may only add to (the audit trail, the moves of the stock, what happened to orders) is not among
    them: the database itself removes it together with what it points at.  Neither are the memberships, for a merchant
    that is there has an owner.
    """
    mine = [each for each in reversed(Base.metadata.sorted_tables) if "merchant_id" in each.primary_key.columns]
    mine.remove(Base.metadata.tables[Membership.__tablename__])
    return [each for each in mine if db.session.scalar(MAY_DELETE, {"name": each.name})]


def _step(table: sa.Table, merchant_id: uuid.UUID) -> int:
    some = sa.select(table.c.id).where(table.c.merchant_id == merchant_id).limit(STEP)
    done = db.session.execute(sa.delete(table).where(table.c.merchant_id == merchant_id, table.c.id.in_(some)))
    return int(done.rowcount)  # type: ignore[attr-defined]  # A change gives a cursor's result; the stubs hide it.


def _rest(merchant_id: uuid.UUID, tables: Sequence[sa.Table], count: Callable[[str, int], None]) -> tuple[int, bytes]:
    """Remove what came in meanwhile and the merchant, which is held; gives the end of its audit trail."""
    for table in tables:
        done = db.session.execute(sa.delete(table).where(table.c.merchant_id == merchant_id))
        count(table.name, int(done.rowcount))  # type: ignore[attr-defined]  # As above.
    head = db.session.execute(
        sa.select(AuditHead.seq, AuditHead.mac).where(AuditHead.merchant_id == merchant_id)
    ).one_or_none()
    db.session.execute(sa.delete(Merchant).where(Merchant.id == merchant_id))
    db.session.commit()
    return (head.seq, bytes(head.mac)) if head else (0, b"")
