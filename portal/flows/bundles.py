"""Products that are made of others: their parts, and what follows when these change."""

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from portal.flows import audit, pushes, stock, stock_ledger, stock_sources, work
from portal.flows.audit import By
from portal.flows.work import Claim, Outcome
from portal.kit.db import array, db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import RESERVING, BundlePart, Product
from portal.models.work import work_key

KIND = "parts_changed"
MOST_PARTS = 50
MOST_OF_A_PART = 1_000_000
PIECE = 200
TRIES, BETWEEN = 100, 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bundle: how many of it one bundle holds, and its numbers now."""

    product_id: uuid.UUID
    sku: str
    title: str
    quantity: int
    on_hand: int
    reserved: int

    @property
    def available(self) -> int:
        """How many pieces of the part may still be sold; below 0 where more is promised than there is."""
        return self.on_hand - self.reserved

    @property
    def makes(self) -> int:
        """How many whole bundles the part is enough for."""
        return max(0, self.available) // self.quantity


PARTS = sa.text(
    """
    select b.part_id, p.sku, p.title, b.quantity, coalesce(s.on_hand, 0) as on_hand, coalesce(s.reserved, 0) as reserved
    from bundle_part b
    join product p on p.merchant_id = :merchant and p.id = b.part_id
    left join stock s on s.merchant_id = :merchant and s.product_id = b.part_id
    where b.merchant_id = :merchant and b.product_id = :product order by p.sku
    """
)
MAKES = sa.text(
    """
    select b.product_id, min(greatest(0, coalesce(s.on_hand - s.reserved, 0)) / b.quantity) as makes
    from bundle_part b left join stock s on s.merchant_id = :merchant and s.product_id = b.part_id
    where b.merchant_id = :merchant and b.product_id = any(cast(:products as uuid[])) group by b.product_id
    """
)


def parts(product_id: uuid.UUID) -> Sequence[Part]:
    """The parts of a product by SKU; none where it is no bundle."""
    rows = db.session.execute(PARTS, {"merchant": whose(), "product": product_id})
    return [Part(row.part_id, row.sku, row.title, row.quantity, row.on_hand, row.reserved) for row in rows]


def makes(product_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Those of the products that are bundles, and how many whole ones their parts make."""
    values = {"merchant": whose(), "products": array(set(product_ids))}
    return {row.product_id: row.makes for row in db.session.execute(MAKES, values)}


def add_part(product: Product, part: Product, quantity: int, by: By) -> None:
    """Let one bundle hold so many of a part; a part that it holds already gets the new number.  Raises Refusal.

    The first part makes the product a bundle, which wants that nothing of it is on hand.
    """
    if not 1 <= quantity <= MOST_OF_A_PART:
        raise Refusal("part_quantity", "quantity", most=MOST_OF_A_PART)
    now_of = _begin(product)
    if part.id == product.id:
        raise Refusal("bundle_of_itself", "sku")
    _check(product, part, len(now_of) + (part.id not in now_of))
    _write(product, {**now_of, part.id: quantity}, now_of, by)


def remove_part(product: Product, part_id: uuid.UUID, by: By) -> None:
    """Take a part out; without its last part the product is an ordinary one again."""
    now_of = _begin(product)
    _write(product, {each: number for each, number in now_of.items() if each != part_id}, now_of, by)


def _begin(product: Product) -> dict[uuid.UUID, int]:
    """The parts as they are, while nobody reserves and nobody else changes parts; what follows is done after that."""
    body = {"product": str(product.id)}
    work.add(KIND, work.house_lane(whose()), work_key(KIND, product.id, new_id()), body, priority=3)
    for _ in range(TRIES):
        if db.session.scalar(stock.CHANGE_PARTS, {"merchant": str(whose())}):
            query = sa.select(BundlePart.part_id, BundlePart.quantity).where(*_mine(product.id))
            return {row.part_id: row.quantity for row in db.session.execute(query)}
        time.sleep(BETWEEN)
    raise Refusal("orders_come_in")


def _mine(product_id: uuid.UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return BundlePart.merchant_id == whose(), BundlePart.product_id == product_id


def _check(product: Product, part: Product, number: int) -> None:
    """Raise Refusal: no bundle holds another, none has stock of its own, and none has too many parts."""
    held_by = sa.select(BundlePart.id).where(BundlePart.merchant_id == whose(), BundlePart.part_id == product.id)
    if db.session.scalar(held_by.limit(1)):
        raise Refusal("part_is_no_bundle", "sku", sku=product.sku)
    if db.session.scalar(sa.select(BundlePart.id).where(*_mine(part.id)).limit(1)):
        raise Refusal("bundle_in_a_bundle", "sku", sku=part.sku)
    if number > MOST_PARTS:
        raise Refusal("too_many_parts", most=MOST_PARTS)
    ledger = stock_ledger.hold([product.id])
    stock_sources.refuse_followed([product.id])
    if ledger[product.id].on_hand:
        raise Refusal("bundle_is_on_hand", number=ledger[product.id].on_hand)


def _write(product: Product, after: Mapping[uuid.UUID, int], before: Mapping[uuid.UUID, int], by: By) -> None:
    if dict(after) == dict(before):
        db.session.rollback()
        return
    db.session.execute(sa.delete(BundlePart).where(*_mine(product.id)))
    for part_id, quantity in after.items():
        db.session.add(
            BundlePart(merchant_id=whose(), id=new_id(), product_id=product.id, part_id=part_id, quantity=quantity)
        )
    db.session.flush()
    pushes.want([product.id])
    audit.note(
        by,
        "parts_saved",
        "product",
        product.id,
        name=product.sku,
        before={str(each): number for each, number in before.items()},
        after={str(each): number for each, number in after.items()},
    )
    db.session.commit()


OPEN_ORDERS = sa.text(
    """
    select distinct l.order_id from order_line l
    join orders o on o.merchant_id = :merchant and o.id = l.order_id
    where l.merchant_id = :merchant and l.product_id = :product and l.order_id > :last
        and (o.status is null or o.status = any(cast(:reserving as text[])))
    order by l.order_id limit :most
    """
)


def carry_out(claimed: Claim) -> Outcome:
    """Work: the open orders of a product whose parts changed are promised the new ones; each change has its own."""
    product_id, last = uuid.UUID(claimed.body["product"]), uuid.UUID(int=0)
    values = {"merchant": whose(), "product": product_id, "reserving": array(RESERVING), "most": PIECE}
    while found := list(db.session.execute(OPEN_ORDERS, {**values, "last": last}).scalars()):
        stock.settle(found)
        db.session.commit()
        last = found[-1]
    return None
