"""What the sandbox's outbound and inbound orders have in common: numbers, a history of statuses, a search."""

from collections.abc import Callable, Mapping
from typing import Any

from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl import sandbox_goods, sandbox_stock
from portal.integrations.jdl.sandbox_call import Call, ServiceNo, moment, quantity, stamped, text_in
from portal.integrations.jdl.sandbox_goods import Good

Paper = dict[str, Any]
_LARGEST_PAGE = 50
_WIDEST_WINDOW = 7 * 86_400


def next_number(world: World, seller: Seller, kind: str) -> int:
    """The next running number of a kind of paper."""
    number = int(world.memory.paper(seller.name, "count", kind) or 0) + 1
    world.memory.keep_paper(seller.name, "count", kind, number)
    return number


def set_status(world: World, paper: Paper, code: str) -> None:
    """Writes a new status into the history; it is never older than the one before."""
    at = max(world.now().timestamp(), paper["updated"])
    paper["status"], paper["updated"] = code, at
    paper["history"] = [*paper["history"], {"status": code, "at": at}]


def history(paper: Paper, texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """The statuses so far, the oldest first."""
    return [
        {"status": each["status"], "statusDesc": texts[each["status"]], "operateTime": stamped(each["at"])}
        for each in paper["history"]
    ]


def good_of(call: Call, line: Mapping[str, Any]) -> Good:
    """The product of a line, by the customer's code or JD's id.  Refuses one that JD does not have."""
    sku = text_in(line, "customerGoodsId", most=100)
    number = text_in(line, "jdGoodsId", required=not sku)
    if sku:
        found = sandbox_goods.by_sku(call.world, call.seller, sku)
    else:
        found = sandbox_goods.by_id(call.world, call.seller, number)
    if found is None:
        raise ServiceNo("2501", f"SKU {sku or number} is unknown")
    return found


def goods_of(world: World, seller: Seller, paper: Paper) -> list[tuple[dict[str, Any], Good]]:
    """The lines of a paper with their products, those that are gone left out."""
    found = [(line, sandbox_goods.by_sku(world, seller, line["sku"])) for line in paper["lines"]]
    return [(line, good) for line, good in found if good is not None]


def made_lines(call: Call) -> list[dict[str, Any]]:
    """The lines of a new paper."""
    made = []
    for line in call.lines():
        good = good_of(call, line)
        made.append({"line": line["orderLine"], "sku": good.sku, "id": good.id, "quantity": quantity(line)})
    return made


def move_all(world: World, seller: Seller, paper: Paper, signs: Mapping[str, int], kind: int) -> Mapping[str, Any]:
    """Moves the stock of every line by its quantity times the sign of each number; gives the message of the change."""
    return move_some(world, seller, paper, {each["line"]: each["quantity"] for each in paper["lines"]}, signs, kind)


def move_some(
    world: World, seller: Seller, paper: Paper, pieces: Mapping[str, int], signs: Mapping[str, int], kind: int
) -> Mapping[str, Any]:
    """Like `move_all`, by so many pieces of each line."""
    changed = []
    for line, good in goods_of(world, seller, paper):
        count = pieces.get(line["line"], 0)
        if count:
            by = {name: sign * count for name, sign in signs.items()}
            sandbox_stock.move(world, seller, paper["warehouse"], good, **by)
            changed.append(good)
    return sandbox_stock.change(world, seller, paper["warehouse"], changed, kind)


def key_of(paper: Paper) -> str:
    """What a paper is kept under: the customer's number, with a number of its own for a bill that was split off."""
    return str(paper.get("key", paper["reference"]))


def named(call: Call, kind: str, name: str) -> Paper:
    """The paper that a call names by the customer's number or JD's bill.  Refuses one that is not there."""
    reference, bill = call.text(name, most=50), call.text("serviceBillCode")
    if not reference and not bill:
        raise ServiceNo("2000", f"{name} or serviceBillCode is missing")
    papers = call.world.memory.papers(call.seller.name, kind)
    found = papers.get(reference) if reference else next((p for p in papers.values() if p["bill"] == bill), None)
    if found is None:
        raise ServiceNo("2342", "no such order")
    return dict(found)


def searched(call: Call, kind: str, name: str, record: Callable[[Paper], Mapping[str, Any]]) -> Any:
    """A page of the papers that a query asks for, those that changed last at the end."""
    number, size = call.page(_LARGEST_PAGE)
    start, end = moment(call, "updateTimeStart"), moment(call, "updateTimeEnd")
    if start is not None and (end if end is not None else call.world.now().timestamp()) - start > _WIDEST_WINDOW:
        raise ServiceNo("3008", "a window of updateTime is at most 7 days wide")
    wanted = set(call.texts(f"{name}List", _LARGEST_PAGE)) | ({call.text(name)} if call.has(name) else set())
    papers = [
        each
        for each in call.world.memory.papers(call.seller.name, kind).values()
        if (not wanted or each["reference"] in wanted)
        and call.text("serviceBillCode") in {"", each["bill"]}
        and call.text("warehouseCode") in {"", each["warehouse"]}
        and str(call.arguments.get("status") or each["status"]) == each["status"]
        and (start is None or int(each["updated"]) >= start)
        and (end is None or int(each["updated"]) <= end)
    ]
    papers.sort(key=lambda each: (each["updated"], each["bill"]))
    rows = [record(each) for each in papers[(number - 1) * size : number * size]]
    pages = -(-len(papers) // size)
    return {"records": rows, "total": len(papers), "pages": pages, "current": number, "size": size}
