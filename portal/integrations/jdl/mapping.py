"""JD Logistics' goods, stock and orders in our words.  Pure: a mapping in, a record out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from portal.contract.errors import BadRecord
from portal.contract.http import parsed
from portal.contract.reading import local_time, remote_id, text, whole
from portal.contract.records import RemoteDocument, RemoteListing, RemoteParcel, RemotePiece, RemoteStock, TraceStep
from portal.integrations.jdl.client import ZONE

# A warehouse keeps goods, not prices; the declaration wants a currency all the same.
CURRENCY = "CNY"

# The status with which an order's goods leave the warehouse.
LEFT = "10020"
_ON = 1
_NUMBERS = (
    "stockQuantity",
    "totalQuantity",
    "preoccupiedQuantity",
    "operatorLockNum",
    "inventoryLockNum",
    "purchaseWaitinStockQuantity",
)


def product(raw: Mapping[str, Any]) -> RemoteListing:
    """One product of the merchant at JD.  Raises BadRecord where JD's id is missing."""
    number = remote_id(raw, "jdGoodsId")
    image = text(raw, "imageUrl")
    return RemoteListing(
        remote_id=number,
        parent_id=number,
        sku=text(raw, "customerGoodsId"),
        title=text(raw, "goodsName") or text(raw, "goodsNameEn"),
        status_word=text(raw, "status"),
        # What is not told does not stand against a product.
        on_sale=whole(raw, "status") in {None, _ON},
        barcode=next((each for each in rows(raw, "barcodes") if isinstance(each, str) and "\0" not in each), ""),
        image=image if image.startswith("https://") else "",
        updated_at=local_time(raw, "updateTime", ZONE),
    )


def stock(raw: Mapping[str, Any]) -> RemoteStock:
    """What one warehouse has of one SKU; what is missing counts as 0, what is below 0 is kept as 0 and told."""
    said = {name: whole(raw, name) or 0 for name in _NUMBERS}
    kept = {name: max(0, number) for name, number in said.items()}
    return RemoteStock(
        remote_id=remote_id(raw, "jdGoodsId"),
        sku=text(raw, "customerGoodsId"),
        warehouse=text(raw, "warehouseCode"),
        available=kept["stockQuantity"],
        on_hand=kept["totalQuantity"],
        reserved=kept["preoccupiedQuantity"],
        locked=kept["operatorLockNum"] + kept["inventoryLockNum"],
        inbound=kept["purchaseWaitinStockQuantity"],
        title=text(raw, "goodsName"),
        told=", ".join(f"{name} {number}" for name, number in said.items()) if kept != said else "",
    )


def outbound(raw: Mapping[str, Any]) -> RemoteDocument:
    """An order that goes out.  Its tracking number may be there long before the parcel leaves."""
    left, pieces = _left_at(raw), tuple(_piece(each, "realOutstockQuantity") for each in rows(raw, "goodsDtoList"))
    return RemoteDocument(
        remote_id=remote_id(raw, "serviceBillCode"),
        reference=text(raw, "customerOrderNo"),
        status_word=text(raw, "status"),
        status_text=text(raw, "statusDesc"),
        status_at=_status_at(raw),
        warehouse=text(raw, "warehouseCode"),
        carrier=text(raw, "actualCarrierName"),
        tracking=text(raw, "preShipWayBill"),
        pieces=pieces,
        parcels=_parcels(raw, left, pieces),
        left_at=left,
    )


def step(raw: Mapping[str, Any]) -> TraceStep:
    """One step of a parcel's way."""
    return TraceStep(
        at=local_time(raw, "operateTime", ZONE),
        title=text(raw, "operateTitle"),
        remark=text(raw, "operateRemark"),
        place=text(raw, "location"),
        category=text(raw, "category"),
        tracking=text(raw, "trackingNo"),
    )


