"""Where a remote sends the browser back after its consent page."""

from flask import Blueprint, abort, request
from werkzeug.wrappers import Response

from portal import integrations
from portal.flows import grants
from portal.kit.errors import Refusal
from portal.web.doors import Needs, needs, signed_in
from portal.web.refusals import sentence
from portal.web.show import go

bp = Blueprint("oauth", __name__)


@bp.get("/oauth/<integration>/callback")
@needs(Needs.MANAGE)
def callback(integration: str) -> Response:
    """Take what the remote says and lead on to a page whose address holds nothing of it."""
    one = integrations.all_integrations().get(integration)
    if one is None or one.grant is None:
        abort(404)
    query = {key: value.replace("\0", "") for key, value in request.args.items()}
    try:
        attempt = grants.returned(one, query, signed_in().session_hash, request.base_url)
    except Refusal as why:
        return _not_ours(why)
    return go("wizard.login", public_id=attempt.connection_id)


def _not_ours(why: Refusal) -> Response:
    """Nothing was changed.  Back to the sales channel where it is known, else to the list."""
    connection_id = why.values.get("connection")
    if connection_id is None:
        return go("channels.index", sentence(why), "bad")
    return go("wizard.login", sentence(why), "bad", public_id=connection_id)
