"""Orders find their plugin: by the rules, by the default, or by hand; and every decision is kept with its reasons."""

import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import defer

from portal.contract.records import OrderStatus
from portal.flows import audit, order_events, planning, routing_deciding, routing_facts, rules, work
from portal.flows.audit import By
from portal.flows.order_events import Happened
from portal.flows.routing_deciding import Decided, by_hand
from portal.flows.rule_match import Rulebook
from portal.flows.work import Again, Claim, Outcome
from portal.kit.db import array, db, whose
from portal.kit.errors import Refusal
from portal.models import LEFT, UNSENT, Connection, Order, OrderStage, ShipmentState

PIECE = 500
# Somebody else holds the orders that are left for a moment.
HELD_ELSEWHERE = 1.0
CONFIRMED, BY_HAND = "confirmed", "by_hand"
LONGEST_WHY = 200

# In these a channel has something for us to ship; one that is partly shipped is seen through by a person.
ROUTED = (OrderStatus.TO_SHIP, OrderStatus.READY_TO_SHIP)
WANTED = (*ROUTED, OrderStatus.PARTLY_SHIPPED)
OVER = (*LEFT, OrderStatus.CANCELLED, OrderStatus.REFUNDED, OrderStatus.UNFULFILLABLE)
GONE = (ShipmentState.LEFT, ShipmentState.DONE)
# Where an order can be taken from as long as nothing was sent.
LOOSE = (OrderStage.PENDING, OrderStage.CONFIRM, OrderStage.NEEDS_PLUGIN, OrderStage.BLOCKED, OrderStage.ASSIGNED)
AGAIN = (OrderStage.PENDING, OrderStage.NEEDS_PLUGIN, OrderStage.BLOCKED, OrderStage.ASSIGNED)

LOOK = sa.text(
    """
    select o.id, o.store_id, o.status, o.stage, o.by_channel,
        coalesce(c.options ->> 'confirm_first' = 'true', false) and o.stage = 'pending'
            and not exists (select from routing_decision d where d.merchant_id = o.merchant_id and d.order_id = o.id)
            and not exists (select from order_event e where e.merchant_id = o.merchant_id and e.order_id = o.id
                and e.what = :confirmed) as asks,
        h.state as shipment
    from orders o
    left join connection c on c.merchant_id = o.merchant_id and c.id = o.connection_id
    left join shipment_order s on s.merchant_id = o.merchant_id and s.order_id = o.id and s.live
    left join shipment h on h.merchant_id = s.merchant_id and h.id = s.shipment_id
    where o.merchant_id = :merchant and o.id = any(cast(:orders as uuid[]))
    order by o.id
    """
)
STAGE = sa.text(
    """
    update orders set stage = :stage, stage_why = ''
    where merchant_id = :merchant and id = any(cast(:orders as uuid[]))
    """
)
SHIPMENTS = sa.text(
    """
    select s.order_id, h.state, h.connection_id
    from shipment_order s
    join shipment h on h.merchant_id = s.merchant_id and h.id = s.shipment_id
    where s.merchant_id = :merchant and s.order_id = any(cast(:orders as uuid[])) and s.live
    order by h.id, s.order_id
    """
)
HELD_SHIPMENTS = sa.text(f"{SHIPMENTS.text} for update of h")


def consider(order_ids: Collection[uuid.UUID]) -> None:
    """What has to be when orders are new or their status has changed, in the open transaction that holds them.

    Those that want shipping are routed after it, or wait for the merchant's word first; those that are over are done;
    whoever ships is told of those in a shipment that are no longer to be shipped.
    """
    if not order_ids:
        return
    values = {"merchant": whose(), "orders": array(sorted(order_ids)), "confirmed": CONFIRMED}
    seen = db.session.execute(LOOK, values).all()
    over = {each.value for each in OVER}
    done = [
        row for row in seen if row.status in over and row.stage != OrderStage.DONE and row.shipment in (None, *GONE)
    ]
    _put(done, OrderStage.DONE)
    back = [row for row in seen if _wants(row) and row.stage == OrderStage.DONE and row.shipment is None]
    _put(back, OrderStage.PENDING)
    waiting = [row for row in seen if _wants(row) and row.stage == OrderStage.PENDING]
    _put([row for row in waiting if row.asks], OrderStage.CONFIRM)
    routed = [row for row in waiting if not row.asks] + back
    for store_id in sorted({row.store_id for row in routed}):
        routing_deciding.wake(store_id)
    stuck = (OrderStage.NEEDS_PLUGIN, OrderStage.BLOCKED)
    for store_id in sorted({row.store_id for row in done if row.stage in stuck}):
        routing_deciding.tell(store_id)
    wanted = {each.value for each in WANTED}
    # Also what left before its channel ended it: that it was too late has to be said.
    ended = {each.value for each in OVER} - {each.value for each in LEFT}
    lost = [row.id for row in seen if row.shipment and (row.status in ended or _is_lost(row, wanted))]
    if lost:
        _follow(lost)


