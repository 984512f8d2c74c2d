"""A form that another site made, or that nobody made, changes nothing: every unsafe address, by three walls.

Each is asked without a token, with the token of another session, with one that was altered, from another site and from
a neighbour under the same name (`Sec-Fetch-Site`), from outside any page, and with a foreign `Origin`.  Each request is
refused, and no row of the database is another afterwards.  In the short form the owner of a merchant tries all of them
at each address, support staff and a stranger every seventh, which is another one at the next address.

What needs no token is exactly what machines send, which is believed by its signature alone.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import abort, request
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from portal.config import Settings
from portal.kit.clock import now
from portal.web import machines, requests
from tests import cast as people
from tests.addresses import SIGNED, UNSAFE, Things, address, make_things, methods, rules, token_of
from tests.cast import Cast
from tests.proof import figure, parts, walls
from tests.proof.figure import Figure, say
from tests.stack import Stack

REFUSED = {400, 403}
# A session says when it was last seen, and that is no change of anything.
PASSING = {"login_session": "seen_at"}
# That a request was refused is noted, and noted only.
TRAIL = {"audit_note", "audit_link", "audit_head"}
OUR = "http://localhost"
# Of the short form; it divides the number of forgeries, so that each of them has its turn.
SAMPLED = 7
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
    with parts.portal_alone() as stack:
        if given.control:
            _trusting()
        cast = people.make(stack.app)
        return Forger(stack, found, cast, make_things(cast)).proved(long=given.long)


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


def _forgeries(own: str, theirs: str) -> list[tuple[str, dict[str, Any]]]:
    """What each forged request is, and what is sent with it."""
    tokens = {
        "without a token": "",
        "with the token of another session": theirs,
        "with an altered token": _altered(own),
    }
    found: list[tuple[str, dict[str, Any]]] = []
    for what, token in tokens.items():
        found += [(what, {"data": {"csrf_token": token}}), (what, {"headers": {"X-CSRFToken": token}})]
    found.append(("with its token in the address only", {"query_string": {"csrf_token": own}}))
    return found + [(f"with {each}", {"data": {"csrf_token": own}, "headers": each}) for each in FOREIGN]


class Forger:
    """Whoever has the cookies of a signed-in owner, and makes forms of his own."""

    def __init__(self, stack: Stack, found: Figure, cast: Cast, things: Things) -> None:
        self._stack, self._found, self._cast, self._things = stack, found, cast, things
        self._answers: Counter[int] = Counter()
        self._requests = 0
        self._begun = now()

    def proved(self, *, long: bool) -> int:
        app = self._stack.app
        unsafe = [(rule, method) for rule in rules(app) for method in methods(rule) if method in UNSAFE]
        open_ones = {rule.endpoint for rule, _ in unsafe if self._is_exempt(rule)}
        self._found.must(open_ones == SIGNED, f"only {sorted(SIGNED)} needs no token, not {sorted(open_ones ^ SIGNED)}")
        asked = [(rule, method) for rule, method in unsafe if rule.endpoint not in SIGNED]
        for name, person in (("owner", self._cast.mei), ("staff", self._cast.sam), ("stranger", None)):
            every = 1 if long or name == "owner" else SAMPLED
            self._forge(name, self._cast.client_of(person), asked, "/" if person else "/login", every)
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

    def _forge(self, name: str, client: FlaskClient, asked: list[tuple[Rule, str]], page: str, every: int) -> None:
        own = token_of(client, page)
        theirs = token_of(self._cast.client_of(self._cast.tom))
        forgeries = _forgeries(own, theirs)
        before, self._begun = walls.hashes(self._stack, PASSING), now()
        for number, (rule, method) in enumerate(asked):
            url = address(rule, self._things)
            for what, sent in forgeries[number % every :: every]:
                answer = client.open(url, method=method, buffered=True, **sent).status_code
                self._requests += 1
                self._answers[answer] += 1
                self._found.must(answer in REFUSED, f"{name}: {method} {rule.rule} {what} answers {answer}")
        after = walls.hashes(self._stack, PASSING)
        changed = [table for table in after if after[table] != before[table]]
        if self._only_refusals():
            changed = [table for table in changed if table not in TRAIL]
        self._found.must(not changed, f"{name}: nothing was changed by a forged form, but {changed}")

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


if __name__ == "__main__":
    figure.run(main)
