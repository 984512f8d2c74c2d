"""X16: each form of the portal, sent five times at the same moment, has the effect of one sending.

There are two merchants of the same kind.  A walk over all pages of the address map, as each of their people, finds the
forms as a browser would.  At the first merchant a form is drawn and sent once, at the second it is drawn and sent five
times at once, from five connections, to a server of several processes and threads.  Both must add the same to every
table, the audit trail and the works among them, and the five answers must be one and the same, none above 499.  Every
address that changes something is sent to; one that no page of the walk draws a form for is sent to all the same, with a
mark and what its form would hold.  The known-bad variant is a server that looks at no marks.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from urllib.parse import urlsplit

import httpx
import sqlalchemy as sa
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from portal.config import Settings
from portal.factory import start
from portal.flows import people as team
from portal.kit.db import Base, acting_for, db
from portal.models import Membership, Role, SentForm, SupportPage
from portal.web import once
from tests import cast as people
from tests import stack as house
from tests.addresses import SIGNED, UNSAFE, Things, address, make_things, methods, rules
from tests.cast import PASSWORD, Cast, Person
from tests.proof import drawn, figure, web
from tests.proof.drawn import Button, Form
from tests.proof.figure import Figure, say
from tests.proof.typed import END, LAST, NEW_PASSWORD, TYPED, typed
from tests.stack import Stack

TIMES = 5
# Rounds over all pages: one form may bring another to light.
MOST_ROUNDS = 4
FIRST, LATER, AT_THE_END = range(3)
Deltas = Counter[str]
# What the walk does not do to its own browsers; each sign-in counts by itself, and signing out twice is being out.
KEEPS = {"people.logout", "people.login"}
# Files, and pages that are drawn for strangers only.
CLOSED = {"static", "people.login", "people.second_step"}
# Views that must have made something, so that a form filled in wrongly does not pass for one that was sent twice.
MAKES = {
    "channels.install",
    "members.invite",
    "order_entry.new",
    "product_files.create",
    "rules.new",
    "stock.adjust",
    "stores.new",
    "support.view_as",
}
# A row for each page that support staff asked for is no effect of a form.
SEEN = {SupportPage.__tablename__}
# Buttons that differ by what they do, and not by the thing or the colour they choose.
DEEDS = {"deed", "do", "then", "verb"}


@dataclass(frozen=True, order=True)
class Key:
    """What makes two forms the same at both merchants: where they go, and by which button."""

    endpoint: str
    button: str = ""
    value: str = ""


@dataclass(frozen=True)
class Sent:
    """An answer, as far as it says something to a browser."""

    status: int
    leads: str
    body: str


@dataclass
class Browser:
    """Somebody's browser at one of the merchants, with as many connections as a form is sent times."""

    url: str
    person: Person
    things: Things
    wires: list[httpx.Client] = field(default_factory=list)

    def __post_init__(self) -> None:
        # A connection that is kept may be closed by the server at the moment at which a form is sent.
        fresh = httpx.Limits(max_keepalive_connections=0)
        self.wires = [httpx.Client(base_url=self.url, timeout=60, trust_env=False, limits=fresh) for _ in range(TIMES)]

    def sign_in(self) -> None:
        self.wires[0].cookies.clear()
        form = next(each for each in self.forms("/login") if any(kind == "password" for _, _, kind in each.fields))
        held = {name: value for name, value, _ in form.fields}
        answers = (
            self.wires[0].post("/login", data=held | {"email": self.person.email, "password": each})
            for each in (PASSWORD, NEW_PASSWORD)
        )
        assert any(each.status_code == 303 for each in answers), f"{self.person.email} cannot sign in"

    def forms(self, page: str) -> list[Form]:
        answer = self.wires[0].get(page)
        if answer.status_code == 303 and answer.headers["location"].startswith("/login"):
            self.sign_in()
            answer = self.wires[0].get(page)
        is_page = answer.status_code == 200 and answer.headers.get("content-type", "").startswith("text/html")
        return drawn.forms(page, answer.text) if is_page else []

    def send(self, endpoint: str, form: Form, button: Button, action: str, times: int) -> list[Sent]:
        """The same form from as many connections at the same moment."""
        cookies = dict(self.wires[0].cookies)
        begin = Barrier(times)

        def once_more(wire: httpx.Client) -> Sent:
            if wire is not self.wires[0]:
                wire.cookies.clear()
                wire.cookies.update(cookies)
            request = _request(wire, self, endpoint, form, button, action)
            begin.wait(30)
            answer = wire.send(request)
            body = "" if 300 <= answer.status_code < 400 else answer.text
            return Sent(answer.status_code, answer.headers.get("location", ""), body)

        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(once_more, self.wires[:times]))


