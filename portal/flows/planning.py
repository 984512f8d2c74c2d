"""Which orders travel together: shipments are merged, orders never are.

Orders that go to one recipient at one address through one plugin wait for each other for a while; until a plugin has
been asked, each may leave again.  Every condition under which they may travel together stands in `merge_key`.
"""

import hashlib
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.contract.options import Options
from portal.flows import audit, order_events, shipments, work
from portal.flows.audit import By
from portal.flows.order_events import Happened
from portal.flows.shipments import SEND, hold_orders, hold_shipments, join, leave, members, note, of_orders, stage
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.kit.ids import new_id
from portal.models import (
    TO_SHIP,
    UNSENT,
    Connection,
    Order,
    OrderEvent,
    OrderStage,
    Shipment,
    ShipmentState,
)
from portal.models.work import work_key

MOST_TOGETHER = 15
# In minutes: nobody's order waits longer than a day for another.
LONGEST_WINDOW = 24 * 60
# A parcel that waits for another order leaves so long before the first of them is due.
SAFETY = timedelta(hours=1)
UNMERGED = "unmerged"


@dataclass(slots=True)
class Group:
    """A shipment that waits, and what of its orders decides who may join."""

    shipment: Shipment
    orders: list[Order]

    def until(self, window: timedelta) -> datetime:
        """How long these orders wait for others: the window from the first on, unless one of them is due before."""
        ends = min(each.placed_at for each in self.orders) + window
        due = [each.ship_by - SAFETY for each in self.orders if each.ship_by]
        return min([ends, *due])

    def takes(self, order: Order, window: timedelta) -> bool:
        """Whether an order that agrees in all else may still join."""
        placed = [each.placed_at for each in (*self.orders, order)]
        due = [each.ship_by - SAFETY for each in (*self.orders, order) if each.ship_by]
        in_time = all(each > now() for each in due)
        return len(self.orders) < MOST_TOGETHER and max(placed) - min(placed) <= window and in_time


def plan(orders: Sequence[Order], plugin: Connection) -> None:
    """Give each order a shipment of this plugin, in the open transaction that holds the orders.

    An order joins a shipment that waits for it where the channel's options allow it, and has one of its own otherwise.
    One that is in a shipment already stays there.
    """
    placed = of_orders([each.id for each in orders])
    fresh = sorted((each for each in orders if each.id not in placed), key=lambda each: (each.placed_at, each.id))
    if not fresh:
        return
    options, alone = _options(fresh), _unmerged(fresh)
    keys = {each.id: None if each.id in alone else merge_key(each, plugin, options) for each in fresh}
    groups = _waiting(each for each in keys.values() if each is not None)
    touched: dict[uuid.UUID, Group] = {}
    for order in fresh:
        key, window = keys[order.id], _window(order, options)
        group = next((each for each in groups.get(key, ()) if each.takes(order, window)), None) if key else None
        if group is None:
            group = Group(_made(order, plugin, key), [])
            if key:
                groups.setdefault(key, []).append(group)
        group.orders.append(order)
        touched[group.shipment.id] = group
        waits = group.until(window) if key else now()
        group.shipment.send_after = max(now(), waits)
    db.session.flush()
    shipments.join_all(
        [(group.shipment.id, each.id) for group in touched.values() for each in group.orders if each.id in keys]
    )
    _tell_planned(touched.values(), plugin, set(keys))
    stage(fresh, OrderStage.ASSIGNED)
    shipments.add_work(SEND, plugin, {each.shipment.id: each.shipment.send_after for each in touched.values()})


def _made(order: Order, plugin: Connection, key: bytes | None, send_after: datetime | None = None) -> Shipment:
    made_id = new_id()
    made = Shipment(
        merchant_id=whose(),
        id=made_id,
        store_id=order.store_id,
        connection_id=plugin.id,
        reference=shipments.reference_of(made_id),
        state=ShipmentState.PLANNED,
        merge_key=key,
        send_after=send_after or now(),
        status=None,
    )
    db.session.add(made)
    return made


