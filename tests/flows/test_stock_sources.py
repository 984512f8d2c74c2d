"""Products that follow a plugin's warehouse: its figures are on hand, and people may not count."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.records import OrderStatus, RemoteStock
from portal.flows import connections, linking, stock, stock_counts, warehouse, work
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import (
    ConnectionState,
    Order,
    OrderLine,
    Product,
    Push,
    Run,
    RunState,
    Shipment,
    ShipmentOrder,
    ShipmentState,
    StockSource,
    StockWhy,
)
from tests.cast import Cast
from tests.goods import connection, listing, product, row, take_in
from tests.selling import becomes, line, numbers, order, whys
from tests.web.shelf import at, lantern, run, turned_on
from workers.jobs import VERBS


@dataclass
class Room:
    """A product, and a plugin whose listing of it is linked."""

    product: uuid.UUID
    plugin: uuid.UUID

    @property
    def its_product(self) -> Product:
        return db.session.get_one(Product, (whose(), self.product))

    def told(self, available: int, reserved: int = 0, sku: str = "TEA") -> None:
        figures = RemoteStock(sku, sku, "C1", available, available + reserved, reserved=reserved)
        warehouse.keep_stock(at(self.plugin), [figures], now())
        db.session.commit()

    def follow(self, wanted: bool = True) -> None:
        connections.save_options(at(self.plugin), {"sync_stock": wanted}, LINTAS)
        done()


def done() -> None:
    """All work that is due now or in a moment."""
    db.session.execute(sa.text("update work set not_before = now() where status = 'open' and kind = 'links_changed'"))
    db.session.commit()
    while work.drain(work.house_lane(whose()), VERBS):
        pass


@pytest.fixture
def room(cast: Cast) -> Iterator[Room]:
    with lantern(cast):
        tea, plugin = product("TEA"), turned_on("jdl")
        stock_counts.adjust(tea, StockWhy.COUNT, 3, "first count", LINTAS)
        take_in(plugin, [listing("TEA", "TEA")])
        yield Room(tea.id, plugin.id)


def test_a_plugin_that_was_not_asked_to_counts_for_nothing(room: Room) -> None:
    room.told(40)
    assert numbers(room.product) == (3, 0)


def test_the_figures_of_a_plugin_that_is_asked_to_are_what_is_on_hand(room: Room) -> None:
    room.follow()
    room.told(40)
    assert numbers(room.product) == (40, 0)
    room.told(38)
    room.told(38)
    assert numbers(room.product) == (38, 0)
    assert whys(room.its_product) == ["count", "warehouse", "warehouse"]


def test_figures_that_were_told_before_count_as_soon_as_the_switch_is_turned(room: Room) -> None:
    room.told(40)
    room.follow()
    assert numbers(room.product) == (40, 0)


def test_a_hand_edit_is_refused_with_the_name_of_the_plugin(room: Room) -> None:
    room.follow()
    room.told(40)
    for change in (
        lambda: stock_counts.adjust(room.its_product, StockWhy.COUNT, 5, "I know better", LINTAS),
        lambda: stock.receive({room.product: 1}, "Tom"),
    ):
        with pytest.raises(Refusal) as refused:
            change()
        assert refused.value.reason == "stock_follows_plugin"
        assert refused.value.values == {"plugin": at(room.plugin).name}
        db.session.rollback()
    assert numbers(room.product) == (40, 0)


def test_a_plugin_that_is_off_keeps_its_last_figures_and_people_still_may_not_count(room: Room) -> None:
    room.follow()
    room.told(40)
    connections.turn_off(at(room.plugin), LINTAS)
    done()
    assert numbers(room.product) == (40, 0)
    with pytest.raises(Refusal):
        stock_counts.adjust(room.its_product, StockWhy.COUNT, 5, "a count", LINTAS)


@pytest.mark.parametrize("how", ["switch", "unlink", "remove"])
def test_where_the_plugin_counts_no_longer_the_number_stays_and_people_may_count_again(room: Room, how: str) -> None:
    room.follow()
    room.told(40)
    if how == "switch":
        room.follow(False)
    elif how == "unlink":
        linking.unlink(row(at(room.plugin), "TEA"), LINTAS)
    else:
        connections.turn_off(at(room.plugin), LINTAS)
        connections.remove(at(room.plugin), LINTAS)
    done()
    assert db.session.scalars(sa.select(StockSource)).all() == []
    assert numbers(room.product) == (40, 0)
    assert whys(room.its_product)[-1] == "warehouse", "the number did not move, so nothing is written"
    assert stock_counts.adjust(room.its_product, StockWhy.COUNT, 5, "a count", LINTAS) == 5


def test_two_plugins_are_added_up_and_the_end_of_one_leaves_the_other(room: Room) -> None:
    other = connection("jdl", "Second warehouse")
    other.state = ConnectionState.ACTIVE
    db.session.commit()
    take_in(other, [listing("TEA", "TEA")])
    second = Room(room.product, other.id)
    for each, pieces in ((room, 40), (second, 5)):
        each.follow()
        each.told(pieces)
    assert numbers(room.product) == (45, 0)
    second.follow(False)
    assert numbers(room.product) == (40, 0)
    assert whys(room.its_product)[-1] == "source_ended"


def test_pieces_that_left_before_the_warehouse_was_read_are_not_taken_off_twice(room: Room) -> None:
    room.follow()
    room.told(40)
    late, early = order((room.its_product, 2)), order((room.its_product, 3))
    becomes(early, OrderStatus.SHIPPED, remote_updated_at=now() - timedelta(hours=1))
    assert numbers(room.product) == (40, 2), "the figures are newer than the leaving"
    becomes(late, OrderStatus.SHIPPED, remote_updated_at=now())
    assert numbers(room.product) == (38, 0)
    source = db.session.scalars(sa.select(StockSource)).one()
    assert source.available + source.kept == 38


def test_what_the_warehouse_keeps_for_an_order_of_ours_is_on_hand_still(room: Room) -> None:
    room.follow()
    accepted, waiting = order((room.its_product, 4)), order((room.its_product, 1))
    _accept(room, accepted)
    room.told(36, reserved=9)
    assert numbers(room.product) == (40, 5), "four of the nine that it keeps are ours"
    becomes(accepted, OrderStatus.SHIPPED, remote_updated_at=now())
    assert numbers(room.product) == (36, 1)
    room.told(36)
    assert numbers(room.product) == (36, 1)
    assert stock.covered([waiting]) == {waiting: 0}


def _accept(room: Room, order_id: uuid.UUID) -> None:
    """The plugin's warehouse has accepted the shipment of an order a minute ago."""
    store_id = db.session.scalars(sa.select(Order.store_id).where(Order.id == order_id)).one()
    shipment = Shipment(
        merchant_id=whose(),
        store_id=store_id,
        connection_id=room.plugin,
        reference=str(order_id)[:20],
        state=ShipmentState.ACCEPTED,
        sent_at=now(),
        accepted_at=now() - timedelta(minutes=1),
    )
    db.session.add(shipment)
    db.session.flush()
    db.session.add(ShipmentOrder(merchant_id=whose(), shipment_id=shipment.id, order_id=order_id))
    stock.make_firm([order_id])
    db.session.commit()


