"""B14: the peak memory of a worker that imports a large catalogue from the sandbox."""

from __future__ import annotations

import re
import time
from pathlib import Path

from portal.flows import connections
from portal.flows.audit import LINTAS
from portal.kit.db import acting_for
from tests.bench import ground
from tests.bench.figure import Asked, Figure, at_most
from tests.proof import parts
from tests.stack import Stack, session_of

GOAL = 150
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.M)
LONGEST = 3_000
UNPACED = {"PORTAL_PACES": "jd_com=100000"}


def bench(asked: Asked) -> list[Figure]:
    """A million listings where this figure is asked for by name: that takes some minutes."""
    size = asked.size(1_000_000 if asked.by_name else 200_000, 50_000)
    with ground.house(workers=1, relay=True, sandbox=True, durable=False, settings=UNPACED) as stack:
        account = stack.sandbox.control("account", integration="jd_com", name="memory", size=size, dirty=0.08)
        merchant = parts.merchant("Memory")
        with acting_for(merchant):
            connections.turn_on(parts.connection(account, stack.sandbox, "memory"), LINTAS)
        peaks = Peaks(stack)
        began = time.monotonic()
        assert stack.until(peaks.done, LONGEST), "the run did not end"
        took = time.monotonic() - began
        state, kept = stack.rows("select state, kept from run")[0]
        assert (state, kept) == ("done", size), f"the run ended as {state} with {kept} listings"
    peak = max(peaks.of_worker, peaks.of_child) / 1024
    return [
        Figure(
            "B14",
            f"peak memory of a worker importing {size:,} listings ({size / took:,.0f} listings/s, sandbox included)",
            peak,
            "MB",
            None,
            f"<= {GOAL} MB",
            at_most(peak, GOAL),
            {"worker_mb": peaks.of_worker / 1024, "child_mb": peaks.of_child / 1024, "seconds": took},
        )
    ]


class Peaks:
    """The highest water marks of a worker's process and of the children that it forks, in kB."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._next_look = 0.0
        self.of_worker = self.of_child = 0

    def done(self) -> bool:
        """Look at the processes, and now and then whether the run has ended."""
        worker = self._stack.children["worker-1"].pid
        for pid in session_of(worker):
            peak = peak_of(pid)
            if pid == worker:
                self.of_worker = max(self.of_worker, peak)
            else:
                self.of_child = max(self.of_child, peak)
        if time.monotonic() < self._next_look:
            return False
        self._next_look = time.monotonic() + 0.5
        return bool(self._stack.rows("select 1 from run where ended_at is not null"))


def peak_of(pid: int) -> int:
    """The highest memory that a process has ever held, in kB; 0 where it is gone."""
    try:
        found = PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0
