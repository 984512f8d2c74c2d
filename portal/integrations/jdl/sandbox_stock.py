"""The sandbox's stock: what each warehouse has of each product, and the rule that its numbers keep.

On hand (`totalQuantity`) is always what may be sold, what orders have reserved, and what is locked, added up.
"""

from collections.abc import Mapping
from typing import Any

from portal.contract.goods import draw
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl import sandbox_goods
from portal.integrations.jdl.sandbox_accounts import codes_of
from portal.integrations.jdl.sandbox_call import Call, stamped
from portal.integrations.jdl.sandbox_goods import Good

_LARGEST_PAGE = 50
# What `stock.change` says about why a number moved.
INBOUND, OUTBOUND, ADJUSTED, LOCKED = 1, 2, 3, 4


def _base(seller: Seller, code: str, good: Good) -> int:
    """What is on hand before anything happens: the catalogue's stock at the first warehouse, less at the second."""
    if code == codes_of(seller).sites[0].code:
        return good.stock
    return draw(seller.seed, "second site", good.id) % 60 if good.stock else 0


def moved(world: World, seller: Seller, code: str, good: Good) -> dict[str, int]:
    """What has happened to a product's stock since: how far on hand moved, and what is reserved, locked, announced."""
    usual = {"moved": 0, "reserved": 0, "announced": 0, "operator": 0, "inventory": 0}
    if draw("lock", seller.seed, code, good.id) % 25 == 0:
        usual["operator"] = min(2, _base(seller, code, good))
    return usual | (world.memory.paper(seller.name, "stock", f"{code}/{good.id}") or {})


def figures(world: World, seller: Seller, code: str, good: Good) -> dict[str, int]:
    """The six numbers of a product in a warehouse."""
    now = moved(world, seller, code, good)
    total = _base(seller, code, good) + now["moved"]
    return {
        "stockQuantity": total - now["reserved"] - now["operator"] - now["inventory"],
        "totalQuantity": total,
        "preoccupiedQuantity": now["reserved"],
        "operatorLockNum": now["operator"],
        "inventoryLockNum": now["inventory"],
        "purchaseWaitinStockQuantity": now["announced"],
    }


def move(world: World, seller: Seller, code: str, good: Good, **by: int) -> None:
    """Moves some of a product's numbers."""
    now = moved(world, seller, code, good)
    changed = now | {name: now[name] + number for name, number in by.items()}
    world.memory.keep_paper(seller.name, "stock", f"{code}/{good.id}", changed)


def change(world: World, seller: Seller, code: str, goods: list[Good], kind: int) -> Mapping[str, Any]:
    """The message of `stock.change` about these products: absolute figures."""
    site = next(each for each in codes_of(seller).sites if each.code == code)
    return {
        "customerCode": codes_of(seller).customer,
        "cargoOwnerCode": codes_of(seller).owner,
        "warehouseCode": code,
        "changeTime": stamped(world.now().timestamp()),
        "changeType": kind,
        "records": [_record(world, seller, code, site.name, each) for each in goods],
    }


def _record(world: World, seller: Seller, code: str, site: str, good: Good) -> dict[str, Any]:
    return {
        "customerGoodsId": good.sku,
        "jdGoodsId": good.id,
        "goodsName": good.name,
        "warehouseCode": code,
        "warehouseName": site,
        **figures(world, seller, code, good),
    }


# --- operations -------------------------------------------------------------------------------------------------------


def query(call: Call) -> Any:
    """`stock.query`."""
    number, size = call.page(_LARGEST_PAGE)
    goods, total = _asked(call, number, size)
    rows = [_record(call.world, call.seller, call.site.code, call.site.name, each) for each in goods]
    return {"records": rows, "total": total, "current": number, "size": size, "pages": -(-total // size)}


def batches(call: Call) -> Any:
    """`stock.batch`: the same goods once more, by batch; damaged ones stand apart and are not sold."""
    number, size = call.page(_LARGEST_PAGE)
    goods, total = _asked(call, number, size)
    rows = []
    for each in goods:
        record = _record(call.world, call.seller, call.site.code, call.site.name, each)
        month = 1 + draw("batch", each.id) % 12
        rows.append(
            record
            | {
                "batchNo": f"B2026{month:02d}",
                "productionDate": f"2026-{month:02d}-01",
                "expirationDate": f"2029-{month:02d}-01",
                "goodsLevel": "200" if draw("level", each.id) % 40 == 0 else "100",
            }
        )
    return {"records": rows, "total": total, "current": number, "size": size, "pages": -(-total // size)}


def _asked(call: Call, number: int, size: int) -> tuple[list[Good], int]:
    asked = call.texts("customerGoodsIdList", _LARGEST_PAGE)
    if not asked:
        return sandbox_goods.page(call.world, call.seller, (number - 1) * size, size)
    found = [each for sku in asked if (each := sandbox_goods.by_sku(call.world, call.seller, sku)) is not None]
    return found[(number - 1) * size : number * size], len(found)
