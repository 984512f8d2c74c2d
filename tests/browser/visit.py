"""A person in front of the portal: one browser context, its faults, and the few moves that the tests are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.browser.house import House
from tests.browser.words import Words

HTML_LANG = {"en": "en-GB", "id": "id", "zh_Hans": "zh-Hans"}
PATIENCE = 20_000
IMPORT_PATIENCE = 90_000
DEMO_PASSWORD = "demo-owner-pass"
BROWSER_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LANGUAGES = {"en": "en-GB", "id": "id-ID", "zh_Hans": "zh-CN"}


class Visit:
    """One person at one browser.  `faults` are what the console said; the fixture fails the test that leaves any."""

    def __init__(self, house: House, context: BrowserContext, words: Words, *, scripts: bool = True) -> None:
        self.house = house
        self.words = words
        self.scripts = scripts
        self.faults: list[str] = []
        self._refusals: list[str] = []
        self._password = DEMO_PASSWORD
        context.set_default_timeout(PATIENCE)
        self.page: Page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(f"{self.page.url}: {error}"))

    def refused_at(self, *paths: str) -> None:
        """From now on an answer of 4xx at these addresses is what the test is about."""
        self._refusals += paths

    def _heard(self, message: ConsoleMessage) -> None:
        where = message.location["url"]
        loading = message.text.startswith("Failed to load resource")
        if message.type == "error" and not (loading and any(each in where for each in self._refusals)):
            self.faults.append(f"{where or self.page.url}: {message.text}")

    # --- moves --------------------------------------------------------------------------------------------------------

    def open(self, path: str) -> None:
        """Go to a page of the portal."""
        self.page.goto(self.house.url + path)

    def look_at(self, path: str) -> None:
        """Go to a page, and say the password once more where the portal asks who sits there before it shows it."""
        self.open(path)
        if urlsplit(self.page.url).path != "/confirm" or path.startswith("/confirm"):
            return
        self.page.locator("#password").fill(self._password)
        self.page.locator("#confirm_form button[type=submit]").click()
        expect(self.page).to_have_url(self.house.url + path)

    def sign_in(self, email: str, password: str = DEMO_PASSWORD) -> None:
        """Sign in at the form, as the browser's language shows it."""
        self._password = password
        self.open("/login")
        self.page.locator("input[name=email]").fill(email)
        self.page.locator("input[name=password]").fill(password)
        self.page.locator("#login_form button[type=submit]").click()
        expect(self.page.locator("nav.nav")).to_be_attached()

    def speak(self, locale: str) -> None:
        """Choose the language of the pages, where everyone chooses it."""
        self.open("/settings/language")
        self.page.locator(f"#language_form input[value={locale}]").check()
        self.page.locator("#language_form button[type=submit]").click()
        self.words = Words(locale)
        expect(self.page.locator("html")).to_have_attribute("lang", HTML_LANG[locale])

    def say(self, sentence: str, /, **values: Any) -> str:
        """A sentence as it stands on this person's screen."""
        return self.words.say(sentence, **values)

    def button(self, sentence: str, /, more: str = "", **values: Any) -> Locator:
        """The button with these words; `more` are those that only a screen reader hears."""
        name = f"{self.say(sentence, **values)} {more}".strip()
        return self.page.get_by_role("button", name=name, exact=True)

    def press(self, sentence: str, /, more: str = "", **values: Any) -> None:
        """Press it."""
        self.button(sentence, more, **values).first.click()

    def follow(self, sentence: str, /, more: str = "", inside: str = "body", **values: Any) -> None:
        """Follow the link with these words."""
        name = f"{self.say(sentence, **values)} {more}".strip()
        self.page.locator(inside).get_by_role("link", name=name, exact=True).first.click()

    def menu(self, sentence: str) -> None:
        """Follow a link of the main menu; its number of things to do is no part of the name."""
        item = self.page.locator("nav.nav a.item").filter(has_text=self.say(sentence))
        if not item.first.is_visible():
            self.page.locator("[popovertarget=nav]").first.click()
        item.first.click()

    def enter(self, label: str, value: str) -> None:
        """Type into the field of that label."""
        self.page.locator("main").get_by_label(label).and_(self.page.locator("input")).first.fill(value)

    def tick(self, label: str) -> None:
        """Tick the box of that label."""
        self.page.get_by_label(label, exact=True).check()

    # --- what is seen -------------------------------------------------------------------------------------------------

    def sees(self, sentence: str, /, *, patience: int = PATIENCE, **values: Any) -> None:
        """The sentence stands somewhere in the page, wherever its parts are set apart."""
        expect(self.page.locator("main, dialog").filter(has_text=self.say(sentence, **values)).first).to_be_visible(
            timeout=patience
        )

    def heads(self, sentence: str, /, *, patience: int = PATIENCE, **values: Any) -> None:
        """A heading says so."""
        heading = self.page.get_by_role("heading", name=self.say(sentence, **values))
        expect(heading.first).to_be_visible(timeout=patience)

    def alarm(self, sentence: str, /, **values: Any) -> Locator:
        """The note that says what went wrong; its first words are these."""
        note = self.page.locator(".note, .issue, .error-summary, .field-error, .said, #trouble").filter(
            has_text=self.say(sentence, **values)
        )
        expect(note.first).to_be_visible()
        return note.first

    def toast(self, sentence: str, /, **values: Any) -> Locator:
        """A message at the corner."""
        box = self.page.locator(".toast").filter(has_text=self.say(sentence, **values))
        expect(box.first).to_be_visible()
        return box.first

    def at_the_top_right(self, thing: Locator) -> None:
        """It stands in the right half of the window's upper quarter."""
        box, window = thing.bounding_box(), self.page.viewport_size
        assert box is not None
        assert window is not None
        assert box["x"] + box["width"] > window["width"] * 0.75, f"it ends at {box} of {window}"
        assert box["y"] < window["height"] * 0.25, f"it begins at {box} of {window}"

    def number(self, text: str) -> int:
        """The number in a text, whatever parts its thousands."""
        return int(re.sub(r"\D", "", text))


Visiting = Callable[..., Visit]
