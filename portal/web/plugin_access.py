"""Connect links from the merchant's side: make one, take one back."""

from flask import Blueprint
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.flows import connect_links
from portal.kit.errors import Refusal
from portal.models import Connection
from portal.web import wizard_steps
from portal.web.doors import Needs, Support, by, find, needs
from portal.web.refusals import sentence
from portal.web.show import go

bp = Blueprint("plugin_access", __name__, url_prefix="/connections/<public_id>/link")


@bp.post("")
@needs(Needs.MANAGE, support=Support.NEVER, fresh=True)
def make(public_id: str) -> Response:
    """Make a connect link; one that was made before is over."""
    connection = find(Connection, public_id)
    try:
        connect_links.make(connection, by())
    except Refusal as why:
        return _back(connection, sentence(why), "bad")
    return _back(connection, _("The connect link is ready to be copied. Whoever has it can connect once."))


@bp.post("/revoke")
@needs(Needs.MANAGE, support=Support.NEVER, fresh=True)
def revoke(public_id: str) -> Response:
    """Take the link back: whoever opens it finds nothing."""
    connection = find(Connection, public_id)
    connect_links.revoke(connection, by())
    return _back(connection, _("The connect link was taken back."))


def _back(connection: Connection, say: str, kind: str = "ok") -> Response:
    """To the page where the link stands: the form while the plugin is set up, else the plugin's own page."""
    page = "wizard.settings" if wizard_steps.in_setup(connection) else "connections.detail"
    return go(page, say, kind, public_id=connection.id, _anchor="connect_link")
