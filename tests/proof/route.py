"""A6: orders are given to a warehouse whose replies are lost: none is there twice, and none is missing.

One call in five loses its reply, half of those after the warehouse has done as asked.  What cannot be answered for a
while is asked again by a person, as the page offers it.  The known-bad variant gives every attempt a reference of its
own.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter

import sqlalchemy as sa

from portal.flows import planning, shipments, work
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.ids import new_id
from portal.models import ConnectionState, Shipment, ShipmentState, Work
from tests import goods, parceling
from tests.contract.jdl_sandbox import Jdl
from tests.parceling import Place
from tests.proof import figure, parts
from tests.proof.figure import Figure, say
from tests.stack import Stack
from workers.jobs import VERBS

ACCOUNT = "northwick"
CALLS = ("outstock.create", "outstock.query")
LOSSES = ("busy", "html502", "cut")
PLENTY = 1_000_000
BY = By("the proof")


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--orders", type=int, default=None, help="how many orders (100; long: 1,000)")
    ask.add_argument("--lost-replies", type=float, default=0.2, help="the share of calls whose reply is lost")
    given = ask.answered()
    number = given.orders or (1_000 if given.long else 100)
    found, dice = Figure("route"), random.Random(given.seed)
    settings = {"PORTAL_PACES": "jdl=5000"}
    with Stack(workers=0, relay=False, durable=False, settings=settings) as stack, stack.app.app_context():
        warehouse = Jdl(stack.sandbox, ACCOUNT)
        with acting_for(parts.merchant("Route")):
            plugin, sku = _plugin(stack, warehouse)
            orders = [parceling.order(sku, quantity=1 + at % 3) for at in range(number)]
            for each in orders:
                parceling.plan(plugin, each)
            lost = _send(stack, dice, given.lost_replies, control=given.control)
            states = Counter(db.session.scalars(sa.select(Shipment.state)))
            made = _created(stack)
            known = set(db.session.scalars(sa.select(Shipment.reference)))
    doubled = sum(made.values()) - number
    missing = number - len(known & made.keys())
    found.must(lost, "some replies were lost")
    found.must(states == {ShipmentState.ACCEPTED: number}, f"every shipment is accepted, and not {dict(states)}")
    found.must(doubled == 0, f"{doubled} orders are at the warehouse once more than they should be")
    found.must(missing == 0, f"{missing} orders are not at the warehouse")
    return found.end(f"{number} orders, {lost} replies lost: {doubled} doubled, {missing} missing")


def _plugin(stack: Stack, warehouse: Jdl) -> tuple[Place, str]:
    """The account at the warehouse as a plugin that is on, with plenty of one product; and its SKU."""
    made = parts.connection(stack.sandbox.account("jdl", ACCOUNT), stack.sandbox, "JD Main Warehouse")
    made.state = ConnectionState.ACTIVE
    db.session.commit()
    place = Place(made.id)
    (sku,) = warehouse.skus(1)
    stack.sandbox.control("stock", integration="jdl", account=ACCOUNT, sku=sku, quantity=PLENTY)
    parceling.keep(sku, PLENTY)
    goods.take_in(place.row, [goods.listing("J1", sku)])
    return place, sku


def _send(stack: Stack, dice: random.Random, share: float, *, control: bool) -> int:
    """Work until every shipment is accepted; gives how many calls were meant to lose their reply."""
    lost = rounds = 0
    while rounds < 400:
        rounds += 1
        db.session.execute(sa.update(Work).where(Work.kind == shipments.SEND).values(not_before=now()))
        db.session.commit()
        lanes = [lane for lane in work.lanes_ready() if lane.startswith("jdl-")]
        claims = [each for lane in lanes for each in work.claim(lane, 25)]
        for claimed in claims:
            if control:
                _another_reference(uuid.UUID(str(claimed.body["shipment"])))
            for operation in CALLS:
                if dice.random() < share:
                    lost += 1
                    stack.sandbox.control(
                        "fault",
                        integration="jdl",
                        kind=dice.choice(LOSSES),
                        operation=operation,
                        after=dice.random() < 0.5,
                    )
            work.perform(claimed, VERBS)
            stack.sandbox.control("clear", integration="jdl")
        if not claims and not _asked_again():
            break
        if rounds % 20 == 0:
            say(f"{rounds} rounds, {lost} replies lost")
    return lost


def _another_reference(shipment_id: uuid.UUID) -> None:
    """What the known-bad variant does before each attempt."""
    db.session.execute(
        sa.update(Shipment).where(Shipment.id == shipment_id).values(reference=shipments.reference_of(new_id()))
    )
    db.session.commit()


def _asked_again() -> bool:
    """Press *Ask again* on every order whose shipment nobody asks about any more."""
    query = sa.select(Shipment.id).where(Shipment.state == ShipmentState.UNSURE)
    stuck = list(db.session.scalars(query))
    orders = [one for each in shipments.members(stuck).values() for one in each]
    if orders:
        planning.send_now(orders, BY)
    return bool(orders)


def _created(stack: Stack) -> Counter[str]:
    """How often each reference was created at the warehouse, as its journal has it."""
    entries = stack.sandbox.journal(effect="outstock.created")
    return Counter(str(each["arguments"]["reference"]) for each in entries)


if __name__ == "__main__":
    figure.run(main)