def _is_lost(row: Any, wanted: Collection[str]) -> bool:
    return row.shipment not in GONE and (row.by_channel or (bool(row.status) and row.status not in wanted))


def _follow(order_ids: Collection[uuid.UUID]) -> None:
    from portal.flows import cancelling  # It has what is left of a cancelled shipment routed by this module.

    cancelling.follow(order_ids)


def _wants(row: Any) -> bool:
    return row.status in {each.value for each in ROUTED} and not row.by_channel


def _put(rows: Sequence[Any], stage: OrderStage) -> None:
    if rows:
        values = {"merchant": whose(), "stage": stage.value, "orders": array(row.id for row in rows)}
        db.session.execute(STAGE, values)
        _expire({row.id for row in rows})


def _expire(ids: Collection[uuid.UUID]) -> None:
    """The rows were written past the objects of the session."""
    for known in db.session.identity_map.values():
        if isinstance(known, Order) and known.id in ids:
            db.session.expire(known, ["stage", "stage_why"])


def waits_for(order: Order) -> str:
    """Why an order is not routed, as a slug; "" where it is or is about to be."""
    if order.stage is not OrderStage.PENDING or (order.status in ROUTED and not order.by_channel):
        return ""
    if order.by_channel:
        return "by_channel"
    return order.status.value if order.status else "unmapped"


def _routable(store_id: uuid.UUID) -> Any:
    """Orders of a store that wait to be routed, the oldest first."""
    return (
        sa.select(Order)
        .where(
            Order.merchant_id == whose(),
            Order.stage == OrderStage.PENDING,
            Order.store_id == store_id,
            Order.status.in_(ROUTED),
            Order.by_channel.is_(False),
        )
        .order_by(Order.placed_at, Order.id)
    )


def carry_out(claimed: Claim) -> Outcome:
    """Work: route the waiting orders of a store, one batch in each transaction.

    The last look is taken while the work's row is held, so that whoever asks meanwhile asks for work that is new.
    """
    store_id = uuid.UUID(claimed.body["store"])
    if _route_some(store_id):
        return Again()
    work.hold(claimed)
    left = db.session.scalar(sa.select(_routable(store_id).exists()))
    return Again(HELD_ELSEWHERE) if left else None


def _route_some(store_id: uuid.UUID) -> int:
    query = _routable(store_id).limit(PIECE).with_for_update(skip_locked=True)
    orders = db.session.scalars(query.options(defer(Order.sealed))).all()
    if orders:
        plugins = routing_facts.plugins_of(store_id)
        book = Rulebook(rules.active_texts(store_id))
        routing_deciding.keep(store_id, routing_deciding.decide_all(orders, book, plugins), plugins)
    return len(orders)


@dataclass(slots=True)
class Deed:
    """What came of something that was done with several orders: how many it was done with, and why not the others."""

    done: int = 0
    left: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Held:
    """Orders that the open transaction holds, with the live shipment of each that has one."""

    orders: Sequence[Order]
    shipments: Mapping[uuid.UUID, Any]

    def sent(self, order: Order) -> bool:
        """Whether a warehouse has heard of the order."""
        row = self.shipments.get(order.id)
        return row is not None and row.state not in {each.value for each in UNSENT}


