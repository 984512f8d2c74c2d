"""The staff area: who is found, how each merchant stands, what is shown of it, and what staff did as merchants."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.contract.errors import Cause
from portal.flows import notices, people, stores, work
from portal.flows.audit import LINTAS, Behalf, By, note
from portal.kit.clock import now
from portal.kit.db import acting_for, db, looking_as
from portal.kit.ids import new_id
from portal.kit.roles import SUPPORT
from portal.models import (
    Connection,
    ConnectionState,
    Merchant,
    Role,
    Run,
    RunState,
    Secret,
    SupportConsent,
    SupportEnd,
    SupportMode,
    SupportPage,
    SupportReason,
    SupportSession,
    User,
    Work,
    WorkStatus,
)
from tests.cast import Cast
from tests.web.test_stores import connect

Statements = Callable[[], AbstractContextManager[list[str]]]
ROW = re.compile(r'<a class="name" href="/support/merchants/[^"]+">([^<]+)')
PAGES = ("/support", "/support/sessions", "/support/report")


def names(page: str) -> list[str]:
    """The merchants of the list, in its order."""
    return ROW.findall(page)


def row_of(page: str, name: str) -> str:
    """The row of a table that names this, without its tags."""
    found = next(row.partition("</tr>")[0] for row in page.split("<tr ")[1:] if name in row)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found))


def card(page: str, name: str) -> str:
    """One card of a page."""
    return page.split(f'id="{name}"')[1].partition("</section>")[0]


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


def visit(cast: Cast, **changed: Any) -> uuid.UUID:
    """A session of Sam as Mei that is over, or whatever is `changed` of it; pages, changes and reveals by number."""
    pages, changes, reveals = (changed.pop(name, 0) for name in ("pages", "changes", "reveals"))
    moment = changed.pop("started_at", now() - timedelta(minutes=40))
    values = {
        "merchant_id": cast.lantern,
        "id": new_id(),
        "agent_id": cast.sam.id,
        "agent_name": cast.sam.name,
        "whom_id": cast.mei.id,
        "whom_name": cast.mei.name,
        "role": Role.OWNER,
        "reason": SupportReason.CONNECTION,
        "ticket": "SUP-4711",
        "token_hash": new_id().bytes,
        "parent_hash": b"parent",
        "started_at": moment,
        "ends_at": moment + timedelta(minutes=30),
        "ended_at": moment + timedelta(minutes=12),
        "end": SupportEnd.STOPPED,
    } | changed
    with cast.app.app_context(), acting_for(values["merchant_id"]):
        row = SupportSession(**values)
        db.session.add(row)
        db.session.flush()
        for number in range(pages):
            db.session.add(
                SupportPage(
                    merchant_id=row.merchant_id,
                    id=new_id(),
                    session_id=row.id,
                    method="GET",
                    status=200,
                    path=f"/orders/{number}",
                )
            )
        by = By("Sam Staff / Mei Lin", cast.sam.id, behalf=Behalf("Sam Staff", "Mei Lin", row.id, "connection"))
        note(by, "support_started", "support", row.id)
        for _ in range(changes):
            note(by, "options_saved", "connection", new_id(), name="Lantern at JD")
        for number in range(reveals):
            note(by, "buyer_revealed", "order", new_id(), name=str(number))
        db.session.commit()
        return row.id


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
        assert "Red Anchor" not in answer.text.replace("rex", "") or name == "rex"


def test_what_does_not_exist_is_not_there(cast: Cast) -> None:
    sam = cast.client_of(cast.sam)
    wrong = [
        f"/support/merchants/{new_id()}",
        "/support/merchants/lantern",
        f"/support/sessions/{new_id()}",
        f"/support/sessions?agent={cast.mei.id}",
        f"/support/sessions?merchant={new_id()}",
        "/support/sessions?merchant=%00",
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


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_sessions_say_who_whom_why_how_long_and_what_came_of_it(cast: Cast) -> None:
    visit(cast, pages=3, changes=2, reveals=1, mode=SupportMode.ACT, acted_at=now())
    row = row_of(cast.client_of(cast.sam).get("/support/sessions").text, "Sam Staff")
    for told in (
        "as Mei Lin",
        "Act",
        "Blue Lantern",
        "SUP-4711",
        "12 minutes",
        " 3 ",
        " 2 ",
        " 1 ",
        "Stopped by the agent",
    ):
        assert told in row, told


def test_sessions_are_filtered_by_agent_merchant_and_whether_they_go_on(cast: Cast) -> None:
    moment = now()
    visit(cast, started_at=moment, ends_at=moment + timedelta(minutes=30), ended_at=None, end=None, ticket="OPEN-77")
    visit(cast, merchant_id=cast.rival, whom_name="Rex Stone", ticket="RIVAL-88")
    # Nobody touched this one when its time was over.
    visit(cast, ended_at=None, end=None, ticket="LAPSED-99")
    sam = cast.client_of(cast.sam)

    def tickets(**asked: Any) -> list[str]:
        page = sam.get("/support/sessions", query_string=asked).text
        return re.findall(r"(?:OPEN-77|RIVAL-88|LAPSED-99)(?=</span>)", page)

    assert sorted(tickets()) == ["LAPSED-99", "OPEN-77", "RIVAL-88"]
    assert "3 sessions" in sam.get("/support/sessions").text
    assert tickets(state="open") == ["OPEN-77"]
    assert tickets(merchant=cast.rival) == ["RIVAL-88"]
    assert tickets(agent=cast.sam.id, state="open") == ["OPEN-77"]
    assert tickets(q="rival-8") == ["RIVAL-88"]
    assert "Time was over" in row_of(sam.get("/support/sessions?q=LAPSED").text, "LAPSED-99")


def test_one_session_shows_its_pages_and_changes_in_words(cast: Cast) -> None:
    made = visit(
        cast,
        pages=2,
        changes=1,
        asked_at=now(),
        asked_why="The date is wrong",
        granted_at=now(),
        granted_by="Mei Lin",
    )
    visit(cast, changes=1)
    page = cast.client_of(cast.sam).get(f"/support/sessions/{made}").text
    assert page.count("Saved the options of Lantern at JD") == 1, "what was done in another session is not told"
    assert "Saved the options of Lantern at JD" in card(page, "deeds")
    assert "Support staff began" not in card(page, "deeds")
    assert "The date is wrong" in card(page, "steps")
    assert "Allowed by Mei Lin" in card(page, "steps")
    assert re.findall(r"<code>GET (/orders/\d)</code>", page) == ["/orders/0", "/orders/1"]


# --- the report -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ticket", "is_one"),
    [
        ("SUP-4711", True),
        ("#48213", True),
        ("48213", True),
        ("JIRA 12", True),
        ("", False),
        ("-", False),
        ("none", False),
        ("asked by phone 3 times", False),
        ("1", False),
    ],
)
def test_the_report_names_the_sessions_without_a_ticket_number(cast: Cast, ticket: str, is_one: bool) -> None:
    visit(cast, ticket=ticket, started_at=now())
    page = cast.client_of(cast.sam).get("/support/report").text
    assert ("Sam Staff" in card(page, "without")) is not is_one


def test_the_report_orders_by_length_reveals_and_pages_and_keeps_to_its_month(cast: Cast) -> None:
    moment = datetime.fromisoformat("2026-03-31T20:00:00+00:00")
    for ticket, minutes, pages, reveals in (("A-100", 5, 9, 0), ("B-100", 29, 1, 2), ("C-100", 15, 4, 7)):
        ended = moment + timedelta(minutes=minutes)
        visit(cast, ticket=ticket, started_at=moment, ended_at=ended, ends_at=ended, pages=pages, reveals=reveals)
    visit(cast, ticket="D-100", started_at=moment + timedelta(hours=5), ends_at=moment + timedelta(hours=5.5))
    page = cast.client_of(cast.sam).get("/support/report?month=2026-03").text

    def order(name: str) -> list[str]:
        return re.findall(r"[A-D]-100", card(page, name))

    assert order("longest") == ["B-100", "C-100", "A-100"]
    assert order("revealing") == ["C-100", "B-100"]
    assert order("opening") == ["A-100", "C-100", "B-100"]
    assert "March 2026" in page
    april = cast.client_of(cast.sam).get("/support/report?month=2026-04").text
    assert re.findall(r"[A-D]-100", card(april, "longest")) == ["D-100"]
    assert "None in this month." in card(cast.client_of(cast.sam).get("/support/report?month=2025-01").text, "longest")


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
