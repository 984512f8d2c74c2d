"""A buyer whom nobody can mistake, in orders of every kind and in everything that came of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from portal.contract.records import Consignee, OrderStatus, RemoteOrder
from portal.contract.webhooks import Push
from portal.flows import addresses, bundles, cancelling, order_hand, orders, planning, receiving, rules
from portal.flows.audit import By
from portal.flows.order_buyers import Buyer
from portal.flows.order_hand import Wish
from portal.integrations.jd_com import orders_mapping as jd_com
from portal.integrations.jd_id import orders_mapping as jd_id
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.kit.ids import new_id
from portal.models import Connection, Delivery, DeliveryState, Order, RuleAction, Store
from tests import goods, parceling
from tests.addresses import Things
from tests.cast import Cast
from tests.parceling import CHANNEL, Place, Yard

MEI = By("Mei Lin")
TO = Consignee(
    name="Zelvira Quonsettia",
    phone="08179926431577",
    email="zelvira@quonsettia.example",
    address="Pendlewick Gate 4471",
    district="Quarrowby",
    city="Thornmoresby",
    province="Province of many",
    postcode="QX9-4ZJ7",
    country="ID",
    company="Quonsettia Tackle",
)
ACCOUNT, BUYER_NOTE, SELLER_NOTE = "zelvira-account-77", "ring thrice for Bartimaeus", "a present for Ottoline"
# What stands in no answer before it is revealed: each word that only this buyer has.
TELLING = (
    *("Zelvira", "Quonsettia", "08179926431577", "9926431577", "Pendlewick", "Quarrowby", "Thornmoresby"),
    *("QX9-4ZJ7", ACCOUNT, "Bartimaeus", "Ottoline"),
)
# What a remote says that quotes what it was sent, each in another way.
QUOTING = (
    f"no service at {TO.address}, {TO.city} {TO.postcode}; call {TO.name} at 0817 9926 4315 77 or {TO.email}",
    "Pendlewick Gate is not known; Zelvira has to be called ZELVIRA quonsettia",
)
RAW_JD_COM: Mapping[str, Any] = {
    "orderId": "260305140711999",
    "orderState": "WAIT_SELLER_STOCK_OUT",
    "payType": "4",
    "orderSellerPrice": "249.80",
    "orderStartTime": "2026-11-05 14:05:11",
    "modified": "2026-11-05 14:07:12",
    "consigneeInfo": {
        "fullname": TO.name,
        "mobile": TO.phone,
        "fullAddress": TO.address,
        "province": TO.province,
        "city": TO.city,
        "county": TO.district,
    },
    "itemInfoList": [{"skuId": "1", "outerSkuId": "A", "skuName": "A cup", "jdPrice": "129.90", "itemTotal": "1"}],
    "orderRemark": BUYER_NOTE,
    "venderRemark": SELLER_NOTE,
    "open_id_buyer": ACCOUNT,
}
RAW_JD_ID: Mapping[str, Any] = {
    "order": {
        "orderId": 1027577999,
        "orderState": 1,
        "paymentType": 4,
        "bookTime": 1793888000000,
        "modifyTime": 1793888300000,
        "customerName": TO.name,
        "mobile": TO.phone,
        "email": TO.email,
        "address": TO.address,
        "area": TO.district,
        "city": TO.city,
        "state": TO.province,
        "postCode": TO.postcode,
        "paySubtotal": "298000",
        "userPin": ACCOUNT,
        "buyerMessage": BUYER_NOTE,
        "orderSkuinfos": [
            {
                "orderSkuUuidId": "u",
                "skuId": 1,
                "popSkuId": "A",
                "skuName": "A cup",
                "skuNumber": 1,
                "jdPrice": "149000",
            }
        ],
    }
}


def plant(cast: Cast, things: Things, yard: Yard) -> dict[str, uuid.UUID]:
    """The buyer in orders, shipments, decisions and the trail of Blue Lantern; the orders by their kind."""
    with cast.app.app_context(), acting_for(cast.lantern):
        found = {**_imported(things), **_typed(), **_shipped(yard)}
        db.session.commit()
        return found


def pushed(cast: Cast, things: Things) -> list[uuid.UUID]:
    """Believed pushes that hold the buyer, in every form in which one may come."""
    message = {
        "customerOrderNo": "L1",
        "consigneeInformation": asdict(TO),
        "receiverName": TO.name,
        "linkMobile": TO.phone,
        "shipToCity": TO.city,
        "zip": TO.postcode,
        "operationRemark": f"Signed for by {TO.name}",
        "lines": [{"buyerMemo": BUYER_NOTE, "deeper": json.dumps({"fullAddress": TO.address})}],
    }
    bodies = (
        json.dumps(message).encode(),
        urlencode({"request_body": json.dumps(message), "mobile": TO.phone, "customerName": TO.name}).encode(),
        f"neither of both: {TO.name} {TO.phone}".encode(),
    )
    with cast.app.app_context(), acting_for(cast.lantern):
        plugin = db.session.scalars(sa.select(Connection.id).where(Connection.integration == "jdl")).first()
        assert plugin is not None, "the things have a plugin"
        made = [_delivery(plugin, place, body) for place, body in enumerate(bodies)]
        db.session.commit()
        return made


def _delivery(connection_id: uuid.UUID, place: int, body: bytes) -> uuid.UUID:
    delivery_id, moment = new_id(), now()
    push = Push({"content-type": "application/json"}, body)
    row = Delivery(
        merchant_id=whose(),
        id=delivery_id,
        connection_id=connection_id,
        event_id=f"planted-{place}",
        digest=bytes([place]),
        sealed=receiving.seal(whose(), connection_id, delivery_id, push),
        size=len(body),
        received_at=moment,
        last_at=moment,
        state=DeliveryState.DEAD,
        settled_at=moment,
        cause="push_not_readable",
    )
    db.session.add(row)
    return delivery_id


def _imported(things: Things) -> dict[str, uuid.UUID]:
    """As the channels' own answers are read, first to be shipped, then again as returned and as cancelled."""
    there = db.session.get_one(Connection, (whose(), things["connection_id"]))
    here = goods.connection("jd_com", "JD.com")
    return {
        "JD.com": _kept(here, jd_com.order(RAW_JD_COM)),
        "JD.ID": _kept(there, jd_id.order(RAW_JD_ID)),
        "cancelled": _kept(here, jd_com.order({**RAW_JD_COM, "orderId": "2", "orderState": "TRADE_CANCELED"})),
        "unknown word": _kept(here, jd_com.order({**RAW_JD_COM, "orderId": "3", "orderState": "NEVER_SEEN"})),
    }


