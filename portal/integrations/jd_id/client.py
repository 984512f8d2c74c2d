"""Where JD.ID was, how both generations of its gateway were spoken to, and which of their methods we use.

JD.ID ended on 31 March 2023.  Only our sandbox answers, under the same paths.
"""

import json
from collections.abc import Mapping
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

from portal.contract.errors import Cause, Garbled, Refused, Unauthorised
from portal.contract.http import Account, Line
from portal.contract.records import Shop
from portal.contract.router import Body, Dialect, RouterClient, count, open_envelope, refusal, said_yes, want

JAKARTA = timezone(timedelta(hours=7))
HOSTS: Mapping[str, str] = {
    "gateway": "https://open-api.jd.id",
    "gateway_v1": "https://open.jd.id",
    "oauth": "https://oauth.jd.id",
}

# JD.ID gateway, second generation: clients asked for 50 to 100 SPUs a page.  The lists of ids have no stated limit;
# these are the ones that JD.com's gateway states for its own.
PAGE_SIZE = 50
SPU_IDS = 20
SKU_IDS = 50
# JD.ID gateway, first generation: clients asked for ten a page, and for the SKUs of one SPU at a time.
PAGE_SIZE_V1 = 10
# JD.ID gateway, lists of order ids: 50 and 100 a page were used in the second generation; the first gives 20 rows from
# an offset on.  Clients of the first asked for ten orders at a time; the second states no limit, so ten holds there.
ID_PAGE = 100
ID_PAGE_V1 = 20
ORDER_IDS = 10


# The second generation calls its result by the method's family; the first has no such name, so it is given this one.
FAMILY_V1 = "returnType"


