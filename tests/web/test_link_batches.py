"""Many listings at once: chosen, previewed, decided, undone."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.flows import batches, work
from portal.flows.audit import By
from portal.flows.batches import Choice
from portal.kit.db import db
from portal.models import Connection, LinkBatch, Listing, Product
from tests.cast import Cast
from tests.goods import listing, product, take_in
from tests.web.shelf import HX, Browser, Shelf, at, everything, filled, full, ids_of, lantern, state_of
from workers.jobs import VERBS

MEI = By("Mei Lin")


@pytest.fixture
def shelf(cast: Cast) -> Shelf:
    """A listing in every state of the decision table."""
    return full(cast)


def test_ticked_rows_are_previewed_and_nothing_happens_before_the_confirmation(cast: Cast) -> None:
    with lantern(cast):
        jd, other = filled(5), filled(3, "jd_id")
        ids = ids_of(jd.id)
        other.options = {**other.options, "auto_link": False}
        db.session.commit()
        before = everything()
    mei = Browser(cast, cast.mei)
    answer = mei.post("/links/select?state=new", {"id": [ids["N0"], ids["N1"], ids["N4"]], "verb": "create"})
    assert answer.status_code == 303
    page = mei.get(answer.location).text
    assert "Create 3 products" in page
    assert "2 listings of JD.ID have one of these SKUs. They then wait for you to confirm" in page
    with lantern(cast):
        assert everything() == before
    begun = mei.post(answer.location, {"expected": "3"})
    assert begun.status_code == 303
    page = mei.get(begun.location).text
    assert "3 products created. 3 listings linked." in page
    assert "Undo" in page


def test_another_number_than_the_one_shown_asks_again(cast: Cast) -> None:
    with lantern(cast):
        jd = filled(5).id
    mei = Browser(cast, cast.mei)
    with lantern(cast):
        take_in(at(jd), [listing(f"N{each}", f"N-{each:04d}") for each in range(6)])
    answer = mei.post("/links/bulk?verb=create&state=new", {"expected": "5"})
    assert answer.status_code == 422
    assert "Meanwhile the listings have changed" in answer.text
    assert "Create 6 products" in answer.text


def test_nothing_ticked_and_a_verb_of_another_tab_are_refused(cast: Cast, shelf: Shelf) -> None:
    mei = Browser(cast, cast.mei)
    answer = mei.post("/links/select?state=new", {"verb": "create"})
    assert answer.status_code == 422
    assert "Tick one listing at least" in answer.text
    for verb, state in (
        ("create", "near"),
        ("confirm", "new"),
        ("take_back", "new"),
        ("leave_out", "waiting"),
        ("x", "new"),
    ):
        answer = mei.post(f"/links/bulk?verb={verb}&state={state}", {"expected": "1"})
        assert answer.status_code == 422, (verb, state)
        assert "Choose again" in answer.text
    with lantern(cast):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(LinkBatch)) == 0


@pytest.mark.parametrize("number", [7, batches.AT_ONCE + 100])
def test_undoing_a_bulk_creation_brings_back_the_start(cast: Cast, number: int) -> None:
    with lantern(cast):
        filled(number)
        filled(5, "jd_id")
        product("KEPT")
        before = everything()
    mei = Browser(cast, cast.mei)
    with lantern(cast):
        jd = db.session.scalars(sa.select(Connection.id).where(Connection.integration == "jd_com")).one()
    begun = mei.post(f"/links/bulk?verb=create&state=new&connection={jd}", {"expected": str(number)})
    line = mei.get(begun.location).text
    if number > batches.AT_ONCE:
        assert f"0 of {number} listings" in line
        assert 'http-equiv="refresh"' in line
        with cast.app.app_context():
            work.drain_all(VERBS)
        line = mei.get(begun.location).text
    assert f"{number} products created. {number} listings linked." in line
    with lantern(cast):
        batch = db.session.scalars(sa.select(LinkBatch)).one().id
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Product)) == number + 1
        linked = sa.select(sa.func.count()).select_from(Listing).where(Listing.link_state == "linked")
        assert db.session.scalar(linked) == number + 5, "those of the other channel with these SKUs too"
    assert mei.post(f"/links/batches/{batch}/undo").status_code == 303
    with cast.app.app_context():
        work.drain_all(VERBS)
    with lantern(cast):
        assert everything() == before
    assert "Undone" in mei.get(f"/links/batches/{batch}").text
    again = mei.post(f"/links/batches/{batch}/undo")
    assert again.status_code == 422
    assert "was undone already" in again.text


def test_a_running_batch_asks_for_itself_and_a_finished_one_has_the_page_loaded_again(cast: Cast) -> None:
    with lantern(cast):
        filled(batches.AT_ONCE + 1)
        batch = batches.begin("leave_out", Choice("new"), MEI).id
    mei = Browser(cast, cast.mei)
    ask = {**HX, "HX-Target": "batch_result"}
    running = mei.get(f"/links/batches/{batch}", headers=ask)
    assert f'hx-get="/links/batches/{batch}"' in running.text
    assert "<html" not in running.text
    with cast.app.app_context():
        work.drain_all(VERBS)
    assert mei.get(f"/links/batches/{batch}", headers=ask).headers["HX-Refresh"] == "true"
    assert 'hx-trigger="load' not in mei.get(f"/links/batches/{batch}").text


def test_leaving_out_and_undoing_it_in_bulk(cast: Cast, shelf: Shelf) -> None:
    before = state_of(cast, shelf)
    mei = Browser(cast, cast.mei)
    begun = mei.post("/links/bulk?verb=leave_out&state=duplicate", {"expected": "3"})
    assert "3 listings left out." in mei.get(begun.location).text
    with lantern(cast):
        batch = db.session.scalars(sa.select(LinkBatch)).one().id
    mei.post(f"/links/batches/{batch}/undo")
    assert state_of(cast, shelf) == before


def test_what_cannot_be_undone_as_a_whole_does_not_offer_it(cast: Cast, shelf: Shelf) -> None:
    mei = Browser(cast, cast.mei)
    for verb, state in (("confirm", "reissued"), ("take_back", "left_out")):
        url = f"/links/bulk?verb={verb}&state={state}"
        assert "can be undone" not in mei.get(url).text
        begun = mei.post(url, {"expected": "1"})
        assert "/undo" not in mei.get(begun.location).text
    with lantern(cast):
        made = db.session.scalars(sa.select(LinkBatch.id)).all()
    for each in made:
        answer = mei.post(f"/links/batches/{each}/undo")
        assert answer.status_code == 422
        assert "cannot be undone as a whole" in answer.text
