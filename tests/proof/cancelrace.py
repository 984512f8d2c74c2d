"""A channel cancels at every point of a fulfilment, and in the middle of calls: what is told of it is true.

Never is an order cancelled here and sent out there without a word that it was too late; what is void there is void
here; what left is gone from the stock, what did not is free again; a cancelled order is not confirmed.  Every state is
tried once with every way in which the warehouse answers, then many fulfilments are left to chance.  The known-bad
variant believes the channel at once and asks no warehouse.
"""

from __future__ import annotations

import random
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from portal.contract.records import OrderStatus
from portal.flows import cancelling, work
from portal.flows.shipments import Held
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.models import Connection, Shipment, ShipmentState, Work
from tests import parceling
from tests.parceling import Place, Yard
from tests.proof import figure, parts
from tests.proof.figure import Figure, say
from tests.selling import numbers
from tests.stack import Stack
from workers.jobs import VERBS

SKU, PIECES = "LAMP", 100_000
GONE = ("out", "done", "back")
# By what has happened to the fulfilment when the channel cancels.
POINTS = (
    *("planned", "before_call", "in_call", "lost", "down", "accepted", "picked", "packed"),
    *("left_untold", "left_told", "delivered", "in_cancel"),
)
WAYS = ("at_once", "asked_then_void", "asked_then_leaves", "lost_reply")


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--rounds", type=int, default=None, help="fulfilments left to chance (12; long: 1,000)")
    given = ask.answered()
    rounds = given.rounds if given.rounds is not None else (1_000 if given.long else 12)
    found, dice = Figure("cancelrace"), random.Random(given.seed)
    if given.control:
        _believe_at_once()
    with (
        Stack(workers=0, relay=False, sandbox=False, durable=False) as stack,
        tempfile.TemporaryDirectory() as folder,
        parceling.open_at(stack.app, Path(folder)) as yard,
        stack.app.app_context(),
        acting_for(parts.merchant("Race")),
    ):
        race = Race(stack.app, yard, found)
        for point in POINTS:
            for way in WAYS:
                race.run(point, way)
        say(f"{len(POINTS) * len(WAYS)} states and ways: {dict(race.ends)}")
        for _ in range(rounds):
            race.run(dice.choice(POINTS), dice.choice(WAYS), dice)
        ends = dict(race.ends)
    kinds = {"cancelled", "too late", "never there"}
    found.must(given.control or kinds <= ends.keys(), f"the fulfilments end in every way, and not only in {set(ends)}")
    return found.end(f"{len(POINTS)} points × {len(WAYS)} answers and {rounds} by chance: {ends}")


