"""Telling channels that their orders have left: each order on its own, however many travelled in one parcel."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from portal import integrations
from portal.contract.definition import Confirming
from portal.contract.errors import Busy, Garbled, Refused, RemoteError, Unauthorised
from portal.contract.http import Account
from portal.contract.records import Carrier, Confirmed, Dispatch, OrderStatus
from portal.flows import audit, carriers, grants, lines, notices, quoting, shipments, trouble, work
from portal.flows.audit import By
from portal.flows.shipments import hold_orders, note
from portal.flows.work import Again, Claim, Dead, Outcome
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import Confirmation, ConfirmationState, Connection, Order, OrderStage, Parcel, Shipment
from portal.models.work import work_key

KIND = "confirm_order"
PRIORITY = 3
REST = timedelta(minutes=5)
NO_CARRIER = "carrier_unknown"
REFUSED, UNSURE = "confirms_refused", "confirm_unsure"
OPEN = (ConfirmationState.DUE, ConfirmationState.UNSURE)
# Of these the channel wants to hear nothing any more.
_ENDED = (OrderStatus.CANCELLED, OrderStatus.REFUNDED, OrderStatus.UNFULFILLABLE)


@dataclass(frozen=True, slots=True)
class Call:
    """What the channel is told with no transaction open; `dispatch` is None where its carriers are asked for first."""

    channel: Connection
    who: Account
    dispatch: Dispatch | None


def due(shipment: Shipment, orders: Sequence[Order], carrier: str, tracking: Sequence[str]) -> None:
    """Have the channels of these orders told, in the open transaction; an order whose channel needs none is done."""
    for each in orders:
        channel = db.session.get_one(Connection, (whose(), each.connection_id)) if each.connection_id else None
        if channel is None or integrations.get(channel.integration).confirming is None:
            each.stage, each.stage_why = OrderStage.DONE, ""
            continue
        made = _of(each.id)
        if made is not None and made.state is ConfirmationState.DONE:
            continue
        if made is None:
            made = Confirmation(merchant_id=whose(), order_id=each.id, state=ConfirmationState.DUE)
            db.session.add(made)
        made.shipment_id, made.state, made.carrier = shipment.id, ConfirmationState.DUE, ""
        made.carrier_name, made.tracking, made.changed_at = carrier, list(tracking), now()
        made.cause = made.detail = made.said = ""
        _add_work(channel, each.id)


def _of(order_id: uuid.UUID) -> Confirmation | None:
    query = sa.select(Confirmation).where(Confirmation.merchant_id == whose(), Confirmation.order_id == order_id)
    return db.session.scalars(query).one_or_none()


def _add_work(channel: Connection, order_id: uuid.UUID, asked_by: str = "") -> None:
    body = {"order": str(order_id)}
    key = work_key(KIND, order_id)
    work.add(KIND, lines.lane(channel), key, body, priority=PRIORITY, asked_by=asked_by)


def confirm(claimed: Claim) -> Outcome:
    """Work: tell a channel that an order has left."""
    order_id = uuid.UUID(claimed.body["order"])
    channel = _channel_of(order_id)
    declared = integrations.get(channel.integration).confirming if channel else None
    if channel is None or declared is None:
        return None
    if cause := shipments.rests(channel):
        return Again(REST.total_seconds(), why=cause)
    try:
        return _tell_channel(claimed, order_id, channel, declared)
    except Unauthorised as why:
        return _let_in_again(claimed, channel, why)
    except (Busy, Garbled) as why:
        return _unsure(claimed, order_id, why)
    except Refused as why:
        return _refused(order_id, why)


def _channel_of(order_id: uuid.UUID) -> Connection | None:
    order = db.session.get(Order, (whose(), order_id))
    if order is None or order.connection_id is None:
        return None
    return db.session.get_one(Connection, (whose(), order.connection_id))


def _tell_channel(claimed: Claim, order_id: uuid.UUID, channel: Connection, declared: Confirming) -> Outcome:
    grants.keep_fresh(channel)
    call = _begin(claimed, order_id, channel, declared)
    if call is None:
        return None
    found = _ask(call, declared)
    if isinstance(found, Confirmed):
        return _done(order_id, found)
    carriers.keep_list(channel, found)
    return Again()


def _begin(claimed: Claim, order_id: uuid.UUID, channel: Connection, declared: Confirming) -> Call | None:
    """The transaction before the call: what is told, or None where nothing is."""
    who = lines.account(channel)
    if declared.carriers is not None:
        # Whoever says what a carrier means holds the channel, and finds what waits for that, or is waited for here.
        db.session.refresh(channel, with_for_update={"read": True})
    order, row = _held(order_id)
    if row is None or row.state not in OPEN:
        return None
    if order.status in _ENDED:
        _close(row, order, "cancelled_at_channel")
        return None
    chosen = ""
    if declared.carriers is not None:
        found = row.carrier or carriers.find(channel, row.carrier_name)
        if found is None and carriers.read_at(channel) is None:
            db.session.commit()
            return Call(channel, who, None)
        if found is None:
            _wait(row, order, channel)
            return None
        chosen = found
    row.carrier, row.state, row.changed_at = chosen, ConfirmationState.UNSURE, now()
    dispatch = Dispatch(order.remote_id, chosen, tuple(map(str, row.tracking)))
    work.hold(claimed)
    db.session.commit()
    return Call(channel, who, dispatch)


def _held(order_id: uuid.UUID) -> tuple[Order, Confirmation | None]:
    order = hold_orders([order_id])[0]
    query = sa.select(Confirmation).where(Confirmation.merchant_id == whose(), Confirmation.order_id == order_id)
    locked = query.with_for_update().execution_options(populate_existing=True)
    return order, db.session.scalars(locked).one_or_none()


def _ask(call: Call, declared: Confirming) -> Confirmed | Sequence[Carrier]:
    with lines.open_client(call.channel, with_account=call.who) as client:
        if call.dispatch is not None:
            return declared.confirm(client, call.dispatch)
        return declared.carriers(client) if declared.carriers is not None else ()


def _done(order_id: uuid.UUID, found: Confirmed) -> Outcome:
    order, row = _held(order_id)
    if row is None or row.state is ConfirmationState.DONE:
        return None
    channel = db.session.get_one(Connection, (whose(), order.connection_id))
    row.state, row.told_at, row.changed_at = ConfirmationState.DONE, now(), now()
    row.cause = row.detail = row.said = ""
    tracking = [found.tracking] if found.tracking else list(row.tracking)
    carrier = carriers.name_of(channel, found.carrier) or row.carrier_name
    note([order], "confirmed", channel=channel.name, carrier=carrier, tracking=tracking)
    notices.clear("order", order.id, UNSURE)
    tell(channel)
    return None


def _wait(row: Confirmation, order: Order, channel: Connection) -> None:
    """Nobody has said which carrier of the channel's list this is: the merchant chooses."""
    row.state, row.cause, row.changed_at = ConfirmationState.WAITING, NO_CARRIER, now()
    note([order], NO_CARRIER, carrier=row.carrier_name, channel=channel.name)
    tell(channel)


