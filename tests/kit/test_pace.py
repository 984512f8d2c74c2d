"""The pace holds: never more calls in a second than allowed, and hardly fewer."""

from __future__ import annotations

import threading
import time

import pytest
import redis

from portal.kit.pace import Pacer, TooLong

RATE = 50


def _leave(url: str, seconds: float, threads: int) -> list[float]:
    """When calls left, from several threads that share a key but no process state."""
    left: list[float] = []
    ends = time.monotonic() + seconds

    def call() -> None:
        with redis.Redis.from_url(url) as server:
            pacer = Pacer(server, "test", RATE, burst=8)
            while time.monotonic() < ends:
                pacer.wait()
                left.append(time.monotonic())

    workers = [threading.Thread(target=call) for _ in range(threads)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    return sorted(left)


def test_no_second_holds_more_calls_than_the_rate_not_even_after_a_rest(redis_url: str) -> None:
    left = _leave(redis_url, 1.5, 4)
    time.sleep(0.5)  # A rest earns a burst, and the burst must not come on top of a full second.
    left += _leave(redis_url, 1.5, 4)
    # What is noted here is a little later than what the pacer decided, each time by another little.
    most = max(sum(1 for each in left if start <= each < start + 0.97) for start in left)
    assert most <= RATE


def test_the_rate_is_used(redis_url: str) -> None:
    left = _leave(redis_url, 2, 4)
    assert len(left) >= RATE * 2 * 0.8


def test_a_wait_beyond_the_patience_is_refused_and_takes_nothing(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as server:
        slow = Pacer(server, "slow", 0.5, burst=1, patience=0.1)
        slow.wait()
        with pytest.raises(TooLong) as why:
            slow.wait()
        assert 1 < why.value.seconds <= 2.1


def test_without_redis_the_pace_is_slower_never_faster() -> None:
    with redis.Redis(port=1, socket_connect_timeout=0.1) as nobody:
        pacer = Pacer(nobody, "alone", RATE, burst=8)
        began = time.monotonic()
        for _ in range(4):
            pacer.wait()
    assert time.monotonic() - began >= 3 / (RATE * 0.25) * 0.95