class Race:
    """One fulfilment after the other, each cancelled by its channel somewhere on the way."""

    def __init__(self, app: Flask, yard: Yard, found: Figure) -> None:
        self._app, self._yard, self._found = app, yard, found
        self._merchant = whose()
        self._plugin: Place = parceling.warehouse_of(SKU, pieces=PIECES)
        self._shop = parceling.connection(parceling.CHANNEL, "Lapak")
        self._left = 0
        self.ends: Counter[str] = Counter()

    def run(self, point: str, way: str, dice: random.Random | None = None) -> None:
        """One fulfilment that is cancelled at this point, at a warehouse that answers this way."""
        order = parceling.order(SKU, channel=self._shop, quantity=dice.randint(1, 3) if dice else 2)
        parceling.plan(self._plugin, order)
        self._yard.stops = "asked" if way.startswith("asked") else ""
        if way == "lost_reply":
            self._yard.fail("cancel", "lost")
        self._reach(order, point)
        self._yard.faults.pop("create", None)
        if dice and dice.random() < 0.5:
            self._tell(order)
        self._settle(order, way)
        self._judge(order, f"{point}, {way}")

    # --- getting there ------------------------------------------------------------------------------------------------

    def _reach(self, order: uuid.UUID, point: str) -> None:
        cancel = self._beside(order)
        if point == "planned":
            cancel()
        elif point == "before_call":
            cancel()
            _once()
        elif point == "in_call":
            self._yard.during["create"] = cancel
            _once()
        elif point in {"lost", "down"}:
            self._yard.fail("create", point)
            _once()
            cancel()
        elif point == "in_cancel":
            _once()
            self._yard.during["cancel"] = cancel
            cancel()
        else:
            _once()
            self._walk(order, point)
            cancel()

    def _walk(self, order: uuid.UUID, point: str) -> None:
        """The warehouse goes on up to a point, of which it tells unless the point says otherwise."""
        reference = _shipment(order).reference
        word = {"picked": "pick", "packed": "pack"}.get(point, "")
        if word:
            self._yard.orders[reference]["status"] = word
        elif point.startswith(("left", "delivered")):
            self._yard.leave(reference, status="done" if point == "delivered" else "out")
        if point not in {"left_untold", "accepted"}:
            self._tell(order)

    def _beside(self, order: uuid.UUID) -> Callable[[], None]:
        """The channel's cancellation as it comes in, in a thread and a session of its own."""

        def come_in() -> None:
            with self._app.app_context(), acting_for(self._merchant):
                parceling.becomes(order, OrderStatus.CANCELLED)
                db.session.remove()

        def both() -> None:
            thread = threading.Thread(target=come_in)
            thread.start()
            thread.join()

        return both

    # --- coming to rest -----------------------------------------------------------------------------------------------

    def _settle(self, order: uuid.UUID, way: str) -> None:
        """Workers, polls and the warehouse go on until nothing changes."""
        for turn in range(6):
            # No call of ours is under way: the wait for one may be cut short.
            db.session.execute(sa.update(Shipment).where(Shipment.sent_at > now() - timedelta(minutes=2)).values(
                sent_at=Shipment.sent_at - timedelta(minutes=5)
            ))  # fmt: skip
            db.session.commit()
            _once()
            there = self._yard.orders.get(_shipment(order).reference)
            if there and there["status"] == "stop":
                if way == "asked_then_leaves":
                    self._yard.leave(there["reference"])
                else:
                    there["status"] = "void"
            if there and turn % 2:
                self._tell(order)
        self._yard.faults.clear()
        self._yard.during.clear()
        for _ in range(2):
            _once()
            self._tell(order)

    def _tell(self, order: uuid.UUID) -> None:
        reference = _shipment(order).reference
        if reference in self._yard.orders:
            parceling.told(self._plugin, self._yard, reference)

    # --- the truth ----------------------------------------------------------------------------------------------------

    def _judge(self, order: uuid.UUID, where: str) -> None:
        shipment, must = _shipment(order), self._found.must
        there = self._yard.orders.get(shipment.reference, {}).get("status")
        events, row = parceling.events(order), parceling.the(order)
        self._left += row.pieces if there in GONE else 0
        cancelled, late = shipment.state is ShipmentState.CANCELLED, "too_late" in events
        must(there not in GONE or late, f"{where}: it left, and nobody said that it was too late")
        must(not late or there in GONE, f"{where}: it was called too late, and is {there} there")
        must(not cancelled or there in {"void", None, *GONE}, f"{where}: cancelled here, and {there} there")
        must(there not in {"void", None} or cancelled, f"{where}: {there} there, and {shipment.state.value} here")
        must(not cancelled or there not in GONE, f"{where}: cancelled here, and it left there")
        must(row.remote_id not in self._yard.confirmed or where.startswith(("left_told", "delivered")),
             f"{where}: a cancelled order was confirmed")  # fmt: skip
        on_hand, reserved = numbers(parceling.product(SKU))
        must(on_hand == PIECES - self._left, f"{where}: {on_hand} on hand, and {self._left} of {PIECES} have left")
        must(reserved == 0, f"{where}: {reserved} pieces are promised to nobody")
        self.ends["too late" if there in GONE else "cancelled" if there else "never there"] += 1


def _shipment(order: uuid.UUID) -> Shipment:
    found = parceling.shipment_of(order, live=False)
    assert found is not None
    return found


def _once() -> None:
    """Each piece of work that there is, once, whenever it was to be done; house work too."""
    db.session.execute(sa.update(Work).values(not_before=now() - timedelta(seconds=2)))
    db.session.commit()
    for lane in work.lanes_ready():
        for claimed in work.claim(lane, 20):
            work.perform(claimed, VERBS)
    db.session.expire_all()


def _believe_at_once() -> None:
    """The known-bad variant: what the channel cancelled counts as cancelled, whatever the warehouse does."""

    def believe(held: Held, plugin: Connection, why: str, who: str = "") -> None:
        del plugin, who
        held.shipment.cancel_why = why
        cancelling.cancelled(held)

    def no_word(*_: object) -> None:
        """And of what goes on all the same nothing is said."""

    cancelling._want_back = believe
    cancelling.alive = no_word


if __name__ == "__main__":
    figure.run(main)
