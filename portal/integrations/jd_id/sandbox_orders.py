"""The sandbox's orders in JD.ID's form (docs/jd.md, "JD.ID: orders"); the book of all marketplaces keeps them."""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from portal.contract.world.jos import Call, Refusal
from portal.contract.world.sales import Sale, SaleLine, State
from portal.integrations.jd_id.sandbox_goods import bad, good

SHOWN: Mapping[int, tuple[State, ...]] = {
    1: (State.TO_SHIP,),
    7: (State.READY,),
    2: (State.SHIPPED,),
    3: (State.CANCEL_ASKED, State.LOCKED),
    4: (State.REFUSED,),
    5: (State.CANCELLED,),
    6: (State.COMPLETED,),
}
"""What each `orderState` shows of the book.  JD.ID told of no order before it was paid, and knew no lock of its own."""

_STATES = {state: number for number, states in SHOWN.items() for state in states}
_UNPRINTED = (State.TO_SHIP, State.CANCEL_ASKED, State.LOCKED, State.CANCELLED)
_GONE = -1
_ROWS = 20
_LARGEST_PAGE = 100
_MOST_IDS = 100
_TIMES = {"updateTime": "modified", "bookTime": "placed", "createdTime": "placed"}
_NOT_PLAYED = ("orderType", "deliveryType", "userPin", "siteIdListQuery")
# What these numbers were at JD.ID is not known; an account may be told others.
_PREPAID, _COD = 4, 1
_BY_SELLER, _BY_CHANNEL = 1, 2
_CARRIER, _CARRIER_CODE = "J-Express (sandbox)", 101
_LABEL = base64.b64encode(b"%PDF-1.4 a label of the sandbox").decode()


# --- which orders -----------------------------------------------------------------------------------------------------


def ids(call: Call, zone: timezone | None = None) -> Any:
    """`jingdong.seller.order.getOrderIdListByCondition`: the ids of one page.  An empty answer has no model.

    `zone` is that of the window's texts; without one the window is in milliseconds, as in the first generation.
    """
    for name in _NOT_PLAYED:
        if call.has(name):
            raise Refusal("61", f"{name}: not in the sandbox")
    states = SHOWN.get(call.number("orderStatus"))
    if states is None:
        raise Refusal("61", "orderStatus")
    by, since, until = _window(call, zone)
    start, count = _rows(call)
    # JD.ID named no order of the rows; the newest first is the hardest to page through.
    found, _ = call.book.window(by=by, since=since, until=until, states=states, start=start, count=count, falling=True)
    return _good([each.number for each in found])


def _window(call: Call, zone: timezone | None) -> tuple[str, int, int]:
    for name, by in _TIMES.items():
        if call.has(f"{name}Begin") or call.has(f"{name}End"):
            return by, _moment(call, f"{name}Begin", zone), _moment(call, f"{name}End", zone)
    raise Refusal("60", "updateTimeBegin")


