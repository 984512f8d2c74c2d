"""The pages of orders: seen, found, explained; a buyer's data only where somebody asked to see it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.contract.records import Consignee, RemoteLine, RemoteOrder
from portal.flows import orders, sync
from portal.flows.audit import By
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.money import Money
from portal.models import AuditNote, Order, Stock, StockMove
from tests.cast import Cast
from tests.flows.jd import work_off
from tests.goods import listing, product, take_in
from tests.ordering import Pasar, channel, line, pasar
from tests.web.shelf import Browser, at, lantern

__all__ = ["pasar"]
MEI = By("Mei Lin")
Statements = Callable[[], AbstractContextManager[list[str]]]
BUYER = Consignee(
    name="王小芳", phone="13800138000", address="中山路 12 号", city="上海", province="上海市", country="CN"
)
SECRETS = ("王小芳", "13800138000", "中山路", "at the door")


def remote(remote_id: str, word: str = "PAID", *skus: str, **more: Any) -> RemoteOrder:
    lines = tuple(
        RemoteLine(str(place), "", sku, f"Channel title of {sku}", 2, Money(1990, "CNY"))
        for place, sku in enumerate(skus or ("LAMP",))
    )
    values: dict[str, Any] = {
        "remote_id": remote_id,
        "status_word": word,
        "status_text": f"Text of {word}",
        "lines": lines,
        "placed_at": now() - timedelta(hours=1),
        "updated_at": now(),
        "total": Money(129950, "CNY"),
        "consignee": BUYER,
        "buyer_note": "leave it at the door",
        "number": f"JD-{remote_id}",
    }
    return RemoteOrder(**{**values, **more})


@pytest.fixture
def shop(cast: Cast, pasar: Pasar) -> uuid.UUID:
    """A channel with a linked lamp of which three are there."""
    with lantern(cast):
        made = channel(start=now() - timedelta(days=300))
        lamp = product("LAMP")
        lamp.title = "Folding lamp of ours"
        take_in(made, [listing("L1", "LAMP"), listing("L2", "CUP")])
        db.session.add(Stock(merchant_id=lamp.merchant_id, product_id=lamp.id, on_hand=3))
        db.session.commit()
        return made.id


def keep(cast: Cast, shop: uuid.UUID, *records: RemoteOrder) -> dict[str, uuid.UUID]:
    with lantern(cast):
        orders.keep_orders(at(shop), records, now())
        db.session.commit()
        return {row.remote_id: row.id for row in db.session.execute(sa.select(Order.remote_id, Order.id))}


def numbers(browser: Browser, address: str) -> list[str]:
    """The numbers of the orders that a list shows, in its order."""
    return [each["number"] for each in browser.json(address)["items"]]


def text_of(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


def test_without_orders_the_page_leads_to_the_channels(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    assert "No orders yet" in mei.get("/orders").text
    assert "See your sales channels" in mei.get("/orders").text


def test_the_list_shows_what_is_to_do_and_nothing_of_the_buyer(cast: Cast, shop: uuid.UUID) -> None:
    keep(cast, shop, remote("1"))
    page = Browser(cast, cast.vera).get("/orders")
    said = text_of(page)
    for each in ("JD-1", "王**", "CNY", "1,299.50", "To ship", "Text of PAID", "Pasar Shanghai"):
        assert each in said, each
    for each in SECRETS:
        assert each not in page.text


def test_views_hold_what_their_names_say(cast: Cast, shop: uuid.UUID) -> None:
    keep(
        cast,
        shop,
        remote("ship"),
        remote("unlinked", "PAID", "CUP"),
        remote("word", "WEIRD"),
        remote("short", "NEW"),
        remote("hold", "STOP", "CUP"),
        remote("sent", "SENT"),
        remote("gone", "GONE", "CUP"),
        remote("theirs", "PAID", "CUP", by_channel=True),
    )
    mei = Browser(cast, cast.mei)

    def view(name: str) -> set[str]:
        return {each.removeprefix("JD-") for each in numbers(mei, f"/orders?view={name}")}

    assert view("all") == {"ship", "unlinked", "word", "short", "hold", "sent", "gone", "theirs"}
    assert view("to_ship") == {"ship", "unlinked", "theirs"}
    assert view("hold") == {"hold"}
    assert view("shipped") == {"sent"}
    assert view("cancelled") == {"gone"}
    found = view("attention")
    assert {"unlinked", "word", "hold"} <= found, "not linked, or a word without a meaning"
    assert len(found & {"ship", "word", "short"}) >= 2, "three are there and six are promised"
    assert not found & {"gone", "sent", "theirs"}
    page = text_of(mei.get("/orders?view=attention"))
    for each in ("Needs mapping", "Not linked", "Out of stock"):
        assert each in page, each
    counts = re.findall(r'class="n">(\d+)<', mei.get("/orders").text)
    assert [int(each) for each in counts] == [8, 3, len(found), 1, 0, 1, 1]


def test_an_order_is_found_by_every_code_and_by_words_of_a_title(cast: Cast, shop: uuid.UUID) -> None:
    keep(cast, shop, remote("8001", tracking="SF-77"), remote("9002", "PAID", "CUP"))
    mei = Browser(cast, cast.mei)
    for words in ("JD-8001", "JD-80", "8001", "SF-77", "SF-", "LAMP", "LA", "lamp folding", "title l1"):
        assert numbers(mei, f"/orders?q={words}") == ["JD-8001"], words
    assert set(numbers(mei, "/orders?q=JD-")) == {"JD-8001", "JD-9002"}
    for nothing in ("nothing like it", "%", "SF-78", "王小芳", "13800138000"):
        assert numbers(mei, f"/orders?q={nothing}") == [], nothing
    assert "No order matches." in mei.get("/orders?q=nothing").text


def test_filters_by_channel_store_and_day_keep_each_other(cast: Cast, shop: uuid.UUID) -> None:
    with lantern(cast):
        other = channel("Second").id
        store = at(shop).store_id
    keep(cast, shop, remote("old", placed_at=now() - timedelta(days=9)), remote("new"))
    keep(cast, other, remote("other", placed_at=now() + timedelta(minutes=1)))
    mei = Browser(cast, cast.mei)
    assert set(numbers(mei, f"/orders?connection={shop}")) == {"JD-old", "JD-new"}
    assert set(numbers(mei, f"/orders?store={store}")) == {"JD-old", "JD-new", "JD-other"}
    day = (now() - timedelta(days=4)).date().isoformat()
    assert numbers(mei, f"/orders?connection={shop}&from={day}") == ["JD-new"]
    assert numbers(mei, f"/orders?to={day}") == ["JD-old"]
    assert len(numbers(mei, "/orders?from=nonsense&to=0000-00-00")) == 3
    assert mei.get(f"/orders?connection={uuid.uuid4()}").status_code == 404
    page = mei.get(f"/orders?connection={shop}&from={day}&view=to_ship").text
    assert f"connection={shop}" in page
    assert "view=to_ship" in page


def test_pages_lead_there_and_back_in_the_order_of_placing(cast: Cast, shop: uuid.UUID, statements: Statements) -> None:
    base = now() - timedelta(hours=3)
    keep(
        cast, shop, *[remote(f"{number:03}", placed_at=base + timedelta(seconds=number // 2)) for number in range(120)]
    )
    mei = Browser(cast, cast.mei)
    first = mei.json("/orders")
    assert first["count"] == {"number": 120, "more": False}
    second = mei.json(f"/orders?page={first['next']}")
    third = mei.json(f"/orders?page={second['next']}")
    found = [each["number"] for page in (first, second, third) for each in page["items"]]
    assert len(set(found)) == 120
    placed = [each["placed_at"] for page in (first, second, third) for each in page["items"]]
    assert placed == sorted(placed, reverse=True)
    assert mei.json(f"/orders?page={third['previous']}")["items"] == second["items"]
    with statements() as many:
        mei.get("/orders")
    with statements() as few:
        mei.get("/orders?q=JD-001")
    assert len(many) <= 40
    assert len(few) <= 42


def test_new_orders_are_told_without_loading_the_list_again(cast: Cast, shop: uuid.UUID) -> None:
    keep(cast, shop, remote("1"))
    mei = Browser(cast, cast.mei)
    page = mei.get("/orders").text
    address = re.search(r'hx-get="(/orders/new-ones[^"]*)"', page)
    assert address, "the line asks for itself"
    asked = address[1].replace("&amp;", "&")
    hx = {"HX-Request": "true", "HX-Target": "orders_news"}
    assert "new order" not in mei.get(asked, headers=hx).text
    keep(cast, shop, remote("2"), remote("3"))
    line = mei.get(asked, headers=hx).text
    assert "2 new orders" in line
    assert "<html" not in line
    assert "JD-2" not in line


def test_one_order_says_what_comes_next_and_keeps_the_address_back(cast: Cast, shop: uuid.UUID) -> None:
    ids = keep(cast, shop, remote("1", ship_by=now() - timedelta(hours=2)), remote("2", "PAID", "CUP"))
    vera = Browser(cast, cast.vera)
    page = vera.get(f"/orders/{ids['1']}")
    said = text_of(page)
    for each in (
        "Ready to be shipped.",
        "Overdue.",
        "2 pieces reserved",
        "Folding lamp of ours",
        "上海市",
        "Came in from",
    ):
        assert each in said, each
    for each in SECRETS:
        assert each not in page.text
    assert "Reveal" not in said, "who only looks is not offered what would be refused"
    other = text_of(vera.get(f"/orders/{ids['2']}"))
    assert "Link the listings without a product first" in other
    assert "Not linked" in other


def test_the_address_is_shown_once_and_that_somebody_looked_is_kept(cast: Cast, shop: uuid.UUID) -> None:
    ids = keep(cast, shop, remote("1"))
    here = f"/orders/{ids['1']}"
    assert Browser(cast, cast.vera).post(f"{here}/reveal").status_code == 403
    mei = Browser(cast, cast.mei)
    shown = mei.post(f"{here}/reveal")
    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "no-store"
    for each in SECRETS:
        assert each in shown.text
    after = mei.get(here)
    for each in SECRETS:
        assert each not in after.text
    assert "name and address were shown" in after.text
    with lantern(cast):
        note = db.session.scalars(sa.select(AuditNote).where(AuditNote.what == "buyer_revealed")).one()
        assert (note.who, note.subject_id) == ("Mei Lin", ids["1"])
        text = str(db.session.execute(sa.text("select string_agg(a::text, '') from audit_note a")).scalar())
    for each in SECRETS:
        assert each not in text


def test_the_channels_title_leads_where_its_option_says_so(cast: Cast, shop: uuid.UUID) -> None:
    ids = keep(cast, shop, remote("1"))
    mei = Browser(cast, cast.mei)
    name = re.compile(r'<a class="name"[^>]*>([^<]+)</a>')
    assert name.findall(mei.get(f"/orders/{ids['1']}").text) == ["Folding lamp of ours"]
    with lantern(cast):
        one = at(shop)
        one.options = {**one.options, "use_channel_names": True}
        db.session.commit()
    page = mei.get(f"/orders/{ids['1']}").text
    assert name.findall(page) == ["Channel title of LAMP"]
    assert "Folding lamp of ours" in page


def test_an_order_is_brought_up_to_date_by_a_button(cast: Cast, shop: uuid.UUID, pasar: Pasar) -> None:
    pasar.put("1", lines=[line("1", "LAMP", listing="L1")])
    with lantern(cast):
        sync.start(at(shop), Resource.ORDERS, "Mei Lin")
        db.session.commit()
        work_off()
        order_id = db.session.scalars(sa.select(Order.id)).one()
    mei = Browser(cast, cast.mei)
    here = f"/orders/{order_id}"
    assert "Refresh from channel" in mei.get(here).text
    pasar.put("1", now() + timedelta(seconds=2), state="GONE")
    assert mei.post(f"{here}/refresh").status_code == 303
    page = text_of(mei.get(here))
    assert "The order was brought up to date." in page
    assert "To ship became Cancelled" in page
    pasar.error = True
    refused = mei.post(f"{here}/refresh")
    assert refused.status_code == 422
    assert "Traceback" not in refused.text


def test_an_order_by_hand_is_entered_reserved_shipped_and_taken_back(cast: Cast, shop: uuid.UUID) -> None:
    mei = Browser(cast, cast.mei)
    form = {"store": str(cast.lantern_store), "name": "Anna Vogel", "address": "Elm Road 1", "country": "DE"}
    wrong = mei.post("/orders/new", {**form, "sku": ["LAM"], "pieces": ["1"], "price": [""]})
    assert wrong.status_code == 422
    assert "You have no product with this SKU." in wrong.text
    assert "LAMP" in wrong.text
    for pieces, price in (("0", ""), ("x", ""), ("1", "12.345"), ("1", "-1")):
        assert (
            mei.post("/orders/new", {**form, "sku": ["LAMP"], "pieces": [pieces], "price": [price]}).status_code == 422
        )
    assert mei.post("/orders/new", form).status_code == 422
    made = mei.post("/orders/new", {**form, "sku": ["LAMP", ""], "pieces": ["2", ""], "price": ["10.50", ""]})
    assert made.status_code == 303, made.text
    here = made.location
    page = text_of(mei.get(here))
    assert "21.00" in page
    assert "A*** V***" in page
    assert "Elm Road" not in page
    assert "2 pieces reserved" in page
    assert mei.post(f"{here}/cancel", {"why": ""}).status_code == 422
    assert mei.post(f"{here}/ship", {"carrier": "SF", "tracking": "SF1"}).status_code == 303
    assert mei.post(f"{here}/ship").status_code == 422, "it left already"
    page = mei.get(here).text
    assert "Marked as shipped: SF SF1" in text_of(mei.get(here))
    line_id = re.search(r'name="line" value="([^"]+)"', page)
    assert line_id
    with lantern(cast):
        assert db.session.scalar(sa.select(Stock.on_hand)) == 1
    back = {"line": line_id[1], "pieces": "1", "note": "unopened"}
    assert mei.post(f"{here}/receive", {**back, "pieces": "3"}).status_code == 422
    assert mei.post(f"{here}/receive", back).status_code == 303
    assert mei.post(f"{here}/receive", {**back, "pieces": "2"}).status_code == 422, "one of two is back already"
    with lantern(cast):
        assert db.session.scalar(sa.select(Stock.on_hand)) == 2
        assert db.session.scalar(sa.select(StockMove.why).order_by(StockMove.version.desc()).limit(1)) == "receipt"


def test_an_order_by_hand_that_is_cancelled_frees_its_pieces(cast: Cast, shop: uuid.UUID) -> None:
    mei = Browser(cast, cast.mei)
    form = {"store": str(cast.lantern_store), "sku": ["LAMP"], "pieces": ["1"], "price": [""]}
    here = mei.post("/orders/new", form).location
    assert mei.post(f"{here}/cancel", {"why": "The buyer called."}).status_code == 303
    assert "Cancelled: The buyer called." in text_of(mei.get(here))
    with lantern(cast):
        assert db.session.scalar(sa.select(Stock.reserved)) == 0


def test_what_a_channel_tells_is_not_changed_by_hand(cast: Cast, shop: uuid.UUID) -> None:
    ids = keep(cast, shop, remote("1"))
    mei = Browser(cast, cast.mei)
    for verb in ("ship", "cancel"):
        answer = mei.post(f"/orders/{ids['1']}/{verb}", {"why": "x"})
        assert answer.status_code == 422
        assert "The channel says how far this order is." in answer.text


def test_the_words_of_a_channel_are_given_a_meaning_on_its_page(cast: Cast, shop: uuid.UUID) -> None:
    ids = keep(cast, shop, remote("1", "WEIRD"))
    mei = Browser(cast, cast.mei)
    page = mei.get(f"/connections/{shop}/statuses")
    assert "WEIRD" in page.text
    assert "Not known yet" in page.text
    assert "Ready to ship" in page.text
    assert "Dispatched" not in page.text, "that is what shipments at a warehouse are"
    said = mei.post(f"/connections/{shop}/statuses", {"word": ["WEIRD"], "meaning": ["on_hold"]})
    assert said.status_code == 303
    assert mei.json(f"/orders/{ids['1']}")["status"] == "on_hold"
    assert mei.post(f"/connections/{shop}/statuses", {"word": ["WEIRD"], "meaning": ["packed"]}).status_code == 422


def test_scripts_read_an_order_with_its_lines_and_nothing_of_the_buyer(cast: Cast, shop: uuid.UUID) -> None:
    ids = keep(cast, shop, remote("1", "PAID", "LAMP", "CUP"))
    answer = Browser(cast, cast.vera).client.get(f"/orders/{ids['1']}", headers={"Accept": "application/json"})
    found = answer.json
    assert (found["number"], found["total"], found["country"]) == ("JD-1", {"minor": 129950, "currency": "CNY"}, "CN")
    assert [(each["sku"], each["reserved"]) for each in found["lines"]] == [("LAMP", 2), ("CUP", 0)]
    for each in SECRETS:
        assert each not in answer.text


def test_new_orders_are_asked_for_at_the_press_of_a_button(cast: Cast, shop: uuid.UUID, pasar: Pasar) -> None:
    mei = Browser(cast, cast.mei)
    pasar.put("1", now())
    assert "Check for new orders" in mei.get("/orders").text or numbers(mei, "/orders") == []
    assert mei.post("/orders/check").location == "/orders"
    assert "1 channel is asked for new orders." in text_of(mei.get("/orders"))
    assert mei.post("/orders/check").status_code == 303, "twice in a row asks no second time"
    with lantern(cast):
        work_off()
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Order)) == 1
    assert len(numbers(mei, "/orders")) == 1


def test_where_no_channel_brings_orders_the_button_says_so(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    assert mei.post("/orders/check").status_code == 303
    assert "No sales channel is on that brings orders. Turn one on first." in text_of(mei.get("/orders"))
    vera = Browser(cast, cast.vera)
    assert vera.post("/orders/check").status_code == 403
