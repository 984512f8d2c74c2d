"""Orders as rows, for tests of what they take of the stock."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.contract.records import OrderStatus
from portal.flows import stock
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.ids import new_id
from portal.models import Order, OrderLine, Product, Reservation, Stock, StockMove, Store

PLACED = datetime(2026, 11, 20, tzinfo=UTC)


def order(
    *wanted: tuple[Product, int],
    status: OrderStatus | None = OrderStatus.TO_SHIP,
    by_channel: bool = False,
    settle: bool = True,
    **more: Any,
) -> uuid.UUID:
    """An order of these products and numbers of pieces, settled at once."""
    order_id = new_id()
    store = db.session.scalars(sa.select(Store.id).order_by(Store.id).limit(1)).one()
    values: dict[str, Any] = {
        "merchant_id": whose(),
        "id": order_id,
        "store_id": store,
        "connection_id": None,
        "remote_id": str(order_id),
        "number": str(order_id)[-6:],
        "status_word": "",
        "status": status,
        "placed_at": PLACED + timedelta(microseconds=order_id.time_low % 1000),
        "by_channel": by_channel,
        "sealed": b"",
        "pieces": max(1, sum(number for _, number in wanted)),
        "digest": b"",
        "asked_at": now(),
    }
    db.session.add(Order(**{**values, **more}))
    db.session.flush()
    for place, (product, number) in enumerate(wanted):
        db.session.add(line(order_id, product, number, place))
    db.session.flush()
    if settle:
        stock.settle([order_id])
    db.session.commit()
    return order_id


def line(order_id: uuid.UUID, product: Product | None, number: int, place: int = 0, **more: Any) -> OrderLine:
    """One line of an order, not added yet."""
    values: dict[str, Any] = {
        "merchant_id": whose(),
        "id": new_id(),
        "order_id": order_id,
        "remote_id": str(place),
        "place": place,
        "remote_listing_id": "",
        "product_id": product.id if product else None,
        "sku": product.sku if product else "unknown",
        "title": "",
        "quantity": number,
    }
    return OrderLine(**{**values, **more})


def becomes(order_id: uuid.UUID, status: OrderStatus | None, *, settle: bool = True, **more: Any) -> None:
    """The order has another status now, and is settled."""
    mine = Order.merchant_id == whose(), Order.id == order_id
    db.session.execute(sa.update(Order).where(*mine).values(status=status, **more))
    if settle:
        stock.settle([order_id])
    db.session.commit()


def lines_of(order_id: uuid.UUID) -> Sequence[uuid.UUID]:
    """The lines of an order in their places."""
    return db.session.scalars(
        sa.select(OrderLine.id).where(OrderLine.order_id == order_id).order_by(OrderLine.place)
    ).all()


def numbers(product: Product | uuid.UUID) -> tuple[int, int]:
    """On hand and reserved; the moves must add up to both, one for each version."""
    db.session.expire_all()
    product_id = product if isinstance(product, uuid.UUID) else product.id
    row = db.session.scalars(sa.select(Stock).where(Stock.product_id == product_id)).one_or_none()
    if row is None:
        return 0, 0
    sums = sa.select(
        sa.func.coalesce(sa.func.sum(StockMove.on_hand), 0),
        sa.func.coalesce(sa.func.sum(StockMove.reserved), 0),
        sa.func.count(),
    ).where(StockMove.product_id == product_id)
    assert tuple(db.session.execute(sums).one()) == (row.on_hand, row.reserved, row.version)
    open_ones = sa.select(sa.func.coalesce(sa.func.sum(Reservation.quantity), 0)).where(
        Reservation.product_id == product_id, Reservation.state == "open"
    )
    assert db.session.scalar(open_ones) == row.reserved
    return row.on_hand, row.reserved


def whys(product: Product) -> list[str]:
    """Why the numbers of a product moved, in order."""
    query = sa.select(StockMove.why).where(StockMove.product_id == product.id).order_by(StockMove.version)
    return [why.value for why in db.session.scalars(query)]
