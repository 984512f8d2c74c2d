"""Whoever is signed in and is refused a page leaves a note of it."""

from flask import Blueprint, g, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from portal.flows import denials
from portal.kit import log
from portal.kit.db import whose_or_none
from portal.web import doors

bp = Blueprint("denials", __name__)

FORBIDDEN = 403

say = log.logger(__name__)


@bp.after_app_request
def note(answer: Response) -> Response:
    """Note a refusal by the pattern of the address, so that neither an id nor what was asked for stands in it."""
    if answer.status_code == FORBIDDEN and g.get("signed_in") is not None and whose_or_none() is not None:
        rule = request.url_rule.rule if request.url_rule else ""
        try:
            denials.note(doors.by(), request.method, rule)
        except SQLAlchemyError:
            say.exception("a refusal could not be noted")  # It stays a refusal all the same.
    return answer
