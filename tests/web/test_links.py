"""The linking workbench: what each tab says, offers and does."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import sqlalchemy as sa

from portal.flows import batches
from portal.flows.audit import By
from portal.flows.batches import Choice
from portal.kit.db import db
from portal.models import Connection, LinkBatch, Listing
from tests.cast import Cast
from tests.goods import listing, product, product_of, states, take_in
from tests.web.shelf import (
    HX,
    Browser,
    Shelf,
    at,
    everything,
    filled,
    full,
    ids_of,
    lantern,
    rival,
    state_of,
    turned_on,
)

MEI = By("Mei Lin")
Statements = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def shelf(cast: Cast) -> Shelf:
    """A listing in every state of the decision table."""
    return full(cast)


ALL = {
    "linked": "reserve its stock",
    "new": "None of your products has this SKU",
    "near": "but for letter case",
    "duplicate": "Several listings of one channel",
    "empty": "we never make one up",
    "ambiguous": "more than one of your products",
    "sku_changed": "Say whether each link is still right",
    "reissued": "Replace the link and it goes on",
    "waiting": "Nothing to do",
    "left_out": "linked to nothing",
}


@pytest.mark.parametrize("state", ALL)
def test_each_tab_says_what_it_means_and_shows_its_listings(cast: Cast, shelf: Shelf, state: str) -> None:
    page = Browser(cast, cast.mei).get(f"/links?state={state}").text
    assert ALL[state] in page
    there = state_of(cast, shelf)
    for remote_id, public_id in shelf.of.items():
        assert (f'id="link_row-{public_id}"' in page) is (there.get(remote_id) == state), remote_id


def test_the_tabs_count_live_listings_of_one_channel_or_of_all(cast: Cast, shelf: Shelf) -> None:
    mei = Browser(cast, cast.mei)
    page = mei.get("/links").text
    tabs = page[page.index('id="link_tabs"') : page.index('class="tab-says"')]
    for label, number in (("Matched", 1), ("New", 1), ("Duplicate", 3), ("Waiting for QC", 1), ("Left out", 1)):
        assert f'{label} <span class="n">{number}</span>' in tabs, label
    with lantern(cast):
        other = db.session.scalars(sa.select(Connection.id).where(Connection.integration == "jd_id")).one()
    page = mei.get(f"/links?connection={other}").text
    assert 'New <span class="n">0</span>' in page


def test_create_makes_a_product_and_links_other_channels_too(cast: Cast, shelf: Shelf) -> None:
    with lantern(cast):
        other = db.session.scalars(sa.select(Connection).where(Connection.integration == "jd_id")).one()
        take_in(other, [listing("there", "NEW-1")])
        other_id = other.id
    mei = Browser(cast, cast.mei)
    answer = mei.post(f"/links/{shelf.of['new']}/create?state=new")
    assert answer.status_code == 303
    assert answer.location == "/links?state=new"
    assert "Product NEW-1 created and linked." in mei.get(answer.location).text
    assert state_of(cast, shelf)["new"] == "linked"
    with lantern(cast):
        assert states(at(other_id)) == {"there": "linked"}


def test_confirm_links_to_the_product_that_was_shown(cast: Cast, shelf: Shelf) -> None:
    mei = Browser(cast, cast.mei)
    page = mei.get("/links?state=near").text
    assert "Confirm link" in page
    assert "differs in: spaces, letter case" in page
    assert f'name="product" value="{shelf.lamp}"' in page
    assert mei.post(f"/links/{shelf.of['near']}/link", {"product": shelf.lamp}).status_code == 303
    with lantern(cast):
        found = db.session.get_one(Listing, (cast.lantern, shelf.of["near"]))
        assert (found.product_id, found.link_how, found.linked_by) == (shelf.lamp, "suggestion", "Mei Lin")


def test_each_product_that_an_ambiguous_sku_could_mean_has_its_button(cast: Cast, shelf: Shelf) -> None:
    page = Browser(cast, cast.mei).get("/links?state=ambiguous").text
    assert page.count("Link to this") == 2


def test_another_product_is_searched_and_picked(cast: Cast, shelf: Shelf) -> None:
    mei = Browser(cast, cast.mei)
    url = f"/links/{shelf.of['empty']}/choose?state=empty"
    assert "LAMP" in mei.get(url).text
    found = mei.get(f"{url}&words=box7").text
    assert "BOX 7" in found
    assert "LAMP" not in found
    part = mei.get(f"{url}&words=box7", headers={**HX, "HX-Target": "choose_picks"}).text
    assert part.lstrip().startswith('<div class="body" id="choose_picks">')
    assert mei.post(f"/links/{shelf.of['empty']}/link?state=empty", {"product": shelf.lamp}).status_code == 303
    assert state_of(cast, shelf)["empty"] == "linked"


def test_a_changed_sku_keeps_its_link_or_gets_another(cast: Cast, shelf: Shelf) -> None:
    mei = Browser(cast, cast.mei)
    page = mei.get("/links?state=sku_changed").text
    assert "SKU when it was linked:" in page
    assert mei.post(f"/links/{shelf.of['changed']}/keep").status_code == 303
    assert state_of(cast, shelf)["changed"] == "linked"
    assert mei.post(f"/links/{shelf.of['changed']}/keep").status_code == 422, "the question is answered"
    assert mei.post(f"/links/{shelf.of['changed']}/link", {"product": shelf.lamp}).status_code == 303
    with lantern(cast):
        assert db.session.get_one(Listing, (cast.lantern, shelf.of["changed"])).product_id == shelf.lamp


def test_replacing_the_link_of_a_reissued_listing_frees_the_one_that_is_gone(cast: Cast, shelf: Shelf) -> None:
    mei = Browser(cast, cast.mei)
    page = mei.get("/links?state=reissued").text
    assert "Replace link" in page
    with lantern(cast):
        jd = at(shelf.jd)
        cup = product_of(jd, "old")
    assert mei.post(f"/links/{shelf.of['reissued']}/link", {"product": cup}).status_code == 303
    with lantern(cast):
        jd = at(shelf.jd)
        assert product_of(jd, "reissued") == cup
        assert product_of(jd, "old") is None


def test_one_of_a_group_of_doubles_is_linked_and_the_others_are_left_out(cast: Cast, shelf: Shelf) -> None:
    mei = Browser(cast, cast.mei)
    page = mei.get("/links?state=duplicate").text
    assert "Link all 3 on purpose" in page
    assert "A product with this SKU would be created." in page
    assert mei.post(f"/links/{shelf.of['double2']}/only").status_code == 303
    there = state_of(cast, shelf)
    assert (there["double1"], there["double2"], there["double3"]) == ("left_out", "linked", "left_out")
    assert mei.post(f"/links/{shelf.of['double1']}/every").status_code == 422


def test_all_of_a_group_of_doubles_are_linked_on_purpose_and_stay_so(cast: Cast, shelf: Shelf) -> None:
    assert Browser(cast, cast.mei).post(f"/links/{shelf.of['double1']}/every").status_code == 303
    with lantern(cast):
        jd = at(shelf.jd)
        assert len({product_of(jd, each) for each in ("double1", "double2", "double3")}) == 1
        take_in(jd, [listing(each, "D-1") for each in ("double1", "double2", "double3")])
        assert {states(jd)[each] for each in ("double1", "double2", "double3")} == {"linked"}


def test_left_out_is_not_asked_about_until_it_is_taken_back(cast: Cast, shelf: Shelf) -> None:
    mei = Browser(cast, cast.mei)
    assert mei.post(f"/links/{shelf.of['new']}/leave_out").status_code == 303
    assert state_of(cast, shelf)["new"] == "left_out"
    assert mei.post(f"/links/{shelf.of['new']}/take_back").status_code == 303
    assert state_of(cast, shelf)["new"] == "new"


WRONG = [
    ("waiting", "create"),
    ("waiting", "leave_out"),
    ("waiting", "link"),
    ("linked", "create"),
    ("linked", "leave_out"),
    ("new", "keep"),
    ("new", "take_back"),
    ("new", "only"),
    ("new", "link"),
    ("empty", "create"),
    ("reissued", "create"),
    ("out", "leave_out"),
    ("near", "every"),
    ("changed", "leave_out"),
]


@pytest.mark.parametrize(("remote_id", "verb"), WRONG)
def test_a_verb_that_does_not_fit_the_state_is_refused(cast: Cast, shelf: Shelf, remote_id: str, verb: str) -> None:
    with lantern(cast):
        before = everything()
    data = {"product": shelf.lamp} if verb == "link" and remote_id == "waiting" else {}
    answer = Browser(cast, cast.mei).post(f"/links/{shelf.of[remote_id]}/{verb}", data)
    assert answer.status_code == 422
    assert "cannot be done with the listings you chose" in answer.text
    with lantern(cast):
        assert everything() == before


def test_nothing_is_decided_about_a_listing_that_is_gone_at_the_channel(cast: Cast, shelf: Shelf) -> None:
    with lantern(cast):
        take_in(at(shelf.jd), [])
    answer = Browser(cast, cast.mei).post(f"/links/{shelf.of['new']}/create")
    assert answer.status_code == 422
    assert "no longer has this listing" in answer.text


def test_a_decision_is_answered_in_place_so_that_no_row_moves(cast: Cast, shelf: Shelf) -> None:
    mei = Browser(cast, cast.mei)
    target = f"link_row-{shelf.of['new']}"
    answer = mei.post(f"/links/{shelf.of['new']}/create?state=new", headers={**HX, "HX-Target": target})
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith(f'<tr role="row" id="{target}">')
    assert "Product NEW-1 created and linked." in answer.text
    assert 'id="link_tabs" hx-swap-oob="true"' in answer.text
    again = mei.post(f"/links/{shelf.of['new']}/create?state=new", headers={**HX, "HX-Target": target})
    assert again.status_code == 422
    assert "cannot be done" in again.text
    assert again.text.lstrip().startswith(f'<tr role="row" id="{target}">')


def test_the_search_narrows_the_tab_and_what_all_means(cast: Cast) -> None:
    with lantern(cast):
        filled(30)
    mei = Browser(cast, cast.mei)
    part = mei.get("/links?state=new&q=N-000", headers={**HX, "HX-Target": "links_table"}).text
    assert "10 listings" in part
    assert "<html" not in part
    page = mei.get("/links?state=new&q=N-000&all=1").text
    assert "10 listings selected, on all pages" in page
    assert "data-check" not in page
    answer = mei.post("/links/select?state=new&q=N-000", {"all": "1", "verb": "create"})
    assert answer.status_code == 303
    assert "Create 10 products" in mei.get(answer.location).text


def test_what_belongs_to_another_merchant_is_not_there(cast: Cast, shelf: Shelf) -> None:
    with rival(cast):
        theirs = filled(3)
        listed = next(iter(ids_of(theirs.id).values()))
        foreign = product("THEIRS").id
        batch = batches.begin("create", Choice("new", theirs.id), By("Rex")).id
        connection_id = theirs.id
    mei = Browser(cast, cast.mei)
    for page, thing in (("/links/{}/choose", listed), ("/links/batches/{}", batch)):
        assert mei.not_there(page, thing) == mei.not_there(page, uuid.uuid4())
        assert mei.get(page.format(thing)).status_code == 404
    assert mei.get(f"/links?connection={connection_id}").status_code == 404
    assert mei.get(f"/links?batch={batch}").status_code == 404
    for url, data in (
        (f"/links/{listed}/create", {}),
        (f"/links/{shelf.of['new']}/link", {"product": foreign}),
        (f"/links/batches/{batch}/undo", {}),
        (f"/links/bulk?verb=create&state=new&id={listed}", {"expected": "1"}),
        (f"/links/bulk?verb=create&state=new&connection={connection_id}", {"expected": "3"}),
    ):
        assert mei.post(url, data).status_code == 404, url
    with rival(cast):
        assert db.session.get_one(LinkBatch, (cast.rival, batch)).state == "done"
    assert state_of(cast, shelf)["new"] == "new"


def test_a_viewer_sees_the_workbench_and_may_do_nothing_there(cast: Cast, shelf: Shelf) -> None:
    vera = Browser(cast, cast.vera)
    for state in ALL:
        page = vera.get(f"/links?state={state}")
        assert page.status_code == 200
        for offer in ("formaction", "data-check", "data-bulk", "Choose another"):
            assert offer not in page.text, (state, offer)
    refused = [
        vera.post(f"/links/{shelf.of['new']}/create"),
        vera.post(f"/links/{shelf.of['near']}/link", {"product": shelf.lamp}),
        vera.post("/links/select?state=new", {"all": "1", "verb": "create"}),
        vera.post("/links/bulk?verb=create&state=new", {"expected": "1"}),
        vera.get(f"/links/{shelf.of['new']}/choose"),
    ]
    assert [each.status_code for each in refused] == [403] * 5
    assert state_of(cast, shelf)["new"] == "new"


@pytest.mark.parametrize("state", ["new", "duplicate", "near", "linked"])
def test_the_workbench_costs_the_same_for_5_and_for_200_rows(cast: Cast, statements: Statements, state: str) -> None:
    skus = {"new": "N-{0:03d}", "duplicate": "D-{1:03d}", "near": "k-{0:03d}", "linked": "K-{0:03d}"}
    with lantern(cast):
        for each in range(200):
            product(f"K-{each:03d}")
        jd = turned_on().id
    mei = Browser(cast, cast.mei)
    mei.get("/links")

    def cost(number: int) -> int:
        with lantern(cast):
            take_in(at(jd), [listing(f"r{each}", skus[state].format(each, each // 2)) for each in range(number)])
        with statements() as sent:
            page = mei.get(f"/links?state={state}")
        assert page.text.count('id="link_row-') == min(number, 40 if state == "duplicate" else 50), page.text
        return len(sent)

    assert cost(6) == cost(200)
