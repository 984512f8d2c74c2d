"""The explained number re-computes, from its lowest parts, to what the channel was sent: over random histories.

Orders come and go, stock is counted, limits are set and taken away in three places, bundles share their parts.  The
known-bad variant explains a number without what is promised to orders.
"""

from __future__ import annotations

import random
import tempfile
import uuid
from pathlib import Path

import sqlalchemy as sa

from portal.contract.records import OrderStatus
from portal.flows import pushes, stock_counts, work
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.models import BundlePart, Listing, Product, Stock, StockWhy, Store, Work
from portal.web import explained_pages
from portal.web.explained_pages import Derivation
from tests import shelves
from tests.proof import figure, parts
from tests.proof.figure import Figure
from tests.selling import becomes, order
from tests.shelves import Rak
from tests.stack import Stack
from workers.jobs import VERBS

GOODS, BUNDLES, STEPS = 8, 3, 12
LIMITS = (None, 0, 1, 3, 20)


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--rounds", type=int, default=None, help="histories after which all numbers are explained (12)")
    given = ask.answered()
    if given.control:
        Derivation.available = property(lambda self: self.shown.on_hand)  # type: ignore[method-assign,assignment]
    settings = {"PORTAL_PACES": "rak=5000"}
    with (
        Stack(workers=0, relay=False, sandbox=False, durable=False, settings=settings) as stack,
        tempfile.TemporaryDirectory() as folder,
        shelves.opened(stack.app, Path(folder)) as rak,
        stack.app.app_context(),
        acting_for(parts.merchant("Explained")),
    ):
        return _proved(rak, given.rounds or (120 if given.long else 12), random.Random(given.seed))


def _proved(rak: Rak, rounds: int, dice: random.Random) -> int:
    found, wrong, explained = Figure("explained"), 0, 0
    shop = shelves.channel(brake_count=1000)
    names = [f"S{each}" for each in range(GOODS)] + [f"B{each}" for each in range(BUNDLES)]
    everything = shelves.listed(shop, dict.fromkeys(names))
    goods = {sku: product for sku, product in everything.items() if sku.startswith("S")}
    made = [product for sku, product in everything.items() if sku.startswith("B")]
    for each in made:
        for part in dice.sample(list(goods.values()), 2):
            db.session.add(
                BundlePart(merchant_id=whose(), product_id=each, part_id=part, quantity=dice.randrange(1, 4))
            )
    db.session.commit()
    pushes.want_all(shop)
    db.session.commit()
    orders: list[uuid.UUID] = []
    for _ in range(rounds):
        for _ in range(STEPS):
            _step(shop, list(goods.values()), made, orders, dice)
        _work()
        for row in db.session.execute(sa.select(Listing.id, Listing.remote_id)).all():
            derivation, push = explained_pages.derivation(row.id), explained_pages.push_of(row.id)
            assert derivation is not None
            assert push is not None
            explained += 1
            wrong += not derivation.level == push.acked_level == rak.levels.get(row.remote_id)
        db.session.rollback()
    found.must(wrong == 0, f"{wrong} of {explained} explanations do not re-compute to the number that was sent")
    return found.end(f"{rounds} histories of {STEPS} steps: {explained} numbers explained, {wrong} do not re-compute")


def _step(
    shop: uuid.UUID, goods: list[uuid.UUID], bundles: list[uuid.UUID], orders: list[uuid.UUID], dice: random.Random
) -> None:
    product = db.session.get_one(Product, (whose(), dice.choice(goods)))
    match dice.randrange(6):
        case 0 | 1:
            stock_counts.adjust(product, StockWhy.COUNT, dice.randrange(30), "counted", LINTAS)
        case 2:
            orders.append(order((product, dice.randrange(1, 6))))
        case 3 if orders:
            state = dice.choice([OrderStatus.SHIPPED, OrderStatus.CANCELLED])
            becomes(orders.pop(dice.randrange(len(orders))), state)
        case 4:
            bundle = db.session.get_one(Product, (whose(), dice.choice(bundles)))
            orders.append(order((bundle, dice.randrange(1, 3))))
        case _:
            _limit(shop, product, dice)
    db.session.commit()


def _limit(shop: uuid.UUID, product: Product, dice: random.Random) -> None:
    """Another buffer and cap for the product, the channel or the store."""
    buffer, most = dice.choice(LIMITS), dice.choice(LIMITS)
    values, where = {"buffer": buffer, "max_level": most}, dice.randrange(3)
    if where == 0:
        of_product = sa.and_(Stock.merchant_id == whose(), Stock.product_id == product.id)
        db.session.execute(sa.update(Stock).where(of_product).values(**values))
        pushes.want([product.id])
    elif where == 1:
        connection = shelves.the(shop)
        connection.options = {**connection.options, **values}
        pushes.want_all(shop)
    else:
        db.session.execute(sa.update(Store).where(Store.merchant_id == whose()).values(**values))
        pushes.want_store(shelves.the(shop).store_id)


def _work() -> None:
    """What the workers would do; waiting times are cut short."""
    for _ in range(100):
        db.session.execute(sa.update(Work).where(Work.kind == pushes.KIND).values(not_before=now()))
        db.session.commit()
        if not work.drain_all(VERBS, rounds=1):
            return


if __name__ == "__main__":
    figure.run(main)
