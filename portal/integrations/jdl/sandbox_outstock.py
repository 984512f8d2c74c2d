"""The sandbox's outbound orders: created, picked, packed, sent out, delivered, or cancelled on the way.

Stock is reserved when an order is created and leaves when the parcel does.  Paths, fields and the walk are ours
(docs/jd.md); the numbers of the statuses are those of JD's domestic warehouses.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from portal.contract.goods import draw
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl import sandbox_stock
from portal.integrations.jdl.sandbox_accounts import codes_of
from portal.integrations.jdl.sandbox_call import Call, ServiceNo, Tell, stamped, text_in
from portal.integrations.jdl.sandbox_goods import Good
from portal.integrations.jdl.sandbox_papers import (
    Paper,
    good_of,
    history,
    made_lines,
    move_all,
    named,
    next_number,
    searched,
    set_status,
)

KIND = "outstock"
NAME = "customerOrderNo"
TEXTS = {
    "10010": "created",
    "10014": "accepted by warehouse",
    "10016": "picking",
    "10018": "packed",
    "10020": "left warehouse",
    "10034": "delivered",
    "10035": "refused by recipient",
    "10038": "return finished",
    "10027": "cancelling",
    "10028": "cancelled",
    "10029": "cancel failed",
    "10051": "exception (short, damaged)",
}
WALK = ("10010", "10014", "10016", "10018", "10020", "10034")
_GONE = frozenset({"10020", "10034", "10035", "10038"})
_BEFORE_PICKING = frozenset({"10010", "10014"})
_CARRIERS = {"GB": "Royal Mail", "ID": "JNE"}
_NEEDED = ("consigneeName", "phone", "country", "city", "address1", "postcode")
_LENGTHS = {"consigneeName": 100, "address1": 200, "address2": 200}


def create(call: Call) -> Any:
    """`outstock.create`: the same number with the same content is answered as the first time."""
    reference = call.text(NAME, most=50, required=True)
    if call.text("orderType", required=True) not in {"1", "2"}:
        raise ServiceNo("3008", 'orderType must be "1" or "2"')
    for name in ("customerRemark", "sellerRemark", "shippingService"):
        call.text(name, most=50 if name == "shippingService" else 200)
    _check_consignee(call.arguments.get("consigneeInformation"))
    lines = made_lines(call)
    content = sha256(json.dumps(call.arguments, sort_keys=True, default=str).encode()).hexdigest()
    known = call.world.memory.paper(call.seller.name, KIND, reference)
    if known is not None:
        if known["content"] != content:
            raise ServiceNo("2218", f"{NAME} {reference} exists with other content")
        return _short(known)
    _check_stock(call)
    paper = new_paper(call.world, call.seller, reference, call.site.code, lines)
    paper |= {"content": content, "consignee": dict(call.arguments["consigneeInformation"])}
    call.world.memory.keep_paper(call.seller.name, KIND, reference, paper)
    stock = move_all(call.world, call.seller, paper, {"reserved": 1}, sandbox_stock.LOCKED)
    call.effect("outstock.created", reference=reference, bill=paper["bill"], lines=lines)
    call.tell(call.seller, "outstock.status", message(call.seller, paper))
    call.tell(call.seller, "stock.change", stock)
    return _short(paper)


def new_paper(world: World, seller: Seller, reference: str, warehouse: str, lines: list[dict[str, Any]]) -> Paper:
    """A new order, not kept yet."""
    number, now = next_number(world, seller, KIND), world.now().timestamp()
    return {
        "reference": reference,
        "bill": f"CSL{seller.vender_id}{number:010d}",
        "jd_order": f"JDO{seller.vender_id}{number:08d}",
        "warehouse": warehouse,
        "lines": lines,
        "consignee": {},
        "content": "",
        "created": now,
        "updated": now,
        "status": "10010",
        "history": [{"status": "10010", "at": now}],
    }


def _check_consignee(found: Any) -> None:
    if not isinstance(found, dict):
        raise ServiceNo("2000", "consigneeInformation is missing")
    for name in _NEEDED:
        text_in(found, name, most=_LENGTHS.get(name, 200), required=True)
    if len(found["country"]) != 2 or not found["country"].isupper():
        raise ServiceNo("3008", "country must be two capital letters")


def _check_stock(call: Call) -> None:
    """Lines of one product are counted together."""
    wanted: dict[str, int] = {}
    goods: dict[str, Good] = {}
    for line in call.lines():
        good = good_of(call, line)
        goods[good.id], wanted[good.id] = good, wanted.get(good.id, 0) + int(line["quantity"])
    short = []
    for good in goods.values():
        has = sandbox_stock.figures(call.world, call.seller, call.site.code, good)["stockQuantity"]
        if has < wanted[good.id]:
            short.append({"customerGoodsId": good.sku, "quantity": wanted[good.id], "stockQuantity": has})
    if short:
        raise ServiceNo("2510", "insufficient stock", {"shortages": short})


def _short(paper: Paper) -> dict[str, Any]:
    return {
        NAME: paper["reference"],
        "serviceBillCode": paper["bill"],
        "jdOrderNo": paper["jd_order"],
        "status": paper["status"],
        "statusDesc": TEXTS[paper["status"]],
    }


def query(call: Call) -> Any:
    """`outstock.query`."""
    return searched(call, KIND, NAME, lambda paper: record(call.world, call.seller, paper))


def record(world: World, seller: Seller, paper: Paper) -> dict[str, Any]:
    """An order as a query shows it."""
    consignee = paper["consignee"]
    return {
        **_short(paper),
        "warehouseCode": paper["warehouse"],
        "actualCarrierName": paper.get("carrier"),
        "preShipWayBill": paper.get("tracking"),
        "createTime": stamped(paper["created"]),
        "outboundTime": stamped(paper.get("left")),
        "signingTime": stamped(paper.get("delivered")),
        "consigneeInformation": {name: consignee.get(name) for name in ("consigneeName", "country")},
        "goodsDtoList": _goods(paper),
        "packageList": _packages(paper),
        "statusList": history(paper, TEXTS),
        "splitBillCodes": [],
        "updateTime": stamped(paper["updated"]),
    }


def _goods(paper: Paper) -> list[dict[str, Any]]:
    return [
        {
            "orderLine": line["line"],
            "customerGoodsId": line["sku"],
            "jdGoodsId": line["id"],
            "quantity": line["quantity"],
            "realOutstockQuantity": line["quantity"] if "left" in paper else 0,
        }
        for line in paper["lines"]
    ]


def _packages(paper: Paper) -> list[dict[str, Any]]:
    if "left" not in paper:
        return []
    goods = [{"customerGoodsId": line["sku"], "quantity": line["quantity"]} for line in paper["lines"]]
    return [
        {
            "packageNo": f"{paper['bill']}-1",
            "trackingNo": paper["tracking"],
            "carrierCode": paper["carrier"].upper().replace(" ", ""),
            "carrierName": paper["carrier"],
            "weight": "1.250",
            "goods": goods,
        }
    ]


def trace(call: Call) -> Any:
    """`outstock.trace`: what became of the parcel, by order, bill or tracking number."""
    if call.has("trackingNo"):
        papers = call.world.memory.papers(call.seller.name, KIND).values()
        paper = next((each for each in papers if each.get("tracking") == call.text("trackingNo")), None)
        if paper is None:
            raise ServiceNo("2342", "no such parcel")
    else:
        paper = named(call, KIND, NAME)
    steps = {"10020": (420, "Collected"), "10034": (510, "Delivered"), "10035": (530, "Refused")}
    return {
        "traceList": [
            {
                "trackingNo": paper.get("tracking"),
                "operateTime": stamped(each["at"]),
                "category": steps[each["status"]][0],
                "operateTitle": steps[each["status"]][1],
                "operateRemark": TEXTS[each["status"]],
                "location": codes_of(call.seller).sites[0].name,
            }
            for each in paper["history"]
            if each["status"] in steps
        ]
    }


def cancel(call: Call) -> Any:
    """`outstock.cancel`: at once before picking, asked for while it is picked and packed, refused once it has left."""
    paper = named(call, KIND, NAME)
    if paper["status"] in _GONE or paper["status"] == "10051":
        raise ServiceNo("2515", "cancel refused: the order has left the warehouse", {**_billed(paper), "resultType": 2})
    if paper["status"] in {"10027", "10028"}:
        return {**_billed(paper), "resultType": 0 if paper["status"] == "10028" else 1}
    at_once = paper["status"] in _BEFORE_PICKING
    advance(call.world, call.seller, paper, "10028" if at_once else "10027", call.tell)
    call.effect("outstock.cancelled" if at_once else "outstock.cancelling", reference=paper["reference"])
    return {**_billed(paper), "resultType": 0 if at_once else 1}


def _billed(paper: Paper) -> dict[str, Any]:
    return {NAME: paper["reference"], "serviceBillCode": paper["bill"]}


def advance(world: World, seller: Seller, paper: Paper, status: str, tell: Tell) -> Paper:
    """Brings an order to a status, with what that does to the stock, and tells the customer."""
    status = status or following(paper["status"])
    if status not in TEXTS:
        raise ValueError(f"status is one of {', '.join(TEXTS)}")
    set_status(world, paper, status)
    stock: Mapping[str, Any] | None = None
    settled = "left" in paper or paper.get("released")
    if status in _GONE and not settled:
        number = draw("tracking", paper["bill"]) % 10**11
        country = next(each.country for each in codes_of(seller).sites if each.code == paper["warehouse"])
        paper |= {"left": paper["updated"], "tracking": f"JDX{number:011d}"}
        paper["carrier"] = _CARRIERS.get(country, "DHL")
        stock = move_all(world, seller, paper, {"reserved": -1, "moved": -1}, sandbox_stock.OUTBOUND)
    elif status == "10028" and not settled:
        paper["released"] = True
        stock = move_all(world, seller, paper, {"reserved": -1}, sandbox_stock.LOCKED)
    if status == "10034":
        paper["delivered"] = paper["updated"]
    world.memory.keep_paper(seller.name, KIND, paper["reference"], paper)
    tell(seller, "outstock.status", message(seller, paper))
    if stock is not None:
        tell(seller, "stock.change", stock)
    if "tracking" in paper and status in _GONE:
        tell(seller, "trace", _trace_message(paper))
    return paper


def following(status: str) -> str:
    """The next status of an order that nothing stands in the way of.  Raises ValueError at the end of the walk."""
    if status == "10027":
        return "10028"
    if status == "10029":
        return "10020"
    if status not in WALK[:-1]:
        raise ValueError(f"nothing follows on {status} by itself")
    return WALK[WALK.index(status) + 1]


def message(seller: Seller, paper: Paper) -> dict[str, Any]:
    """The message of `outstock.status`."""
    found = {
        "customerCode": codes_of(seller).customer,
        **_short(paper),
        "warehouseCode": paper["warehouse"],
        "operateTime": stamped(paper["updated"]),
    }
    if paper["status"] == "10020":
        found |= {
            "actualCarrierName": paper["carrier"],
            "preShipWayBill": paper["tracking"],
            "outboundTime": stamped(paper["left"]),
            "goodsDtoList": _goods(paper),
            "packageList": _packages(paper),
        }
    return found


def _trace_message(paper: Paper) -> dict[str, Any]:
    """Form B of the notes: what a courier's scan is told as."""
    return {
        "waybillCode": paper["tracking"],
        "orderId": paper["reference"],
        "state": paper["status"],
        "operationTitle": TEXTS[paper["status"]],
        "operationRemark": TEXTS[paper["status"]],
        "operationTime": stamped(paper["updated"]),
    }
