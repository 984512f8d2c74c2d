"""What a customer of the sandbox has from the first day on: orders on their way, and deliveries that are announced."""

from typing import Any

from portal.contract.goods import draw
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl import sandbox_goods, sandbox_instock, sandbox_moves, sandbox_stock
from portal.integrations.jdl.sandbox_accounts import codes_of
from portal.integrations.jdl.sandbox_goods import Good
from portal.integrations.jdl.sandbox_papers import Paper, move_all

# The statuses of the first orders, the oldest order first.
_OUTBOUND = ("10034", "10034", "10035", "10028", "10034", "10020", "10020", "10018", "10016", "10051", "10014", "10010")
_INBOUND = ("70", "40", "20")
_HOUR = 3600.0
_NAMES = (("Ada Whitlock", "GB", "Leeds"), ("Budi Santoso", "ID", "Bandung"), ("李雷", "GB", "York"))


def _nobody(seller: Seller, topic: str, message: Any) -> None:
    """The first day happened before anybody could subscribe."""


def settle(world: World, seller: Seller) -> None:
    """Makes the first orders of a customer who has none yet; what they reserve is taken from the stock."""
    with world.memory.together():
        if world.memory.paper(seller.name, "settled", ""):
            return
        world.memory.keep_paper(seller.name, "settled", "", True)
        prefix = "".join(sign for sign in seller.name.upper() if sign.isalpha())[:2] or "JD"
        for place, status in enumerate(_OUTBOUND):
            _outbound(world, seller, f"{prefix}-{1001 + place}", place, status)
        for place, status in enumerate(_INBOUND):
            _inbound(world, seller, f"{prefix}-IN-{1001 + place}", place, status)


def _outbound(world: World, seller: Seller, reference: str, place: int, status: str) -> None:
    lines = _lines(world, seller, place, 1 + place % 3)
    if not lines:
        return
    name, country, city = _NAMES[place % len(_NAMES)]
    code = codes_of(seller).sites[0].code
    paper = sandbox_moves.new_paper(world, seller, reference, code, lines)
    paper["consignee"] = {"consigneeName": name, "country": country, "city": city}
    _begun(paper, len(_OUTBOUND) - place, 9)
    move_all(world, seller, paper, {"reserved": 1}, sandbox_stock.LOCKED)
    steps = [*sandbox_moves.WALK[1 : _depth(status)], *([status] if status not in sandbox_moves.WALK else [])]
    for step in steps:
        sandbox_moves.advance(world, seller, paper, step, _nobody)
    _spread(paper)
    world.memory.keep_paper(seller.name, sandbox_moves.KIND, reference, paper)


def _depth(status: str) -> int:
    """How many steps of the walk an order with this status has behind it."""
    walk = sandbox_moves.WALK
    return {"10035": 5, "10028": 2, "10051": 3}.get(status) or walk.index(status) + 1


def _inbound(world: World, seller: Seller, reference: str, place: int, status: str) -> None:
    lines = _lines(world, seller, 100 + place, 3)
    if not lines:
        return
    code = codes_of(seller).sites[0].code
    paper = sandbox_instock.new_paper(world, seller, reference, code, lines)
    _begun(paper, len(_INBOUND) - place, 20)
    move_all(world, seller, paper, {"announced": 1}, sandbox_stock.INBOUND)
    walk = sandbox_instock.WALK
    for step in walk[1 : walk.index(status) + 1]:
        sandbox_instock.advance(world, seller, paper, step, 0, _nobody)
    _spread(paper)
    world.memory.keep_paper(seller.name, sandbox_instock.KIND, reference, paper)


def _begun(paper: Paper, ago: int, hours: int) -> None:
    """Moves a new paper into the past."""
    at = paper["created"] - ago * hours * _HOUR
    paper |= {"created": at, "updated": at, "history": [{**paper["history"][0], "at": at}]}


def _spread(paper: Paper) -> None:
    """Puts an hour and a half between two statuses, which were all set at one moment."""
    for place, entry in enumerate(paper["history"]):
        entry["at"] = paper["created"] + place * 1.5 * _HOUR
    paper["updated"] = paper["history"][-1]["at"]
    moments = {entry["status"]: entry["at"] for entry in paper["history"]}
    for name, status in (("left", "10020"), ("delivered", "10034")):
        if name in paper:
            paper[name] = moments.get(status, paper["updated"])
    paper["parcels"] = [{**each, "left": paper["left"]} for each in paper.get("parcels", [])]


def _lines(world: World, seller: Seller, place: int, count: int) -> list[dict[str, Any]]:
    """Lines of goods that are there, which depend on the seed only."""
    size = world.catalogue(seller).goods.size
    if not size:
        return []
    goods: dict[str, Good] = {}
    for number in range(count * 4):
        found, _ = sandbox_goods.page(world, seller, draw("line", seller.seed, place, number) % size, 1)
        goods |= {each.sku: each for each in found if each.sku.strip() and each.stock > 20}
    return [
        {"line": str(number), "sku": good.sku, "id": good.id, "quantity": 1 + draw(good.sku, place) % 3}
        for number, good in enumerate(list(goods.values())[:count], 1)
    ]
