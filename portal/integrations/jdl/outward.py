"""What JD Logistics is told of an order that it shall send, in JD's fields and within JD's limits.

JD's own limits are not established; these are ours (docs/jd.md).  What does not fit is refused before the call with
the name of the field: a name or an address that was cut off silently would send a parcel astray.  The same order gives
the same fields in the same order every time, so that its number stays an idempotency key.
"""

from collections.abc import Mapping
from typing import Any

from portal.contract.errors import Cause, Refused
from portal.contract.records import Consignee, Outbound, OutboundLine
from portal.contract.writing import major
from portal.integrations.jdl.client import ZONE

LONGEST_NUMBER = 50
# JD's own domestic order asks for none, and the marketplace tells none.
WITHOUT_POSTCODE = frozenset({"CN"})
LONGEST_NAME = 100
LONGEST_ADDRESS = 200
LONGEST_REMARK = 200
MOST_LINES = 200
_CUT = " […]"


def order(outbound: Outbound, values: Mapping[str, str]) -> dict[str, Any]:
    """The fields of `outstock.create` besides the block.  Raises Refused for what JD does not take, with the field."""
    currency = _currency(outbound)
    made: dict[str, Any] = {
        "customerOrderNo": _fitting("customerOrderNo", outbound.reference, LONGEST_NUMBER),
        "orderType": values["orderType"],
        "salesPlatform": outbound.platform,
        "platformOrderNo": outbound.platform_number,
        "orderCreateTime": f"{outbound.placed_at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}" if outbound.placed_at else "",
        "currency": currency,
        "orderAmount": major(outbound.total, currency),
        "shippingService": _fitting("shippingService", outbound.shipping_service, LONGEST_NUMBER),
        "customerRemark": remark(outbound.buyer_note),
        "sellerRemark": remark(outbound.seller_note),
        "consigneeInformation": consignee(outbound.consignee),
        "goodsDtoList": _lines(outbound, values, currency),
    }
    return _told(made)


def consignee(who: Consignee) -> dict[str, str]:
    """The recipient.  Raises Refused with the first field that JD needs and that is missing, or that is too long."""
    first, second = split_address(who.address)
    needed = {
        "consigneeName": _fitting("consigneeName", _one_line(who.name), LONGEST_NAME),
        "phone": _one_line(who.phone),
        "country": _one_line(who.country).upper(),
        "city": _one_line(who.city),
        "address1": first,
        "postcode": _one_line(who.postcode),
    }
    for name, value in needed.items():
        if not value and not (name == "postcode" and needed["country"] in WITHOUT_POSTCODE):
            raise Refused(Cause.ADDRESS_UNCLEAR, f"{name} is missing")
    country = needed["country"]
    if not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise Refused(Cause.ADDRESS_UNCLEAR, "country is not a code of two letters")
    return _told(
        {
            "consigneeName": needed["consigneeName"],
            "company": _one_line(who.company),
            "phone": needed["phone"],
            "email": _one_line(who.email),
            "country": country,
            "state": _one_line(who.province),
            "city": needed["city"],
            "district": _one_line(who.district),
            "address1": first,
            "address2": second,
            "postcode": needed["postcode"],
        }
    )


def split_address(address: str) -> tuple[str, str]:
    """An address in JD's two lines, divided between words.  Raises Refused where it fits into no two lines."""
    whole = _one_line(address)
    if len(whole) <= LONGEST_ADDRESS:
        return whole, ""
    # A text without a space, as Chinese ones are, is divided where the first line is full.
    at = whole.rfind(" ", 0, LONGEST_ADDRESS + 1)
    at = at if at > 0 and len(whole) - at - 1 <= LONGEST_ADDRESS else LONGEST_ADDRESS
    first, second = whole[:at], whole[at:].strip()
    if len(second) > LONGEST_ADDRESS:
        raise Refused(Cause.DOES_NOT_FIT, f"the address has {len(whole)} signs, JD takes {2 * LONGEST_ADDRESS}")
    return first, second


def remark(note: str) -> str:
    """A note for the warehouse.  A longer one ends in a mark that shows that there is more of it."""
    whole = _one_line(note)
    return whole if len(whole) <= LONGEST_REMARK else whole[: LONGEST_REMARK - len(_CUT)] + _CUT


def _lines(outbound: Outbound, values: Mapping[str, str], currency: str) -> list[dict[str, Any]]:
    if not 1 <= len(outbound.lines) <= MOST_LINES:
        raise Refused(Cause.DOES_NOT_FIT, f"goodsDtoList has {len(outbound.lines)} lines, JD takes 1 to {MOST_LINES}")
    return [_line(each, values, currency) for each in outbound.lines]


def _line(line: OutboundLine, values: Mapping[str, str], currency: str) -> dict[str, Any]:
    if not line.sku:
        raise Refused(Cause.UNKNOWN_GOODS, f"line {line.number} has no SKU")
    return _told(
        {
            "orderLine": line.number,
            "customerGoodsId": line.sku,
            "quantity": line.quantity,
            "goodsName": _one_line(line.title),
            "unitPrice": major(line.price, currency),
            "goodsLevel": values["goodsLevel"],
        }
    )


def _currency(outbound: Outbound) -> str:
    """The one currency that the order's amounts are told in."""
    prices = [outbound.total, *(each.price for each in outbound.lines)]
    return next((each.currency for each in prices if each), "")


def _fitting(name: str, value: str, most: int) -> str:
    """The value itself.  Raises Refused, with how much too long it is and without the value, where it does not fit."""
    if len(value) > most:
        raise Refused(Cause.DOES_NOT_FIT, f"{name} has {len(value)} signs, JD takes {most}")
    return value


def _one_line(text: str) -> str:
    """The text with every run of spaces and line ends as one space."""
    return " ".join(text.split())


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    """Only what there is to tell: JD takes a blank value for a wrong one."""
    return {name: value for name, value in fields.items() if value != ""}
