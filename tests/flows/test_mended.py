"""Where money paths were wrong once: addresses that change, channels that ship, what comes back, who waits for whom."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.errors import Busy, Cause
from portal.contract.records import OrderStatus, RemoteDocument
from portal.flows import (
    bundles,
    cancelling,
    connections,
    order_hand,
    planning,
    push_brake,
    stock_ledger,
    trouble,
    warehouse,
    work,
)
from portal.flows import notices as telling
from portal.flows.order_buyers import Buyer, keys, seal, secret_key
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.errors import Refusal
from portal.models import ConnectionState, Notice, OrderLine, OrderStage, ShipmentState, Work, WorkStatus
from portal.models.work import work_key
from tests.cast import Cast
from tests.parceling import (
    BUYER,
    CHANNEL,
    MEI,
    Place,
    Yard,
    becomes,
    connection,
    keep,
    order,
    plan,
    product,
    shipment_of,
    the,
    told,
    warehouse_of,
    work_off,
    yard,
)
from tests.selling import numbers
from workers.jobs import VERBS

__all__ = ["yard"]


@pytest.fixture(autouse=True)
def lantern(cast: Cast) -> Iterator[None]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield


@pytest.fixture
def plugin(yard: Yard) -> Place:
    return warehouse_of("LAMP", "CUP")


@pytest.fixture
def shop(yard: Yard) -> Place:
    return connection(CHANNEL, "Lapak", auto_merge=True)


def beside(cast: Cast, deed: Callable[[], None]) -> threading.Thread:
    """The same deed in a thread and a session of its own, begun."""

    def run() -> None:
        with cast.app.app_context(), acting_for(cast.lantern):
            deed()
            db.session.remove()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def moves_to(order_id: uuid.UUID, address: str) -> None:
    """What the intake keeps when a buyer corrects the address at the channel."""
    row, buyer = the(order_id), Buyer(consignee=replace(BUYER, address=address), account="ada")
    row.sealed = seal(buyer, order_id)
    row.recipient_key = keys(buyer, False, row.connection_id, secret_key()).recipient
    db.session.commit()


@pytest.mark.parametrize("which", [0, 1])
def test_a_merged_order_whose_address_changes_before_it_is_sent_travels_alone_to_its_own_address(
    plugin: Place, shop: Place, yard: Yard, which: int
) -> None:
    orders = [order("LAMP", channel=shop, placed_at=now() - timedelta(minutes=2)), order("CUP", channel=shop)]
    plan(plugin, *orders)
    assert shipment_of(orders[0]) == shipment_of(orders[1])
    moves_to(orders[which], "9 Other Road")
    planning.send_now(orders, MEI)
    work_off()
    where = {each["lines"][0]["sku"]: each["consignee"]["address"] for each in yard.calls("create")}
    changed, other = ("LAMP", "CUP") if which == 0 else ("CUP", "LAMP")
    assert where == {changed: "9 Other Road", other: BUYER.address}
    assert all(the(each).stage is OrderStage.ASSIGNED for each in orders)


def test_an_order_that_its_channel_takes_over_is_not_sent_as_well(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = order("LAMP", channel=shop)
    plan(plugin, mine)
    the(mine).by_channel = True
    becomes(mine, OrderStatus.TO_SHIP)
    found = shipment_of(mine, live=False)
    assert found is not None
    assert found.state is ShipmentState.CANCELLED
    work_off()
    assert yard.asked == []
    assert the(mine).stage is OrderStage.PENDING


def test_an_order_that_its_channel_takes_over_after_it_was_sent_is_told_of(
    plugin: Place, shop: Place, yard: Yard
) -> None:
    mine = order("LAMP", channel=shop)
    plan(plugin, mine)
    planning.send_now([mine], MEI)
    work_off()
    the(mine).by_channel = True
    becomes(mine, OrderStatus.TO_SHIP)
    cause = sa.select(Notice.cause).where(Notice.subject_id == mine, Notice.cleared_at.is_(None))
    assert db.session.scalars(cause).all() == [cancelling.STOP_ASKED]


def line_of(order_id: uuid.UUID) -> OrderLine:
    return db.session.scalars(sa.select(OrderLine).where(OrderLine.order_id == order_id)).one()


def test_a_bundle_that_comes_back_comes_back_as_its_parts(plugin: Place, yard: Yard) -> None:
    bundles.add_part(product("SET"), product("LAMP"), 3, MEI)
    mine = order("SET", quantity=2)
    becomes(mine, OrderStatus.SHIPPED)
    assert numbers(product("LAMP")) == (94, 0)
    order_hand.receive(the(mine), line_of(mine), "1", "", MEI)
    assert numbers(product("LAMP")) == (97, 0)
    assert numbers(product("SET"))[0] == 0


def test_what_never_left_cannot_come_back(plugin: Place, yard: Yard) -> None:
    never, left = order("LAMP", quantity=2), order("LAMP", quantity=2)
    becomes(never, OrderStatus.CANCELLED)
    becomes(left, OrderStatus.SHIPPED)
    becomes(left, OrderStatus.REFUNDED)
    with pytest.raises(Refusal, match="pieces_back"):
        order_hand.receive(the(never), line_of(never), "1", "", MEI)
    db.session.rollback()
    order_hand.receive(the(left), line_of(left), "2", "", MEI)
    assert numbers(product("LAMP")) == (100, 0)


def test_whoever_brings_stock_never_waits_for_who_takes_back_what_waits_for_it(
    cast: Cast, plugin: Place, yard: Yard
) -> None:
    keep("LAMP", 0)
    mine = order("LAMP")
    plan(plugin, mine)
    work_off(1)
    found, free, held = shipment_of(mine), threading.Event(), threading.Event()
    assert found is not None
    assert found.cause == "short"
    key = work_key("send_shipment", found.id)

    def takes_back() -> None:
        work.withdraw("send_shipment", key)
        held.set()
        free.wait(20)
        db.session.rollback()

    other = beside(cast, takes_back)
    try:
        assert held.wait(10)
        db.session.execute(sa.text("set lock_timeout = '2s'"))
        keep("LAMP", 5)
    finally:
        free.set()
        other.join()
        db.session.execute(sa.text("reset lock_timeout"))
    assert numbers(product("LAMP")) == (5, 1)


def test_a_cancellation_that_is_wanted_while_an_old_one_ends_is_asked_for(
    cast: Cast, plugin: Place, shop: Place, yard: Yard
) -> None:
    mine = order("LAMP", channel=shop)
    plan(plugin, mine)
    planning.send_now([mine], MEI)
    work_off()
    yard.stops = "asked"
    cancelling.take_back(mine, MEI)
    work_off(1)
    found = shipment_of(mine)
    assert found is not None
    yard.orders[found.reference]["status"] = "nostop"
    told(plugin, yard, found.reference)
    assert shipment_of(mine).state is ShipmentState.ACCEPTED  # type: ignore[union-attr]
    (claimed,) = _claims()
    # The verb has looked and found nothing to do; in that moment the merchant wants it back once more.
    assert shipment_of(mine).state is ShipmentState.ACCEPTED  # type: ignore[union-attr]
    done = threading.Event()

    def wants_it_back() -> None:
        held = cancelling.hold(found.id)
        assert held is not None
        cancelling._want_back(held, plugin.row, cancelling.BY_MERCHANT)
        db.session.flush()
        done.set()
        # The verb reads before this commit, and its row of work is held until then.
        threading.Event().wait(1.0)
        db.session.commit()

    other = beside(cast, wants_it_back)
    assert done.wait(10)
    work.perform(claimed, VERBS)
    other.join()
    still = sa.select(Work.id).where(Work.kind == "cancel_shipment", Work.status == WorkStatus.OPEN)
    assert db.session.scalars(still).all() != []


def _claims() -> list[work.Claim]:
    db.session.execute(sa.update(Work).where(Work.kind == "cancel_shipment").values(not_before=now()))
    db.session.commit()
    lane = db.session.scalars(sa.select(Work.lane).where(Work.kind == "cancel_shipment")).first()
    return [each for each in work.claim(str(lane), 5) if each.kind == "cancel_shipment"]


def test_a_page_of_parcels_and_somebody_who_counts_never_wait_for_each_other(
    cast: Cast, plugin: Place, yard: Yard
) -> None:
    (low, its), (high, other_sku) = sorted((product(each).id, each) for each in ("LAMP", "CUP"))
    first, second = order(other_sku), order(its)
    plan(plugin, first)
    plan(plugin, second)
    work_off()
    faults, held = list[Exception](), threading.Event()
    documents = [_left(shipment_of(each).reference) for each in (first, second)]  # type: ignore[union-attr]

    def counts() -> None:
        try:
            stock_ledger.hold([low])
            held.set()
            threading.Event().wait(1.0)  # Until the page waits.
            stock_ledger.hold([high])
            db.session.commit()
        except Exception as why:
            faults.append(why)

    other = beside(cast, counts)
    assert held.wait(10)
    warehouse.keep_outbound(plugin.row, documents, now())
    db.session.commit()
    other.join()
    assert faults == []
    assert {numbers(each) for each in (low, high)} == {(99, 0)}


def _left(reference: str) -> RemoteDocument:
    return RemoteDocument(f"B-{reference}", reference, "out", status_at=now(), left_at=now())


def test_a_plugin_that_has_shipped_orders_stays_in_the_books(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    plugin.row.state = ConnectionState.SAVED
    db.session.commit()
    with pytest.raises(Refusal, match="plugin_has_shipments"):
        connections.remove(plugin.row, MEI)


def test_new_credentials_do_not_silence_what_is_told_of_stock_and_orders(shop: Place, yard: Yard) -> None:
    push_brake.brake(shop.row, 30, 60)
    trouble.tell(shop.row, Busy(Cause.TIMEOUT))
    db.session.commit()
    trouble.forget(shop.row)
    db.session.commit()
    assert [each.cause for each in telling.open_notices()] == [push_brake.NOTICE]
