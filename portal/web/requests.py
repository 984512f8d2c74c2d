"""What happens around every request: its number, its CSRF check, its errors."""

import uuid
from urllib.parse import urlsplit

import structlog
from flask import Flask, abort, g, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from portal.config import Settings
from portal.kit import log
from portal.kit.db import act_for, db, is_away
from portal.web import doors, machines, plain, show

# When to come again while the database is away.
LATER_SECONDS = 10
SAFE = {"GET", "HEAD", "OPTIONS"}

say = log.logger(__name__)


class OfAnotherSite(Forbidden):
    """What was sent comes from no page of ours, whoever is signed in."""


def receive(app: Flask, settings: Settings) -> None:
    """Wire the app for its requests."""
    if settings.proxies:
        hops = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    @app.before_request
    def begin() -> None:
        g.app = app
        g.request_id = uuid.uuid4().hex[:12]
        # A thread serves one request after the other: nothing of the last one may remain.
        act_for(None)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=g.request_id)
        if not machines.calls():
            _same_site(settings)
            _can_be_kept()

    # After the request has its number, so that a refusal for want of a token can tell it.
    CSRFProtect(app).exempt(machines.EXEMPT)

    @app.after_request
    def number(answer: Response) -> Response:
        answer.headers["X-Request-Id"] = g.get("request_id", "")
        return answer

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        if db.session.registry.has():
            db.session.rollback()
        act_for(None)

    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _known)
    app.register_error_handler(Exception, _unknown)


def _same_site(settings: Settings) -> None:
    """The second wall against forged forms: the browser itself says where a request comes from.

    Nothing but our own pages sends what changes something: "none" would be an address that was typed or a link outside
    the browser, and these are no forms.  An older browser that says nothing of the kind still names the origin of a
    form; whoever names neither is no browser with somebody signed in, and the token decides.
    """
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site != "same-origin":
            raise OfAnotherSite
        return
    origin = request.headers.get("Origin")
    if origin is not None and not _is_ours(origin, settings):
        raise OfAnotherSite


def _can_be_kept() -> None:
    """Refuse what holds a NUL, wherever it stands: no person types one, and the database keeps none.

    What a file holds is looked at where it is read.
    """
    texts: list[str] = [request.path]
    for sent in (request.args, request.form):
        for pair in sent.items(multi=True):
            texts += pair
    for name, file in request.files.items(multi=True):
        texts += (name, file.filename or "")
    if any("\0" in each for each in texts):
        abort(400)


def _is_ours(origin: str, settings: Settings) -> bool:
    try:
        place = urlsplit(origin).netloc
    except ValueError:
        return False
    return place in {request.host, urlsplit(settings.portal_url).netloc}


def _csrf(why: CSRFError) -> Response:
    return _refused(400)


def _known(why: HTTPException) -> Response:
    answer = why.get_response()
    if why.code is None or 300 <= why.code < 400:
        return answer
    db.session.rollback()
    return _refused(why.code, of_site=isinstance(why, OfAnotherSite))


def _unknown(why: Exception) -> Response:
    if is_away(why):
        say.warning("the database does not answer", endpoint=request.endpoint, why=type(why).__name__)
        db.session.remove()
        g.pop("signed_in", None)  # The frame of the page reads nothing of whoever is signed in.
        answer = _refused(503)
        answer.headers["Retry-After"] = str(LATER_SECONDS)
        return answer
    say.exception("a request failed", endpoint=request.endpoint, method=request.method)
    db.session.rollback()
    return _refused(500)


def _refused(status: int, *, of_site: bool = False) -> Response:
    """A refusal in the form in which the request was to be answered."""
    if machines.calls():
        return machines.refused(status)
    if plain.wants_json():
        return plain.refused(status, g.get("request_id"))
    if status < 500 and "signed_in" not in g:
        # Refused before the door: the frame of the page still says who is signed in, and as whom.
        doors.recognise()
    of_staff = not of_site and doors.wants_staff()
    return show.show_error(status, g.get("request_id"), of_site=of_site, of_staff=of_staff)
