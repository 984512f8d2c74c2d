"""What all that happens to shipments has in common: holding one with its orders, and noting what became of it.

Whoever changes a shipment holds its orders first, by id, and then the shipment.
"""

import base64
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.flows import lines, notices, order_events
from portal.flows.order_events import Happened
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.models import (
    Connection,
    ConnectionState,
    Order,
    OrderStage,
    Shipment,
    ShipmentOrder,
    ShipmentState,
    Store,
    Work,
    WorkStatus,
)
from portal.models.work import work_key

SEND, CANCEL = "send_shipment", "cancel_shipment"
# Orders go out before catalogues are read.
PRIORITY = 3
BLOCKED, SHORT, UNSURE = "orders_blocked", "orders_short", "shipments_unsure"
WAITS_FOR_STOCK = "short"

JOIN = sa.text(
    """
    insert into shipment_order (merchant_id, id, shipment_id, order_id, live)
    select :merchant, r.*, true
    from unnest(cast(:ids as uuid[]), cast(:shipments as uuid[]), cast(:orders as uuid[])) as r
    on conflict (merchant_id, shipment_id, order_id) do update set live = true
    """
)
WORK = sa.text(
    """
    insert into work (merchant_id, id, lane, kind, natural_key, body, status, priority, lease, attempts, not_before,
        error, asked_by, created_at)
    select :merchant, r.id, :lane, :kind, r.key, jsonb_build_object('shipment', r.shipment), 'open', :priority, 0, 0,
        r.due, '', :asked_by, :moment
    from unnest(cast(:ids as uuid[]), cast(:shipments as uuid[]), cast(:keys as text[]), cast(:dues as timestamptz[]))
        as r(id, shipment, key, due)
    on conflict (merchant_id, kind, natural_key) where status = 'open'
        do update set not_before = least(work.not_before, excluded.not_before)
    """
)


@dataclass(slots=True)
class Held:
    """A shipment and its live orders, the first placed first, locked until the transaction ends."""

    shipment: Shipment
    orders: list[Order]


def reference_of(shipment_id: uuid.UUID) -> str:
    """What a warehouse knows a shipment by: 27 letters and digits, made of its id and therefore constant."""
    return "L" + base64.b32encode(shipment_id.bytes).decode().rstrip("=")


def hold(shipment_id: uuid.UUID) -> Held | None:
    """Lock a shipment and its orders at the beginning of a transaction; None where there is no such shipment."""
    while True:
        expected = _live_ids(shipment_id)
        orders = hold_orders(expected)
        shipment = db.session.scalars(_locking(Shipment).where(Shipment.id == shipment_id)).one_or_none()
        if shipment is None:
            return None
        if _live_ids(shipment_id) == expected:
            return Held(shipment, orders)
        db.session.rollback()  # An order came or went meanwhile: begin anew, in the right order.


def hold_orders(order_ids: Collection[uuid.UUID]) -> list[Order]:
    """Lock orders by id, in the open transaction; the first placed first."""
    if not order_ids:
        return []
    query = _locking(Order).where(Order.id.in_(sorted(set(order_ids)))).order_by(Order.id)
    return sorted(db.session.scalars(query), key=lambda each: (each.placed_at, each.id))


def hold_shipments(*wanted: sa.ColumnElement[bool]) -> list[Shipment]:
    """Lock the shipments that a condition finds, by id, in the open transaction that holds their orders."""
    return list(db.session.scalars(_locking(Shipment).where(*wanted).order_by(Shipment.id)))


def _locking(kind: Any) -> Any:
    # Rows that this session has seen before are read anew: somebody else may have changed them.
    query = sa.select(kind).where(kind.merchant_id == whose())
    return query.with_for_update().execution_options(populate_existing=True)


def _live_ids(shipment_id: uuid.UUID) -> set[uuid.UUID]:
    query = sa.select(ShipmentOrder.order_id).where(
        ShipmentOrder.merchant_id == whose(), ShipmentOrder.shipment_id == shipment_id, ShipmentOrder.live
    )
    return set(db.session.scalars(query))


