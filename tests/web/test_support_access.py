"""Support access as the merchant has it: who may act, what is told, and what can be read afterwards."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
import sqlalchemy as sa

from portal.flows import letters, support
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.kit.errors import Refusal
from portal.models import (
    AuditNote,
    Merchant,
    Notice,
    Store,
    SupportConsent,
    SupportEnd,
    SupportMode,
    SupportPage,
    Work,
)
from portal.web.letters import written
from tests.addresses import make_things
from tests.cast import Cast, csrf
from tests.web.visiting import (
    WHY,
    acting,
    change_visit,
    consent,
    cookie,
    send,
    the_visit,
    view_as,
)

# --- consent ----------------------------------------------------------------------------------------------------------


def test_asking_needs_an_owner_who_allows_it_and_the_agent_confirms_once_more(cast: Cast) -> None:
    sam = view_as(cast)
    assert send(sam, "/support/act").status_code == 422
    assert send(sam, "/support/ask", why=WHY).status_code == 303
    visit = the_visit(cast)
    home = cast.client_of(cast.mei).get("/").text
    assert "Sam Staff of Lintas support asks to change something" in home
    assert WHY in home
    tom = cast.client_of(cast.tom)
    allow = f"/settings/support/{visit.id}/allow"
    assert tom.post(allow, data={"csrf_token": csrf(tom, "/stores/new")}).status_code == 403
    assert send(sam, allow).status_code == 403, "the agent cannot answer in the owner's place"
    before = cookie(sam, "acting")
    mei = cast.client_of(cast.mei)
    assert mei.post(allow, data={"csrf_token": csrf(mei, "/stores/new")}).status_code == 303
    assert the_visit(cast).mode is SupportMode.VIEW, "it goes on looking until it confirms"
    assert send(sam, "/support/act").status_code == 303
    assert cookie(sam, "acting") != before
    assert the_visit(cast).mode is SupportMode.ACT
    assert "asks to change something" not in mei.get("/").text


def test_a_refusal_leaves_the_agent_looking(cast: Cast) -> None:
    sam = view_as(cast)
    send(sam, "/support/ask", why=WHY)
    mei = cast.client_of(cast.mei)
    refuse = f"/settings/support/{the_visit(cast).id}/refuse"
    assert mei.post(refuse, data={"csrf_token": csrf(mei, "/stores/new")}).status_code == 303
    assert send(sam, "/support/act").status_code == 422
    assert sam.get("/stores").status_code == 200


def test_the_setting_decides_whether_asking_is_needed(cast: Cast) -> None:
    consent(cast, SupportConsent.ALWAYS)
    sam = view_as(cast)
    assert send(sam, "/support/act").status_code == 303
    send(sam, "/support/stop")
    consent(cast, SupportConsent.DAY)
    sam = view_as(cast)
    assert send(sam, "/support/act").status_code == 422, "nobody has said yes yet"
    change_visit(cast, granted_at=now() - timedelta(hours=23), granted_by="Mei Lin")
    send(sam, "/support/stop")
    sam = view_as(cast)
    assert send(sam, "/support/act").status_code == 303, "a yes of 23 hours ago counts"
    change_visit(cast, granted_at=now() - timedelta(hours=25), granted_by="Mei Lin")
    with cast.app.app_context(), acting_for(cast.lantern):
        newest = the_visit(cast).id
        db.session.execute(
            sa.update(support.SupportSession).where(support.SupportSession.id == newest).values(granted_at=None)
        )
        db.session.commit()
    assert sam.get("/stores").location == "/support/over?why=consent", "and one of 25 hours ago no longer"
    consent(cast, SupportConsent.NEVER)
    sam = view_as(cast)
    assert "Ask to act" not in sam.get("/").text
    assert send(sam, "/support/ask", why=WHY).status_code == 422


def test_of_two_questions_at_once_the_merchant_is_told_one(cast: Cast) -> None:
    view_as(cast)
    visit = the_visit(cast)
    with cast.app.app_context(), acting_for(cast.lantern, cast.sam.id):
        merchant = db.session.get_one(Merchant, cast.lantern)
        both_saw = support.acting_of(visit, merchant, consents=False)
        support.ask(both_saw, WHY, LINTAS)
        with pytest.raises(Refusal, match="support_asked"):
            support.ask(both_saw, "The same from another tab", LINTAS)
        db.session.rollback()
        asked = sa.select(AuditNote).where(AuditNote.what == "support_asked")
        assert len(db.session.scalars(asked).all()) == 1
    assert the_visit(cast).asked_why == WHY


def test_choosing_that_nobody_may_answers_who_asks_and_sends_away_who_acts_for_good(cast: Cast) -> None:
    mei = cast.client_of(cast.mei)

    def choose(setting: str) -> None:
        form = {"consent": setting, "csrf_token": csrf(mei, "/stores/new")}
        assert mei.post("/settings/support/consent", data=form).status_code == 303

    sam = acting(cast)
    choose("never")
    assert the_visit(cast).end is SupportEnd.CONSENT, "at once, and not with the next page"
    choose("ask")
    assert sam.get("/stores").location == "/support/over?why=consent"
    sam = view_as(cast)
    send(sam, "/support/ask", why=WHY)
    choose("never")
    assert "asks to change something" not in mei.get("/").text
    assert "Asks to change something" not in mei.get("/settings/support").text
    allow = f"/settings/support/{the_visit(cast).id}/allow"
    mei.post(allow, data={"csrf_token": csrf(mei, "/stores/new")})
    choose("always")
    choose("ask")
    assert send(sam, "/support/act").status_code == 422, "what was refused with the setting does not come back"
    assert sam.get("/stores").status_code == 200, "looking goes on"
    assert send(sam, "/support/ask", why=WHY).status_code == 303, "and it may ask anew"


# --- what the merchant sees -------------------------------------------------------------------------------------------


def test_the_merchant_is_told_at_the_start_by_a_notice_and_letters_to_all_owners(cast: Cast) -> None:
    sam = view_as(cast, reason="stock", note="They say the cap is off")
    home = unescape(cast.client_of(cast.vera).get("/").text)
    assert "Sam Staff of Lintas support is here, in the place of Mei Lin." in home
    assert "4812" in home
    visit = the_visit(cast)
    with cast.app.app_context(), acting_for(cast.lantern):
        rows = db.session.scalars(sa.select(Work).where(Work.kind == letters.KIND)).all()
        assert [each.body for each in rows] == [{"letter": "support_started", "id": str(visit.id)}]
    mei = cast.client_of(cast.mei)
    page = f"/settings/support/{visit.id}"
    assert mei.post(f"{page}/seen", data={"csrf_token": csrf(mei, "/stores/new")}).status_code == 303
    assert "is here, in the place of" in mei.get("/").text, "while it goes on, it stays told"
    send(sam, "/support/stop")
    assert "was here, in the place of" in mei.get("/").text
    assert mei.post(f"{page}/seen", data={"csrf_token": csrf(mei, "/stores/new")}).status_code == 303
    with cast.app.app_context(), acting_for(cast.lantern):
        assert db.session.scalar(sa.select(sa.func.count()).where(Notice.cleared_at.is_(None))) == 0


def test_the_merchant_reads_every_page_and_every_change_and_takes_them_as_a_file(cast: Cast) -> None:
    sam = acting(cast)
    sam.get("/orders?q=Somebody")
    send(sam, f"/stores/{cast.lantern_store}", name="Kiosk", currency="CNY", time_zone="Asia/Shanghai")
    sam.get(f"/connections/{cast.lantern_store}/settings")
    send(sam, "/support/stop")
    mei = cast.client_of(cast.mei)
    assert "Sam Staff" in mei.get("/settings/support").text
    visit = the_visit(cast)
    page = mei.get(f"/settings/support/{visit.id}").text
    assert "/orders</code>" in page
    assert "Somebody" not in page, "what was searched for is not kept"
    assert "Changed the details of the store" in page
    assert "Refused" in page
    rows = mei.get("/settings/support/file").text
    assert "page,GET /orders,200" in rows
    assert "note,store_changed store" in rows
    assert "end,stopped,Sam Staff / Mei Lin" in rows
    assert cast.client_of(cast.tom).get("/settings/support/file").status_code == 403
    assert cast.client_of(cast.rex).get(f"/settings/support/{visit.id}").status_code == 404
    assert "Sam Staff" not in cast.client_of(cast.rex).get("/settings/support/file").text


def test_pages_that_fail_or_are_refused_are_kept_and_parts_that_repeat_once_a_minute(cast: Cast) -> None:
    sam = view_as(cast)
    sam.get("/nowhere")
    for _ in range(3):
        sam.get("/orders/new-ones", headers={"HX-Request": "true", "HX-Target": "orders_news"})
    with cast.app.app_context(), acting_for(cast.lantern):
        kept = [
            (each.path, each.status) for each in db.session.scalars(sa.select(SupportPage).order_by(SupportPage.id))
        ]
    assert ("/nowhere", 404) in kept
    assert sum(path == "/orders/new-ones" for path, status in kept) == 1
    assert not any("static" in path for path, status in kept)


def test_links_that_open_something_are_kept_without_what_opens_them(cast: Cast) -> None:
    sam = view_as(cast)
    for address in ("/reset/secret-of-a-reset", "/connect/secret-of-a-link", "/invited/secret-of-a-guest"):
        sam.get(address)
        send(sam, address)
    with cast.app.app_context(), acting_for(cast.lantern):
        kept = [each.path for each in db.session.scalars(sa.select(SupportPage))]
    assert not [each for each in kept if "secret" in each]
    assert "/reset/<token>" in kept


def test_work_that_is_started_inside_carries_both_names(cast: Cast) -> None:
    things = make_things(cast)
    sam = acting(cast)
    assert send(sam, f"/sync/{things['run_id']}/stop").status_code == 303
    assert send(sam, f"/listings/{things['listing_id']}/unlink").status_code < 500
    with cast.app.app_context(), acting_for(cast.lantern):
        whos = {each.who for each in db.session.scalars(sa.select(AuditNote).where(AuditNote.what == "sync_stopped"))}
        assert whos <= {"Sam Staff"}
        assert db.session.get_one(Store, (cast.lantern, cast.lantern_store)).name == "Lantern Shanghai"


def test_an_owner_sets_what_is_asked_and_a_manager_only_reads_it(cast: Cast) -> None:
    mei, tom = cast.client_of(cast.mei), cast.client_of(cast.tom)
    wish = {"consent": "never"}
    token = csrf(tom, "/stores/new")
    assert tom.post("/settings/support/consent", data={**wish, "csrf_token": token}).status_code == 403
    token = csrf(mei, "/stores/new")
    assert mei.post("/settings/support/consent", data={**wish, "csrf_token": token}).status_code == 303
    assert "They may never change anything" in tom.get("/settings/support").text
    bad = mei.post("/settings/support/consent", data={"consent": "x", "csrf_token": csrf(mei, "/stores/new")})
    assert bad.status_code == 422


def test_the_letters_to_the_owners_say_who_why_and_where_to_end_it(cast: Cast) -> None:
    sam = view_as(cast)
    send(sam, "/support/ask", why=WHY)
    visit = the_visit(cast)
    with cast.app.app_context(), acting_for(cast.lantern):
        for kind, said in (("support_started", "has begun to look"), ("support_asked", WHY)):
            (letter,) = letters._composers[kind](visit.id)
            assert letter.to == cast.mei.email
            subject, text = written(letter.template, letter.locale, letter.time_zone, letter.arguments)
            assert "Sam Staff" in subject
            assert all(each in text for each in (said, "4812", f"/settings/support/{visit.id}"))
