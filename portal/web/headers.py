"""The headers that every answer carries, and the addresses of static files that may be kept for a year."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, current_app, g, request, url_for

ONE_YEAR = 365 * 24 * 3600


def policy(form_hosts: Sequence[str] = ()) -> str:
    """The content security policy: nothing but our own files, no inline script or style.

    Hosts that merchants sign in at belong into form-action, because browsers may apply it
    to the redirect that follows a post.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "script-src-attr 'none'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            " ".join(("form-action 'self'", *form_hosts)),
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def protect(app: Flask, form_hosts: Sequence[str] = ()) -> None:
    """Send the headers with every answer of the app, errors included."""
    csp = policy(form_hosts)

    @app.after_request
    def add_headers(answer: Response) -> Response:
        answer.headers.setdefault("Content-Security-Policy", csp)
        for name, value in ALWAYS.items():
            answer.headers.setdefault(name, value)
        if request.is_secure:
            answer.headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}; includeSubDomains"
        _say_how_long(answer)
        return answer


def _say_how_long(answer: Response) -> None:
    """A file asked for by its hash never changes; a page holds customer data and is never kept.

    Whatever else may be kept somewhere is another answer for whoever else is signed in.
    """
    if request.endpoint == "static" and answer.status_code < 400:
        if request.args.get("v"):
            answer.headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
        else:
            answer.headers["Cache-Control"] = "no-cache"
    else:
        # A view that may be kept, such as a logo, says so itself.
        answer.headers.setdefault("Cache-Control", "no-store")
        answer.vary.add("Cookie")


def static_url(filename: str) -> str:
    """The address of a static file with a hash of its content, so that a new release is seen at once.

    A page names the file of its icons a hundred times, so the address is made once for each answer.
    """
    known: dict[str, str] = g.setdefault("static_urls", {})
    if filename not in known:
        path = Path(current_app.static_folder or "", filename)
        known[filename] = url_for("static", filename=filename, v=_hash(path, path.stat().st_mtime_ns))
    return known[filename]


@lru_cache(maxsize=64)
def _hash(path: Path, changed: int) -> str:
    """`changed` is part of the key only: an edited file is read again."""
    return sha256(path.read_bytes()).hexdigest()[:12]
