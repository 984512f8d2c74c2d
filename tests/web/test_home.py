"""The start page: what needs attention, how far the setup is, what runs."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.records import OrderStatus
from portal.flows import connections, notices
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.ids import new_id
from portal.models import (
    Connection,
    ConnectionState,
    Membership,
    Notice,
    Order,
    OrderStage,
    Run,
    RunState,
    Stock,
    Store,
)
from tests import goods
from tests.cast import Cast
from tests.web.test_stores import connect

Statements = Callable[[], AbstractContextManager[list[str]]]


def steps(page: str) -> list[str]:
    """The states of the guide's steps."""
    return re.findall(r'<li class="(now|done|later)">', page)


def add_run(cast: Cast, connection: uuid.UUID, state: RunState, **more: object) -> uuid.UUID:
    ended = None if state in (RunState.WAITING, RunState.RUNNING) else now()
    with cast.app.app_context(), acting_for(cast.lantern):
        run = Run(
            merchant_id=cast.lantern,
            id=new_id(),
            connection_id=connection,
            resource="products",
            state=state,
            ended_at=ended,
            **more,
        )
        db.session.add(run)
        db.session.commit()
        return run.id


def test_the_guide_leads_from_the_first_store_to_syncing_and_then_goes_away(cast: Cast) -> None:
    client = cast.client_of(cast.mei)
    with cast.app.app_context(), acting_for(cast.lantern):
        store = db.session.get_one(Store, (cast.lantern, cast.lantern_store))
        kept = (store.name, store.currency, store.time_zone)
        db.session.delete(store)
        db.session.commit()
    page = client.get("/").text
    assert steps(page) == ["now", "later", "later", "later"]
    assert "0 of 4 done" in page

    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.add(
            Store(merchant_id=cast.lantern, id=cast.lantern_store, name=kept[0], currency=kept[1], time_zone=kept[2])
        )
        db.session.commit()
    page = client.get("/").text
    assert steps(page) == ["done", "now", "later", "later"]
    assert 'href="/channels/add">Add New Sales Channel' in page

    channel = connect(cast, ConnectionState.DRAFT)
    page = client.get("/").text
    assert steps(page) == ["done", "now", "later", "later"]
    assert f'href="/connections/{channel}">Continue' in page

    with cast.app.app_context(), acting_for(cast.lantern):
        row = db.session.get_one(Connection, (cast.lantern, channel))
        row.state, row.active_since = ConnectionState.ACTIVE, now()
        db.session.commit()
    page = client.get("/").text
    assert steps(page) == ["done", "done", "now", "done"]
    assert "First the products of the channel come in." in page

    add_run(cast, channel, RunState.DONE)
    with cast.app.app_context(), acting_for(cast.lantern):
        row = db.session.get_one(Connection, (cast.lantern, channel))
        goods.take_in(row, [goods.listing("1", "A-1"), goods.listing("2", "B-2")])
    page = client.get("/").text
    assert steps(page) == ["done", "done", "now", "done"]
    assert "Link SKUs" in page

    with cast.app.app_context(), acting_for(cast.lantern):
        row = db.session.get_one(Connection, (cast.lantern, channel))
        goods.product("A-1")
        goods.take_in(row, [goods.listing("1", "A-1", title="Renamed"), goods.listing("2", "B-2")])
    page = client.get("/").text
    assert steps(page) == []
    assert "Get ready to sell" not in page


def test_a_channel_that_was_turned_off_brings_the_last_step_back(cast: Cast) -> None:
    channel = connect(cast, ConnectionState.ACTIVE)
    add_run(cast, channel, RunState.DONE)
    with cast.app.app_context(), acting_for(cast.lantern):
        connections.turn_off(db.session.get_one(Connection, (cast.lantern, channel)), LINTAS)
    page = cast.client_of(cast.mei).get("/").text
    assert steps(page) == ["done", "done", "done", "now"]
    assert f'href="/connections/{channel}">Turn on' in page