def _request(
    wire: httpx.Client, browser: Browser, endpoint: str, form: Form, button: Button, action: str
) -> httpx.Request:
    fields, files = typed(endpoint, form, button, browser.things)
    headers = {"Referer": browser.url + urlsplit(form.action).path, "Sec-Fetch-Site": "same-origin"}
    if form.many_parts:
        parts = [(name, (None, value.encode())) for name, value in fields]
        return wire.build_request("POST", action, files=[*parts, *files], headers=headers)
    held: dict[str, list[str]] = {}
    for name, value in fields:
        held.setdefault(name, []).append(value)
    return wire.build_request("POST", action, data=held, headers=headers)


def rank(endpoint: str) -> int:
    """When the turn of a view comes."""
    return AT_THE_END if endpoint in END else LATER if endpoint in LAST else FIRST


Measured = tuple[list[Sent], Deltas]


@dataclass
class Tally:
    """What came of every form."""

    found: Figure
    done: set[Key] = field(default_factory=set)
    changing: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)

    def judge(self, key: Key, first: Measured, second: Measured) -> None:
        """One sending at the first merchant, many at once at the second: the same effect, and one answer."""
        (one,), effect = first
        many, effects = second
        if not self.found.must(effects == effect, f"{key}: one sending adds {dict(effect)}, five {dict(effects)}"):
            self.doubled.add(key.endpoint)
        statuses = sorted({each.status for each in many})
        self.found.must(statuses == [one.status], f"{key}: one is answered {one.status}, five are {statuses}")
        self.found.must(one.status < 500, f"{key} is answered {one.status}")
        if one.status >= 400:
            self.refused.add(key.endpoint)
            return
        self.found.must(len(set(many)) == 1, f"{key}: five sendings have {len(set(many))} different answers")
        if set(effect) - {SentForm.__tablename__}:
            self.changing.add(key.endpoint)


class Walk:
    """The walk of the same person at both merchants."""

    def __init__(self, stack: Stack, tally: Tally, first: Browser, second: Browser) -> None:
        self._stack, self.tally, self._first, self._second = stack, tally, first, second
        self._found, self._done = tally.found, tally.done
        self._map = stack.app.url_map.bind("127.0.0.1")

    def over(self, pages: list[Rule], *, upto: int) -> int:
        """Send every form that these pages draw, as far as their turn has come.  How many there were."""
        before = len(self._done)
        for rule in pages:
            page = address(rule, self._first.things)
            while (key := self._next(forms := self._first.forms(page), upto=upto)) is not None:
                self._twice(rule, key, forms)
        return len(self._done) - before

    def _next(self, forms: list[Form], *, upto: int) -> Key | None:
        keys = [key for key, _, _, _ in self._keys(forms)]
        return next((key for key in keys if key not in self._done and rank(key.endpoint) <= upto), None)

    def _keys(self, forms: list[Form]) -> Iterator[tuple[Key, Form, Button, str]]:
        for form in forms:
            for button, action in form.sendings():
                key = Key(self.endpoint(action), button.name, button.value if button.name in DEEDS else "")
                if key.endpoint not in KEEPS:
                    yield key, form, button, action

    def endpoint(self, action: str) -> str:
        try:
            return str(self._map.match(urlsplit(action).path, method="POST")[0])
        except HTTPException as why:
            raise LookupError(f"a form goes to {action}, which no view answers") from why

    def _twice(self, rule: Rule, key: Key, forms: list[Form]) -> None:
        self._done.add(key)
        at_first = self._sent(self._first, forms, key, 1)
        page = address(rule, self._second.things)
        at_second = self._sent(self._second, self._second.forms(page), key, TIMES)
        if self._found.must(at_first and at_second, f"{key} is drawn at both merchants on {rule.rule}"):
            assert at_first is not None
            assert at_second is not None
            self.tally.judge(key, at_first, at_second)

    def _sent(self, browser: Browser, forms: list[Form], key: Key, times: int) -> Measured | None:
        for known, form, button, action in self._keys(forms):
            if known == key:
                return measured(self._stack, browser, key.endpoint, form, button, action, times)
        return None

    def by_address(self, missing: list[Rule]) -> None:
        """Send to addresses for which no page drew a form, with a mark and the token, and whatever is typed there."""
        for rule in missing:
            key = Key(rule.endpoint, "by its address")
            self._done.add(key)
            first, second = (
                measured(self._stack, browser, rule.endpoint, form, Button(), form.action, times)
                for browser, times in ((self._first, 1), (self._second, TIMES))
                for form in [self._made(browser, rule)]
            )
            self.tally.judge(key, first, second)

    def _made(self, browser: Browser, rule: Rule) -> Form:
        # The form of the language stands on every page, and carries what each form carries.
        page = next((each for each in browser.forms("/settings/language") if each.action == "/language"), Form(""))
        own = [each for each in page.fields if each[0] in {"csrf_token", once.FIELD}]
        names = [(name, "", "text") for name in TYPED.get(rule.endpoint, {})]
        return Form(address(rule, browser.things), fields=[*own, *names])


