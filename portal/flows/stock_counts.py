"""What people say of the stock: counted, brought in, taken out; and a product's own buffer and cap."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from portal.flows import audit, pushes, stock_ledger, stock_sources
from portal.flows.audit import By
from portal.flows.stock_ledger import MOST, Cause, Ledger
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.text import storable
from portal.models import BundlePart, Product, Stock, StockWhy

LONGEST_NOTE = 200
BY_HAND = (StockWhy.COUNT, StockWhy.IN, StockWhy.OUT)


@dataclass(frozen=True, slots=True)
class Counted:
    """One product of a file, and how many pieces of it are on hand by that."""

    product_id: uuid.UUID
    number: int
    note: str


def adjust(product: Product, why: StockWhy, number: int, note: str, by: By) -> int:
    """Count a product anew (the number is what is on hand), or let pieces come in or go out; gives what is on hand.

    The reason is required.  Raises Refusal where the number follows a plugin, for a bundle, and for a number or a
    reason that cannot be.
    """
    said = note.strip()
    if not said:
        raise Refusal("stock_reason_missing", "note")
    if len(said) > LONGEST_NOTE or not storable(said):
        raise Refusal("stock_reason_long", "note", most=LONGEST_NOTE)
    if why not in BY_HAND or not 0 <= number <= MOST or (why is not StockWhy.COUNT and not number):
        raise Refusal("stock_number", "number", most=MOST)
    ledger = stock_ledger.hold([product.id])
    before = ledger[product.id].on_hand
    _refuse_what_is_not_counted([product.id])
    _apply(ledger, product.id, why, number, Cause("", None, by.name, said))
    after = ledger[product.id].on_hand
    ledger.write()
    audit.note(
        by,
        "stock_adjusted",
        "product",
        product.id,
        name=product.sku,
        before={"on_hand": before},
        after={"on_hand": after, "note": said},
    )
    db.session.commit()
    return after


def _apply(ledger: Ledger, product_id: uuid.UUID, why: StockWhy, number: int, cause: Cause) -> None:
    there = ledger[product_id].on_hand
    if why is StockWhy.COUNT:
        ledger.count(product_id, number, why, cause)
    elif why is StockWhy.IN:
        if there + number > MOST:
            raise Refusal("stock_number", "number", most=MOST)
        ledger.move(product_id, why, on_hand=number, cause=cause)
    else:
        if number > there:
            raise Refusal("stock_not_so_many", "number", there=there)
        ledger.move(product_id, why, on_hand=-number, cause=cause)


def _refuse_what_is_not_counted(product_ids: Sequence[uuid.UUID]) -> None:
    """Raise Refusal where a product is made of others or follows a plugin; the stock must be held already."""
    if bundles(product_ids):
        raise Refusal("bundle_has_no_stock")
    stock_sources.refuse_followed(product_ids)


def bundles(product_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the products that are made of others."""
    query = sa.select(BundlePart.product_id).where(
        BundlePart.merchant_id == whose(), BundlePart.product_id.in_(set(product_ids))
    )
    return set(db.session.scalars(query.distinct()))


def count_many(rows: Sequence[Counted], by: By) -> tuple[int, int]:
    """Set what is on hand of many products at once: how many numbers moved, and how many were so already.

    Products that follow a plugin or are bundles must have been left out; whoever became one meanwhile raises Refusal.
    """
    if not rows:
        return 0, 0
    products = [each.product_id for each in rows]
    ledger = stock_ledger.hold(products)
    _refuse_what_is_not_counted(products)
    moved = 0
    for each in rows:
        cause = Cause("", None, by.name, each.note)
        moved += bool(ledger.count(each.product_id, each.number, StockWhy.COUNT, cause))
    ledger.write()
    if moved:
        audit.note(by, "stock_counted", "merchant", whose(), after={"moved": moved, "same": len(rows) - moved})
    db.session.commit()
    return moved, len(rows) - moved


def set_limits(product: Product, buffer: int | None, max_level: int | None, by: By) -> None:
    """A product's own buffer and cap, before those of its channels and stores; None says nothing, and 0 is a number.

    Raises Refusal for a number that cannot be.
    """
    for name, number in (("buffer", buffer), ("max_level", max_level)):
        if number is not None and not 0 <= number <= MOST:
            raise Refusal("stock_number", name, most=MOST)
    stock_ledger.hold([product.id])
    mine = Stock.merchant_id == whose(), Stock.product_id == product.id
    before = db.session.execute(sa.select(Stock.buffer, Stock.max_level).where(*mine)).one()._mapping
    after: Mapping[str, int | None] = {"buffer": buffer, "max_level": max_level}
    if dict(before) != after:
        db.session.execute(sa.update(Stock).where(*mine).values(**after, changed_at=now()))
        pushes.want([product.id])
        audit.note(by, "stock_limits_saved", "product", product.id, name=product.sku, before=dict(before), after=after)
    db.session.commit()
