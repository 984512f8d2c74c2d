"""Another merchant's id leads nowhere, wherever it stands: the answer is that to an id that never existed.

The owner of Red Anchor asks every address with every method: with an id of Blue Lantern in the path, and beside it with
one in the query, the form, a JSON body and the headers, under every name that a page of ours uses.  Then every form and
link of the own pages is sent with the ids in it replaced by those of the other merchant.  Each answer has the bytes of
the answer to an id that nobody has, nothing of Blue Lantern shows, and no row of it is another afterwards.
"""

from __future__ import annotations

import random
import re
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.kit.db import act_for, db
from portal.web import doors
from portal.web.doors import Needs, permission_of
from tests import cast as people
from tests.addresses import (
    MARK,
    NOBODY,
    PASSING,
    UNSAFE,
    Things,
    address,
    make_things,
    methods,
    named,
    rules,
    token_of,
)
from tests.cast import Cast
from tests.proof import figure, parts, walls
from tests.proof.figure import Figure, say
from tests.proof.forms import Form, forms
from tests.stack import Stack

OWN_MARK = "Anchor of"
FOREIGN = (MARK, "Blue Lantern", "Lantern Shanghai", "Mei Lin", "mei@example.com")
ENDS = {"people.logout"}
Ask = Callable[[uuid.UUID], TestResponse]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Names under which some page might look for a merchant or a thing, beside those that ours use.
NAMES = {"merchant", "merchant_id", "tenant", "account", "id", "ids", "public_id", "store", "connection", "user"}
HEADERS = ("X-Merchant", "X-Merchant-Id", "X-Tenant", "X-Tenant-Id", "X-Account", "X-User")
LEAST, ENOUGH = 300, 60
ROUNDS = 3
# What reads no session: figures and states of the house, which are others at each moment.
OF_THE_HOUSE = ("metrics.", "health.")
# Each time another secret is drawn for an authenticator, of the person alone.
DRAWN = "/settings/security/second-factor"


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("tenants")
    with parts.portal_alone() as stack:
        cast = people.make(stack.app)
        theirs, own = make_things(cast), make_things(cast, OWN_MARK, rival=True)
        if given.control:
            _believe_the_id(stack)
        return Rival(stack, found, cast, theirs, own, random.Random(given.seed), long=given.long).proved()


def _believe_the_id(stack: Stack) -> None:
    """The known-bad variant: the door takes the merchant from the thing that was asked for, not from the session."""
    careful = doors.find

    def forgetful(model: Any, public_id: str) -> Any:
        table = model.__tablename__
        whose = stack.rows(f"select merchant_id from {table} where id::text = %s", public_id)
        if whose:
            # The page goes on to speak of the own merchant, which the walls would hide from now on.
            own = doors.merchant()
            if own in db.session:
                db.session.expunge(own)
            act_for(whose[0][0])
        return careful(model, public_id)

    for name, module in list(sys.modules.items()):
        if name.startswith("portal.web") and getattr(module, "find", None) is careful:
            vars(module)["find"] = forgetful


