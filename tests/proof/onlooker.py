"""Every way to look: as a page, as each block of it that htmx may fetch, as JSON, by every link, filter and search."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from html import escape, unescape
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.web.doors import Needs, Support, declared_by
from tests.addresses import PASSING, Things, address, named, rules
from tests.cast import Cast
from tests.proof.figure import Figure
from tests.proof.planted import ACCOUNT, TELLING

TEMPLATES = Path(__file__).parents[2] / "templates"
BLOCK, MARKED = re.compile(r"{%-? *block (\w+)"), re.compile(r'\bid="(\w+)"')
LINK = re.compile(r'(?:href|hx-get)="(/[^"]+)"')
JSON = {"Accept": "application/json"}
# A search by one of these may find no more than a search for a name that nobody has.
SEARCHED = ("Zelvira", "08179926431577", "Quonsettia", "Thornmoresby", "QX9-4ZJ7", "Bartimaeus")
# What belongs to the buyer and stands in no answer at all.
NEVER_SHOWN = {ACCOUNT, "9926431577"}
NOBODY = "Xqwzvbrtk"
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
# What counts requests, and the pages of this visit, says something else at each.
CHANGING = {"/metrics", "/settings/support"}
# How old something is goes on while the answers are compared, and what was asked for stands in them.
AGE = re.compile(r"<time[^>]*>[^<]*</time>|data-seconds=\"\d+\"|\d+ (?:s|min|seconds?|minutes?) (?:ago|left)\b")


class Onlooker:
    """Somebody who is refused nothing that can be looked at, and must see nothing of the buyer."""

    def __init__(self, cast: Cast, found: Figure, things: Things, also: Mapping[str, Sequence[uuid.UUID]]) -> None:
        """`also` are more things of the kinds that `things` names, each of which is looked at."""
        self._cast, self._found, self._things, self._also = cast, found, things, also
        self._blocks = {each for file in TEMPLATES.rglob("*.html") for each in BLOCK.findall(file.read_text("utf-8"))}
        self._seen: set[tuple[str, str]] = set()
        self.requests = self.answered = 0

    def addresses(self) -> Iterator[str]:
        """The address of everything that an agent may look at, and of each of the things."""
        for rule in rules(self._cast.app):
            declared = declared_by(self._cast.app, rule.endpoint)
            shut = declared.support in {Support.NEVER, Support.ALWAYS} or declared.fresh
            if "GET" not in (rule.methods or set()) or shut or declared.permission in {Needs.OWN, Needs.STAFF}:
                continue
            plain = address(rule, self._things)
            yield plain
            for kind, ids in self._also.items() if named(rule) else ():
                old = str(self._things[kind])
                yield from (plain.replace(old, str(each)) for each in ids if old in plain)

    def walk(self, client: FlaskClient, *, blocks: bool) -> None:
        """Look at everything in every way; at parts of pages and by every link where `blocks` says so."""
        self._seen.clear()
        for url in list(self.addresses()):
            self._look(client, url, blocks=blocks)

    def _look(self, client: FlaskClient, url: str, *, blocks: bool) -> None:
        answer = self.ask(client, url)
        self.ask(client, url, JSON)
        for block in sorted(self._blocks.intersection(MARKED.findall(answer))) if blocks else ():
            self.ask(client, url, {"HX-Request": "true", "HX-Target": block})
        for link in {unescape(each) for each in LINK.findall(answer)} if blocks else ():
            place = urlsplit(link)
            # Filters, views and sorting: one step further, each once.
            if place.query and "/logout" not in link:
                self.ask(client, link)
                self.ask(client, link, JSON)

    def ask(self, client: FlaskClient, url: str, headers: Mapping[str, str] | None = None) -> str:
        """Look at one address in one way, once; what tells of the buyer is a fault.  Gives the answer."""
        how = ",".join(f"{name}={value}" for name, value in (headers or {}).items())
        if (url, how) in self._seen:
            return ""
        self._seen.add((url, how))
        return self.judge(client.get(url, headers=dict(headers or {})), f"GET {url} {how}")

    def judge(self, answer: TestResponse, what: str) -> str:
        """Nothing in an answer tells of the buyer."""
        self.requests += 1
        self.answered += answer.status_code == 200
        said = f"{answer.text if not answer.mimetype.startswith('image/') else ''} {answer.headers}"
        told = [each for each in TELLING if each.casefold() in said.casefold() or escape(each) in said]
        self._found.must(not told, f"{what} tells {told}")
        answer.close()
        return said

    def search(self, client: FlaskClient, *, long: bool) -> None:
        """Whatever is searched for the buyer answers as if there were nobody of the kind; in short, every list is."""
        words = SEARCHED if long else SEARCHED[:2]
        for url in self.addresses():
            if url in CHANGING or not (long or ID.search(url) is None):
                continue
            for headers in ({}, JSON):
                nobody = self._searched(client, url, NOBODY, headers)
                for each in words:
                    same = self._searched(client, url, each, headers) == nobody
                    self._found.must(same, f"a search for {each} at {url} tells that there is such a buyer")

    def _searched(self, client: FlaskClient, url: str, words: str, headers: Mapping[str, str]) -> tuple[int, str]:
        self.requests += 1
        answer = client.get(url, query_string={"q": words}, headers=dict(headers))
        said = answer.text if not answer.mimetype.startswith("image/") else ""
        for each in {escape(words), quote(words), quote_plus(words), words}:
            said = said.replace(each, "Q")
        answer.close()
        return answer.status_code, AGE.sub("", PASSING.sub("", said))
