"""The pages of the stock: what is shown, counted by hand and by file, and refused; and the parts of bundles."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import sqlalchemy as sa

from portal.contract.records import RemoteStock
from portal.flows import bundles, stock_counts, stock_sources, warehouse
from portal.flows.audit import LINTAS
from portal.kit import tables
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import Connection, Stock, StockWhy
from tests.cast import Cast
from tests.goods import listing, product, take_in
from tests.selling import order
from tests.web.shelf import HX, Browser, lantern, turned_on

OnHand = Callable[[uuid.UUID], int]


@pytest.fixture
def goods(cast: Cast) -> dict[str, uuid.UUID]:
    """TEA: 10 on hand, 13 promised; CUP: 4 on hand; POT: nothing; GIFT: 1 TEA and 2 CUP; JAR follows a plugin."""
    with lantern(cast):
        tea, cup, pot, gift, jar = (product(sku) for sku in ("TEA", "CUP", "POT", "GIFT", "JAR"))
        ids = {each.sku: each.id for each in (tea, cup, pot, gift, jar)}
        stock_counts.adjust(tea, StockWhy.COUNT, 10, "first count", LINTAS)
        stock_counts.adjust(cup, StockWhy.COUNT, 4, "first count", LINTAS)
        order((tea, 13))
        bundles.add_part(gift, tea, 1, LINTAS)
        bundles.add_part(gift, cup, 2, LINTAS)
        plugin = turned_on("jdl", "Warehouse of JD")
        db.session.execute(sa.update(Connection).values(options={"sync_stock": True}))
        take_in(plugin, [listing("JAR", "JAR")])
        warehouse.keep_stock(plugin, [RemoteStock("JAR", "JAR", "C1", 7, 7)], now())
        db.session.commit()
        assert stock_sources.followed([jar.id]) == {jar.id: "Warehouse of JD"}
    return ids


@pytest.fixture
def tom(cast: Cast, goods: dict[str, uuid.UUID]) -> Browser:
    return Browser(cast, cast.tom)


@pytest.fixture
def on_hand(cast: Cast) -> OnHand:
    """What is on hand of a product."""

    def ask(product_id: uuid.UUID) -> int:
        with lantern(cast):
            return db.session.scalar(sa.select(Stock.on_hand).where(Stock.product_id == product_id)) or 0

    return ask


def skus(tom: Browser, address: str) -> list[str]:
    return [item["product"]["sku"] for item in tom.json(address)["items"]]


def test_the_list_shows_what_there_is_of_each_product_and_for_whom(tom: Browser) -> None:
    items = {item["product"]["sku"]: item for item in tom.json("/stock")["items"]}
    assert list(items) == ["CUP", "GIFT", "JAR", "POT", "TEA"]
    tea, gift, jar, pot = items["TEA"], items["GIFT"], items["JAR"], items["POT"]
    assert (tea["on_hand"], tea["reserved"], tea["available"], tea["oversold"]) == (10, 13, -3, True)
    assert (gift["bundle"], gift["available"]) == (True, 0)
    assert (jar["on_hand"], jar["follows"]) == (7, "Warehouse of JD")
    assert (pot["on_hand"], pot["available"], pot["shown"]) == (0, 0, None)
    text = tom.get("/stock").text
    assert "Oversold" in text
    assert "follows Warehouse of JD" in text
    assert "by its parts" in text


def test_each_view_holds_what_its_name_says_the_scarcest_first(tom: Browser) -> None:
    assert skus(tom, "/stock?view=oversold") == ["TEA"]
    assert skus(tom, "/stock?view=low")[:2] == ["TEA", "GIFT"]
    assert "JAR" not in skus(tom, "/stock?view=low")
    assert "JAR" in skus(tom, "/stock?view=low&low=7")
    assert skus(tom, "/stock?view=followed") == ["JAR"]


def test_a_search_finds_a_sku_by_its_beginning_and_a_title_by_its_words(tom: Browser) -> None:
    assert skus(tom, "/stock?q=te") == ["TEA"]
    assert skus(tom, "/stock?q=nowhere") == []
    assert "No product matches." in tom.get("/stock?q=nowhere").text


def test_htmx_gets_the_table_and_the_views_and_nothing_else(tom: Browser) -> None:
    answer = tom.get("/stock?view=low", headers={**HX, "HX-Target": "stock_table"})
    assert 'id="stock_table"' in answer.text
    assert 'id="stock_views"' in answer.text
    assert "<html" not in answer.text


def test_a_list_of_hundreds_costs_the_statements_of_a_list_of_five(
    cast: Cast, tom: Browser, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with statements() as few:
        tom.get("/stock")
    with lantern(cast):
        for number in range(60):
            stock_counts.adjust(product(f"P{number:03}"), StockWhy.COUNT, 3, "count", LINTAS)
    with statements() as many:
        tom.get("/stock")
    assert len(many) == len(few)


def test_pages_of_a_view_follow_each_other_without_a_gap(cast: Cast, tom: Browser) -> None:
    with lantern(cast):
        for number in range(120):
            stock_counts.adjust(product(f"P{number:03}"), StockWhy.COUNT, number % 3, "count", LINTAS)
    seen: list[str] = []
    address = "/stock?view=low"
    while address:
        page = tom.json(address)
        seen += [item["product"]["sku"] for item in page["items"]]
        address = f"/stock?view=low&page={page['next']}" if page["next"] else ""
    assert len(seen) == len(set(seen)) == 123, "P000 to P119 with CUP, GIFT and TEA"


def test_the_page_of_a_product_tells_its_moves_and_whom_it_is_promised_to(
    tom: Browser, goods: dict[str, uuid.UUID]
) -> None:
    page = tom.json(f"/stock/{goods['TEA']}")
    assert [(each["why"], each["on_hand"], each["reserved"]) for each in page["moves"]] == [
        ("reserve", 0, 13),
        ("count", 10, 0),
    ]
    assert page["moves"][1]["after"] == {"on_hand": 10, "reserved": 0}
    assert page["moves"][1]["note"] == "first count"
    assert [(each["quantity"], each["missing"]) for each in page["promised"]] == [(13, 3)]
    text = tom.get(f"/stock/{goods['TEA']}").text
    assert "Oversold." in text
    assert "Promised to an order" in text
    assert "3 missing" in text


def test_a_product_that_follows_a_plugin_shows_its_source_and_offers_no_adjusting(
    tom: Browser, goods: dict[str, uuid.UUID], on_hand: OnHand
) -> None:
    text = tom.get(f"/stock/{goods['JAR']}").text
    assert "Kept for our orders" in text
    assert "Adjust…" not in text
    answer = tom.post(f"/stock/{goods['JAR']}/adjust", {"how": "count", "number": "1", "note": "I know better"})
    assert answer.status_code == 422
    assert "Warehouse of JD" in answer.text
    assert on_hand(goods["JAR"]) == 7


def test_a_count_by_hand_is_set_and_told(tom: Browser, goods: dict[str, uuid.UUID], on_hand: OnHand) -> None:
    answer = tom.post(f"/stock/{goods['POT']}/adjust", {"how": "count", "number": "6", "note": "counted on Monday"})
    assert answer.status_code == 303
    assert "6 pieces of POT are on hand." in tom.get(answer.headers["Location"]).text
    tom.post(f"/stock/{goods['POT']}/adjust", {"how": "out", "number": "2", "note": "broken"})
    assert on_hand(goods["POT"]) == 4
    assert "Tom Ellis" in tom.get(f"/stock/{goods['POT']}").text


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"how": "count", "number": "", "note": "a"}, "Enter a whole number"),
        ({"how": "count", "number": "2.5", "note": "a"}, "Enter a whole number"),
        ({"how": "count", "number": "-1", "note": "a"}, "Enter a whole number"),
        ({"how": "out", "number": "5", "note": "a"}, "Only 4 pieces are on hand."),
        ({"how": "count", "number": "5", "note": "  "}, "Say why the number changes"),
    ],
)
def test_a_count_that_cannot_be_says_why_and_moves_nothing(
    tom: Browser, goods: dict[str, uuid.UUID], on_hand: OnHand, form: dict[str, str], says: str
) -> None:
    answer = tom.post(f"/stock/{goods['CUP']}/adjust", form)
    assert answer.status_code == 422
    assert says in answer.text
    assert on_hand(goods["CUP"]) == 4


def test_an_empty_limit_says_nothing_and_0_is_a_limit(tom: Browser, goods: dict[str, uuid.UUID]) -> None:
    address = f"/stock/{goods['CUP']}"
    assert tom.post(f"{address}/limits", {"buffer": "2", "max_level": "0"}).status_code == 303
    page = tom.json(address)
    assert (page["buffer"], page["max_level"]) == (2, 0)
    tom.post(f"{address}/limits", {"buffer": "", "max_level": ""})
    page = tom.json(address)
    assert (page["buffer"], page["max_level"]) == (None, None)
    assert tom.post(f"{address}/limits", {"buffer": "-1", "max_level": ""}).status_code == 422


# --- by file ----------------------------------------------------------------------------------------------------------


def send(tom: Browser, rows: list[list[str]], how: str = "whole", kind: str = tables.CSV) -> Any:
    data = b"".join(tables.written(kind, rows, "counts"))
    form = {"file": (io.BytesIO(data), f"counts.{kind}"), "how": how}
    return tom.post("/stock/file", form, content_type="multipart/form-data")


def said(tom: Browser, answer: Any) -> str:
    assert answer.status_code == 303, answer.text
    return tom.get(answer.headers["Location"]).text


@pytest.mark.parametrize("kind", [tables.CSV, tables.XLSX])
def test_a_file_sets_what_is_on_hand_and_the_same_file_again_changes_nothing(
    tom: Browser, goods: dict[str, uuid.UUID], on_hand: OnHand, kind: str
) -> None:
    rows = [["SKU", "Quantity", "Reason"], ["CUP", "9", "inventory"], ["POT", "2", ""]]
    assert "2 numbers changed." in said(tom, send(tom, rows, kind=kind))
    assert (on_hand(goods["CUP"]), on_hand(goods["POT"])) == (9, 2)
    assert "Nothing changed" in said(tom, send(tom, rows, kind=kind))
    moves = tom.json(f"/stock/{goods['CUP']}")["moves"]
    assert [each["note"] for each in moves] == ["inventory", "first count"]


WRONG = [
    ["Kode SKU", "Stok"],
    ["CUP", "9"],
    ["NOBODY", "1"],
    ["GIFT", "1"],
    ["JAR", "1"],
    ["POT", "many"],
    ["", "3"],
    ["CUP", "8"],
]


def test_rows_that_cannot_be_used_are_named_and_nothing_changes(
    tom: Browser, goods: dict[str, uuid.UUID], on_hand: OnHand
) -> None:
    answer = send(tom, WRONG)
    assert answer.status_code == 422
    for says in (
        "6 rows cannot be used",
        "No product has this SKU.",
        "This product is a bundle.",
        "follows the warehouse of Warehouse of JD",
        "“many” is not a whole number",
        "There is no SKU in this row.",
        "Row 2 has the same SKU.",
    ):
        assert says in answer.text
    assert on_hand(goods["CUP"]) == 4


def test_where_the_merchant_says_so_the_good_rows_are_taken_and_the_others_named(
    tom: Browser, goods: dict[str, uuid.UUID], on_hand: OnHand
) -> None:
    text = said(tom, send(tom, WRONG, "good"))
    assert "1 number changed." in text
    assert "6 rows were left out: 3, 4, 5, 6, 7, 8." in text
    assert on_hand(goods["CUP"]) == 9


def test_a_file_that_is_no_table_or_lacks_a_column_says_what_to_do(tom: Browser) -> None:
    answer = send(tom, [["Name", "Colour"], ["x", "y"]])
    assert answer.status_code == 422
    assert "Name them SKU and Quantity." in answer.text
    form = {"file": (io.BytesIO(b"%PDF-1.4"), "counts.pdf"), "how": "whole"}
    answer = tom.post("/stock/file", form, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "This is not a table." in answer.text


# --- bundles ----------------------------------------------------------------------------------------------------------


def test_parts_are_added_by_sku_changed_and_taken_out(tom: Browser, goods: dict[str, uuid.UUID]) -> None:
    address = f"/products/{goods['POT']}/parts"
    assert tom.post(address, {"sku": "CUP", "quantity": "3"}).status_code == 303
    assert [(each["sku"], each["quantity"], each["makes"]) for each in tom.json(address)["items"]] == [("CUP", 3, 1)]
    tom.post(address, {"sku": "CUP", "quantity": "2"})
    assert [each["makes"] for each in tom.json(address)["items"]] == [2]
    assert "enough for 2 whole bundles" in tom.get(address).text
    tom.post(f"{address}/remove", {"part": str(goods["CUP"])})
    assert tom.json(address)["items"] == []


@pytest.mark.parametrize(
    ("sku", "quantity", "says"),
    [
        ("NOBODY", "1", "No product has this SKU."),
        ("POT", "1", "A bundle cannot hold itself."),
        ("GIFT", "1", "GIFT is a bundle itself"),
        ("CUP", "0", "Enter a whole number from 1"),
    ],
)
def test_a_part_that_cannot_be_says_why(
    tom: Browser, goods: dict[str, uuid.UUID], sku: str, quantity: str, says: str
) -> None:
    answer = tom.post(f"/products/{goods['POT']}/parts", {"sku": sku, "quantity": quantity})
    assert answer.status_code == 422
    assert says in answer.text


def test_a_viewer_sees_the_stock_and_changes_nothing(cast: Cast, goods: dict[str, uuid.UUID]) -> None:
    vera = Browser(cast, cast.vera)
    text = vera.get(f"/stock/{goods['CUP']}").text
    assert "Adjust…" not in text
    assert "Buffer and cap…" not in text
    for address in (f"/stock/{goods['CUP']}/adjust", f"/products/{goods['POT']}/parts"):
        assert vera.post(address, {"how": "count", "number": "1", "note": "x"}).status_code == 403
    assert vera.get("/stock/file").status_code == 403


def test_the_product_page_leads_to_its_stock(tom: Browser, goods: dict[str, uuid.UUID]) -> None:
    text = tom.get(f"/products/{goods['CUP']}").text
    assert f"/stock/{goods['CUP']}" in text
    assert f"/products/{goods['CUP']}/parts" in text
