"""The export in a browser: look, send a few, send all, leave it off; and the page behind every number."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from portal.flows import connections, pushes
from portal.flows.audit import By
from portal.kit.db import db
from portal.models import ExportStage, Listing
from tests.cast import Cast
from tests.flows.pushing_off import change, hurry
from tests.shelves import Rak, channel, listed, rak, the
from tests.web.sandboxed import text_of
from tests.web.shelf import Browser, lantern

__all__ = ["rak"]


@pytest.fixture
def shop(cast: Cast, rak: Rak) -> Iterator[uuid.UUID]:
    """A channel that is on and exports nothing; it shows 30 SKUs with 7 pieces, of which there are 10."""
    with lantern(cast):
        made = channel(stage=ExportStage.HELD, export=False)
        listed(made, {f"S{n:02}": 10 for n in range(30)})
        rak.levels = {f"R-S{n:02}": 7 for n in range(30)}
    return made


def work(cast: Cast) -> None:
    with lantern(cast):
        hurry()


def numbers(cast: Cast, on_hand: dict[str, int]) -> None:
    with lantern(cast):
        for sku, number in on_hand.items():
            change(db.session.scalar(sa.text("select id from product where sku = :sku"), {"sku": sku}), number)


def of(cast: Cast, sku: str) -> uuid.UUID:
    with lantern(cast):
        return db.session.scalars(sa.select(Listing.id).where(Listing.remote_id == f"R-{sku}")).one()


def test_turning_it_on_shows_every_number_first_and_sends_none(cast: Cast, shop: uuid.UUID, rak: Rak) -> None:
    mei, page = Browser(cast, cast.mei), f"/connections/{shop}/export"
    assert "Show what would change" in text_of(mei.get(page))
    assert mei.post(page, {"do": "look"}).status_code == 303
    assert "0 of 30 listings compared" in text_of(mei.get(page))
    work(cast)
    shown = text_of(mei.get(page))
    assert "30 of 30 listings would show another number. None of them would go to 0." in shown
    assert "S00 Title of R-S00 7 10 Rises" in shown
    assert "Export held" in text_of(mei.get(f"/connections/{shop}"))
    assert "Export held" in text_of(mei.get("/channels"))
    assert rak.told == []


def test_the_first_go_out_are_read_back_and_then_the_rest(cast: Cast, shop: uuid.UUID, rak: Rak) -> None:
    mei, page = Browser(cast, cast.mei), f"/connections/{shop}/export"
    mei.post(page, {"do": "look"})
    work(cast)
    assert mei.post(page, {"do": "first"}).status_code == 303
    work(cast)
    assert "20 of 20 were read back and show what we sent." in text_of(mei.get(page))
    assert mei.post(page, {"do": "all"}).status_code == 303
    work(cast)
    assert set(rak.levels.values()) == {10}
    assert "Export held" not in text_of(mei.get(f"/connections/{shop}"))


def test_mass_zeroing_is_stopped_until_its_number_is_entered(cast: Cast, shop: uuid.UUID, rak: Rak) -> None:
    numbers(cast, {f"S{n:02}": 0 for n in range(25)})
    mei, page = Browser(cast, cast.mei), f"/connections/{shop}/export"
    mei.post(page, {"do": "look"})
    work(cast)
    shown = text_of(mei.get(page))
    assert "25 that can be bought now would show 0." in shown
    assert "The brake holds." in shown
    for typed in ("", "24", "many"):
        refused = mei.post(page, {"do": "all", "zeroed": typed})
        assert refused.status_code == 422
        assert "Enter 25 to confirm that." in text_of(refused)
    work(cast)
    assert rak.told == []
    assert mei.post(page, {"do": "all", "zeroed": "25"}).status_code == 303
    work(cast)
    assert sum(level == 0 for level in rak.levels.values()) == 25


def test_the_worst_stand_first_and_views_and_search_find_them(cast: Cast, shop: uuid.UUID) -> None:
    numbers(cast, {"S03": 0, "S04": 2, "S05": 7})
    mei, page = Browser(cast, cast.mei), f"/connections/{shop}/export"
    mei.post(page, {"do": "look"})
    work(cast)
    items = mei.json(page)["items"]
    assert [each["sku"] for each in items[:2]] == ["S03", "S04"]
    assert [each["sku"] for each in mei.json(page + "?view=unchanged")["items"]] == ["S05"]
    assert [each["sku"] for each in mei.json(page + "?q=S03")["items"]] == ["S03"]
    table = mei.get(page + "/file").text.splitlines()
    assert len(table) == 31
    assert any("S03" in line and "zero" in line for line in table)


def test_leaving_it_off_leaves_every_number(cast: Cast, shop: uuid.UUID, rak: Rak) -> None:
    mei, page = Browser(cast, cast.mei), f"/connections/{shop}/export"
    mei.post(page, {"do": "look"})
    work(cast)
    assert mei.post(page, {"do": "off"}).status_code == 303
    work(cast)
    assert set(rak.levels.values()) == {7}
    assert "Export off" in text_of(mei.get(f"/connections/{shop}"))


def test_every_number_says_where_it_comes_from(cast: Cast, shop: uuid.UUID, rak: Rak) -> None:
    with lantern(cast):
        connection = the(shop)
        connection.export_stage = ExportStage.OPEN
        connection.options = {**connection.options, "export": True, "buffer": 2, "max_level": 5}
        db.session.commit()
    numbers(cast, {"S00": 9})
    work(cast)
    mei, page = Browser(cast, cast.mei), f"/listings/{of(cast, 'S00')}/stock"
    shown = text_of(mei.get(page))
    for said in (
        "On hand 9",
        "Promised to orders − 0",
        "Available 9",
        "Stock Buffer set for this channel − 2",
        "Max Stock Levels set for this channel at most 5",
        "Shows 5",
        "Nothing to do: the channel shows this number.",
    ):
        assert said in shown, said
    told = mei.json(page)
    assert (told["derivation"]["level"], told["push"]["sent"]["level"], rak.levels["R-S00"]) == (5, 5, 5)
    assert told["blocked_by"] == []


def test_what_blocks_a_number_is_said_with_the_way_on(cast: Cast, shop: uuid.UUID) -> None:
    mei, page = Browser(cast, cast.mei), f"/listings/{of(cast, 'S00')}/stock"
    assert mei.json(page)["blocked_by"] == ["export_off"]
    with lantern(cast):
        db.session.execute(
            sa.update(Listing)
            .where(Listing.remote_id == "R-S00")
            .values(product_id=None, link_state="left_out", link_how=None)
        )
        db.session.commit()
    assert mei.json(page)["blocked_by"][0] == "not_linked"
    assert "never sent a number, not even 0" in text_of(mei.get(page))


def test_a_refused_number_is_sent_again_by_a_button(cast: Cast, shop: uuid.UUID, rak: Rak) -> None:
    with lantern(cast):
        connection = the(shop)
        connection.export_stage = ExportStage.OPEN
        connection.options = {**connection.options, "export": True}
        db.session.commit()
    rak.refused = {"R-S00"}
    numbers(cast, {"S00": 9})
    work(cast)
    mei, page = Browser(cast, cast.mei), f"/listings/{of(cast, 'S00')}/stock"
    assert "Rak did not take the last number: 41 not on sale" in text_of(mei.get(page))
    assert "did not take the stock of 1 listing." in text_of(mei.get(f"/connections/{shop}"))
    rak.refused = set()
    assert mei.post(page).status_code == 303
    work(cast)
    assert rak.levels["R-S00"] == 9
    assert "did not take the stock" not in text_of(mei.get(f"/connections/{shop}"))


def test_viewers_see_the_numbers_and_let_nothing_out(cast: Cast, shop: uuid.UUID) -> None:
    vera, page = Browser(cast, cast.vera), f"/connections/{shop}/export"
    assert vera.get(page).status_code == 200
    for do in ("look", "first", "all", "off"):
        assert vera.post(page, {"do": do}).status_code == 403


def test_the_brake_is_set_by_count_and_share_and_counts_at_once(cast: Cast, shop: uuid.UUID) -> None:
    numbers(cast, {f"S{n:02}": 0 for n in range(10)})
    mei, page = Browser(cast, cast.mei), f"/connections/{shop}/export"
    mei.post(page, {"do": "look"})
    work(cast)
    assert not mei.json(page)["rehearsal"]["braked"]
    assert mei.post(page, {"do": "brake", "brake_count": "10", "brake_share": "101"}).status_code == 422
    assert mei.post(page, {"do": "brake", "brake_count": "10", "brake_share": "33"}).status_code == 303
    assert mei.json(page)["rehearsal"]["braked"]


def test_a_new_buffer_of_the_channel_goes_out_to_every_listing(cast: Cast, shop: uuid.UUID, rak: Rak) -> None:
    with lantern(cast):
        connection = the(shop)
        connection.export_stage = ExportStage.OPEN
        connection.options = {**connection.options, "export": True}
        db.session.commit()
        connections.save_options(connection, {"import_orders": False}, By("Mei Lin"))
    work(cast)
    assert rak.told == [], "nothing that numbers depend on has changed"
    with lantern(cast):
        pushes.want_all(shop)
        db.session.commit()
    work(cast)
    assert set(rak.levels.values()) == {10}
