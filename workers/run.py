"""One worker process.  It knows a single queue and a single job: draining a lane.

RQ forks for every bell.  The portal is imported and built once before the first fork, because building it in
each child would cost a second per bell; connections to the database are opened only after the fork, because
two processes must never speak over one socket.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
from typing import Any

from flask import Flask
from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.client import Pipeline
from redis.retry import Retry
from rq import Queue, Worker, worker_registration
from rq.job import Job
from rq.serializers import JSONSerializer

from portal.config import Settings
from portal.factory import start
from portal.kit.servers import die_with_parent
from workers import QUEUE

WORKER_TTL_SECONDS = 60
MAINTENANCE_SECONDS = 30
MONITORING_SECONDS = 5
# Longer than any blocking call of the worker; the client's own default of five seconds would break them off.
SOCKET_TIMEOUT_SECONDS = WORKER_TTL_SECONDS + 30


class AppWorker(Worker):
    """A worker whose children find the portal already built."""

    def __init__(self, *args: Any, app: Flask, **options: Any) -> None:
        super().__init__(*args, **options)
        self.app = app

    def main_work_horse(self, *args: Any, **options: Any) -> None:
        """The child's first lines.  A child without its parent would go on beside the next attempt."""
        parent = self.pid
        die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        forget_connections(self.app)
        super().main_work_horse(*args, **options)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Tell Redis each time anew that this worker exists: one that forgot everything would know of none."""
        worker_registration.register(self, pipeline)
        super().heartbeat(timeout, pipeline)

    def perform_job(self, job: Job, queue: Queue, *args: Any, **options: Any) -> bool:
        with self.app.app_context():
            return bool(super().perform_job(job, queue, *args, **options))


def forget_connections(app: Flask) -> None:
    """Let go of what was inherited without closing it: the sockets belong to the parent."""
    with app.app_context():
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose(close=False)


def connect(url: str) -> Redis:
    """A client for a worker: patient, because it has nothing else to do while Redis is away."""
    return Redis.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=5,
        health_check_interval=15,
        retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=2), 8),
    )


def build(settings: Settings) -> AppWorker:
    # Imported before the first fork, so that no child has to.
    importlib.import_module("workers.jobs")
    connection = connect(settings.redis_url)
    return AppWorker(
        [Queue(QUEUE, connection=connection, serializer=JSONSerializer)],
        app=start(settings),
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=WORKER_TTL_SECONDS,
        maintenance_interval=MAINTENANCE_SECONDS,
        job_monitoring_interval=MONITORING_SECONDS,
    )


def main() -> None:
    # A page that is being kept must not hold up the calls for the next one: their pace is counted in milliseconds.
    sys.setswitchinterval(0.0005)
    settings = Settings.from_env()
    logging.getLogger("rq").setLevel(settings.log_level)
    # Nothing is scheduled in Redis: what is due later waits in the database.
    build(settings).work(with_scheduler=False, logging_level=settings.log_level)


if __name__ == "__main__":
    main()
