"""Which product is listed where: a constant number of statements, however many listings there are."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from portal.kit.db import db, whose
from portal.kit.paging import SIZE, Slice, cursor_after, slice_of
from portal.models import LinkState, Listing, Product
from portal.web import catalogue_pages
from portal.web.channel_names import Channel

# Products without a gap are passed over; a page looks at so many before it shows what it has found.
LOOKED_AT = 2_000
SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class Cell:
    """How one product stands at one connection.

    `state` is `linked`, `off` (linked, not on sale), `gone` (the remote no longer has it), a state of the links for a
    listing that has the SKU and waits for a decision, or `none`.  `number` counts the listings that are meant.
    """

    state: str = "none"
    listing_id: uuid.UUID | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One product, and how it stands at each connection of the page."""

    id: uuid.UUID
    sku: str
    title: str
    cells: Mapping[uuid.UUID, Cell] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the matrix is narrowed to; `side` are the connections that stand side by side."""

    words: str
    channel: Channel | None
    gaps: bool
    side: Sequence[Channel]


def page(wanted: Wanted, cursor: str | None) -> Slice[Row]:
    """One page of products by SKU, each with its cells."""
    found = _products(wanted, cursor)
    linked, waiting = _linked(found.rows, wanted.side), _waiting(found.rows, wanted.side)
    rows = []
    for each in found.rows:
        cells = {one.id: linked.get((each.id, one.id)) or waiting.get((each.sku_near, one.id)) for one in wanted.side}
        rows.append(Row(each.id, each.sku, each.title, {key: cell or Cell() for key, cell in cells.items()}))
    return Slice(rows, found.after, found.before)


def _products(wanted: Wanted, cursor: str | None) -> Slice[Any]:
    query: Any = sa.select(Product.id, Product.sku, Product.sku_near, Product.title).where(
        Product.merchant_id == whose()
    )
    if wanted.words:
        query = query.where(catalogue_pages.found_by(wanted.words))
    if not wanted.gaps:
        return slice_of(db.session(), query, [Product.sku], cursor, lambda row: [row.sku])
    query = query.add_columns((_covered_by(wanted.side) < len(wanted.side)).label("has_gap"))
    looked = slice_of(db.session(), query, [Product.sku], cursor, lambda row: [row.sku], size=LOOKED_AT)
    rows = [row for row in looked.rows if row.has_gap]
    # Only forwards: how far back a page of gaps began cannot be told from where it is.
    after = cursor_after([rows[SIZE - 1].sku]) if len(rows) > SIZE else looked.after
    return Slice(rows[:SIZE], after)


def _covered_by(side: Sequence[Channel]) -> Any:
    """At how many of these connections a product has a live listing; looked up product by product."""
    return (
        sa.select(sa.func.count(sa.distinct(Listing.connection_id)))
        .where(
            Listing.merchant_id == whose(),
            Listing.product_id == Product.id,
            Listing.connection_id.in_([each.id for each in side]),
            Listing.missing_since.is_(None),
        )
        .scalar_subquery()
    )


def _linked(rows: Sequence[Any], side: Sequence[Channel]) -> dict[tuple[uuid.UUID, uuid.UUID], Cell]:
    """By product and connection, the listings that are linked; the liveliest of several is shown."""
    query = (
        sa.select(
            Listing.id,
            Listing.product_id,
            Listing.connection_id,
            Listing.link_state,
            Listing.on_sale,
            Listing.missing_since,
        )
        .where(
            Listing.merchant_id == whose(),
            Listing.product_id.in_([each.id for each in rows]),
            Listing.connection_id.in_([each.id for each in side]),
        )
        .order_by(Listing.missing_since.is_not(None), Listing.on_sale.desc(), Listing.id)
    )
    found: dict[tuple[uuid.UUID, uuid.UUID], Cell] = {}
    for row in db.session.execute(query):
        key = (row.product_id, row.connection_id)
        first = found.get(key)
        if first is None:
            found[key] = Cell(_state(row), row.id, 1)
        elif not row.missing_since:
            found[key] = Cell(first.state, first.listing_id, first.number + 1)
    return found


def _state(row: Any) -> str:
    if row.missing_since:
        return "gone"
    if row.link_state is LinkState.SKU_CHANGED:
        return LinkState.SKU_CHANGED.value
    return "linked" if row.on_sale else "off"


def _waiting(rows: Sequence[Any], side: Sequence[Channel]) -> dict[tuple[str, uuid.UUID], Cell]:
    """By near twin of the SKU and connection, live listings that no product has yet."""
    query = (
        sa.select(
            Listing.sku_near,
            Listing.connection_id,
            sa.func.min(sa.cast(Listing.id, sa.Text)).label("first"),
            sa.func.min(sa.cast(Listing.link_state, sa.Text)).label("state"),
            sa.func.count().label("number"),
        )
        .where(
            Listing.merchant_id == whose(),
            Listing.sku_near.in_([each.sku_near for each in rows]),
            Listing.connection_id.in_([each.id for each in side]),
            Listing.product_id.is_(None),
            Listing.missing_since.is_(None),
        )
        .group_by(Listing.sku_near, Listing.connection_id)
    )
    return {
        (row.sku_near, row.connection_id): Cell(row.state, uuid.UUID(row.first), row.number)
        for row in db.session.execute(query)
    }


def as_json(row: Row) -> dict[str, Any]:
    """What scripts read of a row."""
    cells = {
        str(key): {"state": cell.state, "listing": cell.listing_id, "listings": cell.number}
        for key, cell in row.cells.items()
    }
    return {"id": row.id, "sku": row.sku, "title": row.title, "connections": cells}
