"""Connect links: whoever holds one connects once, without an account, and sees nothing else of the merchant."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
import time_machine
from werkzeug.test import TestResponse

from portal.flows import connect_links, secrets
from portal.kit import passes
from portal.kit.clock import now
from portal.kit.db import db
from portal.models import AuditNote, ConnectionState, ConnectLink, GrantAttempt
from tests.cast import Cast
from tests.sandbox_server import Running
from tests.web.plugged import Warehouser
from tests.web.sandboxed import text_of
from tests.web.shelf import Browser, lantern
from tests.web.test_connections import at

CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')
# What differs between two answers that say the same: the CSRF token, the number of the request, the address itself.
PASSING = re.compile(r'I[jm][\w.-]{40,}|[\w-]{64}|\b[0-9a-f]{12}\b|(?<=name="once" value=")[\w-]+')


@pytest.fixture
def mei(cast: Cast, linked: Running) -> Warehouser:
    """Blue Lantern's owner with the codes of a plugin saved."""
    return Warehouser(cast, cast.mei, linked).saved()


class Partner(Browser):
    """Somebody with the account at the warehouse and no account here, in a browser of their own."""

    def __init__(self, mei: Warehouser, link: str) -> None:
        super().__init__(mei.cast, None)
        self.mei = mei
        self.link = urlsplit(link).path

    def press(self, step: str = "", **data: str) -> TestResponse:
        """Send one of the forms of the page."""
        token = CSRF.search(self.get(self.link).text) or CSRF.search(self.get("/login").text)
        assert token
        return self.client.post(f"{self.link}{step}", data={"csrf_token": token[1], **data})

    def go_there(self, decision: str = "allow") -> TestResponse:
        """To the consent page and back to where its redirect leads."""
        there = self.press()
        assert there.status_code == 303, there.text
        back = self.mei.consent_there(there.location, decision=decision)
        return self.get(self.mei.path_of(back))


def link_of(mei: Warehouser) -> str:
    """A new link, as the page shows it."""
    page = mei.follow(mei.send("link"))
    found = re.search(r'<output id="connect_address"[^>]*>([^<]+)</output>', page.text)
    assert found, page.text
    return found[1]


