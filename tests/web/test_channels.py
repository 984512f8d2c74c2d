"""Sales channels and plugins over all stores, and the chooser that adds one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from portal.flows import stores
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.ids import new_id
from portal.models import Connection, ConnectionState, Run, RunState, Store
from tests.cast import Cast
from tests.web.test_stores import HX, connect, post, row_of

Statements = Callable[[], AbstractContextManager[list[str]]]
DIALOG = {**HX, "HX-Target": "dialog"}


@pytest.fixture
def with_sandbox(cast: Cast) -> Iterator[None]:
    """The house as it is where the sandbox runs."""
    usual = cast.app.extensions["lintas"]
    settings = replace(usual.settings, sandbox_url="http://127.0.0.1:8090")
    cast.app.extensions["lintas"] = replace(usual, settings=settings)
    yield
    cast.app.extensions["lintas"] = usual


def second_store(cast: Cast) -> str:
    with cast.app.app_context(), acting_for(cast.lantern):
        return str(stores.add("Lantern London", "GBP", "Europe/London", LINTAS).id)


def test_with_one_store_adding_goes_straight_to_its_chooser(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    for kind, title in (("channels", "Add a sales channel"), ("plugins", "Add a plugin")):
        answer = client.get(f"/{kind}/add")
        assert answer.status_code == 303
        assert answer.location == f"/stores/{cast.lantern_store}/{kind}/add"
        assert title in client.get(answer.location).text
        dialog = client.get(f"/{kind}/add", headers=DIALOG).text
        assert dialog.strip().startswith("<dialog")
        assert "to Lantern Shanghai" in dialog


def test_with_several_stores_it_is_asked_for_which(cast: Cast) -> None:
    london = second_store(cast)
    client = cast.client_of(cast.mei)
    page = client.get("/channels/add").text
    assert page.count('type="radio"') == 2
    assert 'method="get"' in page
    assert "csrf_token" not in page.split('id="which_store"')[1].split("</form>")[0]
    answer = client.get("/channels/add", query_string={"store": london, "submit": ""})
    assert answer.location == f"/stores/{london}/channels/add"
    assert client.get("/channels/add", query_string={"store": cast.rival_store}).status_code == 404


def test_without_a_store_one_has_to_be_added_first(cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.delete(Store).where(Store.merchant_id == cast.lantern))
        db.session.commit()
    page = cast.client_of(cast.mei).get("/channels/add")
    assert page.status_code == 200
    assert "Add a store first" in page.text
    assert 'href="/stores/new"' in page.text


def test_the_chooser_finds_by_name_summary_and_other_names(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    where = f"/stores/{cast.lantern_store}/channels/add"
    for words, found, absent in (
        ("", ["JD.com", "JD.ID"], []),
        ("JD.COM", ["JD.com"], ["JD.ID"]),
        ("京东国际", ["JD.com"], ["JD.ID"]),
        ("jingdong", ["JD.com"], ["JD.ID"]),
        ("indonesia", ["JD.ID"], ["JD.com"]),
        ("etsy", [], ["JD.com", "JD.ID"]),
    ):
        block = client.get(where, query_string={"q": words}, headers={**HX, "HX-Target": "picks"}).text
        names = re.findall(r'<strong class="name"><span>([^<]+)</span>', block)
        assert [name for name in found if name not in names] == [], words
        assert [name for name in absent if name in names] == [], words
        assert f"{len(found)} of 2 integrations" in block
    assert "No integration is called “etsy”." in block


def test_a_marketplace_that_is_no_more_says_so_and_opens_only_with_the_sandbox(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    page = client.get(f"/stores/{cast.lantern_store}/channels/add").text
    assert "JD.ID ended on 31 March 2023." in page
    assert re.findall(r'name="integration" value="(\w+)"', page) == ["jd_com"]


@pytest.mark.usefixtures("with_sandbox")
def test_beside_the_sandbox_it_can_be_chosen_too(cast: Cast) -> None:
    page = cast.client_of(cast.mei).get(f"/stores/{cast.lantern_store}/channels/add").text
    assert re.findall(r'name="integration" value="(\w+)"', page) == ["jd_com", "jd_id"]


def test_the_chooser_of_plugins_finds_jd_by_its_two_letters(cast: Cast) -> None:
    chooser = f"/stores/{cast.lantern_store}/plugins/add"
    client = cast.client_of(cast.mei)
    assert "JD Logistics" in client.get(chooser, query_string={"q": "JD"}).text
    assert 'name="integration"' not in client.get(chooser, query_string={"q": "nothing like it"}).text


def test_choosing_makes_a_draft_and_opens_it_without_contacting_anybody(cast: Cast) -> None:
    client = cast.client_of(cast.tom)
    store = f"/stores/{cast.lantern_store}"
    answer = post(client, f"{store}/channels/add", f"{store}/install", integration="jd_com")
    assert answer.status_code == 303
    with cast.app.app_context(), acting_for(cast.lantern):
        made = db.session.scalars(sa.select(Connection)).one()
        assert (made.name, made.state, made.store_id) == ("JD.com", ConnectionState.DRAFT, cast.lantern_store)
    assert answer.location == f"/connections/{made.id}"
    assert "Added JD.com" in client.get(store).text
    post(client, f"{store}/channels/add", f"{store}/install", integration="jd_com")
    assert "JD.com 2" in client.get("/channels").text


def test_an_integration_that_nobody_knows_is_refused_in_words(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    store = f"/stores/{cast.lantern_store}"
    for data in ({"integration": "../etc"}, {}):
        answer = post(client, f"{store}/channels/add", f"{store}/install", **data)
        assert answer.status_code == 422
        assert "There is no such sales channel or plugin." in answer.text


def test_the_list_shows_how_each_channel_goes(cast: Cast) -> None:
    running = connect(cast, ConnectionState.ACTIVE)
    connect(cast, ConnectionState.DRAFT, "jd_id", store=None)
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.get_one(Connection, (cast.lantern, running)).name = "Flagship"
        db.session.add(
            Run(
                merchant_id=cast.lantern,
                id=new_id(),
                connection_id=running,
                resource="products",
                state=RunState.DONE,
                ended_at=now(),
            )
        )
        db.session.commit()
    client = cast.client_of(cast.tom)
    page = client.get("/channels").text
    flagship, draft = row_of(page, "Flagship"), row_of(page, ">JD.ID</a>")
    assert "Connected" in flagship
    assert "just now" in flagship
    assert "Lantern Shanghai" in flagship
    assert f'href="/connections/{running}" aria-label="Edit Flagship"' in flagship
    assert "Setting up" in draft
    assert "Never" in draft
    assert 'aria-disabled="true"' in draft, "there is nothing to turn on yet"
    described = re.search(r'aria-describedby="([^"]+)"', draft)
    assert described is not None
    assert f'id="{described[1]}"' in draft
    assert "Integrations" in page
    assert "Add integration" in page


def test_the_list_is_searched_by_name_store_and_remote_and_filtered_by_status(cast: Cast) -> None:
    connect(cast, ConnectionState.PAUSED, "jd_id")
    connect(cast, ConnectionState.ACTIVE)
    client = cast.client_of(cast.vera)

    def found(**asked: str) -> list[str]:
        return re.findall(r'class="name" href="[^"]+">([^<]+)', client.get("/channels", query_string=asked).text)

    assert found() == ["JD.com", "JD.ID"]
    assert found(q="SHANGHAI") == ["JD.com", "JD.ID"]
    assert found(q="jd.id") == ["JD.ID"]
    assert found(status="attention") == ["JD.ID"]
    assert found(status="active") == ["JD.com"]
    assert found(q="_") == []
    assert "No sales channels match." in client.get("/channels", query_string={"q": "_"}).text


def test_nobody_sees_the_channels_of_others(cast: Cast) -> None:
    connect(cast, ConnectionState.ACTIVE)
    page = cast.client_of(cast.rex).get("/channels").text
    assert "Connect your first sales channel" in page
    assert "Lantern" not in page


def test_a_list_of_many_costs_the_same_and_has_no_gaps(cast: Cast, statements: Statements) -> None:
    connect(cast, ConnectionState.ACTIVE)
    client = cast.client_of(cast.mei)
    with statements() as few:
        client.get("/channels")
    for _ in range(59):
        connect(cast, ConnectionState.ACTIVE)
    with statements() as many:
        page = client.get("/channels").text
    assert len(many) == len(few)
    names = re.findall(r'class="name" href="([^"]+)"', page)
    after = re.search(r'rel="next" href="([^"]+)"', page)
    assert after is not None
    names += re.findall(r'class="name" href="([^"]+)"', client.get(after[1].replace("&amp;", "&")).text)
    assert len(names) == len(set(names)) == 60
    assert "60 sales channels" in page


def test_plugins_have_a_list_of_their_own(cast: Cast) -> None:
    connect(cast, ConnectionState.ACTIVE)
    page = cast.client_of(cast.mei).get("/plugins").text
    assert "No plugin yet" in page
    assert "JD.com" not in page
