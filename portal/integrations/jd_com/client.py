"""Where JD.com is, how it is spoken to, and which of its methods we use."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from portal.contract.errors import Cause, Garbled, Refused, Unauthorised
from portal.contract.records import Shop
from portal.contract.router import Body, Dialect, RouterClient, count, want

LIVE = "https://api.jd.com"
PRE_RELEASE = "https://api-dev.jd.com"
BEIJING = timezone(timedelta(hours=8))

# JD.com gateway, ware search: at most 50 rows a page by its newer contract, and a ware filter of at most 20 ids.  The
# SKU search says neither, so the same numbers hold there.
PAGE_SIZE = 50
WARE_IDS = 20
# JD.com gateway: pages beyond about a hundred came back empty for one client.
DEEPEST = 100

_WARE_FIELDS = "wareId,title,wareStatus,itemNum,outerId,modified"
_SKU_FIELDS = "wareId,skuId,status,skuName,wareTitle,outerId,barCode,jdPrice,stockNum,logo,saleAttrs,modified"


class JdComClient(RouterClient):
    """The gateway of JD.com and JD Worldwide.  The access token is typed; there is no consent page."""

    dialect = Dialect(zone=BEIJING)

    def address(self) -> str:
        """The typed endpoint, with or without the gateway's path; a sandbox is another host and wins."""
        host = self.account.hosts["gateway"]
        if host == LIVE:
            host = self.account.settings.get("api_endpoint", "").strip() or LIVE
        return host.rstrip("/").removesuffix(self.dialect.path) + self.dialect.path

    def access_token(self) -> str:
        """The token that the merchant typed."""
        token = self.account.settings.get("access_token", "")
        if not token:
            raise Unauthorised(Cause.TOKEN_MISSING, "no access token is kept")
        return token

    def shop(self) -> Shop:
        """JD.com gateway, seller information: the shop that the token belongs to."""
        answer = self.call("jingdong.seller.vender.info.get", {})
        found = want(answer, "vender_info_result", dict)
        shop_id = found.get("shop_id") or found.get("vender_id")
        if isinstance(shop_id, bool) or not isinstance(shop_id, int | str):
            raise Garbled(Cause.NOT_READABLE, f"shop_id is a {type(shop_id).__name__}, not an id")
        name = found.get("shop_name")
        return Shop(str(shop_id), name if isinstance(name, str) else "")

    def wares(self, page: int, *, window: Mapping[str, str], descending: bool = False) -> tuple[list[Any], int]:
        """JD.com gateway, ware search: one page by ascending ware id, and how many rows the search has.

        Deleted wares are not among the valid ones.
        """
        asked = {
            **window,
            "orderField": "wareId",
            "orderType": "desc" if descending else "asc",
            "pageNo": page,
            "pageSize": PAGE_SIZE,
            "field": _WARE_FIELDS,
        }
        return _rows(self.call("jingdong.ware.read.searchWare4Valid", asked))

    def skus(self, page: int, *, wares: Iterable[str] = (), size: int = PAGE_SIZE) -> tuple[list[Any], int]:
        """JD.com gateway, SKU search: one page of the SKUs of some wares, and how many rows the search has.

        Asks for SKUs on sale and off sale, not for deleted ones.  The order's name is spelled wrongly in the older
        contract and rightly in the newer one, and the page's size is the only name with an underscore.
        """
        asked: dict[str, Any] = {"wareId": ",".join(wares)} if wares else {}
        asked |= {
            "skuStatuValue": "1,2",
            "orderFiled": "skuId",
            "orderField": "skuId",
            "orderType": "asc",
            "pageNo": page,
            "page_size": size,
            "field": _SKU_FIELDS,
        }
        return _rows(self.call("jingdong.sku.read.searchSkuList", asked))

    def sku_total(self) -> int:
        """How many SKUs the shop has."""
        return self.skus(1, size=1)[1]

    def skus_of(self, wares: list[str]) -> list[Any]:
        """All SKUs of up to twenty wares.

        A row that vanishes while we turn the pages would move another one past us: the pages are asked again when
        their totals differ.  Rows may come twice.
        """
        found: list[Any] = []
        for _ in range(3):
            rows, total = self.skus(1, wares=wares)
            found += rows
            totals = {total}
            for page in range(2, min(DEEPEST, -(-total // PAGE_SIZE)) + 1):
                rows, total = self.skus(page, wares=wares)
                found += rows
                totals.add(total)
            if len(totals) == 1:
                break
        return found


def window(since: datetime | None, until: datetime | None) -> dict[str, str]:
    """A window of the time of change, both ends within, in Beijing time to the second."""
    ends = {"startModifiedTime": since, "endModifiedTime": until}
    return {name: f"{end.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}" for name, end in ends.items() if end}


def too_many(rows: int) -> Refused:
    """The refusal of a search that no window can make small enough."""
    return Refused(Cause.TOO_LARGE, f"{rows} wares changed within one second, too many to page through")


def _rows(answer: Body) -> tuple[list[Any], int]:
    page = want(answer, "page", dict)
    total = count(page, "totalItem")
    # An empty result may come without its list.
    return (want(page, "data", list) if page.get("data") is not None else []), total
