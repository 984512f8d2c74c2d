"""Every address × everybody: each gets what the page declares, and nothing else.

The table is what pages declare (`portal routes` prints it); what happens is asked of the running portal, for a
stranger, for viewer, manager and owner, and for support staff with and without the right to work as a merchant, at
their own work, looking as a merchant and acting as one.  No address lacks a declaration, and none that changes
something is open to whoever may only look.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.web import doors
from portal.web.doors import Declared, Needs, Support, declared_by
from tests import cast as people
from tests.addresses import (
    NOBODY,
    SIGNED,
    UNSAFE,
    Things,
    address,
    enough_to_change,
    make_things,
    methods,
    named,
    rules,
)
from tests.cast import Cast
from tests.proof import figure, parts
from tests.proof.everybody import Body, everybody, support_staff
from tests.proof.figure import Figure, say

# What would end the session that the walk goes on with, or make it another one: asked of those only who may not.
ENDS = {"people.logout", "security.end_others", "members.leave", "support.stop", "support.act"}
# Where the right to work as a merchant is asked for, beside being of the support staff.
WITH_THE_RIGHT = {"support.view_as"}
STRANGER, SIGN_OUT = "stranger", "people.logout"


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("roles")
    with parts.portal_alone() as stack:
        app = stack.app
        cast = people.make(app)
        things = make_things(cast)
        table = {rule.endpoint: declared_by(app, rule.endpoint) for rule in rules(app)}
        if given.control:
            _lower(app)
        return Walk(app, found, table).proved(cast, things)


def _lower(app: Flask) -> None:
    """The known-bad variant: the permission of one page that changes something is lowered to a look."""
    endpoint = "stores.save"
    was = declared_by(app, endpoint)
    vars(app.view_functions[endpoint])["declared"] = Declared(Needs.VIEW, was.support, was.fresh)


@dataclass(frozen=True)
class Expected:
    """What an answer must be: `may` that the page itself answered; otherwise the statuses of a refusal."""

    may: bool
    statuses: tuple[int, ...] = ()


class Walk:
    """Everybody, at every address, with every method."""

    def __init__(self, app: Flask, found: Figure, table: dict[str, Declared]) -> None:
        self._app, self._found, self._table = app, found, table
        self._asked: Counter[str] = Counter()
        self._wrong = 0

    def proved(self, cast: Cast, things: Things) -> int:
        self._declared()
        for body in (*everybody(cast), *support_staff(cast)):
            for rule in rules(self._app):
                for method in methods(rule):
                    self._ask(body, rule, method, things)
            say(f"{body.name}: {self._asked[body.name]} requests")
        return self._found.end(
            f"{len(self._table)} addresses × {len(self._asked)} bodies, {self._asked.total()} requests: "
            f"{self._wrong} against the table"
        )

    def _declared(self) -> None:
        """The part that needs no request: each address declares, and none that changes something asks for a look."""
        for rule in rules(self._app):
            declared = declared_by(self._app, rule.endpoint)
            if rule.endpoint in doors.OF_THE_FRAMEWORK:
                self._must(not UNSAFE & (rule.methods or set()), f"{rule.rule} of the framework only gives files")
                continue
            self._must(hasattr(self._app.view_functions[rule.endpoint], "declared"), f"{rule.rule} declares nothing")
            if not UNSAFE & (rule.methods or set()):
                continue
            enough = enough_to_change(rule.endpoint)
            permission = declared.permission
            self._must(permission in enough, f"{rule.rule} changes something, and asks for {permission.value}")

    def _ask(self, body: Body, rule: Rule, method: str, things: Things) -> None:
        expected = self._expected(body, rule, method)
        if expected.may and method in UNSAFE and rule.endpoint in ENDS:
            return
        # What may be changed names something that never was, so that one answer does not spoil the next.
        swap = NOBODY if expected.may and method in UNSAFE and named(rule) else None
        data = {"csrf_token": body.token} if method in UNSAFE else None
        self._asked[body.name] += 1
        try:
            answer = body.client.open(address(rule, things, swap), method=method, data=data, buffered=True)
        except Exception as why:
            # The head of a file was sent already, so that its breakage can be no answer any more.
            self._must(False, f"{body.name} {method} {rule.rule} breaks: {why!r}")
            return
        what = f"{body.name} {method} {rule.rule}: {answer.status_code} {answer.headers.get('Location', '')}"
        if expected.may:
            open_to_all = self._table[rule.endpoint].permission is Needs.NOTHING
            shut = answer.status_code in {401, 403} or (_to_sign_in(answer) and not open_to_all)
            self._must(not shut, f"{what}, and may")
            self._must(answer.status_code < 500 or rule.endpoint.startswith("health"), f"{what}, which is no answer")
        elif body.name == STRANGER:
            self._must(_to_sign_in(answer), f"{what}, and must sign in first")
        else:
            self._must(answer.status_code in expected.statuses, f"{what}, and may not")

    def _expected(self, body: Body, rule: Rule, method: str) -> Expected:
        declared = self._table[rule.endpoint]
        # A machine's address reads no session, and whoever is signed in may always end that.
        if rule.endpoint in SIGNED or (rule.endpoint == SIGN_OUT and body.name != STRANGER):
            return Expected(True)
        if rule.endpoint in WITH_THE_RIGHT and body.without_the_right:
            return Expected(False, (403,))
        sends, always = method in UNSAFE, declared.support is Support.ALWAYS
        if body.looking and sends and not always:
            return Expected(False, (403,))
        if declared.permission not in body.may:
            # Staff of no merchant learn of a merchant's pages only that there is nothing for them.
            return Expected(False, (403,) if body.of_a_merchant or declared.permission is Needs.STAFF else (404,))
        refused = declared.support is Support.NEVER or (sends and declared.support is Support.SEES)
        if refused and (body.looking or body.acting):
            return Expected(False, (403,))
        return Expected(True)

    def _must(self, holds: object, otherwise: str) -> None:
        self._wrong += not holds
        self._found.must(holds, otherwise)


def _to_sign_in(answer: TestResponse) -> bool:
    return answer.status_code == 303 and answer.location.startswith("/login")


if __name__ == "__main__":
    figure.run(main)
