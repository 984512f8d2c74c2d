"""B11: a storm of stock changes at three channels: how many calls it makes, and how long it takes to decide them."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from portal.contract.definition import StockOut
from portal.contract.errors import RemoteError
from portal.contract.records import Level
from portal.flows import levels, lines, push_sending, pushes, stock_ledger, work
from portal.flows.stock_ledger import Cause
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.models import ExportStage, Listing, Product, StockWhy, Work
from tests.bench import ground, imports
from tests.bench.figure import Asked, Figure, Watch, at_least, at_most
from tests.bench.stand_in import standing_in
from tests.stack import Stack

CALLS, TIMES = 0.25, 50
CHANNELS, A_CALL = 3, 30
# No product has more pieces, and one channel shows no more.
MOST, CAP = 100, 20
LONGEST = 600.0
# What a page of orders changes, and what a page of a warehouse's figures does; and the share of each of all changes.
ORDERS_PAGE, COUNTS_PAGE = 200, 1_000
OF_ORDERS, SINGLE = 0.6, 0.001


@dataclass
class Counting:
    """The channel: what it shows, and how often it was called."""

    calls: int = 0
    levels: int = 0
    shows: dict[str, int] = field(default_factory=dict)

    def send(self, client: Any, wanted: Sequence[Level], reference: str) -> Mapping[str, RemoteError]:
        """Take everything."""
        assert 0 < len(wanted) <= A_CALL
        self.calls += 1
        self.levels += len(wanted)
        self.shows |= {each.remote_id: each.quantity for each in wanted}
        return {}

    def read(self, client: Any, remote_ids: Sequence[str]) -> Mapping[str, int]:
        """What it shows."""
        return {each: self.shows[each] for each in remote_ids if each in self.shows}


def bench(asked: Asked) -> list[Figure]:
    """The storm in sets, then all that it leaves to send; and a part of it decided change by change."""
    skus, changes = asked.size(10_000, 2_000), asked.size(100_000, 20_000)
    remote, chance = Counting(), random.Random(11)
    out = StockOut(send=remote.send, read=remote.read, most=A_CALL)
    with standing_in(stock_out=out), ground.house() as stack, ground.merchant("Storm"):
        products, lanes = _shop(skus, chance)
        _send_all(lanes)
        ground.settled(stack)
        remote.calls = remote.levels = 0
        watch = Watch()
        with _watched(watch):
            whole = time.perf_counter()
            touched = _storm(products, changes, chance)
            gathered = watch.seconds
            _send_all(lanes)
            whole = time.perf_counter() - whole
        _check(remote)
        calls, sent = remote.calls, remote.levels
        each = _per_event(stack, products, asked.size(600, 300), chance)
    ours = changes / watch.seconds
    ratio, times = calls / (changes / A_CALL), ours / each
    asked.say(
        f"      {changes:,} changes of {touched:,} SKUs in {whole:.1f} s: wanting {gathered:.1f} s, planning and taking"
        f" {watch.seconds - gathered:.1f} s; {sent:,} numbers in {calls:,} calls; change by change {each:,.0f}/s"
    )
    return [
        Figure(
            "B11a",
            f"calls for {changes:,} stock changes, {skus:,} SKUs, {CHANNELS} channels; against changes / {A_CALL}",
            calls,
            "calls",
            ratio,
            f"<= {CALLS} x",
            at_most(ratio, CALLS),
            {"touched": touched, "numbers": sent, "seconds": whole},
        ),
        Figure(
            "B11b",
            "deciding what to send, in sets, against change by change",
            ours,
            "changes/s",
            times,
            f">= {TIMES} x",
            at_least(times, TIMES),
            {"wanting": gathered, "planning": watch.seconds - gathered, "change_by_change": each},
        ),
    ]


def _shop(skus: int, chance: random.Random) -> tuple[list[uuid.UUID], list[str]]:
    """Products with stock, each at every channel, and the lanes of the channels, whose export is let out.

    One channel shows a few pieces at the most, as many merchants have it.
    """
    goods = ground.records("storm", skus, dirty=0)
    ground.products_for(goods)
    lanes = []
    for number in range(CHANNELS):
        channel = ground.connection(f"channel {number}")
        # The brake is asked and never stops anything here: a storm of random numbers is no fault to be looked at.
        channel.options = {**channel.options, "export": True, "brake_count": skus + 1}
        channel.options["max_level"] = CAP if number == 0 else None
        channel.export_stage = ExportStage.OPEN
        db.session.commit()
        imports.take_in(channel, goods, 1_000)
        lanes.append(lines.lane(channel))
    products = list(db.session.scalars(sa.select(Product.id).where(Product.merchant_id == whose())))
    for at in range(0, len(products), COUNTS_PAGE):
        _change(products[at : at + COUNTS_PAGE], StockWhy.COUNT, lambda: chance.randint(1, MOST))
    return products, lanes


def _storm(products: list[uuid.UUID], changes: int, chance: random.Random) -> int:
    """So many changes: pages of orders, pages of counts, and some one by one; gives how many SKUs were touched.

    Some SKUs sell much and most sell little: the one at place n of the list sells a share of 1 / n.
    """
    chance.shuffle(products)
    weights = [1 / (place + 1) for place in range(len(products))]
    sets = [ORDERS_PAGE] * int(changes * OF_ORDERS / ORDERS_PAGE) + [1] * int(changes * SINGLE)
    counts, rest = divmod(changes - sum(sets), COUNTS_PAGE)
    sets += [COUNTS_PAGE] * counts + ([rest] if rest else [])
    chance.shuffle(sets)
    touched: set[uuid.UUID] = set()
    for size in sets:
        chosen = chance.choices(products, weights, k=size)
        if size == COUNTS_PAGE:
            _change(chosen, StockWhy.COUNT, lambda: chance.randint(0, MOST))
        else:
            _change(chosen, StockWhy.RESERVE, lambda: chance.randint(1, 3))
        touched |= set(chosen)
    return len(touched)


def _change(products: Sequence[uuid.UUID], why: StockWhy, number: Callable[[], int]) -> None:
    """One transaction of the ledger, as a page of orders or of counts makes it."""
    ledger = stock_ledger.hold(products)
    for each in products:
        if why is StockWhy.COUNT:
            ledger.count(each, number(), why)
        else:
            ledger.move(each, why, reserved=number(), cause=Cause("order", new_id()))
    ledger.write()
    db.session.commit()


@contextmanager
def _watched(watch: Watch) -> Iterator[None]:
    """What decides: wanting, planning, taking, and the last look.  Not the call, nor what becomes of its answer."""
    parts = [(pushes, "want"), (push_sending, "_plan"), (push_sending, "_take"), (push_sending, "_finish")]
    watching = [patch.object(module, name, watch.over(getattr(module, name))) for module, name in parts]
    for each in watching:
        each.start()
    try:
        yield
    finally:
        for each in watching:
            each.stop()


def _send_all(lanes: Sequence[str]) -> None:
    """Work off what the channels are to be told, as the workers do."""
    for lane in lanes:
        while True:
            db.session.execute(sa.update(Work).where(Work.lane == lane).values(not_before=now()))
            db.session.commit()
            if not work.drain(lane, {pushes.KIND: push_sending.send}, LONGEST):
                break


def _check(remote: Counting) -> None:
    """Every channel shows what it should, and nothing is left to send."""
    listings = db.session.scalars(sa.select(Listing.id).where(Listing.merchant_id == whose())).all()
    shown = {each.remote_id: each.level for each in levels.of(listings).values()}
    assert shown == remote.shows
    left = db.session.scalar(sa.text("select count(*) from push where sent < wanted or acked < sent"))
    assert not left, f"{left} listings are not told"
    db.session.rollback()


# --- change by change -------------------------------------------------------------------------------------------------

SENT = sa.text(
    """
    select listing_id, sent_level from push
    where merchant_id = :merchant and listing_id = any(cast(:listings as uuid[])) for update
    """
)
SEND = sa.text(
    """
    update push p set wanted = wanted + 1, sent = wanted + 1, sent_level = v.level, sent_at = :moment
    from unnest(cast(:listings as uuid[]), cast(:levels as integer[])) as v(listing_id, level)
    where p.merchant_id = :merchant and p.listing_id = v.listing_id
    """
)


def _per_event(stack: Stack, products: Sequence[uuid.UUID], number: int, chance: random.Random) -> float:
    """Changes a second, each decided by itself: the levels of one product, what was sent last, what goes out now.

    The change itself is not counted here either, and no commit waits for the disk.
    """
    ground.settled(stack)
    seconds = 0.0
    for product in chance.choices(products, k=number):
        _change([product], StockWhy.COUNT, lambda: chance.randint(1_200, 9_000))
        began = time.perf_counter()
        db.session.execute(work.UNHURRIED)
        shown = levels.of_products([product])
        values = {"merchant": whose(), "listings": array(shown)}
        last = {row.listing_id: row.sent_level for row in db.session.execute(SENT, values)}
        differ = [each for each in shown.values() if last[each.listing_id] != each.level]
        if differ:
            numbers = array(each.level for each in differ)
            known = {"merchant": whose(), "moment": now(), "listings": array(each.listing_id for each in differ)}
            db.session.execute(SEND, known | {"levels": numbers})
        db.session.commit()
        seconds += time.perf_counter() - began
    return number / seconds
