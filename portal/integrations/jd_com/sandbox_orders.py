"""The sandbox's orders as JD.com tells them (docs/jd.md, "JD.com: orders"): searched, read, shipped, noted.

All values are text, times are Beijing time to the second, and only the fields that were named are told.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from portal.contract.goods import draw
from portal.contract.world.buyers import Buyer
from portal.contract.world.jos import Call, Refusal
from portal.contract.world.records import Seller
from portal.contract.world.sales import Book, NotNow, Sale, SaleLine, State

Row = dict[str, Any]

_BEIJING = timezone(timedelta(hours=8))
_NEVER = "0001-01-01 00:00:00"
_STAMP = "%Y-%m-%d %H:%M:%S"
_MOST_ROWS = 100
_MONTH = timedelta(days=31)
_BY_CREATION, _BY_CHANGE = timedelta(days=730), timedelta(days=90)
_NEWEST_FIRST, _CREATED = "1", "1"
_WORDS: Mapping[State, str] = {
    State.TO_SHIP: "WAIT_SELLER_STOCK_OUT",
    State.READY: "WAIT_SELLER_DELIVERY",
    State.SHIPPED: "WAIT_GOODS_RECEIVE_CONFIRM",
    State.COMPLETED: "FINISHED_L",
    State.CANCELLED: "TRADE_CANCELED",
    State.REFUSED: "TRADE_CANCELED",
    State.LOCKED: "LOCKED",
    State.CANCEL_ASKED: "LOCKED",
}
_REMARKS = {
    "WAIT_SELLER_STOCK_OUT": "等待出库",
    "WAIT_SELLER_DELIVERY": "等待发货",
    "WAIT_GOODS_RECEIVE_CONFIRM": "等待确认收货",
    "FINISHED_L": "完成",
    "TRADE_CANCELED": "取消",
    "LOCKED": "已锁定",
}
_NAMES = (
    "orderId,venderId,parentOrderId,directParentOrderId,orderType,payType,orderState,orderStateRemark,orderTotalPrice,"
    "sellerDiscount,orderSellerPrice,orderPayment,freightPrice,taxFee,serviceFee,balanceUsed,orderStartTime,"
    "paymentConfirmTime,orderEndTime,modified,deliveryType,consigneeInfo,itemInfoList,couponDetailList,invoiceEasyInfo,"
    "vatInfo,logisticsId,waybill,venderRemark,orderRemark,returnOrder,customs,customsModel,orderSource,storeOrder,"
    "storeId,idSopShipmenttype,pin,open_id_buyer,xid_buyer"
)
_FIELDS = frozenset(_NAMES.split(","))
_WELL = {"success": True, "numberCode": 0, "englishErrCode": "success", "chineseErrCode": "成功"}
_OWN_DELIVERY = "1274"
_BY_JD = "68"
_LONGEST_REMARK = 500


# --- questions --------------------------------------------------------------------------------------------------------


def search(call: Call) -> Any:
    """`jingdong.pop.order.search`: parts of the consignee are hidden."""
    return _search(call, encrypted=False)


def en_search(call: Call) -> Any:
    """`jingdong.pop.order.enSearch`: what is hidden comes encrypted beside it."""
    return _search(call, encrypted=True)


def _search(call: Call, *, encrypted: bool) -> Any:
    fields, words = _wanted(call), call.words("order_state")
    if not words:
        raise Refusal("60", "order_state")
    start, size = _paging(call, "page_size")
    created = str(call.arguments.get("dateType", "")) == _CREATED
    window = _window(call, words, created=created)
    if window is None:
        return {"searchorderinfo_result": {"apiResult": _no(10400002, "start_date"), "orderTotal": 0}}
    rows, total = call.book.window(
        by="placed" if created else "modified",
        since=window[0],
        until=window[1],
        states=[*(state for state, word in _WORDS.items() if word in words), *words],
        start=start,
        count=size,
        falling=str(call.arguments.get("sortType", "")) == _NEWEST_FIRST,
    )
    told = [_picked(call, each, fields, encrypted=encrypted) for each in rows]
    return {"searchorderinfo_result": {"apiResult": _WELL, "orderTotal": total, "orderInfoList": told}}


def get(call: Call) -> Any:
    """`jingdong.pop.order.get`."""
    return _get(call, encrypted=False)


def en_get(call: Call) -> Any:
    """`jingdong.pop.order.enGet`."""
    return _get(call, encrypted=True)


def _get(call: Call, *, encrypted: bool) -> Any:
    fields, words = _wanted(call), call.words("order_state")
    sale = call.book.find(call.number("order_id"))
    if sale is None or sale.state is State.UNPAID or (words and _word(sale) not in words):
        return {"orderDetailInfo": {"apiResult": _WELL}}
    return {"orderDetailInfo": {"apiResult": _WELL, "orderInfo": _picked(call, sale, fields, encrypted=encrypted)}}


def not_paid(call: Call) -> Any:
    """`jingdong.pop.order.notPayOrderInfo`: by when they were placed.  The form of the answer is ours."""
    start, size = _paging(call, "pageSize")
    begin, end = _moment(call, "startDate"), _moment(call, "endDate")
    if begin is None or end is None:
        raise Refusal("60", "startDate" if begin is None else "endDate")
    rows, total = call.book.window(
        by="placed", since=begin, until=end + 999, states=(State.UNPAID,), start=start, count=size
    )
    told = [_picked(call, each, sorted(_FIELDS), encrypted=True) for each in rows]
    return {"notpayorder_result": {"apiResult": _WELL, "orderTotal": total, "orderInfoList": told}}


def not_paid_one(call: Call) -> Any:
    """`jingdong.pop.order.notPayOrderById`.  The form of the answer is ours."""
    sale = call.book.find(call.number("orderId"))
    rows = [sale] if sale is not None and sale.state is State.UNPAID else []
    told = [_picked(call, each, sorted(_FIELDS), encrypted=True) for each in rows]
    return {"notpayorder_result": {"apiResult": _WELL, "orderTotal": len(told), "orderInfoList": told}}


def _wanted(call: Call) -> list[str]:
    fields = call.words("optional_fields")
    if not fields:
        raise Refusal("60", "optional_fields")
    if unknown := set(fields) - _FIELDS:
        raise Refusal("68", ", ".join(sorted(unknown)))
    return fields


def _paging(call: Call, name: str) -> tuple[int, int]:
    page, size = call.number("page", 1), call.number(name, 20)
    if page < 1:
        raise Refusal("61", "page")
    if not 1 <= size <= _MOST_ROWS:
        raise Refusal("61", name)
    return (page - 1) * size, size


def _window(call: Call, words: list[str], *, created: bool) -> tuple[int, int] | None:
    """The asked window in milliseconds, both ends within, as far back as orders are shown; None for too wide a one."""
    now = call.book.now()
    begin, end = _moment(call, "start_date"), _moment(call, "end_date")
    if begin is None and end is None and words == ["WAIT_SELLER_STOCK_OUT"]:
        begin, end = now - _span(_MONTH), now
    if begin is None or end is None:
        raise Refusal("60", "start_date" if begin is None else "end_date")
    if end - begin > _span(_MONTH):
        return None
    return max(begin, now - _span(_BY_CREATION if created else _BY_CHANGE)), end + 999


def _span(width: timedelta) -> int:
    return int(width.total_seconds() * 1000)


def _moment(call: Call, name: str) -> int | None:
    if not call.has(name):
        return None
    try:
        said = datetime.strptime(str(call.arguments[name]), _STAMP).replace(tzinfo=_BEIJING)
    except ValueError:
        raise Refusal("61", name) from None
    return int(said.timestamp() * 1000)


# --- deeds ------------------------------------------------------------------------------------------------------------


def ship(call: Call) -> Any:
    """`jingdong.pop.order.shipment`: once for each order, with a carrier of the seller's own list."""
    number, carrier = call.number("orderId"), str(call.arguments.get("logiCoprId") or "").strip()
    waybill = str(call.arguments.get("logiNo") or "").strip()
    if not carrier:
        raise Refusal("60", "logiCoprId")
    carriers = carrier.split("|")
    if not set(carriers) <= {str(each) for each, _ in CARRIERS} | {_OWN_DELIVERY}:
        return _shipped("10400010", "承运商不存在", "the carrier is not on the seller's list")
    if carriers != [_OWN_DELIVERY] and len([each for each in waybill.split("|") if each]) != len(carriers):
        return _shipped("10400011", "运单号不能为空", "each carrier needs its waybills")
    sale = call.book.find(number)
    if sale is None or sale.state is State.UNPAID:
        return _shipped("10400001", "订单不存在", "no such order")
    if sale.state is State.SHIPPED:
        return _shipped("10400007", "订单已出库", "the order has been shipped")
    try:
        call.book.move(number, "ship", carrier=carrier, waybill="" if carriers == [_OWN_DELIVERY] else waybill)
    except NotNow:
        return _shipped("10400006", "订单状态不允许出库", "the state of the order does not allow it")
    return _shipped("0", "成功", "success")


