"""Redis may forget everything or be gone: no work is lost, all goes on within 30 s, and nobody is logged out.

`FLUSHALL` and `kill -9` of a Valkey without persistence, at rest and while work comes in.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from portal.kit.db import acting_for, db
from tests import cast
from tests import stack as house
from tests.proof import effects, figure, parts, worker
from tests.proof.figure import Figure, say
from tests.stack import Stack

GOES_ON_WITHIN = 30.0
PAGE_WITHIN = 5.0
PORTION = 25
LOAD_SECONDS = {False: 5.0, True: 60.0}
AWAY_SECONDS = 1.5


def main() -> int:
    ask = figure.Asked(__doc__)
    given = ask.answered()
    found = Figure("redisgone")
    instead = {house.WORKER: worker.command("--verbs", "tests.proof.effects:VERBS")}
    with Stack(workers=1, sandbox=False, web=True, instead=instead) as stack:
        return Siege(stack, found, given).proved()


class Siege:
    """A house with somebody signed in, whose Valkey is taken away again and again."""

    def __init__(self, stack: Stack, found: Figure, given: Any) -> None:
        self._stack, self._found, self._plain, self._long = stack, found, given.control, given.long
        people = cast.make(stack.app)
        self._merchant: uuid.UUID = people.lantern
        self._browser = parts.browser(stack, people.mei)
        self._number = self._blows = 0
        self._slowest_page = self._slowest_return = 0.0

    def proved(self) -> int:
        """Everything, one after the other."""
        say("somebody is signed in")
        for what in ("at rest", "forgotten", "killed", "away for a while"):
            self._once(what)
            if self._plain and self._found.broken:
                break  # What the known-bad variant has lost will not come.
        else:
            self._under_load()
        count = effects.counted(self._stack)
        self._found.must(count["lost"] == 0, f"{count['lost']} of {count['committed']} pieces of work were lost")
        self._found.must(count["doubled"] == 0, f"{count['doubled']} effects happened twice")
        return self._found.end(
            f"{count['committed']} pieces of work, Valkey emptied or killed {self._blows} times: {count['lost']} lost, "
            f"{count['doubled']} doubled, all done at most {self._slowest_return:.1f} s later, still signed in, the "
            f"slowest page {self._slowest_page * 1000:.0f} ms"
        )

    def _once(self, what: str) -> None:
        self._work(PORTION)
        if what == "forgotten":
            self._forget()
        elif what in {"killed", "away for a while"}:
            self._kill()
        if what == "away for a while":
            ends = time.monotonic() + AWAY_SECONDS
            while time.monotonic() < ends:
                self._look("while Valkey is away")
                self._work(1)
        self._goes_on(what)

    def _under_load(self) -> None:
        seconds = LOAD_SECONDS[self._long]
        began, done = time.monotonic(), 0
        blows = [self._forget, self._kill, self._forget]
        while (passed := time.monotonic() - began) < seconds:
            self._work(2)
            self._look("under load")
            self._stack.look_after()
            if done < len(blows) and passed > seconds * (done + 1) / (len(blows) + 1):
                blows[done]()
                done += 1
        self._goes_on("under load")

    def _forget(self) -> None:
        self._stack.bells.flushall()
        self._blows += 1

    def _kill(self) -> None:
        self._stack.kill(house.VALKEY)
        self._blows += 1

    def _goes_on(self, what: str) -> None:
        """All work is done soon, the house says that it is ready, and the browser is still signed in."""
        began = time.monotonic()
        self._stack.until(lambda: effects.counted(self._stack)["lost"] == 0, 5 if self._plain else GOES_ON_WITHIN)
        lost, took = effects.counted(self._stack)["lost"], time.monotonic() - began
        self._found.must(lost == 0, f"{what}: {lost} pieces of work are not done after {took:.0f} s")
        ready = self._stack.until(lambda: self._browser.get("/readyz").status_code == 200, GOES_ON_WITHIN)
        self._found.must(ready, f"{what}: not ready again: {self._browser.get('/readyz').text.strip()}")
        self._slowest_return = max(self._slowest_return, time.monotonic() - began)
        self._look(what)
        say(f"{what}: done after {took:.1f} s")

    def _look(self, when: str) -> None:
        began = time.monotonic()
        answer = self._browser.get("/stores")
        took = time.monotonic() - began
        self._slowest_page = max(self._slowest_page, took)
        self._found.must(answer.status_code == 200, f"{when}: a page answers {answer.status_code}, signed in")
        self._found.must(took < PAGE_WITHIN, f"{when}: a page took {took:.1f} s")

    def _work(self, number: int) -> None:
        with self._stack.app.app_context(), acting_for(self._merchant):
            for _ in range(number):
                self._number += 1
                name = f"piece-{self._number}"
                if self._plain:
                    effects.intend_plainly(name)
                else:
                    effects.intend(name, self._number)
                db.session.commit()
                if self._plain:
                    effects.enqueue_plainly(self._stack.app, name, self._merchant)


if __name__ == "__main__":
    figure.run(main)
