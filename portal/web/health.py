"""Whether the house is alive, and whether it is ready to work."""

import sqlalchemy as sa
from flask import Blueprint, jsonify
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from portal.flows import pulse
from portal.kit.db import db
from portal.web.doors import Needs, needs

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@needs(Needs.NOTHING)
def alive() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@bp.get("/readyz")
@needs(Needs.NOTHING)
def ready() -> Response:
    """Database, Redis, relay and workers, each by itself.  503 while one of them is missing."""
    now = pulse.feel()
    found = {"database": _database(), "redis": now.redis, "relay": now.relay, "workers": now.workers > 0}
    answer = jsonify(found)
    answer.status_code = 200 if all(found.values()) else 503
    return answer


def _database() -> bool:
    try:
        return db.session.scalar(sa.select(1)) == 1
    except SQLAlchemyError:
        db.session.rollback()
        return False