def remark(call: Call) -> Any:
    """`jingdong.pop.order.modifyVenderRemark`."""
    number, flag, text = call.number("order_id"), call.number("flag", 0), str(call.arguments.get("remark") or "")
    if not 0 <= flag <= 5:
        raise Refusal("61", "flag")
    sale = call.book.find(number)
    if sale is None or len(text) > _LONGEST_REMARK:
        return {"modifyvenderremark_result": {"success": False, "errorCode": "10400001"}}
    call.book.change(number, "order.remark", seller_note=text, told={**sale.told, "flag": flag})
    return {"modifyvenderremark_result": {"success": True, "errorCode": "0"}}


def carriers(call: Call) -> Any:
    """`jingdong.fce.alpha.getVenderCarrier`: the seller's own list."""
    listed = [{"id": number, "name": name} for number, name in CARRIERS]
    return {"StandardGenericResponse": {"resultCode": 1, "resultMsg": "ok", "result": {"carrierList": listed}}}


CARRIERS = ((467, "顺丰快递"), (463, "圆通快递"), (1499, "中通快递"), (2087, "京东快递"))


def _shipped(code: str, chinese: str, english: str) -> Any:
    told = {"errorCode": code, "chineseErrCode": chinese, "englishErrCode": english}
    return {"sopjosshipment_result": {"success": code == "0", **told}}


