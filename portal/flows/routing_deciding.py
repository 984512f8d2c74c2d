"""Deciding for many orders at once, and keeping it: the decision with its reasons, the order, the planned shipment."""

import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value

from portal.flows import notices, order_events, planning, routing_facts, work
from portal.flows.order_events import Happened
from portal.flows.routing_facts import Known, Plugin
from portal.flows.rule_match import Decision, Facts, Rulebook, decide, told
from portal.kit.clock import now
from portal.kit.db import array, db, whose
from portal.kit.ids import new_id
from portal.models import Connection, Order, OrderStage, Store

ROUTED = "routed"
NEEDS_PLUGIN, BLOCKED = "needs_plugin", "orders_not_routed"
MOST_COUNTED = 1_000

DECISIONS = sa.text(
    """
    insert into routing_decision (merchant_id, id, order_id, stage, rule_id, rule_version, connection_id, cause, text,
        tried, tags, who, at)
    select :merchant, r.*, :who, cast(:moment as timestamptz)
    from unnest(cast(:ids as uuid[]), cast(:orders as uuid[]), cast(:stages as text[]), cast(:rules as uuid[]),
        cast(:versions as int[]), cast(:plugins as uuid[]), cast(:causes as text[]), cast(:texts as text[]),
        cast(:tried as jsonb[]), cast(:tags as jsonb[])) as r
    """
)
ORDERS = sa.text(
    """
    update orders set stage = r.stage, stage_why = r.why,
        tags = array(select jsonb_array_elements_text(r.tags)), changed_at = cast(:moment as timestamptz)
    from unnest(cast(:orders as uuid[]), cast(:stages as text[]), cast(:whys as text[]), cast(:tags as jsonb[]))
        as r(id, stage, why, tags)
    where orders.merchant_id = :merchant and orders.id = r.id
    """
)
# Held in the order of the ids first, as everybody holds orders.
LET_GO = sa.text(
    """
    with lost as (
        select id from orders where merchant_id = :merchant and store_id = :store and stage = 'needs_plugin'
        order by id for no key update
    )
    update orders set stage = 'pending', stage_why = '' from lost
    where orders.merchant_id = :merchant and orders.id = lost.id
    """
)
STUCK = sa.text(
    """
    select
        (select count(*) from (select from orders where merchant_id = :merchant and stage = 'needs_plugin'
            and store_id = :store limit :most) n) as needs,
        (select count(*) from (select from orders where merchant_id = :merchant and stage = 'blocked'
            and store_id = :store and stage_why = any(cast(:causes as text[])) limit :most) b) as blocked
    """
)


@dataclass(frozen=True, slots=True)
class Decided:
    """One order with what was known of it and where it shall go."""

    order: Order
    facts: Facts
    decision: Decision


def decide_all(orders: Sequence[Order], book: Rulebook, plugins: Mapping[uuid.UUID, Plugin]) -> list[Decided]:
    """Where these orders of one store go by these rules; nothing is written."""
    if not orders:
        return []
    known, default = Known(orders, plugins), routing_facts.default_of(plugins)
    found = []
    for order in orders:
        facts = known.facts(order)
        found.append(Decided(order, facts, decide(book, facts, default, partial(known.hindrance, order.id))))
    return found


def keep(store_id: uuid.UUID, decided: Sequence[Decided], plugins: Mapping[uuid.UUID, Plugin], who: str = "") -> None:
    """Keep decisions in the open transaction that holds the orders, and plan the shipments of those that go somewhere.

    `who` is "" where the house decided by itself.
    """
    if not decided:
        return
    write(decided, who)
    order_events.add([_event(each, plugins) for each in decided], who)
    bound: dict[uuid.UUID, list[Order]] = defaultdict(list)
    for each in decided:
        if each.decision.stage is OrderStage.ASSIGNED and each.decision.plugin is not None:
            bound[each.decision.plugin].append(each.order)
    for connection in _connections(bound):
        planning.plan(bound[connection.id], connection)
    tell(store_id)


