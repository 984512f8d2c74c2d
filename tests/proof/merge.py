"""Merging round trip: whatever was merged and taken apart again stands as it stood at the start, and forbidden never.

Random orders of two channels, several recipients, notes, services and payments are planned at random moments; each
merged shipment is looked at (nothing in it differs that must not), taken apart, and compared with the same orders
planned without merging: plugin, stage, reservations and what the warehouse would be told of each.  The known-bad
variant forgets the recipient when it decides who travels together.
"""

from __future__ import annotations

import random
import tempfile
import uuid
from collections import defaultdict
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from portal.contract.records import OutboundLine
from portal.flows import outbound, planning
from portal.flows.audit import By
from portal.flows.order_buyers import Buyer
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.errors import Refusal
from portal.models import Order, Reservation, Shipment, ShipmentOrder
from tests import parceling
from tests.parceling import BUYER, Place
from tests.proof import figure, parts
from tests.proof.figure import Figure
from tests.stack import Stack

BY = By("the proof")
SKUS = ("LAMP", "CUP", "VASE")
NAMES = ("Ada Sample", "Bea Sample", "Cal Sample")
SAME = ("store_id", "connection_id", "currency", "shipping_service", "recipient_key", "notes_key", "paid_on_delivery")
WINDOW = timedelta(minutes=30)


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--orders", type=int, default=None, help="how many orders (150; long: 2,000)")
    given = ask.answered()
    number = given.orders or (2_000 if given.long else 150)
    found, dice = Figure("merge"), random.Random(given.seed)
    if given.control:
        _forget_the_recipient()
    with (
        Stack(workers=0, relay=False, sandbox=False, durable=False) as stack,
        tempfile.TemporaryDirectory() as folder,
        parceling.open_at(stack.app, Path(folder)),
        stack.app.app_context(),
        acting_for(parts.merchant("Merge")),
    ):
        plugins = [parceling.warehouse_of(*SKUS, pieces=100_000, name=name) for name in ("Kurir A", "Kurir B")]
        shops = [parceling.connection(parceling.CHANNEL, name, auto_merge=True) for name in ("Lapak A", "Lapak B")]
        orders = {_order(dice, shops): dice.choice(plugins) for _ in range(number)}
        start = {each: _alone(each, plugin) for each, plugin in orders.items()}
        _plan(dice, orders)
        merged, wrong = _looked_at(found)
        alike = [sorted(each) for each in _groups().values()]
        for shipment_id in merged:
            planning.unmerge(shipment_id, BY)
        again = _plan_again(orders)
        end = {each: _alone(each, plugin) for each, plugin in orders.items()}
        moved = sum(start[each] != end[each] for each in orders)
        shared = len(_groups())
        by_hand = _by_hand(dice, found, list(orders), alike)
    found.must(by_hand, "some orders were merged by hand")
    found.must(merged, "some orders were merged at all")
    found.must(moved == 0, f"{moved} orders do not stand as they stood before they were merged")
    found.must(shared == 0, f"{shared} shipments still hold several orders after all were taken apart")
    found.must(again == 0, f"{again} orders merged again by themselves")
    return found.end(
        f"{number} orders, {len(merged)} merged shipments, {wrong} across what is forbidden, {by_hand} merged by hand "
        f"and apart again; {moved} differ from the start"
    )


def _order(dice: random.Random, shops: list[Place]) -> uuid.UUID:
    who = replace(BUYER, name=dice.choice(NAMES), address=dice.choice(("1 Example Road", "2 Example Road")))
    buyer = Buyer(consignee=who, account=who.name, buyer_note=dice.choice(("", "", "", "ring twice")))
    more: dict[str, Any] = {
        "placed_at": now() - timedelta(seconds=dice.randrange(2 * 3600)),
        "paid_on_delivery": dice.random() < 0.1,
        "gift": dice.random() < 0.05,
        "by_channel": False,
        "shipping_service": dice.choice(("", "", "", "express")),
    }
    skus = dice.sample(SKUS, dice.randint(1, 3))
    shop = dice.choice([*shops, *shops, *shops, None])
    return parceling.order(*skus, channel=shop, quantity=dice.randint(1, 3), buyer=buyer, **more)


