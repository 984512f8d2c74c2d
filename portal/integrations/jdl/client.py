"""Where JD Logistics is and how it is spoken to: the international fulfilment service behind JD's logistics gateway."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta, timezone
from typing import Any

from portal.contract.errors import Cause, Garbled, Refused, Unauthorised
from portal.contract.gateway import Body, GatewayClient, code_of, count, said_yes, want, words_of
from portal.contract.http import Account, Answer, Line, parsed, request_to
from portal.contract.signing import MD5_SALT, pairs_signed
from portal.integrations.jdl import codes, maps

GATEWAY, CHINA, TRIAL = "https://intl-api.jdl.com", "https://api.jdl.com", "https://uat-api.jdl.com"
SIGN_IN, CHINA_SIGN_IN, TRIAL_SIGN_IN = (
    "https://us-oauth.jdl.com",
    "https://oauth.jdl.com",
    "https://uat-oauth.jdl.com",
)
# The first of each kind is used unless the merchant chose another.
HOSTS: Mapping[str, str] = {
    "gateway": GATEWAY,
    "gateway_china": CHINA,
    "gateway_trial": TRIAL,
    "oauth": SIGN_IN,
    "oauth_china": CHINA_SIGN_IN,
    "oauth_trial": TRIAL_SIGN_IN,
}

DOMAIN = "JD_FOP_FULFILLMENT_CENTE"  # So spelled by JD, the last letter missing.
# Every time at JD Logistics is at GMT+8, wherever the warehouse stands.
ZONE = timezone(timedelta(hours=8))
# The setting behind each field of the block that every call carries; JD's `systemType` 10 is a merchant's system.
_BLOCK = {
    "customerCode": "customer_code",
    "customerDeptCode": "customer_dept_code",
    "operatorAccount": "operator_code",
    "systemCode": "source_system_code",
    "cargoOwnerCode": "cargo_owner_id",
}
_MERCHANT_SYSTEM = "10"
# The stock service says 200, the goods service 1000; other services of the gateway say 0.
_WELL = frozenset({"200", "1000", "0"})
_LISTS = ("records", "rows", "list", "items")
_TOTALS = ("total", "totalCount")
_PAGES = ("pages", "totalPage")

# The largest pages that are known to work (goods, stock) or are ours (outbound and inbound orders, warehouses).
GOODS_PAGE = 100
STOCK_PAGE = 50
ORDER_PAGE = 50
WAREHOUSE_PAGE = 50


class JdlClient(GatewayClient):
    """The gateway of JD Logistics.  Key and secret are the house's, the token is the merchant's."""

    def __init__(self, account: Account, line: Line) -> None:
        super().__init__(account, line)
        self._maps: maps.Maps | None = None

    @staticmethod
    def sign(parameters: Mapping[str, str], secret: str, algorithm: str = MD5_SALT) -> str:
        """The signature over these names and values: hex for MD5, Base64 for an HMAC.

        Raises Refused for an algorithm that the gateway does not name.
        """
        try:
            return pairs_signed(parameters, secret, algorithm)
        except ValueError as why:
            raise Refused(Cause.HOUSE_KEYS, str(why)) from None

    @staticmethod
    def check_algorithm(name: str) -> None:
        """Raises ValueError for an algorithm that the gateway does not name."""
        pairs_signed({}, "", name.strip() or MD5_SALT)

    def setting(self, key: str) -> str:
        """A setting as typed, without the space around it."""
        return self.account.settings.get(key, "").strip()

    def key_and_secret(self) -> tuple[str, str]:
        """The house's key and secret.  Raises Refused where the operator has set none."""
        key, secret = self.setting("app_key"), self.setting("app_secret")
        if not (key and secret):
            raise Refused(Cause.HOUSE_KEYS, "no app key and secret are set for JD Logistics")
        return key, secret

    def access_token(self) -> str:
        """The token that calls carry.  Raises Unauthorised where there is none."""
        if not (self.account.tokens and self.account.tokens.access):
            raise Unauthorised(Cause.TOKEN_MISSING, "no access token is kept")
        return self.account.tokens.access

    def secrets(self) -> list[str]:
        """The house's secrets and the merchant's tokens."""
        tokens = self.account.tokens
        kept = [tokens.access, tokens.refresh] if tokens else []
        return [*kept, self.setting("app_secret"), *self.setting("push_key").split(",")]

    def timestamp(self) -> str:
        """The time at GMT+8, corrected by what the gateway told of its clock."""
        return f"{self.gateway_now().astimezone(ZONE):%Y-%m-%d %H:%M:%S}"

    # --- one call -----------------------------------------------------------------------------------------------------

    @property
    def maps(self) -> maps.Maps:
        """The operator's corrections.  Raises Refused where they cannot be read."""
        if self._maps is None:
            try:
                self._maps = maps.read(self.account.settings.get("maps", ""))
            except ValueError as why:
                raise Refused(Cause.HOUSE_KEYS, str(why)) from None
        return self._maps

    def call(self, operation: str, arguments: Mapping[str, Any], *, without: Sequence[str] = ()) -> Any:
        """Perform one operation and give its `data`, in our names.

        The block of codes goes with it, except the fields that `without` names and those that are blank.
        """
        return self.answer(operation, arguments, without=without)["data"]

    def answer(self, operation: str, arguments: Mapping[str, Any], *, without: Sequence[str] = ()) -> Body:
        """Like `call`, with what JD said besides under `said`.  The same arguments make the same bytes every time."""
        block = {field: self.setting(key) for field, key in _BLOCK.items() if field not in without}
        whole = {**{field: value for field, value in block.items() if value}, "systemType": _MERCHANT_SYSTEM}
        body = [self.maps.outward({**whole, **arguments})]
        # Serialised once: what is signed and what is sent must be the same bytes.
        said = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return self.perform(operation, said)

    def send(self, method: str, said: str) -> Answer:
        """One POST: everything but the body stands in the query."""
        key, secret = self.key_and_secret()
        path, stamp = self.maps.paths[method], self.timestamp()
        algorithm = self.setting("algorithm") or MD5_SALT
        carried = {"access_token": self.access_token(), "app_key": key, "timestamp": stamp, "v": "2.0"}
        query = {
            "LOP-DN": self.setting("lop_dn") or DOMAIN,
            **carried,
            "sign": self.sign({**carried, "method": path, "param_json": said}, secret, algorithm),
            "algorithm": algorithm,
        }
        headers = {"Content-Type": "application/json;charset=utf-8", "lop-tz": "8"}
        address = self.account.hosts["gateway"].rstrip("/") + path
        return self.ask(request_to("POST", address, params=query, headers=headers, content=said.encode()))

    def unwrap(self, body: Body) -> Body:
        """A gateway's refusal first, then a service's; what went well comes back in our names."""
        if "error_response" in body:
            error = want(body, "error_response", dict)
            raise codes.of_gateway(code_of(error), words_of(error, "en_desc", "zh_desc"), self.maps.gateway_codes)
        reply: Body = self.maps.inward(body)
        said = words_of(reply, "message", "msg", "errorMsg")
        if not _went_well(reply):
            code = code_of({"code": reply.get("errorCode") or reply.get("code", "")})
            raise codes.with_shortages(codes.of_service(code, said, self.maps.codes), reply.get("data"))
        data = reply.get("data")
        return {"data": self.maps.inward(opened(data, "data")) if isinstance(data, str) else data, "said": said}

    # --- operations ---------------------------------------------------------------------------------------------------

    def warehouses(self, code: str = "", *, size: int = WAREHOUSE_PAGE) -> list[Any]:
        """JD Logistics, warehouse query: that of a code, or the first ones that are open to the customer."""
        asked = {"warehouseCode": code} if code else {}
        return listed(self.call("warehouse.query", {**asked, **paging(1, size)}))[0]

    def goods(self, number: int, size: int = GOODS_PAGE, skus: Sequence[str] = ()) -> tuple[list[Any], int, int]:
        """JD Logistics, goods query: one page of goods, how many there are, and how many pages."""
        asked: dict[str, Any] = {"scCode": self.setting("sales_channel_code")} if self._has_channel() else {}
        if skus:
            asked["customerGoodsIdList"] = list(skus)
        return listed(self.call("goods.query", {**asked, **paging(number, size)}))

    def stock(self, number: int, skus: Sequence[str] = ()) -> tuple[list[Any], int, int]:
        """JD Logistics, stock per warehouse: one page of SKUs, how many there are, and how many pages."""
        asked: dict[str, Any] = {"warehouseCode": self.setting("warehouse_code")}
        if skus:
            asked["customerGoodsIdList"] = list(skus)
        return listed(self.call("stock.query", {**asked, **paging(number, STOCK_PAGE)}))

    def documents(self, operation: str, number: int, asked: Mapping[str, Any]) -> tuple[list[Any], int, int]:
        """JD Logistics, outbound or inbound orders of the warehouse: one page, how many there are, how many pages."""
        where = {"warehouseCode": self.setting("warehouse_code")}
        return listed(self.call(operation, {**where, **asked, **paging(number, ORDER_PAGE)}))

    def orders_named(self, reference: str) -> Any:
        """JD Logistics, outbound orders with one number, in whichever warehouse: the `data` as it came."""
        return self.call("outstock.query", {"customerOrderNo": reference, **paging(1, ORDER_PAGE)})

    def _has_channel(self) -> bool:
        return bool(self.setting("sales_channel_code"))