def _moment(call: Call, name: str, zone: timezone | None) -> int:
    if zone is None:
        return call.number(name)
    word = str(call.arguments.get(name) or "")
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", word):
        raise Refusal("61", name)
    try:
        said = datetime.strptime(word, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
    except ValueError:
        raise Refusal("61", name) from None
    return int(said.timestamp()) * 1000


def _rows(call: Call) -> tuple[int, int]:
    """Where a page begins and how many rows it has: an offset with twenty rows, or a page and its size."""
    if call.has("startRow"):
        start, count = call.number("startRow"), _ROWS
    else:
        page, count = call.number("pageNo", 1), call.number("pageSize", _ROWS)
        start = (page - 1) * count
    if start < 0 or not 1 <= count <= _LARGEST_PAGE:
        raise Refusal("61", "pageSize")
    return start, count


# --- what they hold ---------------------------------------------------------------------------------------------------


def info(call: Call) -> Any:
    """`jingdong.seller.order.getOrderInfoByOrderId`."""
    if not call.has("orderId"):
        raise Refusal("60", "orderId")
    return one(call, str(call.arguments["orderId"]))


def one(call: Call, number: str) -> Any:
    """One order; one that is not there has the state -1."""
    found = _shown(call, [number])
    return good(order(call, found[0]) if found else {"orderId": number, "orderState": _GONE})


def several(call: Call, numbers: Sequence[str]) -> list[dict[str, Any]]:
    """The orders of these numbers; what is none is left out."""
    if not 0 < len(numbers) <= _MOST_IDS:
        raise Refusal("61" if numbers else "60", "orderId")
    return [order(call, each) for each in _shown(call, numbers)]


def batch(call: Call) -> Any:
    """`jingdong.seller.order.batchGetOrderInfoList`: the ids in one comma text."""
    return _good(several(call, call.words("orderId")))


def _shown(call: Call, numbers: Sequence[str]) -> list[Sale]:
    wanted = [int(each) for each in numbers if re.fullmatch(r"\d{1,18}", each)]
    return [each for each in call.book.some(wanted) if each.state in _STATES]


def _good(model: Any) -> Any:
    found = good(model)
    if not model:
        del found["model"]
    return found


def order(call: Call, sale: Sale) -> dict[str, Any]:
    """An order with everything that JD.ID told of one: numbers as numbers, times in milliseconds.

    The phone is masked unless the account is told `plain_buyers`.
    """
    buyer, told = sale.buyer, call.seller.told
    return {
        "orderId": sale.number,
        "venderId": call.seller.vender_id,
        "orderState": _STATES[sale.state],
        "orderType": 1,
        "serviceType": 0,
        "deliveryType": _BY_CHANNEL if sale.by_channel else _BY_SELLER,
        "paymentType": told.get("cod_payment_type", _COD) if sale.cod else _PREPAID,
        "bookTime": sale.placed,
        "createTime": sale.placed,
        "payTime": sale.paid or 0,
        "modifyTime": sale.modified,
        "orderCompleteTime": (sale.ended or 0) if sale.state is State.COMPLETED else 0,
        "customerName": buyer.name,
        "phone": "",
        "mobile": buyer.phone if told.get("plain_buyers") else f"{buyer.phone[:4]}****{buyer.phone[-4:]}",
        "email": "",
        "address": buyer.street,
        "deliveryAddr": "",
        "area": buyer.district,
        "city": buyer.city,
        "state": buyer.province,
        "postCode": buyer.postcode,
        "carrierCode": _CARRIER_CODE if waybill(sale) else 0,
        "carrierCompany": sale.carrier or (_CARRIER if waybill(sale) else ""),
        "expressNo": waybill(sale),
        **_money(sale),
        "orderSkuNum": sum(each.quantity for each in sale.lines),
        "o2oOrder": False,
        "userPin": buyer.account,
        "buyerMessage": sale.note,
        "orderSkuinfos": [_line(sale, each) for each in sale.lines],
    }


def waybill(sale: Sale) -> str:
    """The number of the parcel; an order that was printed by hand in the seller centre has one too."""
    return sale.waybill or ("" if sale.state in _UNPRINTED else f"SANDBOX-JX-{sale.number}")


def _money(sale: Sale) -> dict[str, Decimal]:
    total, nothing = _rupiah(sale.total), _rupiah(Decimal(0))
    names = ("freightAmount", "couponAmount", "promotionAmount", "fullCutAmount", "installmentFee", "taxationAmount")
    return {"totalPrice": total, "paySubtotal": total, **dict.fromkeys(names, nothing)}


def _line(sale: Sale, line: SaleLine) -> dict[str, Any]:
    return {
        "orderSkuUuidId": f"{sale.number}-{line.number}",
        "skuId": line.listing,
        "spuId": line.parent,
        "popSkuId": line.sku or None,
        "skuName": line.title,
        "skuNumber": line.quantity,
        "jdPrice": _rupiah(line.price),
        "costPrice": _rupiah(line.price * line.quantity),
        "couponAmount": _rupiah(Decimal(0)),
        "weight": 1,
    }


def _rupiah(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.1"))


# --- what is done with them -------------------------------------------------------------------------------------------


def print_label(call: Call, number: int) -> Sale | None:
    """Allots the carrier and the waybill and makes the order ready; a printed one prints again.  None: not now."""
    found = _shown(call, [str(number)])
    if not found or found[0].state not in {State.TO_SHIP, State.READY}:
        return None
    if found[0].state is State.READY:
        return found[0]
    return call.book.move(number, "ready", carrier=_CARRIER, waybill=f"SANDBOX-JX-{number}")


def printed(call: Call) -> Any:
    """`jingdong.seller.order.printOrder`."""
    for name in ("printType", "printNum"):
        if call.number(name) != 1:
            raise Refusal("61", name)
    sale = print_label(call, call.number("orderId"))
    if sale is None:
        return bad("Order status does not allow printing")
    return good({"orderId": sale.number, "expressNo": waybill(sale), "preExpressNo": waybill(sale), "content": _LABEL})


def first_printed(call: Call, number: int) -> Any:
    """`epi.pop.order.print.uat1`, whose waybill has another name."""
    sale = print_label(call, number)
    if sale is None:
        return bad("Order status does not allow printing")
    label = {"PDF": _LABEL, "orderId": number, "preDeliveryId": waybill(sale), "deliveryId": waybill(sale)}
    return good({"templateId": 1, "data": [label]})


def send_goods(call: Call, number: int, named: str = "") -> Any:
    """`jingdong.seller.order.sendGoodsOpenApi`: only a printed order leaves, once, and with its own waybill."""
    found = _shown(call, [str(number)])
    if not found or found[0].state is not State.READY:
        return bad("Order status does not allow shipping")
    if named not in {"", waybill(found[0])}:
        return bad("Waybill does not belong to the order")
    sale = call.book.move(number, "ship")
    told = {"expressNo": waybill(sale), "expressCompany": sale.carrier or _CARRIER, "expressId": _CARRIER_CODE}
    return good({"orderId": number, **told})


def sent(call: Call) -> Any:
    """`jingdong.seller.order.sendGoodsOpenApi` in the second generation, where the waybill may be left out."""
    return send_goods(call, call.number("orderId"), str(call.arguments.get("expressNo") or ""))


def courier(call: Call) -> Any:
    """`jingdong.seller.order.getGoSendOrderStatus`; the answer's form is ours."""
    found = _shown(call, [str(call.number("orderId"))])
    if not found or not waybill(found[0]):
        return bad("No courier is known for this order")
    return good({"orderId": found[0].number, "status": _STATES[found[0].state], "expressNo": waybill(found[0])})