def _tell_planned(groups: Iterable[Group], plugin: Connection, fresh: Collection[uuid.UUID]) -> None:
    """All of it in one statement, however many orders there are."""
    told: list[Happened] = []
    for group in groups:
        mine = [each.id for each in group.orders if each.id in fresh]
        others = [each.id for each in group.orders if each.id not in fresh]
        until = group.shipment.send_after.isoformat() if group.shipment.merge_key else ""
        told += [Happened(each, "planned", {"plugin": plugin.name, "until": until}) for each in mine]
        if len(group.orders) > 1:
            numbers = [each.number for each in group.orders]
            told += [Happened(each, "merged", {"numbers": numbers}) for each in (*mine, *others)]
    order_events.add(told)


# --- who may travel together ------------------------------------------------------------------------------------------


def merge_key(order: Order, plugin: Connection, options: Mapping[uuid.UUID, Options]) -> bytes | None:
    """What orders must agree in to be merged by themselves; None for one that never is."""
    said = options.get(order.connection_id) if order.connection_id else None
    if said is None or not said.auto_merge or not (said.merge_customer or said.merge_address):
        return None
    if order.gift or order.by_channel or order.recipient_key is None:
        return None
    # One parcel has one address, so that the recipient counts in any case.
    if not said.merge_address and order.customer_key is None:
        return None
    customer = b"" if said.merge_address else order.customer_key or b""
    parts = (
        *(str(each).encode() for each in (order.store_id, order.connection_id, plugin.id, order.currency)),
        order.shipping_service.encode("utf-8", "surrogatepass"),
        order.recipient_key,
        order.notes_key or b"",
        b"1" if order.paid_on_delivery else b"0",
        customer,
    )
    found = hashlib.blake2b(digest_size=16, key=whose().bytes, person=b"merge")
    for each in parts:
        found.update(len(each).to_bytes(4, "big") + each)
    return found.digest()


def why_apart(orders: Sequence[Order], groups: Sequence[Shipment]) -> str:
    """Why a person may not merge these orders, "" where nothing stands against it.  The window does not count."""
    if len(orders) < 2:
        return "merge_needs_two"
    if len(orders) > MOST_TOGETHER:
        return "merge_too_many"
    if any(each.connection_id is None or each.by_channel or each.gift for each in orders):
        return "merge_never"
    if any(each.recipient_key is None for each in orders):
        return "merge_no_recipient"
    if len({each.id for each in groups}) < 2:
        return "merge_is_one"
    if any(each.state is not ShipmentState.PLANNED for each in groups):
        return "merge_too_late"
    apart = next((reason for reason, of in SAME if len({of(each) for each in orders}) > 1), "")
    return apart or ("merge_other_plugin" if len({each.connection_id for each in groups}) > 1 else "")


# What orders of one parcel agree in, whoever merged them.
SAME: tuple[tuple[str, Callable[[Order], Any]], ...] = (
    ("merge_other_channel", lambda each: (each.store_id, each.connection_id)),
    ("merge_other_currency", lambda each: each.currency),
    ("merge_other_service", lambda each: each.shipping_service),
    ("merge_other_payment", lambda each: each.paid_on_delivery),
    ("merge_other_address", lambda each: each.recipient_key),
    ("merge_other_notes", lambda each: each.notes_key),
)


def strangers(orders: Sequence[Order]) -> list[Order]:
    """Those of one shipment that no longer agree with its first order: a channel told something else of one of them."""
    return [each for each in orders[1:] if any(of(each) != of(orders[0]) for _, of in SAME)]


def _options(orders: Sequence[Order]) -> dict[uuid.UUID, Options]:
    wanted = {each.connection_id for each in orders if each.connection_id}
    query = sa.select(Connection.id, Connection.options).where(
        Connection.merchant_id == whose(), Connection.id.in_(wanted)
    )
    return {row.id: Options.read(row.options) for row in db.session.execute(query)}


def _window(order: Order, options: Mapping[uuid.UUID, Options]) -> timedelta:
    said = options.get(order.connection_id) if order.connection_id else None
    return timedelta(minutes=min(said.merge_window, LONGEST_WINDOW) if said else 0)


def _unmerged(orders: Sequence[Order]) -> set[uuid.UUID]:
    """The orders that somebody took out of a merged shipment: they do not merge by themselves again."""
    query = sa.select(OrderEvent.order_id).where(
        OrderEvent.merchant_id == whose(),
        OrderEvent.order_id.in_([each.id for each in orders]),
        OrderEvent.what == UNMERGED,
    )
    return set(db.session.scalars(query))


