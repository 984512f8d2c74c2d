"""What orders take of the stock: promised when known, gone when it left, given back when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.records import OrderStatus
from portal.flows import batches, bundles, stock, stock_counts, stock_ledger, work
from portal.flows.audit import LINTAS
from portal.flows.batches import Choice
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import LEFT, RESERVING, Notice, OrderLine, Product, StockWhy
from tests.cast import Cast
from tests.goods import connection, listing, product, take_in
from tests.selling import becomes, line, lines_of, numbers, order, whys
from tests.web.shelf import lantern
from workers.jobs import VERBS


@pytest.fixture
def shop(cast: Cast) -> Iterator[None]:
    with lantern(cast):
        yield


@pytest.fixture
def tea(shop: None) -> Product:
    """A product with 10 pieces on hand."""
    made = product("TEA")
    stock_counts.adjust(made, StockWhy.COUNT, 10, "first count", LINTAS)
    return made


def oversold() -> list[dict[str, object]]:
    query = sa.select(Notice.arguments).where(Notice.cause == "oversold", Notice.cleared_at.is_(None), Notice.grave)
    return list(db.session.scalars(query))


@pytest.mark.parametrize("status", [*RESERVING, None])
def test_an_order_is_promised_its_pieces_in_every_state_in_which_it_still_has_to_go(
    tea: Product, status: OrderStatus | None
) -> None:
    order((tea, 3), status=status)
    assert numbers(tea) == (10, 3)


def test_settling_again_changes_nothing(tea: Product) -> None:
    known = order((tea, 3))
    for _ in range(3):
        stock.settle([known])
    assert numbers(tea) == (10, 3)
    assert whys(tea) == ["count", "reserve"]


def test_what_left_is_gone_and_what_was_cancelled_is_given_back(tea: Product) -> None:
    gone, cancelled = order((tea, 3)), order((tea, 2))
    becomes(gone, OrderStatus.SHIPPED)
    assert numbers(tea) == (7, 2)
    becomes(cancelled, OrderStatus.CANCELLED)
    assert numbers(tea) == (7, 0)
    assert whys(tea) == ["count", "reserve", "reserve", "ship", "release"]


@pytest.mark.parametrize("status", LEFT)
def test_an_order_that_arrives_when_it_has_left_already_moves_nothing(tea: Product, status: OrderStatus) -> None:
    order((tea, 3), status=status)
    assert numbers(tea) == (10, 0)


def test_an_order_that_its_channel_ships_itself_takes_nothing_of_the_stock(tea: Product) -> None:
    known = order((tea, 3), by_channel=True)
    assert numbers(tea) == (10, 0)
    becomes(known, OrderStatus.SHIPPED)
    assert numbers(tea) == (10, 0)


def test_a_return_moves_no_stock_until_somebody_receives_the_goods(tea: Product) -> None:
    known = order((tea, 3))
    becomes(known, OrderStatus.SHIPPED)
    becomes(known, OrderStatus.RETURNED)
    assert numbers(tea) == (7, 0)
    stock.receive({tea.id: 2}, "Tom", order_id=known, note="one was broken")
    db.session.commit()
    assert numbers(tea) == (9, 0)
    assert whys(tea)[-1] == "receipt"


def test_an_order_that_comes_back_from_shipped_is_promised_its_pieces_again(tea: Product) -> None:
    known = order((tea, 3))
    becomes(known, OrderStatus.SHIPPED)
    becomes(known, OrderStatus.TO_SHIP)
    assert numbers(tea) == (7, 3)
    becomes(known, OrderStatus.SHIPPED)
    assert numbers(tea) == (4, 0)


def test_more_may_be_sold_than_is_there_and_that_is_told_once_and_cleared_when_it_is_over(tea: Product) -> None:
    first, second = order((tea, 8)), order((tea, 5))
    assert numbers(tea) == (10, 13)
    assert oversold() == [{"sku": "TEA", "missing": 3}]
    order((tea, 1))
    assert oversold() == [{"sku": "TEA", "missing": 4}]
    becomes(first, OrderStatus.CANCELLED)
    assert oversold() == []
    assert stock.covered([second]) == {second: 0}


def test_who_ordered_first_is_served_first_and_what_a_warehouse_has_accepted_before_all(tea: Product) -> None:
    first, second, third = order((tea, 6)), order((tea, 3)), order((tea, 4))
    assert stock.covered([first, second, third]) == {first: 0, second: 0, third: 3}
    stock.make_firm([third])
    assert stock.covered([first, second, third]) == {first: 0, second: 3, third: 0}


def test_what_leaves_never_brings_the_number_on_hand_below_nothing(tea: Product) -> None:
    known = order((tea, 12))
    becomes(known, OrderStatus.SHIPPED)
    assert numbers(tea) == (0, 0)


def test_a_line_that_becomes_smaller_or_vanishes_gives_its_pieces_back(tea: Product) -> None:
    known = order((tea, 5), (tea, 2))
    assert numbers(tea) == (10, 7)
    first, second = lines_of(known)
    db.session.execute(sa.update(OrderLine).where(OrderLine.id == first).values(quantity=1))
    db.session.execute(sa.update(OrderLine).where(OrderLine.id == second).values(quantity=0))
    stock.settle([known])
    db.session.commit()
    assert numbers(tea) == (10, 1)


def test_a_line_of_a_listing_that_nobody_linked_is_promised_nothing(tea: Product) -> None:
    known = order((tea, 1))
    db.session.add(line(known, None, 4, 1))
    db.session.flush()
    stock.settle([known])
    db.session.commit()
    assert numbers(tea) == (10, 1)


def test_a_parcel_takes_some_pieces_and_the_rest_stays_promised(tea: Product) -> None:
    known = order((tea, 5))
    (its_line,) = lines_of(known)
    assert stock.ship({(its_line, tea.id): 2}, now()) == {(its_line, tea.id): 2}
    db.session.commit()
    assert numbers(tea) == (8, 3)
    becomes(known, OrderStatus.PARTLY_SHIPPED)
    assert numbers(tea) == (8, 3)
    stock.ship({(its_line, tea.id): 9}, now())
    db.session.commit()
    assert numbers(tea) == (5, 0)
    becomes(known, OrderStatus.READY_TO_SHIP)
    assert numbers(tea) == (5, 0), "what is in a parcel is not promised again"
    becomes(known, OrderStatus.SHIPPED)
    assert numbers(tea) == (5, 0)


def test_a_rest_that_is_cancelled_after_a_parcel_is_given_back(tea: Product) -> None:
    known = order((tea, 5))
    stock.ship({(lines_of(known)[0], tea.id): 2}, now())
    becomes(known, OrderStatus.CANCELLED)
    assert numbers(tea) == (8, 0)


def test_a_bundle_is_promised_by_its_parts(tea: Product) -> None:
    cup, gift = product("CUP"), product("GIFT")
    stock_counts.adjust(cup, StockWhy.COUNT, 5, "first count", LINTAS)
    bundles.add_part(gift, tea, 3, LINTAS)
    bundles.add_part(gift, cup, 1, LINTAS)
    assert bundles.makes([gift.id, tea.id]) == {gift.id: 3}
    known = order((gift, 2), (cup, 1))
    assert numbers(tea) == (10, 6)
    assert numbers(cup) == (5, 3)
    assert numbers(gift) == (0, 0)
    assert bundles.makes([gift.id]) == {gift.id: 1}
    becomes(known, OrderStatus.SHIPPED)
    assert (numbers(tea), numbers(cup)) == ((4, 0), (2, 0))


def test_open_orders_of_a_bundle_follow_its_parts_and_shipped_ones_do_not(tea: Product) -> None:
    gift = product("GIFT")
    tea_id, gift_id = tea.id, gift.id
    bundles.add_part(gift, tea, 1, LINTAS)
    shipped = order((gift, 1))
    becomes(shipped, OrderStatus.SHIPPED)
    order((gift, 2))
    bundles.add_part(gift, tea, 3, LINTAS)
    work.drain_all(VERBS)
    assert numbers(tea_id) == (9, 6)
    bundles.remove_part(db.session.get_one(Product, (whose(), gift_id)), tea_id, LINTAS)
    work.drain_all(VERBS)
    assert numbers(tea_id) == (9, 0)
    assert numbers(gift_id) == (0, 2), "an ordinary product again, and oversold"


def test_no_bundle_holds_itself_or_another_or_has_stock_of_its_own(tea: Product) -> None:
    gift, crate = product("GIFT"), product("CRATE")
    bundles.add_part(gift, crate, 1, LINTAS)
    for of, part, reason in (
        (gift, gift, "bundle_of_itself"),
        (tea, gift, "bundle_in_a_bundle"),
        (crate, tea, "part_is_no_bundle"),
        (tea, crate, "bundle_is_on_hand"),
    ):
        with pytest.raises(Refusal) as refused:
            bundles.add_part(of, part, 1, LINTAS)
        assert refused.value.reason == reason
        db.session.rollback()
    with pytest.raises(Refusal) as refused:
        stock_counts.adjust(gift, StockWhy.COUNT, 3, "a count", LINTAS)
    assert refused.value.reason == "bundle_has_no_stock"


def test_people_count_bring_in_and_take_out_each_with_a_reason(tea: Product) -> None:
    order((tea, 4))
    assert stock_counts.adjust(tea, StockWhy.IN, 5, "from the supplier", LINTAS) == 15
    assert stock_counts.adjust(tea, StockWhy.OUT, 1, "broken", LINTAS) == 14
    assert stock_counts.adjust(tea, StockWhy.COUNT, 9, "counted on Monday", LINTAS) == 9
    assert numbers(tea) == (9, 4), "a count says what is on hand, not what is available"
    for why, number, note, reason in (
        (StockWhy.COUNT, 3, " ", "stock_reason_missing"),
        (StockWhy.COUNT, 3, "x" * 201, "stock_reason_long"),
        (StockWhy.OUT, 10, "lost", "stock_not_so_many"),
        (StockWhy.IN, 0, "none", "stock_number"),
        (StockWhy.COUNT, -1, "minus", "stock_number"),
        (StockWhy.RECEIPT, 1, "no such hand", "stock_number"),
    ):
        with pytest.raises(Refusal) as refused:
            stock_counts.adjust(tea, why, number, note, LINTAS)
        assert refused.value.reason == reason
        db.session.rollback()
    assert numbers(tea) == (9, 4)


def test_an_own_cap_of_nothing_is_not_the_same_as_no_cap(tea: Product) -> None:
    limits = sa.text("select buffer, max_level from stock where product_id = :id")
    stock_counts.set_limits(tea, None, 0, LINTAS)
    assert tuple(db.session.execute(limits, {"id": tea.id}).one()) == (None, 0)
    stock_counts.set_limits(tea, 0, None, LINTAS)
    assert tuple(db.session.execute(limits, {"id": tea.id}).one()) == (0, None)


def test_a_page_of_orders_costs_the_same_number_of_statements_as_one(
    tea: Product, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    others = [product(f"P{number}") for number in range(10)]
    one = order((tea, 1), settle=False)
    many = [order((tea, 1), *((each, 2) for each in others), settle=False) for _ in range(30)]
    with statements() as for_one:
        stock.settle([one])
        db.session.commit()
    with statements() as for_many:
        stock.settle(many)
        db.session.commit()
    assert len(for_many) <= len(for_one) + 1, "one more, for the notices of what is oversold"
    assert numbers(tea) == (10, 31)


def test_orders_that_come_in_together_are_served_in_the_order_in_which_they_were_placed(tea: Product) -> None:
    at = now()
    late = order((tea, 6), settle=False, placed_at=at)
    early = order((tea, 6), settle=False, placed_at=at - timedelta(hours=1))
    stock.settle([late, early])
    db.session.commit()
    assert stock.covered([late, early]) == {early: 0, late: 2}


def test_a_number_that_is_not_the_sum_of_its_moves_is_found(tea: Product) -> None:
    order((tea, 3))
    assert stock_ledger.unbalanced() == 0
    for change in ("reserved = reserved + 1", "on_hand = on_hand + 1", "version = version + 1"):
        db.session.execute(sa.text(f"update stock set {change}"))
        assert stock_ledger.unbalanced() == 1
        db.session.rollback()


def test_a_product_that_was_counted_stays_when_what_made_it_is_undone(shop: None) -> None:
    channel = connection("jd_com")
    take_in(channel, [listing("1", "NEW-1"), listing("2", "NEW-2")])
    batch = batches.begin("create", Choice("new", channel.id), LINTAS)
    made = {row.sku: row for row in db.session.scalars(sa.select(Product))}
    stock_counts.adjust(made["NEW-1"], StockWhy.COUNT, 4, "a count", LINTAS)
    batches.undo(batch, LINTAS)
    assert list(db.session.scalars(sa.select(Product.sku))) == ["NEW-1"]
