"""Connecting to the sandbox through the pages, as a merchant does it in a browser."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal.flows.house import House
from portal.kit.db import acting_for, db
from portal.models import Connection
from tests.cast import Cast, Person
from tests.flows.jd import FAST, work_off
from tests.sandbox_server import Running
from tests.web.shelf import Browser

__all__ = ["Shopkeeper", "at_home", "linked", "text_of"]

HERE = "http://localhost"
CALLBACK = f"{HERE}/oauth/jd_id/callback"
TAG = re.compile(r"<[^>]+>")


@pytest.fixture
def linked(app: Flask, sandbox: Running) -> Iterator[Running]:
    """The sandbox, with the portal of the tests pointed at it and its callback registered there."""
    old: House = app.extensions["lintas"]
    at_home(app, sandbox_url=sandbox.url, portal_url=HERE, paces=FAST)
    for account in ("samudra", "kenanga"):
        sandbox.control("callback", integration="jd_id", account=account, url=CALLBACK)
    yield sandbox
    app.extensions["lintas"] = old


def at_home(app: Flask, **settings: Any) -> None:
    """The same portal with other settings."""
    old: House = app.extensions["lintas"]
    app.extensions["lintas"] = replace(old, settings=replace(old.settings, **settings))


def text_of(answer: TestResponse) -> str:
    """What a person reads on a page."""
    return " ".join(unescape(TAG.sub(" ", answer.text)).split())


class Shopkeeper(Browser):
    """A person of Blue Lantern with a browser, and a connection in the making."""

    def __init__(self, cast: Cast, person: Person, sandbox: Running) -> None:
        super().__init__(cast, person)
        self.cast = cast
        self.sandbox = sandbox
        self.id = ""

    def install(self, key: str) -> str:
        """Press Install in the chooser; the address of the page that opens."""
        answer = self.post(f"/stores/{self.cast.lantern_store}/install", {"integration": key})
        assert answer.status_code == 303, answer.text
        self.id = answer.location.split("/connections/")[1]
        return self.here()

    def here(self, step: str = "") -> str:
        """The address of the connection, or of one of its steps."""
        return f"/connections/{self.id}{'/' + step if step else ''}"

    def page(self, step: str = "", **more: Any) -> TestResponse:
        """A page of the connection."""
        return self.get(self.here(step), **more)

    def send(self, step: str = "", data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        """Send a form of the connection."""
        return self.post(self.here(step), data, **more)

    def jd_com_keys(self, account: str = "northwick", **changed: str) -> dict[str, str]:
        """What the sandbox lists for JD.com's form."""
        who = self.sandbox.account("jd_com", account)
        return {
            "name": "JD Marketplace China",
            "api_key": who["app_key"],
            "api_secret": who["app_secret"],
            "app_id": "APP-1",
            "access_token": who["tokens"][0]["access"],
            "api_endpoint": f"{self.sandbox.url}/jd_com",
        } | changed

    def jd_id_keys(self, account: str = "samudra", **changed: str) -> dict[str, str]:
        """What the sandbox lists for JD.ID's form."""
        who = self.sandbox.account("jd_id", account)
        keys = {"shop_id": str(who["shop_id"]), "api_key": who["app_key"], "api_secret": who["app_secret"]}
        return {"name": "JD.ID", "generation": "v2"} | keys | changed

    def connect_jd_com(self) -> None:
        """JD.com with its keys saved, and off."""
        self.install("jd_com")
        assert self.send("settings", self.jd_com_keys()).status_code == 303

    def prepare_jd_id(self, account: str = "samudra") -> None:
        """JD.ID with its ticks set and its keys saved, before the sign-in."""
        self.install("jd_id")
        assert self.send("guide", {"tick_0": "y", "tick_1": "y"}).status_code == 303
        assert self.send("settings", self.jd_id_keys(account)).status_code == 303

    def consent(self, account: str = "samudra", decision: str = "allow") -> str:
        """Sign in at the remote's own page and decide there; the callback address with what it brings."""
        answer = self.send("login")
        assert answer.status_code == 303, answer.text
        return self.decide(answer.location, account, decision)

    def decide(self, address: str, account: str = "samudra", decision: str = "allow") -> str:
        """What the seller does on the consent page at this address."""
        who = self.sandbox.account("jd_id", account)
        with httpx.Client(trust_env=False) as browser:
            page = browser.get(address)
            hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
            form = {name: unescape(value) for name, value in hidden.items()}
            form |= {"email": who["email"], "password": who["password"], "decision": decision}
            back = browser.post(address.partition("?")[0], data=form)
        assert back.status_code == 302, back.text
        return back.headers["Location"]

    def come_back(self, location: str) -> TestResponse:
        """Follow the remote's redirect to the callback."""
        parts = urlsplit(location)
        return self.get(f"{parts.path}?{parts.query}")

    def row(self) -> Connection:
        """The connection as the database has it."""
        with self.cast.app.app_context(), acting_for(self.cast.lantern):
            found = db.session.get_one(Connection, (self.cast.lantern, uuid.UUID(self.id)))
            db.session.expunge(found)
            return found

    def work(self) -> None:
        """What the workers would do until nothing is due."""
        with self.cast.app.app_context(), acting_for(self.cast.lantern):
            work_off()
