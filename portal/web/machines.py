"""Addresses that machines call: they have no session, fill in no form and read no language.

What they send is believed by its signature alone, so neither a cookie nor where a request comes from counts there.
"""

from flask import request
from werkzeug.wrappers import Response

from portal.flows import webhooks

# What watches the process asks here; whether it lives must not hang on a session that is looked up.
PROBES = {"/healthz", "/readyz"}
# The one view that changes something without a token of a form.
EXEMPT = "portal.web.hooks.receive"


def calls() -> bool:
    """Whether the request of the moment is for such an address."""
    return request.path.startswith(webhooks.PATH) or request.path in PROBES


def refused(status: int) -> Response:
    """A refusal that says nothing but its number, with the same bytes every time."""
    return Response(f"{status}\n", status, content_type="text/plain; charset=utf-8")