def test_the_worst_comes_first_with_why_and_the_button(cast: Cast) -> None:
    channel = connect(cast, ConnectionState.PAUSED)
    with cast.app.app_context(), acting_for(cast.lantern):
        notices.tell("connection", channel, "unknown_audit_word", grave=False, name="JD.com", words=["hold"])
        notices.tell("connection", channel, "wrong_credentials", name="JD.com", code="12")
        db.session.execute(
            sa.update(Notice).where(Notice.cause == "wrong_credentials").values(since=now() - timedelta(hours=3))
        )
        db.session.commit()
    client = cast.client_of(cast.tom)
    page = client.get("/").text
    grave, slight = (
        page.index("JD.com did not accept this API Key and Secret."),
        page.index("for its quality check that we do not know: hold"),
    )
    assert grave < slight
    assert "What to do:" in page
    assert f"/connections/{channel}" in page
    assert "JD.com · Lantern Shanghai" in page
    issue = page.split("did not accept this API Key")[1].split("</article>")[0]
    assert ">12" not in issue, "codes of the remote are for support only"

    viewer = cast.client_of(cast.vera).get("/").text
    assert "JD.com did not accept this API Key and Secret." in viewer
    assert 'class="btn' not in viewer.split('id="attention"')[1].split("</section>")[0]

    assert "did not accept" not in cast.client_of(cast.rex).get("/").text
    with cast.app.app_context(), acting_for(cast.lantern):
        notices.clear("connection", channel)
        db.session.commit()
    assert "Needs attention" not in client.get("/").text


def test_the_worst_problem_also_stands_over_the_stores(cast: Cast) -> None:
    channel = connect(cast, ConnectionState.PAUSED)
    with cast.app.app_context(), acting_for(cast.lantern):
        notices.tell("connection", channel, "wrong_credentials", name="JD.com", code="12")
        db.session.commit()
    assert "Lantern Shanghai: JD.com did not accept" in cast.client_of(cast.mei).get("/stores").text


def test_a_failed_sync_names_its_channel_even_after_that_is_gone(cast: Cast) -> None:
    channel = connect(cast, ConnectionState.ACTIVE)
    run = add_run(cast, channel, RunState.FAILED, cause="not_readable")
    with cast.app.app_context(), acting_for(cast.lantern):
        notices.tell("run", run, "not_readable", resource="products")
        db.session.commit()
    client = cast.client_of(cast.mei)
    assert "JD.com · Lantern Shanghai" in client.get("/").text
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.delete(Connection).where(Connection.id == channel))
        db.session.commit()
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("address", ["/", "/settings/security"])
def test_a_time_that_belongs_to_no_store_is_shown_in_the_zone_of_the_merchant(cast: Cast, address: str) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        notices.tell("merchant", cast.lantern, "needs_plugin")
        db.session.commit()
    page = cast.client_of(cast.mei).get(address).text
    assert "Shanghai time" in page
    assert " UTC" not in page


def test_the_counts_lead_to_what_they_count(cast: Cast) -> None:
    channel = connect(cast, ConnectionState.ACTIVE)
    with cast.app.app_context(), acting_for(cast.lantern):
        row = db.session.get_one(Connection, (cast.lantern, channel))
        goods.take_in(row, [goods.listing("1", "A-1"), goods.listing("2", "B-2"), goods.listing("3", "")])
    add_run(cast, channel, RunState.RUNNING, seen=40, kept=40, total=120)
    page = cast.client_of(cast.vera).get("/").text
    counts = page.split('id="counts"')[1].split("</section>")[0]
    assert re.findall(r"<dd>([^<]+)</dd>", counts) == ["0", "0", "0", "3", "1", "0"]
    for link in re.findall(r'href="([^"]+)"', counts):
        assert cast.client_of(cast.vera).get(link).status_code == 200
    runs = page.split('id="runs"')[1]
    assert "40 of 120" in runs
    assert "Running" in runs


def test_the_page_costs_the_same_with_one_and_with_many_problems(cast: Cast, statements: Statements) -> None:
    client = cast.client_of(cast.mei)
    one = connect(cast, ConnectionState.PAUSED)
    run = add_run(cast, one, RunState.FAILED, cause="not_readable")
    with cast.app.app_context(), acting_for(cast.lantern):
        notices.tell("connection", one, "wrong_credentials")
        notices.tell("run", run, "not_readable", resource="products")
        db.session.commit()
    with statements() as few:
        client.get("/")
    for _ in range(24):
        other = connect(cast, ConnectionState.PAUSED)
        with cast.app.app_context(), acting_for(cast.lantern):
            notices.tell("connection", other, "wrong_credentials")
            db.session.commit()
    with statements() as many:
        page = client.get("/").text
    assert len(many) == len(few)
    assert page.count("did not accept this API Key") == 19
    assert "6 more need attention." in page