def measured(
    stack: Stack, browser: Browser, endpoint: str, form: Form, button: Button, action: str, times: int
) -> Measured:
    """The answers, and how many rows each table has more, or less, than before."""
    before = rows_of(stack)
    answers = browser.send(endpoint, form, button, action, times)
    after = rows_of(stack)
    return answers, Counter({table: after[table] - before[table] for table in after if after[table] != before[table]})


def rows_of(stack: Stack) -> dict[str, int]:
    """How many rows each table has."""
    each = " union all ".join(
        f"select '{name}', count(*) from \"{name}\"" for name in sorted(Base.metadata.tables.keys() - SEEN)
    )
    return dict(stack.rows(each))


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("doublepost")
    instead = {house.WEB: web.command("tests.proof.doublepost:bad()")} if given.control else {}
    settings = figure.QUIET
    with Stack(
        workers=0, relay=False, sandbox=False, web=True, durable=False, settings=settings, instead=instead
    ) as stack:
        return _proved(stack, Tally(found))


def _proved(stack: Stack, tally: Tally) -> int:
    cast = people.make(stack.app)
    first, second = make_things(cast), make_things(cast, rival=True)
    for things, merchant in ((first, cast.lantern), (second, cast.rival)):
        things["membership_id"] = _colleague(cast, merchant)
    url = f"http://127.0.0.1:{stack.port}"
    walk = Walk(stack, tally, Browser(url, cast.mei, first), Browser(url, cast.rex, second))
    pages = [each for each in rules(stack.app) if "GET" in methods(each) and each.endpoint not in CLOSED]
    walk.over(pages, upto=FIRST)
    # A connection that is on draws other forms than one that was saved, a run that failed others than one that waits.
    stack.rows("update connection set state = 'active', active_since = now()")
    stack.rows("update run set state = 'failed', ended_at = now()")
    for _ in range(MOST_ROUNDS):
        if not walk.over(pages, upto=FIRST):
            break
    unsafe = [each for each in rules(stack.app) if UNSAFE & set(methods(each)) and each.endpoint not in SIGNED]
    _of_the_staff(stack, tally, url, [(cast.sam, first), (_agent(cast), second)], pages)
    known = {key.endpoint for key in tally.done} | KEEPS | LAST | END
    missing = [each for each in unsafe if each.endpoint not in known]
    walk.by_address(missing)
    walk.over(pages, upto=LATER)
    walk.over(pages, upto=AT_THE_END)
    known = {key.endpoint for key in tally.done} | KEEPS
    late = [each for each in unsafe if each.endpoint not in known]
    walk.by_address(late)
    return _end(tally, len(unsafe), [each.endpoint for each in [*missing, *late]])


def _of_the_staff(stack: Stack, tally: Tally, url: str, agents: list[tuple[Person, Things]], pages: list[Rule]) -> None:
    """An agent for each of the merchants begins to work as its owner, asks, extends and stops."""
    first, second = (Browser(url, agent, things) for agent, things in agents)
    staff = Walk(stack, tally, first, second)
    of_staff = [each for each in pages if each.endpoint.startswith(("staff.", "support."))]
    for upto in (FIRST, FIRST, LATER):
        staff.over(of_staff, upto=upto)


def _end(tally: Tally, unsafe: int, by_address: list[str]) -> int:
    say(f"drawn by no page of the walk, sent by address: {', '.join(by_address)}")
    say(f"not sent by the walk: {', '.join(sorted(KEEPS))}")
    say(f"refused as one sending is: {', '.join(sorted(tally.refused))}")
    if tally.doubled:
        say(f"more than one effect: {', '.join(sorted(tally.doubled))}")
    tally.found.must(not MAKES - tally.changing, f"these make something: {sorted(MAKES - tally.changing)}")
    return tally.found.end(
        f"{unsafe} views that change something, {len(tally.done)} forms, each once and {TIMES} times at once; "
        f"{len(tally.changing)} views changed something, {len(tally.doubled)} of them more than once"
    )


def _colleague(cast: Cast, merchant: uuid.UUID) -> uuid.UUID:
    """Somebody else's place at the merchant, which an owner may change."""
    with cast.app.app_context():
        made = team.create_user(f"{merchant}@colleague.example", "Nina Berg", PASSWORD)
        team.join(merchant, made, Role.VIEWER)
        with acting_for(merchant):
            return db.session.scalars(sa.select(Membership.id).where(Membership.user_id == made.id)).one()


def _agent(cast: Cast) -> Person:
    with cast.app.app_context():
        made = team.create_user("sid@example.com", "Sid Staff", PASSWORD, is_staff=True)
        return Person(made.id, made.email, made.name)


def bad() -> Flask:
    """The known-bad server: it looks at no marks."""
    once._claim = lambda: None
    return start(Settings.from_env())


if __name__ == "__main__":
    figure.run(main)
