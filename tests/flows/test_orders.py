"""How orders come in: from when on, once, newest first of all, with their pieces promised in the same transaction."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.contract.errors import BadRecord
from portal.contract.records import Consignee, OrderStatus, RemoteLine, RemoteOrder
from portal.flows import (
    connections,
    intake,
    linking,
    order_buyers,
    order_rows,
    orders,
    resources,
    statuses,
    sync,
    windows,
)
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.errors import Refusal
from portal.kit.money import Money
from portal.models import (
    Connection,
    ConnectionState,
    Listing,
    Notice,
    Order,
    OrderEvent,
    OrderLine,
    Product,
    Reservation,
    ReservationState,
    Run,
    RunState,
    Stock,
    Work,
)
from tests.cast import Cast
from tests.flows.jd import work_off
from tests.goods import AUDITS, listing, product
from tests.ordering import Pasar, channel, line, pasar

__all__ = ["pasar"]
MEI = By("Mei Lin")
BUYER = Consignee(name="王小芳", phone="138-0013-8000", address="中山路 12 号", city="上海", country="CN")
Statements = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture(autouse=True)
def lantern(cast: Cast) -> Iterator[None]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield


@pytest.fixture
def shop(pasar: Pasar) -> Connection:
    """A channel whose orders count since yesterday."""
    return channel(start=now() - timedelta(days=1))


def remote(remote_id: str, word: str = "PAID", *lines: RemoteLine, **more: Any) -> RemoteOrder:
    """A record as a mapping would return it."""
    values: dict[str, Any] = {
        "remote_id": remote_id,
        "status_word": word,
        "lines": lines or (bought("1", "A"),),
        "placed_at": now() - timedelta(hours=1),
        "updated_at": datetime(2026, 11, 1, tzinfo=UTC),
        "total": Money(1990, "CNY"),
        "consignee": BUYER,
        "buyer": "fang88",
        "buyer_note": "leave it at the door",
        "raw": {"secret": "from the channel"},
    }
    return RemoteOrder(**{**values, **more})


def bought(number: str, sku: str, quantity: int = 1, listing_id: str = "") -> RemoteLine:
    return RemoteLine(number, listing_id, sku, f"Title of {sku}", quantity, Money(1990, "CNY"))


def keep(to: Connection, *records: RemoteOrder, asked: datetime | None = None) -> resources.Kept:
    kept = orders.keep_orders(to, records, asked or now())
    db.session.commit()
    return kept


def the_order(remote_id: str) -> Order:
    db.session.expire_all()
    return db.session.scalars(sa.select(Order).where(Order.remote_id == remote_id)).one()


def events(remote_id: str) -> list[str]:
    query = sa.select(OrderEvent.what).where(OrderEvent.order_id == the_order(remote_id).id)
    return list(db.session.scalars(query.order_by(OrderEvent.id)))


def reserved(sku: str) -> int:
    db.session.expire_all()
    query = sa.select(Stock.reserved).join(
        Product, sa.and_(Product.merchant_id == Stock.merchant_id, Product.id == Stock.product_id)
    )
    return db.session.scalar(query.where(Product.sku == sku)) or 0


def open_causes() -> dict[str, dict[str, Any]]:
    db.session.expire_all()
    rows = db.session.scalars(sa.select(Notice).where(Notice.cleared_at.is_(None)))
    return {row.cause: row.arguments for row in rows}


def linked(to: Connection, remote_id: str, sku: str) -> None:
    """A product of this SKU, with a listing of the channel that is linked to it."""
    product(sku)
    intake.keep(to, [listing(remote_id, sku)], AUDITS)
    db.session.commit()


def test_an_order_reserves_its_pieces_in_the_transaction_that_keeps_it(shop: Connection) -> None:
    linked(shop, "L1", "A")
    orders.keep_orders(shop, [remote("1", "PAID", bought("1", "A", 3, "L1"))], now())
    assert reserved("A") == 3, "before anything was committed"
    db.session.rollback()
    assert reserved("A") == 0
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Order)) == 0


def test_what_is_told_twice_changes_nothing_the_second_time(shop: Connection) -> None:
    linked(shop, "L1", "A")
    told = [remote(str(number), "PAID", bought("1", "A", 2, "L1")) for number in range(5)]
    assert keep(shop, *told).fresh == 5
    tables = ("orders", "order_line", "order_event", "reservation", "stock", "stock_move", "notice")
    state = sa.text(" union all ".join(f"select '{each}', id::text, xmin::text from {each}" for each in tables))
    before = sorted(map(tuple, db.session.execute(state)))
    again = keep(shop, *told)
    assert (again.fresh, again.changed) == (0, 0)
    assert sorted(map(tuple, db.session.execute(state))) == before
    assert reserved("A") == 10


def test_a_page_takes_as_many_statements_however_long_it_is(shop: Connection, statements: Statements) -> None:
    linked(shop, "L1", "A")
    needed = []
    for size in (3, 60):
        page = [remote(f"{size}-{number}", "PAID", bought("1", "A", 1, "L1")) for number in range(size)]
        with statements() as sent:
            keep(shop, *page)
        needed.append(len(sent))
    assert needed[0] == needed[1], needed


def test_the_newest_wins_in_whichever_order_it_arrives(shop: Connection) -> None:
    linked(shop, "L1", "A")
    old, new = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
    lines = (bought("1", "A", 1, "L1"),)
    keep(shop, remote("1", "GONE", *lines, updated_at=new))
    assert keep(shop, remote("1", "PAID", *lines, updated_at=old)).news == ()
    assert the_order("1").status is OrderStatus.CANCELLED
    keep(shop, remote("2", "PAID", *lines, updated_at=new), remote("2", "NEW", *lines, updated_at=old))
    assert the_order("2").status is OrderStatus.TO_SHIP
    asked = now()
    keep(shop, remote("3", "SENT", *lines, updated_at=None), asked=asked)
    keep(shop, remote("3", "PAID", *lines, updated_at=None), asked=asked - timedelta(seconds=5))
    assert the_order("3").status is OrderStatus.SHIPPED, "what was asked for earlier is older"
    assert reserved("A") == 1


def test_pieces_follow_the_way_of_the_order(shop: Connection) -> None:
    linked(shop, "L1", "A")
    day = datetime(2026, 11, 2, tzinfo=UTC)
    lines = (bought("1", "A", 4, "L1"),)
    for hours, (word, promised) in enumerate([("NEW", 4), ("PAID", 4), ("STOP", 4), ("GONE", 0), ("PAID", 4)]):
        keep(shop, remote("1", word, *lines, updated_at=day + timedelta(hours=hours)))
        assert reserved("A") == promised, word
    assert events("1") == ["imported", "status", "status", "status", "status"]


def test_a_line_that_is_told_no_more_gives_its_pieces_back_and_stays_readable(shop: Connection) -> None:
    linked(shop, "L1", "A")
    linked(shop, "L2", "B")
    day = datetime(2026, 11, 2, tzinfo=UTC)
    keep(shop, remote("1", "PAID", bought("1", "A", 1, "L1"), bought("2", "B", 2, "L2"), updated_at=day))
    keep(shop, remote("1", "PAID", bought("1", "A", 5, "L1"), updated_at=day + timedelta(hours=1)))
    rows = db.session.scalars(sa.select(OrderLine).order_by(OrderLine.remote_id))
    assert [(row.sku, row.quantity, row.title) for row in rows] == [("A", 5, "Title of A"), ("B", 0, "Title of B")]
    assert (reserved("A"), reserved("B"), the_order("1").pieces) == (5, 0, 5)
    assert events("1") == ["imported", "lines"]


def test_what_the_channel_ships_itself_reserves_nothing(shop: Connection) -> None:
    linked(shop, "L1", "A")
    keep(shop, remote("1", "PAID", bought("1", "A", 1, "L1"), by_channel=True))
    assert reserved("A") == 0
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Reservation)) == 0


def test_a_listing_is_found_by_its_id_else_by_an_exact_sku_that_only_one_has(shop: Connection) -> None:
    linked(shop, "L1", "A")
    product("TWICE")
    intake.keep(shop, [listing("L2", "TWICE"), listing("L3", "TWICE"), listing("L4", "a")], AUDITS)
    db.session.commit()
    keep(
        shop,
        remote(
            "1",
            "PAID",
            bought("1", "whatever it says", 1, "L1"),
            bought("2", "A"),
            bought("3", "TWICE"),
            bought("4", "unknown", 1, "L99"),
            bought("5", ""),
        ),
    )
    rows = list(db.session.scalars(sa.select(OrderLine).order_by(OrderLine.place)))
    assert [row.product_id is not None for row in rows] == [True, True, False, False, False]
    assert rows[0].listing_id == rows[1].listing_id is not None
    assert reserved("A") == 2
    assert the_order("1").flagged
    assert open_causes()["order_lines_unlinked"]["count"] == 1
    keep(shop, remote("1", "GONE", *[bought("1", "A")], updated_at=now()))
    assert not the_order("1").flagged
    assert "order_lines_unlinked" not in open_causes()


def test_orders_follow_when_their_listings_are_linked_later(shop: Connection) -> None:
    intake.keep(shop, [listing("L1", "A")], AUDITS)
    db.session.commit()
    keep(shop, remote("1", "PAID", bought("1", "A", 2, "L1")))
    assert the_order("1").flagged
    row = db.session.scalars(sa.select(Listing).where(Listing.remote_id == "L1")).one()
    linking.create_product(row, MEI)
    db.session.execute(sa.update(Work).values(not_before=now() - timedelta(minutes=1)))
    db.session.commit()
    work_off()
    assert not the_order("1").flagged
    assert "order_lines_unlinked" not in open_causes()
    assert reserved("A") == 2
    assert events("1").count("flagged") == 2, "once that it waits, once that it does not any more"


def test_an_unknown_word_is_asked_about_once_and_reserves_until_it_has_a_meaning(shop: Connection) -> None:
    linked(shop, "L1", "A")
    keep(shop, *[remote(number, "WEIRD", bought("1", "A", 1, "L1")) for number in "12"])
    assert the_order("1").status is None
    assert open_causes()["unknown_order_word"]["words"] == ["WEIRD"]
    assert reserved("A") == 2, "what nobody understands is not sold to another"
    statuses.save(shop, {"WEIRD": "cancelled"}, MEI)
    assert the_order("1").status is the_order("2").status is OrderStatus.CANCELLED
    assert reserved("A") == 0
    assert open_causes() == {}
    assert events("1") == ["imported", "mapped"]
    keep(shop, remote("3", "WEIRD", bought("1", "A", 1, "L1")))
    assert the_order("3").status is OrderStatus.CANCELLED


def test_a_word_that_changes_nothing_leaves_the_status(shop: Connection) -> None:
    day = datetime(2026, 11, 2, tzinfo=UTC)
    keep(shop, remote("1", "PAID", updated_at=day))
    keep(shop, remote("1", "HUH", updated_at=day + timedelta(hours=1)))
    kept = the_order("1")
    assert (kept.status, kept.status_word) == (OrderStatus.TO_SHIP, "HUH")


def test_nothing_of_a_buyer_lies_open_in_the_database(shop: Connection) -> None:
    keep(shop, remote("1"))
    row = the_order("1")
    text = db.session.scalar(sa.text("select string_agg(o::text, ' ') from (select * from orders) o"))
    text += db.session.scalar(sa.text("select string_agg(e::text, ' ') from order_event e"))
    for told in (
        "王小芳",
        "小芳",
        "13800138000",
        "138-0013-8000",
        "中山路",
        "fang88",
        "at the door",
        "from the channel",
    ):
        assert told not in text, told
    assert row.buyer_shown == "王**"
    opened = order_buyers.read(row)
    assert opened is not None
    assert (opened.consignee, opened.account, opened.raw) == (BUYER, "fang88", {"secret": "from the channel"})
    other = Order(merchant_id=row.merchant_id, id=shop.id, sealed=row.sealed)
    assert order_buyers.read(other) is None, "it opens at its own order only"


def test_one_recipient_is_found_however_the_address_is_written(shop: Connection) -> None:
    same = dataclasses.replace(BUYER, phone="１３８ ００１３ ８０００", address="中山路１２号 ")
    moved = dataclasses.replace(BUYER, address="中山路 13 号")
    keep(shop, remote("1"), remote("2", consignee=same, buyer="else", buyer_note=""), remote("3", consignee=moved))
    keep(shop, remote("4", masked=True), remote("5", masked=True), remote("6", masked=True, consignee=same))
    found = {number: the_order(number) for number in "123456"}
    assert found["1"].recipient_key == found["2"].recipient_key is not None
    assert found["1"].recipient_key != found["3"].recipient_key
    assert found["4"].recipient_key == found["5"].recipient_key != found["1"].recipient_key
    assert found["6"].recipient_key != found["4"].recipient_key, "what is hidden may differ"
    assert found["1"].customer_key == found["3"].customer_key != found["2"].customer_key
    assert found["1"].notes_key == found["3"].notes_key is not None
    assert found["2"].notes_key is None


@pytest.mark.parametrize(
    "bad",
    [
        {"lines": ()},
        {"lines": (bought("1", "A", 0),)},
        {"lines": (bought("1", "A", -1), bought("2", "B", 2))},
        {"lines": (bought("1", "A"), bought("1", "B"))},
        {"lines": (bought("1", "A", 2**31),)},
        {"number": "a\0b"},
        {"remote_id": ""},
        {"consignee": Consignee(name="half \ud800")},
        {"total": Money(10**16, "CNY")},
        {"freight": Money(1, "IDR")},
        {"placed_at": datetime(2026, 11, 1)},  # noqa: DTZ001 - that is the point.
    ],
)
def test_what_no_table_can_hold_is_refused_before_it_is_kept(bad: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        order_rows.check_order(dataclasses.replace(remote("1"), **bad))


def test_orders_that_two_ask_for_at_once_are_kept_once(cast: Cast, shop: Connection) -> None:
    linked(shop, "L1", "A")
    told = [remote(str(number), "PAID", bought("1", "A", 1, "L1")) for number in range(40)]
    both = threading.Barrier(2)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            with cast.app.app_context(), acting_for(cast.lantern):
                mine = db.session.get_one(Connection, sa.inspect(shop).identity)
                both.wait()
                keep(mine, *told)
                db.session.remove()
        except BaseException as why:
            failed.append(why)

    db.session.commit()
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failed
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Order)) == 40
    assert reserved("A") == 40


# ---------------------------------------------------------------------------------------------------------------------
# From when on.


def runs() -> list[Run]:
    db.session.expire_all()
    return list(db.session.scalars(sa.select(Run).where(Run.resource == "orders").order_by(Run.id)))


def again(shop: Connection) -> Connection:
    """The connection as the database has it: whoever works has a session of his own."""
    return db.session.get_one(Connection, sa.inspect(shop).identity)


def pull(shop: Connection) -> Run:
    sync.start(again(shop), Resource.ORDERS, "Mei Lin")
    db.session.commit()
    work_off()
    run = runs()[-1]
    assert run.state is RunState.DONE, (run.cause, run.detail)
    return run


def test_the_first_run_asks_from_the_start_and_later_ones_from_the_last_good_run(pasar: Pasar) -> None:
    start = now() - timedelta(days=2)
    shop = channel(start=start)
    pasar.put("1", now() - timedelta(hours=30))
    first = pull(shop)
    assert first.since == start - windows.OVERLAP
    assert (first.fresh, first.seen) == (1, 1)
    began = first.started_at
    assert began is not None
    second = pull(shop)
    assert second.since == began - windows.OVERLAP
    assert (second.seen, second.fresh) == (0, 0)
    for each in runs():
        each.started_at -= timedelta(hours=25)  # type: ignore[operator]  # They have all begun.
        each.since -= timedelta(hours=25)  # type: ignore[operator]
    db.session.commit()
    daily = pull(shop)
    assert daily.since is not None
    assert now() - daily.since >= timedelta(hours=24)
    last = pull(shop)
    assert last.since is not None
    assert now() - last.since < timedelta(hours=1), "the last day is asked for again once a day"


def test_a_start_beyond_the_reach_is_cut_and_told(pasar: Pasar) -> None:
    shop = channel(start=now() - timedelta(days=30))
    run = pull(shop)
    assert run.since is not None
    assert abs(now() - timedelta(days=9) - run.since) < timedelta(minutes=1)
    assert datetime.fromisoformat(open_causes()["orders_clipped"]["since"]) == run.since
    pull(shop)
    assert "orders_clipped" in open_causes(), "one sync later nobody has read it"


def test_orders_from_before_the_start_are_left_out_but_those_here_are_followed(pasar: Pasar) -> None:
    shop = channel(start=now() - timedelta(hours=2))
    early, moment = now() - timedelta(hours=5), now()
    pasar.put("old", early)
    pasar.put("old", moment, state="SENT")
    pasar.put("new", moment)
    run = pull(shop)
    assert (run.seen, run.fresh) == (2, 1)
    connections.save_options(again(shop), {"import_orders_from": now().isoformat()}, MEI)
    pasar.put("new", moment + timedelta(seconds=1), state="GONE")
    pull(shop)
    assert the_order("new").status is OrderStatus.CANCELLED
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Order)) == 1


def test_moving_the_start_back_imports_the_gap_and_forward_deletes_nothing(pasar: Pasar) -> None:
    shop = channel(start=now() - timedelta(hours=1))
    pasar.put("1", now() - timedelta(days=3))
    pull(shop)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Order)) == 0
    connections.save_options(again(shop), {"import_orders_from": (now() - timedelta(days=4)).isoformat()}, MEI)
    work_off()
    assert the_order("1").status is OrderStatus.TO_SHIP
    connections.save_options(again(shop), {"import_orders_from": now().isoformat()}, MEI)
    pull(shop)
    assert the_order("1").status is OrderStatus.TO_SHIP


def test_orders_of_the_time_in_which_a_channel_rested_come_in_when_it_is_on_again(pasar: Pasar) -> None:
    shop = channel()
    pull(shop)
    pasar.put("1", now() + timedelta(seconds=1))
    again(shop).active_since = now() + timedelta(hours=3)  # As turning on again sets it.
    db.session.commit()
    pull(shop)
    assert the_order("1").status is OrderStatus.TO_SHIP


def test_a_run_that_failed_counts_for_nothing(pasar: Pasar) -> None:
    shop = channel(start=now() - timedelta(hours=1))
    pull(shop)
    good = runs()[-1].started_at
    pasar.error = True
    sync.start(again(shop), Resource.ORDERS, "Mei Lin")
    db.session.commit()
    work_off()
    assert runs()[-1].state is RunState.FAILED
    pasar.error = False
    assert good is not None
    assert pull(shop).since == good - windows.OVERLAP


def test_an_order_that_cannot_be_read_does_not_stop_the_others(pasar: Pasar) -> None:
    shop = channel(start=now() - timedelta(hours=1))
    pasar.put("1")
    pasar.put("2", lines=[])
    pasar.put("3")
    run = pull(shop)
    assert (run.seen, run.kept, run.refused) == (3, 2, 1)


def test_one_order_is_asked_for_again_by_its_id(pasar: Pasar) -> None:
    shop = channel(start=now() - timedelta(hours=1))
    pasar.put("1")
    pull(shop)
    pasar.put("1", now() + timedelta(seconds=2), state="SENT", tracking="SF123")
    assert resources.refresh(again(shop), Resource.ORDERS, ["1"]) == ("1",)
    found = the_order("1")
    assert (found.status, found.tracking) == (OrderStatus.SHIPPED, "SF123")


def test_many_orders_imported_twice_leave_what_once_left(pasar: Pasar) -> None:
    many = 10_000
    shop = channel(start=now() - timedelta(hours=9))
    linked(shop, "L1", "A")
    pasar.size = 100
    base = now() - timedelta(hours=8)
    for number in range(many):
        pasar.put(
            f"{number:05}", base + timedelta(seconds=number), lines=[line("1", "A", 1 + number % 3, listing="L1")]
        )
    assert pull(shop).fresh == many
    tables = ("orders", "order_line", "order_event", "reservation", "stock", "stock_move")
    state = sa.text(
        " union all ".join(f"select '{each}', count(*), max(xmin::text::bigint) from {each}" for each in tables)
    )
    before = sorted(map(tuple, db.session.execute(state)))
    promised = reserved("A")
    sync.start(again(shop), Resource.ORDERS, "Mei Lin").since = base - timedelta(hours=1)
    db.session.commit()
    work_off()
    run = runs()[-1]
    assert (run.seen, run.fresh, run.changed) == (many, 0, 0)
    assert sorted(map(tuple, db.session.execute(state))) == before
    assert promised == sum(1 + number % 3 for number in range(many))
    open_ones = sa.select(sa.func.sum(Reservation.quantity)).where(Reservation.state == ReservationState.OPEN)
    assert db.session.scalar(open_ones) == promised


def test_an_order_that_is_over_waits_for_no_link_any_more(shop: Connection) -> None:
    keep(shop, remote("1", "PAID", bought("1", "A", 1, "L1")))
    assert open_causes()["order_lines_unlinked"]["count"] == 1
    keep(shop, remote("1", "GONE", bought("1", "A", 1, "L1"), updated_at=now()))
    assert the_order("1").status is OrderStatus.CANCELLED
    assert "order_lines_unlinked" not in open_causes()


def test_a_channel_with_orders_cannot_be_disconnected(shop: Connection) -> None:
    keep(shop, remote("1"))
    shop.state = ConnectionState.SAVED
    db.session.commit()
    with pytest.raises(Refusal, match="channel_has_orders"):
        connections.remove(shop, MEI)
    assert the_order("1").status is OrderStatus.TO_SHIP
