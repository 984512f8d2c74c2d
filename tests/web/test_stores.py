"""Stores: the list, a new one, its page."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from portal.flows import connections, stores, sync
from portal.flows.audit import LINTAS
from portal.flows.work import Again, Claim
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.ids import new_id
from portal.models import Connection, ConnectionState, Run, RunState, Store
from tests import goods
from tests.cast import Cast, csrf

Statements = Callable[[], AbstractContextManager[list[str]]]
HX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}
OWN = re.compile(r'Ij[\w.-]{40,}|(?<=name="once" value=")[\w-]+')


def post(client: FlaskClient, page: str, where: str | None = None, **data: str):
    """Post a form of a page, as a browser would."""
    return client.post(where or page, data={**data, "csrf_token": csrf(client, page)})


def connect(
    cast: Cast, state: ConnectionState, integration: str = "jd_com", store: uuid.UUID | None = None
) -> uuid.UUID:
    """A connection of Blue Lantern in a state."""
    with cast.app.app_context(), acting_for(cast.lantern):
        made = connections.install(
            db.session.get_one(Store, (cast.lantern, store or cast.lantern_store)), integration, LINTAS
        )
        made.state = state
        made.active_since = None if state is ConnectionState.DRAFT else now()
        db.session.commit()
        return made.id


def row_of(page: str, name: str) -> str:
    """The row of a table that begins with this name."""
    return next(row for row in page.split("<tr ") if name in row)


def test_a_new_store_is_added_and_opened(cast: Cast) -> None:
    client = cast.client_of(cast.tom)
    answer = post(client, "/stores/new", name="  Kiosk Jakarta ", currency="IDR", time_zone="Asia/Jakarta")
    assert answer.status_code == 303
    page = client.get(answer.location).text
    assert "<h1>Kiosk Jakarta</h1>" in page
    assert "Kiosk Jakarta was added." in page
    assert "IDR · WIB" in page
    assert "Kiosk Jakarta" in client.get("/stores").text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": " "}, "Enter a name of 1 to 80 characters."),
        ({"name": "x" * 81}, "Enter a name of 1 to 80 characters."),
        ({"name": "LANTERN shanghai"}, "You have a store with this name already."),
        ({"currency": "DOGE"}, "DOGE is not a currency."),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus is not a time zone."),
    ],
)
def test_what_is_wrong_with_a_new_store_is_said_at_its_field_and_what_was_typed_stays(
    cast: Cast, typed: dict[str, str], said: str
) -> None:
    client = cast.client_of(cast.mei)
    form = {"name": "Second shop", "currency": "GBP", "time_zone": "Europe/London", **typed}
    answer = post(client, "/stores/new", **form)
    assert answer.status_code == 422
    field = next(iter(typed))
    assert said in answer.text.split(f'id="{field}-field"')[1].split("</div>")[0]
    assert 'aria-invalid="true"' in answer.text
    assert "<title>Error: Add store" in answer.text
    if field != "name":
        assert 'value="Second shop"' in answer.text


def test_the_form_of_a_new_store_opens_as_a_dialog_and_as_a_page(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    dialog = client.get("/stores/new", headers={**HX, "HX-Target": "dialog"}).text
    assert dialog.startswith("<dialog") or dialog.strip().startswith("<dialog")
    assert "<html" not in dialog
    page = client.get("/stores/new").text
    assert "<html" in page
    assert "<h1" in page
    assert "<dialog" not in page
    assert '<option selected value="CNY">' in page, "the merchant's own currency is chosen"
    assert 'type="number"' not in page


def test_saved_details_show_in_the_activity_with_who_and_what(cast: Cast) -> None:
    client = cast.client_of(cast.tom)
    page = f"/stores/{cast.lantern_store}"
    answer = post(client, page, name="Lantern Pudong", currency="CNY", time_zone="Asia/Shanghai")
    assert answer.status_code == 303
    block = client.get(answer.location, headers={**HX, "HX-Target": "store_form"}).text
    assert '<div id="store_form">' in block
    assert "<h1>Lantern Pudong</h1>" in block, "the head of the page follows"
    assert "The details were saved." in block
    text = client.get(answer.location).text
    activity = text.split('id="activity"')[1]
    assert "Tom Ellis" in activity
    assert "Lantern Shanghai → Lantern Pudong" in activity


def test_the_currency_is_fixed_once_the_store_has_a_connection(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    page = f"/stores/{cast.lantern_store}"
    assert client.get(page).text.split('name="currency"')[1].split("</select>")[0].count("<option") > 100
    connect(cast, ConnectionState.DRAFT)
    assert client.get(page).text.split('name="currency"')[1].split("</select>")[0].count("<option") == 1
    answer = post(client, page, name="Lantern Shanghai", currency="USD", time_zone="Asia/Shanghai")
    assert answer.status_code == 422
    assert "The currency stays CNY" in answer.text


def test_the_switch_answers_in_its_real_state_and_works_without_scripts(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    page, where = f"/stores/{cast.lantern_store}", f"/stores/{cast.lantern_store}/active"
    assert post(client, page, where, on="0").location == page
    assert 'aria-checked="false"' in client.get(page).text
    token = csrf(client, page)
    answer = client.post(where, data={"on": "1", "csrf_token": token}, headers={**HX, "HX-Target": "store_active"})
    assert answer.status_code == 200
    assert 'aria-checked="true"' in answer.text
    assert "Saved" in answer.text
    assert "<html" not in answer.text
    assert "Turned the store off" in client.get(page).text


def test_a_viewer_sees_the_store_and_can_change_nothing(cast: Cast) -> None:
    client = cast.client_of(cast.vera)
    page = f"/stores/{cast.lantern_store}"
    text = client.get(page).text
    assert "Lantern Shanghai" in text
    for absent in ("Save details", 'role="switch"', "Add New Sales Channel", "add_plugin"):
        assert absent not in text
    assert "add_store" not in client.get("/stores").text
    token = csrf(client, page)
    for where in (page, f"{page}/active", f"{page}/install", "/stores/new"):
        answer = client.post(where, data={"csrf_token": token, "name": "Mine", "on": "0", "integration": "jd_com"})
        assert answer.status_code == 403, where
    for where in ("/stores/new", f"{page}/channels/add", f"{page}/plugins/add", "/channels/add", "/plugins/add"):
        assert client.get(where).status_code == 403, where
    assert "Lantern Shanghai" in client.get(page).text


def test_somebody_elses_store_answers_like_one_that_does_not_exist(cast: Cast) -> None:
    client = cast.client_of(cast.rex)
    token = csrf(client, "/stores/new")
    for method, where in (
        ("GET", "/stores/{}"),
        ("GET", "/stores/{}/channels/add"),
        ("GET", "/stores/{}/plugins/add"),
        ("GET", "/channels/add?store={}"),
        ("POST", "/stores/{}"),
        ("POST", "/stores/{}/active"),
        ("POST", "/stores/{}/install"),
    ):
        data = {"csrf_token": token, "name": "x", "integration": "jd_com"} if method == "POST" else None
        told = set()
        for key in (cast.lantern_store, new_id(), "nonsense"):
            answer = client.open(where.format(key), method=method, data=data)
            assert answer.status_code == 404, where
            # What may differ: the address itself, the number of the request, the token of the form.
            told.add(OWN.sub("", answer.text.replace(str(key), "").replace(answer.headers["X-Request-Id"], "")))
        assert len(told) == 1, where


def test_a_store_stands_like_the_worst_of_its_connections(cast: Cast) -> None:
    client = cast.client_of(cast.vera)
    badge = lambda: row_of(client.get("/stores").text, "Lantern Shanghai")  # noqa: E731
    assert "Setting up" in badge()
    running = connect(cast, ConnectionState.ACTIVE)
    assert "Active" in badge()
    connect(cast, ConnectionState.DRAFT)
    assert "Setting up · 1 of 2" in badge()
    connect(cast, ConnectionState.ACTIVATING)
    assert "First check runs" in badge()
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.add(
            Run(
                merchant_id=cast.lantern,
                id=new_id(),
                connection_id=running,
                resource="products",
                state=RunState.FAILED,
                ended_at=now(),
            )
        )
        db.session.commit()
    assert "Needs attention" in badge(), "its last sync ended badly"
    with cast.app.app_context(), acting_for(cast.lantern):
        stores.turn(db.session.get_one(Store, (cast.lantern, cast.lantern_store)), False, LINTAS)
    assert "Paused" in badge()


def test_the_list_is_searched_and_filtered_by_its_address(cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        stores.add("100% Silk", "CNY", "Asia/Shanghai", LINTAS)
        paused = stores.add("Old kiosk", "CNY", "Asia/Shanghai", LINTAS)
        stores.turn(paused, False, LINTAS)
    client = cast.client_of(cast.vera)
    found = client.get("/stores", query_string={"q": "0% s"}).text
    assert "100% Silk" in found
    assert "Old kiosk" not in found
    found = client.get("/stores", query_string={"q": "0%_s"}).text
    assert "No stores match." in found
    assert "100% Silk" not in found
    found = client.get("/stores", query_string={"status": "paused"}).text
    assert "Old kiosk" in found
    assert "100% Silk" not in found
    assert client.get("/stores", query_string={"q": "%", "status": "no such", "page": "%%%"}).status_code == 200
    block = client.get("/stores", query_string={"q": "silk"}, headers={**HX, "HX-Target": "stores_list"}).text
    assert block.strip().startswith('<div id="stores_list"')


def test_pages_have_no_gaps_and_cost_the_same_however_many_stores_there_are(cast: Cast, statements: Statements) -> None:
    client = cast.client_of(cast.vera)
    connect(cast, ConnectionState.ACTIVE)
    with statements() as few:
        client.get("/stores")
    with cast.app.app_context(), acting_for(cast.lantern):
        made = [stores.add(f"Shop {number:03} Ä", "CNY", "Asia/Shanghai", LINTAS).id for number in range(119)]
    for store in made[:20]:
        connect(cast, ConnectionState.ACTIVE, store=store)
    with statements() as many:
        first = client.get("/stores", headers=JSON).get_json()
    with statements() as page:
        client.get("/stores")
    assert len(page) == len(few)
    assert len(many) <= len(few)
    seen, after = [each["name"] for each in first["items"]], first["next"]
    assert first["count"] == {"number": 120, "more": False}
    while after:
        answer = client.get("/stores", query_string={"page": after}, headers=JSON).get_json()
        seen += [each["name"] for each in answer["items"]]
        after = answer["next"]
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, key=str.lower)
    backwards = client.get("/stores", query_string={"sort": "-name"}, headers=JSON).get_json()
    assert backwards["items"][0]["name"] == seen[-1]


def test_linked_listings_are_counted_without_those_that_are_gone(cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        channel = goods.connection()
        goods.product("A-1")
        goods.take_in(channel, [goods.listing("1", "A-1"), goods.listing("2", "B-2"), goods.listing("3", "C-3")])
        goods.take_in(channel, [goods.listing("1", "A-1"), goods.listing("2", "B-2")])
    client = cast.client_of(cast.vera)
    assert "1 of 2" in row_of(client.get("/stores").text, "Lantern Shanghai")
    item = client.get("/stores", headers=JSON).get_json()["items"][0]
    assert item["linked_listings"]["number"] == 1
    assert item["listings"]["number"] == 2


def test_a_store_is_told_as_json_with_its_connections(cast: Cast) -> None:
    connect(cast, ConnectionState.ACTIVE)
    client = cast.client_of(cast.vera)
    told = client.get(f"/stores/{cast.lantern_store}", headers=JSON).get_json()
    assert told["name"] == "Lantern Shanghai"
    assert told["time_zone"] == "Asia/Shanghai"
    assert [each["name"] for each in told["connections"]] == ["JD.com"]
    assert told["connections"][0]["is_active"] is True
    browser = client.get(f"/stores/{cast.lantern_store}", headers={"Accept": "text/html,*/*;q=0.8"})
    assert browser.mimetype == "text/html"
    assert client.get(f"/stores/{cast.rival_store}", headers=JSON).status_code == 404


def test_the_first_store_is_invited_with_the_setup_guide(cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.rival):
        db.session.execute(sa.delete(Store).where(Store.id == cast.rival_store))
        db.session.commit()
    page = cast.client_of(cast.rex).get("/stores").text
    assert "Add your first store" in page
    assert "0 of 4 done" in page
    assert "After step 1" in page


def test_a_channel_of_the_store_can_be_turned_off_from_its_row(cast: Cast) -> None:
    connection = connect(cast, ConnectionState.ACTIVE)
    client = cast.client_of(cast.tom)
    page, where = f"/stores/{cast.lantern_store}", f"/connections/{connection}/active"
    row = row_of(client.get(page).text, "JD.com is active")
    assert f'action="{where}"' in row
    assert f'href="/connections/{connection}"' in row
    token = csrf(client, page)
    answer = client.post(
        where, data={"on": "0", "csrf_token": token}, headers={**HX, "HX-Target": f"connection_active-{connection}"}
    )
    assert answer.status_code == 200
    assert "HX-Retarget" not in answer.headers, "it takes the place of the switch, not of the page"
    assert 'aria-checked="false"' in answer.text
    assert f"connection_badge-{connection}" in answer.text
    with cast.app.app_context(), acting_for(cast.lantern):
        assert db.session.get_one(Connection, (cast.lantern, connection)).state is ConnectionState.SAVED


def test_a_store_that_is_off_brings_nothing_in_until_it_is_on_again(cast: Cast) -> None:
    connection = connect(cast, ConnectionState.ACTIVE)
    client = cast.client_of(cast.mei)
    page, where = f"/stores/{cast.lantern_store}", f"/stores/{cast.lantern_store}/active"

    def runs() -> list[str]:
        with cast.app.app_context(), acting_for(cast.lantern):
            states = sa.select(Run.state).where(Run.resource == "products").order_by(Run.id)
            return [each.value for each in db.session.scalars(states)]

    post(client, page, f"/connections/{connection}/sync")
    assert runs() == ["waiting"]
    post(client, page, where, on="0")
    assert runs() == ["stopped"]
    assert "This store is off." in client.get(page).text
    answer = post(client, page, f"/connections/{connection}/sync")
    assert "Turn the store on, then sync." in client.get(answer.location).text
    with cast.app.app_context(), acting_for(cast.lantern):
        body = {"connection": str(connection), "resource": "products"}
        due = Claim(cast.lantern, new_id(), "a lane", "sync_due", body, lease=1, attempts=1, asked_by="")
        assert isinstance(sync.due(due), Again), "it is asked again later"
        db.session.commit()
    assert runs() == ["stopped"]
    post(client, page, where, on="1")
    assert runs() == ["stopped", "waiting"]
    assert "This store is off." not in client.get(page).text


def test_the_limits_of_a_store_hold_for_channels_that_set_none(cast: Cast) -> None:
    address = f"/stores/{cast.lantern_store}"
    client = cast.client_of(cast.mei)
    assert post(client, f"{address}/limits", buffer="5", max_level="").status_code == 303
    page = client.get(address).text
    assert "Saved the stock limits of the store" in page
    limits = page.split('id="stock_limits"')[1].split("</section>")[0]
    assert re.findall(r"<dd>([^<]+)</dd>", limits) == ["5", "Not set"]
    refused = post(client, f"{address}/limits", buffer="many", max_level="0")
    assert refused.status_code == 422
    assert "Enter a whole number" in refused.text
    with cast.app.app_context(), acting_for(cast.lantern):
        store = db.session.get_one(Store, (cast.lantern, cast.lantern_store))
        assert (store.buffer, store.max_level) == (5, None), "empty says nothing, and what was refused changed nothing"