def paging(number: int, size: int) -> dict[str, int]:
    """The page, under each of the three names that JD's services have for it."""
    return {"pageNo": number, "page": number, "pageNum": number, "pageSize": size}


def opened(found: Any, name: str) -> Any:
    """A part of a reply that may be JSON inside text.  Raises Garbled for text that is none."""
    if not isinstance(found, str):
        return found
    try:
        return parsed(found) if found.strip() else None
    except ValueError:
        raise Garbled(Cause.NOT_READABLE, f"{name} is text, and not JSON") from None


def listed(data: Any) -> tuple[list[Any], int, int]:
    """The rows of a page, how many rows there are, and how many pages.  Nothing at all is an empty page."""
    if data is None:
        return [], 0, 0
    if isinstance(data, list):
        return data, len(data), 1
    if not isinstance(data, dict):
        raise Garbled(Cause.NOT_READABLE, f"data is a {type(data).__name__}, not an object")
    name = next((each for each in _LISTS if each in data), "")
    if not name:
        raise Garbled(Cause.NOT_READABLE, "data holds no list")
    rows = opened(data[name], name)
    if rows is not None and not isinstance(rows, list):
        raise Garbled(Cause.NOT_READABLE, f"{name} is a {type(rows).__name__}, not a list")
    return rows or [], _number(data, _TOTALS), _number(data, _PAGES)


def _number(data: Body, names: Sequence[str]) -> int:
    """The first of these counts that is told, 0 where none is."""
    return next((count(data, name) for name in names if data.get(name) is not None), 0)


def _went_well(reply: Body) -> bool:
    """An explicit yes or no counts before the code, so that data is never taken from an answer that says it failed."""
    for name, well in (("success", True), ("failed", False)):
        if reply.get(name) is not None:
            return said_yes(reply[name]) is well
    return code_of(reply) in _WELL
