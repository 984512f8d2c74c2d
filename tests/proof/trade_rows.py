"""Rows of what is bought, kept, routed and sent, for proofs that want some in every table."""

from __future__ import annotations

import sqlalchemy as sa

from portal.contract.records import RemoteDocument, RemoteStock
from portal.flows import bundles, order_events, rules, stock_counts, warehouse
from portal.flows.audit import LINTAS
from portal.flows.order_events import Happened
from portal.kit.clock import now
from portal.kit.db import db, whose
from portal.kit.ids import new_id
from portal.models import (
    Confirmation,
    Connection,
    Listing,
    OrderStage,
    Parcel,
    Product,
    Push,
    Rehearsal,
    RehearsalRow,
    RoutingDecision,
    RuleAction,
    Shipment,
    ShipmentOrder,
    StockSource,
    StockWhy,
    Store,
)
from portal.models.prices import Price, PricePush
from tests import goods, selling


def fill(channel: Connection, product: Product, mark: str) -> None:
    """An order of two pieces of a product, and all that became of it; every text that may have one bears the mark."""
    plugin = goods.connection("jdl", f"{mark} warehouse")
    listing = db.session.scalars(sa.select(Listing).where(Listing.connection_id == channel.id).limit(1)).one()
    warehouse.keep_stock(plugin, [RemoteStock(mark, f"S-{mark}", mark, 5, 7, 2)], now())
    warehouse.keep_outbound(plugin, [RemoteDocument("1", mark, mark, mark)], now())
    stock_counts.adjust(product, StockWhy.IN, 5, mark, LINTAS)
    bundles.add_part(goods.product(f"B-{mark}"), product, 2, LINTAS)
    order_id = selling.order((product, 2), connection_id=channel.id, status_text=mark, buyer_shown=mark)
    order_events.add([Happened(order_id, order_events.IMPORTED, {"word": mark})], mark)
    store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
    rule = [{"field": "quantity", "operator": "greater", "value": 9}]
    rules.add(store, rules.Draft(mark, rule, RuleAction.HOLD, text=mark), LINTAS)
    own = {"merchant_id": whose()}
    shipment = Shipment(**own, id=new_id(), store_id=store.id, connection_id=plugin.id, reference=mark, status=None)
    rehearsal = Rehearsal(**own, id=new_id(), connection_id=channel.id, made_by=mark)
    db.session.add_all([shipment, rehearsal])
    db.session.flush()
    at_channel = {**own, "listing_id": listing.id, "connection_id": channel.id}
    db.session.add_all(
        [
            ShipmentOrder(**own, shipment_id=shipment.id, order_id=order_id),
            Parcel(**own, shipment_id=shipment.id, remote_id=mark, tracking=mark, carrier=mark),
            Confirmation(**own, order_id=order_id, shipment_id=shipment.id, carrier_name=mark),
            RoutingDecision(**own, order_id=order_id, stage=OrderStage.ASSIGNED, text=mark, who=mark),
            RehearsalRow(**own, rehearsal_id=rehearsal.id, listing_id=listing.id, shows=1, would=2),
            StockSource(**own, product_id=product.id, connection_id=plugin.id, available=5, kept=0, read_at=now()),
            Push(**at_channel, detail=mark),
            PricePush(**at_channel, detail=mark),
            Price(**own, product_id=product.id, currency="CNY", minor=1990, changed_by=mark),
        ]
    )
    db.session.flush()
