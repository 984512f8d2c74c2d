"""Trying rules before they are saved: what they would have done with the last orders of a store.

It decides by the same function, from the same facts, as routing itself; only nothing is written.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import defer

from portal.flows import routing_deciding, routing_facts, rules
from portal.flows.routing_deciding import Decided
from portal.flows.rule_match import Decision, Rulebook, RuleText, unreachable
from portal.kit.db import array, db, whose
from portal.models import Order, OrderStage, Rule, RuleAction

LAST = 1_000
MOST_SHOWN = 50

WENT = sa.text(
    """
    select distinct on (order_id) order_id, stage, connection_id, rule_id from routing_decision
    where merchant_id = :merchant and order_id = any(cast(:orders as uuid[])) and stage <> 'pending'
    order by order_id, at desc, id desc
    """
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an order goes or went: its stage, the plugin, and the rule; None for the default plugin and for none."""

    stage: OrderStage
    plugin: uuid.UUID | None = None
    rule: uuid.UUID | None = None

    @classmethod
    def of(cls, decision: Decision) -> "Place":
        """The place that a decision leads to."""
        return cls(decision.stage, decision.plugin, decision.rule.id if decision.rule else None)

    def same_as(self, other: "Place") -> bool:
        """Whether an order goes the same way, whichever rule says so."""
        return (self.stage, self.plugin) == (other.stage, other.plugin)


@dataclass(frozen=True, slots=True)
class Moved:
    """One order that would go elsewhere than it went; `went` is None for one that was never routed."""

    order_id: uuid.UUID
    number: str
    went: Place | None
    goes: Place


@dataclass(frozen=True, slots=True)
class Overlap:
    """So many orders that one rule takes would be taken elsewhere by a later one, if the first were not there."""

    first: RuleText
    second: RuleText
    orders: int


@dataclass(slots=True)
class Rehearsal:
    """What a list of rules would do with the last orders of a store.

    `taken` counts by rule the orders that it decides or tags, `to_default` those that none does.  `stages` counts where
    all of them end.  `moved` are the first of those that would go elsewhere, `movers` how many there are of them;
    `fresh` is how many were never routed before.  `shadowed` names by rule the earlier one that leaves it nothing.
    """

    orders: int = 0
    taken: Counter[uuid.UUID] = field(default_factory=Counter)
    to_default: int = 0
    stages: Counter[OrderStage] = field(default_factory=Counter)
    moved: list[Moved] = field(default_factory=list)
    movers: int = 0
    fresh: int = 0
    shadowed: Mapping[uuid.UUID, RuleText] = field(default_factory=dict)
    overlaps: list[Overlap] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)


def with_change(store_id: uuid.UUID, rule: Rule | None, said: RuleText) -> list[RuleText]:
    """The active rules of a store as they would be with this one saved: in its place, or as a new one at the end."""
    listed = [
        said if rule is not None and each.id == rule.id else rules.as_text(each)
        for each in rules.of_store(store_id)
        if each.is_active or (rule is not None and each.id == rule.id)
    ]
    return listed if rule is not None else [*listed, said]


def rehearse(store_id: uuid.UUID, listed: Sequence[RuleText], last: int = LAST) -> Rehearsal:
    """Try these rules on the last orders of a store, whatever became of them.  Nothing is written."""
    query = sa.select(Order).where(Order.merchant_id == whose(), Order.store_id == store_id)
    query = query.order_by(Order.placed_at.desc(), Order.id.desc()).limit(last).options(defer(Order.sealed))
    orders = db.session.scalars(query).all()
    book = Rulebook(listed)
    found = Rehearsal(orders=len(orders), shadowed=unreachable(listed))
    found.decided = routing_deciding.decide_all(orders, book, routing_facts.plugins_of(store_id))
    _count(found, _went(orders))
    found.overlaps = _overlaps(book, found.decided)
    return found


def _went(orders: Sequence[Order]) -> dict[uuid.UUID, Place]:
    rows = db.session.execute(WENT, {"merchant": whose(), "orders": array(each.id for each in orders)})
    return {row.order_id: Place(OrderStage(row.stage), row.connection_id, row.rule_id) for row in rows}


def _count(found: Rehearsal, went: Mapping[uuid.UUID, Place]) -> None:
    for each in found.decided:
        place = Place.of(each.decision)
        found.stages[place.stage] += 1
        held = [t.rule.id for t in each.decision.tried if t.failed is None and not t.passed_over]
        found.taken.update(held)
        found.to_default += each.decision.rule is None
        before = went.get(each.order.id)
        if before is None:
            found.fresh += 1
        elif not before.same_as(place):
            found.movers += 1
            if len(found.moved) < MOST_SHOWN:
                found.moved.append(Moved(each.order.id, each.order.number, before, place))


def _overlaps(book: Rulebook, decided: Sequence[Decided]) -> list[Overlap]:
    """Pairs of rules that want the same orders for different ends, those with the most orders first."""
    texts = {each.id: each for each in book.rules}
    wanted: Counter[tuple[uuid.UUID, uuid.UUID]] = Counter()
    for each in decided:
        taken = each.decision.rule
        if taken is None:
            continue
        later = False
        for rule in book.taking(each.facts):
            if later and rule.action is not RuleAction.TAG and _end(rule) != _end(taken):
                wanted[taken.id, rule.id] += 1
            later = later or rule.id == taken.id
    return [Overlap(texts[first], texts[second], number) for (first, second), number in wanted.most_common(MOST_SHOWN)]


def _end(rule: RuleText) -> tuple[RuleAction, uuid.UUID | None]:
    return rule.action, rule.plugin
