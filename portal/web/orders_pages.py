"""What the pages of orders read: a constant number of statements, however many orders there are."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import defer

from portal.contract.records import OrderStatus
from portal.flows import stock
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.paging import Count, Slice, count_of, counts_of, slice_of
from portal.models import (
    LEFT,
    TO_SHIP,
    Order,
    OrderEvent,
    OrderLine,
    OrderStage,
    Product,
    Reservation,
    ReservationState,
    Shipment,
    ShipmentOrder,
    ShipmentState,
    Stock,
)
from portal.web import order_standing
from portal.web.channel_names import Channel
from portal.web.order_search import found_by
from portal.web.order_standing import Way
from portal.web.order_words import Badge
from portal.web.plain import amount

VIEWS = ("all", "to_ship", "attention", "hold", "warehouse", "shipped", "cancelled")
ENDED = (OrderStatus.CANCELLED, OrderStatus.REFUNDED, OrderStatus.UNFULFILLABLE)
# Stages in which an order waits for the merchant.
WAITING = (OrderStage.CONFIRM, OrderStage.NEEDS_PLUGIN, OrderStage.BLOCKED)
MOST_SHORT = 2_000
MOST_NEW = 1_000
MOST_COUNTED = 1_000
MOST_EVENTS = 200


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is narrowed to.  `since` and `until` are days of the merchant's zone, both of them included."""

    view: str = "all"
    words: str = ""
    channel: Channel | None = None
    store_id: uuid.UUID | None = None
    since: date | None = None
    until: date | None = None
    zone: str = "UTC"
    active: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        filters = (self.channel, self.store_id, self.since, self.until)
        object.__setattr__(self, "active", sum(bool(each) for each in filters))


@dataclass(frozen=True, slots=True)
class Row:
    """One order of the list, how many of its pieces are missing, and its shipment where it has one."""

    order: Order
    missing: int = 0
    way: Way | None = None

    @property
    def badges(self) -> list[tuple[Badge, str]]:
        """Where it stands, each with the name of its shape."""
        return order_standing.badges(self.order, self.way, self.missing)


def page(wanted: Wanted, cursor: str | None) -> Slice[Row]:
    """One page of orders, those placed last first."""
    query = sa.select(Order).options(defer(Order.sealed), defer(Order.digest)).where(*_conditions(wanted))
    found = slice_of(
        db.session(),
        query,
        [Order.placed_at, Order.id],
        cursor,
        lambda row: [row.Order.placed_at.isoformat(), row.Order.id],
        descending=True,
    )
    orders = [row.Order for row in found.rows]
    missing, ways = stock.covered([each.id for each in orders]), order_standing.ways_of(orders)
    return replace(found, rows=[Row(each, missing.get(each.id, 0), ways.get(each.id)) for each in orders])


def counts(wanted: Wanted) -> dict[str, Count]:
    """How many orders each view has under the same filters, asked together."""
    return _counts({view: replace(wanted, view=view) for view in VIEWS})


def count(wanted: Wanted) -> Count:
    """How many orders the filters find."""
    return _counts({wanted.view: wanted})[wanted.view]


def _counts(asked: Mapping[str, Wanted]) -> dict[str, Count]:
    queries = {view: sa.select(Order).where(*_conditions(wanted)) for view, wanted in asked.items()}
    whole = [view for view, wanted in asked.items() if view == "all" and not (wanted.words or wanted.active)]
    return counts_of(db.session(), queries, MOST_COUNTED, along={view: [Order.placed_at, Order.id] for view in whole})


def newest_id() -> uuid.UUID | None:
    """The order that came in last."""
    query = sa.select(Order.id).where(Order.merchant_id == whose()).order_by(Order.id.desc()).limit(1)
    found: uuid.UUID | None = db.session.scalar(query)
    return found


