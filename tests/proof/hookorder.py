"""W2: pushes that come several times and in any order leave the same state as each once and in order: the remote's.

The stock of fifty SKUs moves at the sandbox again and again; each movement is pushed, and its pushes are repeated and
shuffled among those of later movements.  The known-bad variant believes the figures that a push carries.
"""

from __future__ import annotations

import json
import random
import uuid
from typing import Any
from urllib.parse import parse_qsl

import sqlalchemy as sa

from portal.contract.definition import Resource
from portal.flows import deliveries, resources, secrets
from portal.flows.audit import LINTAS
from portal.flows.work import Claim, Outcome, Verb
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.models import ConnectionState, Delivery, DeliveryState, WarehouseStock
from tests import stack as house
from tests.proof import figure, pusher, worker
from tests.proof.figure import Figure, say
from tests.stack import Stack

ACCOUNT = "northwick"
SKUS = 50
CHUNK = 100
SETTINGS = {"PORTAL_JDL_PUSH_KEY": pusher.KEY, "PORTAL_PACES": "jdl=2000"}


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--events", type=int, default=None, help="movements (400; long: 2,000)")
    ask.add_argument("--copies", type=int, default=5, help="how often each push comes")
    given = ask.answered()
    events = given.events or (2_000 if given.long else 400)
    instead = {house.WORKER: worker.command("--verbs", "tests.proof.hookorder:BAD")} if given.control else {}
    found = Figure("hookorder")
    with Stack(workers=2, web=True, settings=SETTINGS, instead=instead) as stack:
        return _proved(stack, found, events, given.copies, random.Random(given.seed))


def _proved(stack: Stack, found: Figure, events: int, copies: int, dice: random.Random) -> int:
    stack.sandbox.control("limits", integration="jdl", account=ACCOUNT, rate=10_000)
    skus = [each["sku"] for each in _listed(stack)]
    hook = _connected(stack, skus)
    asked_before = _asked(stack)
    truth: dict[str, int] = {}
    answers: list[pusher.Answer] = []
    waiting: dict[int, list[tuple[int, str, int]]] = {}
    for first in range(0, events + CHUNK, CHUNK):
        for number in range(first, min(first + CHUNK, events)):
            sku, pieces = skus[number % SKUS], dice.randrange(1, 500)
            said = stack.sandbox.control("stock", integration="jdl", account=ACCOUNT, sku=sku, quantity=pieces)
            truth[sku] = said["stockQuantity"]
            for _ in range(copies):
                # A repetition comes with its movement or up to three chunks later, among the pushes of others.
                waiting.setdefault(first + CHUNK * dice.randrange(4), []).append((number, sku, pieces))
        answers += _send(stack, hook, waiting.pop(first, []), dice)
    while waiting:
        answers += _send(stack, hook, waiting.pop(min(waiting)), dice)
    thanked = sum(each.taken for each in answers)
    say(f"{len(answers)} pushes sent, {thanked} thanked")
    idle = stack.until(
        lambda: not stack.one("select count(*) from work where kind = 'delivery' and status = 'open'"), 240
    )
    found.must(idle, "every push is applied in the end")
    found.must(_asked(stack) - asked_before <= events, "no event is asked about twice")
    return _compare(stack, found, truth, events, copies, _asked(stack) - asked_before)


def _send(
    stack: Stack, hook: pusher.Hook, todo: list[tuple[int, str, int]], dice: random.Random
) -> list[pusher.Answer]:
    dice.shuffle(todo)
    bodies = [
        pusher.of_stock(f"move-{number}", sku, records=[{"customerGoodsId": sku, "stockQuantity": pieces}])
        for number, sku, pieces in todo
    ]
    return pusher.send_all(stack.port, [pusher.request(hook.path, each) for each in bodies], at_once=4)


def _compare(stack: Stack, found: Figure, truth: dict[str, int], events: int, copies: int, asked: int) -> int:
    kept = dict(stack.rows("select sku, available from warehouse_stock"))
    wrong = [sku for sku, pieces in truth.items() if kept.get(sku) != pieces]
    rows, came, dead = stack.rows(
        "select count(*), sum(copies)::int, count(*) filter (where state <> 'applied') from delivery"
    )[0]
    found.must(not wrong, f"every SKU stands as at the remote, {len(wrong)} of {len(truth)} do not")
    found.must(rows == events, f"{events} events are kept once each, not as {rows} rows")
    found.must(came == events * copies, f"every copy is counted, not {came} of {events * copies}")
    found.must(dead == 0, f"every push is applied, {dead} are not")
    return found.end(
        f"{events} movements of {len(truth)} SKUs, each pushed {copies} times in any order: {len(wrong)} SKUs differ "
        f"from the remote, {asked} questions asked"
    )


def _listed(stack: Stack) -> list[dict[str, Any]]:
    asked = {"integration": "jdl", "account": ACCOUNT, "count": SKUS}
    found: list[dict[str, Any]] = stack.sandbox.http.get("/control/listings", params=asked).json()
    return found


def _asked(stack: Stack) -> int:
    """How often the remote was asked for stock."""
    return len([each for each in stack.sandbox.journal(kind="request") if "stock" in str(each["operation"])])


def _connected(stack: Stack, skus: list[str]) -> pusher.Hook:
    """The plugin of the sandbox's merchant, with the access that JD gave; its stock is known as it was."""
    account = stack.sandbox.account("jdl", ACCOUNT)
    with stack.app.app_context():
        hook = pusher.hook("Order", {name: str(code) for name, code in account["types"].items()})
        with acting_for(hook.merchant_id):
            made = pusher.connection_of(hook)
            made.options = {**made.options, "sync_stock": True}
            made.state = ConnectionState.ACTIVE
            secrets.keep(made, "token.access", account["tokens"][0]["access"], LINTAS.name)
            db.session.commit()
            resources.refresh(made, Resource.STOCK, skus)
    return hook


def _believe(claimed: Claim) -> Outcome:
    """The known-bad variant: what a push says is taken for what is."""
    found = db.session.get_one(Delivery, (whose(), uuid.UUID(claimed.body["delivery"])))
    push = deliveries.body_of(found)
    if push is None:
        return None
    message = json.loads(dict(parse_qsl(push.body.decode()))["request_body"])
    for record in message["records"]:
        values = {"available": record["stockQuantity"], "changed_at": now()}
        mine = WarehouseStock.merchant_id == whose(), WarehouseStock.sku == record["customerGoodsId"]
        db.session.execute(sa.update(WarehouseStock).where(*mine).values(values))
    found.state, found.settled_at = DeliveryState.APPLIED, now()
    return None


BAD: dict[str, Verb] = {deliveries.KIND: _believe}


if __name__ == "__main__":
    figure.run(main)
