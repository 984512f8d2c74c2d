"""Whatever right is taken, the next request of every open browser is refused, and nothing that it gave is left over.

A person is signed in with several browsers.  Then the right goes the way it goes in the house: the member is removed or
made less, the password or the account goes, a sign-in is ended, an agent loses the right, the connection is removed.
Each browser that was open is asked at once, for a page that it had opened just before.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask.testing import FlaskClient

from portal.flows import connections, members, people, resets, sessions, staff
from portal.flows.audit import LINTAS, By
from portal.kit.db import act_for, acting_for, db
from portal.models import Connection, GrantAttempt, LoginSession, Merchant, Role, SupportEnd, User
from tests import cast as cast_of
from tests.cast import PASSWORD, Cast, Person
from tests.goods import connection
from tests.proof import figure, parts
from tests.proof.figure import Figure
from tests.web.visiting import send, the_visit, view_as

BROWSERS = 3
REFUSED = {303, 401, 403, 404}


@dataclass(frozen=True)
class Loss:
    """A right that is taken: at which page the browsers are open, and how it goes."""

    name: str
    page: str
    take: Callable[[Person], None]
    staff: bool = False


def main() -> int:
    given = figure.Asked(__doc__).answered()
    found = Figure("revoke")
    with parts.portal_alone() as stack:
        if given.control:
            _remembering()
        return Taker(found, cast_of.make(stack.app)).proved()


def _remembering() -> None:
    """The known-bad variant: who somebody is was kept from the sign-in, and is not asked again."""
    kept: dict[str, tuple[uuid.UUID, uuid.UUID | None, Role | None, bytes, datetime]] = {}
    real = people.who

    def who(token: str, **said: bool) -> sessions.SignedIn | None:
        found = real(token, **said)
        if found is not None:
            merchant_id = found.merchant.id if found.merchant else None
            kept[token] = (found.user.id, merchant_id, found.role, found.session_hash, found.fresh_at)
            return found
        if token not in kept:
            return None
        user_id, merchant_id, *rest = kept[token]
        act_for(merchant_id, user_id)
        merchant = db.session.get(Merchant, merchant_id) if merchant_id else None
        return sessions.SignedIn(db.session.get_one(User, user_id), merchant, *rest)

    people.who = who


class Taker:
    """Takes one right after the other, each from somebody new."""

    def __init__(self, found: Figure, cast: Cast) -> None:
        self._found, self._cast = found, cast
        self._asked = self._people = 0

    def proved(self) -> int:
        losses = (
            Loss("member removed", "/stores", self._remove),
            Loss("role lowered", "/stores/new", self._lower),
            Loss("account disabled", "/stores", self._disable),
            Loss("password changed", "/stores", self._password),
            Loss("sign-in ended", "/stores", self._end),
            Loss("agent disabled", "/support", self._disable_agent, staff=True),
        )
        for loss in losses:
            self._lose(loss)
        self._visit()
        self._connection()
        return self._found.end(
            f"{len(losses) + 3} rights taken, {self._asked} open browsers refused at their next request"
        )

    def _somebody(self, role: Role = Role.MANAGER) -> Person:
        """Somebody new who works for Blue Lantern."""
        self._people += 1
        name = f"Person {self._people}"
        with self._cast.app.app_context():
            user = people.create_user(f"person{self._people}@example.com", name, PASSWORD)
            people.join(self._cast.lantern, user, role)
            return Person(user.id, user.email, user.name)

    def _lose(self, loss: Loss) -> None:
        cast = self._cast
        whose = cast.sam if loss.staff else self._somebody()
        browsers = [cast.client_of(whose) for _ in range(BROWSERS)]
        for each in browsers:
            self._found.must(each.get(loss.page).status_code == 200, f"{loss.name}: the page was open before")
        with cast.app.app_context():
            loss.take(whose)
        self._refused(loss.name, browsers, loss.page)

    def _refused(self, name: str, browsers: list[FlaskClient], page: str) -> None:
        for each in browsers:
            self._asked += 1
            answer = each.get(page)
            self._found.must(answer.status_code in REFUSED, f"{name}: {page} still opens ({answer.status_code})")
            self._found.must("Lantern" not in answer.text, f"{name}: {page} still shows something")

    # --- the ways in which a right goes ------------------------------------------------------------------------------

    def _by(self) -> By:
        return By(self._cast.mei.name, self._cast.mei.id)

    def _remove(self, who: Person) -> None:
        with acting_for(self._cast.lantern):
            member = members.place_of(who.id)
            assert member is not None
            members.remove(member, self._by())
        self._none_left(who.id)

    def _lower(self, who: Person) -> None:
        with acting_for(self._cast.lantern):
            member = members.place_of(who.id)
            assert member is not None
            members.change_role(member, Role.VIEWER, self._by())

    def _disable(self, who: Person) -> None:
        db.session.execute(sa.update(User).where(User.id == who.id).values(disabled_at=sa.func.now()))
        db.session.commit()

    def _password(self, who: Person) -> None:
        elsewhere = self._cast.client_of(who)
        token = elsewhere.get_cookie("sid")
        assert token is not None
        user = db.session.get_one(User, who.id)
        resets.change(
            user, PASSWORD, "another lantern in the harbour", sessions.token_hash(token.value), By(user.name, user.id)
        )

    def _end(self, who: Person) -> None:
        for each in sessions.open_ones(who.id):
            sessions.end(who.id, each.id, By(who.name, who.id))
        self._none_left(who.id)

    def _disable_agent(self, who: Person) -> None:
        staff.disable(who.email)
        self._none_left(who.id)
        staff.enable(who.email)

    def _none_left(self, user_id: uuid.UUID) -> None:
        left = db.session.scalar(sa.select(sa.func.count()).where(LoginSession.user_id == user_id))
        self._found.must(left == 0, f"{left} sessions are left over")

    # --- support, and a connection -----------------------------------------------------------------------------------

    def _visit(self) -> None:
        """The right to work as a merchant, and the member as whom: both end a visit, and its token is of no use."""
        for name, page in (("support right taken", "/stores"), ("place of the visit removed", "/stores")):
            cast, who = self._cast, self._somebody()
            client = view_as(cast, whom=str(who.id))
            self._found.must(client.get(page).status_code == 200, f"{name}: the page was open before")
            with cast.app.app_context():
                if name.startswith("support"):
                    staff.let_view_as(cast.sam.email, False)
                else:
                    self._remove(who)
            self._refused(name, [client], page)
            self._found.must(the_visit(cast).end is SupportEnd.RIGHT, f"{name}: it ended for want of the right")
            self._found.must(send(client, "/support/stop").status_code == 303, f"{name}: stopping answers")
            with cast.app.app_context():
                staff.let_view_as(cast.sam.email, True)

    def _connection(self) -> None:
        """A connection that is removed leaves no page, no sign-in half way and no secret behind."""
        cast = self._cast
        with cast.app.app_context(), acting_for(cast.lantern):
            channel = connection("jd_id")
            db.session.add(
                GrantAttempt(
                    merchant_id=cast.lantern,
                    connection_id=channel.id,
                    state_hash=b"state",
                    session_hash=b"session",
                    user_id=cast.mei.id,
                    redirect_uri="",
                )
            )
            db.session.commit()
            page, channel_id = f"/connections/{channel.id}", channel.id
        browsers = [cast.client_of(cast.mei) for _ in range(BROWSERS)]
        for each in browsers:
            self._found.must(each.get(page).status_code in {200, 303}, "the connection was open before")
        with cast.app.app_context(), acting_for(cast.lantern):
            connections.remove(db.session.get_one(Connection, (cast.lantern, channel_id)), LINTAS)
            left = db.session.scalar(sa.select(sa.func.count()).where(GrantAttempt.connection_id == channel_id))
            self._found.must(left == 0, f"{left} sign-ins at the remote are left over")
        self._refused("connection removed", browsers, page)


if __name__ == "__main__":
    figure.run(main)
