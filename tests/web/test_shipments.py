"""The shipment on the page of an order: what it says, and the buttons that act on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.records import OrderStatus
from portal.flows.order_buyers import Buyer
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import ConfirmationState, OrderStage, Shipment, ShipmentState
from tests.cast import Cast
from tests.parceling import (
    BUYER,
    CHANNEL,
    Place,
    Yard,
    becomes,
    connection,
    order,
    plan,
    shipment_of,
    the,
    told,
    warehouse_of,
    work_off,
    yard,
)
from tests.web.sandboxed import text_of
from tests.web.shelf import Browser, lantern

__all__ = ["yard"]


@pytest.fixture
def mei(cast: Cast) -> Browser:
    return Browser(cast, cast.mei)


@pytest.fixture
def plugin(cast: Cast, yard: Yard) -> Place:
    with lantern(cast):
        return warehouse_of("LAMP", "CUP")


@pytest.fixture
def shop(cast: Cast, yard: Yard) -> Place:
    with lantern(cast):
        return connection(CHANNEL, "Lapak", auto_merge=True)


@pytest.fixture
def here(cast: Cast) -> Iterator[None]:
    with lantern(cast):
        yield


def page(browser: Browser, order_id: uuid.UUID) -> str:
    answer = browser.get(f"/orders/{order_id}")
    assert answer.status_code == 200
    return text_of(answer)


def pressed(browser: Browser, order_id: uuid.UUID, deed: str, **data: str) -> int:
    return browser.post(f"/orders/{order_id}/shipment/{deed}", data).status_code


def test_an_order_that_waits_to_merge_says_until_when_and_is_sent_at_a_press(
    cast: Cast, mei: Browser, plugin: Place, shop: Place, yard: Yard
) -> None:
    with lantern(cast):
        mine = order("LAMP", channel=shop)
        plan(plugin, mine)
    said = page(mei, mine)
    assert "Waiting to merge until" in said
    assert "Kurir Jakarta" in said
    assert pressed(mei, mine, "send") == 303
    with lantern(cast):
        work_off()
    assert "At the warehouse" in page(mei, mine)
    assert pressed(mei, mine, "send") == 422
    shown = mei.json(f"/orders/{mine}")["shipment"]
    assert (shown["state"], shown["remote_id"]) == ("accepted", "B00001")


def test_merged_orders_show_each_other_and_travel_apart_at_a_press(
    cast: Cast, mei: Browser, plugin: Place, shop: Place, yard: Yard
) -> None:
    with lantern(cast):
        first, second = order("LAMP", channel=shop), order("CUP", channel=shop)
        plan(plugin, first, second)
        number = the(second).number
    assert f"Travels in one parcel with: {number}" in page(mei, first)
    assert pressed(mei, first, "unmerge") == 303
    assert "Travels in one parcel with:" not in page(mei, first)
    assert "It does not merge by itself again." in page(mei, first)
    assert pressed(mei, first, "unmerge") == 422


def test_a_refused_order_says_why_and_an_address_can_be_completed(
    cast: Cast, mei: Browser, plugin: Place, yard: Yard
) -> None:
    with lantern(cast):
        mine = order("LAMP", buyer=Buyer(consignee=replace(BUYER, phone="08****01")), masked=True)
        plan(plugin, mine)
        work_off()
    said = page(mei, mine)
    assert "The address lacks something that Kurir needs." in said
    assert "did not take it. See why below, then try again." in said
    assert "phone is hidden by the channel" in said
    assert "08****01" not in said
    assert pressed(mei, mine, "address") == 422
    assert pressed(mei, mine, "address", country="Indonesia") == 422
    assert pressed(mei, mine, "address", phone="0800000009") == 303
    with lantern(cast):
        work_off()
    assert yard.calls("create")[0]["consignee"]["phone"] == "0800000009"
    said = page(mei, mine)
    assert "The address was completed." in said
    assert "0800000009" not in said


def test_parcels_show_carrier_and_number_and_the_channel_is_told_by_the_chosen_carrier(
    cast: Cast, mei: Browser, plugin: Place, shop: Place, yard: Yard
) -> None:
    yard.carriers = {"467": "SF Express", "463": "YTO"}
    with lantern(cast):
        mine = order("LAMP", channel=shop)
        plan(plugin, mine)
        db.session.execute(sa.update(Shipment).values(send_after=now()))
        db.session.commit()
        work_off()
        reference = shipment_of(mine).reference  # type: ignore[union-attr]
        yard.leave(reference)
        told(plugin, yard, reference)
        work_off()
    said = page(mei, mine)
    assert "TB00001" in said
    assert "Which carrier is it?" in said
    assert "Say which carrier it is, so that" in said, "the head of the page says what is left to do"
    assert "SF Express" in said
    assert pressed(mei, mine, "carrier", name="SF", carrier="999") == 422
    assert pressed(mei, mine, "carrier", name="SF", carrier="467") == 303
    with lantern(cast):
        work_off()
        number = the(mine).remote_id
    assert yard.confirmed[number] == {"order": number, "carrier": "467", "tracking": ["TB00001"]}
    assert "Lapak was told on" in page(mei, mine)
    shown = mei.json(f"/orders/{mine}")["shipment"]
    assert shown["confirmation"]["state"] == ConfirmationState.DONE
    assert shown["parcels"][0]["tracking"] == "TB00001"


def test_the_list_of_carriers_is_read_at_a_press_and_what_is_chosen_is_kept(
    cast: Cast, mei: Browser, plugin: Place, shop: Place, yard: Yard
) -> None:
    address = f"/connections/{shop.id}/carriers"
    assert "The list has not been read yet." in text_of(mei.get(address))
    assert mei.post(f"{address}/read").status_code == 303
    with lantern(cast):
        mine = order("LAMP")
        plan(plugin, mine)
        work_off()
        reference = shipment_of(mine).reference  # type: ignore[union-attr]
        yard.leave(reference, {"id": "P", "tracking": "T", "carrier": "Shunfeng", "pieces": [["LAMP", 1]]})
        told(plugin, yard, reference)
    assert "Shunfeng" in text_of(mei.get(address))
    assert mei.post(address, {"name": "Shunfeng", "carrier": "1"}).status_code == 422
    assert mei.post(address, {"name": "Shunfeng", "carrier": "467"}).status_code == 303
    assert mei.json(address)["items"] == [{"name": "Shunfeng", "carrier": "467"}]
    assert mei.post(address, {"name": "Shunfeng", "carrier": ""}).status_code == 303
    assert mei.json(address)["items"] == [{"name": "Shunfeng", "carrier": ""}]


def test_only_channels_with_a_list_have_the_page_of_carriers(mei: Browser, plugin: Place) -> None:
    assert mei.get(f"/connections/{plugin.id}/carriers").status_code == 404


def test_taking_back_holds_the_order_and_says_so(cast: Cast, mei: Browser, plugin: Place, yard: Yard) -> None:
    with lantern(cast):
        mine = order("LAMP")
        plan(plugin, mine)
        work_off()
    assert "Take back from Kurir Jakarta" in page(mei, mine)
    assert pressed(mei, mine, "take-back") == 303
    assert "Being cancelled" in page(mei, mine)
    with lantern(cast):
        work_off()
        assert the(mine).stage is OrderStage.HELD
    assert "Kurir Jakarta will not send it." in page(mei, mine)


def test_too_late_is_said_in_the_zone_of_the_store(
    cast: Cast, mei: Browser, plugin: Place, shop: Place, yard: Yard
) -> None:
    with lantern(cast):
        mine = order("LAMP", channel=shop)
        plan(plugin, mine)
        db.session.execute(sa.update(Shipment).values(send_after=now()))
        db.session.commit()
        work_off()
        reference = shipment_of(mine).reference  # type: ignore[union-attr]
        yard.leave(reference)
        yard.orders[reference]["left_at"] = "2026-11-24T06:02:00+00:00"
        becomes(mine, OrderStatus.CANCELLED)
        work_off()
    # 06:02 UTC is 14:02 in Shanghai.
    said = page(mei, mine)
    assert "14:02" in said
    assert f"Too late: order {mine.hex[-6:]} left Kurir Jakarta at" in said
    assert "Open the order" in text_of(mei.get("/"))
    assert pressed(mei, mine, "seen") == 303
    assert "Too late: order" not in page(mei, mine)
    assert "Too late to stop it" in page(mei, mine)


def test_a_refused_confirmation_is_tried_again(
    cast: Cast, mei: Browser, plugin: Place, shop: Place, yard: Yard
) -> None:
    yard.fail("confirm", "refused")
    with lantern(cast):
        mine = order("LAMP", channel=shop)
        plan(plugin, mine)
        db.session.execute(sa.update(Shipment).values(send_after=now()))
        db.session.commit()
        work_off()
        reference = shipment_of(mine).reference  # type: ignore[union-attr]
        yard.leave(reference)
        told(plugin, yard, reference)
        work_off()
    said = page(mei, mine)
    assert "Lapak did not take the confirmation." in said
    assert "the remote's own words" in said
    assert pressed(mei, mine, "confirm") == 303
    with lantern(cast):
        work_off()
    assert "Lapak was told on" in page(mei, mine)
    assert pressed(mei, mine, "confirm") == 422


def test_several_orders_are_sent_and_the_rest_is_named(
    cast: Cast, mei: Browser, plugin: Place, shop: Place, yard: Yard
) -> None:
    with lantern(cast):
        planned, loose = order("LAMP", channel=shop), order("CUP", channel=shop)
        plan(plugin, planned)
    answer = mei.post("/orders/bulk", {"order": [str(planned), str(loose)], "send": "1"})
    assert answer.status_code == 303
    said = text_of(mei.get("/orders"))
    assert "1 order is being sent." in said
    assert "1 was not sent: This order has no plugin yet. Route it first." in said
    with lantern(cast):
        work_off()
        assert shipment_of(planned).state is ShipmentState.ACCEPTED  # type: ignore[union-attr]


def test_orders_are_merged_by_hand_or_refused_with_the_reason(
    cast: Cast, mei: Browser, plugin: Place, shop: Place, yard: Yard
) -> None:
    with lantern(cast):
        first = order("LAMP", channel=shop, placed_at=now() - timedelta(hours=3))
        second, other = order("CUP", channel=shop), order("CUP", channel=shop, gift=True)
        plan(plugin, first)
        plan(plugin, second, other)
    assert mei.post("/orders/bulk", {"order": [str(first), str(other)], "merge": "1"}).status_code == 303
    assert "are never merged" in text_of(mei.get("/orders"))
    assert mei.post("/orders/bulk", {"order": [str(first), str(second)], "merge": "1"}).status_code == 303
    assert "2 orders travel in one parcel now." in text_of(mei.get("/orders"))
    assert mei.post("/orders/bulk", {"order": [str(first)], "nonsense": "1"}).status_code == 404
    assert mei.post("/orders/bulk", {"send": "1"}).status_code == 303


def test_a_viewer_sees_the_shipment_and_no_button(cast: Cast, plugin: Place, yard: Yard) -> None:
    with lantern(cast):
        mine = order("LAMP")
        plan(plugin, mine)
    vera = Browser(cast, cast.vera)
    answer = vera.get(f"/orders/{mine}")
    assert "Kurir Jakarta" in text_of(answer)
    assert "/shipment/send" not in answer.text
    assert pressed(vera, mine, "send") == 403
