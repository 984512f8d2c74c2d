"""W6: whatever was thanked is kept, however often web processes are killed in the midst of receiving.

The known-bad variant thanks first and keeps afterwards.
"""

from __future__ import annotations

import random
import threading
import time
from datetime import datetime
from typing import Any

from flask import Flask, copy_current_request_context

from portal.config import Settings
from portal.contract.webhooks import Believed, Push
from portal.factory import start
from portal.flows import receiving
from portal.flows.receiving import Target
from tests import stack as house
from tests.proof import figure, pusher, web
from tests.proof.figure import Figure
from tests.stack import Stack

AT_ONCE = 8
# How long a remote goes on sending one event, and how long it waits in between: a server that is started again takes
# seconds on a busy machine.
PATIENCE, PAUSE = 120.0, 0.05
# One kill in so many takes the whole server, the others one of its two processes.
WHOLE_EVERY = 10


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--events", type=int, default=None, help="events (600; long: 5,000)")
    ask.add_argument("--kills", type=int, default=None, help="kills (25; long: 200)")
    given = ask.answered()
    events = given.events or (5_000 if given.long else 600)
    kills = given.kills or (200 if given.long else 25)
    instead = {house.WEB: web.command("tests.proof.hookcrash:bad()")} if given.control else {}
    found = Figure("hookcrash")
    with Stack(workers=0, relay=False, sandbox=False, web=True, settings=pusher.SETTINGS, instead=instead) as stack:
        with stack.app.app_context():
            hook = pusher.hook("Crash")
        sender = Sender(stack.port, hook, events)
        killed = _killing(stack, sender, kills, random.Random(given.seed))
        return _proved(stack, found, sender, events, killed)


class Sender(threading.Thread):
    """Sends every event until it is thanked, as remotes do, in a thread of its own."""

    def __init__(self, port: int, hook: pusher.Hook, events: int) -> None:
        super().__init__(daemon=True)
        self._port, self._hook = port, hook
        self._left = [f"crash-{number}" for number in range(events)]
        self._lock = threading.Lock()
        self.thanked: list[str] = []
        self.unanswered = 0
        self.start()

    def run(self) -> None:
        """Send from several lines at once until nothing is left."""
        lines = [threading.Thread(target=self._send, daemon=True) for _ in range(AT_ONCE)]
        for each in lines:
            each.start()
        for each in lines:
            each.join()

    def _send(self) -> None:
        line = pusher.Line(self._port)
        while True:
            with self._lock:
                if not self._left:
                    break
                event = self._left.pop()
            ends = time.monotonic() + PATIENCE
            while time.monotonic() < ends:
                status, body = line.send(pusher.request(self._hook.path, pusher.of_stock(event, "S1")))
                if pusher.Answer(status, body, 0).taken:
                    with self._lock:
                        self.thanked.append(event)
                    break
                self.unanswered += 1
                time.sleep(PAUSE)
        line.close()


def _killing(stack: Stack, sender: Sender, kills: int, dice: random.Random) -> int:
    """Kill web processes at random moments, spread over the sending."""
    done, total = 0, len(sender._left)
    while sender.is_alive():
        due = (done + dice.random()) * total / kills
        stack.until(lambda due=due: len(sender.thanked) >= due or not sender.is_alive(), 120)
        if not sender.is_alive() or done >= kills:
            stack.until(lambda: not sender.is_alive(), PATIENCE)  # What was killed last is started again meanwhile.
            break
        # Where more was thanked than the kills so far are due for, nobody has looked yet for what has fallen.
        stack.look_after()
        done += stack.kill(house.WEB, "group" if done % WHOLE_EVERY == WHOLE_EVERY - 1 else "child")
    return done


def _proved(stack: Stack, found: Figure, sender: Sender, events: int, killed: int) -> int:
    kept = {row[0] for row in stack.rows("select event_id from delivery")}
    works = stack.one("select count(*) from work where kind = 'delivery'")
    lost = len(set(sender.thanked) - kept)
    found.must(lost == 0, f"every thanked event is kept, {lost} of {len(sender.thanked)} are not")
    found.must(len(sender.thanked) == events, f"every event is thanked in the end, {len(sender.thanked)} were")
    found.must(works == len(kept), f"every kept event has its work, {works} of {len(kept)} have")
    found.must(killed >= 1 and sender.unanswered, "the kills hit requests in the midst")
    return found.end(
        f"{events} events, {killed} kills, {sender.unanswered} sendings unanswered: {lost} thanked and not kept, "
        f"{len(kept)} kept with {works} pieces of work"
    )


def bad() -> Flask:
    """The known-bad web process: it answers at once, and keeps in a thread when there is time."""
    keep = receiving._keep

    def later(target: Target, push: Push, believed: Believed, at: datetime) -> str:
        @copy_current_request_context
        def work(*said: Any) -> None:
            time.sleep(0.05)
            keep(*said)

        threading.Thread(target=work, args=(target, push, believed, at), daemon=True).start()
        return "kept"

    receiving._keep = later
    return start(Settings.from_env())


if __name__ == "__main__":
    figure.run(main)
