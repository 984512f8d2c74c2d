"""JD.ID's first generation: parameters by position, lists bare (docs/jd.md, "JD.ID: first generation")."""

from typing import Any

from portal.contract.goods_words import BRANDS
from portal.contract.world.jos import Call, Operation, Refusal, whole, written_json
from portal.integrations.jd_id import sandbox_goods, sandbox_orders, sandbox_stock


def _positions(call: Call) -> list[Any]:
    if not isinstance(call.arguments, list) or not call.arguments:
        raise Refusal("61", "param_json")
    return call.arguments


def _named(call: Call, name: str) -> Any:
    if not isinstance(call.arguments, dict) or name not in call.arguments:
        raise Refusal("60", name)
    return call.arguments[name]


def _spus(call: Call) -> Any:
    """`1,10`: the page, from 1, and its size."""
    page, size, *_ = [*_positions(call), 10]
    return sandbox_goods.page(call, whole(page, "page"), whole(size, "size"))


def _skus_of_spu(call: Call) -> Any:
    """`[123]`: the product."""
    return sandbox_goods.of_spu(call, whole(_positions(call)[0], "spuId"))


def _skus(call: Call) -> Any:
    """`{"skuIds": "1,2"}`."""
    _named(call, "skuIds")
    return sandbox_goods.by_ids(call, call.numbers("skuIds"))


def _update_sku(call: Call) -> Any:
    """`{"skuInfo": {"skuId": …, "jdPrice": …}}`."""
    found = _named(call, "skuInfo")
    if not isinstance(found, dict):
        raise Refusal("61", "skuInfo")
    return sandbox_stock.set_price(call, whole(found.get("skuId"), "skuId"), found.get("jdPrice"))


def _update_stock(call: Call) -> Any:
    """`{"jsonStr": [{"skuId": …, "realNum": …}]}`."""
    return sandbox_stock.update_many(call, sandbox_stock.entries(_named(call, "jsonStr"), "jsonStr"))


def _stock(call: Call) -> Any:
    """A list of SKU ids; the exact form is not known for certain."""
    return sandbox_stock.told(call, [whole(each, "skuId") for each in _positions(call)])


def _brands(call: Call) -> Any:
    listed = [{"brandId": 36_000 + number, "brandName": brand.latin} for number, brand in enumerate(BRANDS)]
    return sandbox_goods.good(listed)


def _order_ids(call: Call) -> Any:
    """`{"orderStatus": 1, "startRow": 0, "updateTimeBegin": ms, "updateTimeEnd": ms}`."""
    _named(call, "orderStatus")
    return sandbox_orders.ids(call)


def _orders(call: Call) -> Any:
    """`[id,id]`; the model is JSON in a text once more."""
    rows = sandbox_orders.several(call, [str(each) for each in _positions(call)])
    return sandbox_goods.good(written_json(rows))


def _order(call: Call) -> Any:
    """The id alone."""
    return sandbox_orders.one(call, str(_positions(call)[0]))


def _print(call: Call) -> Any:
    """`orderId,printType,packages,"PDF"`."""
    number, kind, packages, form, *_ = [*_positions(call), None, None, None]
    if (kind, packages, form) != (1, 1, "PDF"):
        raise Refusal("61", 'orderId,1,1,"PDF"')
    return sandbox_orders.first_printed(call, whole(number, "orderId"))


def _send_goods(call: Call) -> Any:
    """`{"orderId": …, "expressNo": "…"}`."""
    waybill = str(_named(call, "expressNo") or "")
    if not waybill:
        raise Refusal("60", "expressNo")
    return sandbox_orders.send_goods(call, whole(_named(call, "orderId"), "orderId"), waybill)


OPERATIONS = {
    "com.jd.eptid.warecenter.api.ware.WarePlusClient.getWareTinyInfoListByVenderId": Operation(_spus),
    "com.jd.eptid.warecenter.api.ware.WarePlusClient.getSkuInfoBySpuId": Operation(_skus_of_spu),
    "epi.ware.openapi.SkuApi.getSkuBySkuIds": Operation(_skus),
    "epi.ware.openapi.SkuApi.updateSkuInfo": Operation(_update_sku, writes=True),
    "epi.ware.openapi.warestock.updateWareStock": Operation(_update_stock, writes=True),
    "epi.ware.openapi.warestock.queryWareStockList": Operation(_stock),
    "epi.popOrder.getOrderIdListByCondition": Operation(_order_ids),
    "epi.popOrder.getOrderInfoListForBatch": Operation(_orders),
    "epi.popOrder.getOrderInfoByOrderId": Operation(_order),
    "epi.pop.order.print.uat1": Operation(_print, writes=True),
    "epi.popOrder.sendGoods.uat": Operation(_send_goods, writes=True),
    "epi.popShop.getShopBrandList": Operation(_brands),
    "epi.shop.center.sdk.service.outer.ShopSdk.getBrandByShopId": Operation(_brands),
}
