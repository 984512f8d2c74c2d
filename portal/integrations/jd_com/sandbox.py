"""A JD.com in a box: the gateway and the consent page as our notes of the protocol describe them (docs/jd.md).

It shares the signing rule with the client and nothing else.
"""

from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any, ClassVar

from portal.contract.world.catalogue import Shelf
from portal.contract.world.deeds import Deed
from portal.contract.world.jos import Call, Door, Gateway, Operation, gateway_error
from portal.contract.world.oauth import Consent
from portal.contract.world.records import Seller
from portal.contract.world.sales import listed
from portal.contract.world.sales_deeds import book_of
from portal.integrations.jd_com import sandbox_goods, sandbox_orders, sandbox_stock

BEIJING = timezone(timedelta(hours=8))
_YEAR = 365 * 86_400
# Live apps for own use got tokens of a year; a day is what test apps got.
_LIKE_THE_DEMOS: dict[str, Any] = {"token_seconds": _YEAR, "told": {"plain_buyers": 1}}
# Whether a seller sees buyers' data in plain is a permission; the demo's merchants have it, other accounts do not.
READY = (
    Seller.named("jd_com", "northwick", 1, shop_name="Northwick 海外旗舰店", seed="northwick", **_LIKE_THE_DEMOS),
    Seller.named("jd_com", "samudra", 2, shop_name="Samudra 海外专营店", seed="samudra", **_LIKE_THE_DEMOS),
)
_PROVINCES = ((1, "北京"), (2, "上海"), (5, "河北"), (12, "江苏"), (15, "浙江"), (19, "广东"))

CONSENT = Consent(
    language="zh",
    brand="京东商家授权（沙盒）",
    accent="#c81623",
    words={
        "title": "授权登录",
        "intro": "以下应用申请访问您的店铺：",
        "app": "应用",
        "shop": "店铺",
        "scope": "应用将可以读取店铺、商品和库存，并修改库存和价格。",
        "email": "商家账号",
        "password": "密码",
        "allow": "同意授权",
        "refuse": "拒绝",
        "wrong": "账号或密码不正确。",
        "unknown_app": "应用不存在，请检查 app_key。",
        "wrong_address": "回调地址与应用登记的不一致：",
        "note": "这是 Lintas 的沙盒，不是京东。This is a sandbox, not JD.",
    },
)


def _wrapped(operation: str, found: Any) -> Any:
    """Notes, "Envelopes": dots become underscores, and the ending is spelled `_responce`."""
    return {f"{operation.replace('.', '_')}_responce": {"code": "0", **found}}


def _vender(call: Call) -> Any:
    seller = call.seller
    return {
        "vender_info_result": {
            "vender_id": seller.vender_id,
            "shop_id": seller.shop_id,
            "shop_name": seller.shop_name,
            "col_type": 0,
            "category_main": 1713,
        }
    }


def _shop(call: Call) -> Any:
    seller = call.seller
    return {
        "shop_jos_result": {
            "shop_id": seller.shop_id,
            "vender_id": seller.vender_id,
            "shop_name": seller.shop_name,
            "open_time": 1_577_836_800_000,
            "logo_url": f"jfs/t1/sandbox/shop/{seller.shop_id}.png",
            "brief": "沙盒店铺",
            "category_main": 1713,
            "category_main_name": "家居日用",
        }
    }


def _provinces(call: Call) -> Any:
    return {"province_areas": [{"id": number, "name": name} for number, name in _PROVINCES]}


OPERATIONS = {
    "jingdong.seller.vender.info.get": Operation(_vender),
    "jingdong.vender.shop.query": Operation(_shop),
    "jingdong.areas.province.get": Operation(_provinces, open=True),
    "jingdong.fce.alpha.getVenderCarrier": Operation(sandbox_orders.carriers),
    "jingdong.ware.read.searchWare4Valid": Operation(sandbox_goods.search_wares),
    "jingdong.ware.read.findWareById": Operation(sandbox_goods.find_ware),
    "jingdong.sku.read.searchSkuList": Operation(sandbox_goods.search_skus),
    "jingdong.sku.read.findSkuById": Operation(sandbox_goods.find_sku),
    "jingdong.stock.read.findSkuStock": Operation(sandbox_stock.find),
    "jingdong.ware.stock.sku.query": Operation(sandbox_stock.query),
    "jingdong.ware.stock.sku.set": Operation(sandbox_stock.set_many, writes=True),
    "jingdong.stock.write.updateSkuStock": Operation(sandbox_stock.update, writes=True),
    "jingdong.price.write.updateSkuJdPrice": Operation(sandbox_stock.update_price, writes=True),
    "jingdong.pop.order.search": Operation(sandbox_orders.search),
    "jingdong.pop.order.enSearch": Operation(sandbox_orders.en_search),
    "jingdong.pop.order.get": Operation(sandbox_orders.get),
    "jingdong.pop.order.enGet": Operation(sandbox_orders.en_get),
    "jingdong.pop.order.notPayOrderInfo": Operation(sandbox_orders.not_paid),
    "jingdong.pop.order.notPayOrderById": Operation(sandbox_orders.not_paid_one),
    "jingdong.pop.order.shipment": Operation(sandbox_orders.ship, writes=True),
    "jingdong.pop.order.modifyVenderRemark": Operation(sandbox_orders.remark, writes=True),
}


class Sandbox(Gateway):
    """JD.com's gateway (`/routerjson`) and sign-in server (`/oauth2/…`)."""

    key = "jd_com"
    ready = READY
    shelf = Shelf(
        language="zh",
        currency="CNY",
        audited=False,
        first_id=100_012_000_000,
        first_parent_id=10_020_000_000_000_001,  # Beyond 2^53, as ids of the remote may be.
        first_order_id=33_026_000_000_000_001,
    )
    consent = CONSENT
    writes_by_get = False
    doors: ClassVar[Mapping[str, Door]] = {
        "/routerjson": Door(
            parameter="360buy_param_json",
            versions=frozenset({"2.0"}),
            zone=BEIJING,
            wrap=_wrapped,
            refuse=gateway_error,
        )
    }

    @property
    def deeds(self) -> tuple[Deed, ...]:
        """Those of every orders book, and one for words that the book does not know."""
        who = {"integration": self.key, "account": self.world.sellers()[0].name}
        word = Deed(
            name="order_word",
            title="Give an order another word",
            what="lets an order have any state word of JD.com's, or one that nobody knows; empty for its own again",
            fields={"order": "Order number", "word": "orderState (empty: its own)"},
            example={**who, "order": 1, "word": "PAUSE"},
            run=self._tell_word,
        )
        return (*super().deeds, word)

    def _tell_word(self, seller: Seller, said: Mapping[str, Any]) -> Any:
        book = book_of(self.world, seller, "control.order_word")
        return listed(sandbox_orders.tell_word(book, int(said["order"]), str(said.get("word") or "")))

    def types(self, seller: Seller, access: str, address: str) -> dict[str, str]:
        """JD.com's five values; the number of the app is ours."""
        return {
            "api_key": seller.app_key,
            "api_secret": seller.app_secret,
            "app_id": str(seller.vender_id),
            "access_token": access,
            "api_endpoint": address,
        }

    def operations(self, generation: str) -> dict[str, Operation]:
        """JD.com has one generation."""
        return OPERATIONS
