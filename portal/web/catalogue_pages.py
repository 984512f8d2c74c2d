"""What the pages of products and listings read: a constant number of statements, however long the list."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.flows import batches
from portal.kit.db import begins, db, whose
from portal.kit.paging import Count, Slice, count_of, slice_of
from portal.kit.text import near
from portal.models import LinkState, Listing, Product
from portal.web.channel_names import Channel
from portal.web.plain import amount

MOST_LISTINGS = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One product of the list: `channels` are those that list it, `listings` how many listings that are."""

    id: uuid.UUID
    sku: str
    title: str
    barcode: str
    updated: datetime
    channels: Sequence[Channel] = ()
    listings: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the list of listings is narrowed to."""

    words: str = ""
    channel: Channel | None = None
    state: str = ""
    sale: str = ""
    active: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "active", sum(bool(each) for each in (self.channel, self.state, self.sale)))


def products(words: str, cursor: str | None, known: dict[uuid.UUID, Channel]) -> Slice[Row]:
    """One page of products by SKU."""
    query: Any = _products(words).with_only_columns(
        Product.id, Product.sku, Product.title, Product.barcode, Product.created_at, Product.changed_at
    )
    page = slice_of(db.session(), query, [Product.sku], cursor, lambda row: [row.sku])
    listed = _listed([row.id for row in page.rows])
    return replace(page, rows=[_row(row, listed.get(row.id, ()), known) for row in page.rows])


def count_products(words: str) -> Count:
    """How many products a search finds."""
    return count_of(db.session(), _products(words), along=() if words else [Product.sku])


def _products(words: str) -> sa.Select[Any]:
    query = sa.select(Product).where(Product.merchant_id == whose())
    return query.where(found_by(words)) if words else query


def found_by(words: str) -> sa.ColumnElement[bool]:
    """Products by SKU (its beginning, or a near twin's) or barcode; where none is found, by words of the title."""
    by_code = [begins(Product.sku_near, near(words)), sa.and_(Product.barcode == words, Product.barcode != "")]
    # Asked one by one, for together they would be sought in the table itself.
    if db.session.scalar(
        sa.select(sa.or_(*[sa.exists().where(Product.merchant_id == whose(), one) for one in by_code]))
    ):
        return sa.or_(*by_code)
    return sa.and_(*[Product.title.icontains(word, autoescape=True) for word in words.split()])


def _listed(ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Any]]:
    """By product, where it is listed: connection, number of listings, last change."""
    query = (
        sa.select(
            Listing.product_id,
            Listing.connection_id,
            sa.func.count().label("number"),
            sa.func.max(sa.func.greatest(Listing.changed_at, Listing.linked_at)).label("changed"),
        )
        .where(Listing.merchant_id == whose(), Listing.product_id.in_(ids))
        .group_by(Listing.product_id, Listing.connection_id)
    )
    found: dict[uuid.UUID, list[Any]] = {}
    for row in db.session.execute(query):
        found.setdefault(row.product_id, []).append(row)
    return found


def _row(row: Any, listed: Sequence[Any], known: dict[uuid.UUID, Channel]) -> Row:
    here = {each.connection_id for each in listed}
    return Row(
        id=row.id,
        sku=row.sku,
        title=row.title,
        barcode=row.barcode,
        updated=max([row.changed_at or row.created_at, *(each.changed for each in listed)]),
        channels=[each for each in known.values() if each.id in here],
        listings=sum(each.number for each in listed),
    )


def listings_of(product: Product) -> Sequence[Listing]:
    """The listings of a product, those that are gone at the channel last."""
    query = sa.select(Listing).where(Listing.merchant_id == whose(), Listing.product_id == product.id)
    ordered = query.order_by(Listing.missing_since.is_not(None), Listing.connection_id, Listing.id)
    return db.session.scalars(ordered.limit(MOST_LISTINGS)).all()


def listings(wanted: Wanted, cursor: str | None) -> Slice[Any]:
    """One page of listings in the order in which they came, each row with `Listing` and its `Product` or None."""
    query: Any = sa.select(Listing, Product)
    linked = sa.and_(Product.merchant_id == Listing.merchant_id, Product.id == Listing.product_id)
    query = query.outerjoin(Product, linked).where(*_conditions(wanted))
    return slice_of(db.session(), query, [Listing.id], cursor, lambda row: [row.Listing.id])


def count_listings(wanted: Wanted) -> Count:
    """How many listings the filters find."""
    along = () if wanted.words or wanted.channel else [Listing.id]
    return count_of(db.session(), sa.select(Listing).where(*_conditions(wanted)), along=along)


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [Listing.merchant_id == whose()]
    if wanted.channel:
        found.append(Listing.connection_id == wanted.channel.id)
    if wanted.state:
        found.append(Listing.link_state == LinkState(wanted.state))
    if wanted.sale == "missing":
        found.append(Listing.missing_since.is_not(None))
    elif wanted.sale:
        found.extend([Listing.missing_since.is_(None), Listing.on_sale.is_(wanted.sale == "on")])
    if wanted.words:
        found.append(batches.search(wanted.words))
    return found


def product_of(listing: Listing) -> Product | None:
    """The product that a listing is linked to."""
    return db.session.get(Product, (whose(), listing.product_id)) if listing.product_id else None


def product_as_json(row: Row | Product) -> dict[str, Any]:
    """What scripts read of a product."""
    return {"id": row.id, "sku": row.sku, "title": row.title, "barcode": row.barcode}


def listing_as_json(listing: Listing, channel: Channel) -> dict[str, Any]:
    """What scripts read of a listing."""
    return {
        "id": listing.id,
        "connection": {"id": channel.id, "name": channel.name, "integration": channel.integration},
        "remote_id": listing.remote_id,
        "parent_id": listing.parent_id,
        "sku": listing.sku,
        "title": listing.title,
        "attributes": listing.attributes,
        "barcode": listing.barcode,
        "price": amount(listing.price_minor, listing.currency),
        "quantity": listing.quantity,
        "on_sale": listing.on_sale,
        "status_word": listing.status_word,
        "audit_word": listing.audit_word,
        "missing_since": listing.missing_since,
        "link": {
            "state": listing.link_state,
            "product": listing.product_id,
            "how": listing.link_how,
            "at": listing.linked_at,
            "by": listing.linked_by,
        },
    }