def _waiting(keys: Iterable[bytes]) -> dict[bytes | None, list[Group]]:
    """The shipments that wait under these keys, with their orders, locked."""
    found: dict[bytes | None, list[Group]] = {}
    wanted = list(set(keys))
    if not wanted:
        return found
    held = hold_shipments(Shipment.merge_key.in_(wanted), Shipment.state == ShipmentState.PLANNED)
    inside = members(each.id for each in held)
    query = sa.select(Order).where(
        Order.merchant_id == whose(), Order.id.in_([one for each in inside.values() for one in each])
    )
    known = {each.id: each for each in db.session.scalars(query)}
    for each in held:
        mine = [known[one] for one in inside[each.id]]
        # One that holds an order which is to be taken out is on its way to nowhere.
        if mine and all(one.status in TO_SHIP for one in mine):
            found.setdefault(each.merge_key, []).append(Group(each, mine))
    return found


# --- leaving a shipment that nobody was asked for ---------------------------------------------------------------------


def take_out(order_ids: Collection[uuid.UUID], why: str, who: str = "", *, in_hand: bool = False) -> set[uuid.UUID]:
    """Take orders out of shipments that no plugin has, in the open transaction; gives those that were taken out.

    Those whose shipment was sent, or may have been, stay in it.  Where an order stands is for whoever asks to say.
    `in_hand` means that the shipment's own work asks: it ends by itself and is not taken back under its own feet.
    """
    orders = {each.id: each for each in hold_orders(order_ids)}
    placed = of_orders(orders)
    held = hold_shipments(Shipment.id.in_(set(placed.values())), Shipment.state.in_(UNSENT))
    inside, plugins, out = members(each.id for each in held), set(), set()
    for shipment in held:
        mine = [one for one, where in placed.items() if where == shipment.id]
        leave(shipment, mine)
        note(mine, "taken_out", who, why=why)
        out |= set(mine)
        plugins.add(shipment.connection_id)
        if set(inside[shipment.id]) <= set(mine):
            _drop(shipment, why, in_hand=in_hand)
    for each in plugins:
        shipments.tell(db.session.get_one(Connection, (whose(), each)))
    return out


def _drop(shipment: Shipment, why: str, *, in_hand: bool = False) -> None:
    """End a shipment that has no orders any more, in the open transaction."""
    shipment.move(ShipmentState.CANCELLED)
    shipment.cancel_why, shipment.ended_at = why, now()
    if not in_hand:
        work.withdraw(SEND, work_key(SEND, shipment.id))


def unmerge(shipment_id: uuid.UUID, by: By, only: uuid.UUID | None = None) -> None:
    """Let the orders of a merged shipment travel apart: one of them, or each.  They do not merge by themselves again.

    Raises Refusal once a plugin may have it.
    """
    held = shipments.hold(shipment_id)
    if held is None or len(held.orders) < 2:
        raise Refusal("not_merged")
    if held.shipment.state not in UNSENT:
        raise Refusal("already_sent")
    plugin = db.session.get_one(Connection, (whose(), held.shipment.connection_id))
    gone = [each for each in held.orders if each.id == only] if only else held.orders[1:]
    if not gone:
        raise Refusal("not_merged")
    leave(held.shipment, [each.id for each in gone])
    if len(held.orders) - len(gone) == 1:
        held.shipment.merge_key, held.shipment.send_after = None, now()
    apart = held.orders if len(held.orders) - len(gone) == 1 else gone
    note(apart, UNMERGED, by.name)
    send_apart(gone, plugin, by.name)
    shipments.add_work(SEND, plugin, {held.shipment.id: now()}, by.name)
    shipments.tell(plugin)
    audit.note_orders(by, "orders_unmerged", apart)
    db.session.commit()


def send_apart(orders: Sequence[Order], plugin: Connection, who: str = "") -> None:
    """A shipment for each of these orders, which are in none, due at once, in the open transaction that holds them."""
    made = [_made(each, plugin, None) for each in orders]
    db.session.flush()
    shipments.join_all([(one.id, each.id) for one, each in zip(made, orders, strict=True)])
    stage(orders, OrderStage.ASSIGNED)
    shipments.add_work(SEND, plugin, {one.id: one.send_after for one in made}, who)


