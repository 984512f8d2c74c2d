"""The pictures of connections: made by us, and served so that no browser takes them for anything else."""

from flask import Blueprint, make_response
from werkzeug.wrappers import Response

from portal.models import Logo
from portal.web.doors import Needs, find, needs

bp = Blueprint("logos", __name__)

HEADERS = {
    "Content-Type": "image/png",
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": 'inline; filename="logo.png"',
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # A new picture has a new id, so the old one may be kept for as long as a browser likes.
    "Cache-Control": "private, max-age=31536000, immutable",
}


@bp.get("/logos/<public_id>")
@needs(Needs.VIEW)
def picture(public_id: str) -> Response:
    """One picture of the merchant's own."""
    answer = make_response(find(Logo, public_id).png)
    answer.headers.update(HEADERS)
    return answer
