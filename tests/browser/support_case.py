"""A merchant whose channel broke, and somebody of the support team who looks after it: the moves of such a case."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser import screens
from tests.browser.house import House
from tests.browser.seed import wait_for_import
from tests.browser.visit import HTML_LANG, IMPORT_PATIENCE, Visit, Visiting
from tests.browser.words import Words

PASSWORD = "a-password-of-a-case"
STAFF, STAFF_PASSWORD = "staff@lintas.example", "demo-staff-pass"
TICKET = "SUP-4711"
WRONG_BUFFER, RIGHT_BUFFER = "9999", "3"
# What a page posts by itself, without any button that the portal drew.
SEND = """([url]) => {
  const form = document.createElement("form"), field = document.createElement("input");
  form.method = "post"; form.action = url; field.name = "csrf_token";
  field.value = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  form.append(field); document.body.append(form); form.submit();
}"""


@dataclass
class Case:
    """A business with one store, its owner at one browser and an agent of the support team at another."""

    house: House
    locale: str
    owner: Visit
    agent: Visit
    account: dict[str, Any]
    merchant: str
    store: str
    owner_name: str
    agent_name: str
    channel: str = ""

    @property
    def pages(self) -> tuple[Page, Page]:
        """What the owner and the agent look at."""
        return self.owner.page, self.agent.page


MADE_UP = {
    "en": ("Harbour Goods", "Harbour Leeds", "Nora Field", "Alex Grant", "GBP", "Europe/London"),
    "id": ("Toko Kenari", "Kenari Bandung", "Sari Wulan", "Budi Santoso", "IDR", "Asia/Jakarta"),
}


def portal(house: House, *words: str) -> str:
    """A command of a second terminal."""
    told = subprocess.run(
        [str(Path(sys.executable).with_name("portal")), *words],
        env={**house.environment(), "PORTAL_NEW_PASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def begin(house: House, visiting: Visiting, locale: str) -> Case:
    """The people of a case, each signed in, with the store made; everything in one language."""
    merchant, store, owner_name, agent_name, currency, zone = MADE_UP[locale]
    owner_mail, agent_mail = f"owner-{locale}@case.example", f"agent-{locale}@case.example"
    person = ("--email", owner_mail, "--name", owner_name)
    portal(house, "create-owner", "--merchant", merchant, *person, "--currency", currency, "--zone", zone)
    portal(house, "create-staff", "--email", agent_mail, "--name", agent_name)
    owner, agent = visiting(locale, reduced_motion="reduce"), visiting(locale, reduced_motion="reduce")
    owner.sign_in(owner_mail, PASSWORD)
    owner.speak(locale)
    agent.sign_in(agent_mail, PASSWORD)
    speak_as_staff(agent, locale)
    account = house.new_account("jd_com")
    owner.open("/stores/new")
    owner.page.locator("#name").fill(store)
    owner.page.locator("main form button[type=submit]").first.click()
    expect(owner.page.locator("h1")).to_have_text(store)
    return Case(house, locale, owner, agent, account, merchant, store, owner_name, agent_name)


def speak_as_staff(visit: Visit, locale: str) -> None:
    """Choose the language in the menu of the account: staff have no settings of a merchant."""
    visit.page.locator("[popovertarget=account]").first.click()
    visit.page.locator(f".languages button[value={locale}]:visible").click()
    visit.words = Words(locale)
    expect(visit.page.locator("html")).to_have_attribute("lang", HTML_LANG[locale])


def connect(case: Case) -> None:
    """The owner connects JD.com, with a number among the options that nobody meant."""
    owner, page = case.owner, case.owner.page
    case.channel = screens.add_channel(owner, "JD.com")
    screens.tick_guide(owner)
    page.locator("#name").fill("JD.com")
    screens.enter_keys(owner, "jd_com", case.account)
    owner.press("Continue")
    page.locator("#buffer").fill(WRONG_BUFFER)
    owner.press("Save and continue")
    owner.press("Save")
    turn_on(owner)


def turn_on(visit: Visit) -> None:
    """The switch, and what comes in then; the browser stands at the connection."""
    switch = visit.page.get_by_role("switch", name=visit.say("Is active"), exact=True)
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    wait_for_import(visit)


def break_it(case: Case) -> None:
    """JD takes the token back, and the next sync runs against the wall."""
    case.house.sandbox.control("token", integration="jd_com", account=case.account["name"], deed="revoke")
    case.owner.open(case.channel)
    case.owner.press("Sync now")
    expect(case.owner.page.locator("#trouble, #notices .issue").first).to_be_visible(timeout=IMPORT_PATIENCE)


def find(case: Case) -> None:
    """The agent finds the merchant by the name of its shop at JD, and opens it."""
    agent, page = case.agent, case.agent.page
    agent.open("/support")
    page.locator("#merchants_list_q").fill(case.account["shop_name"])
    row = page.locator("#merchants_list tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(case.merchant)
    expect(row).to_contain_text(trouble(agent))
    row.locator("a.name").click()
    expect(page.locator("h1")).to_have_text(case.merchant)


def trouble(agent: Visit) -> str:
    """How the list says that a connection does not work."""
    return agent.words.count("%(num)s connection in trouble", "%(num)s connections in trouble", 1)


def view_as(case: Case) -> None:
    """The agent says as whom, why and for which ticket, and stands at the merchant's start page."""
    look_as(case.agent)
    strip(case)


