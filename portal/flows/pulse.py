"""Whether the processes behind the portal are there: the relay that rings bells, the workers that drain lanes."""

import time
from dataclasses import dataclass

import redis

from portal.flows.house import house

RELAY_ALIVE = "lintas:relay:alive"
RELAY_SILENT = 10.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """`silent` are the seconds since the relay's last beat, None where none is known."""

    redis: bool = False
    silent: float | None = None
    workers: int = 0

    @property
    def relay(self) -> bool:
        """Whether a relay beats."""
        return self.silent is not None and self.silent < RELAY_SILENT

    @property
    def works(self) -> bool:
        """Whether work that is added now is carried out by somebody."""
        return self.relay and self.workers > 0


def feel() -> Pulse:
    """The pulse of the house at this moment; a Redis that does not answer has none."""
    try:
        beat = house().redis.get(RELAY_ALIVE)
        # A worker that was killed stays listed; the key with its name ends when its heartbeat does.
        listed = house().redis.smembers("rq:workers")
        workers = house().redis.exists(*listed) if listed else 0
        return Pulse(True, time.time() - float(beat) if beat else None, int(workers))
    except (redis.RedisError, ValueError):
        return Pulse()
