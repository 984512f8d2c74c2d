"""Every answer carries the headers that keep a browser on our side: pages, fragments, files, refusals and breakages.

Each address is asked with every method, as a page, as a fragment of htmx and as JSON, by an owner, by support staff and
by a stranger; beside them stand an unknown address, a method that is not meant, a body that is too large, a page that
breaks, and a push that is not believed.  No policy holds an `unsafe-` word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.web import headers
from portal.web.doors import Needs, permission_of
from tests import cast as people
from tests.addresses import BY_LINK, NOBODY, UNSAFE, Things, address, make_things, methods, named, rules, token_of
from tests.cast import Cast
from tests.proof import figure, parts
from tests.proof.figure import Figure, say

LEAST, BROKEN = 400, 5
SIGN_OUT = "people.logout"
# What each header must begin with.
ALWAYS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=()",
    "Cache-Control": "",
}
# What may be kept for a while: files of ours that hold nobody's data, and pictures under ids that never change.
KEPT = ("/static/", "/logos/")
FORMS: tuple[dict[str, str], ...] = (
    {},
    {"HX-Request": "true", "HX-Target": "anything"},
    {"Accept": "application/json"},
)
HTTPS = "https://localhost"


@dataclass(frozen=True)
class Asked:
    """One request: what it is called, and what is sent."""

    what: str
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    data: Any = None


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("headers")
    with parts.portal_alone() as stack:
        app = stack.app
        if given.control:
            _only_on_pages(app)
        cast = people.make(app)
        things = make_things(cast)
        return Look(app, found).proved(cast, things)


def _only_on_pages(app: Flask) -> None:
    """The known-bad variant: the headers are sent with the pages that went well, and forgotten on all else."""
    kept = app.after_request_funcs[None]
    whole = next(each for each in kept if each.__module__ == headers.__name__)

    def forgetful(answer: Any) -> Any:
        return whole(answer) if answer.status_code < 400 else answer

    kept[kept.index(whole)] = forgetful


class Look:
    """Whoever asks for everything and reads the headers."""

    def __init__(self, app: Flask, found: Figure) -> None:
        self._app, self._found = app, found
        self._answers: Counter[int] = Counter()
        self._misses = 0

    def proved(self, cast: Cast, things: Things) -> int:
        for name, person in (("an owner", cast.mei), ("staff", cast.sam), ("a stranger", None)):
            client = cast.client_of(person)
            token = token_of(client, "/" if person else "/login")
            for asked in self._everything(things, token):
                self._one(client, name, asked)
        self._broken(cast.client_of(cast.mei))
        self._over_tls(cast)
        self._signed_out(cast)
        say(f"answers: {dict(sorted(self._answers.items()))}")
        number = sum(self._answers.values())
        self._found.must(number >= LEAST, f"at least {LEAST} answers were looked at, not {number}")
        for status in (200, 303, 400, 403, 404, 405, 413, 500):
            self._found.must(self._answers[status], f"there was an answer of {status} to be looked at")
        return self._found.end(f"{number} answers: {self._misses} headers missing or unsafe")

    def _everything(self, things: Things, token: str) -> Iterator[Asked]:
        for rule in rules(self._app):
            for method in methods(rule):
                # What would change something names nothing that is there.
                swap = NOBODY if method in UNSAFE and named(rule) else None
                if rule.endpoint == SIGN_OUT or (method in UNSAFE and rule.endpoint in BY_LINK):
                    continue
                url = address(rule, things, swap)
                for form in FORMS:
                    yield Asked(
                        f"{method} {rule.rule}", method, url, form, {"csrf_token": token} if method in UNSAFE else None
                    )
        for form in FORMS:
            yield Asked("an unknown address", "GET", "/nowhere", form)
            yield Asked("a file that is not there", "GET", "/static/nothing.css", form)
            yield Asked("a method that is not meant", "GET", "/logout", form)
            yield Asked("a form without its token", "POST", "/stores/new", form, {"name": "x"})
            yield Asked("a form of another site", "POST", "/stores/new", {**form, "Sec-Fetch-Site": "cross-site"})
            large = {"csrf_token": token, "name": "x" * 3_000_000}
            yield Asked("a body that is too large", "POST", "/stores/new", form, large)
        yield Asked("a push that nobody signed", "POST", "/hooks/no-such-pass", data=b"{}")
        yield Asked("a push to nowhere", "POST", "/hooks/", data=b"{}")
        yield Asked("an address that is no text", "GET", "/stores/%ff%00")
        yield Asked("a question about methods", "OPTIONS", "/stores")
        yield Asked("only the head", "HEAD", "/stores")

    def _one(self, client: FlaskClient, who: str, asked: Asked) -> None:
        answer = client.open(asked.url, method=asked.method, headers=asked.headers, data=asked.data, buffered=True)
        self._look(answer, f"{who}, {asked.what} ({answer.status_code}) {asked.headers or ''}", asked.url)

    def _look(self, answer: TestResponse, what: str, url: str) -> None:
        self._answers[answer.status_code] += 1
        sent = answer.headers
        for name, beginning in ALWAYS.items():
            self._must(sent.get(name, "-missing-").startswith(beginning), f"{what} has {name}")
        self._must(sent.get("X-Request-Id"), f"{what} has a number")
        self._must("unsafe-" not in sent.get("Content-Security-Policy", ""), f"{what} has a policy that is safe")
        if not url.startswith(KEPT) or answer.status_code >= 400:
            self._must(sent.get("Cache-Control") == "no-store", f"{what} is kept nowhere")
        if not url.startswith("/static/") or answer.status_code >= 400:
            self._must("Cookie" in sent.get("Vary", ""), f"{what} differs with whoever is signed in")
        if answer.mimetype == "text/html" and "<body" in answer.text:
            self._must('hx-history="false"' in answer.text, f"{what} is no copy in the browser's history")

    def _must(self, holds: object, otherwise: str) -> None:
        self._misses += not holds
        self._found.must(holds, otherwise)

    def _broken(self, client: FlaskClient) -> None:
        """Each page whose view breaks answers like the others, and tells nothing."""
        bare = [rule for rule in rules(self._app) if not rule.arguments and "GET" in methods(rule)]
        shown = [rule for rule in bare if permission_of(self._app, rule.endpoint) is Needs.VIEW]
        for rule in shown[:BROKEN]:
            endpoint, url = rule.endpoint, rule.rule
            whole = self._app.view_functions[endpoint]

            def breaks(**_: Any) -> Any:
                raise RuntimeError("the words of a breakage")

            breaks.declared = vars(whole)["declared"]  # type: ignore[attr-defined]
            self._app.view_functions[endpoint] = breaks
            try:
                for form in FORMS:
                    answer = client.get(url, headers=form)
                    self._look(answer, f"the broken {endpoint} ({answer.status_code}) {form or ''}", url)
                    self._must(answer.status_code == 500, f"{endpoint} breaks")
                    self._must("words of a breakage" not in answer.text, f"the broken {endpoint} tells nothing")
            finally:
                self._app.view_functions[endpoint] = whole

    def _over_tls(self, cast: Cast) -> None:
        """Over TLS every answer says that there is no other way, and cookies are bound to this host."""
        client = cast.app.test_client()
        for url in ("/login", "/nowhere", "/static/app.css"):
            answer = client.get(url, base_url=HTTPS)
            self._look(answer, f"{url} over TLS", url)
            said = answer.headers.get("Strict-Transport-Security", "")
            self._must("max-age=31536000" in said and "includeSubDomains" in said, f"{url} over TLS asks for TLS")

    def _signed_out(self, cast: Cast) -> None:
        """At the sign-out the browser is told to forget, and the session is over on the server too."""
        client = cast.client_of(cast.vera)
        kept = client.get_cookie("sid")
        answer = client.post("/logout", data={"csrf_token": token_of(client)})
        self._look(answer, "the sign-out", "/logout")
        told = answer.headers.get("Clear-Site-Data", "")
        self._must('"cache"' in told and '"storage"' in told, "the browser is told to forget at the sign-out")
        self._must(kept is not None, "there was a session to be ended")
        if kept is not None:
            client.set_cookie("sid", kept.value)
            self._must(client.get("/stores").status_code == 303, "a session that was signed out opens nothing")


if __name__ == "__main__":
    figure.run(main)
