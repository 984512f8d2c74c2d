"""The sandbox's wares and SKUs: searched, filtered and paged in the remote's form (docs/jd.md, "Wares" and "SKUs")."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from portal.contract.goods import MOST
from portal.contract.goods_words import BRANDS, THINGS
from portal.contract.world.catalogue import Catalogue, Listing
from portal.contract.world.jos import Call, Refusal

_BEIJING = timezone(timedelta(hours=8))
_PAGE_CAP = 50
_DEEPEST_PAGE = 100
_WARE_IDS = 20
_FIELDS = {"ware": 100, "sku": 20}
_ALWAYS = 1 << 62
_OUTER_WARE = "wareId,title,wareStatus,itemNum,outerId,categoryId,multiCategoryId,colType,onlineTime,offlineTime"
_OUTER_SKU = "wareId,skuId,status,saleAttrs,features,jdPrice,outerId,barCode,logo,wareTitle,created,modified"
_NOT_HERE = (
    "shopCategoryIdLevel1,shopCategoryIdLevel2,templateId,promiseId,transportId,claim,groupId,featureKey,featureValue,"
    "warePropKey,warePropValue"
)
_WARE_ORDERS = ("wareId", "offlineTime", "onlineTime", "stockNum", "jdPrice", "modified")
_SKU_ORDERS = ("skuId", "stockNum")

Row = dict[str, Any]
Test = Callable[[Row], bool]


def search_wares(call: Call) -> Any:
    """`jingdong.ware.read.searchWare4Valid`."""
    _refuse_unknown_filters(call)
    catalogue = call.catalogue
    start, size = _paging(call, "pageSize")
    by, falling = _order(call, ("orderField",), _WARE_ORDERS)
    ids = call.numbers("wareId")
    if len(ids) > _WARE_IDS:
        raise Refusal("61", "wareId")
    tests = _tests(call, _WARE_TESTS)
    between = _between(call, "ModifiedTime")
    rows: Iterable[int]
    if ids:
        parents = (catalogue.parent_of_id(each) for each in dict.fromkeys(ids))
        found = [_ware(catalogue, parent, call) for parent in parents if parent is not None]
        return _page(_chosen(found, tests, between, by, falling), start, size, call, _OUTER_WARE)
    if not tests and by in {"wareId", "modified"}:
        numbers = catalogue.parents(by=by, falling=falling, between=between)
        rows = numbers.page(start, size)
        return _answer([_ware(catalogue, each, call) for each in rows], len(numbers), call, size, _OUTER_WARE)

    def read() -> list[int]:
        every = (_ware(catalogue, parent, call) for parent in catalogue.parents().page(0, MOST))
        kept = _chosen(every, tests, between, by, falling)
        return [row["wareId"] for row in kept]

    listed = catalogue.chosen(_key("wares", call, between, by, falling), read)
    parents = (catalogue.parent_of_id(each) for each in listed[start : start + size])
    shown = [_ware(catalogue, parent, call) for parent in parents if parent is not None]
    return _answer(shown, len(listed), call, size, _OUTER_WARE)


def search_skus(call: Call) -> Any:
    """`jingdong.sku.read.searchSkuList`: by default on sale (1) and off sale (2), not deleted (4)."""
    catalogue = call.catalogue
    start, size = _paging(call, "page_size")
    by, falling = _order(call, ("orderField", "orderFiled"), _SKU_ORDERS)
    statuses = set(call.numbers("skuStatuValue")) or {1, 2}
    between = _between(call, "ModifiedTime")
    tests = _tests(call, _SKU_TESTS)
    narrowed = _narrowed(call, catalogue)
    if narrowed is not None:
        found = [_sku(each, call) for each in narrowed if _status(each) in statuses]
        return _page(_chosen(found, tests, between, by, falling), start, size, call, _OUTER_SKU)
    if not tests and {1, 2} <= statuses and 4 not in statuses and by == "skuId":
        numbers = catalogue.listings(by="id", falling=falling, between=between)
        shown = [each for slot in numbers.page(start, size) if (each := catalogue.listing(slot)) is not None]
        return _answer([_sku(each, call) for each in shown], len(numbers), call, size, _OUTER_SKU)

    def read() -> list[int]:
        live = (_sku(each, call) for each in catalogue if _status(each) in statuses)
        gone = [_sku(catalogue.last_seen(slot), call, 4) for slot in catalogue.withdrawn() if 4 in statuses]
        kept = _chosen([*live, *gone], tests, between, by, falling)
        return [row["slot"] for row in kept]

    listed = catalogue.chosen(_key("skus", call, between, by, falling, *sorted(statuses)), read)
    rows = [_sku_at(catalogue, slot, call) for slot in listed[start : start + size]]
    return _answer(rows, len(listed), call, size, _OUTER_SKU)


def find_ware(call: Call) -> Any:
    """`jingdong.ware.read.findWareById`."""
    parent = call.catalogue.parent_of_id(call.number("wareId"))
    if parent is None:
        raise Refusal("71", "wareId")
    return {"ware": _picked(_ware(call.catalogue, parent, call), _wanted(call, "ware"), _OUTER_WARE)}


def find_sku(call: Call) -> Any:
    """`jingdong.sku.read.findSkuById`."""
    listing = call.catalogue.by_id(call.number("skuId"))
    if listing is None:
        raise Refusal("71", "skuId")
    return {"sku": _picked(_sku(listing, call), _wanted(call, "sku"), _OUTER_SKU)}


# --- rows -------------------------------------------------------------------------------------------------------------


def _status(listing: Listing) -> int:
    return 1 if listing.on_sale else 2


def _ware(catalogue: Catalogue, parent: int, call: Call) -> Row:
    """A ware with every field that there is."""
    kin = catalogue.kin(parent)
    first = kin[0].item
    on_sale = any(each.on_sale for each in kin)
    number = f"{first.brand.code}-{first.thing.code}-{parent:05d}"
    created = catalogue.goods.modified_of(parent) - 86_400_000
    return {
        "wareId": catalogue.parent_id(parent),
        "title": first.parent_title,
        "wareStatus": 8 if on_sale else 2,
        "itemNum": number,
        "outerId": number,
        "categoryId": _category(first.thing),
        "multiCategoryId": _category(first.thing),
        "colType": 0,
        "onlineTime": created,
        "offlineTime": None if on_sale else created + 3_600_000,
        "brandId": 36_000 + BRANDS.index(first.brand),
        "brandName": first.brand.zh,
        "barCode": first.barcode,
        "jdPrice": _plain(min(each.price for each in kin)),
        "marketPrice": _plain(max(each.price for each in kin) * Decimal("1.2")),
        "stockNum": sum(each.stock for each in kin),
        "logo": first.image,
        "weight": _plain(Decimal(first.grams) / 1000),
        "shopId": call.seller.shop_id,
        "created": created,
        "modified": catalogue.parent_modified(parent),
    }


def _sku(listing: Listing, call: Call, status: int | None = None) -> Row:
    """A SKU with every field that there is.  One without a code has no `outerId` at all."""
    item = listing.item
    row = {
        "slot": item.slot,
        "wareId": listing.parent_id,
        "skuId": listing.remote_id,
        "status": status or _status(listing),
        "saleAttrs": _sale_attributes(listing),
        "features": [],
        "jdPrice": _plain(listing.price),
        "outerId": listing.sku,
        "barCode": item.barcode,
        "categoryId": _category(item.thing),
        "logo": item.image,
        "skuName": item.title,
        "stockNum": listing.stock,
        "wareTitle": item.parent_title,
        "itemNum": f"{item.brand.code}-{item.thing.code}-{item.parent:05d}",
        "colType": 0,
        "created": item.modified - 86_400_000,
        "modified": listing.modified,
    }
    if not listing.sku:
        del row["outerId"]
    return row


def _sku_at(catalogue: Catalogue, slot: int, call: Call) -> Row:
    live = catalogue.listing(slot)
    return _sku(live, call) if live is not None else _sku(catalogue.last_seen(slot), call, 4)


def _sale_attributes(listing: Listing) -> list[Row]:
    item = listing.item
    return [
        {"attrId": "1001", "attrValues": [item.colour.code], "attrValueAlias": [item.colour_name], "index": 1},
        {"attrId": "1002", "attrValues": [item.size], "attrValueAlias": [item.size], "index": 2},
    ]


def _category(thing: Any) -> int:
    return 1713 + THINGS.index(thing)


def _plain(price: Decimal) -> Decimal:
    """129.90 as 129.9 and 130.00 as 130, as JSON numbers of that remote look."""
    exact = price.quantize(Decimal("0.01")).normalize()
    return exact if exact.as_tuple().exponent != 0 and exact != exact.to_integral_value() else Decimal(int(exact))


# --- filters ----------------------------------------------------------------------------------------------------------


def _refuse_unknown_filters(call: Call) -> None:
    for name in _NOT_HERE.split(","):
        if call.has(name):
            raise Refusal("61", f"{name} is not in the sandbox")


def _test_in(name: str) -> Callable[[Call, str], Test]:
    def make(call: Call, asked: str) -> Test:
        wanted = set(call.numbers(asked))
        return lambda row: row[name] in wanted

    return make


def _test_same(name: str) -> Callable[[Call, str], Test]:
    def make(call: Call, asked: str) -> Test:
        wanted = set(call.words(asked))
        return lambda row: str(row.get(name, "")) in wanted

    return make


def _test_holds(name: str) -> Callable[[Call, str], Test]:
    def make(call: Call, asked: str) -> Test:
        wanted = str(call.arguments[asked])
        return lambda row: wanted in row[name]

    return make


def _test_bound(name: str, least: bool) -> Callable[[Call, str], Test]:
    def make(call: Call, asked: str) -> Test:
        text = str(call.arguments[asked])
        if not re.fullmatch(r"\d{1,12}(\.\d{1,4})?", text):
            raise Refusal("61", asked)
        bound = Decimal(text)
        return (lambda row: row[name] >= bound) if least else (lambda row: row[name] <= bound)

    return make


def _test_time(name: str, least: bool) -> Callable[[Call, str], Test]:
    def make(call: Call, asked: str) -> Test:
        bound = _milliseconds(call.arguments[asked], asked)
        return (lambda row: (row[name] or 0) >= bound) if least else (lambda row: 0 < (row[name] or 0) <= bound)

    return make


_Tests = Mapping[str, Callable[[Call, str], Test]]
_WARE_TESTS: _Tests = {
    "searchKey": _test_holds("title"),
    "categoryId": _test_in("categoryId"),
    "multiCategoryId": _test_in("multiCategoryId"),
    "wareStatusValue": _test_in("wareStatus"),
    "itemNum": _test_same("itemNum"),
    "barCode": _test_same("barCode"),
    "colType": _test_in("colType"),
    "brandId": _test_in("brandId"),
    "startJdPrice": _test_bound("jdPrice", True),
    "endJdPrice": _test_bound("jdPrice", False),
    "startStockNum": _test_bound("stockNum", True),
    "endStockNum": _test_bound("stockNum", False),
    "startCreatedTime": _test_time("created", True),
    "endCreatedTime": _test_time("created", False),
    "startOnlineTime": _test_time("onlineTime", True),
    "endOnlineTime": _test_time("onlineTime", False),
    "startOfflineTime": _test_time("offlineTime", True),
    "endOfflineTime": _test_time("offlineTime", False),
}
_SKU_TESTS: _Tests = {
    "outId": _test_same("outerId"),
    "minStockNum": _test_bound("stockNum", True),
    "maxStockNum": _test_bound("stockNum", False),
    "startCreatedTime": _test_time("created", True),
    "endCreatedTime": _test_time("created", False),
    "colType": _test_in("colType"),
    "itemNum": _test_same("itemNum"),
    "wareTitle": _test_holds("wareTitle"),
}


def _tests(call: Call, known: _Tests) -> list[Test]:
    return [make(call, name) for name, make in known.items() if call.has(name)]


def _milliseconds(value: Any, name: str) -> int:
    """A time in milliseconds, or as text in Beijing time."""
    text = str(value).strip()
    if re.fullmatch(r"\d{12,14}", text):
        return int(text)
    try:
        said = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_BEIJING)
    except ValueError:
        raise Refusal("61", name) from None
    return (said - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _between(call: Call, what: str) -> tuple[int, int] | None:
    """A window of times, both ends within; None where neither end was given."""
    ends = [f"start{what}", f"end{what}"]
    if not any(call.has(end) for end in ends):
        return None
    low, high = (_milliseconds(call.arguments[end], end) if call.has(end) else None for end in ends)
    return low or 0, _ALWAYS if high is None else high


def _narrowed(call: Call, catalogue: Catalogue) -> list[Listing] | None:
    """The listings of the named wares and SKUs, None where none are named."""
    if not call.has("wareId") and not call.has("skuId"):
        return None
    found: dict[int, Listing] = {}
    wares = call.numbers("wareId")
    for ware in wares:
        parent = catalogue.parent_of_id(ware)
        found |= {each.remote_id: each for each in catalogue.kin(parent)} if parent is not None else {}
    skus = call.numbers("skuId")
    if not skus:
        return list(found.values())
    named = [each for sku in dict.fromkeys(skus) if (each := catalogue.by_id(sku)) is not None]
    return [each for each in named if not wares or each.remote_id in found]


def _chosen(
    rows: Iterable[Row], tests: list[Test], between: tuple[int, int] | None, by: str, falling: bool
) -> list[Row]:
    low, high = between or (0, _ALWAYS)
    kept = [row for row in rows if low <= row["modified"] <= high and all(test(row) for test in tests)]
    return sorted(kept, key=lambda row: (row[by] or 0, row.get("skuId", row["wareId"])), reverse=falling)


def _key(what: str, call: Call, *more: object) -> tuple[object, ...]:
    asked = {name: str(value) for name, value in call.arguments.items() if name not in {"pageNo", "field"}}
    return (what, tuple(sorted(asked.items())), *more)


# --- pages ------------------------------------------------------------------------------------------------------------


def _order(call: Call, names: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, bool]:
    asked = next((str(call.arguments[name]) for name in names if call.has(name)), known[0])
    way = str(call.arguments.get("orderType") or "asc").lower()
    if asked not in known or way not in {"asc", "desc"}:
        raise Refusal("61", names[0])
    return asked, way == "desc"


def _paging(call: Call, size_name: str) -> tuple[int, int]:
    """Where the page begins and how long it may be.  Refuses a size above the cap."""
    page, size = call.number("pageNo", 1), call.number(size_name, 20)
    if page < 1 or not 1 <= size <= call.seller.told.get("page_cap", _PAGE_CAP):
        raise Refusal("61", size_name if page >= 1 else "pageNo")
    deepest = call.seller.told.get("deepest_page", _DEEPEST_PAGE)
    return (page - 1) * size if page <= deepest else _ALWAYS, size


def _wanted(call: Call, what: str) -> list[str]:
    fields = [each.strip() for each in call.words("field")]
    if len(fields) > _FIELDS[what]:
        raise Refusal("61", "field")
    return fields


def _picked(row: Row, wanted: list[str], always: str) -> Row:
    names = {*always.split(","), *wanted} - {"slot"}
    return {name: value for name, value in row.items() if name in names}


def _page(rows: list[Row], start: int, size: int, call: Call, always: str) -> Any:
    return _answer(rows[start : start + size], len(rows), call, size, always)


def _answer(rows: list[Row], total: int, call: Call, size: int, always: str) -> Any:
    wanted = _wanted(call, "ware")
    data = [_picked(row, wanted, always) for row in rows]
    return {"page": {"data": data, "pageNo": call.number("pageNo", 1), "pageSize": size, "totalItem": total}}