def _close(row: Confirmation, order: Order, cause: str) -> None:
    row.state, row.cause, row.changed_at = ConfirmationState.REFUSED, cause, now()
    note([order], "not_confirmed", cause=cause)


def _unsure(claimed: Claim, order_id: uuid.UUID, why: RemoteError) -> Outcome:
    """Nobody knows whether it was taken: told again, since a channel that has it changes nothing."""
    db.session.rollback()
    order, row = _held(order_id)
    if row is None or row.state not in OPEN:
        return None
    quoting.without_buyers(why, [order])
    row.cause, row.detail, row.said = why.cause.value, f"{why.code} {why.detail}".strip(), why.said
    outcome = work.after_failure(claimed.attempts, str(why), why.after)
    if isinstance(outcome, Dead):
        channel = db.session.get_one(Connection, (whose(), order.connection_id))
        notices.tell("order", order.id, UNSURE, grave=True, number=order.number, name=channel.name)
    return outcome


def _refused(order_id: uuid.UUID, why: Refused) -> Outcome:
    db.session.rollback()
    order, row = _held(order_id)
    if row is None or row.state not in OPEN:
        return None
    channel = db.session.get_one(Connection, (whose(), order.connection_id))
    quoting.without_buyers(why, [order])
    row.state, row.changed_at = ConfirmationState.REFUSED, now()
    row.cause, row.detail, row.said = why.cause.value, f"{why.code} {why.detail}".strip(), why.said
    note([order], "confirm_refused", channel=channel.name, cause=why.cause.value, said=why.said)
    tell(channel)
    return None


