"""What goes out to JD.com: numbers of pieces, prices, and that an order has left."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from portal.contract.errors import Busy, Cause, Garbled, Refused, RemoteError
from portal.contract.gateway import Body, said_yes, want, words_of
from portal.contract.records import Carrier, Confirmed, Dispatch, Level
from portal.integrations.jd_com import orders
from portal.integrations.jd_com.client import JdComClient
from portal.integrations.jd_com.mapping import CURRENCY
from portal.integrations.jd_com.statuses import DONE, LEFT
from portal.kit.money import Money

# JD.com gateway, stock of SKUs: at most 30 in one call.
MOST_LEVELS = 30
# A reading asks for one SKU at a time, several side by side.
MOST_READ = 20

_REPEATED = "17"
_NOT_OURS = "71"
# JD.com gateway, shipment: an inner failure that says nothing about the order.
_UNKNOWN_FAILURES = frozenset({"999999", "99999999"})


# --- stock ------------------------------------------------------------------------------------------------------------


def send_levels(client: JdComClient, levels: Sequence[Level], reference: str) -> Mapping[str, RemoteError]:
    """JD.com gateway, stock of SKUs: sets absolute numbers; gives the SKUs that were refused.

    The reference makes a repeated call harmless, so a code for a repeated transaction means that it was done.
    """
    failed: dict[str, RemoteError] = {
        each.remote_id: _no_id(each.remote_id) for each in levels if not orders.is_number(each.remote_id)
    }
    sent = [each for each in levels if each.remote_id not in failed]
    if not sent:
        return failed
    stocks = [{"skuId": int(each.remote_id), "stockNum": each.quantity} for each in sent]
    asked = {"updateModel": "fullStockIn", "stockRfId": reference, "skuStocks": stocks}
    try:
        answer = client.call("jingdong.ware.stock.sku.set", {"req": asked})
    except Refused as why:
        if why.code != _REPEATED:
            raise
        return failed
    return failed | _failures(answer, {each.remote_id for each in sent})


def _failures(answer: Body, sent: set[str]) -> dict[str, RemoteError]:
    """The answer names those that failed; it may name the others too."""
    told = want(answer, "returnType", dict)
    well = said_yes(told.get("success"))
    # Without a refused SKU the list, or what it stands in, may be missing.
    inside = want(told, "obj", dict) if told.get("obj") is not None else {}
    rows = want(inside, "updateStockResult", list) if inside.get("updateStockResult") is not None else []
    if not well and not rows:
        raise Refused(Cause.REFUSED, "ware.stock.sku.set", said=words_of(told, "errorMessage"))
    failed: dict[str, RemoteError] = {}
    for row in rows:
        if not isinstance(row, Mapping):
            raise Garbled(Cause.NOT_READABLE, f"a refused SKU is a {type(row).__name__}")
        if said_yes(row.get("success")):
            continue
        sku = str(row.get("data"))
        if sku not in sent:
            raise Garbled(Cause.NOT_READABLE, "a SKU was refused that was not sent")
        failed[sku] = Refused(Cause.REFUSED, "ware.stock.sku.set", said=words_of(row, "message"))
    return failed


def read_levels(client: JdComClient, remote_ids: Sequence[str]) -> Mapping[str, int]:
    """JD.com gateway, stock of one SKU: the numbers that it shows now, those that it does not know left out."""
    known = [each for each in dict.fromkeys(remote_ids) if orders.is_number(each)]
    found = client.in_flight([partial(_level, client, each) for each in known])
    return {sku: level for sku, level in zip(known, found, strict=True) if level is not None}


def _level(client: JdComClient, sku: str) -> int | None:
    try:
        answer = client.call("jingdong.stock.read.findSkuStock", {"skuId": int(sku)})
    except Refused as why:
        if why.code == _NOT_OURS:
            return None
        raise
    rows = want(answer, "skuStocks", list)
    if not all(isinstance(row, Mapping) for row in rows):
        raise Garbled(Cause.NOT_READABLE, "skuStocks holds something else than stock")
    own = [row for row in rows if str(row.get("skuId")) == sku]
    # Without stores of their own, all pieces are in store 0, which is the one that numbers are sent to.
    store = [row for row in own if str(row.get("storeId") or 0) == "0"] or own
    return sum(_pieces(row) for row in store) if store else None


def _pieces(row: Mapping[str, Any]) -> int:
    found = row.get("stockNum")
    if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) < 12:
        return int(found)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 10**12:
        raise Garbled(Cause.NOT_READABLE, "stockNum is no number of pieces")
    return found


# --- prices -----------------------------------------------------------------------------------------------------------


def send_price(client: JdComClient, remote_id: str, price: Money) -> None:
    """JD.com gateway, price of a SKU: yuan, written out digit by digit."""
    if not orders.is_number(remote_id):
        raise _no_id(remote_id)
    if price.currency != CURRENCY:
        raise Refused(Cause.DOES_NOT_FIT, f"a price in {price.currency}, where {CURRENCY} is wanted")
    text = f'{{"skuId": {int(remote_id)}, "jdPrice": {price.amount:.2f}}}'
    answer = client.call("jingdong.price.write.updateSkuJdPrice", text)
    if not said_yes(answer.get("success")):
        raise Refused(Cause.REFUSED, "price.write.updateSkuJdPrice", said=words_of(answer, "message", "errorMessage"))


# --- orders that leave ------------------------------------------------------------------------------------------------


def carriers(client: JdComClient) -> Sequence[Carrier]:
    """JD.com gateway, carriers of the seller's own list."""
    told = want(client.call("jingdong.fce.alpha.getVenderCarrier", {}), "StandardGenericResponse", dict)
    if told.get("result") is None:
        raise Refused(Cause.REFUSED, "fce.alpha.getVenderCarrier", said=words_of(told, "resultMsg"))
    found = []
    for row in want(want(told, "result", dict), "carrierList", list):
        number = row.get("id") if isinstance(row, Mapping) else None
        if isinstance(number, bool) or not isinstance(number, int | str):
            raise Garbled(Cause.NOT_READABLE, "a carrier has no id")
        found.append(Carrier(str(number), want(row, "name", str)))
    return found