def came_after(wanted: Wanted, newest: uuid.UUID) -> Count:
    """How many orders under these filters came in after this one."""
    query = sa.select(Order).where(Order.id > newest, *_conditions(wanted))
    return count_of(db.session(), query, MOST_NEW, along=[Order.id])


TODAY = sa.text(
    """
    select s.id, placed.number from unnest(cast(:stores as uuid[]), cast(:zones as text[])) as s(id, zone)
    cross join lateral (
        select count(*) as number from (
            select from orders o where o.merchant_id = :merchant and o.store_id = s.id
                and o.placed_at >=
                    date_trunc('day', cast(:moment as timestamptz) at time zone s.zone) at time zone s.zone
            limit :most) counted) placed
    """
)


def today(zones: Mapping[uuid.UUID, str]) -> dict[uuid.UUID, Count]:
    """By store, how many orders were placed since midnight in its own zone, counted to a cap; given its zone."""
    values = {"stores": array(zones), "zones": array(zones.values()), "moment": now(), "most": MOST_NEW + 1}
    rows = db.session.execute(TODAY, {"merchant": whose(), **values})
    return {row.id: Count(min(row.number, MOST_NEW), row.number > MOST_NEW) for row in rows}


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [Order.merchant_id == whose(), *_of_view(wanted.view)]
    if wanted.channel:
        found.append(Order.connection_id == wanted.channel.id)
    if wanted.store_id:
        found.append(Order.store_id == wanted.store_id)
    if wanted.since:
        found.append(Order.placed_at >= _midnight(wanted.since, wanted.zone))
    if wanted.until:
        found.append(Order.placed_at < _midnight(wanted.until + timedelta(days=1), wanted.zone))
    if wanted.words:
        found.append(found_by(wanted.words))
    return found


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(zone))


def _of_view(view: str) -> list[sa.ColumnElement[bool]]:
    if view == "to_ship":
        return [Order.status.in_(TO_SHIP)]
    if view == "attention":
        return [Order.id.in_(_attention())]
    if view == "hold":
        held = _ids(Order.stage == OrderStage.HELD, _is_open())
        return [Order.id.in_(sa.union_all(_ids(Order.status == OrderStatus.ON_HOLD), held))]
    if view == "warehouse":
        return [Order.id.in_(_at_the_warehouse())]
    if view == "shipped":
        return [Order.status.in_(LEFT)]
    return [Order.status.in_(ENDED)] if view == "cancelled" else []


def _ids(*conditions: Any) -> sa.Select[uuid.UUID]:
    return sa.select(Order.id).where(Order.merchant_id == whose(), *conditions)


def _is_open() -> sa.ColumnElement[bool]:
    return sa.or_(Order.status.is_(None), Order.status.not_in((*LEFT, *ENDED)))


def _at_the_warehouse() -> Any:
    """Orders that a plugin was given and that have not left."""
    return (
        sa.select(ShipmentOrder.order_id)
        .join(
            Shipment,
            sa.and_(Shipment.merchant_id == ShipmentOrder.merchant_id, Shipment.id == ShipmentOrder.shipment_id),
        )
        .where(
            ShipmentOrder.merchant_id == whose(),
            ShipmentOrder.live,
            Shipment.state.in_([ShipmentState.UNSURE, ShipmentState.ACCEPTED, ShipmentState.CANCELLING]),
        )
    )


def _attention() -> Any:
    """Orders that wait for somebody: each kind by the index that it has."""
    return sa.union_all(
        _ids(Order.status.is_(None)),
        _ids(Order.flagged, _is_open(), sa.not_(Order.by_channel)),
        _ids(Order.stage.in_(WAITING), _is_open()),
        sa.select(sa.func.unnest(sa.cast(sa.literal(short_ones(), sa.ARRAY(sa.Uuid())), sa.ARRAY(sa.Uuid())))),
    )