def _hold_all(orders: Sequence[Order]) -> _Held:
    """Hold the orders, then their shipments, each by id, and read them anew."""
    ids = sorted(each.id for each in orders)
    query = sa.select(Order).where(Order.merchant_id == whose(), Order.id.in_(ids)).order_by(Order.id)
    fresh = query.with_for_update().options(defer(Order.sealed)).execution_options(populate_existing=True)
    held = db.session.scalars(fresh).all()
    return _Held(held, _shipments(held, HELD_SHIPMENTS))


def _shipments(orders: Sequence[Order], query: sa.TextClause = SHIPMENTS) -> dict[uuid.UUID, Any]:
    """The live shipment of each order that has one."""
    rows = db.session.execute(query, {"merchant": whose(), "orders": array(each.id for each in orders)})
    return {row.order_id: row for row in rows}


def hold(orders: Sequence[Order], why: str, by: By) -> Deed:
    """Keep orders here until somebody lets them go; those that a warehouse knows already stay.  Raises Refusal."""
    return _set_aside(orders, OrderStage.HELD, why, by)


def exclude(orders: Sequence[Order], why: str, by: By) -> Deed:
    """Leave orders out of routing: somebody else ships them.  Raises Refusal."""
    return _set_aside(orders, OrderStage.EXCLUDED, why, by)


def _set_aside(orders: Sequence[Order], stage: OrderStage, why: str, by: By) -> Deed:
    text = why.replace("\0", "").strip()
    if not 1 <= len(text) <= LONGEST_WHY:
        raise Refusal("reason_length", "why", longest=LONGEST_WHY)

    def judge(order: Order, held: _Held) -> str:
        from_where = (*LOOSE, OrderStage.HELD, OrderStage.EXCLUDED)
        return _not_loose(order, held) if order.stage in from_where else _stands(order)

    return _each(orders, by, judge, lambda order: by_hand(order, stage, cause=BY_HAND, text=text), why=text)


def let_go(orders: Sequence[Order], by: By) -> Deed:
    """Take orders out of a hold or an exclusion: they are routed, and rules that would hold them are passed over."""

    def judge(order: Order, held: _Held) -> str:
        return "" if order.stage in {OrderStage.HELD, OrderStage.EXCLUDED} else _stands(order)

    return _each(
        orders, by, judge, lambda order: by_hand(order, OrderStage.PENDING, cause=routing_facts.LET_GO), then=consider
    )


def confirm(orders: Sequence[Order], by: By) -> Deed:
    """Say that orders of a channel that asks first may be routed."""
    held = _hold_all(orders)
    deed, ready = Deed(), []
    for order in held.orders:
        if order.stage is OrderStage.CONFIRM:
            order.stage = OrderStage.PENDING
            ready.append(order)
        else:
            deed.left[_stands(order)] += 1
    db.session.flush()
    order_events.add([Happened(each.id, CONFIRMED) for each in ready], by.name)
    _note(by, "orders_confirmed", ready)
    consider([each.id for each in ready])
    db.session.commit()
    deed.done = len(ready)
    return deed


def send_to(orders: Sequence[Order], plugin: Connection, by: By) -> Deed:
    """Give orders of one store to a plugin of that store, whatever the rules say; those that it cannot send stay."""
    known = routing_facts.Known(orders, routing_facts.plugins_of(plugin.store_id))

    def judge(order: Order, held: _Held) -> str:
        if order.store_id != plugin.store_id:
            return "other_store"
        if order.stage is OrderStage.DONE or order.by_channel or order.status not in ROUTED:
            return _stands(order)
        hindered = known.hindrance(order.id, plugin.id)
        return _not_loose(order, held) or (hindered.cause if hindered else "")

    def decided(order: Order) -> Decided:
        return by_hand(order, OrderStage.ASSIGNED, plugin=plugin.id, cause=BY_HAND)

    return _each(orders, by, judge, decided)