def test_staff_come_to_their_own_area_and_to_no_merchants_pages(cast: Cast) -> None:
    client = cast.client_of(cast.sam)
    answer = client.get("/")
    assert (answer.status_code, answer.location) == (303, "/support")
    assert "/stores" not in client.get("/support").text
    for where in ("/stores", "/channels", "/plugins", "/settings/my-store"):
        assert client.get(where).status_code == 404


def test_who_left_the_merchant_is_told_so(cast: Cast) -> None:
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.execute(sa.delete(Membership).where(Membership.user_id == cast.vera.id))
        db.session.commit()
    page = cast.client_of(cast.vera).get("/")
    assert page.status_code == 200
    assert "You do not belong to a merchant account" in page.text


@pytest.mark.parametrize("where", ["/", "/stores", "/channels", "/plugins", "/settings", "/settings/my-store"])
def test_a_stranger_is_sent_to_sign_in(cast: Cast, where: str) -> None:
    answer = cast.client_of(None).get(where)
    assert answer.status_code == 303
    assert answer.location.startswith("/login")


def add_order(cast: Cast, connection: uuid.UUID, days_ago: int, **more: object) -> None:
    """An order that was placed so many days ago."""
    values = {"status": OrderStatus.TO_SHIP, "stage": OrderStage.PENDING} | more
    number = new_id().hex
    with cast.app.app_context(), acting_for(cast.lantern):
        db.session.add(
            Order(
                merchant_id=cast.lantern,
                id=new_id(),
                store_id=cast.lantern_store,
                connection_id=connection,
                remote_id=number,
                number=number,
                status_word="1",
                placed_at=now() - timedelta(days=days_ago),
                sealed=b"-",
                pieces=1,
                digest=b"-",
                asked_at=now(),
                **values,
            )
        )
        db.session.commit()


def table_of(page: str, name: str) -> list[list[str]]:
    """The rows of a chart's table, the words of the first column left out."""
    body = page.split(f'id="chart-{name}"')[1].split("</figure>", maxsplit=1)[0].split("<tbody>")[1]
    return [re.findall(r'<td class="end">([^<]+)</td>', row) for row in body.split("</tr>")[:-1]]


def test_the_charts_say_in_a_table_what_they_draw(cast: Cast) -> None:
    channel, other = connect(cast, ConnectionState.ACTIVE), connect(cast, ConnectionState.ACTIVE, "jd_id")
    for days_ago, connection in ((0, channel), (0, channel), (0, other), (3, other), (40, other)):
        add_order(cast, connection, days_ago)
    add_run(cast, channel, RunState.DONE)
    add_run(cast, channel, RunState.FAILED, cause="busy")
    with cast.app.app_context(), acting_for(cast.lantern):
        for sku, on_hand, reserved in (("A", 9, 0), ("B", 3, 0), ("C", 2, 2), ("D", 1, 4)):
            product = goods.product(sku)
            row = Stock(merchant_id=cast.lantern, product_id=product.id, on_hand=on_hand, reserved=reserved)
            db.session.add(row)
        db.session.commit()
    page = cast.client_of(cast.vera).get("/").text

    orders = table_of(page, "orders")
    assert len(orders) == 14
    assert orders[-1] == ["2", "1"], "today, the channel with the most orders first"
    assert orders[-4] == ["0", "1"]
    assert "4 orders came in during the last 14 days, 3 of them today." in page
    assert page.count('<rect class="kind-') == 2 + 1 + 2, "three pieces of columns, and two in the key"
    assert table_of(page, "coverage") == [
        ["1", "0", "0", "0"],
        ["0", "1", "0", "0"],
        ["0", "0", "1", "0"],
        ["0", "0", "0", "1"],
    ]
    assert "Of 4 products with stock here, 1 cannot be sold and 1 are oversold." in page
    assert table_of(page, "health")[-1] == ["1", "0", "1"]
    counts = page.split('id="counts"')[1].split("</section>")[0]
    assert re.findall(r"<dd>([^<]+)</dd>", counts)[:3] == ["5", "0", "1"]


def test_an_order_that_waits_for_the_merchant_is_counted(cast: Cast) -> None:
    channel = connect(cast, ConnectionState.ACTIVE)
    add_order(cast, channel, 0, stage=OrderStage.NEEDS_PLUGIN)
    add_order(cast, channel, 0, status=None)
    add_order(cast, channel, 0, stage=OrderStage.DONE)
    counts = cast.client_of(cast.vera).get("/").text.split('id="counts"')[1].split("</section>")[0]
    assert re.findall(r"<dd>([^<]+)</dd>", counts)[:2] == ["1", "2"]
