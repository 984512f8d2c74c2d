"""Confirming at the channel: once, by a carrier of its own list, and never for what it has ended."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from portal.contract.records import OrderStatus
from portal.flows import carriers, confirming
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.errors import Refusal
from portal.models import Confirmation, ConfirmationState, ConnectionState, OrderStage, Shipment
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
    return connection(CHANNEL, "Lapak")


def left(plugin: Place, shop: Place, yard: Yard, carrier: str = "SF") -> uuid.UUID:
    """An order of the channel that has just left the warehouse."""
    mine = order("LAMP", channel=shop)
    plan(plugin, mine)
    work_off()
    found = shipment_of(mine)
    assert found is not None
    yard.leave(found.reference, {"id": "P1", "tracking": "T1", "carrier": carrier, "pieces": [["LAMP", 1]]})
    told(plugin, yard, found.reference)
    return mine


def of(order_id: uuid.UUID) -> Confirmation:
    query = sa.select(Confirmation).where(Confirmation.order_id == order_id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def test_the_channel_hears_carrier_and_number_once_all_has_left(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = left(plugin, shop, yard)
    assert of(mine).state is ConfirmationState.DUE
    work_off()
    number = the(mine).remote_id
    assert yard.calls("confirm") == [{"order": number, "carrier": "467", "tracking": ["T1"]}]
    assert of(mine).state is ConfirmationState.DONE
    assert of(mine).told_at is not None
    assert events(mine)[-1] == "confirmed"
    assert the(mine).status is OrderStatus.TO_SHIP
    becomes(mine, OrderStatus.SHIPPED)
    assert the(mine).stage is OrderStage.DONE


def test_a_lost_reply_is_told_again_and_counts_once(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = left(plugin, shop, yard)
    yard.fail("confirm", "lost")
    once()
    once()
    assert of(mine).state is ConfirmationState.UNSURE
    work_off()
    assert of(mine).state is ConfirmationState.DONE
    assert len(yard.confirmed) == 1


def test_an_unknown_carrier_waits_for_the_merchant_who_says_it_once(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = left(plugin, shop, yard, "Shunfeng")
    work_off()
    assert of(mine).state is ConfirmationState.WAITING
    assert notices("carrier_unknown")[0]["names"] == ["Shunfeng"]
    assert yard.calls("confirm") == []
    with pytest.raises(Refusal, match="unknown_carrier"):
        carriers.save(shop.row, {"Shunfeng": "1"}, MEI)
    carriers.save(shop.row, {"Shunfeng": "467"}, MEI)
    work_off()
    assert of(mine).state is ConfirmationState.DONE
    assert notices("carrier_unknown") == []
    other = left(plugin, shop, yard, "Shunfeng")
    work_off()
    assert of(other).state is ConfirmationState.DONE
    assert len(yard.calls("carriers")) == 1


def test_a_carrier_that_is_said_in_the_moment_in_which_an_order_asks_for_it_is_not_missed(
    cast: Cast, plugin: Place, shop: Place, yard: Yard
) -> None:
    left(plugin, shop, yard)
    work_off()
    mine, said = left(plugin, shop, yard, "Shunfeng"), threading.Event()

    def save() -> None:
        """What saving a carrier does, slowly."""
        with cast.app.app_context(), acting_for(cast.lantern):
            channel = shop.row
            db.session.refresh(channel, with_for_update=True)
            channel.carriers = {**channel.carriers, "map": {"Shunfeng": "467"}}
            db.session.flush()
            confirming.go_on(channel)
            said.set()
            threading.Event().wait(1.0)
            db.session.commit()
            db.session.remove()

    thread = threading.Thread(target=save)
    thread.start()
    assert said.wait(10)
    work_off(1)
    thread.join()
    work_off()
    assert of(mine).state is ConfirmationState.DONE


def test_a_refusal_is_shown_in_the_channels_words_and_tried_again(plugin: Place, shop: Place, yard: Yard) -> None:
    yard.fail("confirm", "refused")
    mine = left(plugin, shop, yard)
    work_off()
    assert (of(mine).state, of(mine).said) == (ConfirmationState.REFUSED, "the remote's own words")
    assert notices("confirms_refused")[0]["count"] == 1
    confirming.retry(mine, MEI)
    work_off()
    assert of(mine).state is ConfirmationState.DONE
    assert notices("confirms_refused") == []
    with pytest.raises(Refusal, match="nothing_to_confirm"):
        confirming.retry(mine, MEI)


def test_what_the_channel_has_ended_is_not_confirmed(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = left(plugin, shop, yard)
    becomes(mine, OrderStatus.CANCELLED)
    work_off()
    assert yard.confirmed == {}
    assert (of(mine).state, of(mine).cause) == (ConfirmationState.REFUSED, "cancelled_at_channel")
    assert notices("confirms_refused") == []


def test_a_part_is_not_confirmed_until_the_merchant_says_so(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = order("LAMP", channel=shop, quantity=2)
    plan(plugin, mine)
    work_off()
    found = shipment_of(mine)
    assert found is not None
    yard.leave(found.reference, {"id": "P1", "tracking": "T1", "carrier": "SF", "pieces": [["LAMP", 1]]})
    told(plugin, yard, found.reference)
    work_off()
    assert yard.confirmed == {}
    confirming.confirm_partly(mine, MEI)
    work_off()
    assert of(mine).state is ConfirmationState.DONE


def test_an_order_without_a_channel_needs_no_confirmation(plugin: Place, yard: Yard) -> None:
    mine = order("LAMP")
    plan(plugin, mine)
    work_off()
    found = shipment_of(mine)
    assert found is not None
    yard.leave(found.reference)
    told(plugin, yard, found.reference)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Confirmation)) == 0
    assert the(mine).stage is OrderStage.DONE


def test_a_channel_that_is_off_hears_of_it_when_it_is_on_again(plugin: Place, shop: Place, yard: Yard) -> None:
    mine = left(plugin, shop, yard)
    shop.row.state = ConnectionState.PAUSED
    db.session.commit()
    once()
    assert yard.calls("confirm") == []
    shop.row.state = ConnectionState.ACTIVE
    db.session.commit()
    work_off()
    assert of(mine).state is ConfirmationState.DONE


def test_the_reference_of_a_shipment_is_one_of_its_own(plugin: Place, shop: Place, yard: Yard) -> None:
    orders = [left(plugin, shop, yard) for _ in range(3)]
    references = {shipment_of(each).reference for each in orders}  # type: ignore[union-attr]
    assert len(references) == 3
    assert db.session.scalar(sa.select(sa.func.max(Shipment.sent_at))) <= now()
