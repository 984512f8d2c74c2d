"""Who may see what: one declared permission per page, checked before the page runs."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask, abort, g, request, url_for
from flask_login import LoginManager
from werkzeug.wrappers import Response

from portal.flows import people
from portal.flows.audit import By
from portal.flows.people import SignedIn
from portal.kit.db import Tenant, db, whose
from portal.models import Merchant, Role, SessionStage, User
from portal.web import machines, plain, show, ways

V = TypeVar("V", bound=Callable[..., Any])
M = TypeVar("M", bound=Tenant)

COOKIE = "sid"
OF_THE_FRAMEWORK = {"static"}


class Needs(StrEnum):
    """What a page asks of whoever opens it."""

    NOTHING = "nothing"
    SIGN_IN = "sign_in"
    VIEW = "view"
    MANAGE = "manage"
    OWN = "own"
    STAFF = "staff"


class Support(StrEnum):
    """What support staff who work as a merchant may do with a page: look at it, also send it where the merchant lets
    them act, send it even where they only look, or none of it."""

    SEES = "sees"
    ACTS = "acts"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a page declares: the permission it asks for, what support staff may do with it, and whether whoever opens
    it must have shown lately who he or she is."""

    permission: Needs
    support: Support = Support.SEES
    fresh: bool = False


OPEN_FILES = Declared(Needs.NOTHING)
RANK = {Needs.VIEW: Role.VIEWER, Needs.MANAGE: Role.MANAGER, Needs.OWN: Role.OWNER}


def needs(permission: Needs, *, support: Support = Support.SEES, fresh: bool = False) -> Callable[[V], V]:
    """Declare the permission of a page.  A page without one stops the start.

    Support staff who work as a merchant may look at what is not declared otherwise, and send nothing.
    """

    def declare(view: V) -> V:
        # A mark that `check_all` and `_open` read.
        view.declared = Declared(permission, support, fresh)  # type: ignore[attr-defined]
        return view

    return declare


Entrance = Callable[[], Response | None]
Check = Callable[[SignedIn, Declared], Response | None]
AsWhom = Callable[[SignedIn | None], SignedIn | None]
# What is looked at before the address of a request is, and what is asked after the permission of its page was found to
# be enough; other modules of this floor add to both while they are loaded.
ENTRANCES: list[Entrance] = []
CHECKS: list[Check] = []
# Who turns whoever is signed in into the person as whom he or she works.
AS_WHOM: list[AsWhom] = []


def as_whom(look: AsWhom) -> AsWhom:
    """Have this say for every request as whom it is made, before anything else is looked at."""
    AS_WHOM.append(look)
    return look


def entrance(look: Entrance) -> Entrance:
    """Have every request looked at when it is known who is signed in, and nothing else; an answer ends it."""
    ENTRANCES.append(look)
    return look


def check(look: Check) -> Check:
    """Have every request to a page that asks for something looked at once more; an answer ends it."""
    CHECKS.append(look)
    return look


def guard(app: Flask) -> None:
    """Check every request at the door."""
    manager = LoginManager()
    manager.session_protection = None
    manager.init_app(app)
    manager.request_loader(_person)
    app.before_request(_open)


def check_all(app: Flask) -> None:
    """Every address has a declared permission, and no page that changes something is open to viewers by mistake."""
    bare = sorted(
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in OF_THE_FRAMEWORK and not hasattr(app.view_functions[rule.endpoint], "declared")
    )
    if bare:
        raise RuntimeError(f"these pages declare no permission: {', '.join(bare)}")


def declared_by(app: Flask, endpoint: str) -> Declared:
    """What a page declares."""
    if endpoint in OF_THE_FRAMEWORK:
        return OPEN_FILES
    found: Declared = vars(app.view_functions[endpoint])["declared"]
    return found


def permission_of(app: Flask, endpoint: str) -> Needs:
    """The permission that a page asks for."""
    return declared_by(app, endpoint).permission


def wants_staff() -> bool:
    """Whether the page that was asked for belongs to the support staff, and whoever is signed in does not."""
    who: SignedIn | None = g.get("signed_in")
    if who is None or who.user.is_staff or request.endpoint is None:
        return False
    return permission_of(g.app, request.endpoint) is Needs.STAFF


def cookie_name(secure: bool, name: str = COOKIE) -> str:
    """The name of a cookie, of the session's where none is given; the prefix binds it to this host over TLS."""
    return f"__Host-{name}" if secure else name


