"""The coverage matrix: which product is listed where, and where it is missing."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from portal.flows import linking
from portal.flows.audit import By
from portal.kit.db import db
from portal.web import coverage_pages
from tests.cast import Cast
from tests.goods import listing, product, row, take_in
from tests.web.shelf import Browser, lantern, rival, turned_on

MEI = By("Mei Lin")
Statements = Callable[[], AbstractContextManager[list[str]]]


def matrix(browser: Browser, query: str = "") -> dict[str, dict[str, str]]:
    """SKU → connection → state."""
    found = browser.json(f"/coverage?{query}")
    return {each["sku"]: {key: cell["state"] for key, cell in each["connections"].items()} for each in found["items"]}


@pytest.fixture
def shelf(cast: Cast) -> dict[str, uuid.UUID]:
    """Two connections; a product in every standing at the first one."""
    with lantern(cast):
        jd, other = turned_on("jd_com"), turned_on("jd_id")
        for sku in ("GONE", "LINKED", "MISSING", "NEAR", "OFF", "TWICE", "DOUBLE"):
            product(sku)
        take_in(jd, [listing("g", "GONE"), listing("l", "LINKED"), listing("t1", "TWICE")])
        take_in(
            jd,
            [
                listing("l", "LINKED"),
                listing("n", "near "),
                listing("o", "OFF", on_sale=False),
                listing("t1", "TWICE"),
                listing("t2", "T-2"),
                listing("d1", "DOUBLE"),
                listing("d2", "DOUBLE"),
            ],
        )
        take_in(other, [listing("x", "LINKED")])
        linked = row(jd, "t1").product_id
        from portal.models import Product

        linking.link(row(jd, "t2"), db.session.get_one(Product, (cast.lantern, linked)), MEI)
        return {"jd": jd.id, "other": other.id, "l": row(jd, "l").id, "twice": linked}


def test_every_standing_of_a_product_at_a_connection_is_told(cast: Cast, shelf: dict[str, uuid.UUID]) -> None:
    found = matrix(Browser(cast, cast.mei))
    assert {sku: cells[str(shelf["jd"])] for sku, cells in found.items()} == {
        "DOUBLE": "duplicate",
        "GONE": "gone",
        "LINKED": "linked",
        "MISSING": "none",
        "NEAR": "near",
        "OFF": "off",
        "TWICE": "linked",
    }
    assert found["LINKED"][str(shelf["other"])] == "linked"
    assert found["OFF"][str(shelf["other"])] == "none"


def test_each_cell_leads_to_the_listing_or_to_what_to_do(cast: Cast, shelf: dict[str, uuid.UUID]) -> None:
    page = Browser(cast, cast.mei).get(f"/coverage?connection={shelf['jd']}").text.replace("&amp;", "&")
    assert f'href="/listings/{shelf["l"]}"' in page
    assert f'href="/products/{shelf["twice"]}" title="Several' in page
    assert "2 listings" in page
    assert f'href="/links?connection={shelf["jd"]}&state=near&q=NEAR"' in page
    assert f'href="/links?connection={shelf["jd"]}&state=new"' in page
    for words in ("Linked", "Missing", "Gone", "Not on sale"):
        assert words in page, words


def test_only_products_with_a_gap_are_shown_when_asked(cast: Cast, shelf: dict[str, uuid.UUID]) -> None:
    mei = Browser(cast, cast.mei)
    everywhere = {"LINKED"}
    assert matrix(mei, "only=gaps").keys() == {"DOUBLE", "GONE", "MISSING", "NEAR", "OFF", "TWICE"}
    assert matrix(mei, f"only=gaps&connection={shelf['jd']}").keys() == {"DOUBLE", "GONE", "MISSING", "NEAR"}
    assert not matrix(mei, f"only=gaps&connection={shelf['other']}").keys() & everywhere
    assert matrix(mei, "q=miss").keys() == {"MISSING"}


def test_gaps_are_walked_in_bounded_steps_and_none_is_missed(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_pages, "LOOKED_AT", 10)
    monkeypatch.setattr(coverage_pages, "SIZE", 4)
    with lantern(cast):
        jd = turned_on()
        for number in range(60):
            product(f"P-{number:03d}")
        take_in(jd, [listing(f"r{number}", f"P-{number:03d}") for number in range(60) if 20 <= number < 45])
    mei = Browser(cast, cast.mei)
    found, cursor, pages = [], "", 0
    while cursor is not None:
        told = mei.json(f"/coverage?only=gaps&page={cursor}")
        found += [each["sku"] for each in told["items"]]
        cursor, pages = told["next"], pages + 1
        assert len(told["items"]) <= 4
    assert found == [f"P-{number:03d}" for number in (*range(20), *range(45, 60))]
    assert pages > 6
    full = mei.get("/coverage?only=gaps&page=" + mei.json("/coverage?only=gaps")["next"]).text
    assert 'rel="next"' in full


def test_products_are_paged_by_sku_there_and_back(cast: Cast) -> None:
    with lantern(cast):
        turned_on()
        for number in range(70):
            product(f"P-{number:03d}")
    mei = Browser(cast, cast.mei)
    first = mei.json("/coverage")
    second = mei.json(f"/coverage?page={first['next']}")
    assert [each["sku"] for each in second["items"]] == [f"P-{number:03d}" for number in range(50, 70)]
    assert mei.json(f"/coverage?page={second['previous']}")["items"] == first["items"]
    assert first["count"] == {"number": 70, "more": False}


def test_many_connections_stand_side_by_side_in_groups(cast: Cast) -> None:
    with lantern(cast):
        product("A")
        ids = [turned_on("jd_com", f"Channel {number:02d}").id for number in range(11)]
    mei = Browser(cast, cast.mei)
    page = mei.get("/coverage").text
    assert page.count('scope="col"') == 1 + 8
    assert "1 to 8 of 11 channels and plugins" in page
    assert list(matrix(mei, "from=8")["A"]) == [str(each) for each in ids[8:]]
    for odd in ("from=99", "from=-1", "from=x", "from=²"):
        assert list(matrix(mei, odd)["A"]) == [str(each) for each in ids[:8]], odd


def test_without_a_connection_the_page_leads_to_one(cast: Cast) -> None:
    with lantern(cast):
        product("A")
    assert "Connect a sales channel first" in Browser(cast, cast.mei).get("/coverage").text
    assert Browser(cast, cast.mei).json("/coverage?only=gaps")["items"][0]["connections"] == {}


def test_another_merchants_connection_is_not_there(cast: Cast) -> None:
    with rival(cast):
        theirs = turned_on().id
    assert Browser(cast, cast.mei).get(f"/coverage?connection={theirs}").status_code == 404


def test_the_matrix_costs_the_same_for_few_and_for_many_products(cast: Cast, statements: Statements) -> None:
    mei = Browser(cast, cast.mei)
    with lantern(cast):
        jd = turned_on()
        product("A-000")
        take_in(jd, [listing("r0", "A-000")])
    costs = []
    for url in ("/coverage", "/coverage?only=gaps", "/coverage?q=A-"):
        with statements() as sent:
            mei.get(url)
        costs.append(len(sent))
    with lantern(cast):
        for number in range(1, 120):
            product(f"A-{number:03d}")
    again = []
    for url in ("/coverage", "/coverage?only=gaps", "/coverage?q=A-"):
        with statements() as sent:
            mei.get(url)
        again.append(len(sent))
    assert again == costs
