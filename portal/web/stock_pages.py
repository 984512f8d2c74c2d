"""What the pages of the stock read: a constant number of statements, however long the list."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.flows import bundles, stock_sources
from portal.kit.db import db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.models import (
    Connection,
    Listing,
    Order,
    Product,
    Push,
    Reservation,
    ReservationState,
    Stock,
    StockMove,
    StockSource,
)
from portal.web.catalogue_pages import found_by

VIEWS = ("all", "low", "oversold", "followed")
LOW = 5
MOST_PROMISED = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One product of the list.

    `makes` is how many whole ones the parts of a bundle make, None where it is none.  `follows` names the plugin that
    counts it.  `channels` is how many listings have taken a number, `least` and `most` between which numbers.
    """

    id: uuid.UUID
    sku: str
    title: str
    on_hand: int
    reserved: int
    makes: int | None = None
    follows: str = ""
    channels: int = 0
    least: int = 0
    most: int = 0

    @property
    def available(self) -> int:
        """What may still be sold; below 0 where more is promised than is there."""
        return self.on_hand - self.reserved if self.makes is None else self.makes

    @property
    def oversold(self) -> bool:
        """Whether more is promised than is there."""
        return self.reserved > self.on_hand


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list is narrowed to; `low` is how many pieces count as few."""

    view: str = "all"
    words: str = ""
    low: int = LOW


def page(wanted: Wanted, cursor: str | None) -> Slice[Row]:
    """One page of products with their stock: by SKU, or those with the fewest pieces first."""
    query, keys = _query(wanted)
    found = slice_of(db.session(), query, keys, cursor, lambda row: [getattr(row, key.name) for key in keys])
    return replace(found, rows=_rows(found.rows))


def count(wanted: Wanted) -> Count:
    """How many products the view and the search find."""
    query, keys = _query(wanted)
    if wanted.words:
        return count_of(db.session(), query)
    if wanted.view in {"low", "oversold"}:
        # Every stock has its product, so counting needs no other table.
        query = sa.select(Stock.id).where(Stock.merchant_id == whose(), Stock.available <= _most(wanted))
    return count_of(db.session(), query, along=keys)


def _most(wanted: Wanted) -> int:
    """The most pieces that may be available for a product to be in the view."""
    return wanted.low if wanted.view == "low" else -1


def _query(wanted: Wanted) -> tuple[sa.Select[Any], list[Any]]:
    product = sa.and_(Product.merchant_id == Stock.merchant_id, Product.id == Stock.product_id)
    columns: list[Any] = [Product.id, Product.sku, Product.title, Stock.on_hand, Stock.reserved, Stock.available]
    columns.append(Stock.product_id)
    query: Any = sa.select(*columns)
    if wanted.view in {"low", "oversold"}:
        query = query.select_from(Stock).join(Product, product)
        query = query.where(Stock.merchant_id == whose(), Stock.available <= _most(wanted))
        keys: list[Any] = [Stock.available, Stock.product_id]
    elif wanted.view == "followed":
        following = (
            sa.select(StockSource.product_id).where(StockSource.merchant_id == whose()).distinct().subquery("following")
        )
        here = sa.and_(Stock.merchant_id == whose(), Stock.product_id == following.c.product_id)
        query = query.select_from(following).join(Stock, here).join(Product, product)
        keys = [following.c.product_id]
    else:
        query = query.select_from(Product).outerjoin(Stock, product).where(Product.merchant_id == whose())
        keys = [Product.sku]
    return (query.where(found_by(wanted.words)) if wanted.words else query), keys


def _rows(rows: Sequence[Any]) -> list[Row]:
    ids = [row.id for row in rows]
    makes, follows, shown = bundles.makes(ids), stock_sources.followed(ids), _shown(ids)
    return [
        Row(
            row.id,
            row.sku,
            row.title,
            row.on_hand or 0,
            row.reserved or 0,
            makes.get(row.id),
            follows.get(row.id, ""),
            *shown.get(row.id, (0, 0, 0)),
        )
        for row in rows
    ]


def _shown(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[int, int, int]]:
    """By product, how many listings have taken a number, and the least and the most of these numbers."""
    query = (
        sa.select(Listing.product_id, sa.func.count(), sa.func.min(Push.acked_level), sa.func.max(Push.acked_level))
        .join(Push, sa.and_(Push.merchant_id == Listing.merchant_id, Push.listing_id == Listing.id))
        .where(Listing.merchant_id == whose(), Listing.product_id.in_(ids), Push.acked_level.is_not(None))
        .group_by(Listing.product_id)
    )
    found: dict[uuid.UUID, tuple[int, int, int]] = {}
    for product_id, number, least, most in db.session.execute(query):
        if product_id is not None and least is not None and most is not None:
            found[product_id] = number, least, most
    return found


# --- one product ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Numbers:
    """The stock of one product.  `buffer` and `max_level` are its own, None where it has none."""

    on_hand: int = 0
    reserved: int = 0
    available: int = 0
    version: int = 0
    buffer: int | None = None
    max_level: int | None = None
    changed_at: datetime | None = None


def numbers(product: Product) -> Numbers:
    """The numbers of a product; all 0 before anything moved."""
    columns = (
        *(Stock.on_hand, Stock.reserved, Stock.available, Stock.version),
        *(Stock.buffer, Stock.max_level, Stock.changed_at),
    )
    query = sa.select(*columns).where(Stock.merchant_id == whose(), Stock.product_id == product.id)
    found = db.session.execute(query).one_or_none()
    return Numbers(*found) if found else Numbers()


@dataclass(frozen=True, slots=True)
class Move:
    """One move of the history, with what was on hand and promised after it, and the number of the order it is for."""

    row: StockMove
    on_hand: int
    reserved: int
    order: str = ""
    plugin: str = ""


def history(product: Product, now_of: Numbers, cursor: str | None) -> Slice[Move]:
    """One page of a product's moves, the newest first."""
    query: Any = sa.select(StockMove).where(StockMove.merchant_id == whose(), StockMove.product_id == product.id)
    found = slice_of(
        db.session(),
        query,
        [StockMove.version],
        cursor,
        lambda row: [row.StockMove.version],
        descending=True,
    )
    moves = [row.StockMove for row in found.rows]
    return replace(found, rows=_told(product, now_of, moves))