def look_as(agent: Visit) -> None:
    """From the page of a merchant into its place: as the first owner."""
    page = agent.page
    agent.follow("View as…")
    expect(page.locator("#whom option:checked")).to_have_count(1)
    page.locator("#reason").select_option("connection")
    page.locator("#ticket").fill(TICKET)
    page.locator("#view_as_form button[type=submit]").click()
    expect(page.locator("#support_strip")).to_be_visible()


def leave(agent: Visit) -> None:
    """Press Stop, and go back to the own place."""
    page = agent.page
    page.locator("#support_strip form[action='/support/stop'] button").click()
    agent.heads("You stopped working as a merchant")
    agent.follow("Back to the support area")
    expect(page).to_have_url(f"{agent.house.url}/support")
    expect(page.locator("#support_strip")).to_have_count(0)


def visit_of_staff(agent: Visit, merchant: str) -> None:
    """Somebody of the staff has looked at a merchant and gone again, so that there is a visit to read of."""
    agent.sign_in(STAFF, STAFF_PASSWORD)
    agent.open(f"/support?q={merchant}")
    agent.page.locator("#merchants_list tbody a.name").first.click()
    look_as(agent)
    agent.open("/orders")
    leave(agent)


def consent(agent: Visit, owner: Visit) -> Iterator[tuple[str, Visit]]:
    """From asking a merchant to acting as it: each screen on that way by name, as it stands at somebody's browser."""
    agent.open("/support/ask")
    agent.page.locator("#why").fill("The stock buffer hides everything: 3 instead of 9999")
    agent.page.locator("#ask_form button[type=submit]").click()
    yield "acting-asked", agent
    owner.open("/settings/support")
    yield "support-asked", owner
    owner.page.locator("#here_now form[action$='/allow'] button").click()
    expect(owner.page.locator("#here_now form[action$='/allow'], #visit form[action$='/allow']")).to_have_count(0)
    agent.open("/support/act")
    yield "acting-act", agent
    agent.page.locator("#act_form button[type=submit]").click()
    expect(agent.page.locator("#support_strip.act")).to_be_visible()
    yield "acting-acts", agent


def strip(case: Case) -> None:
    """The strip stands above the page, with who and as whom."""
    shown = case.agent.page.locator("#support_strip")
    expect(shown).to_be_visible()
    for told in (case.agent_name, case.owner_name, case.merchant, TICKET):
        expect(shown).to_contain_text(told)


def send(visit: Visit, path: str) -> None:
    """Post to an address from the page on the screen, as a page that was left open would."""
    with visit.page.expect_navigation():
        visit.page.evaluate(SEND, [visit.house.url + path])


def ask(case: Case, why: str) -> None:
    """The agent asks the owners."""
    agent, page = case.agent, case.agent.page
    agent.follow("Ask to act…", inside="#support_strip")
    page.locator("#why").fill(why)
    page.locator("#ask_form button[type=submit]").click()
    agent.alarm("%(merchant)s was asked.", merchant=case.merchant)


def allow(case: Case, why: str) -> None:
    """The owner reads what for, at the second browser, and allows it."""
    owner, page = case.owner, case.owner.page
    owner.open("/")
    owner.sees("%(agent)s of Lintas support asks to change something.", agent=case.agent_name)
    owner.menu("Settings")
    owner.follow("Support access", inside="main")
    expect(page.locator("#here_now")).to_contain_text(case.agent_name)
    expect(page.locator("#here_now")).to_contain_text(why)
    owner.press("Allow")
    owner.sees("%(name)s allowed changes.", name=case.owner_name)


def act(case: Case) -> None:
    """The agent looks whether they answered, and confirms once more."""
    agent, page = case.agent, case.agent.page
    agent.follow("Look whether they answered", inside="main")
    agent.follow("Act…", inside="main")
    page.locator("#act_form button[type=submit]").click()
    expect(page.locator("#support_strip.act")).to_be_visible()
