"""The cookie of a session, and the one by which a browser is known again."""

from datetime import timedelta

from flask import request
from werkzeug.wrappers import Response

from portal.flows import known_browsers
from portal.web.doors import cookie_name

KNOWN = "known"


def remember(answer: Response, token: str, longest: timedelta) -> Response:
    """Give the browser the token of its session."""
    return _keep(answer, cookie_name(request.is_secure), token, longest)


def know(answer: Response, mark: str) -> Response:
    """Give the browser the mark by which it is known when somebody signs in there again."""
    return _keep(answer, cookie_name(request.is_secure, KNOWN), mark, known_browsers.LIFETIME)


def known() -> str:
    """The mark that the browser brought, "" for none."""
    return request.cookies.get(cookie_name(request.is_secure, KNOWN), "")


def _keep(answer: Response, name: str, value: str, longest: timedelta) -> Response:
    answer.set_cookie(
        name,
        value,
        max_age=int(longest.total_seconds()),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return answer


def forget(answer: Response) -> Response:
    """Take the token from the browser."""
    answer.delete_cookie(
        cookie_name(request.is_secure), path="/", secure=request.is_secure, httponly=True, samesite="Lax"
    )
    return answer
