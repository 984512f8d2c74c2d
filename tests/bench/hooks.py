"""B1 and B2: how many pushes a second are taken in, against a bare insert; how long one waits while an import runs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from portal import supervisor
from portal.kit import embedded
from tests.bench import bare, ground
from tests.bench.figure import Asked, Figure, alternating, at_least, at_most, middle, ratio_of
from tests.proof import hookload, pusher
from tests.stack import Stack, _without_settings, free_port

GOAL = 0.80
ROUNDS = 5
AT_ONCE = 8
RATE = 200
P99, MOST = 300, 3_000


def bench(asked: Asked) -> list[Figure]:
    """B1 in rounds that alternate, B2 in an open loop."""
    return [_accepted(asked), _waits(asked)]


def _accepted(asked: Asked) -> Figure:
    """Both servers are started alike, with the same pool, and are sent the same bodies over the same lines."""
    number = asked.size(3_000, 800)
    with ground.house(web=True, settings=pusher.SETTINGS) as stack, _bare(stack) as port:
        hook = pusher.hook("Bench")
        rounds = iter(range(100))

        def ours() -> float:
            return _sent(stack.port, hook.path, number, f"ours-{next(rounds)}")

        def theirs() -> float:
            return _sent(port, "/push", number, f"bare-{next(rounds)}")

        ours(), theirs()
        ground.settled(stack)
        found = alternating(ROUNDS, {"ours": ours, "bare": theirs})
    share = ratio_of(found["ours"], found["bare"])
    return Figure(
        "B1",
        "pushes/s: verified, sealed, kept once with their work, one commit; against a bare Flask insert",
        middle(found["ours"]),
        "pushes/s",
        share,
        f">= {GOAL} x",
        at_least(share, GOAL),
        {"rounds": found},
    )


def _sent(port: int, path: str, number: int, name: str) -> float:
    """Pushes a second, each answered before the next one goes over its line."""
    requests = [pusher.request(path, pusher.of_stock(f"{name}-{each}", f"S{each % 50}")) for each in range(number)]
    began = time.perf_counter()
    answers = pusher.send_all(port, requests, at_once=AT_ONCE)
    took = time.perf_counter() - began
    assert all(each.status == 200 for each in answers), "a push was not answered"
    assert path == "/push" or all(each.taken for each in answers), "a push was not thanked"
    return number / took


@contextmanager
def _bare(stack: Stack) -> Iterator[int]:
    """The reference on a port of its own, beside the portal's web."""
    with ground.superuser(stack.superuser_url) as wire:
        wire.execute(bare.TABLE)
        wire.execute("grant insert on bench_push to lintas_app")
    port = free_port()
    command = [*supervisor.web(port, "warning").command[:-1], "tests.bench.bare:create_app()"]
    env = {**_without_settings(dict(os.environ)), **stack.env}
    process = subprocess.Popen(command, cwd=embedded.ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        assert stack.until(lambda: _answers(port), 60), "the reference did not start"
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/push", timeout=5, trust_env=False).status_code == 405


def _waits(asked: Asked) -> Figure:
    """The best of three runs; the longest wait and the errors of all of them count."""
    seconds, runs = asked.size(30, 8), asked.size(3, 1)
    settings = pusher.SETTINGS | {"PORTAL_PACES": "jd_com=50"}
    with ground.house(web=True, sandbox=True, relay=True, workers=2, settings=settings) as stack:
        hookload.import_something(stack, "bench", 400 * (seconds + hookload.WARM_UP) * runs)
        hook = pusher.hook("Bench")
        found = [hookload.measure(stack, hook, RATE, seconds, f"run{number}") for number in range(runs)]
    best = min(found, key=lambda each: each.p99)
    longest, errors = max(each.most for each in found) * 1000, sum(each.errors for each in found)
    missed = at_most(best.p99 * 1000, P99) or at_most(longest, MOST) or (f"{errors} errors" if errors else "")
    return Figure(
        "B2",
        f"p99 of the answer to a push at {RATE}/s while an import runs (longest of all: {longest:.0f} ms)",
        best.p99 * 1000,
        "ms",
        None,
        f"<= {P99} ms, none above {MOST / 1000:.0f} s",
        missed,
        {"runs": [str(each) for each in found]},
    )
