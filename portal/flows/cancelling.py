"""Stopping what is on its way: as early as it can be, and with the truth where it is too late.

Until a plugin was asked an order is simply taken out.  Afterwards only the plugin can say whether it stops, so that
nothing is called cancelled here before the plugin has said so; other orders of the same parcel are planned anew.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Fulfilling
from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.http import Account
from portal.contract.records import Answer, CancelAnswer, OrderStatus
from portal.flows import audit, grants, lines, notices, planning, quoting, shipments, stock, trouble, work
from portal.flows.audit import By
from portal.flows.shipments import CANCEL, SEND, Held, hold, note, of_orders, stage
from portal.flows.work import Again, Claim, Dead, Outcome
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import TO_SHIP, UNSENT, Connection, Order, OrderEvent, OrderStage, Shipment, ShipmentState, Store

# What the channel has ended: nothing of it shall leave.
ENDED = (OrderStatus.CANCELLED, OrderStatus.REFUNDED, OrderStatus.UNFULFILLABLE)
AT_PLUGIN = (ShipmentState.UNSURE, ShipmentState.ACCEPTED, ShipmentState.CANCELLING)
GONE = (ShipmentState.LEFT, ShipmentState.DONE)
# Stands in `Order.stage_why` from the moment in which the merchant wants an order back.
TAKEN_BACK = "taken_back"
BY_CHANNEL, BY_MERCHANT = "channel", "merchant"
TOO_LATE, STOP_ASKED, ALIVE = "too_late", "stop_shipment", "cancelled_but_there"
# What is told and needs no further step here.
TOLD_OF_ORDERS = (TOO_LATE, STOP_ASKED, "plugin_cancelled")
TOLD_OF_SHIPMENTS = ("left_short", "left_partly", ALIVE)
ASK_AGAIN, REST = timedelta(minutes=10), timedelta(minutes=5)


def follow(order_ids: Collection[uuid.UUID]) -> None:
    """What the channel says of orders that are in a shipment, in the open transaction: they are no longer to be sent.

    Before a plugin was asked they are taken out.  A cancelled one is called back from its plugin; of one that only
    rests, or that somebody else has sent, the merchant is told, with the button to stop it.
    """
    orders = shipments.hold_orders(_with_others(order_ids))
    mine = [each for each in orders if each.id in set(order_ids) and (each.status not in TO_SHIP or each.by_channel)]
    placed = of_orders([each.id for each in mine])
    held = {each.id: Held(each, []) for each in shipments.hold_shipments(Shipment.id.in_(set(placed.values())))}
    inside = shipments.members(held)
    for shipment_id, each in held.items():
        each.orders = [one for one in orders if one.id in set(inside[shipment_id])]
        theirs = [one for one in mine if placed.get(one.id) == shipment_id]
        _follow_one(each, theirs)


def _with_others(order_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """These orders and all that travel with them."""
    inside = shipments.members(set(of_orders(order_ids).values()))
    return {*order_ids, *(one for each in inside.values() for one in each)}


def _follow_one(held: Held, theirs: Sequence[Order]) -> None:
    shipment = held.shipment
    ended = [each for each in theirs if each.status in ENDED]
    if shipment.state in UNSENT:
        planning.take_out([each.id for each in theirs], BY_CHANNEL)
        set_aside(theirs)
    elif shipment.state in AT_PLUGIN:
        plugin = db.session.get_one(Connection, (whose(), shipment.connection_id))
        if ended:
            _want_back(held, plugin, BY_CHANNEL)
        for each in (one for one in theirs if one not in ended and shipment.state is not ShipmentState.CANCELLING):
            word = each.status.value if each.status else ""
            notices.tell("order", each.id, STOP_ASKED, grave=True, number=each.number, name=plugin.name, status=word)
    elif shipment.state in GONE and ended:
        too_late(held, ended, shipment.left_at)


def set_aside(orders: Iterable[Order]) -> None:
    """Where orders stand that were taken out because there is nothing to send of them now, in the open transaction."""
    for each in orders:
        if each.stage in {OrderStage.ASSIGNED, OrderStage.BLOCKED}:
            over = each.status is not None and each.status in (*ENDED, *_OVER)
            each.stage, each.stage_why = OrderStage.DONE if over else OrderStage.PENDING, ""


_OVER = (
    OrderStatus.SHIPPED,
    OrderStatus.DELIVERED,
    OrderStatus.COMPLETED,
    OrderStatus.DELIVERY_FAILED,
    OrderStatus.RETURNED,
)


# --- wanting something back -------------------------------------------------------------------------------------------


def take_back(order_id: uuid.UUID, by: By) -> None:
    """The button *Take back*: an order is not sent, as long as that can still be, and is held afterwards.

    Raises Refusal where there is nothing to take back, or where it has left.
    """
    shipment_id = of_orders([order_id]).get(order_id)
    held = hold(shipment_id) if shipment_id else None
    if held is None:
        raise Refusal("nothing_to_take_back")
    order = next((each for each in held.orders if each.id == order_id), None)
    if order is None:
        raise Refusal("nothing_to_take_back")
    if held.shipment.state in GONE:
        raise Refusal("has_left")
    if held.shipment.state in UNSENT:
        planning.take_out([order_id], TAKEN_BACK, by.name)
        stage([order], OrderStage.HELD, TAKEN_BACK)
    else:
        order.stage_why = TAKEN_BACK
        plugin = db.session.get_one(Connection, (whose(), held.shipment.connection_id))
        _want_back(held, plugin, BY_MERCHANT, by.name)
    notices.clear("order", order_id, STOP_ASKED)
    audit.note(by, "order_taken_back", "order", order_id, name=order.number, store_id=order.store_id)
    db.session.commit()


def seen(order_id: uuid.UUID, by: By) -> None:
    """The button *Seen*: what is only told of an order, and asks for nothing more here, is told no longer."""
    order = shipments.hold_orders([order_id])[0]
    notices.clear("order", order_id, *TOLD_OF_ORDERS)
    ever = shipments.shipments_of(order_id)
    for each in ever:
        notices.clear("shipment", each, *TOLD_OF_SHIPMENTS)
    audit.note(by, "notices_seen", "order", order_id, name=order.number, store_id=order.store_id)
    db.session.commit()


def _want_back(held: Held, plugin: Connection, why: str, who: str = "") -> None:
    """Note that a shipment shall not leave, in the open transaction, and have its plugin asked."""
    shipment = held.shipment
    if not shipment.cancel_why:
        note(held.orders, "cancel_asked", who, plugin=plugin.name, why=why)
    shipment.cancel_why = shipment.cancel_why or why
    if shipment.state is ShipmentState.UNSURE:
        # Whoever is asking whether it arrived sees to it: to call back what is still on its way there finds nothing.
        shipments.add_work(SEND, plugin, {shipment.id: now()}, who)
    else:
        pursue(held, plugin, who)


def pursue(held: Held, plugin: Connection, who: str = "") -> None:
    """Have the plugin asked to stop a shipment that it has, in the open transaction."""
    if held.shipment.state is ShipmentState.ACCEPTED:
        held.shipment.move(ShipmentState.CANCELLING)
    shipments.add_work(CANCEL, plugin, {held.shipment.id: now()}, who)


# --- asking the plugin ------------------------------------------------------------------------------------------------


def cancel(claimed: Claim) -> Outcome:
    """Work: ask a plugin to stop a shipment, again and again until it has said yes or no."""
    shipment_id = uuid.UUID(claimed.body["shipment"])
    found = db.session.get(Shipment, (whose(), shipment_id))
    if found is None:
        return None
    if not _is_wanted(found):
        # Looked at once more while the work's row is held: whoever asks meanwhile asks for work that is new.
        work.hold(claimed)
        db.session.refresh(found)
        return Again() if _is_wanted(found) else None
    plugin = db.session.get_one(Connection, (whose(), found.connection_id))
    if cause := shipments.rests(plugin):
        return Again(REST.total_seconds(), why=cause)
    fulfilling = integrations.get(plugin.integration).fulfilling
    if fulfilling is None:
        return None
    try:
        grants.keep_fresh(plugin)
        who = lines.account(plugin)
        _asking(claimed, shipment_id)
        answer = _ask(plugin, who, fulfilling, found.reference)
    except Unauthorised as why:
        return _let_in_again(claimed, plugin, why)
    except RemoteError as why:
        return _unanswered(claimed, shipment_id, why)
    return _answered(shipment_id, answer)


def _is_wanted(shipment: Shipment) -> bool:
    """Whether a plugin shall still be asked: also for what counts as cancelled here and was seen there."""
    return shipment.state is ShipmentState.CANCELLING or (
        shipment.state is ShipmentState.CANCELLED and shipment.cause == ALIVE
    )


def _asking(claimed: Claim, shipment_id: uuid.UUID) -> None:
    db.session.execute(
        sa.update(Shipment)
        .where(Shipment.merchant_id == whose(), Shipment.id == shipment_id)
        .values(cancel_asked_at=sa.func.coalesce(Shipment.cancel_asked_at, now()))
    )
    work.hold(claimed)
    db.session.commit()


def _ask(plugin: Connection, who: Account, fulfilling: Fulfilling, reference: str) -> CancelAnswer:
    with lines.open_client(plugin, with_account=who) as client:
        try:
            return fulfilling.cancel(client, reference)
        except Refused as why:
            if why.cause is not Cause.NOT_THERE or fulfilling.find(client, reference) is not None:
                raise
            return CancelAnswer(Answer.CANCELLED, why.said)


def _answered(shipment_id: uuid.UUID, answer: CancelAnswer) -> Outcome:
    held = hold(shipment_id)
    if held is None or not _is_wanted(held.shipment):
        return None
    shipment = held.shipment
    shipment.said = quoting.told(answer.said, held.orders)
    if answer.answer is Answer.ASKED:
        return Again(ASK_AGAIN.total_seconds())
    notices.clear("shipment", shipment.id, "cancel_unsure")
    if shipment.state is ShipmentState.CANCELLED:
        _seen_alive(held, answer)
    elif answer.answer is Answer.CANCELLED:
        cancelled(held)
    else:
        keeps_going(held, answer.left_at)
    return None


def _unanswered(claimed: Claim, shipment_id: uuid.UUID, why: RemoteError) -> Outcome:
    """Whether it stops is not known: asked again, and after the last attempt a person has to look."""
    held = hold(shipment_id)
    if held is None or not _is_wanted(held.shipment):
        return None
    quoting.without_buyers(why, held.orders)
    shipment = held.shipment
    shipment.detail, shipment.said = f"{why.code} {why.detail}".strip(), why.said
    outcome = work.after_failure(claimed.attempts, str(why), why.after)
    if not isinstance(why, Busy | Garbled):
        outcome = Dead(str(why))
    if isinstance(outcome, Dead):
        plugin = db.session.get_one(Connection, (whose(), shipment.connection_id))
        numbers = [each.number for each in held.orders]
        notices.tell("shipment", shipment.id, "cancel_unsure", grave=True, name=plugin.name, numbers=numbers)
    return outcome


def _let_in_again(claimed: Claim, plugin: Connection, why: Unauthorised) -> Outcome:
    db.session.rollback()
    if claimed.attempts <= 1 and grants.renew_now(plugin):
        return Again(progress=False)
    trouble.pause(db.session.get_one(Connection, (whose(), plugin.id)), why)
    return Again(REST.total_seconds(), why=why.cause.value)


# --- what it says -----------------------------------------------------------------------------------------------------


def cancelled(held: Held) -> None:
    """A shipment will not leave, in the open transaction: its plugin said so, or never had it.

    An order that the merchant wanted back is held, one that its channel ended is done, one that nobody wanted to stop
    is planned anew.  What the plugin cancelled of itself waits for the merchant: it is not silently sent again.
    """
    shipment, orders = held.shipment, held.orders
    by_itself = not shipment.cancel_why
    shipment.move(ShipmentState.CANCELLED)
    shipment.ended_at, shipment.cause = now(), ""
    plugin = db.session.get_one(Connection, (whose(), shipment.connection_id))
    shipments.leave(shipment, [each.id for each in orders])
    stock.make_firm([each.id for each in orders], firm=False)
    note(orders, "cancelled_at_plugin", plugin=plugin.name)
    again = []
    for each in orders:
        notices.clear("order", each.id, STOP_ASKED)
        if each.status is not None and each.status in (*ENDED, *_OVER):
            each.stage, each.stage_why = OrderStage.DONE, ""
        elif each.stage_why == TAKEN_BACK:
            each.stage = OrderStage.HELD
        elif by_itself:
            each.stage, each.stage_why = OrderStage.HELD, "plugin_cancelled"
            notices.tell("order", each.id, "plugin_cancelled", grave=True, number=each.number, name=plugin.name)
        else:
            each.stage, each.stage_why = OrderStage.PENDING, ""
            again.append(each)
    db.session.flush()
    for cause in (shipments.UNSURE, "cancel_unsure"):
        notices.clear("shipment", shipment.id, cause)
    planning.route_again(again)


def keeps_going(held: Held, left_at: datetime | None) -> None:
    """The plugin does not stop, in the open transaction: it has left, or is about to."""
    shipment = held.shipment
    if shipment.state is ShipmentState.CANCELLING:
        shipment.move(ShipmentState.ACCEPTED)
    if left_at is None and shipment.left_at is None:
        note(held.orders, "cancel_failed", said=shipment.said)
    concerned = [each for each in held.orders if each.status in ENDED or each.stage_why == TAKEN_BACK]
    too_late(held, concerned, left_at)
    for each in concerned:
        if each.stage_why == TAKEN_BACK:
            each.stage_why = ""


def too_late(held: Held, orders: Sequence[Order], left_at: datetime | None) -> None:
    """Say once of each order that it goes on its way although it was to be stopped, in the open transaction.

    It is said again where only now the warehouse tells when it left.
    """
    shipment, moment = held.shipment, left_at.isoformat() if left_at else ""
    told = _told({each.id for each in orders})
    concerned = [each for each in orders if each.id not in told or (moment and not told[each.id])]
    shipment.cause = TOO_LATE if told or concerned else shipment.cause
    if not concerned:
        return
    plugin = db.session.get_one(Connection, (whose(), shipment.connection_id))
    store = db.session.get_one(Store, (whose(), shipment.store_id))
    note(concerned, TOO_LATE, plugin=plugin.name, left_at=moment, zone=store.time_zone)
    for each in concerned:
        values = {"number": each.number, "name": plugin.name, "left_at": moment, "zone": store.time_zone}
        notices.clear("order", each.id, STOP_ASKED)
        notices.tell("order", each.id, TOO_LATE, grave=True, **values)


def _told(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The orders of which it was said that it is too late: when they left as far as that was known, else ""."""
    query = sa.select(OrderEvent.order_id, OrderEvent.values).where(
        OrderEvent.merchant_id == whose(), OrderEvent.order_id.in_(list(order_ids)), OrderEvent.what == TOO_LATE
    )
    return {row.order_id: row.values.get("left_at", "") for row in db.session.execute(query.order_by(OrderEvent.id))}


def alive(held: Held, plugin: Connection, left_at: datetime | None) -> None:
    """What counts as cancelled here is there at the plugin, in the open transaction: it is told and called back."""
    shipment = held.shipment
    if shipment.cause == ALIVE and left_at is None:
        return
    if shipment.cause != TOO_LATE:
        note(held.orders, ALIVE, plugin=plugin.name)
    if left_at is not None:
        too_late(held, held.orders, left_at)
        return
    shipment.cause = ALIVE
    numbers = [each.number for each in held.orders]
    notices.tell("shipment", shipment.id, ALIVE, grave=True, name=plugin.name, numbers=numbers)
    shipments.add_work(CANCEL, plugin, {shipment.id: now()})


def _seen_alive(held: Held, answer: CancelAnswer) -> None:
    if answer.answer is Answer.CANCELLED:
        held.shipment.cause = ""
        notices.clear("shipment", held.shipment.id, ALIVE)
    else:
        too_late(held, _once_in(held.shipment), answer.left_at)


def _once_in(shipment: Shipment) -> list[Order]:
    """The orders that a cancelled shipment held."""
    return shipments.hold_orders(shipments.ever_in(shipment.id))
