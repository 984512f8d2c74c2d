"""The receiver of pushes: one address for each connection, without a session, called by remotes."""

from flask import Blueprint, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from portal.flows import receiving
from portal.kit.clock import now
from portal.web import machines
from portal.web.doors import Needs, needs

bp = Blueprint("hooks", __name__)

PIECE = 64 * 1024


@bp.post("/hooks/<token>")
@needs(Needs.NOTHING)
def receive(token: str) -> Response:
    """Keep a push and answer in the words that its sender expects; whoever has no such address finds nothing."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    said = receiving.receive(token, headers, _body(), now())
    if said is None:
        return machines.refused(404)
    return Response(said.body, said.status, content_type=said.content_type)


def _body() -> bytes | None:
    """The bytes as they came, read once; None for more than a push may have."""
    request.max_content_length = receiving.LARGEST
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        _read_on()
        return None


def _read_on() -> None:
    """Let a sender that says too much come to its end, within reason; it would miss an answer given before."""
    left = receiving.LARGEST
    while left > 0 and (more := request.environ["wsgi.input"].read(min(left, PIECE))):
        left -= len(more)
