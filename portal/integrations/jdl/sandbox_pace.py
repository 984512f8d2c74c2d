"""The sandbox's orders that walk by themselves, a step every so many seconds.  Off until /control turns it on."""

import contextlib
import sqlite3
import threading

from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl.sandbox_call import Tell
from portal.integrations.jdl.sandbox_moves import BY_HAND, CANCELLING, KIND, advance, following, noted

PACE = "pace"
_LOOK_EVERY = 0.2


class Walker:
    """Moves what is due, in a thread of its own that runs while any account has a pace."""

    def __init__(self, world: World, tell: Tell) -> None:
        self._world = world
        self._tell = tell
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        if self._paced():
            self._begin()

    def set(self, seller: Seller, seconds: float) -> None:
        """How many seconds a step of this account's orders takes; 0 for no step by itself."""
        self._world.memory.keep_paper(seller.name, "switch", PACE, seconds)
        if seconds:
            self._begin()

    def step(self) -> None:
        """Moves every order that is due, each by one step."""
        for seller, seconds in self._paced():
            with self._world.deed():
                papers = self._world.memory.papers(seller.name, KIND).values()
                by_hand = self._world.memory.paper(seller.name, "switch", CANCELLING) == BY_HAND
                now = self._world.now().timestamp()
                for paper in papers:
                    if now - paper["updated"] < seconds or (by_hand and paper["status"] == "10027"):
                        continue
                    # An order at its end, or one that waits for somebody, has no next status.
                    with contextlib.suppress(ValueError):
                        advance(self._world, seller, paper, following(self._world, seller, paper), self._tell)
                        noted(self._world, seller, paper, "outstock.moved")

    def _paced(self) -> list[tuple[Seller, float]]:
        found = [(each, self._world.memory.paper(each.name, "switch", PACE)) for each in self._world.sellers()]
        return [(seller, float(seconds)) for seller, seconds in found if seconds]

    def _begin(self) -> None:
        with self._world.lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="jdl-walk", daemon=True)
                self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while self._goes_on():
            # A sandbox that is closed has no memory any more, and nothing to move.
            with contextlib.suppress(sqlite3.ProgrammingError):
                self.step()
            self._wake.wait(_LOOK_EVERY)
            self._wake.clear()

    def _goes_on(self) -> bool:
        """Whether any account has a pace.  The thread gives itself up under the lock, so that no pace is missed."""
        with self._world.lock:
            try:
                goes_on = bool(self._paced())
            except sqlite3.ProgrammingError:
                goes_on = False
            if not goes_on:
                self._thread = None
            return goes_on
