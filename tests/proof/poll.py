"""Orders that are asked for again and again: none is missed and none is kept twice, however the channel tells them.

A channel tells its times in its own zone (UTC+8) by a clock that is up to ten minutes off, gives many orders the same
second, shows some only ten minutes after they changed, and changes others while somebody pages through them.  The
portal asks every few minutes of a clock that the proof moves.  At the end what is kept is what the channel has.
"""

from __future__ import annotations

import random
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.flows import sync, windows, work
from portal.kit import clock
from portal.kit.db import acting_for, db, whose
from portal.models import Connection, Order, OrderEvent, Run, RunState, Work
from tests import ordering
from tests.ordering import Pasar
from tests.proof import figure, parts
from tests.proof.figure import Figure, say
from tests.stack import Stack
from workers.jobs import VERBS

LATEST = timedelta(minutes=10)
TICK = (timedelta(minutes=5), timedelta(minutes=12))
HOURS = {"short": 4, "long": 20}
STATES = ("NEW", "PAID", "STOP", "SENT", "GONE")
# Of a hundred changes, so many arrive late, are of an order that is known, share their second with the one before.
LATE, KNOWN, EQUAL = 10, 30, 25
# The real clock keeps the leases of work; everything else follows the clock of the proof.
OF_THE_REAL_CLOCK = {"portal.flows.work", "portal.kit.clock"}
# How far the channel's clock is off, one after the other.
OFF = (timedelta(minutes=10), timedelta(minutes=-10), timedelta(0))


