"""The address that a remote pushes to and, where the connection has one of its own, the key that it signs with."""

from flask import Blueprint
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.flows import webhooks
from portal.kit.errors import Refusal
from portal.models import Connection
from portal.web.connections_pages import frame
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.refusals import sentence
from portal.web.show import go, show

bp = Blueprint("push_access", __name__, url_prefix="/connections/<public_id>/pushes")


@bp.post("/address")
@needs(Needs.MANAGE, support=Support.NEVER, fresh=True)
def address(public_id: str) -> Response:
    """Another address; the one before is gone at once."""
    connection = find(Connection, public_id)
    try:
        webhooks.roll_hook(connection, by())
    except Refusal as why:
        return go("connections.detail", sentence(why), "bad", public_id=connection.id)
    say = _("The address for messages is new. Enter it at the other side; the one before is gone.")
    return go("connections.detail", say, public_id=connection.id, _anchor="pushes")


@bp.post("/close")
@needs(Needs.MANAGE, support=Support.NEVER, fresh=True)
def close(public_id: str) -> Response:
    """No address any more: whoever pushes there finds nobody."""
    connection = find(Connection, public_id)
    webhooks.close_hook(connection, by())
    say = _("The address for messages is closed. Changes are seen by asking only.")
    return go("connections.detail", say, public_id=connection.id, _anchor="pushes")


@bp.post("/key")
@needs(Needs.MANAGE, support=Support.NEVER, fresh=True)
def key(public_id: str) -> Response:
    """A new key, shown this once; the one before is believed for a day."""
    connection = find(Connection, public_id)
    try:
        made = webhooks.roll_key(connection, by())
    except Refusal as why:
        return go("connections.detail", sentence(why), "bad", public_id=connection.id)
    return show("plugins/push_key.html", made=made, **frame(connection))
