"""What the pages show of a warehouse: its figures by SKU, and what its status words mean."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from portal.flows import notices, warehouse
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import Connection, Direction, Document, Listing, Notice, Product, WarehouseStock
from tests.cast import Cast
from tests.sandbox_server import Running
from tests.web.plugged import Warehouser
from tests.web.sandboxed import text_of
from tests.web.shelf import lantern
from tests.web.test_connections import at


@pytest.fixture
def mei(cast: Cast, linked: Running) -> Warehouser:
    """Blue Lantern's owner, before anything is installed."""
    return Warehouser(cast, cast.mei, linked)


def test_the_figures_are_searched_narrowed_and_given_as_json(cast: Cast, mei: Warehouser) -> None:
    mei.running()
    page = text_of(mei.page("stock"))
    assert "400 SKUs" in page
    everything = mei.json(mei.here("stock"))
    one = everything["items"][0]
    assert len(everything["items"]) == 50
    assert everything["next"]
    found = mei.json(mei.here(f"stock?q={one['sku']}"))
    assert [each["sku"] for each in found["items"]][:1] == [one["sku"]]
    zero = mei.json(mei.here("stock?view=zero"))
    assert zero["items"]
    assert {each["available"] for each in zero["items"]} == {0}
    with lantern(cast):
        row = db.session.scalars(sa.select(WarehouseStock).limit(1)).one()
        row.available = row.on_hand = row.reserved = row.locked = row.inbound = 0
        row.gone_since = now()
        gone = row.sku
        db.session.commit()
    assert [each["sku"] for each in mei.json(mei.here("stock?view=gone"))["items"]] == [gone]
    assert "Not told any more" in text_of(mei.page("stock?view=gone"))


def test_a_product_and_its_listing_show_what_the_warehouse_says(cast: Cast, mei: Warehouser) -> None:
    mei.running()
    with lantern(cast):
        row = db.session.scalars(sa.select(WarehouseStock).order_by(WarehouseStock.remote_id).limit(1)).one()
        row.available, row.on_hand, row.reserved, row.locked, row.inbound = 41, 67, 19, 7, 23
        listing = db.session.scalars(sa.select(Listing).where(Listing.remote_id == row.remote_id)).one()
        listing_id = listing.id
        db.session.commit()
    seen = text_of(mei.get(f"/listings/{listing_id}"))
    assert "Available 41 On hand 67 Reserved there 19 Locked 7 Inbound 23" in seen
    assert mei.post(f"/links/{listing_id}/create").status_code in {200, 303}
    with lantern(cast):
        product = db.session.scalars(sa.select(Product.id)).one()
    page = text_of(mei.get(f"/products/{product}"))
    assert "Stock in the warehouses" in page
    assert "41 67 19 7 23" in page
    with lantern(cast):
        row = db.session.scalars(sa.select(WarehouseStock).order_by(WarehouseStock.remote_id).limit(1)).one()
        row.told = "stockQuantity=-3"
        db.session.commit()
    assert "As it came: stockQuantity=-3." in text_of(mei.get(f"/listings/{listing_id}"))
    assert mei.json(f"/listings/{listing_id}")["warehouse_stock"]["told"] == "stockQuantity=-3"


def paper(connection: Connection, word: str, number: int) -> Document:
    """An order at the warehouse with this status word."""
    return Document(
        merchant_id=connection.merchant_id,
        connection_id=connection.id,
        direction=Direction.OUT,
        remote_id=f"P{number}",
        reference=f"SO-{number}",
        status_word=word,
        asked_at=now(),
        changed_at=now(),
    )


def test_a_status_word_that_nobody_knows_stands_first_and_a_meaning_lets_its_orders_follow(
    cast: Cast, mei: Warehouser
) -> None:
    mei.saved()
    with lantern(cast):
        connection = at(mei)
        db.session.add_all([paper(connection, "77777", number) for number in range(3)])
        notices.tell("connection", connection.id, "unknown_status_word", grave=False, name="x", words=["77777"])
        db.session.commit()
    page = mei.page("statuses")
    words = re.findall(r'name="word" value="([^"]+)"', page.text)
    assert words[0] == "77777"
    assert len(words) == 16
    assert "Not known yet" in text_of(page)
    refused = mei.send("statuses", {"word": ["77777"], "meaning": ["made-up"]})
    assert refused.status_code == 422
    assert "There is no such meaning." in text_of(refused)
    saved = mei.send("statuses", {"word": ["77777", "10018"], "meaning": ["on_hold", "dispatched"]})
    assert "The meanings were saved." in text_of(mei.follow(saved))
    with lantern(cast):
        assert warehouse.meanings(at(mei))["77777"].value == "on_hold"
        assert warehouse.meanings(at(mei))["10018"].value == "dispatched"
        assert {str(each) for each in db.session.scalars(sa.select(Document.status))} == {"on_hold"}
        open_ones = db.session.scalars(sa.select(Notice.cause).where(Notice.cleared_at.is_(None))).all()
    assert "unknown_status_word" not in open_ones
    assert "Changed by you" in text_of(mei.page("statuses"))
    assert mei.json(mei.here("statuses"))["items"]


def test_an_order_that_kept_its_status_is_told_on_the_page_of_its_plugin(cast: Cast, mei: Warehouser) -> None:
    mei.running()
    with lantern(cast):
        order = paper(at(mei), "10029", 1)
        db.session.add(order)
        db.session.flush()
        notices.tell("document", order.id, "status_kept", reference="SO-1", word="10029")
        db.session.commit()
    said = "JD Logistics could not do what was asked with the order SO-1: 10029"
    assert said in text_of(mei.page())
    assert said in text_of(mei.get("/"))


def test_who_only_looks_reads_the_meanings_and_changes_none(cast: Cast, mei: Warehouser) -> None:
    mei.saved()
    vera = Warehouser(cast, cast.vera, mei.sandbox)
    page = vera.get(mei.here("statuses"))
    assert "Dispatched" in text_of(page)
    assert "<select" not in page.text
    assert vera.post(mei.here("statuses"), {"word": ["10018"], "meaning": ["sent"]}).status_code == 403


def test_a_sales_channel_has_no_figures_and_words_for_orders_instead(cast: Cast, mei: Warehouser) -> None:
    mei.install("jd_com")
    assert mei.page("stock").status_code == 404
    said = text_of(mei.page("statuses"))
    assert "Ready to ship" in said
    assert "Dispatched" not in said
