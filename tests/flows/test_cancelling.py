"""Cancelling: as early as it can be, told only when it is so, and honest where it was too late."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.records import OrderStatus
from portal.flows import cancelling
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.errors import Refusal
from portal.models import OrderEvent, OrderStage, Shipment, ShipmentState
from tests.cast import Cast
from tests.parceling import (
    CHANNEL,
    MEI,
    Place,
    Yard,
    becomes,
    connection,
    events,
    notices,
    once,
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


def last(order_id: uuid.UUID) -> Shipment:
    """The last shipment of an order, live or not."""
    found = shipment_of(order_id, live=False)
    assert found is not None
    return found


def beside(cast: Cast, deed: Callable[[], None]) -> Callable[[], None]:
    """The same deed in a thread and a session of its own, waited for."""

    def run() -> None:
        with cast.app.app_context(), acting_for(cast.lantern):
            deed()
            db.session.remove()

    def both() -> None:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    return both


def accepted(plugin: Place, *skus: str, shop: Place | None = None) -> uuid.UUID:
    mine = order(*skus, channel=shop)
    plan(plugin, mine)
    if shop is not None:
        db.session.execute(sa.update(Shipment).values(send_after=now()))
        db.session.commit()
    work_off()
    assert last(mine).state is ShipmentState.ACCEPTED
    return mine


def test_a_planned_order_that_its_channel_cancels_never_reaches_the_warehouse(
    plugin: Place, shop: Place, yard: Yard
) -> None:
    mine = order("LAMP", channel=shop)
    plan(plugin, mine)
    becomes(mine, OrderStatus.CANCELLED)
    work_off()
    assert yard.asked == []
    assert (last(mine).state, the(mine).stage) == (ShipmentState.CANCELLED, OrderStage.DONE)
    assert numbers(product("LAMP")) == (100, 0)


def test_an_accepted_order_is_called_back_and_cancelled_only_when_the_warehouse_says_so(
    plugin: Place, shop: Place, yard: Yard
) -> None:
    mine = accepted(plugin, "LAMP", shop=shop)
    becomes(mine, OrderStatus.CANCELLED)
    assert last(mine).state is ShipmentState.CANCELLING
    assert shipment_of(mine) is not None
    work_off()
    assert yard.orders[last(mine).reference]["status"] == "void"
    assert (last(mine).state, the(mine).stage) == (ShipmentState.CANCELLED, OrderStage.DONE)
    assert shipment_of(mine) is None
    assert "cancelled_at_plugin" in events(mine)


def test_a_cancellation_that_is_being_looked_at_waits_for_the_document(plugin: Place, shop: Place, yard: Yard) -> None:
    yard.stops = "asked"
    mine = accepted(plugin, "LAMP", shop=shop)
    becomes(mine, OrderStatus.CANCELLED)
    once()
    assert last(mine).state is ShipmentState.CANCELLING
    yard.orders[last(mine).reference]["status"] = "void"
    told(plugin, yard, last(mine).reference)
    assert (last(mine).state, the(mine).stage) == (ShipmentState.CANCELLED, OrderStage.DONE)


def test_a_cancellation_that_failed_says_so_and_the_order_goes_on(plugin: Place, shop: Place, yard: Yard) -> None:
    yard.stops = "asked"
    mine = accepted(plugin, "LAMP", shop=shop)
    becomes(mine, OrderStatus.CANCELLED)
    once()
    reference = last(mine).reference
    told(plugin, yard, reference)
    yard.orders[reference]["status"] = "nostop"
    told(plugin, yard, reference, now() + timedelta(seconds=1))
    assert last(mine).state is ShipmentState.ACCEPTED
    assert "cancel_failed" in events(mine)
    yard.leave(reference)
    told(plugin, yard, reference, now() + timedelta(seconds=2))
    assert last(mine).state is ShipmentState.LEFT
    assert notices("too_late")[0]["left_at"]


def test_too_late_is_told_with_the_moment_and_the_channel_hears_of_no_dispatch(
    plugin: Place, shop: Place, yard: Yard
) -> None:
    mine = accepted(plugin, "LAMP", shop=shop)
    yard.leave(last(mine).reference)
    becomes(mine, OrderStatus.CANCELLED)
    work_off()
    (notice,) = notices("too_late")
    assert (notice["left_at"], notice["zone"]) == (
        yard.orders[last(mine).reference]["left_at"].replace("Z", "+00:00"),
        "Asia/Shanghai",
    )
    told(plugin, yard, last(mine).reference)
    work_off()
    assert last(mine).state is ShipmentState.LEFT
    assert shipment_of(mine) is not None
    assert events(mine).count("too_late") == 1
    assert yard.confirmed == {}
    assert numbers(product("LAMP")) == (99, 0)


def test_a_channel_that_cancels_after_it_left_is_told_of_as_well(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = accepted(plugin, "LAMP", shop=shop)
    yard.leave(last(mine).reference)
    told(plugin, yard, last(mine).reference)
    becomes(mine, OrderStatus.CANCELLED)
    assert events(mine).count("too_late") == 1
    assert yard.calls("cancel") == []


def test_a_cancellation_in_the_middle_of_the_call_calls_back_what_just_arrived(
    cast: Cast, plugin: Place, shop: Place, yard: Yard
) -> None:
    mine = order("LAMP", channel=shop)
    plan(plugin, mine)
    db.session.execute(sa.update(Shipment).values(send_after=now()))
    db.session.commit()
    yard.during["create"] = beside(cast, lambda: becomes(mine, OrderStatus.CANCELLED))
    work_off()
    assert (last(mine).state, the(mine).stage) == (ShipmentState.CANCELLED, OrderStage.DONE)
    assert yard.orders[last(mine).reference]["status"] == "void"


def test_a_cancellation_while_nobody_knows_waits_until_the_call_must_be_over(
    cast: Cast, plugin: Place, shop: Place, yard: Yard
) -> None:
    mine = order("LAMP", channel=shop)
    plan(plugin, mine)
    db.session.execute(sa.update(Shipment).values(send_after=now()))
    db.session.commit()
    yard.fail("create", "down")
    once()
    becomes(mine, OrderStatus.CANCELLED)
    once()
    assert last(mine).state is ShipmentState.UNSURE
    db.session.execute(sa.update(Shipment).values(sent_at=now() - timedelta(minutes=2)))
    db.session.commit()
    once()
    assert (last(mine).state, the(mine).stage) == (ShipmentState.CANCELLED, OrderStage.DONE)
    assert len(yard.calls("create")) == 1
    assert yard.orders == {}


def test_the_others_of_a_merged_parcel_are_planned_anew(plugin: Place, shop: Place, yard: Yard) -> None:
    first, second = order("LAMP", channel=shop), order("CUP", channel=shop)
    plan(plugin, first, second)
    assert last(first).id == last(second).id
    db.session.execute(sa.update(Shipment).values(send_after=now()))
    db.session.commit()
    work_off()
    plugin.row.is_default = True
    db.session.commit()
    together = last(second).reference
    becomes(first, OrderStatus.CANCELLED)
    work_off()
    assert (the(first).stage, the(second).stage) == (OrderStage.DONE, OrderStage.ASSIGNED)
    assert last(second).reference != together
    assert {each["status"] for each in yard.orders.values()} == {"void"}
    assert numbers(product("LAMP")) == (100, 0)
    assert numbers(product("CUP")) == (100, 1)


def test_what_is_taken_back_is_held(plugin: Place, yard: Yard) -> None:
    planned = order("LAMP")
    plan(plugin, planned)
    cancelling.take_back(planned, MEI)
    assert (the(planned).stage, the(planned).stage_why) == (OrderStage.HELD, "taken_back")
    mine = accepted(plugin, "CUP")
    cancelling.take_back(mine, MEI)
    work_off()
    assert (the(mine).stage, last(mine).state) == (OrderStage.HELD, ShipmentState.CANCELLED)
    assert len(yard.orders) == 1
    yard.calls("create")
    with pytest.raises(Refusal, match="nothing_to_take_back"):
        cancelling.take_back(mine, MEI)


def test_an_order_on_hold_at_its_channel_is_only_told_of(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = accepted(plugin, "LAMP", shop=shop)
    becomes(mine, OrderStatus.ON_HOLD)
    work_off()
    assert yard.calls("cancel") == []
    assert notices("stop_shipment")[0]["status"] == "on_hold"
    cancelling.take_back(mine, MEI)
    work_off()
    assert yard.orders[last(mine).reference]["status"] == "void"
    assert notices("stop_shipment") == []


def test_a_lost_reply_to_a_cancellation_is_asked_again(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = accepted(plugin, "LAMP", shop=shop)
    yard.fail("cancel", "lost", "down")
    becomes(mine, OrderStatus.CANCELLED)
    work_off()
    assert last(mine).state is ShipmentState.CANCELLED
    assert len(yard.calls("cancel")) == 3


def test_what_counts_as_cancelled_and_is_seen_alive_is_called_back(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = accepted(plugin, "LAMP", shop=shop)
    becomes(mine, OrderStatus.CANCELLED)
    work_off()
    reference = last(mine).reference
    yard.orders[reference]["status"] = "pick"
    told(plugin, yard, reference)
    assert len(notices("cancelled_but_there")) == 1
    work_off()
    assert yard.orders[reference]["status"] == "void"
    assert notices("cancelled_but_there") == []


def test_what_left_although_it_counts_as_cancelled_is_told(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = accepted(plugin, "LAMP", shop=shop)
    becomes(mine, OrderStatus.CANCELLED)
    work_off()
    yard.leave(last(mine).reference)
    told(plugin, yard, last(mine).reference)
    assert events(mine).count("too_late") == 1
    assert len(notices("too_late")) == 1
    values = db.session.scalars(sa.select(OrderEvent.values).where(OrderEvent.what == "too_late")).one()
    assert values["left_at"]