def merge(order_ids: Collection[uuid.UUID], by: By) -> uuid.UUID:
    """Let orders travel together because a person says so; gives their shipment.  Raises Refusal with what forbids it.

    Every condition holds as for those that merge by themselves, but for the window.
    """
    before = members(set(of_orders(order_ids).values()))
    everybody = hold_orders({*order_ids, *(one for each in before.values() for one in each)})
    placed = of_orders([each.id for each in everybody])
    held = hold_shipments(Shipment.id.in_(set(placed.values())))
    inside = members(each.id for each in held)
    moved_meanwhile = {one for each in inside.values() for one in each} - {each.id for each in everybody}
    if moved_meanwhile or len(placed) < len(everybody) or any(each.status not in TO_SHIP for each in everybody):
        raise Refusal("merge_not_planned")
    if reason := why_apart(everybody, held):
        raise Refusal(reason, most=MOST_TOGETHER)
    target, others = held[0], held[1:]
    target.merge_key, target.send_after = None, max(each.send_after for each in held)
    for each in others:
        moved = [one for one in everybody if one.id in set(inside[each.id])]
        leave(each, inside[each.id])
        _drop(each, "merged")
        join(target, moved)
    note(everybody, "merged", by.name, numbers=[each.number for each in everybody])
    plugin = db.session.get_one(Connection, (whose(), target.connection_id))
    shipments.add_work(SEND, plugin, {target.id: target.send_after}, by.name)
    audit.note_orders(by, "orders_merged", everybody)
    db.session.commit()
    return target.id


def send_now(order_ids: Collection[uuid.UUID], by: By) -> dict[uuid.UUID, str]:
    """Send the shipments of these orders without waiting any longer; those that were refused are tried again.

    Gives by order why it is not sent, "" where it is.
    """
    orders = hold_orders(order_ids)
    placed = of_orders([each.id for each in orders])
    held = {each.id: each for each in hold_shipments(Shipment.id.in_(set(placed.values())))}
    said = {each.id: _why_not(each, held.get(placed.get(each.id, uuid.UUID(int=0)))) for each in orders}
    due: dict[uuid.UUID, dict[uuid.UUID, datetime]] = {}
    for each in orders:
        if not said[each.id]:
            shipment = held[placed[each.id]]
            shipment.send_after = min(shipment.send_after, now())
            due.setdefault(shipment.connection_id, {})[shipment.id] = now()
    for plugin_id, wanted in due.items():
        shipments.add_work(SEND, db.session.get_one(Connection, (whose(), plugin_id)), wanted, by.name)
    audit.note_orders(by, "orders_sent_now", [each for each in orders if not said[each.id]])
    db.session.commit()
    return said


def _why_not(order: Order, shipment: Shipment | None) -> str:
    """Why an order cannot be sent now: a word, "" for nothing."""
    if order.status not in TO_SHIP:
        return "not_to_ship"
    if shipment is None:
        return "not_routed"
    if shipment.state in {*UNSENT, ShipmentState.UNSURE}:
        return ""
    return "already_sent"


# Whoever brings stock holds it already, and whoever takes a shipment back holds its work and wants stock next: neither
# waits for the other.  Work that is held is being done or taken back, and looks again by itself after a while.
STOCK_CAME = sa.text(
    """
    update work set not_before = least(not_before, now())
    where merchant_id = :merchant and id in (
        select w.id from shipment s
        join work w on w.merchant_id = :merchant and w.kind = 'send_shipment' and w.status = 'open'
            and w.natural_key = s.id::text
        where s.merchant_id = :merchant and s.state = 'planned' and s.cause = 'short' and exists (
            select 1 from shipment_order so
            join reservation v on v.merchant_id = :merchant and v.order_id = so.order_id and v.state = 'open'
            where so.merchant_id = :merchant and so.shipment_id = s.id and so.live
                and v.product_id = any(cast(:products as uuid[])))
        for update of w skip locked)
    """
)


def stock_came(product_ids: Collection[uuid.UUID]) -> None:
    """Look again at once at the shipments that wait for these products, in the open transaction."""
    if product_ids:
        products = "{" + ",".join(map(str, product_ids)) + "}"
        db.session.execute(STOCK_CAME, {"merchant": whose(), "products": products})


def route_again(orders: Iterable[Order]) -> None:
    """Have orders that nobody sends any more decided on anew, in the open transaction."""
    from portal.flows.routing import consider  # Routing plans by this module.

    wanted = [each.id for each in orders]
    if wanted:
        consider(wanted)