class Rival:
    """The owner of Red Anchor, with a list of ids that are not hers."""

    def __init__(
        self,
        stack: Stack,
        found: Figure,
        cast: Cast,
        theirs: Things,
        own: Things,
        chance: random.Random,
        *,
        long: bool,
    ) -> None:
        self._stack, self._found, self._cast = stack, found, cast
        self._theirs, self._own, self._chance, self._long = theirs, own, chance, long
        self._client = cast.client_of(cast.rex)
        self._token = token_of(self._client)
        self._asked: Counter[str] = Counter()
        self._wrong = 0
        self._rows: set[str] = set()
        self._seen: set[tuple[str, ...]] = set()

    def proved(self) -> int:
        before = walls.fingerprint(self._stack, self._cast.lantern)
        app = self._stack.app
        pages = list(self._own_pages())
        say(f"{len(pages)} own pages with {sum(len(each) for _, each in pages)} forms and links")
        names = sorted(NAMES | {name for _, found in pages for form in found for name in form.fields} - {"csrf_token"})
        for rule in rules(app):
            if len(self._found.broken) > ENOUGH:
                return self._found.end("more need not be asked")
            self._rows.add(rule.endpoint)
            for method in methods(rule):
                if rule.endpoint in ENDS:
                    continue
                if named(rule):
                    self._in_the_path(rule, method)
                if not rule.endpoint.startswith(OF_THE_HOUSE) and rule.rule != DRAWN:
                    self._beside_it(rule, method, names)
        for page, found in pages:
            for form in found:
                self._in_a_form(page, form)
        # Whoever was signed out on the way would have proved nothing.
        self._must(self._client.get("/stores").status_code == 200, "the rival is signed in to the end")
        self._must(before == walls.fingerprint(self._stack, self._cast.lantern), "no row of the other is another")
        without = {rule.endpoint for rule in rules(app)} - self._rows
        self._must(not without, f"addresses without a row in the matrix: {sorted(without)}")
        self._must(self._asked["path"] > LEAST // 2, f"{self._asked['path']} paths were asked for")
        return self._found.end(
            f"{len(self._rows)} addresses, ids in {dict(self._asked)} requests: {self._wrong} answers that knew them"
        )

    def _own_pages(self) -> Iterator[tuple[str, list[Form]]]:
        app = self._stack.app
        for rule in rules(app):
            if "GET" not in methods(rule) or permission_of(app, rule.endpoint) is Needs.NOTHING:
                continue
            page = address(rule, self._own)
            answer = self._client.get(page, buffered=True)
            if answer.status_code == 200 and answer.mimetype == "text/html":
                yield page, forms(page, answer.text)

    # --- in the path --------------------------------------------------------------------------------------------------

    def _in_the_path(self, rule: Rule, method: str) -> None:
        """404, and where the rival lacks the permission anyway 403, with the same bytes."""
        permission = permission_of(self._stack.app, rule.endpoint)
        shut = {Needs.STAFF: {403}, Needs.NOTHING: {404, 400, 403}}.get(permission, {404})
        for form in ({}, {"HX-Request": "true", "HX-Target": "row"}, {"Accept": "application/json"}):
            what = f"{method} {rule.rule} {form or ''}"
            same = False
            # A sentence that waited for the next page stands in the first answer only.
            for _ in range(2):
                theirs = self._send(method, address(rule, self._theirs), form)
                nobodys = self._send(method, address(rule, self._theirs, NOBODY), form)
                self._asked["path"] += 2
                self._must(theirs.status_code in shut, f"{what} answers {theirs.status_code} to another merchant's id")
                same = _same(theirs, nobodys)
                if same:
                    break
            self._must(same, f"{what} differs from the answer to an id that nobody has")

    def _send(self, method: str, url: str, headers: dict[str, str]) -> TestResponse:
        data = {"csrf_token": self._token} if method in UNSAFE else None
        return self._client.open(url, method=method, headers=headers, data=data, buffered=True)

    # --- beside it ----------------------------------------------------------------------------------------------------

    def _beside_it(self, rule: Rule, method: str, names: list[str]) -> None:
        """Under every name at once: in the query, the form, a JSON body and the headers."""
        kinds = list(self._theirs) if self._long else self._chance.sample(list(self._theirs), 1)
        for kind in kinds:
            url = address(rule, self._own, NOBODY if method in UNSAFE and named(rule) else None)
            for place in ("query", "headers", *(("form", "json") if method in UNSAFE else ())):
                ask = partial(self._open, method, url, place, names)
                self._as_for_nobody(
                    ask, self._theirs[kind], place, f"{method} {rule.rule} with a {kind} in the {place}"
                )

    def _open(self, method: str, url: str, place: str, names: list[str], row: uuid.UUID) -> TestResponse:
        value = str(row)
        told = dict.fromkeys(names, value)
        sent: dict[str, Any] = {"headers": {"X-CSRFToken": self._token}}
        if place == "query":
            sent["query_string"] = told
        elif place == "form":
            sent["data"] = told
        elif place == "json":
            sent["json"] = told
        else:
            sent["headers"] |= dict.fromkeys(HEADERS, value)
            sent["headers"] |= {"HX-Request": "true", "HX-Target": f"row-{value}"}
        return self._client.open(url, method=method, buffered=True, **sent)

    # --- in the own forms ---------------------------------------------------------------------------------------------

    def _in_a_form(self, page: str, form: Form) -> None:
        """Every field that holds an id is sent with the other's id of the same kind, and with nobody's."""
        pattern = UUID.sub("#", form.action)
        for name, values in form.fields.items():
            own = next((each for each in values if UUID.fullmatch(each)), None)
            if own is None or (pattern, form.method, name) in self._seen:
                continue
            self._seen.add((pattern, form.method, name))
            theirs = self._counterpart(own)
            if theirs is None:
                continue
            what = f"{form.method} {pattern} from {UUID.sub('#', page)} with the other's {name}"
            self._as_for_nobody(partial(self._sent, form, name), theirs, "own form", what)

    def _sent(self, form: Form, name: str, value: uuid.UUID) -> TestResponse:
        # Without its mark, for a form that is sent again under the same one gets its first answer again.
        told = {**form.filled(), name: str(value)}
        told.pop("once", None)
        if form.method == "GET":
            return self._client.get(form.action, query_string=told, buffered=True)
        return self._client.post(form.action, data={**told, "csrf_token": self._token}, buffered=True)

    def _counterpart(self, own: str) -> uuid.UUID | None:
        """A thing of the other merchant of the kind of this thing; None for what is no row of a merchant."""
        for model in walls.tenant_models():
            table = model.__tablename__
            if self._stack.rows(f"select 1 from {table} where id = %s and merchant_id = %s", own, self._cast.rival):
                query = f"select id from {table} where merchant_id = %s limit 1"
                found = self._stack.rows(query, self._cast.lantern)
                return uuid.UUID(str(found[0][0])) if found else None
        return None

    # --- judging ------------------------------------------------------------------------------------------------------

    def _as_for_nobody(
        self, ask: Callable[[uuid.UUID], TestResponse], theirs: uuid.UUID, place: str, what: str
    ) -> None:
        """The other's id and nobody's get one answer.

        The answer to the first may be another since something of the own was changed by it, or since a sentence waited
        for the next page; when everything has come to rest they must be the same.
        """
        for _ in range(ROUNDS):
            # Tries and open files are limited, and nobody's id is typed and sent far more often than any other.
            self._stack.rows("delete from attempt")
            self._stack.rows(
                "delete from upload where merchant_id = %s and id <> %s", self._cast.rival, self._own["upload_id"]
            )
            nobodys, answer = ask(NOBODY), ask(theirs)
            self._asked[place] += 2
            self._nothing_shows(answer, what)
            self._must(answer.status_code < 500, f"{what} answers {answer.status_code}")
            if _same(answer, nobodys):
                return
        self._must(False, f"{what} differs from the answer to an id that nobody has")

    def _nothing_shows(self, answer: TestResponse, what: str) -> None:
        shown = [each for each in FOREIGN if each.encode() in answer.data]
        self._must(not shown, f"{what} shows {shown}")

    def _must(self, holds: object, otherwise: str) -> None:
        self._wrong += not holds
        self._found.must(holds, otherwise)


def _same(one: TestResponse, other: TestResponse) -> bool:
    return one.status_code == other.status_code and _said(one) == _said(other)


def _said(answer: TestResponse) -> str:
    return PASSING.sub("", answer.data.decode(errors="replace"))


if __name__ == "__main__":
    figure.run(main)
