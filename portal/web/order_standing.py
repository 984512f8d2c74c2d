"""Where an order stands, as one badge: what its channel says, what is done with it here, how far its parcel is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from portal.contract.errors import Cause
from portal.flows.shipments import WAITS_FOR_STOCK
from portal.kit.db import db, whose
from portal.models import RESERVING, TO_SHIP, Connection, Order, OrderStage, Shipment, ShipmentOrder, ShipmentState
from portal.web import order_words, shipment_words
from portal.web.order_words import Badge

STAGES: Mapping[OrderStage, tuple[str, Callable[[], str], str]] = {
    OrderStage.CONFIRM: ("warn", lambda: _("Confirm it"), "alert"),
    OrderStage.HELD: ("mute", lambda: _("Held by you"), "pause"),
    OrderStage.EXCLUDED: ("mute", lambda: _("Excluded"), ""),
    OrderStage.NEEDS_PLUGIN: ("warn", lambda: _("Needs plugin"), "alert"),
    OrderStage.BLOCKED: ("bad", lambda: _("Blocked"), "alert"),
}
REFUSALS: Mapping[str, tuple[str, Callable[[], str]]] = {
    Cause.ADDRESS_UNCLEAR.value: ("warn", lambda: _("Address unclear")),
    Cause.INSUFFICIENT_STOCK.value: ("bad", lambda: _("Out of stock")),
    Cause.UNKNOWN_GOODS.value: ("bad", lambda: _("Goods not known")),
}
UNDER_WAY = (ShipmentState.UNSURE, ShipmentState.ACCEPTED, ShipmentState.CANCELLING, ShipmentState.LEFT)


@dataclass(frozen=True, slots=True)
class Way:
    """The live shipment of an order: whose it is, how far, and what stands against it."""

    plugin: str
    state: ShipmentState
    cause: str


def ways_of(orders: Sequence[Order]) -> dict[Any, Way]:
    """The live shipment of each of these orders, by order."""
    query = (
        sa.select(ShipmentOrder.order_id, Connection.name, Shipment.state, Shipment.cause)
        .join(
            Shipment,
            sa.and_(Shipment.merchant_id == ShipmentOrder.merchant_id, Shipment.id == ShipmentOrder.shipment_id),
        )
        .join(
            Connection,
            sa.and_(Connection.merchant_id == Shipment.merchant_id, Connection.id == Shipment.connection_id),
        )
        .where(
            ShipmentOrder.merchant_id == whose(),
            ShipmentOrder.live,
            ShipmentOrder.order_id.in_([each.id for each in orders]),
        )
    )
    return {row.order_id: Way(row.name, row.state, row.cause) for row in db.session.execute(query)}


def badges(order: Order, way: Way | None, missing: int) -> list[tuple[Badge, str]]:
    """The badge of an order with the name of its shape, and what stands against it where the first does not say so.

    The channel's word counts where the order is not ours to ship; else what stands against it, and then how far it is.
    """
    found = [_first(order, way, missing)]
    if missing and order.status not in TO_SHIP:
        found.append((Badge("bad", _("Out of stock")), "alert"))
    if order.flagged and not order.by_channel and order.status in RESERVING and order.status not in TO_SHIP:
        found.append((Badge("warn", _("Not linked")), "link"))
    return found


def _first(order: Order, way: Way | None, missing: int) -> tuple[Badge, str]:
    if order.status not in TO_SHIP or order.by_channel:
        return order_words.badge(order), ""
    if way is not None and way.state is ShipmentState.DONE:
        return Badge("warn", _("Not confirmed")), "clock"
    if way is not None and way.state in UNDER_WAY:
        return Badge(*shipment_words.state(way.state)), ""
    if way is not None and way.state is ShipmentState.REFUSED:
        kind, word = REFUSALS.get(way.cause, ("bad", lambda: _("Not taken")))
        return Badge(kind, word()), "alert"
    if order.flagged:
        return Badge("warn", _("Not linked")), "link"
    if missing or (way is not None and way.cause == WAITS_FOR_STOCK):
        return Badge("bad", _("Out of stock")), "alert"
    if order.stage in STAGES:
        kind, word, shape = STAGES[order.stage]
        return Badge(kind, word()), shape
    return Badge("ok", _("Ready")), "check"
