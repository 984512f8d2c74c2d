"""Support staff at work as a merchant open no secret, change nothing that they may not, and never stand there alone.

An agent walks every address of the portal, with every method, in the place of an owner: once where it only looks, once
where it acts.  What the rules forbid is asked by its own address too, whatever the page declares.  Every note of the
time inside carries both names.  It is over after 30 minutes, and with the next request when the agent is disabled.

A secret is planted, and a buyer in orders of every kind and in everything that came of them.  Whatever can be looked at
is looked at as a page, as each of its blocks, as JSON and by every link of it, and searched for the buyer: nothing
shows the buyer, or that there is one, before that order is revealed, and after it only that answer does.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from flask.testing import FlaskClient

from portal.flows import secrets
from portal.flows.audit import LINTAS
from portal.kit.clock import now
from portal.kit.db import acting_for, db
from portal.models import Connection, Membership, SupportConsent, SupportSession, User
from portal.web import support_strip, visits
from portal.web.doors import Needs, Support, declared_by
from tests import cast as people
from tests import parceling
from tests.addresses import SIGNED, UNSAFE, Things, address, make_things, methods, rules
from tests.cast import Cast
from tests.parceling import Yard
from tests.proof import figure, onlooker, parts, planted, walls
from tests.proof.figure import Figure, say
from tests.proof.onlooker import Onlooker
from tests.stack import Stack
from tests.web.visiting import begin, change_visit, consent, send, the_visit, token_of, view_as

SECRET = "canary-secret-of-blue-lantern"
BUYER = "Title of a buyer"
# What no consent opens, by address: secrets and sign-ins at remotes, ways in for others, people, exports, removals, the
# agent's own place, and the account that the place belongs to.
NEVER = (
    ("GET", "/connections/{connection_id}/settings"),
    ("POST", "/connections/{connection_id}/settings"),
    ("GET", "/connections/{connection_id}/login"),
    ("POST", "/connections/{connection_id}/login"),
    ("POST", "/connections/{connection_id}/login/paste"),
    ("POST", "/connections/{connection_id}/login/next"),
    ("POST", "/connections/{connection_id}/link"),
    ("POST", "/connections/{connection_id}/pushes/address"),
    ("POST", "/connections/{connection_id}/pushes/key"),
    ("GET", "/connections/{connection_id}/disconnect"),
    ("POST", "/connections/{connection_id}/disconnect"),
    ("GET", "/oauth/jd_id/callback"),
    ("GET", "/products/export"),
    ("GET", "/products/export/file"),
    ("GET", "/settings/support/file"),
    ("POST", "/settings/support/consent"),
    ("POST", "/settings/support/{support_id}/allow"),
    ("POST", "/settings/support/{support_id}/end"),
    ("GET", "/settings/people"),
    ("POST", "/settings/people"),
    ("GET", "/settings/security"),
    ("POST", "/settings/security/password"),
    ("POST", "/settings/security/recovery-codes"),
    ("GET", "/settings/activity/file"),
    ("GET", "/confirm"),
    ("POST", "/language"),
    ("GET", "/support"),
    ("GET", "/support/sessions"),
    ("GET", "/support/merchants/{merchant_id}"),
    ("GET", "/support/merchants/{merchant_id}/view-as"),
    ("POST", "/support/merchants/{merchant_id}/view-as"),
)
# What a visit writes down of itself, and that is no change of the merchant's things.
OF_THE_VISIT = ("support_page", "support_session", "login_session", "audit_note", "audit_link", "audit_head", "attempt")
OWN = {"support.stop", "support.extend", "support.ask", "support.act", "support.over", "people.logout"}


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("actas")
    with parts.portal_alone() as stack:
        if given.control:
            _forgiving()
        cast = people.make(stack.app)
        with tempfile.TemporaryDirectory() as folder, parceling.open_at(cast.app, Path(folder)) as yard:
            return Visitor(stack, found, cast, make_things(cast), yard).proved(long=given.long)


def _forgiving() -> None:
    """The known-bad variant: only what changes something is looked at, and a page that is opened is not."""
    real = support_strip.forbidden
    support_strip.forbidden = lambda acting, declared, method: (
        None if method in support_strip.SAFE else real(acting, declared, method)
    )


class Visitor:
    """sam, in the place of mei."""

    def __init__(self, stack: Stack, found: Figure, cast: Cast, things: Things, yard: Yard) -> None:
        self._stack, self._found, self._cast, self._things = stack, found, cast, things
        self._orders = planted.plant(cast, things, yard)
        also = {"order_id": list(self._orders.values()), "delivery_id": planted.pushed(cast, things)}
        self._looks = Onlooker(cast, found, things, also)
        self._requests = 0
        self._answers: Counter[int] = Counter()

    def proved(self, *, long: bool) -> int:
        self._plant()
        for mode, begun in (("view", view_as), ("act", self._act)):
            client = begun(self._cast)
            before = walls.hashes(self._stack, without=OF_THE_VISIT)
            self._walk(mode, client)
            self._deny(mode, client)
            self._looks.walk(client, blocks=mode == "view" or long)
            if mode == "view" or long:
                self._looks.search(client, long=long)
            if mode == "view":
                after = walls.hashes(self._stack, without=OF_THE_VISIT)
                changed = [table for table in after if after[table] != before[table]]
                self._found.must(not changed, f"who only looks changed nothing, but {changed}")
            self._reveal(mode, client)
            send(client, "/support/stop")
        inside, both = self._change()
        self._targets()
        longest = self._time()
        say(f"answers: {dict(sorted(self._answers.items()))}")
        return self._found.end(
            f"{self._requests} requests in two modes, {len(NEVER)} forbidden addresses in each: all refused; "
            f"{self._looks.requests} looks and searches ({self._looks.answered} answered) tell nothing of a buyer in "
            f"{len(self._orders)} orders; "
            f"{both} of {inside} notes with both names; over after {longest}, and at once with a disabled agent"
        )

    def _plant(self) -> None:
        with self._cast.app.app_context(), acting_for(self._cast.lantern):
            channel = db.session.get_one(Connection, (self._cast.lantern, self._things["connection_id"]))
            secrets.keep(channel, "api_secret", SECRET, LINTAS.name)
            db.session.commit()
            opened = secrets.readable(channel)
        self._found.must(SECRET in opened.values(), "a secret is there to be seen, or this proves nothing")

    def _act(self, cast: Cast) -> FlaskClient:
        consent(cast, SupportConsent.ALWAYS)
        client = view_as(cast)
        answer = send(client, "/support/act")
        self._found.must(answer.status_code == 303, f"acting begins, not {answer.status_code}")
        return client

    def _walk(self, mode: str, client: FlaskClient) -> None:
        """Every address: what its declaration forbids is refused, and what is shown holds no secret and no buyer."""
        token = token_of(client)
        for rule in rules(self._cast.app):
            if rule.endpoint in OWN | SIGNED | {"static", "orders.reveal"}:
                continue
            declared = declared_by(self._cast.app, rule.endpoint)
            shut = (
                declared.support is Support.NEVER or declared.fresh or declared.permission in (Needs.OWN, Needs.STAFF)
            )
            for method in methods(rule):
                unsafe = method in UNSAFE
                sends = declared.support is Support.ACTS and mode == "act"
                if unsafe and sends:
                    continue  # What an agent who acts may do is not undone here.
                answer = self._ask(client, method, address(rule, self._things), token)
                if shut or unsafe:
                    self._found.must(answer == 403, f"{mode}: {method} {rule.rule} answers {answer}")
                else:
                    self._found.must(answer != 403, f"{mode}: {method} {rule.rule} may be looked at")

    def _deny(self, mode: str, client: FlaskClient) -> None:
        token = token_of(client)
        for method, pattern in NEVER:
            answer = self._ask(client, method, pattern.format(**self._things), token)
            self._found.must(
                answer in {403, 404, 405} and (answer == 403 or method == "GET"),
                f"{mode}: {method} {pattern} answers {answer}",
            )

    def _ask(self, client: FlaskClient, method: str, url: str, token: str) -> int:
        self._requests += 1
        answer = client.open(url, method=method, data={"csrf_token": token} if method in UNSAFE else None)
        self._answers[answer.status_code] += 1
        self._found.must(answer.status_code < 500 or answer.status_code == 503, f"{method} {url} breaks")
        for hidden in (SECRET, BUYER):
            self._found.must(hidden.encode() not in answer.data, f"{method} {url} shows {hidden}")
        answer.close()
        return answer.status_code

    def _reveal(self, mode: str, client: FlaskClient) -> None:
        """Each look at a buyer is noted and counted, and shows the buyer of that order in that answer only."""
        for number, (kind, order_id) in enumerate(self._orders.items(), 1):
            page = f"/orders/{order_id}"
            shown = send(client, f"{page}/reveal")
            for each in planted.TELLING if kind == "merged" else ("Zelvira", "Pendlewick", "Bartimaeus"):
                hidden = each in onlooker.NEVER_SHOWN
                self._found.must(hidden or each in shown.text, f"{mode}: {each} of {kind} is shown when asked for")
            self._looks.judge(client.get(page), f"{mode}: {page} after it was revealed once")
            self._found.must(self._reveals() == number, f"{mode}: {self._reveals()} looks are counted after {number}")
        other = send(client, f"/orders/{self._things['order_id']}/reveal")
        self._found.must(BUYER in other.text, f"{mode}: another buyer is shown when asked for")
        self._looks.judge(other, f"{mode}: the buyer of another order")

    def _reveals(self) -> int:
        with self._cast.app.app_context(), acting_for(self._cast.lantern):
            return visits.counted(db.session(), [the_visit(self._cast)])[0].reveals

    def _change(self) -> tuple[int, int]:
        """What is changed and revealed inside is noted with both names."""
        client = self._act(self._cast)
        began = now()
        store = f"/stores/{self._cast.lantern_store}"
        send(client, store, name="Renamed", currency="CNY", time_zone="Asia/Shanghai")
        send(client, f"{store}/limits", max_level="5", buffer="1")
        shown = send(client, f"/orders/{self._things['order_id']}/reveal")
        self._found.must(BUYER in shown.text, "a buyer is shown when asked for")
        send(client, f"/rules/{self._things['rule_id']}/active", on="0")
        visit = the_visit(self._cast).id
        notes = self._stack.rows(
            "select who, as_whom, support_id from audit_note where merchant_id = %s and at >= %s",
            self._cast.lantern,
            began,
        )
        both = [row for row in notes if (row[0], row[1], row[2]) == ("Sam Staff", "Mei Lin", visit)]
        self._found.must(len(notes) >= 3, f"changes are noted, not only {len(notes)}")
        self._found.must(len(both) == len(notes), f"{len(both)} of {len(notes)} notes carry both names")
        send(client, "/support/stop")
        return len(notes), len(both)

    def _targets(self) -> None:
        """Neither staff, nor the disabled, nor people of another merchant are taken over."""
        client = self._cast.client_of(self._cast.sam)
        with self._cast.app.app_context():
            db.session.execute(sa.update(User).where(User.id == self._cast.tom.id).values(disabled_at=now()))
            db.session.commit()
            with acting_for(self._cast.lantern):
                db.session.add(Membership(merchant_id=self._cast.lantern, user_id=self._cast.sam.id, role="viewer"))
                db.session.commit()
        for whom in (self._cast.tom, self._cast.sam, self._cast.rex):
            answer = begin(client, self._cast, whom=str(whom.id))
            self._found.must(answer.status_code == 422, f"{whom.name} is taken over")
        with self._cast.app.app_context(), acting_for(self._cast.lantern):
            db.session.execute(sa.delete(Membership).where(Membership.user_id == self._cast.sam.id))
            db.session.commit()

    def _time(self) -> str:
        """It is over by the clock of the database's row, and at once when the agent is disabled."""
        client = view_as(self._cast)
        visit = the_visit(self._cast)
        lasts = visit.ends_at - visit.started_at
        self._found.must(lasts <= timedelta(minutes=30), f"it lasts {lasts}")
        moved = lasts + timedelta(seconds=1)
        change_visit(self._cast, started_at=SupportSession.started_at - moved, ends_at=SupportSession.ends_at - moved)
        self._found.must(client.get("/stores").location == "/support/over?why=time", "it is over after its time")
        client = view_as(self._cast)
        with self._cast.app.app_context():
            db.session.execute(sa.update(User).where(User.id == self._cast.sam.id).values(disabled_at=now()))
            db.session.commit()
        answer = client.get("/stores")
        self._found.must(answer.location == "/support/over?why=right", "it is over when the agent is disabled")
        self._found.must(the_visit(self._cast).ended_at is not None, "and its end is noted")
        return f"{lasts.seconds // 60} min"


if __name__ == "__main__":
    figure.run(main)
