"""Merging: shipments are merged, orders never; under every condition, and undone in one click."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from portal.flows import planning, routing
from portal.flows.order_buyers import Buyer
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.errors import Refusal
from portal.models import OrderStage, ShipmentState
from tests.cast import Cast
from tests.parceling import (
    BUYER,
    CHANNEL,
    MEI,
    Place,
    Yard,
    connection,
    events,
    once,
    order,
    plan,
    shipment_of,
    the,
    told,
    warehouse_of,
    work_off,
    yard,
)

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


def of(order_id: uuid.UUID) -> uuid.UUID:
    found = shipment_of(order_id)
    assert found is not None
    return found.id


def together(*orders: uuid.UUID) -> bool:
    return len({of(each) for each in orders}) == 1


def test_orders_of_one_recipient_within_the_window_travel_together(plugin: Place, shop: Place, yard: Yard) -> None:
    first = order("LAMP", channel=shop, placed_at=now() - timedelta(minutes=9))
    second = order("CUP", "LAMP", channel=shop)
    plan(plugin, first)
    plan(plugin, second)
    assert together(first, second)
    found = shipment_of(first)
    assert found is not None
    assert abs(found.send_after - the(first).placed_at - timedelta(minutes=30)) < timedelta(seconds=1)
    once()
    assert yard.asked == []
    planning.send_now([second], MEI)
    work_off()
    (asked,) = yard.calls("create")
    assert [(each["sku"], each["quantity"]) for each in asked["lines"]] == [("CUP", 1), ("LAMP", 2)]
    assert the(first).stage is the(second).stage is OrderStage.ASSIGNED


APART: dict[str, dict[str, Any]] = {
    "another recipient": {"buyer": Buyer(consignee=replace(BUYER, name="Bea Sample"), account="ada")},
    "another address": {"buyer": Buyer(consignee=replace(BUYER, address="2 Example Road"), account="ada")},
    "another note": {"buyer": Buyer(consignee=BUYER, account="ada", buyer_note="ring twice")},
    "paid on delivery": {"paid_on_delivery": True},
    "a gift": {"gift": True},
    "another service": {"shipping_service": "express"},
    "another currency": {"currency": "IDR"},
    "shipped by the channel": {"by_channel": True},
    "no known recipient": {"recipient_key": None},
    "outside the window": {"placed_at": now() - timedelta(minutes=31)},
    "almost due": {"ship_by": now() + timedelta(minutes=30)},
}


@pytest.mark.parametrize("why", APART)
def test_what_may_not_travel_together_does_not(plugin: Place, shop: Place, yard: Yard, why: str) -> None:
    first, other = order("LAMP", channel=shop), order("LAMP", channel=shop, **APART[why])
    plan(plugin, first, other)
    assert not together(first, other)


def test_neither_other_channels_plugins_nor_orders_by_hand_are_merged(plugin: Place, shop: Place, yard: Yard) -> None:
    elsewhere = connection(CHANNEL, "Lapak two", auto_merge=True)
    second = warehouse_of("LAMP", name="Kurir Two")
    here, there, by_hand, by_hand_too, other = (
        order("LAMP", channel=shop),
        order("LAMP", channel=elsewhere),
        order("LAMP"),
        order("LAMP"),
        order("LAMP", channel=shop),
    )
    plan(plugin, here, there, by_hand, by_hand_too)
    plan(second, other)
    assert len({of(each) for each in (here, there, by_hand, by_hand_too, other)}) == 5


def test_nothing_is_merged_where_the_channel_does_not_want_it(plugin: Place, yard: Yard) -> None:
    plain = connection(CHANNEL, "Lapak", auto_merge=False)
    neither = connection(CHANNEL, "Lapak two", auto_merge=True, merge_customer=False, merge_address=False)
    for shop in (plain, neither):
        first, second = order("LAMP", channel=shop), order("LAMP", channel=shop)
        plan(plugin, first, second)
        assert not together(first, second)


def test_with_the_switch_for_addresses_off_only_one_customer_is_merged(plugin: Place, yard: Yard) -> None:
    shop = connection(CHANNEL, "Lapak", auto_merge=True, merge_address=False)
    ada, ada_too = order("LAMP", channel=shop), order("LAMP", channel=shop)
    bea = order("LAMP", channel=shop, buyer=Buyer(consignee=BUYER, account="bea"))
    plan(plugin, ada, bea, ada_too)
    assert together(ada, ada_too)
    assert not together(ada, bea)
    by_address = connection(CHANNEL, "Lapak two", auto_merge=True)
    ada = order("LAMP", channel=by_address)
    bea = order("LAMP", channel=by_address, buyer=Buyer(consignee=BUYER, account="bea"))
    plan(plugin, ada, bea)
    assert together(ada, bea)


def test_at_most_fifteen_travel_together(plugin: Place, shop: Place, yard: Yard) -> None:
    many = [order("LAMP", channel=shop) for _ in range(17)]
    plan(plugin, *many)
    sizes = sorted([of(each) for each in many].count(one) for one in {of(each) for each in many})
    assert sizes == [2, 15]


def test_nobody_waits_longer_than_an_hour_before_the_deadline(plugin: Place, shop: Place, yard: Yard) -> None:
    due = now() + timedelta(minutes=70)
    mine = order("LAMP", channel=shop, ship_by=due)
    plan(plugin, mine)
    found = shipment_of(mine)
    assert found is not None
    assert abs(found.send_after - (due - timedelta(hours=1))) < timedelta(seconds=1)


def test_unmerged_orders_travel_alone_and_do_not_merge_again_by_themselves(
    plugin: Place, shop: Place, yard: Yard
) -> None:
    first, second, third = (order("LAMP", channel=shop) for _ in range(3))
    plan(plugin, first, second, third)
    planning.unmerge(of(first), MEI, third)
    assert together(first, second)
    assert not together(first, third)
    planning.unmerge(of(first), MEI)
    assert len({of(first), of(second), of(third)}) == 3
    routing.hold([the(third)], "a moment", MEI)
    routing.let_go([the(third)], MEI)
    plan(plugin, third, order("LAMP", channel=shop))
    assert len({of(first), of(second), of(third)}) == 3
    work_off()
    assert len(yard.orders) == 3
    with pytest.raises(Refusal, match="not_merged"):
        planning.unmerge(of(first), MEI)


def test_what_the_warehouse_may_have_is_not_taken_apart(plugin: Place, shop: Place, yard: Yard) -> None:
    first, second = order("LAMP", channel=shop), order("LAMP", channel=shop)
    plan(plugin, first, second)
    planning.send_now([first], MEI)
    yard.fail("create", "lost")
    once()
    with pytest.raises(Refusal, match="already_sent"):
        planning.unmerge(of(first), MEI)
    work_off()
    with pytest.raises(Refusal, match="already_sent"):
        planning.unmerge(of(first), MEI)


def test_merging_and_unmerging_again_and_again_leaves_one_live_shipment_each(
    plugin: Place, shop: Place, yard: Yard
) -> None:
    first = order("LAMP", channel=shop, placed_at=now() - timedelta(hours=5))
    second = order("LAMP", channel=shop)
    plan(plugin, first, second)
    for _ in range(3):
        assert not together(first, second)
        planning.merge([first, second], MEI)
        assert together(first, second)
        planning.unmerge(of(first), MEI)
    work_off()
    assert len(yard.orders) == 2


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("another recipient", "merge_other_address"),
        ("another note", "merge_other_notes"),
        ("paid on delivery", "merge_other_payment"),
        ("a gift", "merge_never"),
        ("another service", "merge_other_service"),
        ("another currency", "merge_other_currency"),
        ("no known recipient", "merge_no_recipient"),
    ],
)
def test_a_person_is_told_why_orders_cannot_be_merged(
    plugin: Place, shop: Place, yard: Yard, why: str, reason: str
) -> None:
    first, other = order("LAMP", channel=shop), order("LAMP", channel=shop, **APART[why])
    plan(plugin, first, other)
    with pytest.raises(Refusal, match=reason):
        planning.merge([first, other], MEI)


def test_what_was_sent_is_not_merged_by_hand(plugin: Place, shop: Place, yard: Yard) -> None:
    first = order("LAMP", channel=shop, placed_at=now() - timedelta(hours=5))
    plan(plugin, first)
    work_off()
    second = order("LAMP", channel=shop)
    plan(plugin, second)
    with pytest.raises(Refusal, match="merge_too_late"):
        planning.merge([first, second], MEI)


def test_each_order_of_a_parcel_is_confirmed_with_the_same_number(plugin: Place, shop: Place, yard: Yard) -> None:
    first, second = order("LAMP", channel=shop), order("CUP", channel=shop)
    plan(plugin, first, second)
    planning.send_now([first], MEI)
    work_off()
    found = shipment_of(first)
    assert found is not None
    yard.leave(found.reference)
    told(plugin, yard, found.reference)
    work_off()
    assert {each["tracking"][0] for each in yard.confirmed.values()} == {"TB00001"}
    assert set(yard.confirmed) == {the(first).remote_id, the(second).remote_id}
    assert "confirmed" in events(first)
    assert "confirmed" in events(second)


def test_an_order_that_is_held_leaves_its_parcel_and_the_other_stays(plugin: Place, shop: Place, yard: Yard) -> None:
    first, second = order("LAMP", channel=shop), order("CUP", channel=shop)
    plan(plugin, first, second)
    routing.hold([the(first)], "ask the buyer", MEI)
    assert shipment_of(first) is None
    assert the(first).stage is OrderStage.HELD
    planning.send_now([second], MEI)
    work_off()
    (asked,) = yard.calls("create")
    assert [each["sku"] for each in asked["lines"]] == ["CUP"]
    assert shipment_of(second).state is ShipmentState.ACCEPTED  # type: ignore[union-attr]
    db.session.rollback()
