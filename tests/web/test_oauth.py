"""The sign-in at a remote: there, back, whose shop it is, and every way in which it can go wrong."""

from __future__ import annotations

import uuid
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa
import time_machine

from portal.flows import secrets
from portal.flows.house import House
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.sealing import Keyring
from portal.models import Connection, ConnectionState, GrantAttempt, Notice, Run, RunState, Secret
from tests.cast import Cast
from tests.command import another_key
from tests.sandbox_server import Running
from tests.web.sandboxed import CALLBACK, Shopkeeper, at_home, text_of
from tests.web.shelf import lantern


def tokens(mei: Shopkeeper) -> dict[str, str]:
    """The tokens that the connection works with."""
    with lantern(mei.cast):
        opened = secrets.read(db.session.get_one(Connection, (mei.cast.lantern, uuid.UUID(mei.id))))
    return {key: value for key, value in opened.items() if key.startswith("token.")}


def test_jd_id_from_pasang_to_selesai(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_id")
    mei.send("guide", {"tick_0": "y", "tick_1": "y"})
    assert "Install" in mei.page("settings").text
    assert mei.send("settings", mei.jd_id_keys()).location.endswith("/login")

    page = text_of(mei.page("login"))
    assert "Sign in at JD.ID" in page
    assert "Read products and stock" in page
    assert "See your JD.ID password" in page
    assert CALLBACK in page
    there = mei.send("login")
    assert there.status_code == 303
    asked = parse_qs(urlsplit(there.location).query)
    assert there.location.startswith(f"{linked.url}/jd_id/oauth2/to_login?")
    assert asked["redirect_uri"] == [CALLBACK]
    assert len(asked["state"][0]) >= 32

    back = mei.come_back(mei.decide(there.location))
    assert back.status_code == 303
    assert back.location == mei.here("login"), "a clean address: neither code nor state is in it"
    given = mei.page("login")
    assert "Is this the shop that belongs to Blue Lantern?" in given.text
    assert "Shop Toko Samudra Shop ID 800011 Will belong to Blue Lantern, store Lantern Shanghai" in text_of(given)
    assert tokens(mei) == {}, "nothing is taken over before Next"

    assert mei.send("login/next").location.endswith("/check")
    kept = tokens(mei)
    assert kept.keys() == {"token.access", "token.account", "token.refresh"}
    for step in ("check", "login", "settings"):
        assert kept["token.access"] not in mei.page(step).text

    assert "Finish" in mei.page("check").text
    assert "Export is off." in mei.page("check").text
    done = mei.send("check", {"then": "finish"})
    assert done.location == mei.here()
    page = mei.page()
    toast = page.text.partition('id="toasts"')[2].partition('id="said"')[0]
    assert "The item import from JD.ID is running" in toast
    assert mei.row().state is ConnectionState.ACTIVATING
    mei.work()
    page = text_of(mei.page())
    assert "Connected" in page
    assert "8 wait for the quality check" in page
    assert "until you have looked at every number that would change" in page
    with lantern(cast):
        assert db.session.scalars(sa.select(Run).where(Run.resource == "products")).one().seen == 400


def test_a_basic_seller_is_told_what_the_level_is_and_keeps_the_keys(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id("kenanga")
    assert mei.come_back(mei.consent("kenanga")).location == mei.here("login")
    page = mei.page("login")
    assert "JD.ID has not given access." in page.text
    assert f"Shop {mei.row().settings['shop_id']} lacks the seller level" in page.text
    assert "JD.ID opens its API to Qualified Sellers only." in page.text
    assert "jadi-qualified" in page.text
    assert "Sign in at JD.ID again" in page.text
    assert "Next" not in text_of(page)
    assert mei.row().state is ConnectionState.SAVED
    assert mei.send("login/next").location == mei.here("login")
    assert tokens(mei) == {}


def test_a_seller_who_declines_can_try_again(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    mei.come_back(mei.consent(decision="refuse"))
    page = text_of(mei.page("login"))
    assert "The sign-in at JD.ID was declined or not finished." in page
    assert "Sign in again and allow the access there." in page
    mei.come_back(mei.consent())
    assert "JD.ID has given access" in mei.page("login").text, "the old refusal is history"


def test_a_return_with_what_the_database_cannot_keep_is_refused_and_a_good_one_may_still_follow(
    cast: Cast, linked: Running
) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    state = parse_qs(urlsplit(mei.send("login").location).query)["state"][0]
    told = f"state={state}&error=access%00_denied&error_description=no%00thing&%00=%00"
    assert mei.get(f"/oauth/jd_id/callback?{told}").status_code == 400
    assert mei.get("/oauth/jd_id/callback?state=%00&code=%00").status_code == 400
    assert mei.get(f"/oauth/jd_id/callback?state={state}&error=access_denied").location == mei.here("login")
    assert "was declined or not finished" in text_of(mei.page("login"))


def test_a_sign_in_after_the_sealing_key_was_lost_asks_for_the_keys_again(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    mei.come_back(mei.consent())
    mei.send("login/next")
    house = cast.app.extensions["lintas"]
    cast.app.extensions["lintas"] = House(house.settings, Keyring([another_key()]), house.redis)
    assert mei.send("login").location == mei.here("settings")
    assert "did not accept this API Key and Secret" in mei.page("settings").text
    assert mei.send("settings", mei.jd_id_keys()).status_code == 303
    assert mei.come_back(mei.consent()).location == mei.here("login")
    mei.send("login/next")
    assert tokens(mei).keys() == {"token.access", "token.account", "token.refresh"}


def test_a_state_is_good_once_in_the_session_that_made_it_for_ten_minutes(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    once = mei.consent()
    mei.come_back(once)
    assert mei.come_back(once).location == mei.here("login")
    assert "This sign-in was used already." in mei.page("login").text

    other = Shopkeeper(cast, cast.mei, linked)  # The same person in another browser.
    other.id = mei.id
    mine = mei.consent()
    assert other.come_back(mine).location == mei.here("login")
    assert "started in another browser" in other.page("login").text
    assert "JD.ID has given access" not in other.page("login").text, "what waits for one session is no other's"
    assert mei.come_back(mine).location == mei.here("login")
    assert "JD.ID has given access" in mei.page("login").text, "the wrong browser used nothing up"

    late = mei.consent()
    with lantern(cast):
        db.session.execute(
            sa.update(GrantAttempt)
            .where(GrantAttempt.returned_at.is_(None))
            .values(made_at=now() - timedelta(minutes=11))
        )
        db.session.commit()
    mei.come_back(late)
    assert "longer than 10 minutes" in mei.page("login").text


def test_a_forged_a_foreign_and_a_misplaced_return_change_nothing(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    forged = mei.get("/oauth/jd_id/callback?code=stolen&state=made-up")
    assert forged.location == "/channels"
    assert "does not belong to your session" in mei.get(forged.location).text
    assert mei.get("/oauth/jd_id/callback").location == "/channels"
    assert mei.get("/oauth/jd_com/callback?code=1&state=2").status_code == 404, "there is nothing to grant"
    assert mei.get("/oauth/nothing/callback").status_code == 404

    location = mei.consent()
    rex = Shopkeeper(cast, cast.rex, linked)
    assert rex.come_back(location).location == "/channels", "another merchant's state is unknown"
    vera = Shopkeeper(cast, cast.vera, linked)
    assert vera.come_back(location).location == "/channels", "who only looks brings nothing home"
    stranger = cast.client_of(None).get(urlsplit(location).path + "?" + urlsplit(location).query)
    assert stranger.status_code == 303
    assert stranger.location.startswith("/login")
    mei.come_back(location)
    assert "JD.ID has given access" in mei.page("login").text


def test_another_callback_address_is_named_with_the_right_one(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    location = mei.consent()
    seen = linked.journal()[-1]["seq"]
    with lantern(cast):
        db.session.execute(sa.update(GrantAttempt).values(redirect_uri="https://lintas.example/oauth/jd_id/callback"))
        db.session.commit()
    mei.come_back(location)
    page = text_of(mei.page("login"))
    assert "JD.ID sent you back to another address." in page
    assert f"must be exactly this one: {CALLBACK}" in page
    assert linked.journal(seen, operation="oauth.access_token") == [], "the code was not used"


def test_a_browser_at_another_address_is_sent_to_the_right_one_before_it_signs_in(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    assert "open under another address" not in mei.page("login").text
    at_home(cast.app, portal_url="https://lintas.example")
    answer = mei.page("login")
    assert "open under another address" in answer.text
    assert f'href="https://lintas.example{mei.here("login")}"' in answer.text


def test_keys_that_jd_id_does_not_know_are_told_after_the_trip(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    mei.send("settings", mei.jd_id_keys(api_secret="not-the-secret-of-this-app"))
    mei.come_back(mei.consent())
    page = text_of(mei.page("login"))
    assert "JD.ID did not accept this API Key and Secret." in page
    assert "not-the-secret" not in page
    assert tokens(mei) == {}


def test_a_shop_that_is_not_the_typed_one_is_refused(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    mei.send("settings", mei.jd_id_keys(shop_id="10045821", api_secret=""))
    mei.come_back(mei.consent())
    assert "The keys belong to another shop than 10045821." in mei.page("login").text
    assert tokens(mei) == {}


def test_nobody_signs_in_before_the_keys_are_saved(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_id")
    assert mei.send("login").location.endswith("/guide")
    mei.send("guide", {"tick_0": "y", "tick_1": "y"})
    assert mei.send("login").location.endswith("/settings")


def test_no_token_and_no_code_lies_readable_anywhere(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    location = mei.consent()
    code = parse_qs(urlsplit(location).query)["code"][0]
    mei.come_back(location)
    token = linked.account("jd_id", "samudra")["tokens"][0]["access"]
    with lantern(cast):
        attempt = db.session.scalars(sa.select(GrantAttempt)).one()
        assert attempt.sealed is not None
        assert token.encode() not in attempt.sealed
        assert parse_qs(urlsplit(location).query)["state"][0].encode() not in attempt.state_hash
    page = mei.page("login")
    assert page.headers["Referrer-Policy"] == "same-origin"
    for secret in (token, code):
        assert secret not in page.text
    mei.send("login/next")
    with lantern(cast):
        assert db.session.scalars(sa.select(GrantAttempt)).all() == [], "the trip is forgotten once it is taken over"
        assert all(token.encode() not in each.sealed for each in db.session.scalars(sa.select(Secret)))


def connected(cast: Cast, linked: Running) -> Shopkeeper:
    """JD.ID, on, with its catalogue."""
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.prepare_jd_id()
    mei.come_back(mei.consent())
    mei.send("login/next")
    mei.send("check", {"then": "finish"})
    mei.work()
    assert mei.row().state is ConnectionState.ACTIVE
    return mei


def test_a_revoked_access_pauses_and_a_new_sign_in_brings_it_back_by_itself(cast: Cast, linked: Running) -> None:
    mei = connected(cast, linked)
    linked.control("token", integration="jd_id", account="samudra", deed="revoke")
    mei.send("sync")
    mei.work()
    assert mei.row().state is ConnectionState.PAUSED
    page = text_of(mei.page())
    assert "Reconnect JD.ID" in page
    assert "Needs attention" in page
    with lantern(cast):
        told = db.session.scalars(sa.select(Notice).where(Notice.cleared_at.is_(None))).all()
        assert [each.subject for each in told] == ["connection"], "said once, not again for the sync that noticed"

    mei.come_back(mei.consent())
    assert mei.send("login/next").location == mei.here()
    assert mei.row().state is ConnectionState.ACTIVATING
    mei.work()
    assert mei.row().state is ConnectionState.ACTIVE
    with lantern(cast):
        assert db.session.scalars(sa.select(Notice).where(Notice.cleared_at.is_(None))).all() == []
        last = db.session.scalars(sa.select(Run).order_by(Run.id.desc()).limit(1)).one()
        assert last.state is RunState.DONE


def test_signing_in_again_while_it_runs_keeps_it_running_with_the_new_tokens(cast: Cast, linked: Running) -> None:
    mei = connected(cast, linked)
    before = tokens(mei)
    mei.come_back(mei.consent())
    assert mei.send("login/next").location == mei.here()
    assert mei.row().state is ConnectionState.ACTIVE
    assert tokens(mei) != before


def test_another_app_key_wants_another_sign_in(cast: Cast, linked: Running) -> None:
    mei = connected(cast, linked)
    mei.send("active", {"on": "0"})
    mei.send("settings", mei.jd_id_keys("kenanga"))
    assert tokens(mei) == {}
    page = mei.page().text
    assert "Sign in at JD.ID first" in page
    assert mei.send("active", {"on": "1"}).status_code == 303
    assert mei.row().state is ConnectionState.SAVED


def test_the_first_generation_needs_no_sign_in(cast: Cast, linked: Running) -> None:
    mei = Shopkeeper(cast, cast.mei, linked)
    mei.install("jd_id")
    mei.send("guide", {"tick_0": "y", "tick_1": "y"})
    token = linked.control("token", integration="jd_id", account="samudra", deed="new")["tokens"][0]["access"]
    keys = mei.jd_id_keys(generation="v1", access_token=token)
    assert mei.send("settings", keys).location.endswith("/check")
    assert mei.page("login").status_code == 303
    steps = mei.page("check").text.partition('class="steps"')[2].partition("</ol>")[0]
    assert "Sign in at" not in steps
    assert "JD.ID accepted the keys." in mei.send("settings", keys | {"then": "test"}).text


def test_the_expiry_of_the_access_is_shown_in_the_time_of_the_store(cast: Cast, linked: Running) -> None:
    with time_machine.travel(now().replace(microsecond=0), tick=True):
        mei = connected(cast, linked)
    ends = mei.row().token_expires_at
    assert ends is not None
    page = text_of(mei.page())
    assert "Access ends" in page
    assert "We renew it before it ends." in page
