"""Asking every sales channel for new orders at once, instead of waiting until each is asked by itself."""

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Resource
from portal.flows import audit, lines, resources, sync
from portal.flows.audit import By
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Connection, ConnectionState, Order


def ask_all(by: By) -> list[Connection]:
    """The button *Check for new orders*: the channels that are asked now, by name.

    Raises Refusal where no channel is on that brings orders.  One whose run is open already is not asked twice.
    """
    query = sa.select(Connection).where(Connection.merchant_id == whose(), Connection.state == ConnectionState.ACTIVE)
    known = db.session.scalars(query.order_by(Connection.name, Connection.id)).all()
    asked = [each for each in known if _brings_orders(each)]
    if not asked:
        raise Refusal("no_orders_come_in")
    for each in asked:
        sync.ask(each, Resource.ORDERS, by)
    return asked


def ask_one(order: Order, connection: Connection, by: By) -> tuple[str, ...]:
    """What the channel of an order says of it now, within a request; gives the remote ids of what changed.

    Raises the remote's errors.  That it was asked is noted in any case.
    """
    audit.note(by, "order_asked", "order", order.id, name=order.number, store_id=order.store_id)
    db.session.commit()
    return resources.refresh(connection, Resource.ORDERS, [order.remote_id], seconds=lines.IN_A_REQUEST)


def _brings_orders(connection: Connection) -> bool:
    declared = Resource.ORDERS in integrations.get(connection.integration).pulls
    return declared and resources.wanted(connection, Resource.ORDERS) and not sync.rests(connection)