def confirm(client: JdComClient, dispatch: Dispatch) -> Confirmed:
    """Tells JD.com that an order has left.

    JD.com takes that once, so the order is read first, and again where it refuses: one that has left is confirmed.
    """
    if not orders.is_number(dispatch.order_id):
        raise _no_id(dispatch.order_id)
    before = orders.state(client, dispatch.order_id)
    if before is None:
        raise Refused(Cause.NOT_THERE, "JD.com shows no such order, or it is not paid")
    done = _left(before)
    if done is not None:
        return done
    if not dispatch.carrier:
        raise Refused(Cause.VALUE_MISSING, "the carrier is one of the seller's own list")
    try:
        _ship(client, dispatch)
    except Refused:
        done = _left(orders.state(client, dispatch.order_id))
        if done is None:
            raise
        return done
    return Confirmed(dispatch.carrier, ",".join(dispatch.tracking))


def _left(told: tuple[str, str, str] | None) -> Confirmed | None:
    return Confirmed(told[1], told[2]) if told is not None and told[0] in {LEFT, DONE} else None


def _ship(client: JdComClient, dispatch: Dispatch) -> None:
    """JD.com gateway, shipment: several waybills of one carrier by comma."""
    asked = {
        "orderId": int(dispatch.order_id),
        "logiCoprId": dispatch.carrier,
        "logiNo": ",".join(dispatch.tracking),
    }
    told = want(client.call("jingdong.pop.order.shipment", asked), "sopjosshipment_result", dict)
    if said_yes(told.get("success")):
        return
    code, said = str(told.get("errorCode") or ""), words_of(told, "chineseErrCode", "englishErrCode")
    if code in _UNKNOWN_FAILURES:
        raise Busy(Cause.BUSY, "pop.order.shipment", code=code, said=said)
    raise Refused(Cause.REFUSED, "pop.order.shipment", code=code, said=said)


def _no_id(given: str) -> RemoteError:
    return Refused(Cause.NOT_THERE, f"{given[:40]!r} is no number of JD.com's")
