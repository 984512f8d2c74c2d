"""R7: what a rehearsal foretells for the last orders is what routing does with the same orders later, one by one.

Random rules and random orders of several merchants: each list of rules is rehearsed, then the orders are routed by the
work that routes them in the house, and every order is compared: where it stands, at which plugin, by which rule, and
with which tags.  The known-bad variant puts the first rule that took an order behind all others in between.
"""

from __future__ import annotations

import random
import uuid
from typing import Any

import sqlalchemy as sa

from portal.flows import relinking, routing, rule_rehearsal, rules, work
from portal.flows.audit import LINTAS
from portal.flows.rule_conditions import Field
from portal.flows.rule_rehearsal import Place
from portal.flows.rules import Draft
from portal.kit.db import acting_for, db, whose
from portal.models import RoutingDecision
from tests.flows import routed, rule_dice
from tests.proof import figure, parts
from tests.proof.figure import Figure, say
from tests.stack import Stack

RULES = 14
SKUS = rule_dice.WORDS[Field.SKU]


def main() -> int:
    ask = figure.Asked(__doc__)
    ask.add_argument("--orders", type=int, default=None, help="orders of each merchant (150; long: 1,000)")
    ask.add_argument("--merchants", type=int, default=None, help="lists of rules (4; long: 12)")
    given = ask.answered()
    found, dice = Figure("routing"), random.Random(given.seed)
    orders = given.orders or (1_000 if given.long else 150)
    merchants = given.merchants or (12 if given.long else 4)
    with Stack(workers=0, relay=False, sandbox=False, durable=False) as stack, stack.app.app_context():
        wrong, ends = 0, set[str]()
        for number in range(merchants):
            with acting_for(parts.merchant(f"Merchant {number}")):
                wrong += _wrong(dice, orders, ends, control=given.control)
            db.session.remove()
            say(f"{number + 1} of {merchants} lists of rules rehearsed and routed: {wrong} orders differ")
    found.must(wrong == 0, f"{wrong} orders did not go where the rehearsal said")
    found.must(len(ends) >= 3, f"the orders came to all kinds of ends, not only to {', '.join(sorted(ends))}")
    return found.end(
        f"{merchants} lists of {RULES} rules, {merchants * orders} orders that ended {', '.join(sorted(ends))}: "
        f"{wrong} differ from their rehearsal"
    )


def _wrong(dice: random.Random, orders: int, ends: set[str], *, control: bool) -> int:
    """How many orders of one merchant went elsewhere than the rehearsal said."""
    plugins = [routed.plugin("All", SKUS, default=True).id, routed.plugin("Some", SKUS[:2]).id]
    made = [_order(dice) for _ in range(orders)]
    for _ in range(RULES):
        _rule(dice, plugins)
    store_id = routed.the_store().id
    foretold = _foretold(store_id, orders)
    if control:
        _swap(store_id, foretold)
    _route()
    happened = {
        row.order_id: (Place(row.stage, row.connection_id, row.rule_id), tuple(row.tags))
        for row in db.session.scalars(sa.select(RoutingDecision).where(RoutingDecision.merchant_id == whose()))
    }
    ends |= {place.stage.value for place, _ in happened.values()}
    return sum(foretold[each] != happened.get(each) for each in made)


def _foretold(store_id: uuid.UUID, orders: int) -> dict[uuid.UUID, tuple[Place, tuple[str, ...]]]:
    found = rule_rehearsal.rehearse(store_id, rules.active_texts(store_id), last=orders)
    return {each.order.id: (Place.of(each.decision), each.decision.tags) for each in found.decided}


def _swap(store_id: uuid.UUID, foretold: dict[uuid.UUID, Any]) -> None:
    """The first rule that took an order goes behind all others."""
    took = {place.rule for place, _ in foretold.values()}
    listed = rules.of_store(store_id)
    first = next(each for each in listed if each.id in took)
    for _ in listed:
        rules.move(first, 1, LINTAS)


def _order(dice: random.Random) -> uuid.UUID:
    facts = rule_dice.facts(dice)
    return routed.order(
        *facts.skus,
        quantity=facts.quantity,
        tags=list(facts.tags),
        total_minor=facts.value.minor if facts.value else None,
        currency=facts.currency,
        country=facts.country,
        province=facts.province,
        postcode=facts.postcode,
        paid_on_delivery=facts.payment == "on_delivery",
        shipping_service=facts.service,
    )


def _rule(dice: random.Random, plugins: list[uuid.UUID]) -> None:
    """A rule as a merchant might write it; channels are left out, for these orders were typed here."""
    said = rule_dice.rule(dice, plugins)
    kept = [each.as_kept() for each in said.conditions if each.field is not Field.CHANNEL]
    if kept:
        rules.add(
            routed.the_store(), Draft(said.name, kept, said.action, said.plugin, said.text, said.fall_back), LINTAS
        )


def _route() -> None:
    verbs: dict[str, work.Verb] = {"route": routing.carry_out, "links_changed": relinking.carry_out}
    while work.drain(work.house_lane(whose()), verbs):
        pass


if __name__ == "__main__":
    figure.run(main)