def members(shipments: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """The ids of the live orders of shipments."""
    found: dict[uuid.UUID, list[uuid.UUID]] = {each: [] for each in shipments}
    query = sa.select(ShipmentOrder.shipment_id, ShipmentOrder.order_id).where(
        ShipmentOrder.merchant_id == whose(), ShipmentOrder.shipment_id.in_(list(found)), ShipmentOrder.live
    )
    for shipment_id, order_id in db.session.execute(query):
        found[shipment_id].append(order_id)
    return found


def of_orders(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The live shipment of each of these orders that has one."""
    query = sa.select(ShipmentOrder.order_id, ShipmentOrder.shipment_id).where(
        ShipmentOrder.merchant_id == whose(), ShipmentOrder.order_id.in_(list(order_ids)), ShipmentOrder.live
    )
    return {row.order_id: row.shipment_id for row in db.session.execute(query)}


def join(shipment: Shipment, orders: Sequence[Order]) -> None:
    """Let orders belong to a shipment, in the open transaction; one that was in it before does so again."""
    join_all([(shipment.id, each.id) for each in orders])


def join_all(pairs: Sequence[tuple[uuid.UUID, uuid.UUID]]) -> None:
    """The same for many shipments, each beside an order of it, in one statement."""
    if not pairs:
        return
    values = {
        "merchant": whose(),
        "ids": array(new_id() for _ in pairs),
        "shipments": array(shipment for shipment, _ in pairs),
        "orders": array(order for _, order in pairs),
    }
    db.session.execute(JOIN, values)


def leave(shipment: Shipment, order_ids: Collection[uuid.UUID]) -> None:
    """Let orders belong to a shipment no longer, in the open transaction."""
    db.session.execute(
        sa.update(ShipmentOrder)
        .where(
            ShipmentOrder.merchant_id == whose(),
            ShipmentOrder.shipment_id == shipment.id,
            ShipmentOrder.order_id.in_(list(order_ids)),
        )
        .values(live=False)
        .execution_options(synchronize_session=False)
    )


def stage(orders: Iterable[Order], to: OrderStage, why: str = "") -> None:
    """Say where orders stand now, in the open transaction that holds them."""
    for each in orders:
        each.stage, each.stage_why = to, why


def note(orders: Iterable[Order | uuid.UUID], what: str, who: str = "", **values: Any) -> None:
    """Write the same event for several orders, in the open transaction; never with a buyer's data."""
    ids = [each if isinstance(each, uuid.UUID) else each.id for each in orders]
    order_events.add([Happened(each, what, values) for each in ids], who)


def rests(plugin: Connection) -> str:
    """Why a connection cannot be asked now, "" where it can."""
    if plugin.state is not ConnectionState.ACTIVE:
        return "connection_is_off"
    query = sa.select(Store.is_active).where(Store.merchant_id == whose(), Store.id == plugin.store_id)
    return "" if db.session.scalar(query) else "store_is_off"


def add_work(kind: str, connection: Connection, due: Mapping[uuid.UUID, datetime], asked_by: str = "") -> None:
    """Have shipments sent or cancelled when each is due, in the open transaction and in one statement."""
    if not due:
        return
    values = {
        "merchant": whose(),
        "lane": lines.lane(connection),
        "kind": kind,
        "priority": PRIORITY,
        "asked_by": asked_by,
        "moment": now(),
        "ids": array(new_id() for _ in due),
        "shipments": array(due),
        "keys": array(work_key(kind, each) for each in due),
        "dues": array(due.values()),
    }
    db.session.execute(WORK, values)


def is_failing(kind: str, shipment_id: uuid.UUID) -> bool:
    """Whether the last work of this kind for a shipment was given up and none is open."""
    query = sa.select(Work.status).where(
        Work.merchant_id == whose(), Work.kind == kind, Work.natural_key == work_key(kind, shipment_id)
    )
    return db.session.scalar(query.order_by(Work.id.desc()).limit(1)) is WorkStatus.DEAD


COUNTS = sa.text(
    """
    select s.cause, s.state, count(*) as orders from shipment s
    join shipment_order so on so.merchant_id = :merchant and so.shipment_id = s.id and so.live
    where s.merchant_id = :merchant and s.connection_id = :connection
        and s.state in ('refused', 'planned') and (s.state = 'refused' or s.cause = :short)
    group by 1, 2
    """
)


def tell(plugin: Connection) -> None:
    """Bring the two notices of a plugin up to date: what waits for the merchant, and what waits for stock."""
    db.session.flush()
    values = {"merchant": whose(), "connection": plugin.id, "short": WAITS_FOR_STOCK}
    rows = db.session.execute(COUNTS, values).all()
    blocked = {row.cause: int(row.orders) for row in rows if row.state == ShipmentState.REFUSED}
    short = sum(int(row.orders) for row in rows if row.state == ShipmentState.PLANNED)
    if blocked:
        values = {"name": plugin.name, "count": sum(blocked.values()), "causes": blocked}
        notices.tell("connection", plugin.id, BLOCKED, grave=True, **values)
    else:
        notices.clear("connection", plugin.id, BLOCKED)
    if short:
        notices.tell("connection", plugin.id, SHORT, grave=True, name=plugin.name, count=short)
    else:
        notices.clear("connection", plugin.id, SHORT)


def accept(held: Held, plugin: Connection, remote_id: str) -> None:
    """The plugin has a shipment of which nobody knew whether it arrived, in the open transaction."""
    shipment = held.shipment
    shipment.move(ShipmentState.ACCEPTED)
    shipment.remote_id, shipment.accepted_at = remote_id or shipment.remote_id, now()
    shipment.cause = shipment.detail = shipment.said = ""
    stage(held.orders, OrderStage.ASSIGNED)
    note(held.orders, "accepted", plugin=plugin.name, reference=shipment.reference, remote=shipment.remote_id)
    notices.clear("shipment", shipment.id, UNSURE)
    tell(plugin)


def ever_in(shipment_id: uuid.UUID) -> list[uuid.UUID]:
    """The orders that are or were in a shipment."""
    query = sa.select(ShipmentOrder.order_id).where(
        ShipmentOrder.merchant_id == whose(), ShipmentOrder.shipment_id == shipment_id
    )
    return list(db.session.scalars(query))


def shipments_of(order_id: uuid.UUID) -> list[uuid.UUID]:
    """The shipments that an order is or was in."""
    query = sa.select(ShipmentOrder.shipment_id).where(
        ShipmentOrder.merchant_id == whose(), ShipmentOrder.order_id == order_id
    )
    return list(db.session.scalars(query))
