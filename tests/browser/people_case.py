"""Somebody who is invited, joins and sets up a second step: the screens on that way that no address alone leads to."""

from __future__ import annotations

from collections.abc import Iterator

import pyotp
from playwright.sync_api import expect

from tests.browser.visit import IMPORT_PATIENCE, Visit

NEWCOMER = "maya.hartono@newcomer.example"
NAME, FIRST_PASSWORD = "Maya Hartono", "nine calm rivers meet"
# Milliseconds between two looks into the mailbox.
LOOK_EVERY = 500


def moments(owner: Visit, newcomer: Visit) -> Iterator[tuple[str, Visit]]:
    """Each of these screens by name, as it stands at somebody's browser.

    The newcomer works for the merchant afterwards, as a manager with a second step, and is signed out.
    """
    yield from _invited(owner, newcomer)
    yield from _second_step(newcomer)
    yield from _forgotten(newcomer)


def _invited(owner: Visit, newcomer: Visit) -> Iterator[tuple[str, Visit]]:
    page = owner.page
    owner.refused_at("/settings/people")
    owner.look_at("/settings/people")
    page.locator("#email").fill("not an address")
    page.locator("#invite button[type=submit]").click()
    expect(page.locator("#invite #errors")).to_be_visible()
    yield "people-wrong", owner
    page.locator("#email").fill(NEWCOMER)
    page.locator("input[name=role][value=manager]").check()
    page.locator("#invite button[type=submit]").click()
    expect(page.locator("#invited")).to_contain_text(NEWCOMER)
    owner.look_at("/settings/people")
    yield "people-invited", owner
    newcomer.page.goto(_link(newcomer, "/invited/"))
    yield "invited", newcomer
    newcomer.page.locator("#name").fill(NAME)
    newcomer.page.locator("#password").fill(FIRST_PASSWORD)
    newcomer.page.locator("#invited_form button[type=submit]").click()
    expect(newcomer.page.locator("nav.nav")).to_be_attached()


def _second_step(newcomer: Visit) -> Iterator[tuple[str, Visit]]:
    page = newcomer.page
    newcomer.open("/settings/security/second-factor")
    key = page.locator("#factor_key").inner_text().replace(" ", "").strip()
    page.locator("#code").fill(pyotp.TOTP(key).now())
    page.locator("#factor_form button[type=submit]").click()
    expect(page.locator("#codes")).to_be_visible()
    code = page.locator("#codes").inner_text().split()[0]
    yield "recovery-codes", newcomer
    newcomer.open("/settings/security")
    yield "security-on", newcomer
    _sign_out(newcomer)
    _password(newcomer)
    yield "sign-in-code", newcomer
    page.locator("#code").fill(code)
    page.locator("#code_form button[type=submit]").click()
    expect(page.locator("nav.nav")).to_be_attached()
    _sign_out(newcomer)


def _forgotten(newcomer: Visit) -> Iterator[tuple[str, Visit]]:
    newcomer.open("/forgotten")
    newcomer.page.locator("#email").fill(NEWCOMER)
    newcomer.page.locator("#forgotten_form button[type=submit]").click()
    expect(newcomer.page.locator("#sent-h")).to_be_visible()
    yield "forgotten-sent", newcomer
    newcomer.page.goto(_link(newcomer, "/reset/"))
    yield "reset", newcomer


def _password(visit: Visit) -> None:
    visit.open("/login")
    visit.page.locator("input[name=email]").fill(NEWCOMER)
    visit.page.locator("input[name=password]").fill(FIRST_PASSWORD)
    visit.page.locator("#login_form button[type=submit]").click()
    expect(visit.page.locator("#code_form")).to_be_visible()


def _sign_out(visit: Visit) -> None:
    visit.page.locator("[popovertarget=account]").first.click()
    visit.page.locator("#account form[action='/logout'] button").click()
    expect(visit.page.locator("#login_form")).to_be_visible()


def _link(visit: Visit, path: str) -> str:
    """The link of the newest letter to the newcomer that leads to this path; the letter may still be on its way."""
    for _ in range(IMPORT_PATIENCE // LOOK_EVERY):
        letters = visit.house.sandbox.http.get("/control/letters", params={"to": NEWCOMER}).json()
        for link in (link for letter in letters for link in letter["links"]):
            if path in link:
                return str(link)
        visit.page.wait_for_timeout(LOOK_EVERY)
    raise AssertionError(f"no letter to {NEWCOMER} with a link to {path}")