def same(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, PASSING.sub("", answer.text)


def test_a_partner_connects_without_an_account_and_the_merchant_sees_it(cast: Cast, mei: Warehouser) -> None:
    link = link_of(mei)
    assert re.fullmatch(r"http://localhost/connect/[\w-]{64}", link)
    partner = Partner(mei, link)
    page = text_of(partner.get(partner.link))
    asks = "Blue Lantern asks you to allow its plugin JD Main Warehouse access to JD Logistics, for the store Lantern"
    assert asks in page
    assert "Read your products and stock at JD" in page
    assert "Made by Mei Lin. Works once, until" in page
    for inside in ("Products", "KH2000", "SKU links", "Settings"):
        assert inside not in page, "nothing else of the account is to be seen"

    back = partner.go_there()
    assert back.status_code == 303
    assert back.location == partner.link, "a clean address: neither code nor state is in it"
    given = text_of(partner.get(partner.link))
    assert "Account at JD Logistics jdl_northwick" in given
    assert "Blue Lantern, store Lantern Shanghai" in given
    assert mei.row().granted_at is None, "nothing is stored before it is confirmed"
    done = partner.press("/confirm", pushes="1")
    assert done.location == "/connect/done"
    assert "the link does not work a second time" in text_of(partner.get("/connect/done"))
    row = mei.row()
    assert row.granted_at is not None
    assert row.pushes is True
    assert row.state is ConnectionState.SAVED, "it gives access and turns nothing on"
    assert partner.get(partner.link).status_code == 404
    store = text_of(mei.get(f"/stores/{cast.lantern_store}"))
    assert "Made a connect link for JD Main Warehouse" in store
    assert "Access was given for JD Main Warehouse Through a link made by Mei Lin" in store


def test_a_link_that_is_used_revoked_over_or_made_up_answers_with_the_same_bytes(mei: Warehouser) -> None:
    unknown = passes.make(mei.cast.lantern)[0]
    nobody = Browser(mei.cast, None)
    wanted = same(nobody.get(f"/connect/{unknown}"))
    assert wanted[0] == 404
    assert "Ask whoever sent it to you for a new one." in nobody.get(f"/connect/{unknown}").text
    assert same(nobody.get(f"/connect/{'x' * 64}")) == wanted
    assert nobody.get("/connect/short").status_code == 404

    first = Partner(mei, link_of(mei))
    second = Partner(mei, link_of(mei))
    assert same(first.get(first.link)) == wanted, "a new link ends the one before"
    assert second.get(second.link).status_code == 200
    assert mei.send("link/revoke").status_code == 303
    assert same(second.get(second.link)) == wanted
    third = Partner(mei, link_of(mei))
    with time_machine.travel(now() + timedelta(hours=72, minutes=1), tick=False):
        assert same(third.get(third.link)) == wanted
    third.go_there()
    assert third.press("/confirm").location == "/connect/done"
    assert same(third.get(third.link)) == wanted
    for step in ("", "/paste", "/confirm"):
        assert third.press(step).status_code == 404, step


def test_the_state_is_bound_to_the_browser_that_set_out_and_used_once(mei: Warehouser) -> None:
    link = link_of(mei)
    partner, other = Partner(mei, link), Partner(mei, link)
    there = partner.press()
    back = mei.path_of(mei.consent_there(there.location))
    assert other.get(back).location.startswith("/login"), "a browser without the cookie is a stranger"
    other.press()
    refused = other.get(back)
    assert refused.location == other.link
    assert "does not belong to your session" in text_of(other.get(other.link))
    assert partner.get(back).location == partner.link
    assert "Account at JD Logistics" in text_of(partner.get(partner.link))
    assert "Account at JD Logistics" not in text_of(other.get(other.link)), "another browser does not see it"
    assert partner.get(back).location == partner.link
    assert "used already" in text_of(partner.get(partner.link))
    assert other.press("/confirm").location == other.link
    assert mei.row().granted_at is None
    with lantern(mei.cast):
        assert {each.user_id for each in db.session.scalars(sa.select(GrantAttempt))} == {None}


def test_what_one_link_brought_is_not_confirmed_by_the_next(mei: Warehouser) -> None:
    partner = Partner(mei, link_of(mei))
    partner.go_there()
    partner.link = urlsplit(link_of(mei)).path
    assert "Account at JD Logistics" not in text_of(partner.get(partner.link))
    assert partner.press("/confirm").location == partner.link
    assert mei.row().granted_at is None


def test_a_link_that_was_revoked_on_the_way_brings_nothing(mei: Warehouser) -> None:
    partner = Partner(mei, link_of(mei))
    there = partner.press()
    back = mei.path_of(mei.consent_there(there.location))
    mei.send("link/revoke")
    assert partner.get(back).status_code == 404
    assert partner.press("/confirm").status_code == 404
    assert mei.row().granted_at is None


def test_who_declines_reads_why_and_may_try_again_with_the_same_link(mei: Warehouser) -> None:
    partner = Partner(mei, link_of(mei))
    assert partner.go_there("refuse").location == partner.link
    assert "JD Logistics has not given access." in text_of(partner.get(partner.link))
    partner.go_there()
    assert partner.press("/confirm").location == "/connect/done"


def test_a_code_that_is_shown_instead_is_pasted_on_the_page_of_the_link(mei: Warehouser) -> None:
    partner = Partner(mei, link_of(mei))
    shown = re.search(r'href="([^"]+oob[^"]*)"', partner.get(partner.link).text)
    assert shown
    bad = partner.press("/paste", text="??")
    assert bad.status_code == 422
    assert "There is no code in this text." in text_of(bad)
    code = mei.code_shown(shown[1].replace("&amp;", "&"))
    assert partner.press("/paste", text=code).location == partner.link
    assert "Account at JD Logistics jdl_northwick" in text_of(partner.get(partner.link))
    assert partner.press("/confirm").location == "/connect/done"


def test_only_who_may_change_things_makes_and_sees_a_link_and_it_is_kept_sealed(cast: Cast, mei: Warehouser) -> None:
    link = link_of(mei)
    vera = Warehouser(cast, cast.vera, mei.sandbox)
    assert link not in vera.get(mei.here("settings")).text
    assert vera.post(mei.here("link")).status_code == 403
    assert link in mei.page("settings").text, "it can be copied again while it is good"
    with lantern(cast):
        kept = db.session.scalars(sa.select(ConnectLink)).one()
        assert kept.made_by == "Mei Lin"
        assert kept.expires_at - kept.made_at == pytest.approx(timedelta(hours=72), abs=timedelta(seconds=5))
        assert link.rpartition("/")[2].encode() not in kept.token_hash
        notes = db.session.scalars(sa.select(AuditNote).where(AuditNote.what == "connect_link_made")).all()
        assert len(notes) == 1
        assert connect_links.FIELD in {each.field for each in secrets.saved(at(mei))}
    mei.send("link/revoke")
    assert link not in mei.page("settings").text


def test_a_link_is_made_only_where_the_codes_are_saved(cast: Cast, linked: Running) -> None:
    tom = Warehouser(cast, cast.tom, linked)
    tom.install("jdl")
    assert "One step is not finished yet." in text_of(tom.follow(tom.send("link")))
    with lantern(cast):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(ConnectLink)) == 0


def test_a_signed_in_person_with_the_cookie_of_a_link_still_connects_as_before(mei: Warehouser) -> None:
    partner = Partner(mei, link_of(mei))
    partner.client = mei.client
    assert partner.press().status_code == 303
    back = mei.come_back(mei.consent_there(mei.send("login").location))
    assert back.location == mei.here("login")
    assert mei.send("login/next").status_code == 303
    assert mei.row().granted_at is not None
