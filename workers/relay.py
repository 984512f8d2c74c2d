"""The relay: rings bells for lanes with work, and does what is due by the clock."""

import hashlib
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from types import FrameType

import redis
import rq
import sqlalchemy as sa
from flask import Flask
from rq.serializers import JSONSerializer
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from portal.config import Settings
from portal.factory import start
from portal.flows import audit_heads, housekeeping, people, pulse, retention, told_later, work
from portal.kit import log
from portal.kit.db import db, is_away
from workers import QUEUE

BELLS_PER_LANE = 2
BEAT = 0.25
ALIVE_SECONDS = 30
# One relay rings at a time; a second one waits for this lock and takes over when the first is gone.
LEADER = 4_711_202

EVERY: dict[Callable[[], None], timedelta] = {
    people.forget_old_sessions: timedelta(minutes=10),
    told_later.tell: timedelta(seconds=3),
    housekeeping.forget_done_work: timedelta(hours=1),
    housekeeping.look_again: timedelta(seconds=15),
    audit_heads.keep: timedelta(minutes=10),
    retention.forget_buyers: timedelta(hours=6),
}

say = log.logger(__name__)


def ring(queue: rq.Queue) -> int:
    """Keep up to two bells hanging for every lane that has work which nobody holds.  Answers how many were hung."""
    lanes = work.lanes_ready()
    if not lanes:
        return 0
    hanging = Counter(each.split("-")[1] for each in queue.job_ids if each.startswith("bell-"))
    rung = 0
    for lane in lanes:
        mark = hashlib.sha256(lane.encode()).hexdigest()[:16]
        for _ in range(BELLS_PER_LANE - hanging[mark]):
            queue.enqueue(
                "workers.jobs.drain",
                lane,
                job_id=f"bell-{mark}-{secrets.token_hex(4)}",
                job_timeout=120,
                ttl=300,
                result_ttl=0,
                failure_ttl=3600,
            )
            rung += 1
    return rung


class Relay:
    """The heartbeat.  `beat` is one turn; `run` turns until it is told to stop."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._redis: redis.Redis = app.extensions["lintas"].redis
        self._queue = rq.Queue(QUEUE, connection=self._redis, serializer=JSONSerializer)
        self._due = dict.fromkeys(EVERY, 0.0)
        self._going = True

    def stop(self, number: int, frame: FrameType | None) -> None:
        """End after the present turn."""
        self._going = False

    def run(self) -> None:
        """Turn until stopped.  While Redis is away no bell rings, and the rows wait in the database.

        Losing the database's connection ends the process on purpose: the lock of the leader went with it.
        """
        with self._app.app_context(), db.engine.connect() as wire:
            while self._going and not wire.scalar(sa.text("select pg_try_advisory_lock(:key)"), {"key": LEADER}):
                wire.rollback()
                time.sleep(1)
            wire.rollback()
            while self._going:
                try:
                    wire.scalar(sa.select(1))  # A leader that has lost its connection has lost the lock.
                    wire.rollback()
                    self.beat()
                except redis.RedisError as why:
                    say.warning("no bell could be rung", why=type(why).__name__)
                    time.sleep(1)
                time.sleep(BEAT)

    def beat(self) -> None:
        """One turn."""
        ring(self._queue)
        self._redis.set(pulse.RELAY_ALIVE, str(time.time()), ex=ALIVE_SECONDS)
        for verb, pause in EVERY.items():
            if time.monotonic() >= self._due[verb]:
                self._due[verb] = time.monotonic() + pause.total_seconds()
                self._do(verb)

    def _do(self, verb: Callable[[], None]) -> None:
        try:
            verb()
        except SQLAlchemyError as why:
            if is_away(why):
                raise
            # Housekeeping that fails is told and tried again at its next time; bells must ring all the same.
            say.exception("what was due could not be done", verb=verb.__name__)
            db.session.rollback()
        finally:
            db.session.remove()


def main() -> None:
    """Start a relay; it ends when it is told to, whatever becomes of the shell that started it."""
    relay = Relay(start(Settings.from_env()))
    signal.signal(signal.SIGTERM, relay.stop)
    signal.signal(signal.SIGINT, relay.stop)
    try:
        relay.run()
    except DBAPIError as why:
        if not is_away(why):
            raise
        say.warning("the database is away; whoever started the relay starts it again", why=type(why.orig).__name__)
        sys.exit(1)


if __name__ == "__main__":
    main()
