"""JD Logistics' goods, stock and orders in our words.  Pure: a mapping in, a record out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.contract.errors import BadRecord
from portal.contract.http import parsed
from portal.contract.reading import local_time, remote_id, text, whole
from portal.contract.records import RemoteDocument, RemoteListing, RemotePiece, RemoteStock
from portal.integrations.jdl.client import ZONE

# A warehouse keeps goods, not prices; the declaration wants a currency all the same.
CURRENCY = "CNY"

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
    return RemoteDocument(
        remote_id=remote_id(raw, "serviceBillCode"),
        reference=text(raw, "customerOrderNo"),
        status_word=text(raw, "status"),
        status_text=text(raw, "statusDesc"),
        status_at=_status_at(raw),
        warehouse=text(raw, "warehouseCode"),
        carrier=text(raw, "actualCarrierName"),
        tracking=text(raw, "preShipWayBill"),
        pieces=tuple(_piece(each, "realOutstockQuantity") for each in rows(raw, "goodsDtoList")),
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


def _count(raw: Any, name: str) -> int | None:
    found = whole(raw, name)
    return None if found is None else max(0, found)


def _status_at(raw: Mapping[str, Any]) -> datetime | None:
    """When the newest of the listed statuses came; else when the order was changed."""
    moments = [local_time(each, "operateTime", ZONE) for each in rows(raw, "statusList")]
    return max((each for each in moments if each), default=None) or local_time(raw, "updateTime", ZONE)