def _told(product: Product, now_of: Numbers, moves: Sequence[StockMove]) -> list[Move]:
    on_hand, reserved = _after(product, now_of, moves)
    orders, plugins = _orders(moves), _plugins(moves)
    told = []
    for each in moves:
        key = each.subject_id or uuid.UUID(int=0)
        told.append(Move(each, on_hand, reserved, orders.get(key, ""), plugins.get(key, "")))
        on_hand, reserved = on_hand - each.on_hand, reserved - each.reserved
    return told


def _after(product: Product, now_of: Numbers, moves: Sequence[StockMove]) -> tuple[int, int]:
    """The numbers after the first of the moves, which are the newest of their page."""
    if not moves or moves[0].version == now_of.version:
        return now_of.on_hand, now_of.reserved
    later = sa.select(
        sa.func.coalesce(sa.func.sum(StockMove.on_hand), 0), sa.func.coalesce(sa.func.sum(StockMove.reserved), 0)
    ).where(
        StockMove.merchant_id == whose(),
        StockMove.product_id == product.id,
        StockMove.version > moves[0].version,
        StockMove.version <= now_of.version,
    )
    on_hand, reserved = db.session.execute(later).one()
    return now_of.on_hand - int(on_hand), now_of.reserved - int(reserved)


def _orders(moves: Sequence[StockMove]) -> Mapping[uuid.UUID, str]:
    ids = {each.subject_id for each in moves if each.subject == "order"}
    query = sa.select(Order.id, Order.number).where(Order.merchant_id == whose(), Order.id.in_(ids))
    return {row.id: row.number for row in db.session.execute(query)}


def _plugins(moves: Sequence[StockMove]) -> Mapping[uuid.UUID, str]:
    ids = {each.subject_id for each in moves if each.subject == "connection"}
    query = sa.select(Connection.id, Connection.name).where(Connection.merchant_id == whose(), Connection.id.in_(ids))
    return {row.id: row.name for row in db.session.execute(query)}


@dataclass(frozen=True, slots=True)
class Promised:
    """Pieces that one order is promised; `missing` of them are not there for it."""

    order_id: uuid.UUID
    number: str
    connection_id: uuid.UUID | None
    placed_at: datetime
    quantity: int
    firm: bool
    missing: int


PROMISED = sa.text(
    """
    select q.order_id, o.number, o.connection_id, o.placed_at, q.quantity, q.firm,
        greatest(0, least(q.quantity, q.up_to - :on_hand)) as missing
    from (
        select v.order_id, v.quantity, v.firm, v.at, v.id,
            sum(v.quantity) over (order by v.firm desc, v.at, v.id) as up_to
        from reservation v
        where v.merchant_id = :merchant and v.product_id = :product and v.state = 'open') q
    join orders o on o.merchant_id = :merchant and o.id = q.order_id
    order by q.firm desc, q.at, q.id limit :most
    """
)


def promised(product: Product, on_hand: int) -> list[Promised]:
    """The orders that a product's pieces are promised to, in the order in which they are served."""
    values = {"merchant": whose(), "product": product.id, "on_hand": on_hand, "most": MOST_PROMISED}
    rows = db.session.execute(PROMISED, values)
    return [
        Promised(row.order_id, row.number, row.connection_id, row.placed_at, row.quantity, row.firm, int(row.missing))
        for row in rows
    ]


def count_promised(product: Product) -> Count:
    """How many reservations of a product are open."""
    query = sa.select(Reservation.id).where(
        Reservation.merchant_id == whose(),
        Reservation.product_id == product.id,
        Reservation.state == ReservationState.OPEN,
    )
    return count_of(db.session(), query)


def sources(product: Product) -> Sequence[StockSource]:
    """What each plugin's warehouse counts for in the number on hand."""
    query = sa.select(StockSource).where(StockSource.merchant_id == whose(), StockSource.product_id == product.id)
    return db.session.scalars(query.order_by(StockSource.connection_id)).all()