def _each(
    orders: Sequence[Order],
    by: By,
    judge: Callable[[Order, _Held], str],
    decided: Callable[[Order], Decided],
    *,
    why: str = BY_HAND,
    then: Callable[[Collection[uuid.UUID]], None] | None = None,
) -> Deed:
    """Do one thing by hand with every order that `judge` has nothing against, and commit."""
    held = _hold_all(orders)
    deed, taken = Deed(), []
    for order in held.orders:
        if against := judge(order, held):
            deed.left[against] += 1
        else:
            taken.append(order)
    _apply(held, [decided(each) for each in taken], by, why)
    if then is not None:
        then([each.id for each in taken])
    db.session.commit()
    deed.done = len(taken)
    return deed


def _apply(held: _Held, decided: Sequence[Decided], by: By, why: str) -> None:
    """Take the orders out of the shipments that they wait in, and keep what was decided, store by store."""
    waiting = [each.order.id for each in decided if each.order.id in held.shipments]
    if waiting:
        planning.take_out(waiting, why)
    for store_id in sorted({each.order.store_id for each in decided}):
        here = [each for each in decided if each.order.store_id == store_id]
        routing_deciding.keep(store_id, here, routing_facts.plugins_of(store_id), by.name)
    _note(by, "orders_routed_by_hand", [each.order for each in decided])


def _note(by: By, what: str, orders: Sequence[Order]) -> None:
    """One note for each store: how many orders, and their numbers."""
    for store_id in sorted({each.store_id for each in orders}):
        numbers = [each.number for each in orders if each.store_id == store_id]
        said = {"orders": numbers, "stage": orders[0].stage.value}
        name = ", ".join(numbers[:3]) + ("…" if len(numbers) > 3 else "")
        audit.note(by, what, "store", store_id, name=name, store_id=store_id, after=said)


def _not_loose(order: Order, held: _Held) -> str:
    return "already_sent" if held.sent(order) else ""


def _stands(order: Order) -> str:
    """Why nothing is done with an order, by where it stands."""
    if order.by_channel:
        return "by_channel"
    if order.status not in ROUTED:
        return f"status_{order.status.value}" if order.status else "unmapped"
    return f"stage_{order.stage.value}"


@dataclass(frozen=True, slots=True)
class Move:
    """An order that the rules of now would send elsewhere than it goes; a plugin's id is None where it has none."""

    order: Order
    from_stage: OrderStage
    from_plugin: uuid.UUID | None
    to: Decided


def preview_again(orders: Sequence[Order]) -> list[Move]:
    """Which of these orders would go elsewhere if they were routed again now; nothing is changed."""
    return _moves(_Held(orders, _shipments(orders)))


def _moves(held: _Held) -> list[Move]:
    eligible = [
        each
        for each in held.orders
        if each.stage in AGAIN and each.status in ROUTED and not each.by_channel and not held.sent(each)
    ]
    last = last_plugins([each.id for each in eligible])
    moves = []
    for store_id in sorted({each.store_id for each in eligible}):
        here = [each for each in eligible if each.store_id == store_id]
        book = Rulebook(rules.active_texts(store_id))
        for found in routing_deciding.decide_all(here, book, routing_facts.plugins_of(store_id)):
            row = held.shipments.get(found.order.id)
            plugin = row.connection_id if row is not None else last.get(found.order.id)
            move = Move(found.order, found.order.stage, plugin, found)
            if (move.from_stage, plugin) != (found.decision.stage, found.decision.plugin):
                moves.append(move)
    return moves


def last_plugins(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID | None]:
    """The plugin that the newest decision of each order names."""
    query = sa.text(
        """
        select distinct on (order_id) order_id, connection_id from routing_decision
        where merchant_id = :merchant and order_id = any(cast(:orders as uuid[]))
        order by order_id, at desc, id desc
        """
    )
    rows = db.session.execute(query, {"merchant": whose(), "orders": array(order_ids)})
    return {row.order_id: row.connection_id for row in rows}


def route_again(orders: Sequence[Order], by: By) -> Deed:
    """Have the rules of now decide for orders that no warehouse knows yet; those that would stay are left alone."""
    held = _hold_all(orders)
    moves = _moves(held)
    _apply(held, [each.to for each in moves], by, "routed_again")
    db.session.commit()
    moved = {each.order.id for each in moves}
    left = Counter("already_sent" if held.sent(each) else "stays" for each in held.orders if each.id not in moved)
    return Deed(len(moves), left)
