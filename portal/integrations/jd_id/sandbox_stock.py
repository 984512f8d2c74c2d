"""The sandbox's stock and prices in JD.ID's form (docs/jd.md, "JD.ID: price and stock"); stock is absolute."""

import re
from typing import Any

from portal.contract.world.catalogue import Listing
from portal.contract.world.jos import Call, Refusal, amount, parsed_json, whole
from portal.integrations.jd_id.sandbox_goods import bad, good

_LARGEST = 2**31 - 1
_FAILED = "Failure operation!!"


def entries(found: Any, name: str) -> list[Any]:
    """A list that came as a JSON array, or as text with double or single quotes."""
    if isinstance(found, str):
        text = found.strip()
        found = parsed_json(text if '"' in text else text.replace("'", '"'))
    if not isinstance(found, list) or not found:
        raise Refusal("61", name)
    return found


def update(call: Call) -> Any:
    """`jingdong.epistock.updateEpiMerchantWareStock`."""
    return update_many(call, entries(call.arguments.get("wareStockUpdateListStr"), "wareStockUpdateListStr"))


def update_many(call: Call, asked: list[Any]) -> Any:
    """Sets each SKU's stock; the answer tells of each, and went well as a whole when each did."""
    numbers = [_id_of(entry) for entry in asked]
    told = {str(number): _update_one(call, number, entry) for number, entry in zip(numbers, asked, strict=True)}
    all_well = all(each["success"] for each in told.values())
    return {"code": 1 if all_well else 0, "success": all_well, "message": _word(all_well), "model": told}


def _word(well: bool) -> str:
    return "success" if well else _FAILED


def _id_of(entry: Any) -> int:
    if not isinstance(entry, dict):
        raise Refusal("61", "skuId")
    return whole(entry.get("skuId"), "skuId")


def _update_one(call: Call, number: int, entry: dict[str, Any]) -> dict[str, Any]:
    listing = call.catalogue.by_id(number)
    stock = entry.get("realNum")
    well = (
        listing is not None
        and listing.on_sale  # A failed call was seen for inactive SKUs.
        and re.fullmatch(r"\d{1,10}", str(stock)) is not None
        and int(str(stock)) <= _LARGEST
    )
    if well and listing is not None:
        call.world.edit(call.seller, listing.item.slot, touch=False, stock=int(str(stock)))
        call.effect("stock.set", sku=listing.remote_id, quantity=int(str(stock)), was=listing.stock)
    return {"code": 1 if well else 0, "message": _word(well), "success": well}


def query(call: Call) -> Any:
    """`jingdong.epistock.queryEpiMerchantWareStock`; the answer's form is ours."""
    asked = entries(call.arguments.get("wareStockQueryListStr"), "wareStockQueryListStr")
    return told(call, [_id_of(entry) for entry in asked])


def told(call: Call, numbers: list[int]) -> Any:
    """The stock of some SKUs, by id; unknown ones are left out."""
    found = [each for number in numbers if (each := call.catalogue.by_id(number)) is not None]
    return good({str(each.remote_id): {"skuId": each.remote_id, "realNum": each.stock} for each in found})


def update_price(call: Call) -> Any:
    """`jingdong.seller.price.updatePriceBySkuIds`: whole rupiah."""
    return set_price(call, call.number("skuId"), call.arguments.get("salePrice"))


def update_skus(call: Call) -> Any:
    """`jingdong.seller.product.sku.write.updateSkuList`: the price and the seller's code of one SKU."""
    listing = call.catalogue.by_id(call.number("skuId"))
    if listing is None:
        return bad(_FAILED)
    price = amount(call.arguments["jdPrice"], "jdPrice", decimals=0) if call.has("jdPrice") else None
    if call.has("sellerSkuId"):
        code = str(call.arguments["sellerSkuId"])
        call.world.edit(call.seller, listing.item.slot, sku=code)
        call.effect("code.set", sku=listing.remote_id, code=code)
    if price is not None:
        _set_price(call, listing, price)
    return good([listing.remote_id])


def set_price(call: Call, number: int, asked: Any) -> Any:
    """Sets one SKU's price."""
    price = amount(asked, "price", decimals=0)
    listing = call.catalogue.by_id(number)
    if listing is None:
        return bad(_FAILED)
    _set_price(call, listing, price)
    return good([listing.remote_id])


def _set_price(call: Call, listing: Listing, price: Any) -> None:
    call.world.edit(call.seller, listing.item.slot, price=price)
    call.effect("price.set", sku=listing.remote_id, code=listing.sku, price=str(int(price)))
