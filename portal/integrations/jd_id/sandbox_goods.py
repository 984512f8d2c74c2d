"""The sandbox's products (SPUs) and SKUs in JD.ID's form (docs/jd.md, "JD.ID: products")."""

from typing import Any

from portal.contract.goods_words import BRANDS, THINGS
from portal.contract.world.catalogue import Listing
from portal.contract.world.jos import Call, Refusal

AUDITS = {"audit_passed": 1, "audit_waiting": 4}
"""The `auditStatus` numbers: 4 is a change under audit in a client of that time, 1 for passed is our invention."""

_LARGEST_PAGE = 100
_MOST_IDS = 100


def good(model: Any) -> Any:
    """A business answer that went well."""
    return {"code": 1, "success": True, "message": "success", "model": model}


def bad(message: str, code: int = 0) -> Any:
    """A business answer that did not."""
    return {"code": code, "success": False, "message": message}


def _product_good(model: Any) -> Any:
    """Product answers call the flag `isSuccess` where they hold one object, and come without `model` when empty."""
    found = {"code": 1, "isSuccess": True, "message": "success"}
    return {**found, "model": model} if model else found


def spus(call: Call) -> Any:
    """`jingdong.seller.product.getWareInfoListByVendorId`."""
    return page(call, call.number("page", 1), call.number("size", 20))


def page(call: Call, number: int, size: int) -> Any:
    """One page of the product list."""
    if number < 1 or not 1 <= size <= call.seller.told.get("page_cap", _LARGEST_PAGE):
        raise Refusal("61", "page" if number < 1 else "size")
    parents = call.catalogue.parents()
    rows = [spu(call, parent) for parent in parents.page((number - 1) * size, size)]
    return _product_good({"totalNum": len(parents), "pageNum": number, "spuInfoVoList": rows})


def spu_details(call: Call) -> Any:
    """`jingdong.seller.product.getWareBySpuIds`: several ids in one comma text, details only where asked for by "1"."""
    found = [call.catalogue.parent_of_id(each) for each in _ids(call, "spuId")]
    return good([_detail(call, parent) for parent in found if parent is not None])


def skus_of_spu(call: Call) -> Any:
    """`jingdong.seller.product.getSkuInfoBySpuIdAndVenderId`."""
    return of_spu(call, call.number("spuId"))


def of_spu(call: Call, number: int) -> Any:
    """All SKUs of one product."""
    parent = call.catalogue.parent_of_id(number)
    return good([sku(each) for each in call.catalogue.kin(parent)]) if parent is not None else good([])


def skus(call: Call) -> Any:
    """`jingdong.seller.product.sku.read.getSkuBySkuIds`: several ids in one comma text."""
    return by_ids(call, _ids(call, "skuId"))


def by_ids(call: Call, numbers: list[int]) -> Any:
    """SKUs by id; unknown ones are left out."""
    found = [call.catalogue.by_id(each) for each in numbers]
    return good([sku(each) for each in found if each is not None])


def _ids(call: Call, name: str) -> list[int]:
    found = call.numbers(name)
    if not found:
        raise Refusal("60", name)
    if len(found) > _MOST_IDS:
        raise Refusal("61", name)
    return list(dict.fromkeys(found))


def spu(call: Call, parent: int) -> dict[str, Any]:
    """A product as the list shows it."""
    kin = call.catalogue.kin(parent)
    item = kin[0].item
    category, brand = 75_000_001 + THINGS.index(item.thing), 36_000 + BRANDS.index(item.brand)
    return {
        "spuId": call.catalogue.parent_id(parent),
        "spuName": item.parent_title,
        "wareStatus": 1 if any(each.on_sale for each in kin) else 2,
        "fullCategoryId": f"75000000/{category}",
        "fullCategoryName": f"Rumah/{item.thing.name.id}",
        "brandId": brand,
        "shopId": call.seller.shop_id,
        "transportId": 1,
        "warrantyPeriod": 1,
        "mainImgUri": item.image,
        "imgUris": [item.image],
        "productArea": "Indonesia",
        "afterSale": 1,
    }


def _detail(call: Call, parent: int) -> dict[str, Any]:
    kin = call.catalogue.kin(parent)
    item = kin[0].item
    waiting = not all(each.passed for each in kin)
    word = "audit_waiting" if waiting else "audit_passed"
    found = spu(call, parent)
    shown = {name for name in ("spuDescription", "spuImgs", "brandInfo", "skuIds") if call.arguments.get(name) == "1"}
    if "spuImgs" not in shown:
        del found["imgUris"]
    if "spuDescription" in shown:
        found |= {"description": f"<p>{item.parent_title}</p>", "appDescription": item.parent_title}
    if "brandInfo" in shown:
        found["brandName"] = item.brand.latin
    if "skuIds" in shown:
        found["skuIds"] = [each.remote_id for each in kin]
    return found | {
        "auditStatus": call.seller.told.get(word, AUDITS[word]),
        "modified": call.catalogue.parent_modified(parent),
        "minQuantity": 1,
        "catId": 75_000_001 + THINGS.index(item.thing),
        "shopName": call.seller.shop_name,
    }


def sku(listing: Listing) -> dict[str, Any]:
    """A SKU; one without a code has null for it."""
    item = listing.item
    heavy = item.grams > 20_000
    return {
        "skuId": listing.remote_id,
        "spuId": listing.parent_id,
        "skuName": item.title,
        "sellerSkuId": listing.sku or None,
        "upc": item.barcode,
        "status": 1 if listing.on_sale else 2,
        "jdPrice": int(listing.price),
        "weight": f"{item.grams / 1000:.2f}",
        "netWeight": f"{item.grams / 1000:.2f}",
        "packLong": "20",
        "packWide": "15",
        "packHeight": "10",
        "piece": 1 if heavy else 0,
        "mainImgUri": item.image,
        "saleAttributeIds": f"1001:{item.colour.code};1002:{item.size}",
        "saleAttributeNameMap": {"Warna": item.colour_name, "Ukuran": item.size},
    }
