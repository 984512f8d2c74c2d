"""B10: effects through the ledger with two workers, against one RQ job for each effect with two stock workers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import rq
import sqlalchemy as sa
from rq.serializers import JSONSerializer

from portal.flows import work
from portal.flows.work import Claim, Outcome
from portal.kit import embedded
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.ids import new_id
from portal.models import Work, WorkStatus
from tests.bench import effect, ground
from tests.bench.figure import Asked, Figure, alternating, at_least, middle, ratio_of
from tests.proof.worker import command
from tests.stack import WORKER, Stack

GOAL = 10
ROUNDS = 3
STOCK = "stock"
KIND = "bench_effect"
PATIENCE = 180


def _effect(claimed: Claim) -> Outcome:
    del claimed
    effect.happen()
    return None


VERBS = {KIND: _effect}


def bench(asked: Asked) -> list[Figure]:
    """Both are given all their effects at once and are timed to the last; every process is up before."""
    many, few = asked.size(4_000, 1_500), asked.size(200, 80)
    worker = {WORKER: command("--verbs", f"{__name__}:VERBS")}
    with ground.house(workers=2, relay=True, instead=worker) as stack, ground.merchant("Ledger"), _stock(stack):
        _through_the_ledger(stack, 200)
        _through_rq(stack, 20)
        found = alternating(
            ROUNDS,
            {
                "ledger": lambda: _through_the_ledger(stack, many),
                "rq": lambda: _through_rq(stack, few),
            },
        )
    times = ratio_of(found["ledger"], found["rq"])
    return [
        Figure(
            "B10",
            "effects of 1 ms through the ledger, two workers, against one RQ job each",
            middle(found["ledger"]),
            "effects/s",
            times,
            f">= {GOAL} x",
            at_least(times, GOAL),
            {"rounds": found},
        )
    ]


def _through_the_ledger(stack: Stack, number: int) -> float:
    lane = work.house_lane(whose())
    rows = [
        {
            "merchant_id": whose(),
            "id": new_id(),
            "lane": lane,
            "kind": KIND,
            "natural_key": str(new_id()),
            "body": {},
            "status": WorkStatus.OPEN,
            "priority": 5,
            "lease": 0,
            "attempts": 0,
            "not_before": now(),
            "error": "",
            "asked_by": "",
            "created_at": now(),
        }
        for _ in range(number)
    ]
    for at in range(0, number, 1_000):
        db.session.execute(sa.insert(Work), rows[at : at + 1_000])
    began = time.perf_counter()
    db.session.commit()
    left = "select 1 from work where status = 'open' limit 1"
    assert stack.until(lambda: not stack.rows(left), PATIENCE), "the ledger was not worked off"
    return number / (time.perf_counter() - began)


@contextmanager
def _stock(stack: Stack) -> Iterator[None]:
    """Two workers as RQ ships them: they fork for every job."""
    line = [sys.executable, "-m", "rq.cli", "worker", STOCK, "--url", stack.env["PORTAL_REDIS_URL"], "--quiet"]
    line += ["--serializer", "rq.serializers.JSONSerializer", "--path", str(embedded.ROOT)]
    workers = [subprocess.Popen(line, cwd=embedded.ROOT, stdout=subprocess.DEVNULL) for _ in range(2)]
    try:
        ready = stack.until(lambda: len(rq.Worker.all(connection=stack.bells, queue=_queue(stack))) == 2, 60)
        assert ready, "the stock workers did not start"
        yield
    finally:
        for each in workers:
            each.terminate()
        for each in workers:
            each.wait(20)


def _queue(stack: Stack) -> rq.Queue:
    return rq.Queue(STOCK, connection=stack.bells, serializer=JSONSerializer)


def _through_rq(stack: Stack, number: int) -> float:
    queue = _queue(stack)
    jobs = [queue.prepare_data(effect.happen, result_ttl=0) for _ in range(number)]
    began = time.perf_counter()
    queue.enqueue_many(jobs)
    finished = stack.until(lambda: not queue.count and not queue.started_job_registry.count, PATIENCE)
    assert finished, "the jobs were not done"
    assert not queue.failed_job_registry.count, "jobs failed"
    return number / (time.perf_counter() - began)
