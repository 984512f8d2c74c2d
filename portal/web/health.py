"""Whether the house is alive, and whether it is ready to work."""

import time

import redis
import sqlalchemy as sa
from flask import Blueprint, jsonify
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from portal.flows.house import house
from portal.kit.db import db
from portal.web.doors import Needs, needs

bp = Blueprint("health", __name__)

RELAY_ALIVE = "lintas:relay:alive"
RELAY_SILENT = 10.0


@bp.get("/healthz")
@needs(Needs.NOTHING)
def alive() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@bp.get("/readyz")
@needs(Needs.NOTHING)
def ready() -> Response:
    """Database, Redis, relay and workers, each by itself.  503 while one of them is missing."""
    found = {"database": _database(), **_bells()}
    answer = jsonify(found)
    answer.status_code = 200 if all(found.values()) else 503
    return answer


def _database() -> bool:
    try:
        return db.session.scalar(sa.select(1)) == 1
    except SQLAlchemyError:
        db.session.rollback()
        return False


def _bells() -> dict[str, bool]:
    try:
        beat = float(house().redis.get(RELAY_ALIVE) or 0)
        # A worker that was killed stays listed; the key with its name ends when its heartbeat does.
        listed = house().redis.smembers("rq:workers")
        workers = house().redis.exists(*listed) if listed else 0
    except (redis.RedisError, ValueError):
        return {"redis": False, "relay": False, "workers": False}
    return {"redis": True, "relay": time.time() - beat < RELAY_SILENT, "workers": workers > 0}