def token() -> str:
    """What the browser shows of its session, "" for none; a cookie that a machine sends along says nothing."""
    return "" if machines.calls() else request.cookies.get(cookie_name(request.is_secure), "")


def recognise() -> None:
    """Find out who is signed in, and as whom; what refuses a request before the door asks for it too."""
    sent = token()
    found = people.who(sent, by_itself=show.asks_by_itself()) if sent else None
    # Whoever gave the password and not yet the second factor is a stranger on every page but the one that asks for it.
    g.half = found if found is not None and found.stage is SessionStage.HALF else None
    found = None if g.half is not None else found
    for look in () if machines.calls() else AS_WHOM:
        found = look(found)
    g.signed_in = found


def _open() -> Response | None:
    answer = _answer()
    g.let_in = answer is None
    return answer


def _answer() -> Response | None:
    """What whoever is not let in is answered, None for everybody else."""
    if request.endpoint in OF_THE_FRAMEWORK:
        # The same for everybody, and there while the database is away.
        return None
    recognise()
    if (answer := _first_of(look() for look in ENTRANCES)) is not None:
        return answer
    if request.endpoint is None:
        return None
    declared = declared_by(g.app, request.endpoint)
    if declared.permission is Needs.NOTHING:
        return None
    if g.signed_in is None:
        return sign_in_first()
    if not _may(g.signed_in, declared.permission):
        abort(403 if g.signed_in.merchant or declared.permission is Needs.STAFF else 404)
    return _first_of(look(g.signed_in, declared) for look in CHECKS)


def _first_of(answers: Iterable[Response | None]) -> Response | None:
    return next((each for each in answers if each is not None), None)


def sign_in_first() -> Response:
    """The answer to a stranger: to the sign-in, and back here after it."""
    if plain.wants_json():
        return plain.refused(401, g.request_id)
    looks = request.method in {"GET", "HEAD"}
    if show.is_hx() and not looks:
        # Leaving the page would lose what was typed.
        return show.show_error(401)
    back = ways.here() if looks else ways.came_from()
    return show.sign_in_again(url_for("people.login", next=back))


def _may(who: SignedIn, permission: Needs) -> bool:
    if permission is Needs.SIGN_IN:
        return True
    if permission is Needs.STAFF:
        return who.user.is_staff
    return who.role is not None and who.role.rank >= RANK[permission].rank


def may(permission: Needs) -> bool:
    """Whether whoever is signed in may do this; for templates that leave out what would be refused.

    Support staff who only look may change nothing, and nobody of them may what is the owner's alone.
    """
    who: SignedIn | None = g.signed_in
    if who is None or not _may(who, permission):
        return False
    return who.acting is None or permission is Needs.VIEW or (who.acting.acts and permission is Needs.MANAGE)


def may_let_in() -> bool:
    """Whether whoever is signed in may see and change what opens a door: keys, sign-ins at remotes, links that give
    access.  Never support staff."""
    return may(Needs.MANAGE) and signed_in().acting is None


def may_reveal() -> bool:
    """Whether whoever is signed in may look at a buyer's data: support staff too, and it is kept that they did."""
    return g.signed_in is not None and _may(g.signed_in, Needs.MANAGE)


def may_see_places() -> bool:
    """Whether whoever is signed in sees without asking in which city and under which postcode a buyer lives: whoever
    could reveal the rest too, and never support staff, of whom it is kept whom they looked at."""
    return may_reveal() and signed_in().acting is None


def _person(_: object) -> User | None:
    found: SignedIn | None = g.get("signed_in")
    return found.user if found else None


def signed_in() -> SignedIn:
    """Who is signed in, on a page that asked for it."""
    found: SignedIn = g.signed_in
    return found


def merchant() -> Merchant:
    """The merchant of the page."""
    found = signed_in().merchant
    if found is None:
        abort(404)
    return found


def by() -> By:
    """Who acts, for the flows."""
    who = signed_in()
    address = request.remote_addr or ""
    if who.acting is None:
        return By(who.user.name, who.user.id, g.request_id, address)
    both = f"{who.acting.agent} / {who.acting.whom}"
    return By(both, who.user.id, g.request_id, address, who.acting.behalf)


def find(model: type[M], public_id: str) -> M:
    """A thing of this merchant.  Whatever else the id may name, the answer is the same 404."""
    try:
        key = uuid.UUID(public_id)
    except ValueError:
        abort(404)
    found = db.session.get(model, (whose(), key))
    if found is None:
        abort(404)
    return found
