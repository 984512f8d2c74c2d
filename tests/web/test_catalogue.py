"""Products and listings: found, shown, unlinked."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import sqlalchemy as sa

from portal.flows import linking
from portal.flows.audit import By
from portal.kit.db import db
from portal.models import Connection, Product
from tests.cast import Cast
from tests.goods import listing, product, row, states, take_in
from tests.web.shelf import Browser, lantern, rival, turned_on

MEI = By("Mei Lin")
Statements = Callable[[], AbstractContextManager[list[str]]]


def test_without_products_the_page_leads_to_a_channel_and_later_to_the_links(cast: Cast) -> None:
    mei = Browser(cast, cast.mei)
    assert "Connect a sales channel" in mei.get("/products").text
    with lantern(cast):
        turned_on()
    page = mei.get("/products").text
    assert "Go to SKU links" in page
    assert "Connect a sales channel" not in page


def test_a_product_is_found_by_sku_near_twin_barcode_and_words_of_its_title(cast: Cast) -> None:
    with lantern(cast):
        lamp, cup = product("BL-LAMP 01"), product("BL-CUP")
        lamp.title, lamp.barcode = "Folding lamp, warm white", "6901234500017"
        cup.title = "Cup with 100% wool sleeve"
        db.session.commit()
    mei = Browser(cast, cast.mei)
    for words in ("BL-LAMP 01", "bl-lamp", "ＢＬ－ＬＡＭＰ", "bl-lamp01", "6901234500017", "white folding"):
        page = mei.get("/products", query_string={"q": words}).text
        assert "Folding lamp" in page, words
        assert "wool sleeve" not in page, words
    assert "wool sleeve" in mei.get("/products", query_string={"q": "100%"}).text
    assert "Folding lamp" not in mei.get("/products", query_string={"q": "100%"}).text
    for nothing in ("nothing like it", "_"):
        assert "No product matches." in mei.get("/products", query_string={"q": nothing}).text, nothing


def test_products_are_paged_by_sku_there_and_back(cast: Cast) -> None:
    with lantern(cast):
        for number in range(120):
            product(f"P-{number:03d}")
    mei = Browser(cast, cast.mei)
    first = mei.json("/products")
    second = mei.json(f"/products?page={first['next']}")
    third = mei.json(f"/products?page={second['next']}")
    found = [each["sku"] for page in (first, second, third) for each in page["items"]]
    assert found == [f"P-{number:03d}" for number in range(120)]
    assert third["next"] is None
    assert mei.json(f"/products?page={third['previous']}")["items"] == second["items"]
    assert first["count"] == {"number": 120, "more": False}


def test_a_product_shows_each_listing_with_what_the_channel_says_and_who_linked_it(cast: Cast) -> None:
    with lantern(cast):
        jd, other = turned_on("jd_com"), turned_on("jd_id")
        take_in(jd, [listing("r-1", "CUP-1", status_word="on_shelf", title="Cup <b>blue</b>")])
        made = linking.create_product(row(jd, "r-1"), MEI)
        take_in(other, [listing("r-2", "CUP-1", on_sale=False)])
        public_id = made.id
    page = Browser(cast, cast.mei).get(f"/products/{public_id}").text
    assert "Cup &lt;b&gt;blue&lt;/b&gt;" in page
    assert "<b>blue" not in page
    for words in ("r-1", "r-2", "JD.com says: on_shelf", "By hand · Mei Lin", "Equal SKU", "Not on sale", "19.90"):
        assert words in page, words
    told = Browser(cast, cast.mei).json(f"/products/{public_id}")
    assert {each["link"]["how"] for each in told["listings"]} == {"hand", "sku"}


def test_listings_are_narrowed_by_channel_link_state_and_sale(cast: Cast) -> None:
    with lantern(cast):
        jd, other = turned_on("jd_com"), turned_on("jd_id")
        product("KNOWN")
        take_in(jd, [listing("a", "KNOWN"), listing("b", "NEW"), listing("c", ""), listing("gone", "GONE")])
        take_in(jd, [listing("a", "KNOWN"), listing("b", "NEW", on_sale=False), listing("c", "")])
        take_in(other, [listing("d", "KNOWN")])
        jd_id = jd.id
    mei = Browser(cast, cast.mei)

    def found(**wanted: object) -> set[str]:
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        return {each["remote_id"] for each in mei.json(f"/listings?{query}")["items"]}

    assert found() == {"a", "b", "c", "d", "gone"}
    assert found(connection=jd_id, state="linked") == {"a"}
    assert found(sale="off") == {"b"}
    assert found(sale="missing") == {"gone"}
    assert found(sale="on", connection=jd_id) == {"a", "c"}
    assert found(q="KNOWN") == {"a", "d"}
    assert "Remove filter Empty SKU" in mei.get("/listings?state=empty").text


def test_what_the_eye_misses_in_a_sku_is_marked_and_named(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        take_in(jd, [listing("odd", " A\u200b\u2013<b>\u3000")])
        public_id = row(jd, "odd").id
    page = Browser(cast, cast.mei).get(f"/listings/{public_id}").text
    for name in ("SPACE", "ZERO WIDTH SPACE", "EN DASH", "IDEOGRAPHIC SPACE"):
        assert f"({name})" in page, name
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_unlinking_is_asked_for_done_and_refused_the_second_time(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        product("CUP-1")
        take_in(jd, [listing("r-1", "CUP-1")])
        linked = row(jd, "r-1")
        public_id, product_id = linked.id, linked.product_id
    mei = Browser(cast, cast.mei)
    assert "Unlink from CUP-1" in mei.get(f"/listings/{public_id}/unlink").text
    answer = mei.post(f"/listings/{public_id}/unlink?back=product")
    assert answer.status_code == 303
    assert answer.location == f"/products/{product_id}"
    with lantern(cast):
        assert states(jd) == {"r-1": "left_out"}
    again = mei.post(f"/listings/{public_id}/unlink")
    assert again.status_code == 422
    assert "not linked any more" in again.text


def test_a_listing_that_is_gone_at_the_channel_says_so_and_offers_only_unlinking(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        product("CUP-1")
        take_in(jd, [listing("r-1", "CUP-1")])
        take_in(jd, [])
        public_id = row(jd, "r-1").id
    page = Browser(cast, cast.mei).get(f"/listings/{public_id}").text
    assert "no longer has this listing" in page
    assert "Unlink…" in page
    assert "Choose another…" not in page


FORGED = [[False, "x"], [False, "x", "y"], [True, "\0"], [False, "2026-99-01", "z"], [False, "\ud800"], [0, {}], 7, {}]


@pytest.mark.parametrize("url", ["/products?", "/listings?", "/links?state=new&", "/links?state=duplicate&", "/sync?"])
def test_a_cursor_that_is_not_ours_counts_as_none(cast: Cast, url: str) -> None:
    with lantern(cast):
        product("P-1")
        take_in(turned_on(), [listing("a", "N"), listing("b", "D"), listing("c", "D")])
    mei = Browser(cast, cast.mei)
    first = mei.get(url).text
    for forged in FORGED:
        cursor = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
        answer = mei.get(f"{url}page={cursor}")
        assert answer.status_code == 200, forged
        assert answer.text.count('role="row"') == first.count('role="row"') or forged[1:] == ["x"]


def test_a_cursor_of_brackets_counts_as_none(cast: Cast) -> None:
    cursor = base64.urlsafe_b64encode(b"[" * 2900).decode().rstrip("=")
    assert Browser(cast, cast.mei).get(f"/products?page={cursor}").status_code == 200


@pytest.mark.parametrize("page", ["/products/{}", "/listings/{}", "/listings/{}/unlink"])
def test_things_of_another_merchant_answer_like_things_that_do_not_exist(cast: Cast, page: str) -> None:
    with rival(cast):
        theirs = turned_on()
        thing = product("THEIRS").id
        take_in(theirs, [listing("x", "THEIRS")])
        listed = row(theirs, "x").id
        connection_id = theirs.id
    mei = Browser(cast, cast.mei)
    nothing = mei.not_there(page, uuid.uuid4())
    assert nothing[0] == 404
    assert mei.not_there(page, thing) == mei.not_there(page, listed) == nothing
    assert mei.get(f"/listings?connection={connection_id}").status_code == 404


def test_a_viewer_sees_everything_and_changes_nothing(cast: Cast) -> None:
    with lantern(cast):
        jd = turned_on()
        made = product("CUP-1")
        take_in(jd, [listing("r-1", "CUP-1")])
        public_id, product_id = row(jd, "r-1").id, made.id
    vera = Browser(cast, cast.vera)
    for url in ("/products", f"/products/{product_id}", "/listings", f"/listings/{public_id}"):
        answer = vera.get(url)
        assert answer.status_code == 200
        assert "Unlink…" not in answer.text
    assert vera.get(f"/listings/{public_id}/unlink").status_code == 403
    assert vera.post(f"/listings/{public_id}/unlink").status_code == 403
    with lantern(cast):
        assert states(jd) == {"r-1": "linked"}


@pytest.mark.parametrize("url", ["/products", "/products?q=N", "/listings", "/listings?state=linked"])
def test_a_list_costs_the_same_for_5_and_for_200_rows(cast: Cast, statements: Statements, url: str) -> None:
    mei = Browser(cast, cast.mei)
    with lantern(cast):
        jd = turned_on()
        jd_id = jd.id
    assert _cost(cast, mei, statements, jd_id, url, 5) == _cost(cast, mei, statements, jd_id, url, 200)


def _cost(cast: Cast, mei: Browser, statements: Statements, jd_id: uuid.UUID, url: str, number: int) -> int:
    with lantern(cast):
        found = db.session.get_one(Connection, (cast.lantern, jd_id))
        known = set(db.session.scalars(sa.select(Product.sku)))
        for each in range(number):
            if f"N-{each:03d}" not in known:
                product(f"N-{each:03d}")
        take_in(found, [listing(f"r{each}", f"N-{each:03d}") for each in range(number)])
    with statements() as sent:
        answer = mei.get(url)
    assert answer.status_code == 200
    assert answer.text.count('role="rowheader"') == min(number, 50)
    return len(sent)
