"""Looking for orders: by what a code begins with, else by words of a title."""

import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from flask import g

from portal.kit.db import array, begins, db, whose
from portal.models import Listing, Order, OrderLine, Product

# So many orders are named one by one, which is quick wherever in the list they stand; more are met soon by walking it.
MOST = 2_000


def found_by(words: str) -> sa.ColumnElement[bool]:
    """Orders by the beginning of their number, remote id, tracking number or an SKU, else by words of a title.

    Looked up once for each answer, however many views count them.
    """
    known: dict[str, sa.ColumnElement[bool]] = g.setdefault("orders_found", {})
    if words not in known:
        by_code = _by_code(words)
        known[words] = _by_title(words) if by_code is None else by_code
    return known[words]


def _by_code(words: str) -> sa.ColumnElement[bool] | None:
    """None where no code of an order begins so."""
    codes = [
        begins(Order.number, words),
        begins(Order.remote_id, words),
        sa.and_(begins(Order.tracking, words), Order.tracking != ""),
    ]
    orders = [sa.select(Order.id).where(Order.merchant_id == whose(), each) for each in codes]
    return _together([*orders, _of_lines(begins(OrderLine.sku, words))])


def _by_title(words: str) -> sa.ColumnElement[bool]:
    """Orders whose lines are of listings or products with all these words in the title."""
    listings = sa.select(Listing.id).where(Listing.merchant_id == whose(), *_each_word(Listing.title, words))
    products = sa.select(Product.id).where(Product.merchant_id == whose(), *_each_word(Product.title, words))
    of_these = [_among(OrderLine.listing_id, listings), _among(OrderLine.product_id, products)]
    found = _together(_of_lines(each) for each in of_these)
    return sa.false() if found is None else found


def _among(column: Any, query: sa.Select[uuid.UUID]) -> sa.ColumnElement[bool]:
    """A column that holds one of the ids that a query finds."""
    found = _ids(query)
    among: sa.ColumnElement[bool] = column == _one_of(found) if len(found) <= MOST else column.in_(query)
    return among


def _of_lines(condition: sa.ColumnElement[bool]) -> sa.Select[uuid.UUID]:
    return sa.select(OrderLine.order_id).where(OrderLine.merchant_id == whose(), condition)


def _together(queries: Iterable[sa.Select[uuid.UUID]]) -> sa.ColumnElement[bool] | None:
    """Orders that any of these queries finds; few are named one by one.  None where none finds any."""
    named: set[uuid.UUID] = set()
    broad: list[sa.ColumnElement[bool]] = []
    for query in queries:
        found = _ids(query)
        if len(found) > MOST:
            broad.append(Order.id.in_(query))
        else:
            named |= set(found)
    if named:
        broad.append(Order.id == _one_of(named))
    return sa.or_(*broad) if broad else None


def _ids(query: sa.Select[uuid.UUID]) -> list[uuid.UUID]:
    """As many as are named one by one, and one more where there are more."""
    return list(db.session.scalars(query.limit(MOST + 1)))


def _one_of(ids: Iterable[uuid.UUID]) -> Any:
    return sa.any_(sa.cast(sa.literal(array(ids)), sa.ARRAY(sa.Uuid())))


def _each_word(column: Any, words: str) -> list[sa.ColumnElement[bool]]:
    return [column.icontains(word, autoescape=True) for word in words.split()]