def _let_in_again(claimed: Claim, channel: Connection, why: Unauthorised) -> Outcome:
    db.session.rollback()
    if claimed.attempts <= 1 and grants.renew_now(channel):
        return Again(progress=False)
    trouble.pause(db.session.get_one(Connection, (whose(), channel.id)), why)
    return Again(REST.total_seconds(), why=why.cause.value)


# --- what the merchant sees to ----------------------------------------------------------------------------------------


def retry(order_id: uuid.UUID, by: By) -> None:
    """The button *Try again*: tell the channel once more.  Raises Refusal where there is nothing to tell."""
    order, row = _held(order_id)
    if row is None or row.state is ConfirmationState.DONE or order.connection_id is None:
        raise Refusal("nothing_to_confirm")
    channel = db.session.get_one(Connection, (whose(), order.connection_id))
    row.state = ConfirmationState.UNSURE if row.state is ConfirmationState.UNSURE else ConfirmationState.DUE
    row.cause = row.detail = row.said = ""
    _add_work(channel, order_id, by.name)
    tell(channel)
    audit.note(by, "confirmed_again", "order", order_id, name=order.number, store_id=order.store_id)
    db.session.commit()


def confirm_partly(order_id: uuid.UUID, by: By) -> None:
    """The button *Confirm what has left*: the channel is told although pieces are missing.  Raises Refusal."""
    order = hold_orders([order_id])[0]
    shipment_id = shipments.of_orders([order_id]).get(order_id)
    shipment = db.session.get(Shipment, (whose(), shipment_id)) if shipment_id else None
    carrier, tracking = _carried(shipment.id) if shipment else ("", [])
    if shipment is None or not tracking:
        raise Refusal("nothing_to_confirm")
    due(shipment, [order], carrier, tracking)
    note([order], "confirm_asked", by.name)
    audit.note(by, "confirmed_partly", "order", order_id, name=order.number, store_id=order.store_id)
    db.session.commit()


def _carried(shipment_id: uuid.UUID) -> tuple[str, list[str]]:
    """The first carrier of the parcels of a shipment that have left, and its tracking numbers."""
    query = sa.select(Parcel).where(
        Parcel.merchant_id == whose(), Parcel.shipment_id == shipment_id, Parcel.left_at.is_not(None)
    )
    left = list(db.session.scalars(query.where(Parcel.tracking != "").order_by(Parcel.left_at, Parcel.id)))
    carrier = left[0].carrier if left else ""
    return carrier, [each.tracking for each in left if each.carrier == carrier]


def go_on(channel: Connection) -> None:
    """Tell the channel of the orders whose carrier is known now, in the open transaction."""
    for row in db.session.scalars(_waiting(channel).with_for_update(of=Confirmation)):
        if carriers.find(channel, row.carrier_name) is not None:
            row.state, row.cause = ConfirmationState.DUE, ""
            _add_work(channel, row.order_id)
    tell(channel)


def _waiting(channel: Connection) -> sa.Select[Confirmation]:
    query = sa.select(Confirmation).join(
        Order, sa.and_(Order.merchant_id == Confirmation.merchant_id, Order.id == Confirmation.order_id)
    )
    return query.where(
        Confirmation.merchant_id == whose(),
        Order.connection_id == channel.id,
        Confirmation.state == ConfirmationState.WAITING,
    ).order_by(Confirmation.order_id)


def tell(channel: Connection) -> None:
    """Bring the notices of a channel up to date: carriers without a meaning, and confirmations that were refused."""
    db.session.flush()
    carriers.tell(channel, sorted({each.carrier_name for each in db.session.scalars(_waiting(channel))}))
    query = sa.select(Confirmation.cause, sa.func.count()).join(
        Order, sa.and_(Order.merchant_id == Confirmation.merchant_id, Order.id == Confirmation.order_id)
    )
    wanted = query.where(
        Confirmation.merchant_id == whose(),
        Order.connection_id == channel.id,
        Confirmation.state == ConfirmationState.REFUSED,
        Confirmation.cause != "cancelled_at_channel",
    )
    causes = {cause: int(number) for cause, number in db.session.execute(wanted.group_by(Confirmation.cause))}
    if causes:
        values = {"name": channel.name, "count": sum(causes.values()), "causes": causes}
        notices.tell("connection", channel.id, REFUSED, grave=True, **values)
    else:
        notices.clear("connection", channel.id, REFUSED)