def _no(code: int, what: str) -> dict[str, Any]:
    return {"success": False, "numberCode": code, "englishErrCode": f"{what} is wrong", "chineseErrCode": f"{what}错误"}


def tell_word(book: Book, number: int, word: str) -> Sale:
    """Lets an order have any word of JD.com's, "" for its own again.  Raises KeyError."""
    sale = book.find(number)
    if sale is None:
        raise KeyError(f"no order {number}")
    told = {name: value for name, value in sale.told.items() if name != "word"} | ({"word": word} if word else {})
    return book.change(number, "order.word", told=told)


# --- rows -------------------------------------------------------------------------------------------------------------


def _word(sale: Sale) -> str:
    return str(sale.told.get("word") or _WORDS.get(sale.state, "NOT_PAY"))


def _picked(call: Call, sale: Sale, fields: list[str], *, encrypted: bool) -> Row:
    """The fields that were named; an order without a waybill or a note has none of these."""
    row = _row(call, sale, encrypted=encrypted)
    return {"orderId": row["orderId"]} | {name: row[name] for name in fields if name in row}


def _row(call: Call, sale: Sale, *, encrypted: bool) -> Row:
    total, word = sale.total, _word(sale)
    discount = min(Decimal(10), total) if sale.number % 5 == 0 else Decimal(0)
    freight = Decimal(6) if sale.number % 3 == 0 else Decimal(0)
    row = {
        "orderId": str(sale.number),
        "venderId": str(call.seller.vender_id),
        "parentOrderId": "0",
        "directParentOrderId": "0",
        "orderType": "22",
        "payType": "1" if sale.cod else "4",
        "orderState": word,
        "orderStateRemark": _REMARKS.get(word, word),
        "orderTotalPrice": f"{total:.2f}",
        "sellerDiscount": f"{discount:.2f}",
        "orderSellerPrice": f"{total - discount:.2f}",
        "freightPrice": f"{freight:.2f}",
        "orderPayment": f"{total - discount + freight:.2f}",
        "taxFee": "0.00",
        "serviceFee": "0.00",
        "balanceUsed": "0.00",
        "orderStartTime": _stamp(sale.placed),
        "paymentConfirmTime": _stamp(sale.paid),
        "orderEndTime": _stamp(sale.ended),
        "modified": _stamp(sale.modified),
        "deliveryType": "3",
        "consigneeInfo": _consignee(call.seller, sale.buyer, encrypted=encrypted),
        "itemInfoList": [_item(each) for each in sale.lines],
        "couponDetailList": [],
        "invoiceEasyInfo": {"invoiceType": "0"},
        "orderRemark": sale.note,
        "venderRemark": sale.seller_note,
        "returnOrder": "0",
        "orderSource": "移动端订单",
        "storeOrder": "",
        "storeId": "0",
        "open_id_buyer": sale.buyer.account,
        "xid_buyer": f"x-{sale.buyer.account}",
    }
    if sale.by_channel:
        row["idSopShipmenttype"] = _BY_JD
    if sale.carrier:
        row |= {"logisticsId": sale.carrier, "waybill": sale.waybill}
    return row


