"""Where a remote sends the browser back after its consent page."""

from flask import Blueprint, abort, g, request
from werkzeug.wrappers import Response

from portal import integrations
from portal.contract.definition import Integration, Kind
from portal.flows import grants
from portal.kit.errors import Refusal
from portal.web import connect
from portal.web.doors import Needs, Support, may, needs, sign_in_first, signed_in
from portal.web.refusals import sentence
from portal.web.show import go

bp = Blueprint("oauth", __name__)


@bp.get("/oauth/<integration>/callback")
@needs(Needs.NOTHING, support=Support.NEVER)
def callback(integration: str) -> Response:
    """Take what the remote says and lead on to a page whose address holds nothing of it.

    Whoever set out with a connect link needs no account; everybody else must be signed in and may change things.
    """
    one = integrations.all_integrations().get(integration)
    if one is None or one.grant is None:
        abort(404)
    query = request.args.to_dict()
    if (by_link := connect.returned(one, query)) is not None:
        return by_link
    if g.signed_in is None:
        return sign_in_first()
    if not may(Needs.MANAGE):
        return _not_ours(one, Refusal("unknown_state"))
    try:
        attempt = grants.returned(one, query, signed_in().session_hash, request.base_url)
    except Refusal as why:
        return _not_ours(one, why)
    return go("wizard.login", public_id=attempt.connection_id)


def _not_ours(one: Integration, why: Refusal) -> Response:
    """Nothing was changed.  Back to the connection where it is known, else to the list."""
    connection_id = why.values.get("connection")
    if connection_id is None:
        return go("channels.index" if one.kind is Kind.MARKETPLACE else "plugins.index", sentence(why), "bad")
    return go("wizard.login", sentence(why), "bad", public_id=connection_id)
