"""The door for support staff at work as a merchant: as whom a request is made, what it may, and what is kept of it.

A session has a cookie of its own beside that of the agent's sign-in, and both are looked at on every request.  Where it
only looks, whatever could change something is refused before the address of the request is looked at.
"""

from contextlib import suppress
from enum import StrEnum
from uuid import UUID

from flask import Blueprint, Response, g, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from portal.flows import support, support_pages, support_resume
from portal.flows.acting import Acting
from portal.flows.sessions import SignedIn
from portal.flows.support import Renewed
from portal.flows.support_resume import Over
from portal.kit.clock import now
from portal.kit.db import db
from portal.kit.errors import Refusal
from portal.models import SupportEnd
from portal.web import doors, plain
from portal.web.doors import Declared, Needs, Support
from portal.web.show import hx, is_hx, show

bp = Blueprint("support_strip", __name__)

COOKIE = "acting"
SAFE = {"GET", "HEAD", "OPTIONS"}
SIGN_OUT = "people.logout"
OVER = "support.over"
# What is drawn in pages and is none.
NO_PAGES = {"static", "logos.picture"}
# What the part of an address is called that alone opens what it names.
BY_LINK = "token"


class Forbidden(StrEnum):
    """Why something is refused: it would change something and the agent only looks, no agent may ever, or it belongs to
    the agent's own place."""

    LOOKS = "looks"
    NEVER = "never"
    OWN_PLACE = "own_place"


@doors.as_whom
def _as_whom(signed: SignedIn | None) -> SignedIn | None:
    """As whom the agent works; whoever has no such cookie stays who he or she is."""
    token = request.cookies.get(doors.cookie_name(request.is_secure, COOKIE), "")
    if not token or request.endpoint in doors.OF_THE_FRAMEWORK:
        return signed
    found = support_resume.resume(signed, token)
    if isinstance(found, Over):
        g.support_over = found
        return signed
    if found.merchant is not None and found.acting is not None:
        # Kept apart from who is signed in, for the session may end within the request.
        g.support_seen = (found.merchant.id, found.acting.session_id)
    return found


@doors.entrance
def _look() -> AnyResponse | None:
    """Refuse what an agent may not do here; send one whose session has ended to the page that says why."""
    over: Over | None = g.get("support_over")
    if over is not None:
        return _sent_away(over) if over.how is not None and request.endpoint != OVER else None
    who: SignedIn | None = g.signed_in
    if who is None or who.acting is None:
        return None
    if request.endpoint == SIGN_OUT and request.method == "POST":
        # Whoever signs out works as nobody any more.
        support.end(who.acting.session_id, SupportEnd.RIGHT, doors.by())
        g.support_over = Over(SupportEnd.RIGHT)
        return None
    declared = doors.declared_by(g.app, request.endpoint) if request.endpoint else None
    why = forbidden(who.acting, declared, request.method)
    return None if why is None else _refusal(why)


def forbidden(acting: Acting, declared: Declared | None, method: str) -> Forbidden | None:
    """Why a request is refused, None where it is not.  `declared` is None where there is no such page.

    What is the owner's alone, and what asks for fresh proof, is never open to staff, whatever the page declares.
    """
    if declared is not None and declared.support is Support.ALWAYS:
        return None
    if declared is not None:
        if declared.permission is Needs.STAFF:
            return Forbidden.OWN_PLACE
        if declared.support is Support.NEVER or declared.fresh or declared.permission is Needs.OWN:
            return Forbidden.NEVER
    if method in SAFE:
        return None
    if not acting.acts:
        return Forbidden.LOOKS
    return None if declared is None or declared.support is Support.ACTS else Forbidden.NEVER


def _refusal(why: Forbidden) -> AnyResponse:
    if plain.wants_json():
        return plain.refused(403, g.request_id)
    return show("support/refused.html", status=403, why=why.value, request_id=g.request_id)


def _sent_away(over: Over) -> AnyResponse:
    """To the page that says why it is over, with a new token of the agent's own session."""
    if plain.wants_json():
        return plain.refused(403, g.request_id)
    answer = leave_to(url_for(OVER, why=over.how.value if over.how else None))
    if g.signed_in is not None:
        # Another request of the same browser may just have done it.
        with suppress(Refusal):
            start_anew(answer, support.back_to_own(g.signed_in))
    return answer


def leave_to(url: str) -> AnyResponse:
    """To another page, whole, also where htmx asked for a part of one."""
    if is_hx():
        return hx(redirect_to=url)
    answer = Response(status=303)
    answer.headers["Location"] = url
    return answer


def start_anew(answer: AnyResponse, own: Renewed) -> None:
    """Give the browser the agent's new token, and forget what the pages of before had: their forms send nothing now."""
    session.clear()
    seconds = max(1, int((own.ends_at - now()).total_seconds()))
    _set(answer, doors.cookie_name(request.is_secure), own.token, seconds)


def give(answer: AnyResponse, token: str) -> None:
    """Give the browser the token of a session as a merchant."""
    _set(answer, doors.cookie_name(request.is_secure, COOKIE), token, int(support.LONGEST.total_seconds()))


def take(answer: AnyResponse) -> None:
    """Take the cookie of a session as a merchant back."""
    answer.delete_cookie(
        doors.cookie_name(request.is_secure, COOKIE), path="/", secure=request.is_secure, httponly=True, samesite="Lax"
    )


def _set(answer: AnyResponse, name: str, token: str, seconds: int) -> None:
    answer.set_cookie(name, token, max_age=seconds, path="/", secure=request.is_secure, httponly=True, samesite="Lax")


@bp.after_app_request
def _keep(answer: Response) -> Response:
    """Keep that the page was opened, and take the cookie of a session that is over."""
    seen: tuple[UUID, UUID] | None = g.get("support_seen")
    if seen is not None and request.endpoint not in NO_PAGES:
        quiet = bool(is_hx()) and request.method in SAFE
        # What a refused change still holds could be waited for by the row below.
        db.session.rollback()
        support_pages.saw(*seen, request.method, _place(), answer.status_code, quiet=quiet)
    # A token that is not known may be that of a moment ago: the browser is just being given the next one.
    over: Over | None = g.get("support_over")
    if over is not None and over.how is not None:
        take(answer)
    return answer


def _place() -> str:
    """The address to keep; of a link that is its own permission the pattern, for whoever reads it could use it."""
    rule = request.url_rule
    return rule.rule if rule is not None and BY_LINK in rule.arguments else request.path


@bp.app_context_processor
def _time_left() -> dict[str, int]:
    """How many seconds a session as a merchant has left, for the strip."""
    who: SignedIn | None = g.get("signed_in")
    if who is None or who.acting is None:
        return {}
    return {"acting_seconds": max(0, int((who.acting.ends_at - now()).total_seconds()))}
