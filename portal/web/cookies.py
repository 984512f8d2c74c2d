"""The cookie of a session."""

from datetime import timedelta

from flask import request
from werkzeug.wrappers import Response

from portal.web.doors import cookie_name


def remember(answer: Response, token: str, longest: timedelta) -> Response:
    """Give the browser the token of its session."""
    answer.set_cookie(
        cookie_name(request.is_secure),
        token,
        max_age=int(longest.total_seconds()),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return answer


def token() -> str:
    """The token that the browser brought, "" for none."""
    return request.cookies.get(cookie_name(request.is_secure), "")


def forget(answer: Response) -> Response:
    """Take the token from the browser."""
    answer.delete_cookie(
        cookie_name(request.is_secure), path="/", secure=request.is_secure, httponly=True, samesite="Lax"
    )
    return answer
