"""What the page of an order shows of its shipment: the state, the parcels, who else travels along, what can be done."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from portal.flows import cancelling, carriers, shipments
from portal.flows.shipments import SEND, WAITS_FOR_STOCK
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.models import (
    TO_SHIP,
    UNSENT,
    Confirmation,
    ConfirmationState,
    Connection,
    Notice,
    Order,
    Parcel,
    Shipment,
    ShipmentOrder,
    ShipmentState,
)
from portal.web import causes, shipment_words
from portal.web.causes import Explained


@dataclass(frozen=True, slots=True)
class Told:
    """What the channel was told of the order's leaving, or why it was not."""

    state: str
    carrier: str
    numbers: Sequence[str]
    at: datetime | None
    why: Explained | None
    channel: Connection
    choices: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The live shipment of an order.

    `waits` is until when it waits for other orders, `others` are those that travel along, `why` is what the merchant
    has to see to, and `deeds` are the buttons that make sense now.
    """

    shipment: Shipment
    plugin: Connection
    kind: str
    word: str
    others: list[tuple[uuid.UUID, str]]
    waits: datetime | None
    short: bool
    why: Explained | None
    parcels: list[Parcel]
    told: Told | None
    deeds: frozenset[str]


def of(order: Order) -> Shown | None:
    """What is shown of the shipment of an order; None where it has none."""
    shipment = _shipment(order)
    if shipment is None:
        return None
    plugin = db.session.get_one(Connection, (whose(), shipment.connection_id))
    others = _others(shipment, order)
    kind, word = shipment_words.state(shipment.state)
    planned = shipment.state is ShipmentState.PLANNED
    waits = shipment.send_after if planned and shipment.merge_key and shipment.send_after > now() else None
    told = _told(order)
    return Shown(
        shipment=shipment,
        plugin=plugin,
        kind=kind,
        word=word,
        others=others,
        waits=waits,
        short=planned and shipment.cause == WAITS_FOR_STOCK,
        why=_why(shipment, plugin),
        parcels=_parcels(shipment),
        told=told,
        deeds=frozenset(_deeds(order, shipment, others, told)),
    )


@dataclass(frozen=True, slots=True)
class Concern:
    """An open notice about an order or its shipments; `can_go` is whether it needs nothing more than to be seen."""

    said: Explained
    can_go: bool


def concerns(order: Order) -> list[Concern]:
    """What there is to tell of an order on its way, the gravest and oldest first."""
    ever = shipments.shipments_of(order.id)
    about = sa.or_(
        sa.and_(Notice.subject == "order", Notice.subject_id == order.id),
        sa.and_(Notice.subject == "shipment", Notice.subject_id.in_(ever)),
    )
    query = sa.select(Notice).where(Notice.merchant_id == whose(), Notice.cleared_at.is_(None), about)
    told = (*cancelling.TOLD_OF_ORDERS, *cancelling.TOLD_OF_SHIPMENTS)
    return [
        Concern(causes.explain(each.cause, each.subject, each.arguments), each.cause in told)
        for each in db.session.scalars(query.order_by(Notice.grave.desc(), Notice.since))
    ]


def as_json(order: Order) -> dict[str, Any] | None:
    """The shipment of an order as JSON; None where it has none."""
    shipment = _shipment(order)
    if shipment is None:
        return None
    told = confirmation(order)
    return {
        "reference": shipment.reference,
        "state": shipment.state,
        "plugin": shipment.connection_id,
        "remote_id": shipment.remote_id,
        "status": shipment.status,
        "send_after": shipment.send_after,
        "sent_at": shipment.sent_at,
        "left_at": shipment.left_at,
        "cause": shipment.cause,
        "orders": [order.id, *(each for each, _ in _others(shipment, order))],
        "parcels": [
            {"number": each.remote_id, "carrier": each.carrier, "tracking": each.tracking, "left_at": each.left_at}
            for each in _parcels(shipment)
        ],
        "confirmation": None if told is None else {"state": told.state, "told_at": told.told_at, "cause": told.cause},
    }


def _shipment(order: Order) -> Shipment | None:
    found = shipments.of_orders([order.id]).get(order.id)
    return db.session.get(Shipment, (whose(), found)) if found else None


def _others(shipment: Shipment, order: Order) -> list[tuple[uuid.UUID, str]]:
    query = (
        sa.select(Order.id, Order.number)
        .join(
            ShipmentOrder,
            sa.and_(ShipmentOrder.merchant_id == Order.merchant_id, ShipmentOrder.order_id == Order.id),
        )
        .where(
            Order.merchant_id == whose(),
            ShipmentOrder.shipment_id == shipment.id,
            ShipmentOrder.live,
            Order.id != order.id,
        )
    )
    return [(row.id, row.number) for row in db.session.execute(query.order_by(Order.placed_at, Order.id))]


def _parcels(shipment: Shipment) -> list[Parcel]:
    query = sa.select(Parcel).where(Parcel.merchant_id == whose(), Parcel.shipment_id == shipment.id)
    return list(db.session.scalars(query.order_by(Parcel.created_at, Parcel.id)))


def _why(shipment: Shipment, plugin: Connection) -> Explained | None:
    """Why it waits for the merchant, or for an answer of the warehouse."""
    given = {"detail": shipment.detail, "said": shipment.said, "name": plugin.name}
    if shipment.state is ShipmentState.REFUSED:
        return causes.explain(shipment.cause, "shipment", given, plugin)
    if shipment.state is ShipmentState.UNSURE and shipment.cause:
        return causes.explain(shipment.cause, "shipment", given, plugin)
    return None


def confirmation(order: Order) -> Confirmation | None:
    query = sa.select(Confirmation).where(Confirmation.merchant_id == whose(), Confirmation.order_id == order.id)
    return db.session.scalars(query).one_or_none()


def _told(order: Order) -> Told | None:
    row = confirmation(order)
    if row is None or order.connection_id is None:
        return None
    channel = db.session.get_one(Connection, (whose(), order.connection_id))
    waiting = row.state is ConfirmationState.WAITING
    given = {"detail": row.detail, "said": row.said, "name": channel.name, "names": [row.carrier_name]}
    known = carriers.known(channel) if waiting else {}
    return Told(
        state=row.state.value,
        carrier=row.carrier_name,
        numbers=[str(each) for each in row.tracking],
        at=row.told_at,
        why=causes.explain(row.cause, "confirmation", given, channel) if row.cause else None,
        channel=channel,
        choices=sorted(known.items(), key=lambda each: each[1].casefold()),
    )


def _deeds(order: Order, shipment: Shipment, others: Sequence[object], told: Told | None) -> list[str]:
    """The buttons that make sense now."""
    found = []
    to_ship = order.status in TO_SHIP
    if shipment.state in UNSENT:
        found += ["send"] if to_ship else []
        found += ["unmerge"] if others else []
        found += ["address"]
    if shipment.state is ShipmentState.UNSURE and shipments.is_failing(SEND, shipment.id):
        found.append("ask")
    if shipment.state in cancelling.AT_PLUGIN and order.stage_why != cancelling.TAKEN_BACK:
        found.append("take_back" if to_ship else "stop")
    if shipment.state in UNSENT:
        found.append("take_back")
    if shipment.state in cancelling.GONE and order.status not in cancelling.ENDED and order.connection_id:
        if told is None:
            found.append("confirm_partly")
        elif told.state in {ConfirmationState.REFUSED.value, ConfirmationState.UNSURE.value}:
            found.append("confirm")
    return found
