"""The orders book of the sandboxes: what placing and moving an order does, how orders are searched, what is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from portal.contract.world.sales import Asked, Book, State
from portal.contract.world.sales_deeds import book_of

if TYPE_CHECKING:
    from tests.sandbox_server import Running

pytest_plugins = ("tests.sandbox_server",)

WHO = {"integration": "jd_com", "account": "northwick"}


def book(sandbox: Running) -> Book:
    world = sandbox.worlds["jd_com"]
    return book_of(world, world.seller("northwick"), "test")


def stocked(sandbox: Running, stock: int = 9):
    """A listing with so many pieces."""
    sandbox.control("listing", **WHO, deed="stock", slot=3, value=stock)
    return sandbox.http.get("/control/listings", params={**WHO, "start": 3, "count": 1}).json()[0]


def stock(sandbox: Running) -> int:
    return sandbox.http.get("/control/listings", params={**WHO, "start": 3, "count": 1}).json()[0]["stock"]


def test_an_order_takes_its_pieces_and_a_cancellation_gives_them_back(sandbox):
    one = stocked(sandbox)
    before = sandbox.worlds["jd_com"].memory.last_seq()
    sale = sandbox.control("order", **WHO, lines=[{"id": one["id"], "quantity": 4}], unpaid=True)
    assert (sale["state"], stock(sandbox)) == ("unpaid", 5)
    sandbox.control("order_state", **WHO, order=sale["number"], deed="pay")
    assert stock(sandbox) == 5
    moved = sandbox.control("order_state", **WHO, order=sale["number"], deed="cancel")
    assert (moved["state"], stock(sandbox)) == ("cancelled", 9)
    effects = [each["effect"] for each in sandbox.journal(before, kind="effect")]
    assert effects == ["stock.sold", "order.place", "order.pay", "stock.back", "order.cancel"]


def test_more_than_there_is_is_not_sold_unless_forced(sandbox):
    one = stocked(sandbox, 2)
    asked = {**WHO, "id": one["id"], "quantity": 3}
    refused = sandbox.http.post("/control/order", json=asked)
    assert (refused.status_code, stock(sandbox)) == (400, 2)
    assert "has 2 left" in refused.json()["error"]
    sandbox.control("order", **asked, force=True)
    assert stock(sandbox) == 0


def test_a_deed_that_does_not_fit_is_refused(sandbox):
    sale = sandbox.control("order", **WHO)
    sandbox.control("order_state", **WHO, order=sale["number"], deed="ship", carrier="467", waybill="SF1")
    refused = sandbox.http.post("/control/order_state", json={**WHO, "order": sale["number"], "deed": "cancel"})
    assert refused.status_code == 400
    assert "is shipped" in refused.json()["error"]


def test_an_unlocked_order_is_what_it_was_before(sandbox):
    number = sandbox.control("order", **WHO)["number"]
    steps = (("lock", "locked"), ("unlock", "to_ship"), ("ask_cancel", "cancel_asked"), ("unlock", "to_ship"))
    for deed, state in steps:
        assert sandbox.control("order_state", **WHO, order=number, deed=deed)["state"] == state


def test_a_repeated_buyer_is_the_same_person_and_no_journal_knows_them(sandbox):
    made = [sandbox.control("order", **WHO, buyer=buyer, note="ring twice")["number"] for buyer in (7, 7, 8)]
    people = [each.buyer for each in book(sandbox).some(made)]
    assert people[0] == people[1] != people[2]
    written = sandbox.http.get("/control/journal").text + sandbox.http.get("/control/orders", params=WHO).text
    for secret in (people[0].name, people[0].phone, people[0].street, "ring twice"):
        assert secret not in written


def test_many_orders_are_spread_and_counted_by_state(sandbox):
    sandbox.control("order", **WHO, many=50, minutes_ago=100)
    sandbox.control("order", **WHO, many=3, unpaid=True)
    listed = sandbox.http.get("/control/orders", params={**WHO, "count": 100}).json()
    placed = [each["placed"] for each in listed[:50]]
    assert placed == sorted(placed)
    assert 5_700_000 < placed[-1] - placed[0] <= 6_000_000
    assert sandbox.truth("jd_com/northwick")["orders"] == {"jd_com/northwick": {"to_ship": 50, "unpaid": 3}}
    assert len({each["number"] for each in listed}) == 53
    assert min(each["number"] for each in listed) > 2**53


def test_a_late_order_appears_later_with_its_older_time(sandbox):
    late = sandbox.control("order", **WHO, late=3600)
    assert book(sandbox).window() == ([], 0)
    assert book(sandbox).find(late["number"]) is None
    sandbox.control("clock", integration="jd_com", seconds=3601)
    rows, total = book(sandbox).window()
    assert (total, rows[0].modified) == (1, late["modified"])


def test_orders_of_one_moment_are_paged_in_a_stable_order(sandbox):
    one = book(sandbox)
    now = one.now()
    for _ in range(25):
        one.place(Asked(at=now - 60_000))
    pages = [one.window(start=start, count=10)[0] for start in (0, 10, 20)]
    numbers = [each.number for page in pages for each in page]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 25
    falling = [each.number for each in one.window(count=25, falling=True)[0]]
    assert falling == numbers[::-1]
    assert one.window(states=(State.UNPAID,))[1] == 0


def test_the_book_outlives_the_process_and_a_reset_empties_it(sandbox):
    number = sandbox.control("order", **WHO)["number"]
    world = sandbox.worlds["jd_com"]
    world._load()
    assert book(sandbox).find(number)
    sandbox.control("reset", integration="jd_com")
    assert book(sandbox).counts() == {}


def test_orders_are_placed_by_the_form_too(sandbox):
    one = stocked(sandbox)
    form = {"who": "jd_com/northwick", "lines": f"{one['sku']}:2", "many": "", "gift": "1"}
    assert sandbox.http.post("/control/order", data=form).status_code == 303
    listed = sandbox.http.get("/control/orders", params=WHO).json()
    assert [(each["gift"], each["lines"][0]["quantity"]) for each in listed] == [(True, 2)]
    page = sandbox.http.get("/control").text
    assert "Place orders" in page
    assert "Move an outbound order" in page


@pytest.mark.proof
def test_fifty_thousand_orders_are_searched_at_once(sandbox):
    one = book(sandbox)
    sandbox.control("account", integration="jd_com", name="northwick", size=20_000)
    one.place_many(50_000, Asked(force=True), one.now() - 30 * 86_400_000)
    begun = time.monotonic()
    rows, total = one.window(start=49_900)
    assert (len(rows), total) == (100, 50_000)
    assert time.monotonic() - begun < 0.5
