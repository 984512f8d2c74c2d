"""A JD.ID in a box, both generations of its gateway, as our notes of the protocol describe them (docs/jd.md).

JD.ID ended on 31 March 2023, so nothing else answers.  Shares the signing rule with the client and nothing else.
"""

from collections.abc import Mapping
from datetime import timedelta, timezone
from functools import partial
from typing import Any, ClassVar

from portal.contract.world.catalogue import Shelf
from portal.contract.world.jos import Call, Door, Gateway, Operation, Refusal, gateway_error, written_json
from portal.contract.world.jos_codes import described
from portal.contract.world.oauth import Consent
from portal.contract.world.records import Level, Seller
from portal.integrations.jd_id import sandbox_first, sandbox_goods, sandbox_orders, sandbox_stock

JAKARTA = timezone(timedelta(hours=7))
NOT_QUALIFIED = "64"
READY = (
    Seller.named("jd_id", "samudra", 11, shop_name="Toko Samudra", seed="samudra", told={"plain_buyers": 1}),
    Seller.named("jd_id", "kenanga", 12, shop_name="Kedai Kenanga", seed="kenanga", level=Level.BASIC),
)
_FAMILIES = (
    ("jingdong.epistock.", "EptRemoteResult"),
    ("jingdong.seller.order.", "result"),
    ("jingdong.seller.getAccountByPin", "result"),
)


def _gate(seller: Seller) -> tuple[str, str] | None:
    if seller.level is Level.QUALIFIED:
        return None
    return NOT_QUALIFIED, "Akun Basic Seller belum dapat memakai Open API; tingkatkan menjadi Qualified Seller."


CONSENT = Consent(
    language="id",
    brand="JD.ID Seller Center (sandbox)",
    accent="#b01520",
    gate=_gate,
    words={
        "title": "Masuk dan beri izin",
        "intro": "Aplikasi berikut meminta akses ke toko Anda:",
        "app": "Aplikasi",
        "shop": "Toko",
        "scope": "Aplikasi dapat membaca toko, produk, stok, dan pesanan, serta mengubah stok, harga, dan pengiriman.",
        "email": "Email penjual",
        "password": "Kata sandi",
        "allow": "Izinkan",
        "refuse": "Tolak",
        "wrong": "Email atau kata sandi salah.",
        "unknown_app": "Aplikasi tidak ditemukan. Periksa app_key.",
        "wrong_address": "Alamat callback tidak sama dengan yang terdaftar pada aplikasi:",
        "note": "Ini sandbox Lintas, bukan JD.ID. This is a sandbox, not JD.ID.",
    },
)


def _second_wrapped(operation: str, found: Any) -> Any:
    """Notes, "Envelopes": the method's letters are kept, and the payload's name depends on the family."""
    family = next((name for prefix, name in _FAMILIES if operation.startswith(prefix)), "returnType")
    return {f"{operation.replace('.', '_')}_response": {"code": "0", family: found}}


def _first_wrapped(operation: str, found: Any) -> Any:
    """Notes, "Envelopes": the data is JSON inside a string."""
    return {"openapi_code": 0, "openapi_msg": "success", "openapi_data": written_json(found)}


def _first_refused(code: str, note: str) -> Any:
    """Which numbers the first generation used is not known; these are the second's."""
    words = described(code)[1] + (f": {note}" if note else "")
    return {"openapi_code": int(code), "openapi_msg": words, "openapi_data": None}


def _account(call: Call) -> Any:
    """The answer's form is ours."""
    seller = call.seller
    return sandbox_goods.good({"venderId": seller.vender_id, "shopId": seller.shop_id, "shopName": seller.shop_name})


_SECOND = {
    "jingdong.seller.getAccountByPin": Operation(_account),
    "jingdong.seller.product.getWareInfoListByVendorId": Operation(sandbox_goods.spus),
    "jingdong.seller.product.getSkuInfoBySpuIdAndVenderId": Operation(sandbox_goods.skus_of_spu),
    "jingdong.seller.product.getWareBySpuIds": Operation(sandbox_goods.spu_details),
    "jingdong.seller.product.sku.read.getSkuBySkuIds": Operation(sandbox_goods.skus),
    "jingdong.seller.price.updatePriceBySkuIds": Operation(sandbox_stock.update_price, writes=True),
    "jingdong.seller.product.sku.write.updateSkuList": Operation(sandbox_stock.update_skus, writes=True),
    "jingdong.epistock.updateEpiMerchantWareStock": Operation(sandbox_stock.update, writes=True),
    "jingdong.epistock.queryEpiMerchantWareStock": Operation(sandbox_stock.query),
    "jingdong.seller.order.getOrderIdListByCondition": Operation(partial(sandbox_orders.ids, zone=JAKARTA)),
    "jingdong.seller.order.getOrderInfoByOrderId": Operation(sandbox_orders.info),
    "jingdong.seller.order.batchGetOrderInfoList": Operation(sandbox_orders.batch),
    "jingdong.seller.order.printOrder": Operation(sandbox_orders.printed, writes=True),
    "jingdong.seller.order.sendGoodsOpenApi": Operation(sandbox_orders.sent, writes=True),
    "jingdong.seller.order.getGoSendOrderStatus": Operation(sandbox_orders.courier),
}


class Sandbox(Gateway):
    """JD.ID's gateways (`/routerjson`, `/api`) and sign-in server (`/oauth2/…`)."""

    key = "jd_id"
    ready = READY
    rotates = True
    shelf = Shelf(
        language="id",
        currency="IDR",
        audited=True,
        first_id=600_000_000,
        first_parent_id=500_000_000,
        first_order_id=1_027_000_001,
    )
    consent = CONSENT
    doors: ClassVar[Mapping[str, Door]] = {
        "/routerjson": Door(
            parameter="360buy_param_json",
            versions=frozenset({"1.0", "2.0"}),  # One client sent 1.0 here.
            zone=JAKARTA,
            wrap=_second_wrapped,
            refuse=gateway_error,
        ),
        "/api": Door(
            parameter="param_json",
            versions=frozenset({"1.0"}),
            zone=JAKARTA,
            wrap=_first_wrapped,
            refuse=_first_refused,
            objects_only=False,
            generation="first",
        ),
    }

    def types(self, seller: Seller, access: str, address: str) -> dict[str, str]:
        """JD.ID's three values of the second generation; the token comes from the consent page."""
        return {"shop_id": str(seller.shop_id), "api_key": seller.app_key, "api_secret": seller.app_secret}

    def operations(self, generation: str) -> Mapping[str, Operation]:
        """The methods of each generation."""
        return sandbox_first.OPERATIONS if generation == "first" else _SECOND

    def welcome(self, call: Call) -> Any:
        """A Basic Seller has no business at the gateway; that this is code 64 is ours."""
        if call.seller.level is Level.BASIC:
            raise Refusal(NOT_QUALIFIED, "Basic Seller")
        return None
