"""W3: the same event many times at the same moment is kept once, asked for once, and thanked every time.

The known-bad variant looks whether an event is known before it keeps it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from flask import Flask

from portal.config import Settings
from portal.contract.webhooks import Believed, Push
from portal.factory import start
from portal.flows import receiving
from portal.flows.receiving import Target
from portal.kit.db import beside_for
from portal.kit.ids import new_id
from tests import stack as house
from tests.proof import figure, pusher, web
from tests.proof.figure import Figure
from tests.stack import Stack

COPIES = 64


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--events", type=int, default=None, help="events (60; long: 500)")
    given = ask.answered()
    events = given.events or (500 if given.long else 60)
    instead = {house.WEB: web.command("tests.proof.hookrace:bad()")} if given.control else {}
    found = Figure("hookrace")
    with Stack(workers=0, relay=False, sandbox=False, web=True, settings=pusher.SETTINGS, instead=instead) as stack:
        with stack.app.app_context():
            hook = pusher.hook("Race")
        return _proved(stack, found, hook, events)


def _proved(stack: Stack, found: Figure, hook: pusher.Hook, events: int) -> int:
    refused = 0
    for number in range(events):
        requests = [pusher.request(hook.path, pusher.of_stock(f"race-{number}", "S1")) for _ in range(COPIES)]
        answers = pusher.send_all(stack.port, requests, at_once=COPIES)
        refused += sum(not each.taken for each in answers)
    kept, copies = stack.rows("select count(*), coalesce(sum(copies), 0)::int from delivery")[0]
    works = stack.one("select count(*) from work where kind = 'delivery'")
    found.must(refused == 0, f"every copy is thanked, {refused} were not")
    found.must(kept == events, f"{events} events are kept once each, not as {kept} rows")
    found.must(works == events, f"{events} events ask for one effect each, not for {works}")
    found.must(copies == events * COPIES, f"every copy is counted, not {copies} of {events * COPIES}")
    return found.end(
        f"{events} events, each {COPIES} times at once: {kept} rows, {works} effects, {copies} copies, "
        f"{refused} refused"
    )


def bad() -> Flask:
    """The known-bad web process: it looks first whether an event is there, and then adds it."""
    keep = receiving._keep

    def look_then_add(target: Target, push: Push, believed: Believed, at: datetime) -> str:
        with beside_for(target.merchant_id) as wire:
            if wire.scalar(sa.text("select 1 from delivery where detail = :event"), {"event": believed.event_id}):
                return "known"
        # Without the constraint the second row would simply be there.
        mine = f"{believed.event_id}/{new_id()}"
        said = keep(target, push, replace(believed, event_id=mine), at)
        with beside_for(target.merchant_id) as wire:
            note = sa.text("update delivery set detail = :event where event_id = :mine")
            wire.execute(note, {"event": believed.event_id, "mine": mine})
        return said

    receiving._keep = look_then_add
    return start(Settings.from_env())


if __name__ == "__main__":
    figure.run(main)
