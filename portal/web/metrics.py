"""Figures for Prometheus, read from the database and Redis at the moment of asking: every process answers the same."""

import hmac
import time
from collections.abc import Iterator

import redis
from flask import Blueprint, abort, request
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from werkzeug.wrappers import Response

from portal.flows import work
from portal.flows.house import house
from portal.flows.pulse import RELAY_ALIVE
from portal.web.doors import Needs, needs

bp = Blueprint("metrics", __name__)

LOOPBACK = {"127.0.0.1", "::1"}
QUEUE_OF_BELLS = "rq:queue:bells"


class House(Collector):
    """Work by lane, the age of the relay's last beat, workers and bells.  No merchant's name is among them."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures as they are now."""
        rows = GaugeMetricFamily("lintas_work", "Rows of work that are open or dead.", labels=("lane", "status"))
        for lane, status, number in work.overview():
            # The lane of inner work carries the merchant's id, which is nobody's business here.
            rows.add_metric(("house" if lane.startswith("house-") else lane, status), number)
        yield rows
        try:
            beat = float(house().redis.get(RELAY_ALIVE) or 0)
            workers, bells = int(house().redis.scard("rq:workers")), int(house().redis.llen(QUEUE_OF_BELLS))
        except (redis.RedisError, ValueError):
            yield GaugeMetricFamily("lintas_redis_up", "Whether Redis answers.", value=0)
            return
        yield GaugeMetricFamily("lintas_redis_up", "Whether Redis answers.", value=1)
        yield GaugeMetricFamily("lintas_relay_silent_seconds", "Since the relay's last beat.", value=time.time() - beat)
        yield GaugeMetricFamily("lintas_workers", "Worker processes.", value=workers)
        yield GaugeMetricFamily("lintas_bells", "Bells that hang in the queue.", value=bells)


@bp.get("/metrics")
@needs(Needs.NOTHING)
def metrics() -> Response:
    """For whoever is on this machine, or brings the token; for others there is no such page."""
    token = house().settings.metrics_token
    said = request.headers.get("Authorization", "").removeprefix("Bearer ")
    local = not house().settings.proxies and request.remote_addr in LOOPBACK
    if not local and not (token and hmac.compare_digest(said.encode(), token.encode())):
        abort(404)
    registry = CollectorRegistry()
    registry.register(House())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
