"""How fast calls may go out: one bucket per key for all processes, kept in Redis by Redis' own clock."""

import threading
import time

import redis

# Takes this moment where it is free and answers 0; otherwise answers how many milliseconds away the next free one is.
# A moment is taken when its call really leaves: one promised beforehand would leave late on a busy machine, and come
# too close to the calls after it.  The list holds when the last calls left, the newest first: burst or not, no second
# holds more calls than it may.
TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local rate, burst, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local gap = 1000 / rate
local at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now - gap * (burst - 1))
local before = tonumber(redis.call('LINDEX', KEYS[2], most - 1) or 0)
local wait = math.max(at, before + most * gap) - now
if wait > 0 then return string.format('%.3f', wait) end
local kept = math.ceil(gap * most + 60000)
redis.call('SET', KEYS[1], string.format('%.3f', at + gap), 'PX', kept)
redis.call('LPUSH', KEYS[2], string.format('%.3f', now))
redis.call('LTRIM', KEYS[2], 0, most - 1)
redis.call('PEXPIRE', KEYS[2], kept)
return '0'
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
    """Lets a caller through at most `rate` times in any second, of these `burst` at once."""

    def __init__(self, server: redis.Redis, key: str, rate: float, burst: int, patience: float = 30) -> None:
        self._script = server.register_script(TAKE)
        self._key = f"lintas:pace:{key}"
        self._rate = rate * SHARE_OF_RATE
        self._most = max(1, int(rate))
        self._burst = burst
        self._patience = patience
        self._local_next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until this call may go out.  Raises TooLong."""
        ends = time.monotonic() + self._patience
        while (pause := self._take()) > 0:
            if time.monotonic() + pause > ends:
                raise TooLong(pause)
            time.sleep(pause)

    def _take(self) -> float:
        """0 where this call may go out now, otherwise the seconds until it is worth asking again."""
        try:
            said = self._script(keys=[self._key, f"{self._key}:calls"], args=[self._rate, self._burst, self._most])
        except redis.RedisError:
            return self._take_alone()
        return float(said) / 1000

    def _take_alone(self) -> float:
        # Without Redis no process knows of the others: slower than allowed is safe, faster is not.
        with self._lock:
            now = time.monotonic()
            if now < self._local_next:
                return self._local_next - now
            self._local_next = now + 1 / (self._rate * WITHOUT_REDIS)
            return 0
