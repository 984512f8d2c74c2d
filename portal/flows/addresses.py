"""Completing the address of an order that its channel hides or lacks."""

import uuid

from portal.contract.records import Consignee
from portal.flows import audit, outbound, shipments
from portal.flows.audit import By
from portal.flows.shipments import SEND, hold, note
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.errors import Refusal
from portal.models import UNSENT, Connection, Order


def complete(order_id: uuid.UUID, wanted: Consignee, by: By) -> None:
    """Keep what a person typed of the consignee, sealed, and have the shipment tried again.

    What is left empty stays as the channel told it.  All orders of a merged parcel go to the same recipient, so that
    each of them gets it.  Raises Refusal where a warehouse has the shipment, or may have it.
    """
    shipment_id = shipments.of_orders([order_id]).get(order_id)
    held = hold(shipment_id) if shipment_id else None
    if held is None:
        _keep(shipments.hold_orders([order_id]), wanted, by)
        db.session.commit()
        return
    if held.shipment.state not in UNSENT:
        raise Refusal("address_not_open")
    _keep(held.orders, wanted, by)
    plugin = db.session.get_one(Connection, (whose(), held.shipment.connection_id))
    shipments.add_work(SEND, plugin, {held.shipment.id: max(now(), held.shipment.send_after)}, by.name)
    db.session.commit()


def _keep(orders: list[Order], wanted: Consignee, by: By) -> None:
    for each in orders:
        fields = outbound.complete(each, wanted)
        note([each], "address_completed", by.name, fields=fields)
        # Which fields, never what stands in them.
        values = {"fields": fields}
        audit.note(by, "address_completed", "order", each.id, name=each.number, store_id=each.store_id, after=values)
