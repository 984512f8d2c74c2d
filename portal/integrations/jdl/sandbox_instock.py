"""The sandbox's inbound orders: announced, arrived, received, or cancelled.  Paths, fields and walk are ours."""

import json
from hashlib import sha256
from typing import Any

from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl import sandbox_stock
from portal.integrations.jdl.sandbox_call import Call, ServiceNo, Tell, moment, stamped
from portal.integrations.jdl.sandbox_papers import (
    Paper,
    goods_of,
    history,
    made_lines,
    move_all,
    named,
    next_number,
    searched,
    set_status,
)

KIND = "instock"
NAME = "customerInstockNo"
TEXTS = {
    "10": "new",
    "20": "sent to warehouse",
    "40": "arrived",
    "50": "receiving",
    "70": "done",
    "90": "cancelling",
    "91": "cancelled",
    "92": "cancel failed",
}
WALK = ("10", "20", "40", "50", "70")


def create(call: Call) -> Any:
    """`instock.create`: what is announced counts as waiting until it is received."""
    reference = call.text(NAME, most=50, required=True)
    if call.text("instockType", required=True) not in {"1", "2"}:
        raise ServiceNo("3008", 'instockType must be "1" or "2"')
    if moment(call, "expectedTime") is None:
        raise ServiceNo("2000", "expectedTime is missing")
    lines = made_lines(call)
    content = sha256(json.dumps(call.arguments, sort_keys=True, default=str).encode()).hexdigest()
    known = call.world.memory.paper(call.seller.name, KIND, reference)
    if known is not None and known["content"] != content:
        raise ServiceNo("2218", f"{NAME} {reference} exists with other content")
    if known is None:
        known = new_paper(call.world, call.seller, reference, call.site.code, lines) | {"content": content}
        call.world.memory.keep_paper(call.seller.name, KIND, reference, known)
        stock = move_all(call.world, call.seller, known, {"announced": 1}, sandbox_stock.INBOUND)
        call.effect("instock.created", reference=reference, bill=known["bill"], lines=lines)
        call.tell(call.seller, "stock.change", stock)
    return {NAME: reference, "serviceBillCode": known["bill"], "status": known["status"]}


def new_paper(world: World, seller: Seller, reference: str, warehouse: str, lines: list[dict[str, Any]]) -> Paper:
    """A new announcement, not kept yet."""
    now = world.now().timestamp()
    return {
        "reference": reference,
        "bill": f"ASN{seller.vender_id}{next_number(world, seller, KIND):010d}",
        "warehouse": warehouse,
        "lines": lines,
        "content": "",
        "created": now,
        "updated": now,
        "status": "10",
        "history": [{"status": "10", "at": now}],
    }


def query(call: Call) -> Any:
    """`instock.query`."""
    return searched(call, KIND, NAME, record)


def record(paper: Paper) -> dict[str, Any]:
    """An announcement as a query shows it."""
    return {
        NAME: paper["reference"],
        "serviceBillCode": paper["bill"],
        "warehouseCode": paper["warehouse"],
        "status": paper["status"],
        "statusDesc": TEXTS[paper["status"]],
        "createTime": stamped(paper["created"]),
        "goodsDtoList": _goods(paper),
        "statusList": history(paper, TEXTS),
        "updateTime": stamped(paper["updated"]),
    }


def _goods(paper: Paper) -> list[dict[str, Any]]:
    return [
        {
            "orderLine": line["line"],
            "customerGoodsId": line["sku"],
            "jdGoodsId": line["id"],
            "quantity": line["quantity"],
            "realInstockQuantity": line.get("received", 0),
            "damagedQuantity": line.get("damaged", 0),
        }
        for line in paper["lines"]
    ]


def cancel(call: Call) -> Any:
    """`instock.cancel`: at once until it has arrived, refused from then on."""
    paper = named(call, KIND, NAME)
    if paper["status"] in {"40", "50", "70"}:
        data = {NAME: paper["reference"], "serviceBillCode": paper["bill"], "resultType": 2}
        raise ServiceNo("2515", "cancel refused: the goods have arrived", data)
    if paper["status"] != "91":
        advance(call.world, call.seller, paper, "91", 0, call.tell)
        call.effect("instock.cancelled", reference=paper["reference"])
    return {NAME: paper["reference"], "serviceBillCode": paper["bill"], "resultType": 0}


def advance(world: World, seller: Seller, paper: Paper, status: str, damaged: int, tell: Tell) -> Paper:
    """Brings an announcement to a status; at 70 everything is received, of each line up to `damaged` pieces broken."""
    if not status and paper["status"] not in WALK[:-1]:
        raise ValueError(f"nothing follows on {paper['status']} by itself")
    status = status or WALK[WALK.index(paper["status"]) + 1]
    if status not in TEXTS:
        raise ValueError(f"status is one of {', '.join(TEXTS)}")
    set_status(world, paper, status)
    ends = status in {"70", "91"} and not paper.get("settled")
    if ends:
        paper["settled"] = True
        _settle(world, seller, paper, damaged if status == "70" else None)
    world.memory.keep_paper(seller.name, KIND, paper["reference"], paper)
    tell(seller, "instock.status", message(paper))
    if ends:
        goods = [good for _, good in goods_of(world, seller, paper)]
        stock = sandbox_stock.change(world, seller, paper["warehouse"], goods, sandbox_stock.INBOUND)
        tell(seller, "stock.change", stock)
    return paper


def _settle(world: World, seller: Seller, paper: Paper, damaged: int | None) -> None:
    """Takes what was announced away; without `damaged` nothing came in."""
    for line, good in goods_of(world, seller, paper):
        broken = min(damaged or 0, line["quantity"])
        came = 0 if damaged is None else line["quantity"] - broken
        line |= {"received": came, "damaged": broken if damaged is not None else 0}
        sandbox_stock.move(world, seller, paper["warehouse"], good, announced=-line["quantity"], moved=came)


def message(paper: Paper) -> dict[str, Any]:
    """The message of `instock.status`."""
    return {
        NAME: paper["reference"],
        "serviceBillCode": paper["bill"],
        "status": paper["status"],
        "operateTime": stamped(paper["updated"]),
        "goodsDtoList": _goods(paper),
    }
