"""One connection that is set up: turning it on and off, its first check, what runs, and the end of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.contract.errors import Busy, Cause
from portal.flows import notices, relinking, sync, work
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import (
    AuditNote,
    Connection,
    ConnectionState,
    LinkState,
    Listing,
    Logo,
    Notice,
    Product,
    Run,
    RunState,
    Secret,
    Work,
    WorkStatus,
)
from tests.cast import Cast
from tests.goods import product
from tests.sandbox_server import Running
from tests.web.sandboxed import Shopkeeper, text_of
from tests.web.shelf import lantern
from workers.jobs import VERBS

HX = {"HX-Request": "true"}
# Orders have runs of their own beside these.
OF_PRODUCTS = sa.select(Run).where(Run.resource == Resource.PRODUCTS.value)


def asked_by(target: str, page: str) -> dict[str, str]:
    """The headers of htmx for an element of a page."""
    return {**HX, "HX-Target": target, "HX-Current-URL": f"http://localhost{page}"}


def on(cast: Cast, linked: Running) -> Shopkeeper:
    """JD.com, on, with its catalogue."""
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    mei.send("active", {"on": "1"})
    mei.work()
    assert mei.row().state is ConnectionState.ACTIVE
    return mei


def at(mei: Shopkeeper) -> Connection:
    """The connection, for flows below the web."""
    return db.session.get_one(Connection, (mei.cast.lantern, uuid.UUID(mei.id)))


def open_notices(mei: Shopkeeper) -> list[str]:
    """The causes of what is told and not yet gone."""
    with lantern(mei.cast):
        return list(db.session.scalars(sa.select(Notice.cause).where(Notice.cleared_at.is_(None))))


def test_the_switch_answers_with_its_real_state_and_what_follows_from_it(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    answer = mei.send("active", {"on": "1"}, headers=asked_by("active_switch", mei.here()))
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert 'id="active_switch-switch" role="switch" aria-checked="true"' in answer.text
    assert "Saved" in answer.text
    assert 'id="state_badge" hx-swap-oob="true"' in answer.text
    assert 'id="first_check" hx-swap-oob="true"' in answer.text
    assert "Asking JD.com to accept the keys" in answer.text
    off = mei.send("active", {"on": "0"}, headers=asked_by("active_switch", mei.here()))
    assert 'aria-checked="false"' in off.text
    mei.work()
    assert mei.row().state is ConnectionState.SAVED, "the check that was planned is taken back"


def test_the_switch_of_the_last_step_leads_to_the_page_that_tells_how_it_goes(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    answer = mei.send("active", {"on": "1"}, headers=asked_by("active_switch", mei.here("check")))
    assert answer.headers["HX-Redirect"] == mei.here()


def test_the_switch_that_cannot_move_says_which_step_is_missing(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    answer = mei.send("active", {"on": "1"}, headers=asked_by("active_switch", mei.here()))
    assert answer.status_code == 422
    assert 'aria-checked="false"' in answer.text
    assert "One step is not finished yet." in answer.text
    assert mei.row().state is ConnectionState.SAVED


def test_a_switch_in_a_list_is_answered_as_that_switch_with_the_badge_beside_it(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    assert f'id="connection_active-{mei.id}"' in mei.get("/channels").text
    answer = mei.send("active", {"on": "1"}, headers=asked_by(f"connection_active-{mei.id}", "/channels"))
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert f'<form class="row" id="connection_active-{mei.id}"' in answer.text
    assert 'aria-checked="true"' in answer.text
    assert f'hx-swap-oob="innerHTML:#connection_badge-{mei.id}"' in answer.text
    assert "First check runs" in answer.text


def test_the_first_check_tells_each_step_and_asks_again_only_while_something_moves(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    mei.send("active", {"on": "1"})
    page = mei.page()
    assert 'hx-trigger="load delay:2s, wake"' in page.text
    assert '<meta http-equiv="refresh" content="10">' in page.text
    assert "Asking JD.com to accept the keys" in page.text
    with lantern(cast):
        lane = db.session.scalars(sa.select(Work.lane).where(Work.kind == "activate")).one()
        [claimed] = work.claim(lane)
        work.perform(claimed, VERBS)
    block = mei.page(headers=asked_by("first_check", mei.here()))
    words = text_of(block)
    assert "Keys accepted" in words
    assert "Northwick 海外旗舰店, Shop ID 800001" in words
    assert "Reading the catalogue 0 products so far" in words
    assert "hx-trigger" in block.text
    mei.work()
    assert mei.page(headers=asked_by("first_check", mei.here())).headers["HX-Refresh"] == "true"
    page = mei.page()
    toasts = page.text.partition('id="toasts"')[2].partition('id="said"')[0]
    assert "The import from JD Marketplace China is finished" in toasts
    assert "Imported products" in page.text
    assert "First check" not in text_of(page)
    assert 'hx-trigger="load' not in page.text, "nothing asks any more"


def test_refused_keys_end_the_check_with_the_cause_and_the_way_back(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_com")
    mei.send("settings", mei.jd_com_keys(api_secret="wrong-secret-000000"))
    mei.send("active", {"on": "1"})
    mei.work()
    assert mei.row().state is ConnectionState.PAUSED
    page = text_of(mei.page())
    assert "JD.com did not accept this API Key and Secret." in page
    assert "Replace both" in page
    assert "Keys not accepted" in page
    assert open_notices(mei) == ["wrong_credentials"]
    assert 'name="api_secret"' in mei.page("settings?replace=all").text

    mei.send("settings", mei.jd_com_keys())
    assert open_notices(mei) == [], "new keys end what was said of the old ones"
    mei.send("active", {"on": "1"})
    mei.work()
    assert mei.row().state is ConnectionState.ACTIVE


def test_a_remote_that_does_not_answer_gets_five_minutes_and_then_a_cause(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.connect_jd_com()
    linked.control("fault", integration="jd_com", kind="busy", times="forever")
    mei.send("active", {"on": "1"})
    with lantern(cast):
        work.drain_all(VERBS)
    assert mei.row().state is ConnectionState.ACTIVATING
    assert "No answer yet. We try again at" in text_of(mei.page())
    with lantern(cast):
        at(mei).active_since = now() - timedelta(minutes=6)
        db.session.commit()
    assert "The first check has stopped." in mei.page().text, "told by the page itself, should no worker run"
    mei.work()
    assert mei.row().state is ConnectionState.FAILED
    page = text_of(mei.page())
    assert "JD.com did not answer within 5 minutes." in page
    assert "Check again" in page
    assert open_notices(mei) == ["busy"]

    linked.control("clear", integration="jd_com")
    assert mei.send("check-again").location == mei.here()
    assert mei.row().state is ConnectionState.ACTIVATING
    mei.work()
    assert mei.row().state is ConnectionState.ACTIVE
    assert open_notices(mei) == []


def test_the_import_switch_stops_a_run_and_starts_one(cast: Cast, linked: Running) -> None:
    mei = on(cast, linked)
    mei.send("sync")
    answer = mei.send(
        "switches/import_products", {"on": "0"}, headers=asked_by("option_switch-import_products", mei.here())
    )
    assert 'id="option_switch-import_products"' in answer.text
    assert "HX-Retarget" not in answer.headers, "it takes the place of the switch, not of the page"
    assert 'aria-checked="false"' in answer.text
    with lantern(cast):
        last = db.session.scalars(OF_PRODUCTS.order_by(Run.id.desc()).limit(1)).one()
        assert (last.state, last.cause) == (RunState.STOPPED, "import_turned_off")
    assert mei.send("switches/import_products", {"on": "1"}).status_code == 303
    with lantern(cast):
        assert db.session.scalars(OF_PRODUCTS.where(Run.ended_at.is_(None))).one()
    assert mei.send("switches/import_orders", {"on": "0"}).status_code == 303
    assert mei.row().options["import_orders"] is False
    with lantern(cast):
        of_orders = sa.select(Run).where(Run.resource == Resource.ORDERS.value).order_by(Run.id.desc()).limit(1)
        last = db.session.scalars(of_orders).one()
        assert (last.state, last.cause) == (RunState.STOPPED, "import_turned_off")


def test_sync_now_pressed_twice_shows_the_one_run(cast: Cast, linked: Running) -> None:
    mei = on(cast, linked)
    for _ in range(2):
        assert mei.send("sync").location == mei.here()
    assert "The import from JD Marketplace China is running" in mei.page().text
    with lantern(cast):
        assert len(db.session.scalars(OF_PRODUCTS.where(Run.ended_at.is_(None))).all()) == 1
    mei.send("active", {"on": "0"})
    assert mei.send("sync").location == mei.here()
    assert "Turn it on, then sync." in mei.page().text


def test_a_later_good_run_clears_what_was_said_of_a_bad_one(cast: Cast, linked: Running) -> None:
    mei = on(cast, linked)
    with lantern(cast):
        run = sync.start(at(mei), Resource.PRODUCTS, "Mei Lin")
        db.session.commit()
        sync._fail(run.id, Busy(Cause.TIMEOUT, "slow"))
        db.session.commit()
    assert open_notices(mei) == ["timeout"]
    page = text_of(mei.page())
    assert "did not answer in time." in page
    assert "Nothing to do. The next sync asks again." in page
    mei.send("sync")
    mei.work()
    assert open_notices(mei) == []


def test_the_words_of_the_quality_check_are_asked_about_and_the_next_run_judges_by_the_answer(
    cast: Cast, linked: Running
) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    linked.control("account", integration="jd_id", name="samudra", told={"audit_passed": 7, "audit_waiting": 4})
    mei.come_back(mei.consent())
    mei.send("login/next")
    mei.send("check", {"then": "finish"})
    mei.work()
    assert open_notices(mei) == ["unknown_audit_word"]
    page = mei.page()
    assert "a word for its quality check that we do not know: 7" in text_of(page)
    assert "Not known yet" in page.text
    with lantern(cast):
        waiting = sa.select(sa.func.count()).where(Listing.link_state == LinkState.WAITING)
        assert db.session.scalar(waiting.select_from(Listing)) == 400

    answer = mei.send("audits", {"word": ["7", "4", "1"], "verdict": ["passed", "waiting", "passed"]})
    assert answer.location == mei.here()
    assert mei.row().audits == {"7": "passed"}, "what the declaration says of a word needs no saving"
    assert open_notices(mei) == []
    assert "Not known yet" not in mei.page().text
    mei.send("sync")
    mei.work()
    with lantern(cast):
        assert db.session.scalar(waiting.select_from(Listing)) == 8


def test_an_answer_that_is_no_meaning_is_left_out(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    mei.send("audits", {"word": ["9", ""], "verdict": ["perhaps", "waiting"]})
    assert mei.row().audits == {"": "waiting"}, "an empty word can have a meaning too"


def test_words_that_no_remote_has_are_neither_kept_nor_an_error(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    words = ["n", "l" * 101, *(f"w{each}" for each in range(300))]
    assert mei.send("audits", {"word": words, "verdict": ["passed"] * len(words)}).status_code == 303
    kept = mei.row().audits
    assert "n" in kept
    assert len(kept) == 199
    assert max(map(len, kept)) <= 100


def test_testing_a_connection_that_is_on_answers_beside_the_button(cast: Cast, linked: Running) -> None:
    mei = on(cast, linked)
    answer = mei.send("test", headers=asked_by("test_result", mei.here()))
    assert "<html" not in answer.text
    assert "JD.com accepted the keys. Shop Northwick 海外旗舰店" in text_of(answer)
    linked.control("token", integration="jd_com", account="northwick", deed="expire")
    answer = mei.send("test")
    assert "JD.com does not accept the access token any more." in answer.text
    assert mei.row().state is ConnectionState.ACTIVE, "a question changes nothing"


def test_disconnecting_names_what_goes_and_what_stays_and_then_does_just_that(cast: Cast, linked: Running) -> None:
    mei = on(cast, linked)
    with lantern(cast):
        sku = db.session.scalars(sa.select(Listing.sku).where(Listing.link_state == LinkState.NEW)).first()
        product(sku or "")
        notices.tell("run", db.session.scalars(OF_PRODUCTS).one().id, "timeout", resource="products")
        db.session.commit()
    page = text_of(mei.page("disconnect"))
    assert "400 imported listings" in page
    assert "Your own products and their SKUs" in page
    assert "Turn it off first" in page
    refused = mei.send("disconnect")
    assert refused.status_code == 422
    assert "Turn it off first; then it can be disconnected." in refused.text

    mei.send("active", {"on": "0"})
    gone = mei.send("disconnect")
    assert gone.location == "/channels"
    assert "JD Marketplace China was disconnected." in mei.get("/channels").text
    assert mei.page().status_code == 404
    with lantern(cast):
        for model in (Connection, Listing, Secret, Run, Logo):
            assert db.session.scalar(sa.select(sa.func.count()).select_from(model)) == 0, model
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Product)) == 1
        still = sa.select(Work.kind).where(Work.status == WorkStatus.OPEN)
        assert set(db.session.scalars(still)) <= {relinking.KIND}, "only what looks after the others"
        assert "connection_removed" in db.session.scalars(sa.select(AuditNote.what)).all()
    assert open_notices(mei) == [], "nothing is told of what is gone"


def test_settings_of_a_connection_that_runs_are_edited_outside_the_wizard(cast: Cast, linked: Running) -> None:
    mei = on(cast, linked)
    page = mei.page("settings")
    assert 'class="steps"' not in page.text
    answer = mei.send("settings", {"name": "JD Worldwide", **mei.row().settings, "app_id": "APP-9"})
    assert answer.location == mei.here()
    assert "The settings were saved." in mei.page().text
    assert mei.row().state is ConnectionState.ACTIVE
    assert mei.page("check").location == mei.here(), "the last step is history"
    assert mei.send("options", {"import_products": "y", "import_orders_from": "on"}).location == mei.here()


def test_the_page_costs_the_same_with_one_run_and_with_many(
    cast: Cast, linked: Running, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    mei = on(cast, linked)
    with statements() as few:
        mei.page()
    with lantern(cast):
        for _ in range(30):
            moment = now()
            db.session.add(
                Run(
                    merchant_id=cast.lantern,
                    connection_id=uuid.UUID(mei.id),
                    resource="products",
                    state=RunState.DONE,
                    started_at=moment,
                    ended_at=moment,
                )
            )
        db.session.commit()
    with statements() as many:
        mei.page()
    assert len(many) == len(few)