@dataclass
class Moved:
    """A clock that the proof moves; what asks for the time in the portal gets its time."""

    at: datetime
    changed: list[tuple[Any, Callable[[], datetime]]] = field(default_factory=list)

    def __call__(self) -> datetime:
        """The time of the proof."""
        return self.at

    def __enter__(self) -> Moved:
        """Take the place of the clock wherever it was imported by name."""
        for name, module in list(sys.modules.items()):
            mine = name.startswith("portal.") or name == "tests.ordering"
            if mine and name not in OF_THE_REAL_CLOCK and vars(module).get("now") is clock.now:
                self.changed.append((module, module.now))
                module.now = self  # type: ignore[attr-defined]  # A module takes any name.
        return self

    def __exit__(self, *why: object) -> None:
        """Give the places back."""
        for module, old in self.changed:
            module.now = old


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--orders", type=int, help="how many (5,000; long: 50,000)")
    given = ask.answered()
    orders = given.orders or (50_000 if given.long else 5_000)
    found = Figure("poll")
    if given.control:
        windows.OVERLAP = timedelta(0)
    dice = random.Random(given.seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(workers=0, relay=False) as stack,
        stack.app.app_context(),
        ordering.open_at(stack.app, Path(folder)) as remote,
        acting_for(parts.merchant("A merchant of many orders")),
    ):
        told = [_polled(found, remote, dice, off, orders // len(OFF), given.long) for off in OFF]
    return found.end(f"{sum(told)} orders polled, the channel's clock off by +10, -10 and 0 minutes")


def _polled(found: Figure, remote: Pasar, dice: random.Random, off: timedelta, orders: int, long: bool) -> int:
    remote.off, remote.size, remote.paged = off, 100, None
    remote.forget()
    hours = HOURS["long" if long else "short"]
    with Moved(datetime.now(UTC) - timedelta(hours=hours)) as moved:
        shop = ordering.channel(f"Off by {off}", moved.at - timedelta(hours=1)).id
        world = World(remote, dice, moved, orders)
        ends, polls = moved.at + timedelta(hours=hours), 0
        steps = timedelta(hours=hours) / (sum(TICK, timedelta(0)) / 2)
        while moved.at < ends or world.placed < orders:
            step = dice.uniform(*[each.total_seconds() for each in TICK])
            world.live(timedelta(seconds=step), -(-orders // int(steps)))
            remote.paged = world.edit_one
            _poll(found, shop)
            remote.paged, polls = None, polls + 1
        for _again in range(3):
            moved.at += LATEST + timedelta(minutes=1)
            _poll(found, shop)
        _compare(found, remote, shop)
    say(f"clock off by {off}: {len(remote.orders)} orders, {world.changes} changes, {polls + 3} polls")
    return len(remote.orders)


@dataclass
class World:
    """What buyers do at the channel while time passes."""

    remote: Pasar
    dice: random.Random
    moved: Moved
    most: int
    placed: int = 0
    changes: int = 0
    last: datetime | None = None

    def live(self, step: timedelta, orders: int) -> None:
        """Let time pass in which so many orders are placed, and some that are there change."""
        begun = self.moved.at
        many = orders + orders * KNOWN // 100
        moments = sorted(begun + step * self.dice.random() for _change in range(many))
        for moment in moments:
            at = self.last if self.last and self.last > begun and self.dice.randrange(100) < EQUAL else moment
            late = at + LATEST * self.dice.random() if self.dice.randrange(100) < LATE else None
            self.last = at
            self._change(at, late)
        self.moved.at = begun + step

    def _change(self, at: datetime, late: datetime | None) -> None:
        self.changes += 1
        state = self.dice.choice(STATES)
        if self.placed < self.most and (not self.placed or self.dice.randrange(100) >= KNOWN):
            self.placed += 1
            self.remote.put(f"{self.placed:07}", at, late=late, state=state)
            return
        known = f"{self.dice.randint(1, self.placed):07}"
        if self.remote.is_there(known):  # What is not shown yet cannot be changed by anybody who looks.
            self.remote.put(known, max(at, self.remote.changed(known)), state=state)

    def edit_one(self) -> None:
        """Somebody changes an order while the portal is between two pages."""
        self.moved.at += timedelta(seconds=1)
        self._change(self.moved.at, None)


def _poll(found: Figure, shop: uuid.UUID) -> None:
    """What the portal does when a run is due, until the run has ended."""
    connection = db.session.get_one(Connection, (whose(), shop))
    run_id = sync.start(connection, Resource.ORDERS, "Lintas", by_hand=False).id
    db.session.commit()
    for _stretch in range(1_000):
        db.session.execute(sa.update(Work).values(not_before=clock.now() - timedelta(minutes=1)))
        db.session.commit()
        if not work.drain_all(VERBS):
            break
    run = db.session.get_one(Run, (whose(), run_id))
    found.must(run.state is RunState.DONE, f"a run ended as {run.state} {run.cause} {run.detail}")
    found.must(run.refused == 0, f"a run refused {run.refused} orders")


def _compare(found: Figure, remote: Pasar, shop: uuid.UUID) -> None:
    mine = sa.and_(Order.merchant_id == whose(), Order.connection_id == shop)
    rows = db.session.execute(sa.select(Order.remote_id, Order.status_word).where(mine)).all()
    kept = {row.remote_id: row.status_word for row in rows}
    found.must(len(kept) == len(rows), f"{len(rows) - len(kept)} orders are kept twice")
    missed = remote.orders.keys() - kept.keys()
    found.must(not missed, f"{len(missed)} orders were missed, among them {sorted(missed)[:3]}")
    stale = [key for key, word in kept.items() if remote.orders[key]["state"] != word]
    found.must(not stale, f"{len(stale)} changes were missed, among them of {sorted(stale)[:3]}")
    imported = sa.select(OrderEvent.order_id).join(
        Order, sa.and_(Order.merchant_id == OrderEvent.merchant_id, Order.id == OrderEvent.order_id)
    )
    often = imported.where(mine, OrderEvent.what == "imported").group_by(OrderEvent.order_id)
    twice = db.session.execute(often.having(sa.func.count() > 1)).all()
    found.must(not twice, f"{len(twice)} orders came in as new more than once")


if __name__ == "__main__":
    figure.run(main)
