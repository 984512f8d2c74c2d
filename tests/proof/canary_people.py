"""The secrets of people, planted: second factors, recovery codes, tokens of sessions and of the links in letters."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pyotp

from portal.flows import invitations, second_factor, sessions
from portal.flows.audit import By
from portal.flows.sessions import Browser
from portal.kit.db import acting_for, db
from portal.models import Role, User
from tests.cast import Cast
from tests.proof import parts
from tests.stack import Stack

LINK = re.compile(r"/(reset|invited)/([\w.~-]{20,})")
PATIENCE = 30.0
NEWCOMERS = 8
Plant = Callable[[str, str], None]


def live(stack: Stack, cast: Cast, plant: Plant) -> list[tuple[str, httpx.Response]]:
    """Everybody does with them what one does; gives the answers that are to be searched too."""
    _second_factors(stack, cast, plant)
    _invite(stack, cast)
    answers = [("asking for a new password", _forget(stack, cast.vera.email))]
    expected = NEWCOMERS + 1
    assert stack.until(lambda: len(_links(stack)) >= expected, PATIENCE), "the letters have come"
    for kind, token in sorted(_links(stack)):
        plant(f"the token of the link {kind} {token[-4:]}", token)
        # Whoever follows the link leaves its address wherever addresses are written down.
        httpx.get(f"{stack.env['PORTAL_URL']}/{kind}/{token}", trust_env=False)
        httpx.get(f"{stack.env['PORTAL_URL']}/{kind}/{token}/nowhere", trust_env=False)
    answers += _support(stack, cast, plant)
    return answers


def _second_factors(stack: Stack, cast: Cast, plant: Plant) -> None:
    """One for Tom, and a wrong code at his sign-in."""
    with stack.app.app_context(), acting_for(cast.lantern, cast.tom.id):
        tom = db.session.get_one(User, cast.tom.id)
        own = sessions.open_one(tom, Browser("a browser", "127.0.0.1"))
        plant("the token of Tom's first session", own)
        offer = second_factor.offer(tom)
        by = By(tom.name, tom.id)
        code = pyotp.TOTP(offer.secret).now()
        renewed, codes = second_factor.turn_on(tom, offer.secret, code, sessions.token_hash(own), by)
    plant("the secret of Tom's second factor", offer.secret)
    plant("the token of Tom's session", renewed)
    for number, each in enumerate(codes):
        plant(f"recovery code {number}", each)
    browser = parts.browser(stack, cast.tom)
    plant("the token of Tom's half session", str(browser.cookies.get("sid")))
    for typed in ("000000", codes[0]):
        token = parts.csrf(browser, "/login/code")
        browser.post("/login/code", data={"code": typed, "csrf_token": token})
    plant("the token of Tom's whole session", str(browser.cookies.get("sid")))


def _invite(stack: Stack, cast: Cast) -> None:
    with stack.app.app_context(), acting_for(cast.lantern, cast.mei.id):
        for number in range(NEWCOMERS):
            invitations.invite(f"newcomer{number}@example.com", Role.VIEWER, By("Mei Lin", cast.mei.id))


def _forget(stack: Stack, email: str) -> httpx.Response:
    stranger = httpx.Client(base_url=stack.env["PORTAL_URL"], timeout=30, trust_env=False)
    token = parts.csrf(stranger, "/forgotten")
    return stranger.post("/forgotten", data={"email": email, "csrf_token": token})


def _links(stack: Stack) -> set[tuple[str, str]]:
    """The links of all letters that came, by what they open."""
    return set(LINK.findall(httpx.get(f"{stack.sandbox.url}/control/mail", trust_env=False).text))


def _support(stack: Stack, cast: Cast, plant: Plant) -> list[tuple[str, httpx.Response]]:
    """An agent looks as the owner: the tokens of both sessions are secrets of the agent's browser."""
    browser = parts.browser(stack, cast.sam)
    plant("the token of the agent's session", str(browser.cookies.get("sid")))
    page = f"/support/merchants/{cast.lantern}/view-as"
    form = {"whom": str(cast.mei.id), "reason": "question", "ticket": "T-1"}
    begun = browser.post(page, data={**form, "csrf_token": parts.csrf(browser, page)})
    assert begun.status_code == 303, begun.text
    for name in ("sid", "acting"):
        plant(f"the agent's cookie {name} at work as a merchant", str(browser.cookies.get(name)))
    return [(f"{path} as a merchant", browser.get(path)) for path in ("/", "/stores", "/orders", "/settings/support")]
