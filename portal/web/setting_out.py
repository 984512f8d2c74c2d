"""The way of a browser to a remote's consent page, from whichever page it begins."""

from flask import current_app
from werkzeug.wrappers import Response

from portal.contract.errors import RemoteError
from portal.flows import connections, grants
from portal.kit.errors import Refusal
from portal.models import Connection
from portal.web import causes
from portal.web.doors import by, signed_in
from portal.web.refusals import sentence
from portal.web.show import go


def set_out(connection: Connection) -> Response:
    """Send the browser to the consent page, or to what has to be finished before."""
    missing = connections.missing_steps(connection)
    if missing and missing[0] != "login":
        return go(
            f"wizard.{missing[0]}", public_id=connection.id, say=sentence(Refusal("not_ready", step="")), kind="warn"
        )
    try:
        address = grants.begin(connection, signed_in().session_hash, by())
    except Refusal as why:
        return go("wizard.settings", public_id=connection.id, say=sentence(why), kind="bad")
    except RemoteError as why:  # What was typed and sealed opens no more: it has to be typed again first.
        told = causes.explain(why.cause.value, "connection", {"detail": why.detail}, connection)
        return go("wizard.settings", public_id=connection.id, say=told.title, kind="bad")
    return current_app.redirect(address, 303)
