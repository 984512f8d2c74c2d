"""How the sandbox's outbound orders move: from status to status, into parcels, into a second bill, short of pieces.

Stock is reserved when an order is created.  What leaves is taken off what is reserved and off what is on hand; what
will never leave is given back, and what was lost or broken is on hand no more.  The walk is ours (docs/jd.md).
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from portal.contract.goods import draw
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl import sandbox_stock
from portal.integrations.jdl.sandbox_accounts import codes_of
from portal.integrations.jdl.sandbox_call import Tell
from portal.integrations.jdl.sandbox_papers import Paper, key_of, move_some, next_number, set_status
from portal.integrations.jdl.sandbox_shown import TEXTS, message, trace_messages

KIND = "outstock"
WALK = ("10010", "10014", "10016", "10018", "10020", "10034")
GONE = frozenset({"10020", "10034", "10035", "10038"})
ENDED = frozenset({"10034", "10035", "10038", "10028"})
# How cancellations end that are asked for while an order is picked and packed, as /control says.
CANCELLING = "cancelling"
SUCCEEDS, FAILS, BY_HAND = "succeeds", "fails", "hand"
_CARRIERS = {"GB": "Royal Mail", "ID": "JNE"}
Pieces = Mapping[str, int]


def new_paper(world: World, seller: Seller, reference: str, warehouse: str, lines: list[dict[str, Any]]) -> Paper:
    """A new order, not kept yet."""
    now = world.now().timestamp()
    return {
        "reference": reference,
        **_numbered(world, seller),
        "warehouse": warehouse,
        "lines": lines,
        "parcels": [],
        "splits": [],
        "consignee": {},
        "content": "",
        "created": now,
        "updated": now,
        "status": "10010",
        "history": [{"status": "10010", "at": now}],
    }


def _numbered(world: World, seller: Seller) -> dict[str, str]:
    number = next_number(world, seller, KIND)
    return {"bill": f"CSL{seller.vender_id}{number:010d}", "jd_order": f"JDO{seller.vender_id}{number:08d}"}


def advance(world: World, seller: Seller, paper: Paper, status: str, tell: Tell) -> Paper:
    """Brings an order to a status, with what that does to the stock, and tells the customer.

    At 10020 everything that is still there leaves in one parcel.  Raises ValueError for a status that is none.
    """
    status = status or following(world, seller, paper)
    if status not in TEXTS:
        raise ValueError(f"status is one of {', '.join(TEXTS)}")
    rest = {} if paper.get("released") else remaining(paper)
    if rest and (status == "10020" or (status in GONE and not paper["parcels"])):
        return ship(world, seller, paper, rest, 1, tell, status=status)
    set_status(world, paper, status)
    if status == "10018":
        _named_carrier(seller, paper)
    stock: Mapping[str, Any] | None = None
    if rest and status in ENDED:
        paper["released"] = True
        stock = move_some(world, seller, paper, rest, {"reserved": -1}, sandbox_stock.LOCKED)
    _told(world, seller, paper, stock, tell)
    return paper


def following(world: World, seller: Seller, paper: Paper) -> str:
    """The next status of an order.  Raises ValueError where none follows by itself."""
    status = str(paper["status"])
    if status == "10027":
        return "10029" if world.memory.paper(seller.name, "switch", CANCELLING) == FAILS else "10028"
    if status == "10029" or (status == "10020" and remaining(paper)):
        return "10020"
    if status not in WALK[:-1]:
        raise ValueError(f"nothing follows on {status} by itself")
    return WALK[WALK.index(status) + 1]


def remaining(paper: Paper) -> dict[str, int]:
    """By line, the pieces that have neither left nor been lost."""
    left = {each["line"]: each["quantity"] - each.get("sent", 0) - each.get("lost", 0) for each in paper["lines"]}
    return {line: count for line, count in left.items() if count > 0}


def some_of(paper: Paper, count: int) -> dict[str, int]:
    """So many of the remaining pieces, line by line.  Raises ValueError where there are fewer."""
    rest, found = remaining(paper), dict[str, int]()
    if not 1 <= count <= sum(rest.values()):
        raise ValueError(f"pieces is from 1 to {sum(rest.values())}")
    for line, there in rest.items():
        if count:
            found[line] = min(there, count)
            count -= found[line]
    return found


def ship(
    world: World, seller: Seller, paper: Paper, pieces: Pieces, parcels: int, tell: Tell, *, status: str = "10020"
) -> Paper:
    """Lets so many pieces of each line leave in so many parcels, at most one for each piece."""
    set_status(world, paper, status)
    _named_carrier(seller, paper)
    skus = {each["line"]: each["sku"] for each in paper["lines"]}
    for goods in _shared(pieces, parcels):
        number = len(paper["parcels"]) + 1
        tracking = paper["tracking"] if number == 1 else _tracking(paper["bill"], number)
        inside = [[skus[line], count] for line, count in goods.items()]
        made = {"number": f"{paper['bill']}-{number}", "tracking": tracking, "left": paper["updated"], "goods": inside}
        paper["parcels"] = [*paper["parcels"], made]
    paper.setdefault("left", paper["updated"])
    if status == "10034":
        paper["delivered"] = paper["updated"]
    for each in paper["lines"]:
        each["sent"] = each.get("sent", 0) + pieces.get(each["line"], 0)
    stock = move_some(world, seller, paper, pieces, {"reserved": -1, "moved": -1}, sandbox_stock.OUTBOUND)
    _told(world, seller, paper, stock, tell)
    return paper


def split(world: World, seller: Seller, paper: Paper, pieces: Pieces, tell: Tell) -> Paper:
    """Moves pieces to a second bill with a number of its own and the customer's number of the first.

    Gives the second.  Raises ValueError where nothing of the first would be left.
    """
    if sum(remaining(paper).values()) == sum(pieces.values()) and not paper["parcels"]:
        raise ValueError("something must stay on the first bill")
    moved = [{**each, "quantity": pieces[each["line"]]} for each in paper["lines"] if each["line"] in pieces]
    for each in paper["lines"]:
        each["quantity"] -= pieces.get(each["line"], 0)
    paper["lines"] = [each for each in paper["lines"] if each["quantity"]]
    second = {
        **paper,
        **_numbered(world, seller),
        "key": f"{paper['reference']}/{len(paper['splits']) + 2}",
        "lines": [{**each, "sent": 0, "lost": 0} for each in moved],
        "parcels": [],
        "splits": [],
        "status": paper["status"] if paper["status"] not in GONE else "10018",
    }
    for name in ("left", "tracking", "carrier"):
        second.pop(name, None)
    second["history"] = [each for each in paper["history"] if each["status"] not in GONE]
    paper["splits"] = [*paper["splits"], second["bill"]]
    for each in (paper, second):
        each["updated"] = max(world.now().timestamp(), each["updated"])
        _told(world, seller, each, None, tell)
    return second


def lose(world: World, seller: Seller, paper: Paper, pieces: Pieces, tell: Tell) -> Paper:
    """Some pieces were not found or are broken: the order stops, and goes on without them once it is moved on."""
    for each in paper["lines"]:
        each["lost"] = each.get("lost", 0) + pieces.get(each["line"], 0)
    set_status(world, paper, "10051")
    stock = move_some(world, seller, paper, pieces, {"reserved": -1, "moved": -1}, sandbox_stock.ADJUSTED)
    _told(world, seller, paper, stock, tell)
    return paper


def noted(world: World, seller: Seller, paper: Paper, effect: str, call: str = "", **more: Any) -> None:
    """Writes what happened to an order into the journal."""
    told = {"reference": paper["reference"], "bill": paper["bill"], "status": paper["status"], **more}
    world.note("effect", call, seller.name, "outstock", effect=effect, arguments=told)


def _told(world: World, seller: Seller, paper: Paper, stock: Mapping[str, Any] | None, tell: Tell) -> None:
    """Keeps an order and tells the customer of it."""
    if paper["status"] == "10034":
        paper.setdefault("delivered", paper["updated"])
    world.memory.keep_paper(seller.name, KIND, key_of(paper), paper)
    tell(seller, "outstock.status", message(seller, paper))
    if stock is not None:
        tell(seller, "stock.change", stock)
    if paper["status"] in GONE:
        for each in trace_messages(paper):
            tell(seller, "trace", each)


def _named_carrier(seller: Seller, paper: Paper) -> None:
    """A tracking number is known from packing on, before anything leaves."""
    country = next(each.country for each in codes_of(seller).sites if each.code == paper["warehouse"])
    paper.setdefault("carrier", _CARRIERS.get(country, "DHL"))
    paper.setdefault("tracking", _tracking(paper["bill"], 1))


def _tracking(bill: str, number: int) -> str:
    return f"JDX{draw('tracking', bill, *([number] if number > 1 else [])) % 10**11:011d}"


def _shared(pieces: Pieces, parcels: int) -> list[dict[str, int]]:
    """The pieces in so many shares of nearly the same size, none of them empty."""
    single = [line for line, count in pieces.items() for _ in range(count)]
    parcels = max(1, min(parcels, len(single)))
    ends = [len(single) * number // parcels for number in range(parcels + 1)]
    found = []
    for start, end in pairwise(ends):
        share: dict[str, int] = {}
        for line in single[start:end]:
            share[line] = share.get(line, 0) + 1
        found.append(share)
    return found
