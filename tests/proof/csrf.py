"""A form that another site made, or that nobody made, changes nothing: every unsafe address, by three walls.

Each is asked without a token, with the token of another session, with one that was altered, from another site and from
a neighbour under the same name (`Sec-Fetch-Site`), from outside any page, and with a foreign `Origin`.  Each request is
refused, and no row of the database is another afterwards.  What needs no token is exactly what machines send, which is
believed by its signature alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

from flask import abort, request
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from portal.config import Settings
from portal.kit.clock import now
from portal.kit.db import Base
from portal.web import machines, requests
from tests import cast as people
from tests.addresses import SIGNED, UNSAFE, Things, address, make_things, methods, rules, token_of
from tests.cast import Cast
from tests.proof import figure
from tests.proof.figure import Figure, say
from tests.stack import Stack

REFUSED = {400, 403}
# A session says when it was last seen, and that is no change of anything.
PASSING = {"login_session": "seen_at"}
# That a request was refused is noted, and noted only.
TRAIL = {"audit_note", "audit_link", "audit_head"}
OUR = "http://localhost"
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": OUR},
    {"Sec-Fetch-Site": "cross-site", "HX-Request": "true", "HX-Target": "x"},
    {"Sec-Fetch-Site": "SAME-ORIGIN, cross-site"},
    {"Sec-Fetch-Site": ""},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:81"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://[localhost"},
    {"Origin": "https://evil.example", "HX-Request": "true"},
)


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("csrf")
    with Stack(workers=0, relay=False, sandbox=False, durable=False, settings=figure.QUIET) as stack:
        if given.control:
            _trusting()
        cast = people.make(stack.app)
        return Forger(stack, found, cast, make_things(cast)).proved()


def _trusting() -> None:
    """The known-bad variant: neighbours under the same name, and what comes from no page, are taken for our own."""

    def believing(settings: Settings) -> None:
        del settings
        if request.method not in requests.SAFE and request.headers.get("Sec-Fetch-Site") == "cross-site":
            abort(403)

    requests._same_site = believing


def _altered(token: str) -> str:
    """Another letter in the midst of the signature; some bits of its last letter mean nothing."""
    return token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]


class Forger:
    """Whoever has the cookies of a signed-in owner, and makes forms of his own."""

    def __init__(self, stack: Stack, found: Figure, cast: Cast, things: Things) -> None:
        self._stack, self._found, self._cast, self._things = stack, found, cast, things
        self._answers: Counter[int] = Counter()
        self._requests = 0
        self._begun = now()

    def proved(self) -> int:
        app = self._stack.app
        unsafe = [(rule, method) for rule in rules(app) for method in methods(rule) if method in UNSAFE]
        open_ones = {rule.endpoint for rule, _ in unsafe if self._is_exempt(rule)}
        self._found.must(open_ones == SIGNED, f"only {sorted(SIGNED)} needs no token, not {sorted(open_ones ^ SIGNED)}")
        asked = [(rule, method) for rule, method in unsafe if rule.endpoint not in SIGNED]
        for name, person in (("owner", self._cast.mei), ("staff", self._cast.sam), ("stranger", None)):
            self._forge(name, self._cast.client_of(person), asked, "/" if person else "/login")
        self._ours()
        say(f"answers: {dict(sorted(self._answers.items()))}")
        return self._found.end(
            f"{len(asked)} unsafe methods × 3 persons, {self._requests} forged requests, "
            f"{self._answers.total() - sum(self._answers[each] for each in REFUSED)} not refused"
        )

    def _is_exempt(self, rule: Rule) -> bool:
        view = self._stack.app.view_functions[rule.endpoint]
        return f"{view.__module__}.{view.__name__}" == machines.EXEMPT or not self._asks_for_a_token(rule)

    def _asks_for_a_token(self, rule: Rule) -> bool:
        """Whether a request without one is refused as such; asked from no browser, so that only the token can."""
        answer = self._stack.app.test_client().post(address(rule, self._things), buffered=True)
        return answer.status_code in REFUSED

    def _forge(self, name: str, client: FlaskClient, asked: list[tuple[Rule, str]], page: str) -> None:
        own = token_of(client, page)
        theirs = token_of(self._cast.client_of(self._cast.tom))
        before, self._begun = self._rows(), now()
        for rule, method in asked:
            url = address(rule, self._things)
            for what, answer in self._sent(client, method, url, own, theirs):
                self._requests += 1
                self._answers[answer] += 1
                self._found.must(answer in REFUSED, f"{name}: {method} {rule.rule} {what} answers {answer}")
        changed = [table for table, digest in self._rows().items() if before[table] != digest]
        if self._only_refusals():
            changed = [table for table in changed if table not in TRAIL]
        self._found.must(not changed, f"{name}: nothing was changed by a forged form, but {changed}")

    def _sent(self, client: FlaskClient, method: str, url: str, own: str, theirs: str) -> Iterator[tuple[str, int]]:
        tokens = {
            "without a token": "",
            "with the token of another session": theirs,
            "with an altered token": _altered(own),
        }
        for what, token in tokens.items():
            for where in ({"data": {"csrf_token": token}}, {"headers": {"X-CSRFToken": token}}):
                answer = client.open(url, method=method, buffered=True, **where)  # type: ignore[arg-type]
                yield what, answer.status_code
        in_address = client.open(url, method=method, query_string={"csrf_token": own}, buffered=True)
        yield "with its token in the address only", in_address.status_code
        for headers in FOREIGN:
            answer = client.open(url, method=method, data={"csrf_token": own}, headers=headers, buffered=True)
            yield f"with {headers}", answer.status_code

    def _ours(self) -> None:
        """Our own pages do get through, or all this would prove nothing."""
        client = self._cast.client_of(self._cast.mei)
        token = token_of(client)
        for headers in (
            {},
            {"Sec-Fetch-Site": "same-origin"},
            {"Origin": OUR},
            {"Origin": self._stack.env["PORTAL_URL"]},
            {"Sec-Fetch-Site": "same-origin", "Origin": OUR},
        ):
            for where in ({"data": {"csrf_token": token}}, {"headers": {"X-CSRFToken": token}}):
                sent = {**where, "headers": {**where.get("headers", {}), **headers}}
                answer = client.post("/stores/new", buffered=True, **sent)  # type: ignore[arg-type]
                self._found.must(answer.status_code == 422, f"a form of ours {headers} is read: {answer.status_code}")

    def _only_refusals(self) -> bool:
        """Whether the trail tells of nothing that was sent but that it was refused."""
        query = "select count(*) from audit_note where request_id <> '' and what <> 'refused' and at > %s"
        return bool(self._stack.one(query, self._begun) == 0)

    def _rows(self) -> dict[str, str]:
        """A hash over each table, seen by the superuser."""
        found = {}
        for table in Base.metadata.tables:
            skipped = f" - '{PASSING[table]}'" if table in PASSING else ""
            rows = self._stack.rows(f"select (to_jsonb(t){skipped})::text as row from {table} t order by 1")
            found[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
        return found


if __name__ == "__main__":
    figure.run(main)
