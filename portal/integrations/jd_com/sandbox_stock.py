"""The sandbox's stock and prices (docs/jd.md, "Stock" and "Prices").  Stock numbers are absolute."""

from typing import Any

from portal.contract.world.catalogue import Listing
from portal.contract.world.jos import Call, Refusal, amount, whole

_MOST_AT_ONCE = 30
_LARGEST = 2**31 - 1


def find(call: Call) -> Any:
    """`jingdong.stock.read.findSkuStock`."""
    found = (call.catalogue.by_id(each) for each in call.numbers("skuId"))
    stocks: list[dict[str, Any]] = [
        {"skuId": each.remote_id, "storeId": 0, "stockNum": each.stock} for each in found if each is not None
    ]
    if "detailStock" in call.words("field"):
        stocks = [{**each, "detailStock": {"orderBookingNum": 0, "appBookingNum": 0}} for each in stocks]
    return {"skuStocks": stocks}


def query(call: Call) -> Any:
    """`jingdong.ware.stock.sku.query`."""
    listing = call.catalogue.by_id(call.number("skuId"))
    if listing is None:
        return {"returnType": {"success": False, "errorMessage": "sku 不存在", "obj": None}}
    info = {
        "skuId": listing.remote_id,
        "storeId": 0,
        "stockNum": listing.stock,
        "orderBookingNum": 0,
        "appBookingNum": 0,
        "orderTransferNum": 0,
    }
    model = str(call.arguments.get("stockModel") or "POP_SOP")
    inside = {"skuId": listing.remote_id, "stockModel": model, "skuStockInfos": [info]}
    return {"returnType": {"success": True, "errorMessage": "", "obj": inside}}


def update(call: Call) -> Any:
    """`jingdong.stock.write.updateSkuStock`."""
    listing, stock = _owned(call), call.number("stockNum")
    if not 0 <= stock <= _LARGEST:
        raise Refusal("61", "stockNum")
    _set(call, listing, stock)
    return {"success": True}


def set_many(call: Call) -> Any:
    """`jingdong.ware.stock.sku.set`: up to 30 SKUs; the same `stockRfId` again gives the same answer and does nothing.

    The answer names the items that failed and no others.
    """
    asked = call.arguments.get("req")
    if not isinstance(asked, dict):
        raise Refusal("60", "req")
    reference = str(asked.get("stockRfId") or "").strip()
    entries = asked.get("skuStocks")
    model = asked.get("updateModel")
    if not reference:
        return _failed("stockRfId 不能为空")
    if model not in {"fullStockIn", "incrStockIn"}:
        return _failed("updateModel 不正确")
    if not isinstance(entries, list) or not 1 <= len(entries) <= _MOST_AT_ONCE:
        return _failed(f"skuStocks 数量必须在1到{_MOST_AT_ONCE}之间")
    before = call.world.memory.done(call.seller.name, reference)
    if before is not None:
        return before
    failed = [each for entry in entries if (each := _one(call, entry, model, reference)) is not None]
    answer = {"returnType": {"success": True, "errorMessage": "", "obj": {"updateStockResult": failed}}}
    call.world.memory.keep_done(call.seller.name, reference, answer)
    return answer


def _one(call: Call, entry: Any, model: str, reference: str) -> dict[str, Any] | None:
    """Sets one item; gives what failed, None when nothing did."""
    try:
        if not isinstance(entry, dict):
            raise Refusal("61", "skuStocks")
        sku = whole(entry.get("skuId"), "skuId")
        listing = call.catalogue.by_id(sku)
        if listing is None:
            return {"data": sku, "storeId": 0, "success": False, "message": "sku 不存在"}
        if model == "fullStockIn":
            stock = whole(entry.get("stockNum"), "stockNum")
        else:
            stock = listing.stock + whole(entry.get("incrStockNum"), "incrStockNum")
        if not 0 <= stock <= _LARGEST:
            raise Refusal("61", "stockNum")
    except Refusal as why:
        given = entry.get("skuId") if isinstance(entry, dict) else None
        return {"data": given, "storeId": 0, "success": False, "message": f"参数错误: {why.note}"}
    _set(call, listing, stock, reference=reference)
    return None


def update_price(call: Call) -> Any:
    """`jingdong.price.write.updateSkuJdPrice`: yuan with at most two decimals, up to 999999999."""
    listing = _owned(call)
    price = amount(call.arguments.get("jdPrice"), "jdPrice", decimals=2)
    call.world.edit(call.seller, listing.item.slot, price=price)
    call.effect("price.set", sku=listing.remote_id, code=listing.sku, price=str(price))
    return {"success": True}


def _owned(call: Call) -> Listing:
    listing = call.catalogue.by_id(call.number("skuId"))
    if listing is None:
        raise Refusal("71", "skuId")
    return listing


def _set(call: Call, listing: Listing, stock: int, **more: str) -> None:
    """A stock number does not move the time of change."""
    call.world.edit(call.seller, listing.item.slot, touch=False, stock=stock)
    call.effect("stock.set", sku=listing.remote_id, quantity=stock, was=listing.stock, **more)


def _failed(sentence: str) -> Any:
    return {"returnType": {"success": False, "errorMessage": sentence, "obj": None}}
