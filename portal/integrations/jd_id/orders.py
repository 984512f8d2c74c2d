"""JD.ID's order methods, both generations, as functions over the client."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from portal.contract.errors import Cause, Garbled
from portal.contract.http import parsed
from portal.contract.router import Body
from portal.integrations.jd_id.client import ID_PAGE, ID_PAGE_V1, JAKARTA, JdIdClient, model_of

Row = Mapping[str, Any]

_FAMILY = "result"
_SECOND = "jingdong.seller.order."
_FIRST = "epi.popOrder."


@dataclass(frozen=True, slots=True)
class Window:
    """A window of the time of change, seconds since 1970, both ends within."""

    start: int
    end: int


def page_of_ids(client: JdIdClient) -> int:
    """How many ids a list gives at once."""
    return ID_PAGE_V1 if client.first_generation else ID_PAGE


def order_ids(client: JdIdClient, status: str, window: Window, page: int = 1) -> list[str]:
    """JD.ID gateway, order ids by condition: one page of the orders of one status that changed in a window.

    The answer names no order and no total.  The first generation takes milliseconds; that it knows the window of change
    as the second does is our reading.
    """
    size = page_of_ids(client)
    if client.first_generation:
        ends: Mapping[str, Any] = {"updateTimeBegin": window.start * 1000, "updateTimeEnd": window.end * 1000}
        asked = {"orderStatus": int(status), "startRow": (page - 1) * size, **ends}
        answer = client.call(f"{_FIRST}getOrderIdListByCondition", asked)
    else:
        ends = {"updateTimeBegin": _stamp(window.start), "updateTimeEnd": _stamp(window.end)}
        asked = {"orderStatus": int(status), "pageNo": page, "pageSize": size, **ends}
        answer = client.call(f"{_SECOND}getOrderIdListByCondition", asked)
    found = _model(client, answer)
    return [] if found is None else [_id(each) for each in _list(found)]


def several(client: JdIdClient, ids: Sequence[str]) -> list[Any]:
    """JD.ID gateway, orders by ids, at most as many as clients asked for at once; unknown ones are left out."""
    if client.first_generation:
        answer = client.call(f"{_FIRST}getOrderInfoListForBatch", json.dumps([number(each) for each in ids]))
    else:
        answer = client.call(f"{_SECOND}batchGetOrderInfoList", {"orderId": ",".join(ids)})
    found = _model(client, answer)
    return [] if found is None else _list(found)


def one(client: JdIdClient, order_id: str) -> Row | None:
    """JD.ID gateway, one order; None where the answer holds none.  Raises Refused where JD.ID says no."""
    if client.first_generation:
        answer = client.call(f"{_FIRST}getOrderInfoByOrderId", json.dumps(number(order_id)))
    else:
        answer = client.call(f"{_SECOND}getOrderInfoByOrderId", {"orderId": number(order_id)})
    found = _model(client, answer)
    if found is not None and not isinstance(found, Mapping):
        raise Garbled(Cause.NOT_READABLE, f"an order is a {type(found).__name__}, not an object")
    return found


def print_label(client: JdIdClient, order_id: str) -> Row:
    """JD.ID gateway, print the label of an order: this allots the waybill and the carrier, and moves the order on.

    The first generation calls the waybill of each parcel `deliveryId`; it is told under the second's name.
    """
    if not client.first_generation:
        asked = {"orderId": number(order_id), "printType": 1, "printNum": 1}
        return _row(_model(client, client.call(f"{_SECOND}printOrder", asked)))
    rows = _row(_model(client, client.call("epi.pop.order.print.uat1", f'{order_id},1,1,"PDF"'))).get("data")
    first = _row(rows[0]) if isinstance(rows, list) and rows else {}
    return {"expressNo": first.get("deliveryId"), "preExpressNo": first.get("preDeliveryId")}


def send_goods(client: JdIdClient, order_id: str, waybill: str) -> Row:
    """JD.ID gateway, the order leaves.

    The second generation takes the order id alone and uses the allotted waybill; the first wants that waybill named.
    """
    if client.first_generation:
        asked: Mapping[str, Any] = {"orderId": number(order_id), "expressNo": waybill}
        return _row(_model(client, client.call(f"{_FIRST}sendGoods.uat", asked)))
    return _row(_model(client, client.call(f"{_SECOND}sendGoodsOpenApi", {"orderId": number(order_id)})))


def number(word: str) -> int | str:
    """An id as JD.ID writes it in JSON: a number, and whatever else it is as the text that it is."""
    return int(word) if word.isascii() and word.isdigit() else word


def _stamp(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone(JAKARTA):%Y-%m-%d %H:%M:%S}"


def _model(client: JdIdClient, answer: Body) -> Any:
    """The model of an answer; in the first generation some are JSON inside a text once more."""
    found = model_of(client.opened(answer, _FAMILY))
    if not isinstance(found, str):
        return found
    try:
        return parsed(found) if found.strip() else None
    except ValueError:
        raise Garbled(Cause.NOT_READABLE, "model is a text that is not JSON") from None


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise Garbled(Cause.NOT_READABLE, f"model is a {type(found).__name__}, not a list")
    return found


def _row(found: Any) -> Row:
    """A result that only adds to what is read again; anything but an object adds nothing."""
    return found if isinstance(found, Mapping) else {}


def _id(found: Any) -> str:
    if isinstance(found, bool) or not isinstance(found, int | str) or not str(found).strip():
        raise Garbled(Cause.NOT_READABLE, f"an order id is a {type(found).__name__}")
    return str(found).strip()
