"""JD.ID's orders in our words.  Pure: a mapping in, a record out."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from portal.contract.errors import BadRecord
from portal.contract.reading import amount, instant, part, remote_id, text, whole
from portal.contract.records import Consignee, RemoteLine, RemoteOrder
from portal.integrations.jd_id.mapping import CURRENCY
from portal.kit.money import Money

# What JD.ID took off the price of an order, each with its own name.
_DISCOUNTS = ("couponAmount", "promotionAmount", "fullCutAmount")
_MASK = "*"


def order(raw: Mapping[str, Any]) -> RemoteOrder:
    """One order.  Raises BadRecord where an id, the state, the time or a quantity is missing or cannot be read.

    All times are in milliseconds.  What the buyer pays is `paySubtotal`, or `totalPrice` where that is not told.
    """
    told = part(raw, "order")
    number = remote_id(told, "orderId")
    try:
        return _order(number, told, raw)
    except BadRecord as why:
        raise BadRecord(str(why), number) from None


def _order(number: str, told: Mapping[str, Any], raw: Mapping[str, Any]) -> RemoteOrder:
    placed = instant(told, "bookTime") or instant(told, "createTime")
    if placed is None:
        raise BadRecord("bookTime is missing")
    consignee = _consignee(told)
    total = amount(told, "paySubtotal", CURRENCY)
    return RemoteOrder(
        remote_id=number,
        status_word=remote_id(told, "orderState"),
        lines=_lines(told),
        placed_at=placed,
        updated_at=instant(told, "modifyTime"),
        paid_at=instant(told, "payTime"),
        total=amount(told, "totalPrice", CURRENCY) if total is None else total,
        freight=amount(told, "freightAmount", CURRENCY),
        discount=_discount(told),
        payment_word=text(told, "paymentType"),
        paid_on_delivery=raw.get("paid_on_delivery") is True,
        by_channel=raw.get("by_channel") is True,
        shipping_service=text(told, "deliveryType"),
        consignee=consignee,
        masked=any(_MASK in each for each in (consignee.name, consignee.phone, consignee.address)),
        buyer=text(told, "userPin"),
        buyer_note=text(told, "buyerMessage"),
        carrier=text(told, "carrierCompany"),
        tracking=text(told, "expressNo"),
        raw=told,
    )


def _discount(told: Mapping[str, Any]) -> Money | None:
    found = [each for name in _DISCOUNTS if (each := amount(told, name, CURRENCY)) is not None]
    return replace(found[0], minor=sum(each.minor for each in found)) if found else None


def _consignee(told: Mapping[str, Any]) -> Consignee:
    return Consignee(
        name=text(told, "customerName"),
        phone=text(told, "mobile") or text(told, "phone"),
        email=text(told, "email"),
        address=text(told, "address") or text(told, "deliveryAddr"),
        district=text(told, "area"),
        city=text(told, "city"),
        province=text(told, "state"),
        postcode=text(told, "postCode"),
        country="ID",
    )


def _lines(told: Mapping[str, Any]) -> tuple[RemoteLine, ...]:
    found = told.get("orderSkuinfos")
    if not isinstance(found, list) or not found:
        raise BadRecord("orderSkuinfos holds no line")
    seen: Counter[str] = Counter()
    lines = []
    for row in found:
        name = text(row, "orderSkuUuidId").strip() or remote_id(row, "skuId")
        seen[name] += 1
        # The same SKU may stand twice, at two prices; the second one's name says so.
        lines.append(_line(name if seen[name] == 1 else f"{name}-{seen[name]}", row))
    return tuple(lines)


def _line(name: str, row: Mapping[str, Any]) -> RemoteLine:
    quantity = whole(row, "skuNumber")
    if quantity is None or quantity < 1:
        raise BadRecord("skuNumber is not a number of pieces")
    return RemoteLine(
        remote_id=name,
        listing_id=remote_id(row, "skuId"),
        sku=text(row, "popSkuId"),
        title=text(row, "skuName"),
        quantity=quantity,
        price=_price(row, quantity),
    )


def _price(row: Mapping[str, Any], quantity: int) -> Money | None:
    """The price of one piece.  `costPrice` is that of the whole line, and stands in where it divides without a rest."""
    piece = amount(row, "jdPrice", CURRENCY)
    line = amount(row, "costPrice", CURRENCY)
    if piece is not None or line is None or line.minor % quantity:
        return piece
    return replace(line, minor=line.minor // quantity)