def inbound(raw: Mapping[str, Any]) -> RemoteDocument:
    """Goods that come in."""
    return RemoteDocument(
        remote_id=remote_id(raw, "serviceBillCode"),
        reference=text(raw, "customerInstockNo"),
        status_word=text(raw, "status"),
        status_text=text(raw, "statusDesc"),
        status_at=_status_at(raw),
        warehouse=text(raw, "warehouseCode"),
        pieces=tuple(_piece(each, "realInstockQuantity") for each in rows(raw, "goodsDtoList")),
    )


def rows(raw: Mapping[str, Any], name: str) -> list[Any]:
    """A list inside an item, which may be JSON inside text; empty where it is missing."""
    found = raw.get(name)
    if isinstance(found, str):
        try:
            found = parsed(found) if found.strip() else None
        except ValueError:
            raise BadRecord(f"{name} is text, and not JSON") from None
    if found is None:
        return []
    if not isinstance(found, list):
        raise BadRecord(f"{name} is a {type(found).__name__}, not a list")
    return found


def _piece(raw: Any, done: str) -> RemotePiece:
    quantity = whole(raw, "quantity")
    return RemotePiece(
        sku=text(raw, "customerGoodsId") or text(raw, "jdGoodsId"),
        quantity=max(0, quantity or 0),
        done=_count(raw, done),
        damaged=_count(raw, "damagedQuantity"),
    )


def _left_at(raw: Mapping[str, Any]) -> datetime | None:
    """When the first of an order's goods left, None while none has: a tracking number says nothing about it."""
    told = local_time(raw, "outboundTime", ZONE)
    steps = [each for each in rows(raw, "statusList") if text(each, "status") == LEFT]
    moments = [local_time(each, "operateTime", ZONE) for each in steps]
    return told or min((each for each in moments if each), default=None)


def _parcels(
    raw: Mapping[str, Any], left: datetime | None, pieces: tuple[RemotePiece, ...]
) -> tuple[RemoteParcel, ...]:
    """The listed parcels; where none is listed, the one that the order's own tracking number stands for.

    That number names the same parcel once it is listed, so that a parcel which was told early is not told twice.
    """
    listed = rows(raw, "packageList")
    tracking, carrier = text(raw, "preShipWayBill"), text(raw, "actualCarrierName")
    if not listed and tracking:
        inside = tuple(RemotePiece(each.sku, each.done) for each in pieces if each.done) if left else ()
        return (RemoteParcel(tracking, tracking, carrier, left, inside),)
    skus = {text(each, "jdGoodsId"): text(each, "customerGoodsId") for each in rows(raw, "goodsDtoList")}
    found = [_parcel(each, carrier, left, skus) for each in listed]
    early = next((place for place, each in enumerate(found) if tracking and each.tracking == tracking), None)
    return tuple(replace(each, remote_id=tracking) if place == early else each for place, each in enumerate(found))


def _parcel(raw: Any, carrier: str, left: datetime | None, skus: Mapping[str, str]) -> RemoteParcel:
    """One parcel.  Where JD tells no time of its own for it, it left with the order; `skus` are those of JD's ids."""
    tracking = text(raw, "trackingNo")
    return RemoteParcel(
        remote_id=text(raw, "packageNo").strip() or remote_id(raw, "trackingNo"),
        tracking=tracking,
        carrier=text(raw, "carrierName") or text(raw, "carrierCode") or carrier,
        left_at=(local_time(raw, "outboundTime", ZONE) or left) if left else None,
        pieces=tuple(_in_parcel(each, skus) for each in rows(raw, "goods")),
    )


def _in_parcel(raw: Any, skus: Mapping[str, str]) -> RemotePiece:
    number = text(raw, "jdGoodsId")
    return RemotePiece(text(raw, "customerGoodsId") or skus.get(number) or number, max(0, whole(raw, "quantity") or 0))


def _count(raw: Any, name: str) -> int | None:
    found = whole(raw, name)
    return None if found is None else max(0, found)


def _status_at(raw: Mapping[str, Any]) -> datetime | None:
    """When the newest of the listed statuses came; else when the order was changed."""
    moments = [local_time(each, "operateTime", ZONE) for each in rows(raw, "statusList")]
    return max((each for each in moments if each), default=None) or local_time(raw, "updateTime", ZONE)
