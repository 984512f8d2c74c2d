"""The sandbox's outbound orders as JD's service answers for them: created, listed, traced, cancelled.

Paths, fields and the walk are ours (docs/jd.md); the numbers of the statuses are those of JD's domestic warehouses.
"""

import json
from hashlib import sha256
from typing import Any

from portal.integrations.jdl import sandbox_stock
from portal.integrations.jdl.sandbox_accounts import codes_of
from portal.integrations.jdl.sandbox_call import Call, ServiceNo, stamped, text_in
from portal.integrations.jdl.sandbox_goods import Good
from portal.integrations.jdl.sandbox_moves import GONE, KIND, advance, new_paper, noted
from portal.integrations.jdl.sandbox_papers import good_of, made_lines, move_all, named, searched
from portal.integrations.jdl.sandbox_shown import NAME, TEXTS, billed, message, record, short

_BEFORE_PICKING = frozenset({"10010", "10014"})
_NEEDED = ("consigneeName", "phone", "country", "city", "address1", "postcode")
_LENGTHS = {"consigneeName": 100, "address1": 200, "address2": 200}
_STEPS = {"10020": (420, "Collected"), "10034": (510, "Delivered"), "10035": (530, "Refused")}


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
        return short(known)
    _check_stock(call)
    paper = new_paper(call.world, call.seller, reference, call.site.code, lines)
    paper |= {"content": content, "consignee": dict(call.arguments["consigneeInformation"])}
    call.world.memory.keep_paper(call.seller.name, KIND, reference, paper)
    stock = move_all(call.world, call.seller, paper, {"reserved": 1}, sandbox_stock.LOCKED)
    call.effect("outstock.created", reference=reference, bill=paper["bill"], lines=lines)
    call.tell(call.seller, "outstock.status", message(call.seller, paper))
    call.tell(call.seller, "stock.change", stock)
    return short(paper)


def _check_consignee(found: Any) -> None:
    if not isinstance(found, dict):
        raise ServiceNo("2000", "consigneeInformation is missing")
    for name in _NEEDED if found.get("country") != "CN" else _NEEDED[:-1]:
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


def query(call: Call) -> Any:
    """`outstock.query`."""
    return searched(call, KIND, NAME, record)


def trace(call: Call) -> Any:
    """`outstock.trace`: what became of the parcels, by order, bill or tracking number."""
    tracking = call.text("trackingNo")
    papers = list(call.world.memory.papers(call.seller.name, KIND).values())
    if tracking:
        papers = [each for each in papers if tracking in {parcel["tracking"] for parcel in each["parcels"]}]
        if not papers:
            raise ServiceNo("2342", "no such parcel")
    else:
        main = named(call, KIND, NAME)
        papers = [each for each in papers if each["bill"] in {main["bill"], *main["splits"]}]
    scans = [
        (max(each["at"], parcel["left"]), parcel["tracking"], each["status"])
        for paper in papers
        for parcel in paper["parcels"]
        if tracking in {"", parcel["tracking"]}
        for each in _once(paper["history"])
    ]
    return {"traceList": [_step(call, *each) for each in sorted(scans)]}


def _step(call: Call, at: float, tracking: str, status: str) -> dict[str, Any]:
    category, title = _STEPS[status]
    return {
        "trackingNo": tracking,
        "operateTime": stamped(at),
        "category": category,
        "operateTitle": title,
        "operateRemark": TEXTS[status],
        "location": codes_of(call.seller).sites[0].name,
    }


def _once(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The statuses that a courier scans, each once: an order whose parcels leave one by one has left several times."""
    return list({each["status"]: each for each in reversed(history) if each["status"] in _STEPS}.values())[::-1]


def cancel(call: Call) -> Any:
    """`outstock.cancel`: at once before picking, asked for while it is picked and packed, refused once it has left."""
    paper = named(call, KIND, NAME)
    if paper["status"] in GONE or paper["parcels"]:
        raise ServiceNo("2515", "cancel refused: the order has left the warehouse", {**billed(paper), "resultType": 2})
    if paper["status"] in {"10027", "10028"}:
        return {**billed(paper), "resultType": 0 if paper["status"] == "10028" else 1}
    at_once = paper["status"] in _BEFORE_PICKING
    advance(call.world, call.seller, paper, "10028" if at_once else "10027", call.tell)
    noted(call.world, call.seller, paper, "outstock.cancelled" if at_once else "outstock.cancelling", call.id)
    return {**billed(paper), "resultType": 0 if at_once else 1}