def write(decided: Sequence[Decided], who: str) -> None:
    """Write the decisions and where the orders stand: two statements, however many there are."""
    moment = now()
    orders = array(each.order.id for each in decided)
    stages = array(each.decision.stage.value for each in decided)
    tags = array(json.dumps(list(each.decision.tags)) for each in decided)
    db.session.execute(DECISIONS, {**_decisions(decided), "orders": orders, "stages": stages, "tags": tags, "who": who})
    whys = [why_of(each.decision) for each in decided]
    values = {"merchant": whose(), "moment": moment, "orders": orders, "stages": stages, "tags": tags}
    db.session.execute(ORDERS, {**values, "whys": array(whys)})
    for each, why in zip(decided, whys, strict=True):
        # The rows were written past the objects, which whoever plans reads next.
        for name, value in (("stage", each.decision.stage), ("stage_why", why), ("tags", list(each.decision.tags))):
            set_committed_value(each.order, name, value)


def _decisions(decided: Sequence[Decided]) -> dict[str, Any]:
    made = [each.decision for each in decided]
    return {
        "merchant": whose(),
        "moment": now(),
        "ids": array(new_id() for _ in made),
        "rules": array(each.rule.id if each.rule else None for each in made),
        "versions": array(each.rule.version if each.rule else None for each in made),
        "plugins": array(each.plugin for each in made),
        "causes": array(each.cause for each in made),
        "texts": array(each.text or each.detail for each in made),
        "tried": array(told(each.decision.tried, each.facts) for each in decided),
    }


def why_of(decision: Decision) -> str:
    """Why an order stands where it does: a cause, or the words of the rule that holds or leaves it out."""
    return "" if decision.stage is OrderStage.ASSIGNED else decision.text or decision.cause


def _event(each: Decided, plugins: Mapping[uuid.UUID, Plugin]) -> Happened:
    decision = each.decision
    plugin = plugins.get(decision.plugin) if decision.plugin else None
    values = {
        "stage": decision.stage.value,
        "rule": decision.rule.name if decision.rule else "",
        "plugin": plugin.name if plugin else "",
        "why": decision.text or decision.cause,
    }
    return Happened(each.order.id, ROUTED, values)


def _connections(ids: Collection[uuid.UUID]) -> Sequence[Connection]:
    if not ids:
        return []
    query = sa.select(Connection).where(Connection.merchant_id == whose(), Connection.id.in_(ids))
    return db.session.scalars(query.order_by(Connection.id)).all()


def tell(store_id: uuid.UUID) -> None:
    """Tell once for a store how many orders have no plugin to go to and how many are blocked; nothing where none is."""
    values = {
        "merchant": whose(),
        "store": store_id,
        "causes": array(routing_facts.CAUSES),
        "most": MOST_COUNTED,
    }
    stuck = db.session.execute(STUCK, values).one()
    for cause, number in ((NEEDS_PLUGIN, stuck.needs), (BLOCKED, stuck.blocked)):
        if number:
            name = db.session.get_one(Store, (whose(), store_id)).name
            notices.tell("store", store_id, cause, name=name, count=number, store=str(store_id))
        else:
            notices.clear("store", store_id, cause)


def wake(store_id: uuid.UUID) -> None:
    """Have the orders of a store that wait for routing routed, after the open transaction."""
    work.add("route", work.house_lane(whose()), str(store_id), {"store": str(store_id)}, priority=3)


def default_was_set(store_id: uuid.UUID) -> None:
    """A store has a default plugin, in the open transaction: the orders that had nowhere to go are routed again."""
    db.session.execute(LET_GO, {"merchant": whose(), "store": store_id})
    notices.clear("store", store_id, NEEDS_PLUGIN)
    wake(store_id)


def by_hand(order: Order, stage: OrderStage, **said: Any) -> Decided:
    """A person's own decision for an order."""
    return Decided(order, Facts(), Decision(stage, tags=tuple(order.tags), **said))
