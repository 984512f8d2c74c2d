"""Sending: once, whatever becomes of the answer; followed by what the warehouse tells, in any order."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.records import OrderStatus, ShipmentStatus
from portal.flows import bundles, outbound, planning, shipments
from portal.flows.order_buyers import Buyer
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import (
    ConnectionState,
    OrderEvent,
    OrderStage,
    Parcel,
    Reservation,
    ReservationState,
    Shipment,
    ShipmentState,
    Work,
    WorkStatus,
)
from tests.cast import Cast
from tests.parceling import (
    BUYER,
    CHANNEL,
    MEI,
    Place,
    Yard,
    becomes,
    connection,
    events,
    keep,
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


def sent(order_id: uuid.UUID) -> Shipment:
    """The live shipment of an order."""
    found = shipment_of(order_id)
    assert found is not None
    return found


def test_an_order_reaches_the_warehouse_once_with_all_that_a_parcel_needs(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP", quantity=3)
    plan(plugin, mine)
    work_off()
    (asked,) = yard.calls("create")
    assert asked["consignee"]["name"] == "Ada Sample"
    assert [(line["sku"], line["quantity"]) for line in asked["lines"]] == [("LAMP", 3)]
    found = sent(mine)
    assert (found.state, found.remote_id) == (ShipmentState.ACCEPTED, "B00001")
    assert found.reference == asked["reference"]
    assert len(found.reference) <= 30
    assert found.reference.isalnum()
    assert the(mine).stage is OrderStage.ASSIGNED
    assert events(mine) == ["planned", "sent_to", "accepted"]
    assert yard.calls("find") == []


def test_a_lost_reply_is_asked_about_before_anything_is_repeated(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    yard.fail("create", "lost")
    once()
    assert sent(mine).state is ShipmentState.UNSURE
    assert "unsure" in events(mine)
    work_off()
    assert sent(mine).state is ShipmentState.ACCEPTED
    assert len(yard.calls("create")) == 1
    assert len(yard.orders) == 1


def test_a_call_that_never_arrived_is_repeated_under_the_same_reference(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    yard.fail("create", "down", "lost")
    work_off()
    assert [path for path, _ in yard.asked] == ["create", "find", "create", "find"]
    assert len({body["reference"] for body in yard.calls("create")}) == 1
    assert len(yard.orders) == 1
    assert sent(mine).state is ShipmentState.ACCEPTED


def test_what_the_warehouse_will_not_say_stays_unsure_and_a_person_is_asked(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    yard.fail("create", "lost")
    yard.fail("find", *["down"] * 10)
    work_off()
    assert sent(mine).state is ShipmentState.UNSURE
    (notice,) = notices("shipments_unsure")
    assert notice["numbers"] == [the(mine).number]
    yard.faults.clear()
    assert planning.send_now([mine], MEI) == {mine: ""}
    work_off()
    assert sent(mine).state is ShipmentState.ACCEPTED
    assert len(yard.orders) == 1
    assert notices("shipments_unsure") == []


def test_a_reference_that_is_taken_was_an_earlier_attempt_of_ours(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    found = sent(mine)
    yard.orders[found.reference] = {
        "bill": "B7", "reference": found.reference, "status": "new", "content": "other", "left_at": None
    }  # fmt: skip
    work_off()
    assert (sent(mine).state, sent(mine).remote_id) == (ShipmentState.ACCEPTED, "B7")


def test_what_a_warehouse_quotes_of_the_buyer_is_taken_out_before_it_is_kept(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    yard.says = "Example Road has no courier: ask ADA  sample at 08 0000-0001; Canada and 1 lamp are fine"
    yard.fail("create", "address_unclear")
    work_off()
    assert sent(mine).said == "••• has no courier: ask ••• at •••; Canada and 1 lamp are fine"
    values = db.session.scalars(sa.select(OrderEvent.values).where(OrderEvent.what == "send_refused"))
    assert [each["said"] for each in values] == [sent(mine).said], "nor does the timeline of the order"


def test_a_refusal_blocks_the_order_until_somebody_sends_it_again(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    yard.fail("create", "does_not_fit")
    work_off()
    found = sent(mine)
    assert (found.state, found.cause, found.said) == (
        ShipmentState.REFUSED, "does_not_fit", "the remote's own words"
    )  # fmt: skip
    assert (the(mine).stage, the(mine).stage_why) == (OrderStage.BLOCKED, "does_not_fit")
    (notice,) = notices("orders_blocked")
    assert (notice["count"], notice["causes"]) == (1, {"does_not_fit": 1})
    work_off()
    assert len(yard.calls("create")) == 1
    planning.send_now([mine], MEI)
    work_off()
    assert sent(mine).state is ShipmentState.ACCEPTED
    assert the(mine).stage is OrderStage.ASSIGNED
    assert notices("orders_blocked") == []


def test_an_order_waits_for_stock_and_is_told_of_once(plugin: Place, yard: Yard) -> None:
    keep("LAMP", 2)
    first, second = order("LAMP", quantity=2), order("LAMP")
    plan(plugin, first, second)
    work_off()
    assert sent(first).state is ShipmentState.ACCEPTED
    assert (sent(second).state, sent(second).cause) == (ShipmentState.PLANNED, "short")
    assert events(second).count("short") == 1
    assert notices("orders_short")[0]["count"] == 1
    keep("LAMP", 3)
    work_off()
    assert sent(second).state is ShipmentState.ACCEPTED
    assert notices("orders_short") == []


def test_new_stock_wakes_what_waits_for_it_and_nothing_else(plugin: Place, yard: Yard) -> None:
    keep("LAMP", 0)
    mine = order("LAMP")
    plan(plugin, mine)
    once()
    row = sa.select(Work.not_before).where(Work.kind == "send_shipment")
    assert db.session.scalars(row).one() > now() + timedelta(minutes=5)
    keep("CUP", 200)
    assert db.session.scalars(row).one() > now() + timedelta(minutes=5)
    keep("LAMP", 1)
    assert db.session.scalars(row).one() <= now()


def test_a_bundle_goes_as_its_parts_and_equal_codes_are_one_line(plugin: Place, yard: Yard) -> None:
    both = product("SET")
    bundles.add_part(both, product("LAMP"), 2, MEI)
    mine = order("SET", "LAMP", quantity=2)
    plan(plugin, mine)
    work_off()
    assert [(line["number"], line["sku"], line["quantity"]) for line in yard.calls("create")[0]["lines"]] == [
        ("1", "LAMP", 6)
    ]


def test_what_the_plugin_does_not_list_is_told_before_any_call(plugin: Place, yard: Yard) -> None:
    keep("VASE", 5)
    mine = order("VASE")
    plan(plugin, mine)
    work_off()
    assert (sent(mine).state, sent(mine).cause, sent(mine).detail) == (ShipmentState.REFUSED, "unknown_goods", "VASE")
    assert yard.asked == []


def test_a_hidden_phone_is_asked_for_and_goes_out_once_it_is_there(plugin: Place, yard: Yard) -> None:
    hidden = Buyer(consignee=replace(BUYER, phone="0800****01"), account="ada")
    mine = order("LAMP", buyer=hidden, masked=True)
    plan(plugin, mine)
    work_off()
    assert (sent(mine).state, sent(mine).cause) == (ShipmentState.REFUSED, "address_unclear")
    assert sent(mine).detail == "phone is hidden by the channel"
    assert yard.asked == []
    outbound.complete(the(mine), replace(BUYER, phone="0800000009"))
    db.session.commit()
    planning.send_now([mine], MEI)
    work_off()
    assert yard.calls("create")[0]["consignee"]["phone"] == "0800000009"
    assert b"0800000009" not in (the(mine).completed or b"")


def test_an_order_that_is_no_longer_to_be_shipped_is_not_sent(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    the(mine).status = OrderStatus.CANCELLED
    db.session.commit()
    work_off()
    assert yard.asked == []
    assert shipment_of(mine) is None
    assert the(mine).stage is OrderStage.DONE


def test_a_plugin_that_is_off_keeps_its_orders_waiting(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    plugin.row.state = ConnectionState.PAUSED
    db.session.commit()
    once()
    assert yard.asked == []
    assert sent(mine).state is ShipmentState.PLANNED
    plugin.row.state = ConnectionState.ACTIVE
    db.session.commit()
    work_off()
    assert sent(mine).state is ShipmentState.ACCEPTED


def test_lost_credentials_pause_the_plugin_and_lose_no_shipment(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    yard.fail("create", "who")
    once()
    assert plugin.row.state is ConnectionState.PAUSED
    assert sent(mine).state is ShipmentState.UNSURE
    assert db.session.scalar(sa.select(sa.func.count()).where(Work.kind == "send_shipment", Work.status == "open")) == 1
    plugin.row.state = ConnectionState.ACTIVE
    db.session.commit()
    work_off()
    assert sent(mine).state is ShipmentState.ACCEPTED
    assert len(yard.orders) == 1


# --- following --------------------------------------------------------------------------------------------------------


def on_its_way(plugin: Place, *skus: str, quantity: int = 1) -> uuid.UUID:
    mine = order(*skus, quantity=quantity)
    plan(plugin, mine)
    work_off()
    return mine


def test_a_dispatched_order_leaves_the_stock_with_carrier_and_tracking(plugin: Place, yard: Yard) -> None:
    mine = on_its_way(plugin, "LAMP", quantity=3)
    assert numbers(product("LAMP")) == (100, 3)
    yard.leave(sent(mine).reference)
    told(plugin, yard, sent(mine).reference)
    found = sent(mine)
    assert (found.state, found.status) == (ShipmentState.LEFT, ShipmentStatus.DISPATCHED)
    assert found.left_at is not None
    parcel = db.session.scalars(sa.select(Parcel)).one()
    assert (parcel.carrier, parcel.tracking) == ("SF", "TB00001")
    assert numbers(product("LAMP")) == (97, 0)
    assert "left" in events(mine)
    # A manual order has no channel that would say so.
    assert (the(mine).status, the(mine).tracking, the(mine).stage) == (
        OrderStatus.SHIPPED, "TB00001", OrderStage.DONE
    )  # fmt: skip


def test_the_same_news_twice_and_older_news_later_change_nothing(plugin: Place, yard: Yard) -> None:
    mine = on_its_way(plugin, "LAMP", quantity=3)
    reference = sent(mine).reference
    told(plugin, yard, reference, now() - timedelta(minutes=3))
    yard.leave(reference)
    told(plugin, yard, reference)
    before = events(mine)
    told(plugin, yard, reference)
    yard.orders[reference] |= {"status": "pick", "left_at": None}
    told(plugin, yard, reference, now() - timedelta(minutes=2))
    assert sent(mine).state is ShipmentState.LEFT
    assert numbers(product("LAMP")) == (97, 0)
    assert events(mine) == before


def test_a_parcel_that_leaves_alone_takes_its_own_pieces_only(plugin: Place, yard: Yard) -> None:
    mine = on_its_way(plugin, "LAMP", "CUP", quantity=2)
    reference = sent(mine).reference
    first = {"id": "P1", "tracking": "T1", "carrier": "SF", "pieces": [["LAMP", 2]]}
    yard.orders[reference] |= {"parcels": [first], "left_at": now().isoformat(), "status": "pack"}
    told(plugin, yard, reference)
    assert sent(mine).state is ShipmentState.LEFT
    assert sent(mine).left_at is None
    assert (numbers(product("LAMP")), numbers(product("CUP"))) == ((98, 0), (100, 2))
    assert notices("left_partly")[0]["pieces"] == {"LAMP": 2}
    second = {"id": "P2", "tracking": "T2", "carrier": "SF", "pieces": [["CUP", 2]]}
    yard.leave(reference, first, second)
    told(plugin, yard, reference)
    assert sent(mine).left_at is not None
    assert (numbers(product("LAMP")), numbers(product("CUP"))) == ((98, 0), (98, 0))
    assert notices("left_partly") == []
    assert the(mine).tracking == "T1, T2"


def test_a_warehouse_that_sends_less_says_so_and_the_rest_stays_promised(plugin: Place, yard: Yard) -> None:
    mine = on_its_way(plugin, "LAMP", quantity=3)
    reference = sent(mine).reference
    yard.leave(reference, {"id": "P1", "tracking": "T1", "carrier": "SF", "pieces": [["LAMP", 2]]})
    told(plugin, yard, reference)
    assert numbers(product("LAMP")) == (98, 1)
    assert (len(notices("left_partly")), notices("left_short")) == (1, [])
    yard.orders[reference]["status"] = "done"
    told(plugin, yard, reference)
    assert sent(mine).state is ShipmentState.DONE
    assert (notices("left_partly"), len(notices("left_short"))) == ([], 1)


def test_a_document_answers_what_a_lost_reply_left_open(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    yard.fail("create", "lost")
    once()
    told(plugin, yard, sent(mine).reference)
    assert sent(mine).state is ShipmentState.ACCEPTED
    work_off()
    assert len(yard.calls("create")) == 1


def test_an_exception_at_the_warehouse_is_told_and_forgotten_when_it_goes_on(plugin: Place, yard: Yard) -> None:
    mine = on_its_way(plugin, "LAMP")
    reference = sent(mine).reference
    yard.orders[reference]["status"] = "halt"
    told(plugin, yard, reference)
    assert notices("plugin_on_hold")[0]["numbers"] == [the(mine).number]
    assert numbers(product("LAMP")) == (100, 1)
    yard.orders[reference]["status"] = "pick"
    told(plugin, yard, reference)
    assert notices("plugin_on_hold") == []


def test_what_the_warehouse_cancelled_of_itself_is_held_and_not_silently_sent_again(plugin: Place, yard: Yard) -> None:
    mine = on_its_way(plugin, "LAMP")
    yard.orders[sent(mine).reference]["status"] = "void"
    told(plugin, yard, sent(mine).reference)
    assert shipment_of(mine) is None
    assert (the(mine).stage, the(mine).stage_why) == (OrderStage.HELD, "plugin_cancelled")
    assert len(notices("plugin_cancelled")) == 1
    work_off()
    assert len(yard.orders) == 1


def test_accepted_pieces_are_firm_and_those_of_a_refused_one_are_not(plugin: Place, yard: Yard) -> None:
    def firm(order_id: uuid.UUID) -> bool:
        return bool(db.session.scalar(sa.select(Reservation.firm).where(Reservation.order_id == order_id)))

    good, bad = order("LAMP"), order("LAMP")
    plan(plugin, good)
    work_off()
    yard.fail("create", "does_not_fit")
    plan(plugin, bad)
    work_off()
    assert (firm(good), firm(bad)) == (True, False)


def test_a_worker_that_dies_in_the_call_leaves_nothing_twice(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)

    def die() -> None:
        raise RuntimeError("the worker's machine is gone")

    from portal.flows import shipping

    real = shipping._answered
    try:
        shipping._answered = lambda *_: die()  # type: ignore[assignment]
        once()
    finally:
        shipping._answered = real
    assert sent(mine).state is ShipmentState.UNSURE
    work_off()
    assert len(yard.calls("create")) == 1
    assert sent(mine).state is ShipmentState.ACCEPTED


def test_the_reservation_of_a_shipped_line_is_closed_by_its_parcel(plugin: Place, yard: Yard) -> None:
    mine = on_its_way(plugin, "LAMP")
    yard.leave(sent(mine).reference)
    told(plugin, yard, sent(mine).reference)
    row = db.session.scalars(sa.select(Reservation)).one()
    assert (row.state, row.by_parcel) == (ReservationState.SHIPPED, True)


def test_a_channel_that_says_shipped_afterwards_moves_no_stock_again(plugin: Place, yard: Yard) -> None:
    shop = connection(CHANNEL, "Lapak")
    mine = order("LAMP", channel=shop)
    plan(plugin, mine)
    work_off()
    yard.leave(sent(mine).reference)
    told(plugin, yard, sent(mine).reference)
    becomes(mine, OrderStatus.SHIPPED)
    assert numbers(product("LAMP")) == (99, 0)
    assert the(mine).stage is OrderStage.DONE
    assert sent(mine).state is ShipmentState.LEFT


def test_no_dead_work_is_left_behind(plugin: Place, yard: Yard) -> None:
    mine = on_its_way(plugin, "LAMP")
    assert not shipments.is_failing("send_shipment", sent(mine).id)
    dead = db.session.scalar(sa.select(sa.func.count()).where(Work.status == WorkStatus.DEAD))
    assert dead == 0