def _item(line: SaleLine) -> Row:
    """A line; one of a listing without a seller's code has no `outerSkuId` at all."""
    row = {
        "skuId": str(line.listing),
        "wareId": str(line.parent),
        "skuName": line.title,
        "jdPrice": f"{line.price:.2f}",
        "itemTotal": str(line.quantity),
        "newStoreId": "0",
    }
    return row | ({"outerSkuId": line.sku} if line.sku else {})


def _consignee(seller: Seller, buyer: Buyer, *, encrypted: bool) -> Row:
    """The buyer, masked unless the account is told `plain_buyers`, which stands for the permission."""
    plain = bool(seller.told.get("plain_buyers"))
    full = f"{buyer.province}{buyer.city}{buyer.district}{buyer.street}"
    phone = buyer.phone if plain else f"{buyer.phone[:3]}****{buyer.phone[-4:]}"
    told = {
        "fullname": buyer.name if plain else f"{buyer.name[:1]}**",
        "telephone": phone,
        "mobile": phone,
        "fullAddress": full if plain else f"{buyer.province}{buyer.city}{buyer.district}****",
        "province": buyer.province,
        "city": buyer.city,
        "county": buyer.district,
        "town": "",
        "provinceId": "1",
        "cityId": "1001",
        "countyId": "1002",
    }
    if encrypted:
        hidden = {"fullname": buyer.name, "telephone": buyer.phone, "mobile": buyer.phone, "fullAddress": full}
        told |= {f"encrypt_{name}": _encrypted(seller.name, value) for name, value in hidden.items()}
    return told


def _encrypted(seller: str, value: str) -> str:
    """A text that stands for the value: equal values of one seller look equal, and nothing opens it."""
    marks = b"".join(draw("encrypted", seller, value, turn).to_bytes(8, "big") for turn in range(3))
    return base64.b64encode(marks).decode()


def _stamp(moment: int | None) -> str:
    if moment is None:
        return _NEVER
    return f"{datetime.fromtimestamp(moment // 1000, UTC).astimezone(_BEIJING):{_STAMP}}"