def test_a_sku_that_the_warehouse_knows_no_more_counts_as_none(room: Room) -> None:
    room.follow()
    room.told(40)
    db.session.execute(sa.update(Run).values(state=RunState.DONE, ended_at=now()))
    found = run(at(room.plugin), resource="stock", started_at=now() + timedelta(seconds=1))
    warehouse.settle_stock(at(room.plugin), found, complete=True)
    db.session.commit()
    assert numbers(room.product) == (0, 0)


# --- links that are made after the orders came ------------------------------------------------------------------------


def _channel(remote_id: str) -> uuid.UUID:
    """A channel with one listing that nobody linked."""
    made = turned_on("jd_com")
    take_in(made, [listing(remote_id, f"SKU-{remote_id}")])
    return made.id


def test_an_order_of_a_listing_that_is_linked_later_is_promised_its_pieces_then(room: Room) -> None:
    channel = _channel("900")
    known = order(settle=False, connection_id=channel, flagged=True)
    db.session.add(line(known, None, 2, remote_listing_id="900"))
    stock.settle([known])
    db.session.commit()
    done()
    assert numbers(room.product) == (3, 0)
    linking.link(row(at(channel), "900"), room.its_product, LINTAS)
    done()
    assert numbers(room.product) == (3, 2)
    assert db.session.scalars(sa.select(OrderLine.product_id)).one() == room.product
    assert db.session.scalars(sa.select(Order.flagged)).one() is False


def test_a_listing_that_is_linked_wants_a_number_and_one_that_is_linked_elsewhere_another(room: Room) -> None:
    channel, other = _channel("900"), product("OTHER").id
    linking.link(row(at(channel), "900"), room.its_product, LINTAS)
    done()
    push = db.session.scalars(sa.select(Push)).one()
    assert push.sent < push.wanted
    push.sent = push.acked = push.wanted
    db.session.commit()
    linking.link(row(at(push.connection_id), "900"), db.session.get_one(Product, (whose(), other)), LINTAS)
    done()
    push = db.session.scalars(sa.select(Push)).one()
    assert push.sent < push.wanted


def test_the_work_ends_when_nothing_is_left_to_mend(room: Room) -> None:
    done()
    open_ones = sa.text("select count(*) from work where kind = 'links_changed' and status = 'open'")
    assert db.session.scalar(open_ones) == 0
