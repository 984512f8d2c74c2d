"""A plugin at the sandbox of the warehouse, connected through the pages as a merchant does it in a browser."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
from werkzeug.test import TestResponse

from tests.cast import Cast, Person
from tests.sandbox_server import Running
from tests.web.sandboxed import HERE, Shopkeeper

CALLBACK = f"{HERE}/oauth/jdl/callback"


class Warehouser(Shopkeeper):
    """A person of Blue Lantern with a plugin in the making."""

    def __init__(self, cast: Cast, person: Person, sandbox: Running, account: str = "northwick") -> None:
        super().__init__(cast, person, sandbox)
        self.account = account
        sandbox.control("callback", integration="jdl", account=account, url=CALLBACK)

    def codes(self, **changed: str) -> dict[str, str]:
        """What the sandbox lists for the form."""
        codes: dict[str, str] = self.sandbox.account("jdl", self.account)["types"]
        options = {"import_products": "y", "sync_stock": "y", "import_orders": "y"}
        return {"name": "JD Main Warehouse"} | codes | options | changed

    def saved(self, **changed: str) -> Warehouser:
        """With its codes saved, before anybody let us in."""
        self.install("jdl")
        answer = self.send("settings", self.codes(**changed))
        assert answer.status_code == 303, answer.text
        return self

    def connected(self, **changed: str) -> Warehouser:
        """Let in as well, and off."""
        self.saved(**changed)
        self.come_back(self.consent_there(self.send("login").location))
        assert self.send("login/next").status_code == 303
        return self

    def running(self, **changed: str) -> Warehouser:
        """On, checked and read."""
        self.connected(**changed)
        assert self.send("active", {"on": "1"}).status_code == 303
        self.work()
        return self

    def consent_there(self, address: str, *, decision: str = "allow", account: str = "") -> str:
        """What whoever has the account does on the consent page; where the remote leads back to."""
        back = self._answer(address, decision, account)
        assert back.status_code == 302, back.text
        return back.headers["Location"]

    def code_shown(self, address: str) -> str:
        """The code that the remote shows on its own page instead of leading back."""
        found = re.search(r'<code id="code">([^<]+)</code>', self._answer(address, "allow", "").text)
        assert found
        return unescape(found[1])

    def _answer(self, address: str, decision: str, account: str) -> httpx.Response:
        who = self.sandbox.account("jdl", account or self.account)
        with httpx.Client(trust_env=False) as browser:
            page = browser.get(address)
            hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
            form: dict[str, Any] = {name: unescape(value) for name, value in hidden.items()}
            form |= {"email": who["email"], "password": who["password"], "decision": decision}
            return browser.post(address.partition("?")[0], data=form)

    def path_of(self, location: str) -> str:
        """The path and query of an address of ours."""
        parts = urlsplit(location)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def follow(self, answer: TestResponse) -> TestResponse:
        """The page that an answer leads to."""
        assert answer.status_code == 303, answer.text
        return self.get(self.path_of(answer.location))
