"""How fast calls may go out: one bucket per key for all processes, kept in Redis by Redis' own clock."""

import threading
import time

import redis

# Reserves the next free moment and answers how many milliseconds away it is.  Answers -wait without reserving where the
# wait would be longer than the caller accepts.
RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local gap = 1000 / tonumber(ARGV[1])
local free = tonumber(redis.call('GET', KEYS[1]) or 0)
local at = math.max(free, now - gap * (tonumber(ARGV[2]) - 1))
local wait = math.max(0, at - now)
if wait > tonumber(ARGV[3]) then return tostring(-wait) end
redis.call('SET', KEYS[1], tostring(at + gap), 'PX', math.ceil(wait + gap * 2 + 60000))
return tostring(wait)
"""
# Some remotes count strictly per second by their own clock; leaving a little keeps us below their line.
SHARE_OF_RATE = 0.98
WITHOUT_REDIS = 0.25


class TooLong(Exception):
    """The next free moment is further away than the caller waits."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the next call is allowed in {seconds:.1f} s")
        self.seconds = seconds


class Pacer:
    """Lets a caller through at most `rate` times a second, `burst` at once."""

    def __init__(self, server: redis.Redis, key: str, rate: float, burst: int, patience: float = 30) -> None:
        self._script = server.register_script(RESERVE)
        self._key = f"lintas:pace:{key}"
        self._rate = rate * SHARE_OF_RATE
        self._burst = burst
        self._patience = patience
        self._local_next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until this call may go out.  Raises TooLong."""
        wait = self._reserve()
        if wait < 0:
            raise TooLong(-wait)
        if wait > 0:
            time.sleep(wait)

    def _reserve(self) -> float:
        try:
            said = self._script(keys=[self._key], args=[self._rate, self._burst, self._patience * 1000])
        except redis.RedisError:
            return self._reserve_alone()
        return float(said) / 1000

    def _reserve_alone(self) -> float:
        # Without Redis no process knows of the others: slower than allowed is safe, faster is not.
        with self._lock:
            now = time.monotonic()
            at = max(self._local_next, now)
            self._local_next = at + 1 / (self._rate * WITHOUT_REDIS)
            return at - now
