"""What a request commits happens exactly once, and what it does not commit never happens, wherever something dies.

Requests are killed before they write, before they commit and after; meanwhile Valkey goes away (and forgets all), the
relay dies between two bells, and workers die before and after they claim.
"""

from __future__ import annotations

import os
import random
import signal
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

from flask import Flask

from portal.kit.db import acting_for, db
from tests import stack as house
from tests.proof import effects, figure, parts, relay, worker
from tests.proof.figure import Figure, say
from tests.stack import Stack
from workers.run import forget_connections

POINTS = ("before_write", "before_commit", "after_commit")
CRASHING = 0.4
REDIS_AWAY = 2
AWAY_FOR = 0.15
HAPPENS_WITHIN = 60.0


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--n", type=int, default=None, help="requests (250; long: 2,000)")
    given = ask.answered()
    number = given.n or (2_000 if given.long else 250)
    found = Figure("atomic")
    mortal = ["--lease", "1", "--verbs", "tests.proof.effects:VERBS", "--dies", "0.05"]
    instead = {house.WORKER: worker.command(*mortal), house.RELAY: relay.command("--dies", "0.15")}
    with Stack(workers=2, sandbox=False, instead=instead) as stack:
        return _proved(stack, found, number, given)


def _proved(stack: Stack, found: Figure, number: int, given: Any) -> int:
    with stack.app.app_context():
        merchant = parts.merchant("Atomic")
    requests = Requests(stack, merchant, random.Random(given.seed), plain=given.control)
    requests.send(number)
    say(f"sent: {dict(requests.sent)}; Valkey was away {REDIS_AWAY} times")
    # The known-bad variant would wait in vain for what is lost.
    patience = 10.0 if given.control else HAPPENS_WITHIN
    stack.until(lambda: effects.counted(stack)["lost"] == 0, patience)
    count = effects.counted(stack)
    expected = number - requests.sent["before_write"] - requests.sent["before_commit"]
    found.must(count["committed"] == expected, f"{expected} requests were committed, not {count['committed']}")
    found.must(count["lost"] == 0, f"{count['lost']} committed intents had no effect within {patience:.0f} s")
    found.must(count["doubled"] == 0, f"{count['doubled']} effects happened twice")
    found.must(count["unasked"] == 0, f"{count['unasked']} effects or works belong to nothing that was committed")
    deaths = stack.children[house.RELAY].starts - 1
    crashed = sum(requests.sent[point] for point in POINTS)
    found.must(given.control or deaths, "the relay died at least once between two bells")
    return found.end(
        f"{number} requests, {crashed} of them killed, Valkey gone {REDIS_AWAY} times, the relay {deaths} times in "
        f"mid-batch: of {count['committed']} commits {count['lost']} without and {count['doubled']} with a second "
        f"effect, {count['unasked']} effects without a commit"
    )


class Requests:
    """Requests that write an intent and its work, some of which die on the way."""

    def __init__(self, stack: Stack, merchant: uuid.UUID, dice: random.Random, *, plain: bool) -> None:
        self._stack, self._merchant, self._dice, self._plain = stack, merchant, dice, plain
        self.sent: Counter[str] = Counter()

    def send(self, number: int) -> None:
        """Send so many, with Valkey away for a while now and then."""
        gone = set(self._dice.sample(range(number // 10, number), REDIS_AWAY))
        back = {start + max(1, int(number * AWAY_FOR)) for start in gone}
        for each in range(number):
            if each in gone:
                self._stack.kill(house.VALKEY)
            if each in back:
                self._stack.look_after()
            point = self._dice.choice(POINTS) if self._dice.random() < CRASHING else "whole"
            self.sent[point] += 1
            if point == "whole":
                self._request(self._stack.app, each, lambda reached: None)
            else:
                self._in_a_child(each, point)
        self._stack.look_after()

    def _in_a_child(self, number: int, point: str) -> None:
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            return
        try:
            forget_connections(self._stack.app)

            def reach(reached: str) -> None:
                if reached == point:
                    os.kill(os.getpid(), signal.SIGKILL)

            self._request(self._stack.app, number, reach)
        finally:
            os._exit(1)

    def _request(self, app: Flask, number: int, reach: Callable[[str], None]) -> None:
        name = f"intent-{number}"
        with app.app_context(), acting_for(self._merchant):
            reach("before_write")
            if self._plain:
                effects.intend_plainly(name)
            else:
                effects.intend(name, number)
            db.session.flush()
            reach("before_commit")
            db.session.commit()
            reach("after_commit")
            if self._plain:
                effects.enqueue_plainly(app, name, self._merchant)


if __name__ == "__main__":
    figure.run(main)