def _kept(channel: Connection, record: RemoteOrder) -> uuid.UUID:
    channel.options = {**channel.options, "import_orders_from": (record.placed_at - timedelta(days=1)).isoformat()}
    orders.keep_orders(channel, [record], now())
    db.session.commit()
    query = sa.select(Order.id).where(Order.connection_id == channel.id, Order.remote_id == record.remote_id)
    return db.session.scalars(query).one()


def _typed() -> dict[str, uuid.UUID]:
    """Typed by hand: to be shipped, shipped, cancelled, of a bundle; and a rule that looks where they go."""
    store = db.session.scalars(sa.select(Store).order_by(Store.id).limit(1)).one()
    where = {"field": "postcode", "operator": "is", "value": "00000"}
    rule = rules.add(store, rules.Draft("Far away", [where], RuleAction.HOLD, text="too far away"), MEI)
    rules.move(rule, -1, MEI)
    lamp, pair = parceling.keep("LAMP", 50), parceling.product("PAIR")
    bundles.add_part(pair, lamp, 2, MEI)
    made = {
        name: order_hand.create(store, [Wish(what, 1)], TO, f"{SELLER_NOTE}. {BUYER_NOTE}", MEI)
        for name, what in (("by hand", lamp), ("shipped by hand", lamp), ("cancelled by hand", lamp), ("bundle", pair))
    }
    found = {name: each.id for name, each in made.items()}
    order_hand.ship(parceling.the(found["shipped by hand"]), "SF", "SF-1", MEI)
    order_hand.cancel(parceling.the(found["cancelled by hand"]), "it was ordered twice", MEI)
    parceling.work_off()
    return found


def _shipped(yard: Yard) -> dict[str, uuid.UUID]:
    """At a warehouse: merged, refused, stopped too late, not confirmed, returned; the remotes quote what they got."""
    plugin, shop = parceling.warehouse_of("LAMP", "CUP"), parceling.connection(CHANNEL, "Lapak", auto_merge=True)
    alone = parceling.connection(CHANNEL, "Lapak two", auto_merge=False)
    yard.says = QUOTING[0]
    merged, other = _of(shop, "LAMP"), _of(shop, "CUP")
    refused, late, told = _of(alone, "LAMP"), _of(alone, "LAMP"), _of(alone, "CUP")
    parceling.plan(plugin, merged, other)
    planning.send_now([merged], MEI)
    parceling.work_off()
    yard.fail("create", "address_unclear")
    parceling.plan(plugin, refused)
    parceling.work_off()
    addresses.complete(refused, TO, MEI)
    yard.says = QUOTING[1]
    yard.fail("create", "address_unclear")
    parceling.work_off()
    yard.fail("create")
    parceling.plan(plugin, late, told)
    parceling.work_off()
    _leave_behind(yard, plugin, late, told)
    back = _of(alone, "LAMP", status=OrderStatus.RETURNED)
    return {"merged": merged, "merged too": other, "refused": refused, "too late": late, "told": told, "returned": back}


def _leave_behind(yard: Yard, plugin: Place, late: uuid.UUID, told: uuid.UUID) -> None:
    """One cannot be stopped any more, and of the other the channel will not hear."""
    yard.fail("cancel", "refused")
    cancelling.take_back(late, MEI)
    parceling.work_off()
    yard.fail("confirm", "refused")
    there = parceling.shipment_of(told)
    assert there is not None, "it is at the warehouse"
    yard.leave(there.reference)
    parceling.told(plugin, yard, there.reference)
    parceling.work_off()


def _of(channel: Place, sku: str, **more: Any) -> uuid.UUID:
    buyer = Buyer(TO, ACCOUNT, BUYER_NOTE, SELLER_NOTE)
    where = {"city": TO.city, "province": TO.province, "postcode": TO.postcode, "country": TO.country}
    return parceling.order(sku, channel=channel, buyer=buyer, **where, **more)
