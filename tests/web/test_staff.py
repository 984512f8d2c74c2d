"""The staff area: who is found, how each merchant stands, what is shown of it, and what staff did as merchants."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.contract.errors import Cause
from portal.flows import notices, people, stores, work
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import acting_for, db, looking_as
from portal.kit.ids import new_id
from portal.kit.roles import SUPPORT
from portal.models import (
    Connection,
    ConnectionState,
    Merchant,
    Run,
    RunState,
    Secret,
    SupportConsent,
    User,
    Work,
    WorkStatus,
)
from tests.cast import Cast
from tests.web.staffed import card, row_of, visit
from tests.web.test_stores import connect

Statements = Callable[[], AbstractContextManager[list[str]]]
ROW = re.compile(r'<a class="name" href="/support/merchants/[^"]+">([^<]+)')
PAGES = ("/support", "/support/sessions", "/support/report")


def names(page: str) -> list[str]:
    """The merchants of the list, in its order."""
    return ROW.findall(page)


def pause(cast: Cast, cause: Cause = Cause.TOKEN_EXPIRED) -> uuid.UUID:
    """A channel of Blue Lantern that the remote does not let in any more; the merchant is told."""
    made = connect(cast, ConnectionState.PAUSED)
    with cast.app.app_context(), acting_for(cast.lantern):
        channel = db.session.get_one(Connection, (cast.lantern, made))
        channel.trouble, channel.trouble_since = cause.value, now()
        channel.trouble_said = "token is void"
        channel.shop_id, channel.shop_name = "10045821", "蓝灯旗舰店"
        notices.tell("connection", made, cause.value)
        db.session.commit()
    return made


# --- who may ----------------------------------------------------------------------------------------------------------


def test_after_signing_in_staff_stand_before_the_merchants(cast: Cast) -> None:
    sam = cast.client_of(cast.sam)
    page = sam.get("/", follow_redirects=True)
    assert page.request.path == "/support"
    assert names(page.text) == ["Blue Lantern", "Red Anchor"]
    assert 'href="/support/sessions"' in page.text


@pytest.mark.parametrize("name", ["mei", "tom", "vera", "rex"])
def test_members_of_merchants_see_nothing_of_it(cast: Cast, name: str) -> None:
    client = cast.client_of(getattr(cast, name))
    for url in (*PAGES, f"/support/merchants/{cast.lantern}", f"/support/sessions/{visit(cast)}"):
        answer = client.get(url)
        assert answer.status_code == 403, url
        assert "This page is for the support staff" in answer.text
        assert "owner of the account" not in answer.text, "no owner can give this"
        assert "Red Anchor" not in answer.text.replace("rex", "") or name == "rex"


def test_what_does_not_exist_is_not_there(cast: Cast) -> None:
    sam = cast.client_of(cast.sam)
    wrong = [
        f"/support/merchants/{new_id()}",
        "/support/merchants/lantern",
        f"/support/sessions/{new_id()}",
        f"/support/sessions?agent={cast.mei.id}",
        f"/support/sessions?merchant={new_id()}",
        "/support/sessions?merchant=%20",
    ]
    assert [sam.get(url).status_code for url in wrong] == [404] * len(wrong)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_a_merchant_is_found_by_name_store_person_and_shop(cast: Cast) -> None:
    pause(cast)
    sam = cast.client_of(cast.sam)
    for words in ("lantern", "LANTERN SHANGHAI", "vera", "tom@EXAMPLE", "10045821", "旗舰"):
        assert names(sam.get("/support", query_string={"q": words}).text) == ["Blue Lantern"], words
    assert names(sam.get("/support?q=Rex").text) == ["Red Anchor"]
    nothing = sam.get("/support?q=%25").text
    assert names(nothing) == []
    assert "No merchant matches." in nothing


def test_health_says_the_worst_that_is_so_and_the_worst_can_come_first(cast: Cast) -> None:
    sam = cast.client_of(cast.sam)
    assert "Nothing is turned on yet" in row_of(sam.get("/support").text, "Blue Lantern")
    with cast.app.app_context(), acting_for(cast.rival):
        stores_row = stores.add("Anchor Bali", "IDR", "Asia/Makassar", LINTAS)
        notices.tell("store", stores_row.id, "needs_plugin", grave=True)
        db.session.commit()
    assert "1 serious notice" in row_of(sam.get("/support").text, "Red Anchor")
    assert names(sam.get("/support?sort=health").text) == ["Red Anchor", "Blue Lantern"]
    with cast.app.app_context(), acting_for(cast.rival):
        notices.tell("run", new_id(), "unreachable")
        db.session.commit()
    assert "1 sync not finished" in row_of(sam.get("/support").text, "Red Anchor")
    with cast.app.app_context(), acting_for(cast.rival):
        work.add("letter", "mail", "some/key", {})
        db.session.execute(sa.update(Work).values(status=WorkStatus.DEAD, ended_at=now()))
        db.session.commit()
    assert "1 piece of work given up" in row_of(sam.get("/support").text, "Red Anchor")
    pause(cast)
    page = sam.get("/support?sort=health").text
    assert "1 connection in trouble" in row_of(page, "Blue Lantern")
    assert names(page) == ["Blue Lantern", "Red Anchor"]
    assert names(sam.get("/support?health=starting").text) == []
    assert names(sam.get("/support?health=attention").text) == ["Blue Lantern", "Red Anchor"]


def test_a_merchant_whose_channel_runs_is_well(cast: Cast) -> None:
    connect(cast, ConnectionState.ACTIVE)
    sam = cast.client_of(cast.sam)
    assert "All well" in row_of(sam.get("/support").text, "Blue Lantern")
    assert names(sam.get("/support?health=well").text) == ["Blue Lantern"]


@pytest.mark.parametrize("sort", ["", "health"])
def test_many_merchants_are_paged_and_cost_as_many_statements_as_few(
    cast: Cast, statements: Statements, sort: str
) -> None:
    sam = cast.client_of(cast.sam)
    sam.get("/support")

    def cost() -> int:
        with statements() as sent:
            sam.get("/support", query_string={"sort": sort})
        return len(sent)

    few = cost()
    with cast.app.app_context():
        for number in range(54):
            people.create_merchant(f"Merchant {number:02}", "CNY", "Asia/Shanghai")
    assert cost() == few
    first = sam.get("/support", query_string={"sort": sort}).text
    assert "56 merchants" in first
    after = re.search(r'rel="next" href="([^"]+)"', first)
    assert after, "there is a second page"
    second = sam.get(after[1].replace("&amp;", "&")).text
    assert len(names(first)) == 50
    assert len(set(names(first) + names(second))) == 56


# --- one merchant -----------------------------------------------------------------------------------------------------


def test_a_merchant_is_shown_with_the_sentences_that_its_people_read(cast: Cast) -> None:
    pause(cast)
    mei, sam = cast.client_of(cast.mei).get("/").text, cast.client_of(cast.sam)
    page = sam.get(f"/support/merchants/{cast.lantern}").text
    told = re.search(r'<article class="issue[^>]*>.*?<h3[^>]*>([^<]+)</h3>\s*<p>([^<]+)</p>', mei, re.S)
    assert told, "the merchant is told"
    assert told[1] in card(page, "problems")
    assert told[2] in card(page, "problems")
    assert "token is void" in card(page, "problems")
    assert "<form" not in card(page, "problems"), "what the merchant may press is not offered to staff"
    place = card(page, "stores")
    assert "Lantern Shanghai" in place
    assert "10045821" in place
    assert "Needs attention" in place
    shown = card(page, "people")
    assert re.findall(r'<span class="name">([^<]+)', shown) == ["Mei Lin", "Tom Ellis", "Vera Novak"]
    assert "vera@example.com" in shown
    assert "Wants to be asked each time" in card(page, "sessions")
    for other in ("Red Anchor", "Anchor Jakarta", "rex@"):
        assert other not in page


def test_what_went_wrong_and_is_gone_failed_syncs_and_dead_work_are_shown(cast: Cast) -> None:
    made = connect(cast, ConnectionState.ACTIVE)
    with cast.app.app_context(), acting_for(cast.lantern):
        notices.tell("connection", made, Cause.TOKEN_EXPIRED.value)
        notices.clear("connection", made)
        moment = now()
        for cause, state in ((Cause.UNREACHABLE.value, RunState.FAILED), *[("", RunState.DONE)] * 2):
            run = Run(merchant_id=cast.lantern, id=new_id(), connection_id=made, resource="products", state=state)
            run.cause, run.started_at, run.ended_at = cause, moment, moment
            db.session.add(run)
        for key in ("a", "b"):
            work.add("push_stock", "stock", key, {})
        db.session.execute(sa.update(Work).values(status=WorkStatus.DEAD, ended_at=moment))
        merchant = db.session.get_one(Merchant, cast.lantern)
        merchant.support_consent = SupportConsent.NEVER
        db.session.commit()
    page = cast.client_of(cast.sam).get(f"/support/merchants/{cast.lantern}").text
    assert "No notice is open." in card(page, "problems")
    assert card(page, "past").count("<tr ") == 2
    assert card(page, "runs").count("<tr ") == 2
    assert "Products from" in card(page, "runs")
    assert "push_stock 2" in row_of(card(page, "work"), "push_stock")
    assert "Staff may look, and never change anything" in card(page, "sessions")


def test_the_button_to_view_as_a_merchant_is_for_those_with_the_right(cast: Cast) -> None:
    sam = cast.client_of(cast.sam)
    url = f"/support/merchants/{cast.lantern}"
    assert f'href="{url}/view-as"' in sam.get(url).text
    with cast.app.app_context():
        db.session.get_one(User, cast.sam.id).may_view_as = False
        db.session.commit()
    assert "view-as" not in sam.get(url).text


@pytest.mark.parametrize("integration", ["jd_com", "jd_id", "jdl"])
def test_every_cause_of_trouble_can_be_told_to_staff_as_to_the_merchant(cast: Cast, integration: str) -> None:
    made = connect(cast, ConnectionState.PAUSED, integration)
    with cast.app.app_context(), acting_for(cast.lantern):
        channel = db.session.get_one(Connection, (cast.lantern, made))
        channel.token_expires_at = now() - timedelta(days=1)
        for cause in Cause:
            notices.tell("connection", made, cause.value)
            run = Run(merchant_id=cast.lantern, id=new_id(), connection_id=made, resource="stock", cause=cause.value)
            run.state, run.started_at, run.ended_at = RunState.FAILED, now(), now()
            db.session.add(run)
        db.session.commit()
    page = cast.client_of(cast.sam).get(f"/support/merchants/{cast.lantern}")
    assert page.status_code == 200
    assert card(page.text, "problems").count("<article") == 20
    assert card(page.text, "runs").count("<tr ") == 11


# --- the walls --------------------------------------------------------------------------------------------------------


def test_under_the_hat_of_support_no_secret_and_no_buyer_can_be_read_and_nothing_written(cast: Cast) -> None:
    visit(cast)
    shut = [
        "select * from secret",
        "select sealed from secret",
        "select password_hash from person",
        "select second_factor from person",
        "select token_hash from support_session",
        "select token_hash from login_session",
        "select * from orders",
        "select body from work",
        "select before from audit_note",
        "select hook_hash from connection",
        "select * from invitation",
        "update merchant set name = 'x'",
        "delete from support_session",
    ]
    with cast.app.app_context():
        for statement in shut:
            with looking_as(SUPPORT) as look, pytest.raises(sa.exc.DBAPIError) as refused:
                look.execute(sa.text(statement))
            assert "denied" in str(refused.value) or "read-only" in str(refused.value), statement
        with looking_as(SUPPORT) as look:
            assert look.scalar(sa.text("select count(*) from audit_note where support_id is null")) == 0
            assert look.scalar(sa.text("select count(*) from audit_note")) == 1


def test_the_hat_is_off_again_on_the_connection_that_the_next_request_gets(cast: Cast) -> None:
    sam = cast.client_of(cast.sam)
    for _ in range(5):
        assert sam.get("/support").status_code == 200
    with cast.app.app_context():
        assert db.session.scalar(sa.text("select current_user")) == "lintas_app"
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Merchant)) == 0
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Secret)) == 0
