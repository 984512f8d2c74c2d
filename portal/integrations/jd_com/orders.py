"""JD.com's methods that tell orders: what is asked, and what is taken out of the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from portal.contract.errors import Cause, Garbled, Refused
from portal.contract.gateway import Body, count, said_yes, want, words_of
from portal.integrations.jd_com.client import BEIJING, JdComClient
from portal.integrations.jd_com.statuses import NOT_PAID, SEARCHED

Row = Mapping[str, Any]

# JD.com gateway, order search and unpaid orders: at most 100 rows a page.
PAGE = 100
_NUMBER_DIGITS = 19
_OLDEST_FIRST, _BY_CHANGE = 0, 0
_STATES = ",".join(SEARCHED)
_FIELDS = (
    "orderId,orderType,payType,orderState,orderStateRemark,orderTotalPrice,sellerDiscount,orderSellerPrice,orderPayment,"
    "freightPrice,orderStartTime,paymentConfirmTime,orderEndTime,modified,consigneeInfo,itemInfoList,logisticsId,waybill,"
    "venderRemark,orderRemark,idSopShipmenttype,open_id_buyer,xid_buyer"
)


@dataclass(frozen=True, slots=True)
class Answered:
    """A page of orders, and how many the whole window holds."""

    rows: list[Any]
    total: int


def changed(client: JdComClient, start: int, end: int, *, page: int = 1, size: int = PAGE) -> Answered:
    """JD.com gateway, order search with encrypted parts: the orders that changed in a window, the oldest change first.

    The window is seconds since 1970, both ends within, and at most a month wide.
    """
    asked = {
        "start_date": stamp(start),
        "end_date": stamp(end),
        "order_state": _STATES,
        "optional_fields": _FIELDS,
        "page": str(page),
        "page_size": str(size),
        "sortType": _OLDEST_FIRST,
        "dateType": _BY_CHANGE,
    }
    return _answered(client.call("jingdong.pop.order.enSearch", asked), "searchorderinfo_result")


def unpaid(client: JdComClient, start: int, end: int, *, page: int = 1) -> Answered:
    """JD.com gateway, unpaid orders: those that were placed in a window and wait for their payment.

    The name of the answer's part is our reading; no client that we saw shows it.
    """
    asked = {"startDate": stamp(start), "endDate": stamp(end), "page": page, "pageSize": PAGE}
    found = _answered(client.call("jingdong.pop.order.notPayOrderInfo", asked), "notpayorder_result")
    return Answered([_not_paid(row) for row in found.rows], found.total)


def one(client: JdComClient, number: str) -> Row | None:
    """An order by its number, paid or not, None where JD.com shows none."""
    asked = {"order_id": int(number), "optional_fields": _FIELDS}
    found = detail(client.call("jingdong.pop.order.enGet", asked))
    if found is not None:
        return found
    answer = client.call("jingdong.pop.order.notPayOrderById", {"orderId": int(number)})
    rows = _answered(answer, "notpayorder_result").rows
    return _not_paid(rows[0]) if rows else None


def some(client: JdComClient, keys: Sequence[str]) -> list[Row]:
    """The orders of these numbers; what is no number of JD.com's names no order."""
    numbers = [key for key in dict.fromkeys(keys) if is_number(key)]
    found = client.in_flight([partial(one, client, number) for number in numbers])
    return [row for row in found if row is not None]


def state(client: JdComClient, number: str) -> tuple[str, str, str] | None:
    """The state word, carrier and waybills of an order, None where JD.com shows none."""
    asked = {"order_id": int(number), "optional_fields": "orderState,logisticsId,waybill"}
    found = detail(client.call("jingdong.pop.order.get", asked))
    if found is None:
        return None
    return want(found, "orderState", str), words_of(found, "logisticsId"), words_of(found, "waybill")


def detail(answer: Body) -> Body | None:
    """The order inside a detail answer, None where there is none.  Raises what the business part refused."""
    inside = want(answer, "orderDetailInfo", dict)
    _must_be_well(inside)
    return want(inside, "orderInfo", dict) if inside.get("orderInfo") is not None else None


def is_number(key: str) -> bool:
    """Whether a text can be an order's number at JD.com."""
    return key.isascii() and key.isdecimal() and len(key) <= _NUMBER_DIGITS


def stamp(seconds: int) -> str:
    """A moment as orders tell it: Beijing time, to the second."""
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


def _answered(answer: Body, name: str) -> Answered:
    inside = want(answer, name, dict)
    _must_be_well(inside)
    total = count(inside, "orderTotal")
    rows = inside.get("orderInfoList")
    # An empty result may come without its list.
    if rows is None and total == 0:
        return Answered([], 0)
    return Answered(want(inside, "orderInfoList", list), total)


def _must_be_well(inside: Body) -> None:
    told = want(inside, "apiResult", dict)
    if not said_yes(told.get("success")):
        code = told.get("numberCode")
        if isinstance(code, bool) or not isinstance(code, int | str):
            raise Garbled(Cause.NOT_READABLE, f"numberCode is a {type(code).__name__}")
        said = words_of(told, "chineseErrCode", "englishErrCode")
        raise Refused(Cause.REFUSED, words_of(told, "englishErrCode"), code=str(code), said=said)


def _not_paid(row: Any) -> Any:
    """The list of unpaid orders is their state; a row needs no word of its own."""
    return {**row, "orderState": row.get("orderState") or NOT_PAID} if isinstance(row, Mapping) else row
