"""What goes out to JD.ID: absolute stock numbers, and prices in whole rupiah.

No reference makes a repeat of a stock call harmless here; the numbers are absolute, so a repeat changes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError
from portal.contract.gateway import Body
from portal.contract.records import Level
from portal.integrations.jd_id.client import FAMILY_V1, JdIdClient, business_no, model_of, went_well
from portal.integrations.jd_id.orders import number
from portal.kit.money import Money

# JD.ID states no most; this is what JD.com's gateway states for its own.
MOST = 30
_FAMILY = "EptRemoteResult"
_MINOR = 100
_LONGEST = 12
# What the stock query answers is not established; these names are known from other answers of the same family.
_NAMES = ("realNum", "stockNum", "stock", "num")


def send_stock(client: JdIdClient, levels: Sequence[Level], reference: str) -> Mapping[str, RemoteError]:
    """JD.ID gateway, update of the merchant's stock: each level in one call; those that were not taken, with why.

    The answer tells of each SKU.  Where a call fails as a whole and does not say by which SKU, each is sent alone.
    """
    result = _sent(client, levels)
    told = result.get("model")
    well = went_well(result)
    if not isinstance(told, Mapping):
        if well:
            return {}
        if len(levels) == 1:
            return {levels[0].remote_id: business_no(result)}
        return {name: why for each in levels for name, why in send_stock(client, [each], reference).items()}
    errors = {each.remote_id: _said_of(told.get(each.remote_id), well) for each in levels}
    return {name: why for name, why in errors.items() if why is not None}


def _sent(client: JdIdClient, levels: Sequence[Level]) -> Body:
    rows = [{"skuId": number(each.remote_id), "realNum": each.quantity} for each in levels]
    if client.first_generation:
        answer = client.call("epi.ware.openapi.warestock.updateWareStock", {"jsonStr": rows})
    else:
        answer = client.call("jingdong.epistock.updateEpiMerchantWareStock", {"wareStockUpdateListStr": rows})
    return client.opened(answer, _FAMILY)


def _said_of(row: Any, whole_call_went_well: bool) -> RemoteError | None:
    """What the answer says of one SKU, None for yes."""
    if row is None:
        return None if whole_call_went_well else Busy(Cause.BUSY, "JD.ID does not say whether it took this number")
    if not isinstance(row, Mapping):
        return Busy(Cause.BUSY, f"JD.ID's answer about this number is a {type(row).__name__}")
    return None if went_well(row) else business_no(row)


def read_stock(client: JdIdClient, remote_ids: Sequence[str]) -> Mapping[str, int]:
    """JD.ID gateway, query of the merchant's stock.  What it answers is not established, so several forms are read.

    An SKU that is not in the answer is left out.  Raises Garbled where it is there without a readable number.
    """
    if not remote_ids:
        return {}
    wanted = [number(each) for each in remote_ids]
    if client.first_generation:
        answer = client.call("epi.ware.openapi.warestock.queryWareStockList", json.dumps(wanted))
    else:
        # The one client that asked so wrote this text with single quotes.
        listed = json.dumps([{"skuId": each} for each in wanted]).replace('"', "'")
        answer = client.call("jingdong.epistock.queryEpiMerchantWareStock", {"wareStockQueryListStr": listed})
    rows = _rows(model_of(client.opened(answer, _FAMILY)))
    return {each: _quantity(rows[each]) for each in remote_ids if each in rows}


def _rows(model: Any) -> Mapping[str, Any]:
    """What was told of each SKU: a mapping by ids, or a list of objects with their ids."""
    if model is None:
        return {}
    if isinstance(model, Mapping):
        return {str(name): row for name, row in model.items()}
    if isinstance(model, list):
        return {str(row["skuId"]): row for row in model if isinstance(row, Mapping) and "skuId" in row}
    raise Garbled(Cause.NOT_READABLE, f"model is a {type(model).__name__}, neither a list nor an object")


def _quantity(row: Any) -> int:
    if isinstance(row, Mapping):
        row = next((row[name] for name in _NAMES if row.get(name) is not None), None)
    word = str(row) if isinstance(row, int | str) and not isinstance(row, bool) else ""
    if not word.isascii() or not word.isdigit() or len(word) > _LONGEST:
        raise Garbled(Cause.NOT_READABLE, "the stock of an SKU is not a number of pieces")
    return int(word)


def send_price(client: JdIdClient, remote_id: str, price: Money) -> None:
    """JD.ID gateway, price of one SKU, in whole rupiah.  Raises Refused for an amount that is none."""
    if price.currency != "IDR" or price.minor % _MINOR or price.minor <= 0:
        raise Refused(Cause.REFUSED, "JD.ID takes prices in whole rupiah")
    rupiah = price.minor // _MINOR
    if client.first_generation:
        asked: Mapping[str, Any] = {"skuInfo": {"skuId": number(remote_id), "jdPrice": rupiah}}
        answer = client.call("epi.ware.openapi.SkuApi.updateSkuInfo", asked)
    else:
        asked = {"skuId": number(remote_id), "salePrice": rupiah}
        answer = client.call("jingdong.seller.price.updatePriceBySkuIds", asked)
    model_of(client.opened(answer, FAMILY_V1))
