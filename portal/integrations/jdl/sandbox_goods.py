"""The sandbox's goods and warehouses in JD Logistics' form.  Most fields are ours (docs/jd.md)."""

from dataclasses import dataclass
from typing import Any

from portal.contract.goods import draw
from portal.contract.world.catalogue import Listing
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl.sandbox_call import Call, ServiceNo, moment, site_of, stamped, text_in

_LARGEST_PAGE = 100
_MOST_SAVED = 50
_LANGUAGES = {"samudra": "id"}
# Every fifth family is known to JD by its Chinese name only, as happens with goods that JD took over.
_IN_CHINESE = 5


@dataclass(frozen=True, slots=True)
class Good:
    """One product of a customer.  `listing` is None for one that was saved by a call; times are in milliseconds."""

    id: str
    sku: str
    name: str
    name_en: str
    barcodes: tuple[str, ...]
    on: bool
    created: int
    updated: int
    grams: int
    stock: int
    image: str = ""
    listing: Listing | None = None


def id_of(listing: Listing) -> str:
    """JD's id of a product."""
    return f"EMG{listing.remote_id}"


def _of_listing(world: World, seller: Seller, listing: Listing) -> Good:
    item = listing.item
    kin = world.catalogue(seller).goods.family_of(item.parent)
    language = "zh" if item.parent % _IN_CHINESE == 3 else _LANGUAGES.get(seller.business, "en")
    colour = {"en": item.colour.name.en, "id": item.colour.name.id, "zh": item.colour.name.zh}
    saved = world.memory.paper(seller.name, "goods", listing.sku) or {}
    return Good(
        id=id_of(listing),
        sku=listing.sku,
        name=saved.get("goodsName") or f"{kin.title(language)} {colour[language]} {item.size}",
        name_en=saved.get("goodsNameEn") or f"{kin.title('en')} {colour['en']} {item.size}",
        barcodes=(item.barcode,),
        on=listing.on_sale,
        created=item.modified,
        updated=max(listing.modified, saved.get("updated", 0)),
        grams=item.grams,
        stock=listing.stock,
        image=item.image,
        listing=listing,
    )


def _of_paper(sku: str, saved: dict[str, Any]) -> Good:
    return Good(
        id=saved["id"],
        sku=sku,
        name=saved["goodsName"],
        name_en=saved.get("goodsNameEn", ""),
        barcodes=tuple(saved.get("barcodes", ())),
        on=saved.get("status", 1) == 1,
        created=saved["created"],
        updated=saved["updated"],
        grams=saved.get("grams", 0),
        stock=0,
    )


def _saved(world: World, seller: Seller) -> list[Good]:
    """The goods that exist only because a call saved them."""
    papers = world.memory.papers(seller.name, "goods")
    return [_of_paper(sku, saved) for sku, saved in papers.items() if "id" in saved]


def by_sku(world: World, seller: Seller, sku: str) -> Good | None:
    """The product with that code of the customer's."""
    found = world.catalogue(seller).by_sku(sku)
    if found:
        return _of_listing(world, seller, found[0])
    saved = world.memory.paper(seller.name, "goods", sku)
    return _of_paper(sku, saved) if saved and "id" in saved else None


def by_id(world: World, seller: Seller, number: str) -> Good | None:
    """The product with that id of JD's."""
    digits = number.removeprefix("EMG")
    listing = world.catalogue(seller).by_id(int(digits)) if digits.isascii() and digits.isdigit() else None
    if listing is not None:
        return _of_listing(world, seller, listing)
    return next((each for each in _saved(world, seller) if each.id == number), None)


def page(world: World, seller: Seller, start: int, count: int, since: int | None = None) -> tuple[list[Good], int]:
    """Some goods from a place on, those of the catalogue before those that were saved, and how many there are."""
    catalogue = world.catalogue(seller)
    slots = catalogue.listings(between=None if since is None else (since, 1 << 62))
    rest = [each for each in _saved(world, seller) if since is None or each.updated >= since]
    listings = [found for slot in slots.page(start, count) if (found := catalogue.listing(slot)) is not None]
    goods = [_of_listing(world, seller, each) for each in listings]
    left = max(0, start - len(slots))
    return goods + rest[left : left + count - len(goods)], len(slots) + len(rest)


