"""Where a browser goes next: only to pages of ours, and the page on which it stands."""

from urllib.parse import urlsplit

from flask import current_app, request
from werkzeug.wrappers import Response

from portal.web.show import go


def on(wanted: str) -> Response:
    """To where the visitor wanted to go: a path of ours, never another host."""
    return current_app.redirect(wanted, 303) if is_ours(wanted) else go("home.index")


def is_ours(wanted: str) -> bool:
    """Whether a text is a path of ours, as a browser reads it."""
    # Browsers drop white space and read a backslash as a slash, so "/\t/host" would be another host's address.
    if any(each <= " " or each == "\\" for each in wanted):
        return False
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return False
    return wanted.startswith("/") and not wanted.startswith("//") and not parts.scheme and not parts.netloc


def here() -> str:
    """The path that is asked for, with its query."""
    return request.full_path.rstrip("?")


def came_from() -> str:
    """The path of the page on which what was sent stood, "/" where the browser does not say."""
    try:
        parts = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    except ValueError:
        return "/"
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return path if parts.netloc == request.host and is_ours(path) else "/"
