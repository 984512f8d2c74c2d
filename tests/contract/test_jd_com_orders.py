"""JD.com's orders: no change is missed and none comes twice, whatever happens while they are read; what JD.com told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from portal.contract.errors import Busy, Garbled, Refused, Unauthorised
from portal.contract.http import Line
from portal.contract.records import OrderStatus
from portal.contract.world.sales import Asked, Book
from portal.contract.world.sales_deeds import book_of
from portal.integrations import get
from portal.integrations.jd_com import orders, orders_walk
from portal.kit.clock import now
from portal.kit.money import Money
from tests.contract.lines import client_of, line_to

if TYPE_CHECKING:
    from tests.sandbox_server import Running

pytest_plugins = ["tests.sandbox_server"]

ONE = get("jd_com")
WHO = {"integration": "jd_com", "account": "northwick"}
PULL = ONE.pulls["orders"]
DAY = 86_400_000


@pytest.fixture
def line() -> Iterator[Line]:
    with line_to() as found:
        yield found


@pytest.fixture
def client(sandbox: Running, line: Line) -> Any:
    return client_of(ONE, sandbox.url, sandbox.account("jd_com", "northwick"), line)


def book(sandbox: Running) -> Book:
    world = sandbox.worlds["jd_com"]
    return book_of(world, world.seller("northwick"), "test")


def pulled(client: Any, since: datetime | None = None, meanwhile: Callable[[int], object] | None = None) -> list[Any]:
    """All records from a moment on; `meanwhile` is called with the number of every page."""
    found = []
    for number, page in enumerate(PULL.pages(client, since or now() - timedelta(days=3), None)):
        found += [PULL.read(item) for item in page.items]
        if meanwhile:
            meanwhile(number)
    return found


def ids(found: list[Any]) -> list[str]:
    return [each.remote_id for each in found]


# --- none missed, none twice --------------------------------------------------------------------------------------


def test_two_thousand_orders_with_edits_and_late_arrivals_are_all_read_and_none_twice(
    sandbox: Running, client: Any
) -> None:
    one = book(sandbox)
    since, begun = now() - timedelta(days=2), one.now()
    placed = one.place_many(2000, Asked(force=True), begun - 2 * DAY + 60_000)
    late: list[int] = []

    def meanwhile(page: int) -> None:
        if page == 0:
            time.sleep(1.1)  # The walk ends with the second in which it began; what follows changes after that.
        # Some leave the windows that are still to be read, and late ones come into those that are being read.
        for sale in placed[page * 90 : page * 90 + 20] + placed[page * 90 + 300 : page * 90 + 310]:
            one.change(sale.number, "test.edit", seller_note="edited")
        late.append(one.place(Asked(force=True, at=placed[min(page * 80, 1999)].placed)).number)

    found = pulled(client, since, meanwhile)
    assert len(late) > 20
    assert len(ids(found)) == len(set(ids(found)))
    assert len(ids(found)) < 2000, "nothing left its window"
    again = pulled(client, datetime.fromtimestamp(begun / 1000, UTC) - timedelta(minutes=15))
    everybody = {str(each.number) for each in placed} | {str(each) for each in late[:20]}
    assert everybody <= {*ids(found), *ids(again)}


def test_a_late_arrival_in_a_window_that_is_being_read_is_found(sandbox: Running, client: Any) -> None:
    one = book(sandbox)
    begin = one.now() - DAY // 2
    one.place_many(350, Asked(force=True), begin)
    late: list[str] = []

    def meanwhile(page: int) -> None:
        if page == 2:
            late.append(str(one.place(Asked(force=True, at=begin + 90_000)).number))

    found = pulled(client, now() - timedelta(days=1) + timedelta(minutes=1), meanwhile)
    assert late[0] in ids(found)
    assert len(ids(found)) == len(set(ids(found))) == 351


def test_more_orders_in_one_second_than_an_answer_holds_are_all_read(sandbox: Running, client: Any) -> None:
    one = book(sandbox)
    second = (one.now() - 3_600_000) // 1000 * 1000
    for at in (second - 1000, *[second] * 250, second + 1000):
        one.place(Asked(force=True, at=at - 30_000, cod=False))
    found = pulled(client)
    assert len(ids(found)) == len(set(ids(found))) == 252


def test_orders_that_come_in_another_order_than_was_asked_for_are_all_read(
    sandbox: Running, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "_OLDEST_FIRST", 1)
    book(sandbox).place_many(420, Asked(force=True), book(sandbox).now() - DAY)
    found = pulled(client)
    assert len(ids(found)) == len(set(ids(found))) == 420


def test_what_changed_before_the_moment_does_not_come(sandbox: Running, client: Any) -> None:
    one = book(sandbox)
    old, new = one.place(Asked(at=one.now() - DAY)), one.place(Asked(at=one.now() - 60_000))
    found = pulled(client, now() - timedelta(minutes=10))
    assert ids(found) == [str(new.number)]
    one.move(old.number, "lock")
    assert set(ids(pulled(client, now() - timedelta(minutes=10)))) == {str(old.number), str(new.number)}


def test_a_first_run_reaches_as_far_back_as_jd_shows_changes(sandbox: Running, client: Any) -> None:
    one = book(sandbox)
    shown, hidden = one.place(Asked(at=one.now() - 88 * DAY)), one.place(Asked(at=one.now() - 100 * DAY))
    before = sandbox.worlds["jd_com"].memory.last_seq()
    found = [PULL.read(item) for page in PULL.pages(client, None, None) for item in page.items]
    assert ids(found) == [str(shown.number)]
    assert str(hidden.number) not in ids(found)
    windows = [
        each["arguments"] for each in sandbox.journal(before, kind="request", operation="jingdong.pop.order.enSearch")
    ]
    assert len(windows) == 90


def test_an_order_that_is_paid_while_the_walk_goes_on_comes_with_its_later_word(sandbox: Running, client: Any) -> None:
    one = book(sandbox)
    sale = one.place(Asked(unpaid=True, at=one.now() - 60_000))
    found = pulled(client, now() - timedelta(hours=1), lambda page: page or one.move(sale.number, "pay"))
    words = [each.status_word for each in found]
    again = [each.status_word for each in pulled(client, now() - timedelta(minutes=15))]
    assert [*words, *again][-1] == "WAIT_SELLER_STOCK_OUT"
    assert words[0] == "NOT_PAY"


def test_a_cursor_of_another_make_begins_anew(sandbox: Running, client: Any) -> None:
    number = book(sandbox).place(Asked()).number
    for cursor in ("{}", "nonsense", '{"page":2}', '{"since":"a","until":1,"begin":1,"next":1,"end":1}'):
        found = [item for page in PULL.pages(client, now() - timedelta(hours=1), cursor) for item in page.items]
        assert [each["orderId"] for each in found] == [str(number)]


# --- what JD.com told ---------------------------------------------------------------------------------------------


def test_an_order_is_read_as_it_was_placed(sandbox: Running, client: Any) -> None:
    sandbox.control("account", integration="jd_com", name="northwick", told={})
    listing = sandbox.http.get("/control/listings", params={**WHO, "start": 3, "count": 1}).json()[0]
    asked = {"lines": [{"id": listing["id"], "quantity": 2}], "note": "请放门口", "force": True, "buyer": 7}
    made = sandbox.control("order", **WHO, **asked)
    order = pulled(client, now() - timedelta(minutes=10))[0]
    line = order.lines[0]
    assert (line.listing_id, line.sku, line.quantity) == (str(listing["id"]), listing["sku"], 2)
    assert line.price == Money(int(listing["price"].replace(".", "")), "CNY")
    assert (order.buyer_note, order.masked, order.by_channel, order.paid_on_delivery) == (
        "请放门口",
        True,
        False,
        False,
    )
    assert int(order.placed_at.timestamp()) == made["placed"] // 1000
    assert order.paid_at is not None
    assert order.placed_at.utcoffset() == timedelta(0)
    assert order.total.minor == 2 * line.price.minor - order.discount.minor + order.freight.minor
    other = sandbox.control("order", **WHO, **asked | {"cod": True, "by_channel": True})
    two = {each.remote_id: each for each in pulled(client, now() - timedelta(minutes=10))}
    second = two[str(other["number"])]
    assert (second.paid_on_delivery, second.by_channel, second.paid_at) == (True, True, None)
    assert second.buyer == order.buyer
    assert second.consignee == order.consignee


@pytest.mark.parametrize(
    ("word", "means"), [(each, means) for each, means in ONE.statuses.items() if each != "NOT_PAY"]
)
def test_every_word_comes_with_what_it_means(sandbox: Running, client: Any, word: str, means: OrderStatus) -> None:
    number = sandbox.control("order", **WHO)["number"]
    sandbox.control("order_word", **WHO, order=number, word=word)
    found = pulled(client, now() - timedelta(minutes=10))
    assert [(each.status_word, ONE.statuses[each.status_word]) for each in found] == [(word, means)]


def test_a_word_that_nobody_knows_stays_as_it_is(sandbox: Running, client: Any) -> None:
    number = sandbox.control("order", **WHO)["number"]
    sandbox.control("order_word", **WHO, order=number, word="A_NEW_WORD")
    found = [PULL.read(each) for each in PULL.some(client, [str(number)])]
    assert [each.status_word for each in found] == ["A_NEW_WORD"]
    assert "A_NEW_WORD" not in ONE.statuses


def test_unpaid_orders_are_found_by_their_number_too(sandbox: Running, client: Any) -> None:
    number = sandbox.control("order", **WHO, unpaid=True)["number"]
    assert [PULL.read(each).status_word for each in PULL.some(client, [str(number), "7", "x"])] == ["NOT_PAY"]


@pytest.mark.parametrize(
    ("fault", "error"), [("code:65", Busy), ("code:24", Unauthorised), ("cut", Garbled), ("code:61", Refused)]
)
def test_a_walk_that_is_cut_off_goes_on_at_its_cursor(
    sandbox: Running, client: Any, fault: str, error: type[Exception]
) -> None:
    book(sandbox).place_many(400, Asked(force=True), book(sandbox).now() - DAY)
    since, found, cursor = now() - timedelta(days=2), [], None
    pages = PULL.pages(client, since, None)
    for _ in range(4):
        page = next(pages)
        found += page.items
        cursor = page.cursor
    sandbox.control("fault", integration="jd_com", kind=fault)
    with pytest.raises(error):
        next(pages)
    found += [item for page in PULL.pages(client, since, cursor) for item in page.items]
    assert len({each["orderId"] for each in found}) == 400


def test_an_answer_whose_list_is_shorter_than_it_says_is_no_end_of_the_walk(client: Any) -> None:
    with pytest.raises(Garbled):
        orders_walk._still(lambda page: orders.Answered([{"orderId": "1"}] if page == 1 else [], 3))