def open_envelope_v1(body: Body) -> Body:
    """JD.ID gateway, first generation: `openapi_code` 0 is success, and the data is JSON inside a string.

    No other code is established.  The numbers of the second generation are assumed, and one that is not among them is
    asked again later.
    """
    code = body.get("openapi_code")
    if isinstance(code, bool) or not isinstance(code, int | str):
        raise Garbled(Cause.NOT_READABLE, f"openapi_code is a {type(code).__name__}")
    if str(code).strip() != "0":
        message = body.get("openapi_msg")
        raise refusal(str(code).strip(), message if isinstance(message, str) else "")
    try:
        inner = json.loads(want(body, "openapi_data", str), parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        raise Garbled(Cause.NOT_READABLE, "openapi_data is not JSON") from None
    return {FAMILY_V1: inner}


V2 = Dialect(zone=JAKARTA, unwrap=open_envelope)
V1 = Dialect(
    zone=JAKARTA,
    host="gateway_v1",
    path="/api",
    version="1.0",
    carries="param_json",
    always={"format": "json", "sign_method": "md5"},
    unwrap=open_envelope_v1,
)


class JdIdClient(RouterClient):
    """The gateway of JD.ID, second generation unless the merchant chose the first."""

    def __init__(self, account: Account, line: Line) -> None:
        super().__init__(account, line)
        self.first_generation = account.settings.get("generation") == "v1"
        self.dialect = V1 if self.first_generation else V2
        self.page_size = PAGE_SIZE_V1 if self.first_generation else PAGE_SIZE

    def access_token(self) -> str:
        """The token of the consent; in the first generation tokens were handed out by hand and are typed."""
        if not self.first_generation:
            return super().access_token()
        token = self.account.settings.get("access_token", "")
        if not token:
            raise Unauthorised(Cause.TOKEN_MISSING, "no access token is kept")
        return token

    def shop(self) -> Shop:
        """The shop behind key, secret and token, as far as the first page of products tells.

        What JD.ID answered about the account itself is not established, so the typed Shop ID is compared with the shop
        ids of the products; a shop without products proves key, secret and token only.
        """
        typed = self.account.settings.get("shop_id", "").strip()
        rows, _ = self.spus(1)
        spus = [row for row in rows if isinstance(row, Mapping)]
        told = {str(row["shopId"]) for row in spus if row.get("shopId")}
        if told and typed not in told:
            raise Refused(Cause.WRONG_SHOP, f"the products are of shop {', '.join(sorted(told))[:100]}")
        return Shop(typed, self._shop_name(spus))

    def _shop_name(self, spus: list[Mapping[str, Any]]) -> str:
        first = next((str(row["spuId"]) for row in spus if row.get("spuId")), "")
        if self.first_generation or not first:
            return ""
        details = [each for each in self.details([first]) if isinstance(each, Mapping)]
        return next((name for each in details if isinstance(name := each.get("shopName"), str)), "")

    def spus(self, page: int) -> tuple[list[Any], int]:
        """JD.ID gateway, product list of the seller: one page of SPUs, and how many there are.  It names no order."""
        if self.first_generation:
            method = "com.jd.eptid.warecenter.api.ware.WarePlusClient.getWareTinyInfoListByVenderId"
            answer = self.call(method, f"{page},{self.page_size}")
        else:
            method = "jingdong.seller.product.getWareInfoListByVendorId"
            answer = self.call(method, {"page": page, "size": self.page_size})
        model = _model(answer)
        if model is None:
            return [], 0
        if not isinstance(model, dict):
            raise Garbled(Cause.NOT_READABLE, f"model is a {type(model).__name__}, not an object")
        rows = model.get("spuInfoVoList")
        return ([] if rows is None else want(model, "spuInfoVoList", list)), count(model, "totalNum")

    def details(self, spus: list[str]) -> list[Any]:
        """JD.ID gateway, second generation, products by id: with the audit state and the ids of their SKUs.

        That `spuId` takes several ids in one comma text is our reading of how the gateway flattens lists.
        """
        asked = {"spuId": ",".join(spus), "skuIds": "1"}
        return _list(self.call("jingdong.seller.product.getWareBySpuIds", asked))

    def skus(self, skus: list[str]) -> list[Any]:
        """JD.ID gateway, second generation, SKUs by id, several in one comma text as in the first generation."""
        return _list(self.call("jingdong.seller.product.sku.read.getSkuBySkuIds", {"skuId": ",".join(skus)}))

    def skus_of(self, spu: str) -> list[Any]:
        """JD.ID gateway, the SKUs of one SPU: the form that most clients used, at one call for each SPU."""
        if self.first_generation:
            return _list(self.call("com.jd.eptid.warecenter.api.ware.WarePlusClient.getSkuInfoBySpuId", f"[{spu}]"))
        return _list(self.call("jingdong.seller.product.getSkuInfoBySpuIdAndVenderId", {"spuId": spu}))

    def opened(self, answer: Body, family: str) -> Body:
        """The result object of an answer, whether it went well or not; its name depends on the family of the method."""
        return want(answer, FAMILY_V1 if self.first_generation else family, dict)


def went_well(result: Body) -> bool:
    """Whether a business result says yes; the flag has two names."""
    return said_yes(next((result[name] for name in ("success", "isSuccess") if name in result), None))


def business_no(result: Body) -> Refused:
    """What a business result that says no is for us.

    A method's own numbers are not those of the gateway and are not established; its words are kept.
    """
    message, code = result.get("message"), result.get("code")
    words = message if isinstance(message, str) else ""
    return Refused(Cause.REFUSED, words, code=str(code), said=words)


def model_of(result: Body) -> Any:
    """The model of a result that went well, None where an empty one came without.  Raises Refused for a no."""
    if not went_well(result):
        raise business_no(result)
    return result.get("model")


def _model(answer: Body) -> Any:
    """The business result of a product method."""
    return model_of(want(answer, FAMILY_V1, dict))


def _list(answer: Body) -> list[Any]:
    model = _model(answer)
    if model is None:
        return []
    if not isinstance(model, list):
        raise Garbled(Cause.NOT_READABLE, f"model is a {type(model).__name__}, not a list")
    return model
