"""JD.com's orders in our words.  Pure: a mapping in, a record out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.contract.errors import BadRecord
from portal.contract.reading import amount, local_time, part, remote_id, text, whole
from portal.contract.records import Consignee, RemoteLine, RemoteOrder
from portal.integrations.jd_com.client import BEIJING
from portal.integrations.jd_com.mapping import CURRENCY
from portal.kit.money import Money

# JD.com gateway, order fields: payment 1 is on delivery; shipment types 68 and 69 are JD's own delivery.
_ON_DELIVERY = "1"
_BY_JD = frozenset({"68", "69"})
# How the gateway writes a moment that has not come.
_NOT_YET = ("0001-01-01", "1970-01-01")
_SHOWN = ("fullname", "mobile", "telephone", "fullAddress")


def order(raw: Mapping[str, Any]) -> RemoteOrder:
    """One order.  Raises BadRecord where the number, the lines or the time are missing or cannot be read."""
    number = remote_id(raw, "orderId")
    placed = _moment(raw, "orderStartTime")
    if placed is None:
        raise BadRecord("orderStartTime is missing", number)
    try:
        return _read(raw, number, placed)
    except BadRecord as why:
        raise BadRecord(str(why), number) from None


def _read(raw: Mapping[str, Any], number: str, placed: datetime) -> RemoteOrder:
    told = part(raw, "consigneeInfo")
    freight = amount(raw, "freightPrice", CURRENCY)
    return RemoteOrder(
        remote_id=number,
        status_word=text(raw, "orderState").strip(),
        lines=_lines(raw),
        placed_at=placed,
        status_text=text(raw, "orderStateRemark"),
        updated_at=_moment(raw, "modified"),
        paid_at=_moment(raw, "paymentConfirmTime"),
        total=_total(raw, freight),
        freight=freight,
        discount=amount(raw, "sellerDiscount", CURRENCY),
        payment_word=text(raw, "payType").strip(),
        paid_on_delivery=text(raw, "payType").strip() == _ON_DELIVERY,
        by_channel=text(raw, "idSopShipmenttype").strip() in _BY_JD,
        consignee=_consignee(told),
        masked=_masked(told),
        buyer=text(raw, "open_id_buyer") or text(raw, "xid_buyer") or text(raw, "pin"),
        buyer_note=text(raw, "orderRemark"),
        seller_note=text(raw, "venderRemark"),
        carrier=text(raw, "logisticsId"),
        tracking=text(raw, "waybill"),
        raw=raw,
    )


def _total(raw: Mapping[str, Any], freight: Money | None) -> Money | None:
    """What the buyer pays: the price after the seller's discount, and the freight.

    `orderPayment` would say it in one number, but has not been kept up to date since October 2024; it stands in where
    the price is not told.
    """
    price = amount(raw, "orderSellerPrice", CURRENCY)
    if price is None:
        return amount(raw, "orderPayment", CURRENCY)
    return Money(price.minor + (freight.minor if freight else 0), CURRENCY)


def _lines(raw: Mapping[str, Any]) -> tuple[RemoteLine, ...]:
    """The lines; JD.com numbers none, so a SKU that stands twice is told apart by its turn."""
    items = raw.get("itemInfoList")
    if not isinstance(items, list) or not items:
        raise BadRecord("itemInfoList holds no line")
    turns: dict[str, int] = {}
    found = []
    for item in items:
        sku = remote_id(item, "skuId")
        turns[sku] = turns.get(sku, 0) + 1
        found.append(_line(item, sku, turns[sku]))
    return tuple(found)


def _line(item: Mapping[str, Any], sku: str, turn: int) -> RemoteLine:
    quantity = whole(item, "itemTotal")
    if quantity is None or quantity < 1:
        raise BadRecord("itemTotal is no number of pieces")
    return RemoteLine(
        remote_id=sku if turn == 1 else f"{sku}/{turn}",
        listing_id=sku,
        sku=text(item, "outerSkuId"),
        title=text(item, "skuName"),
        quantity=quantity,
        price=amount(item, "jdPrice", CURRENCY),
    )


def _consignee(told: Mapping[str, Any]) -> Consignee:
    """As far as JD.com shows it; what is encrypted beside it can be opened in JD's own cloud only."""
    return Consignee(
        name=text(told, "fullname"),
        phone=text(told, "mobile") or text(told, "telephone"),
        address=text(told, "fullAddress"),
        district=text(told, "county"),
        city=text(told, "city"),
        province=text(told, "province"),
        country="CN" if told else "",
    )


def _masked(told: Mapping[str, Any]) -> bool:
    return any("*" in text(told, name) or (not text(told, name) and text(told, f"encrypt_{name}")) for name in _SHOWN)


def _moment(raw: Mapping[str, Any], name: str) -> datetime | None:
    """A moment in Beijing time, None where it has not come."""
    return None if text(raw, name).strip().startswith(_NOT_YET) else local_time(raw, name, BEIJING)