def short_ones() -> list[uuid.UUID]:
    """Open orders that are promised more than is there, of those that came first as many as a page can hold."""
    query = (
        sa.select(Reservation.order_id)
        .join(
            Stock,
            sa.and_(Stock.merchant_id == Reservation.merchant_id, Stock.product_id == Reservation.product_id),
        )
        .where(
            Stock.merchant_id == whose(),
            Stock.reserved > Stock.on_hand,
            Reservation.state == ReservationState.OPEN,
        )
        .distinct()
        .limit(MOST_SHORT)
    )
    missing = stock.covered(list(db.session.scalars(query)))
    return [order_id for order_id, number in missing.items() if number]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order: what it is linked to, how many pieces are promised and how many are missing."""

    line: OrderLine
    product: Product | None
    reserved: int
    missing: int


def lines_of(order: Order) -> list[Line]:
    """The lines of an order in the order in which the channel tells them."""
    linked = sa.and_(Product.merchant_id == OrderLine.merchant_id, Product.id == OrderLine.product_id)
    query = (
        sa.select(OrderLine, Product)
        .outerjoin(Product, linked)
        .where(OrderLine.merchant_id == whose(), OrderLine.order_id == order.id)
        .order_by(OrderLine.place, OrderLine.id)
    )
    promised = _promised(order)
    missing: dict[uuid.UUID, int] = {}
    for each in stock.shortages([order.id]):
        missing[each.line_id] = missing.get(each.line_id, 0) + each.missing
    return [
        Line(row.OrderLine, row.Product, promised.get(row.OrderLine.id, 0), missing.get(row.OrderLine.id, 0))
        for row in db.session.execute(query)
    ]


def _promised(order: Order) -> dict[uuid.UUID, int]:
    query = (
        sa.select(Reservation.line_id, sa.func.sum(Reservation.quantity).label("number"))
        .where(
            Reservation.merchant_id == whose(),
            Reservation.order_id == order.id,
            Reservation.state == ReservationState.OPEN,
        )
        .group_by(Reservation.line_id)
    )
    return {row.line_id: int(row.number) for row in db.session.execute(query)}


def events_of(order: Order) -> Sequence[OrderEvent]:
    """What happened to an order, the newest first."""
    query = sa.select(OrderEvent).where(OrderEvent.merchant_id == whose(), OrderEvent.order_id == order.id)
    return db.session.scalars(query.order_by(OrderEvent.at.desc(), OrderEvent.id.desc()).limit(MOST_EVENTS)).all()


def as_item(row: Row, known: Mapping[uuid.UUID, Channel]) -> dict[str, Any]:
    """What scripts read of an order; nothing of the buyer but the country that it goes to."""
    order = row.order
    channel = known.get(order.connection_id) if order.connection_id else None
    return {
        "id": order.id,
        "number": order.number,
        "remote_id": order.remote_id,
        "store": order.store_id,
        "connection": {"id": channel.id, "name": channel.name, "integration": channel.integration} if channel else None,
        "status": order.status,
        "status_word": order.status_word,
        "placed_at": order.placed_at,
        "ship_by": order.ship_by,
        "pieces": order.pieces,
        "missing": row.missing,
        "total": amount(order.total_minor, order.currency),
        "by_channel": order.by_channel,
        "flagged": order.flagged,
        "tags": order.tags,
        "stage": order.stage,
        "ships_from": row.way.plugin if row.way else None,
        "shipment": row.way.state if row.way else None,
        "country": order.country,
        "carrier": order.carrier,
        "tracking": order.tracking,
        "updated_at": order.changed_at,
    }


def line_as_item(each: Line) -> dict[str, Any]:
    """What scripts read of a line."""
    line = each.line
    return {
        "id": line.id,
        "sku": line.sku,
        "title": line.title,
        "quantity": line.quantity,
        "price_minor": line.price_minor,
        "listing": line.listing_id,
        "product": line.product_id,
        "reserved": each.reserved,
        "missing": each.missing,
    }
