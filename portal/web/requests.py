"""What happens around every request: its number, its CSRF check, its errors."""

import uuid
from urllib.parse import urlsplit

import structlog
from flask import Flask, abort, g, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from portal.config import Settings
from portal.kit import log
from portal.kit.db import act_for, db
from portal.web import machines, plain, show

SAFE = {"GET", "HEAD", "OPTIONS"}

say = log.logger(__name__)


def receive(app: Flask, settings: Settings) -> None:
    """Wire the app for its requests."""
    if settings.proxies:
        hops = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    CSRFProtect(app).exempt(machines.EXEMPT)

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
    """The second wall against forged forms: the browser itself says where a request comes from."""
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in {"same-origin", "none"}:
        abort(403)
    origin = request.headers.get("Origin")
    if (
        site is None
        and origin is not None
        and urlsplit(origin).netloc not in {request.host, urlsplit(settings.portal_url).netloc}
    ):
        abort(403)


def _csrf(why: CSRFError) -> Response:
    return _refused(400)


def _known(why: HTTPException) -> Response:
    answer = why.get_response()
    if why.code is None or 300 <= why.code < 400:
        return answer
    db.session.rollback()
    return _refused(why.code)


def _unknown(why: Exception) -> Response:
    say.exception("a request failed", endpoint=request.endpoint, method=request.method)
    db.session.rollback()
    return _refused(500)


def _refused(status: int) -> Response:
    """A refusal in the form in which the request was to be answered."""
    if machines.calls():
        return machines.refused(status)
    if plain.wants_json():
        return plain.refused(status, g.get("request_id"))
    return show.show_error(status, g.get("request_id"))