def _plan(dice: random.Random, orders: dict[uuid.UUID, Place]) -> None:
    """In the order in which they come in, a few at a time."""
    waiting = list(orders)
    dice.shuffle(waiting)
    while waiting:
        some = [waiting.pop() for _ in range(min(len(waiting), dice.randint(1, 40)))]
        for plugin in {orders[each] for each in some}:
            parceling.plan(plugin, *[each for each in some if orders[each] == plugin])


def _plan_again(orders: dict[uuid.UUID, Place]) -> int:
    """Take every order out and plan it anew; how many travel with another one that was taken apart from it."""
    apart = planning._unmerged([parceling.the(each) for each in orders])
    planning.take_out(list(apart), "again")
    db.session.commit()
    for plugin in set(orders.values()):
        parceling.plan(plugin, *[each for each in apart if orders[each] == plugin])
    return sum(len(each & apart) for each in _groups().values())


def _groups() -> dict[uuid.UUID, set[uuid.UUID]]:
    """The live shipments that hold several orders."""
    found: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for shipment_id, order_id in db.session.execute(
        sa.select(ShipmentOrder.shipment_id, ShipmentOrder.order_id).where(ShipmentOrder.live)
    ):
        found[shipment_id].add(order_id)
    return {each: orders for each, orders in found.items() if len(orders) > 1}


def _looked_at(found: Figure) -> tuple[list[uuid.UUID], int]:
    """The merged shipments, and how many of them hold what must never travel together."""
    wrong = 0
    groups = _groups()
    for orders in groups.values():
        rows = [parceling.the(each) for each in orders]
        placed = [each.placed_at for each in rows]
        never = any(each.gift or each.by_channel or each.connection_id is None for each in rows)
        differ = [name for name in SAME if len({getattr(each, name) for each in rows}) > 1]
        bad = differ or never or len(rows) > planning.MOST_TOGETHER or max(placed) - min(placed) > WINDOW
        wrong += bool(bad)
        found.must(not bad, f"{len(rows)} orders travel together that differ in {', '.join(differ) or 'kind or time'}")
    return list(groups), wrong


def _alone(order_id: uuid.UUID, plugin: Place) -> tuple[object, ...]:
    """What an order is by itself: where it goes, what is promised to it, what a warehouse would be told of it."""
    order = parceling.the(order_id)
    reserved = db.session.execute(
        sa.select(Reservation.product_id, Reservation.quantity, Reservation.state, Reservation.firm)
        .where(Reservation.order_id == order_id)
        .order_by(Reservation.product_id)
    ).all()
    one = outbound.made(Shipment(reference=""), [order], plugin.row)
    told: list[OutboundLine] = list(one.lines)
    return (plugin.id, tuple(map(tuple, reserved)), tuple(str(asdict(each)) for each in told), str(one.consignee))


def _by_hand(dice: random.Random, found: Figure, orders: list[uuid.UUID], alike: list[list[uuid.UUID]]) -> int:
    """Merge by hand at random: what is refused stays, what is merged may be merged, and is taken apart again.

    Every other time two are taken that travelled together before, for two of all are hardly ever alike.
    """
    merged = 0
    for number in range(40):
        some = dice.sample(dice.choice(alike) if number % 2 and alike else orders, 2)
        try:
            shipment_id = planning.merge(some, BY)
        except Refusal:
            db.session.rollback()
            continue
        rows = [parceling.the(each) for each in some]
        differ = [name for name in SAME if len({getattr(each, name) for each in rows}) > 1]
        found.must(not differ, f"orders were merged by hand that differ in {', '.join(differ)}")
        planning.unmerge(shipment_id, BY)
        merged += 1
    return merged


def _forget_the_recipient() -> None:
    """The known-bad variant: everybody's orders look as if they went to one recipient."""
    real = planning.merge_key

    def careless(order: Order, plugin: Any, options: Any) -> bytes | None:
        kept, order.recipient_key = order.recipient_key, b"anybody"
        try:
            with db.session.no_autoflush:
                return real(order, plugin, options)
        finally:
            order.recipient_key = kept

    planning.merge_key = careless


if __name__ == "__main__":
    figure.run(main)