# --- operations -------------------------------------------------------------------------------------------------------


def warehouses(call: Call) -> Any:
    """`warehouse.query`."""
    number, size = call.page(100)
    sites = [site_of(call.seller, call.text("warehouseCode"))] if call.has("warehouseCode") else list(call.codes.sites)
    rows = [
        {
            "warehouseCode": each.code,
            "warehouseName": each.name,
            "country": each.country,
            "status": 0 if call.world.memory.paper(call.seller.name, "off", each.code) else 1,
            "timeZone": each.zone,
        }
        for each in sites
    ]
    return {"records": rows[(number - 1) * size : number * size], "total": len(rows), "pages": -(-len(rows) // size)}


def query(call: Call) -> Any:
    """`goods.query`."""
    number, size = call.page(_LARGEST_PAGE)
    asked = call.texts("customerGoodsIdList", _LARGEST_PAGE)
    since = moment(call, "updateTimeStart")
    if asked:
        found = [each for sku in asked if (each := by_sku(call.world, call.seller, sku)) is not None]
        rows, total = found[(number - 1) * size : number * size], len(found)
    else:
        begin = None if since is None else int(since * 1000)
        rows, total = page(call.world, call.seller, (number - 1) * size, size, begin)
    return {
        "rows": [_row(each) for each in rows],
        "total": total,
        "pages": -(-total // size),
        "pageNo": number,
        "pageSize": size,
    }


def _row(good: Good) -> dict[str, Any]:
    return {
        "customerGoodsId": good.sku,
        "jdGoodsId": good.id,
        "goodsName": good.name,
        "goodsNameEn": good.name_en,
        "barcodes": list(good.barcodes),
        "status": 1 if good.on else 0,
        "length": "20.0",
        "width": "15.0",
        "height": "10.0",
        "weight": f"{good.grams / 1000:.3f}",
        "batchManaged": draw("batch", good.id) % 10 == 0,
        "serialManaged": False,
        "countryOfOrigin": "CN",
        "hsCode": "392410",
        "imageUrl": good.image,
        "createTime": stamped(good.created / 1000),
        "updateTime": stamped(good.updated / 1000),
    }


def save(call: Call) -> Any:
    """`goods.save`: each product is answered for itself."""
    call.text("scCode", required=True)
    asked = call.arguments.get("goodsList")
    if not isinstance(asked, list) or not 1 <= len(asked) <= _MOST_SAVED:
        raise ServiceNo("3008", f"goodsList must hold 1 to {_MOST_SAVED} objects")
    return {"results": [_save_one(call, each) for each in asked]}


def _save_one(call: Call, asked: Any) -> dict[str, Any]:
    told = asked if isinstance(asked, dict) else {}
    try:
        sku = text_in(told, "customerGoodsId", most=50, required=True)
        name = text_in(told, "goodsName", required=True)
    except ServiceNo as why:
        result = {"customerGoodsId": told.get("customerGoodsId"), "jdGoodsId": None, "success": False}
        return {**result, "code": why.code, "message": why.message}
    known = by_sku(call.world, call.seller, sku)
    now = int(call.world.now().timestamp() * 1000)
    number = known.id if known else f"EMG9{draw(call.seller.name, sku) % 10**12:012d}"
    paper: dict[str, Any] = {"goodsName": name, "goodsNameEn": text_in(told, "goodsNameEn"), "updated": now}
    if known is None or known.listing is None:
        barcodes = [each for each in told.get("barcodes") or [] if isinstance(each, str)]
        paper |= {"id": number, "barcodes": barcodes, "created": known.created if known else now}
    call.world.memory.keep_paper(call.seller.name, "goods", sku, paper)
    call.effect("goods.saved", sku=sku, new=known is None)
    return {"customerGoodsId": sku, "jdGoodsId": number, "success": True, "code": "200", "message": "success"}
